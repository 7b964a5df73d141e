"""Verdicts claim a cause only where it is there."""

import math

import pytest
import torch
from explained import blocks, computed, pair

from initlab.losslab.explain.view import explain

pytestmark = [
    pytest.mark.filterwarnings("ignore:reduction. 'mean' divides the total loss"),
    pytest.mark.filterwarnings("ignore:nn.KLDivLoss"),
]


def verdicts(name, taken, chosen=None, **settings):
    text = explain(computed(name, taken, chosen, **settings))
    return " ".join(line.strip() for line in blocks(text).get("VERDICTS", []))


def logs(*p):
    return torch.tensor([p]).double().log()


@pytest.mark.parametrize(
    ("x", "t", "said"),
    [
        # sums by hand: .9995 of the target; .8 of e^x has a positive divergence of ln 1.25
        (logs(0.2, 0.5, 0.3), [[0.2, 0.5, 0.2995]], "the target sums to 0.9995, not to 1"),
        (logs(0.25, 0.5, 0.26), [[0.25, 0.5, 0.25]], "e^input sums to 1.01, not to 1"),
        (
            logs(0.25, 0.5, 0.26),
            [[0.25, 0.5, 0.2495]],
            "the target sums to 0.9995 and e^input sums to 1.01, not to 1",
        ),
        (logs(0.2, 0.5, 0.1), [[0.25, 0.5, 0.25]], ""),
        (logs(0.2, 0.5, 0.3), [[0.2, 0.5, 0.3]], ""),
    ],
)
def test_a_negative_divergence_names_the_side_that_is_off(x, t, said):
    words = verdicts("kl_div", pair(x, t), allow=frozenset({"not-log-prob", "not-normalised"}))
    assert said in words
    assert ("not to 1" in words) == bool(said)


@pytest.mark.parametrize(
    ("name", "taken", "cause", "instead"),
    [
        # -ln .25 and -ln 1 average to ln 2, but nothing here is even
        ("cross_entropy", pair(logs(0.25, 0.75).repeat(2, 1) * torch.tensor([[1], [0.0]])
                               + torch.tensor([[0.0, 0], [50, 0]]), [0, 0]),
         "knows nothing", "as costly as guessing evenly"),
        ("bce", pair([0.25, 1.0], [1, 1]), "knows nothing", "as costly as answering 1/2"),
        # ln 3 > ln 2, of a class that is the likeliest: nothing is confidently wrong
        ("cross_entropy", pair([[0.4, 0.4, 0.2]], [2]), "confidently", "worse than guessing"),
        # -log p of 0 and a slope of -1 on both sides: no kink
        ("nll", pair([[0.0, -math.inf]], [0]), "kink", ""),
        ("kl_div", pair([[0.0, -math.inf]], [[1.0, 0]]), "kink", ""),
        # a pair on the kink has a gradient
        ("margin_ranking", {"input1": [1.0], "input2": [1.0], "target": [1]},
         "no gradient", "0 of 1 pairs are active"),
        ("cosine_embedding", {"input1": [[0.0, 0]], "input2": [[1.0, 0]], "target": [1]},
         "orthogonal", "a vector of length 0"),
    ],
)  # fmt: skip
def test_a_verdict_claims_no_cause_that_is_not_there(name, taken, cause, instead):
    allow = frozenset({"non-finite", "not-log-prob"})
    words = verdicts(name, taken, allow=allow)
    assert cause not in words
    assert instead in words


def test_frequencies_are_learnt_only_where_the_predictions_are_the_frequencies():
    t = torch.tensor([0] * 15 + [1] * 5)
    prior = torch.tensor([15.0, 5]).log().expand(20, 2)
    learnt = "only the class frequencies are learnt"
    assert learnt in verdicts("cross_entropy", pair(prior, t))
    # the smoothed frequencies .725 and .275 are best where targets are smoothed by .1
    smoothed = torch.tensor([0.725, 0.275]).log().expand(20, 2)
    words = verdicts("cross_entropy", pair(smoothed, t), {"label_smoothing": 0.1})
    assert learnt in words
    assert "= 0.000 over" in words


def test_the_floor_is_reached_only_at_the_floor():
    q = torch.tensor([0.95, 0.05])  # of smoothing .1; a loss 1 % above it can go lower
    assert "it cannot go lower" in verdicts(
        "cross_entropy", pair(q.log()[None], [0]), {"label_smoothing": 0.1}
    )
    near = torch.tensor([0.93, 0.07])
    words = verdicts("cross_entropy", pair(near.log()[None], [0]), {"label_smoothing": 0.1})
    assert "against the floor" in words
    assert "it cannot go lower" not in words
