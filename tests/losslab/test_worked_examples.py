"""Worked examples of a course chapter on losses, to the four decimals that it prints."""

import pytest
import torch

from initlab.errors import LossError
from initlab.losslab.evaluate import evaluate
from initlab.losslab.settings import Settings

PRINTED = 5.1e-5  # half of the last digit that is printed

X = [[1, 2], [2, 2], [3, 4], [4, 5]]
BITS = [[1, 0], [1, 0], [0, 1], [0, 1]]
BINARY = [[0.3133, 2.1269], [0.1269, 2.1269], [3.0486, 0.0181], [4.0181, 0.0067]]
SIGMOID = torch.tensor(X, dtype=torch.float32).sigmoid()
LOGITS, ROWS = [[1, 2], [1, 3], [1, 3]], [0, 1, 1]
ONES, THREES = [[1, 1], [1, 1]], [[3, 3], [3, 3]]
Q = [[0.5, 0.3, 0.2], [0.2, 0.3, 0.5]]
P = [[0.9, 0.05, 0.05], [0.1, 0.7, 0.2]]
TRUE_KL = [[0.5290, -0.0896, -0.0693], [-0.0693, 0.5931, -0.1833]]
COSINE = ([[0.3, 0.5, 0.7]] * 2, [[0.1, 0.3, 0.5]] * 2, [1, -1])


def pair(x, t):
    return {"input": x, "target": t}


def all_of(none, total, mean, batchmean=None):
    values = {"none": none, "sum": total, "mean": mean}
    return values if batchmean is None else {**values, "batchmean": batchmean}


#: id -> loss, operands, options, what the input holds, and the numbers as the course prints them
EXAMPLES = {
    "ce": (
        "cross_entropy", pair(LOGITS, ROWS), {}, "",
        all_of([1.3133, 0.1269, 0.1269], 1.5671, 0.5224),
    ),
    "ce-weighted": (  # the mean is divided by 1 + 2 + 2
        "cross_entropy", pair(LOGITS, ROWS), {"weight": [1, 2]}, "",
        all_of([1.3133, 0.2539, 0.2539], 1.8210, 0.3642),
    ),
    "bce-of-sigmoid": (
        "bce", pair(SIGMOID, BITS), {"weight": [1, 1]}, "", all_of(BINARY, 11.7856, 1.4732),
    ),
    "bce-from-logits": (
        "bce", pair(X, BITS), {"weight": [1, 1]}, "logits", all_of(BINARY, 11.7856, 1.4732),
    ),
    "bcel": (
        "bce_with_logits", pair(X, BITS), {"weight": [1, 1]}, "",
        all_of(BINARY, 11.7856, 1.4732),
    ),
    "bcel-from-probs": (
        "bce_with_logits", pair(SIGMOID, BITS), {"weight": [1, 1]}, "probs",
        all_of(BINARY, 11.7856, 1.4732),
    ),
    "bcel-pos-weight": (
        "bce_with_logits", pair(X, BITS), {"weight": [1], "pos_weight": [3]}, "",
        all_of(
            [[0.9398, 2.1269], [0.3808, 2.1269], [3.0486, 0.0544], [4.0181, 0.0201]],
            12.7158, 1.5895,
        ),
    ),
    "l1": ("l1", pair(ONES, THREES), {}, "", all_of([[2, 2], [2, 2]], 8, 2)),
    "mse": ("mse", pair(ONES, THREES), {}, "", all_of([[4, 4], [4, 4]], 16, 4)),
    "smooth-l1": (
        "smooth_l1", pair(ONES, THREES), {}, "", all_of([[1.5, 1.5], [1.5, 1.5]], 6, 1.5),
    ),
    "kl-of-log": (
        "kl_div", pair(torch.tensor(Q).log(), P), {}, "", all_of(TRUE_KL, 0.7106, 0.1184, 0.3553),
    ),
    "kl-from-probs": ("kl_div", pair(Q, P), {}, "probs", all_of(TRUE_KL, 0.7106, 0.1184, 0.3553)),
    "margin-ranking": (
        "margin_ranking",
        {"input1": [1, 2, 3], "input2": [2, 2, 2], "target": [1, 1, -1]}, {"margin": 0}, "",
        all_of([1, 0, 1], 2, 0.6667),
    ),
    "multilabel-margin": (
        "multilabel_margin", pair([[0.1, 0.2, 0.4, 0.8]], [[0, 3, -1, -1]]), {}, "",
        all_of([0.85], 0.85, 0.85),
    ),
    "soft-margin": (
        "soft_margin", pair([[0.3, 0.7], [0.5, 0.5]], [[-1, 1], [1, -1]]), {}, "",
        all_of([[0.8544, 0.4032], [0.4741, 0.9741]], 2.7057, 0.6764),
    ),
    "multilabel-soft-margin": (
        "multilabel_soft_margin", pair([[0.3, 0.7, 0.8]], [[0, 1, 1]]), {}, "",
        all_of([0.5429], 0.5429, 0.5429),
    ),
    "multi-margin": (
        "multi_margin", pair([[0.1, 0.2, 0.7], [0.2, 0.5, 0.3]], [1, 2]), {}, "",
        all_of([0.8, 0.7], 1.5, 0.75),
    ),
    "multi-margin-10": (  # the plain hinge is 8; torch divides by the 3 classes
        "multi_margin", pair([[13, -7, 11]], [0]), {"margin": 10}, "",
        all_of([2.6667], 2.6667, 2.6667),
    ),
    "triplet": (
        "triplet_margin", {"anchor": [[1]], "positive": [[2]], "negative": [[0.5]]},
        {"margin": 1, "p": 1}, "", all_of([1.5], 1.5, 1.5),
    ),
    "hinge-embedding": (
        "hinge_embedding", pair([[1, 0.8, 0.5]], [[1, 1, -1]]), {"margin": 1}, "",
        all_of([[1, 0.8, 0.5]], 2.3, 0.7667),
    ),
    "cosine-embedding": (
        "cosine_embedding", dict(zip(("input1", "input2", "target"), COSINE, strict=True)),
        {"margin": 0}, "", all_of([0.0167, 0.9833], 1, 0.5),
    ),
}  # fmt: skip

#: the course's mistakes, which torch computes without a word; and the rule that asks
MISTAKES = {
    "nll-of-raw-scores": (
        "nll", pair(LOGITS, ROWS), {"weight": [1, 1]}, "not-log-prob",
        all_of([-1, -3, -3], -7, -2.3333),
    ),
    "poisson-of-no-counts": (
        "poisson_nll",
        {
            "log_input": [[0.6614, 0.2669], [0.0617, 0.6213]],
            "target": [[-0.4519, -0.1661], [-1.5228, 0.3817]],
        },
        {"log_input": True}, "count-target",
        all_of([[2.2363, 1.3503], [1.1575, 1.6242]], 6.3683, 1.5921),
    ),
    "kl-of-raw-probabilities": (  # negative, so it is no divergence
        "kl_div", pair(Q, P), {}, "not-log-prob",
        all_of(
            [[-0.5448, -0.1648, -0.1598], [-0.2503, -0.4597, -0.4219]], -2.0012, -0.3335, -1.0006
        ),
    ),
}  # fmt: skip


def assert_printed(evaluation, printed, within=PRINTED):
    """Torch's values and ours."""
    assert list(evaluation.values) == list(printed)
    for reduction, expected in printed.items():
        for value in (evaluation.values[reduction], evaluation.exact[reduction]):
            torch.testing.assert_close(
                value.double(), torch.tensor(expected).double(), rtol=0, atol=within, msg=reduction
            )


@pytest.mark.parametrize("example", list(EXAMPLES))
def test_worked_examples(example):
    loss, operands, options, given, printed = EXAMPLES[example]
    evaluation = evaluate(loss, operands, options, Settings(reduction="all", given=given))
    assert_printed(evaluation, printed)
    assert not [f for f in evaluation.findings if f.level != "info"]  # nothing to warn of


@pytest.mark.parametrize("example", list(MISTAKES))
def test_mistakes_are_refused_until_they_are_allowed(example):
    loss, operands, options, rule, printed = MISTAKES[example]
    with pytest.raises(LossError) as refused:
        evaluate(loss, operands, options, Settings(reduction="all"))
    assert {f.rule for f in refused.value.findings if f.level == "error"} == {rule}
    # what torch would have returned is in the message
    mean = f"returns {printed['mean']:.4g}"
    assert mean in str(refused.value)
    allowed = Settings(reduction="all", allow=frozenset({rule}))
    evaluation = evaluate(loss, operands, options, allowed)
    # the inputs of poisson are rounded, too: by 5e-5, times a slope of up to 3.5
    assert_printed(evaluation, printed, 2.5e-4 if loss == "poisson_nll" else PRINTED)
    assert rule in {f.rule for f in evaluation.findings if f.level == "warning"}


def test_ranking_of_columns_against_a_row_is_refused():
    # an early torch made a 3 x 3 matrix of this
    columns = {"input1": [[1], [2], [3]], "input2": [[2], [2], [2]], "target": [1, 1, -1]}
    with pytest.raises(LossError, match="shape-broadcast"):
        evaluate("margin_ranking", columns, {}, Settings(allow=frozenset({"target-sign"})))


def test_ctc():
    # all of it drawn from one seed, in this order
    torch.manual_seed(1)
    log_probs = torch.randn(50, 16, 20).log_softmax(2)
    targets = torch.randint(1, 20, (16, 30))
    operands = {
        "log_probs": log_probs,
        "targets": targets,
        "input_lengths": torch.full((16,), 50),
        "target_lengths": torch.randint(10, 30, (16,)),
    }
    evaluation = evaluate("ctc", operands, {}, Settings(reduction="all"))
    assert float(evaluation.exact["sum"]) == pytest.approx(1823.6897, abs=3e-4)
    assert float(evaluation.values["sum"]) == pytest.approx(1823.6897, abs=3e-4)  # of float32
    assert float(evaluation.exact["mean"]) == pytest.approx(7.5385, abs=PRINTED)
    assert float(evaluation.values["mean"]) == pytest.approx(7.5385, abs=PRINTED)
