"""Our float64 formulas by three routes: closed forms in 50 digits, torch, central differences."""

import itertools

import mpmath as mp
import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from initlab.catalog import LOSSES
from initlab.catalog.table import load

mp.mp.dps = 50
INF = float("inf")


def draw(*shape, seed=0, low=None, high=None):
    """N(0, 1), or uniform between two numbers, in float64."""
    generator = torch.Generator().manual_seed(seed)
    if low is None:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)
    return low + (high - low) * torch.rand(*shape, generator=generator, dtype=torch.float64)


# closed forms -------------------------------------------------------------------------------------
# In plain Python on 50-digit numbers, written from the textbook. Each returns the losses, flat, and
# their mean.


def flat(x):
    return [mp.mpf(v) for v in x.flatten().tolist()]


def rows(x):
    return [flat(row) for row in x]


def weights(p, name, like):
    """A weight for each value, stretched as torch stretches it; ones where there is none."""
    weight = p.get(name)
    return flat(torch.ones_like(like) if weight is None else weight.expand(like.shape))


def plain_mean(losses):
    return losses, mp.fsum(losses) / len(losses)


def pairs(o):
    return list(zip(flat(o["input"]), flat(o["target"]), strict=True))


def over_weights(o, p, term):
    w = weights(p, "weight", o["input"])
    losses = [weight * term(x - t) for weight, (x, t) in zip(w, pairs(o), strict=True)]
    return losses, mp.fsum(losses) / mp.fsum(w)


def mse(o, p):
    return over_weights(o, p, lambda r: r**2)


def l1(o, p):
    return over_weights(o, p, abs)


def smooth_l1(o, p):
    b = mp.mpf(p["beta"])
    return plain_mean(
        [
            (x - t) ** 2 / (2 * b) if abs(x - t) < b else abs(x - t) - b / 2
            for x, t in pairs(o)
        ]
    )  # fmt: skip


def huber(o, p):
    d = mp.mpf(p["delta"])
    w = weights(p, "weight", o["input"])
    return plain_mean(  # not divided by the weights, unlike mse and l1
        [
            v * ((x - t) ** 2 / 2 if abs(x - t) <= d else d * abs(x - t) - d**2 / 2)
            for v, (x, t) in zip(w, pairs(o), strict=True)
        ]
    )


def poisson_nll(o, p):
    losses = []
    for x, t in zip(flat(o["log_input"]), flat(o["target"]), strict=True):
        rate = mp.exp(x) if p["log_input"] else x
        losses.append(rate - t * mp.log(rate) + (mp.loggamma(t + 1) if p["full"] else 0))
    return plain_mean(losses)


def gaussian_nll(o, p):
    x, var = o["input"], o["var"]
    var = (var.unsqueeze(-1) if var.ndim < x.ndim else var).expand(x.shape)
    # minus the logarithm of the density, from mpmath; without `full` its constant is left out
    constant = 0 if p["full"] else mp.log(2 * mp.pi) / 2
    return plain_mean(
        [
            -mp.log(mp.npdf(a, b, mp.sqrt(v))) - constant
            for (a, b), v in zip(pairs(o), flat(var), strict=True)
        ]
    )


def cross_entropy(o, p):
    logits, t = rows(o["input"]), o["target"]
    log_p = [[x - mp.log(mp.fsum(map(mp.exp, row))) for x in row] for row in logits]
    return from_log_probs(log_p, t, p, mp.mpf(p["label_smoothing"]))


def from_log_probs(log_p, t, p, e):
    classes = len(log_p[0])
    w = [mp.mpf(1)] * classes if p.get("weight") is None else flat(p["weight"])
    if t.is_floating_point():
        losses = [
            -mp.fsum(
                wc * ((1 - e) * q + e / classes) * lp for wc, q, lp in zip(w, qs, lps, strict=True)
            )
            for qs, lps in zip(rows(t), log_p, strict=True)
        ]
        return plain_mean(losses)
    losses, total = [], mp.mpf(0)
    for lps, c in zip(log_p, t.tolist(), strict=True):
        if c == p["ignore_index"]:
            losses.append(mp.mpf(0))
            continue
        spread = -mp.fsum(wc * lp for wc, lp in zip(w, lps, strict=True)) / classes
        losses.append(-(1 - e) * w[c] * lps[c] + e * spread)
        total += w[c]
    return losses, mp.fsum(losses) / total


def nll(o, p):
    return from_log_probs(rows(o["input"]), o["target"], p, mp.mpf(0))


def linear_cross_entropy(o, p):
    x, w = mp.matrix(o["input"].tolist()), mp.matrix(o["linear_weight"].tolist())
    bias = flat(o["linear_bias"]) if "linear_bias" in o else [0] * w.rows
    z = x * w.T
    logits = [[z[n, c] + bias[c] for c in range(z.cols)] for n in range(z.rows)]
    log_p = [[v - mp.log(mp.fsum(map(mp.exp, row))) for v in row] for row in logits]
    return from_log_probs(log_p, o["target"], p, mp.mpf(p["label_smoothing"]))


def kl_div(o, p):
    losses = []
    for x, t in pairs(o):
        t = mp.exp(t) if p["log_target"] else t
        losses.append(t * (mp.log(t) - x) if t else mp.mpf(0))
    return plain_mean(losses)


def bce(o, p):
    w = weights(p, "weight", o["input"])
    return plain_mean(
        [
            -v * (t * mp.log(x) + (1 - t) * mp.log(1 - x))
            for v, (x, t) in zip(w, pairs(o), strict=True)
        ]
    )


def bce_with_logits(o, p):
    w, pw = (weights(p, name, o["input"]) for name in ("weight", "pos_weight"))
    losses = []
    for v, positive, (x, t) in zip(w, pw, pairs(o), strict=True):
        s = 1 / (1 + mp.exp(-x))
        losses.append(-v * (positive * t * mp.log(s) + (1 - t) * mp.log(1 - s)))
    return plain_mean(losses)


def soft_margin(o, _):
    return plain_mean([mp.log(1 + mp.exp(-t * x)) for x, t in pairs(o)])


def multilabel_soft_margin(o, p):
    cells, _ = bce_with_logits(o, p)
    c = o["input"].shape[-1]
    return plain_mean([mp.fsum(cells[i : i + c]) / c for i in range(0, len(cells), c)])


def multi_margin(o, p):
    x = o["input"].reshape(-1, o["input"].shape[-1])
    w = [1] * x.shape[1] if p.get("weight") is None else flat(p["weight"])
    losses = []
    for row, t in zip(rows(x), o["target"].reshape(-1).tolist(), strict=True):
        hinges = [max(mp.mpf(0), p["margin"] - row[t] + v) for i, v in enumerate(row) if i != t]
        losses.append(w[t] * mp.fsum(h ** p["p"] for h in hinges) / len(row))
    return plain_mean(losses)


def multilabel_margin(o, _):
    x = o["input"].reshape(-1, o["input"].shape[-1])
    losses = []
    for row, listed in zip(rows(x), o["target"].reshape(x.shape).tolist(), strict=True):
        labels = list(itertools.takewhile(lambda c: c >= 0, listed))
        others = [i for i in range(len(row)) if i not in labels]
        hinges = [max(mp.mpf(0), 1 - row[j] + row[i]) for j in labels for i in others]
        losses.append(mp.fsum(hinges) / len(row))
    return plain_mean(losses)


def margin_ranking(o, p):
    triples = zip(*(flat(o[n]) for n in ("input1", "input2", "target")), strict=True)
    return plain_mean([max(mp.mpf(0), -t * (a - b) + p["margin"]) for a, b, t in triples])


def hinge_embedding(o, p):
    return plain_mean([x if t == 1 else max(mp.mpf(0), p["margin"] - x) for x, t in pairs(o)])


def dot(a, b):
    return mp.fsum(x * y for x, y in zip(a, b, strict=True))


def cosine(a, b):
    return dot(a, b) / mp.sqrt(dot(a, a) * dot(b, b))


def cosine_embedding(o, p):
    losses = [
        1 - cosine(a, b) if t == 1 else max(mp.mpf(0), cosine(a, b) - p["margin"])
        for a, b, t in zip(rows(o["input1"]), rows(o["input2"]), flat(o["target"]), strict=True)
    ]
    return plain_mean(losses)


def triplets(o, p, distance):
    losses = []
    for a, b, c in zip(*(rows(o[n]) for n in ("anchor", "positive", "negative")), strict=True):
        far = min(distance(a, c), distance(b, c)) if p["swap"] else distance(a, c)
        losses.append(max(mp.mpf(0), distance(a, b) - far + p["margin"]))
    return plain_mean(losses)


def less(a, b):
    return [x - y for x, y in zip(a, b, strict=True)]


def triplet_margin(o, p):
    return triplets(
        o, p, lambda a, b: mp.fsum(abs(d) ** p["p"] for d in less(a, b)) ** (1 / mp.mpf(p["p"]))
    )


DISTANCES = {
    "euclidean": lambda a, b: mp.sqrt(dot(less(a, b), less(a, b))),
    "squared": lambda a, b: dot(less(a, b), less(a, b)),
    "manhattan": lambda a, b: mp.fsum(map(abs, less(a, b))),
    "cosine": lambda a, b: 1 - cosine(a, b),
}


def triplet_margin_with_distance(o, p):
    return triplets(o, p, DISTANCES[p["distance"]])


def all_alignments(log_probs, label, blank):
    """-log of the total probability of all paths that collapse to the label, one by one."""
    total = mp.mpf(0)
    for path in itertools.product(range(len(log_probs[0])), repeat=len(log_probs)):
        merged = [s for s, _ in itertools.groupby(path)]
        if [s for s in merged if s != blank] == label:
            total += mp.exp(mp.fsum(row[s] for row, s in zip(log_probs, path, strict=True)))
    return -mp.log(total) if total else mp.inf


def labels_of(o):
    """The labels of each sequence, from padded rows or all in one."""
    lengths, t = o["target_lengths"].tolist(), o["targets"].tolist()
    if o["targets"].ndim == 2:
        return [row[:length] for row, length in zip(t, lengths, strict=True)]
    ends = list(itertools.accumulate(lengths, initial=0))
    return [t[a:b] for a, b in itertools.pairwise(ends)]


def ctc(o, p):
    losses, shares = [], []
    for n, (length, label) in enumerate(
        zip(o["input_lengths"].tolist(), labels_of(o), strict=True)
    ):
        loss = all_alignments(rows(o["log_probs"][:length, n]), label, p["blank"])
        loss = mp.mpf(0) if p["zero_infinity"] and loss == mp.inf else loss
        losses.append(loss)
        shares.append(loss / max(len(label), 1))
    return losses, mp.fsum(shares) / len(losses)


# samples: of every loss, all of its options -------------------------------------------------------

WEIGHT = draw(4, 3, seed=9, low=0, high=3)
CLASS_WEIGHT = torch.tensor([0.5, 2.0, 0.0], dtype=torch.float64)
PAIR = {"input": 2 * draw(4, 3), "target": draw(4, 3, seed=1)}
IDS = torch.tensor([0, 2, 1, 1, 0])
SOFT = draw(5, 3, seed=3).softmax(1)
HARD = torch.eye(3, dtype=torch.float64)[IDS]
BITS = draw(4, 3, seed=5).gt(0).double()
SIGNS = 2 * BITS - 1
VECTORS = {n: draw(6, 4, seed=s) for s, n in enumerate(("anchor", "positive", "negative"))}
FRAMES = draw(5, 3, 3, seed=2).log_softmax(2)


def sequences(targets, targets_n, inputs=(5, 4, 3), x=FRAMES):
    return {
        "log_probs": x,
        "targets": torch.tensor(targets),
        "input_lengths": torch.tensor(inputs),
        "target_lengths": torch.tensor(targets_n),
    }


def with_input(x, t):
    return {"input": x, "target": t}


#: name -> a list of operands, and the options under which each of them is computed
SAMPLES = {
    "mse": ([PAIR], [{}, {"weight": WEIGHT}]),
    "l1": ([PAIR], [{}, {"weight": WEIGHT}]),
    "smooth_l1": ([PAIR], [{}, {"beta": 0.3}, {"beta": 2.5}]),
    "huber": ([PAIR], [{}, {"delta": 0.3}, {"delta": 2.5}, {"delta": 0.7, "weight": WEIGHT}]),
    "poisson_nll": (
        [
            {
                "log_input": draw(4, 3, low=0.1, high=3),
                "target": draw(4, 3, low=0, high=9, seed=1).floor(),
            }
        ],
        [{}, {"full": True}, {"log_input": False}, {"log_input": False, "full": True}],
    ),
    "gaussian_nll": (
        [
            {**PAIR, "var": draw(*shape, low=0.1, high=3)}
            for shape in ((4, 3), (4, 1), (4,), (1, 3))
        ],
        [{}, {"full": True}, {"eps": 1e-3}],
    ),
    "cross_entropy": (
        [with_input(3 * draw(5, 3), t) for t in (IDS, SOFT, HARD)],
        [
            {},
            {"weight": CLASS_WEIGHT},
            {"ignore_index": 1},
            {"label_smoothing": 0.2},
            {"label_smoothing": 1.0, "weight": CLASS_WEIGHT},
            {"label_smoothing": 0.1, "weight": CLASS_WEIGHT, "ignore_index": 2},
        ],
    ),
    "nll": (
        [with_input(draw(5, 3).log_softmax(1), IDS)],
        [{}, {"weight": CLASS_WEIGHT}, {"ignore_index": 1, "weight": CLASS_WEIGHT}],
    ),
    "linear_cross_entropy": (
        [
            {"input": draw(5, 4), "linear_weight": draw(3, 4, seed=1), "target": t, **bias}
            for t in (IDS, SOFT)
            for bias in ({}, {"linear_bias": draw(3, seed=2)})
        ],
        [{}, {"weight": CLASS_WEIGHT, "label_smoothing": 0.3}, {"ignore_index": 1}],
    ),
    "kl_div": (
        [with_input(draw(5, 3).log_softmax(1), SOFT), with_input(draw(5, 3).log_softmax(1), HARD)],
        [{}, {"log_target": True}],
    ),
    "bce": (
        [with_input(draw(4, 3).sigmoid(), t) for t in (BITS, draw(4, 3, low=0, high=1, seed=7))],
        [{}, {"weight": WEIGHT}, {"weight": WEIGHT[0]}],
    ),
    "bce_with_logits": (
        [with_input(3 * draw(4, 3), t) for t in (BITS, draw(4, 3, low=0, high=1, seed=7))],
        [{}, {"pos_weight": CLASS_WEIGHT}, {"weight": WEIGHT, "pos_weight": WEIGHT[1]}],
    ),
    "soft_margin": ([with_input(3 * draw(4, 3), SIGNS)], [{}]),
    "multilabel_soft_margin": (
        [with_input(3 * draw(4, 3), BITS), with_input(draw(3), BITS[0])],
        [{}, {"weight": CLASS_WEIGHT}],
    ),
    "multi_margin": (
        [with_input(draw(5, 3), IDS), with_input(draw(3), torch.tensor(2))],
        [{}, {"p": 2}, {"margin": 0.4}, {"p": 2, "margin": 1.5, "weight": CLASS_WEIGHT}],
    ),
    "multilabel_margin": (
        [
            with_input(draw(3, 4), torch.tensor([[3, 0, -1, -1], [1, -1, 2, -1], [0, 1, 2, 3]])),
            with_input(draw(4), torch.tensor([2, -1, -1, -1])),
            with_input(draw(2, 4), torch.full((2, 4), -1)),
        ],
        [{}],
    ),
    "margin_ranking": (
        [{"input1": draw(4, 3), "input2": draw(4, 3, seed=1), "target": SIGNS}],
        [{}, {"margin": 0.5}, {"margin": -0.5}],
    ),
    "hinge_embedding": (
        [with_input(draw(4, 3, low=0, high=2), SIGNS)],
        [{}, {"margin": 0.4}, {"margin": 3}],
    ),
    "cosine_embedding": (
        [{"input1": draw(4, 3), "input2": draw(4, 3, seed=1), "target": SIGNS[:, 0]}],
        [{}, {"margin": 0.3}, {"margin": -0.6}],
    ),
    "triplet_margin": (
        [VECTORS],
        [{"eps": 0.0, **p} for p in ({}, {"p": 1}, {"p": 3.5, "margin": 2}, {"swap": True})],
    ),
    "triplet_margin_with_distance": (
        [VECTORS],
        [
            {"distance": d, "swap": swap, "margin": m}
            for d in DISTANCES
            for swap, m in ((False, 1), (True, 0.3))
        ],
    ),
    "ctc": (
        [
            sequences([[1, 2], [1, 1], [2, 1]], [2, 2, 1]),
            sequences([1, 2, 1, 2, 2], [3, 0, 2]),  # in one row, one of them empty
            sequences([[2, 1, 2, 1]], [4], [5], FRAMES[:, :1]),
        ],
        [{}, {"zero_infinity": True}],
    ),
}

#: options that torch's own arithmetic departs with, and the departure's bound: Stirling's formula
#: is short by less than 1/(12 t) for t >= 2 and by log t! = 0 below; 1e-8 stands beside rates of
#: 0.1 and more, 1e-12 beside squared norms; PairwiseDistance adds 1e-6 to each of 4 differences
DEPARTS = {
    "poisson_nll": lambda p: 1 / 24 if p["full"] else 0 if p["log_input"] else 1e-6,
    "cosine_embedding": lambda _: 1e-11,
    "triplet_margin_with_distance": lambda p: 1e-5 if p["distance"] == "euclidean" else 0,
}


def calls():
    for name, (samples, settings) in SAMPLES.items():
        for (i, operands), options in itertools.product(enumerate(samples), settings):
            given = ",".join(f"{k}={v}" for k, v in options.items() if not torch.is_tensor(v))
            given += "".join(f",{k}" for k, v in options.items() if torch.is_tensor(v))
            if options.get("log_target"):
                operands = {**operands, "target": operands["target"].log()}
            yield pytest.param(name, operands, options, id=f"{name}-{i}-{given}")


every_call = pytest.mark.parametrize(("name", "operands", "options"), list(calls()))


def work(name, operands, options):
    return load(LOSSES[name].working)(operands, {**LOSSES[name].defaults, **options})


def test_samples_cover_every_loss_and_option():
    assert set(SAMPLES) == set(LOSSES)
    for name, (_, settings) in SAMPLES.items():
        given = {option for options in settings for option in options}
        missing = {p.name for p in LOSSES[name].parameters} - given
        # eps is torch's and no part of a formula; blank has tests of its own below
        assert missing <= {"eps", "blank"}, name


@every_call
def test_closed_forms_in_50_digits(name, operands, options):
    losses, mean = globals()[name](operands, {**LOSSES[name].defaults, **options})
    working = work(name, operands, options)
    assert working.losses.dtype == torch.float64
    expected = torch.tensor([float(v) for v in losses], dtype=torch.float64)
    torch.testing.assert_close(working.losses.flatten(), expected, rtol=1e-13, atol=2e-15)
    assert float(working.reduced("mean")) == pytest.approx(float(mean), rel=1e-13, abs=1e-15)
    total = float(mp.fsum(losses))
    assert float(working.reduced("sum")) == pytest.approx(total, rel=1e-13, abs=1e-14)
    assert torch.equal(working.reduced("none"), working.losses)
    if name == "kl_div":
        rows_ = len(operands["input"])  # batchmean divides by these
        assert float(working.reduced("batchmean")) == pytest.approx(total / rows_, rel=1e-13)
    for column in working.columns.values():
        assert column.shape == working.losses.shape
    with pytest.raises(ValueError, match="unknown reduction"):
        working.reduced("median")


def torch_value(name, operands, options, reduction):
    """The function of torch, called by hand."""
    loss, options = LOSSES[name], {**LOSSES[name].defaults, **options}
    if name == "linear_cross_entropy" and operands["target"].is_floating_point():
        del options["ignore_index"]  # torch has none there
    if name == "triplet_margin_with_distance":
        options["distance_function"] = {
            "euclidean": None,
            "squared": lambda a, b: ((a - b) ** 2).sum(-1),
            "manhattan": lambda a, b: (a - b).abs().sum(-1),
            "cosine": lambda a, b: 1 - F.cosine_similarity(a, b),
        }[options.pop("distance")]
    given = [operands[o.name] for o in loss.operands if not o.optional]
    optional = {n: x for n, x in operands.items() if n == "linear_bias"}
    return getattr(F, loss.function_name)(*given, **optional, **options, reduction=reduction)


def of_torch(name, operands, options):
    """Whether torch has a number for it."""
    if "cross_entropy" in name and operands["target"].is_floating_point():
        return (
            "ignore_index" not in options
        )  # there are no class ids to ignore: an error of torch's
    # 0 log 0 of two logarithms is nan in torch
    return not (options.get("log_target") and torch.isinf(operands["target"]).any())


torch_calls = pytest.mark.parametrize(
    ("name", "operands", "options"), [call for call in calls() if of_torch(*call.values)]
)


@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides the total loss")
@torch_calls
def test_torch_in_float64(name, operands, options):
    departs = DEPARTS.get(name, lambda _: 0)({**LOSSES[name].defaults, **options})
    working = work(name, operands, options)
    for reduction in LOSSES[name].reductions:
        expected = torch_value(name, operands, options, reduction)
        atol = max(departs * (len(working.losses.flatten()) if reduction == "sum" else 1), 1e-14)
        torch.testing.assert_close(
            working.reduced(reduction), expected, rtol=1e-12, atol=atol, msg=reduction
        )


# more dimensions than a table has ----------------------------------------------------------------

IMAGE = draw(2, 3, 4, 2)
IMAGE_IDS = torch.arange(16).reshape(2, 4, 2) % 3


@pytest.mark.parametrize(
    ("name", "operands", "options"),
    [
        ("cross_entropy", with_input(IMAGE, IMAGE_IDS), {"weight": CLASS_WEIGHT}),
        (
            "cross_entropy",
            with_input(IMAGE, IMAGE_IDS),
            {"label_smoothing": 0.3, "ignore_index": 2},
        ),
        ("cross_entropy", with_input(IMAGE, (3 * IMAGE.flip(3)).softmax(1)), {}),
        (
            "cross_entropy",
            with_input(IMAGE, IMAGE.flip(3).softmax(1)),
            {"label_smoothing": 0.3, "weight": CLASS_WEIGHT},
        ),
        ("cross_entropy", with_input(draw(3), torch.tensor(2)), {"weight": CLASS_WEIGHT + 1}),
        (
            "cross_entropy",
            with_input(draw(3), draw(3, seed=1).softmax(0)),
            {"label_smoothing": 0.1},
        ),
        ("nll", with_input(IMAGE.log_softmax(1), IMAGE_IDS), {"weight": CLASS_WEIGHT}),
        ("nll", with_input(draw(3).log_softmax(0), torch.tensor(0)), {}),
        (
            "linear_cross_entropy",
            {
                "input": draw(2, 5),
                "linear_weight": draw(3, 4, 2, 5, seed=1),
                "target": IMAGE_IDS,
                "linear_bias": draw(3, 4, 2, seed=2),
            },
            {"weight": CLASS_WEIGHT, "label_smoothing": 0.2},
        ),
        (
            "linear_cross_entropy",
            {"input": draw(5), "linear_weight": draw(3, 5, seed=1), "target": torch.tensor(1)},
            {},
        ),
        ("multilabel_soft_margin", with_input(IMAGE, IMAGE.flip(1).gt(0).double()), {}),
        ("kl_div", with_input(IMAGE.log_softmax(1), IMAGE.flip(3).softmax(1)), {}),
        (
            "triplet_margin",
            {n: draw(2, 3, 4, seed=s) for s, n in enumerate(VECTORS)},
            {"eps": 0.0, "swap": True},
        ),
        ("triplet_margin", {n: draw(4, seed=s) for s, n in enumerate(VECTORS)}, {"eps": 0.0}),
        ("gaussian_nll", {"input": IMAGE, "target": IMAGE.flip(0), "var": IMAGE.exp()[..., 0]}, {}),
        (
            "cosine_embedding",
            {"input1": draw(3), "input2": draw(3, seed=1), "target": torch.tensor(-1.0)},
            {"margin": -0.9},
        ),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides the total loss")
def test_other_shapes_against_torch(name, operands, options):
    working = work(name, operands, options)
    for reduction in LOSSES[name].reductions:
        expected = torch_value(name, operands, options, reduction).double()
        torch.testing.assert_close(working.reduced(reduction), expected, rtol=1e-12, atol=1e-14)


# ctc ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("blank", [0, 2])
@pytest.mark.parametrize(
    ("frames", "label"),
    # both orders, repeats, a single one, none; and labels that fit only just, or not at all
    [
        (4, [0, 1]), (4, [0, 0]), (4, [1]), (4, []), (6, [0, 1, 0]), (5, [1, 1, 1]), (3, [0, 0]),
        (1, [1]), (2, [0, 0]), (1, [0, 1]), (4, [1, 1, 1]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("classes", [3, 4])
def test_ctc_against_all_alignments(frames, label, classes, blank):
    others = [c for c in range(classes) if c != blank]
    label = [others[i] for i in label]
    x = draw(frames, 1, classes, seed=frames).log_softmax(2)
    operands = sequences([label or [others[0]]], [len(label)], [frames], x)
    for zero_infinity in (False, True):
        options = {"blank": blank, "zero_infinity": zero_infinity}
        proof = all_alignments(rows(x[:, 0]), label, blank)
        if zero_infinity and proof == mp.inf:
            proof = mp.mpf(0)
        working = work("ctc", operands, options)
        assert float(working.losses) == pytest.approx(float(proof), rel=1e-14)
        mean = float(proof) / max(len(label), 1)
        assert float(working.reduced("mean")) == pytest.approx(mean, rel=1e-14)
        torch.testing.assert_close(working.losses, torch_value("ctc", operands, options, "none"))
        # without a batch
        single = {k: v[0] for k, v in operands.items()} | {"log_probs": x[:, 0]}
        assert torch.equal(work("ctc", single, options).losses, working.losses[0])


# gradients ----------------------------------------------------------------------------------------


def slopes(name, operands, options):
    """Autograd through our formula, by every floating operand but targets."""
    leaves = {
        n: x.clone().requires_grad_(x.is_floating_point() and not n.startswith("target"))
        for n, x in operands.items()
    }
    value = work(name, leaves, options).reduced("mean")
    wanted = {n: x for n, x in leaves.items() if x.requires_grad}
    if not value.requires_grad:  # no label is listed at all: a constant 0
        return {n: torch.zeros_like(x) for n, x in wanted.items()}
    return dict(zip(wanted, torch.autograd.grad(value, list(wanted.values())), strict=True))


@every_call
def test_gradients_by_central_differences(name, operands, options):
    step = 1e-6  # errors of step^2 and of 1e-16 / step, in losses of about 1
    for operand, slope in slopes(name, operands, options).items():
        for at in itertools.product(*map(range, slope.shape)):
            ends = []
            for sign in (1, -1):
                moved = operands[operand].clone()
                moved[at] += sign * step
                ends.append(work(name, {**operands, operand: moved}, options).reduced("mean"))
            by_differences = float(ends[0] - ends[1]) / (2 * step)
            assert float(slope[at]) == pytest.approx(by_differences, rel=1e-7, abs=2e-9), operand


@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides the total loss")
@torch_calls
def test_gradients_of_torch(name, operands, options):
    found = slopes(name, operands, options)
    if name == "ctc":
        # torch's is the gradient by the scores before log_softmax, which leaves log-probabilities
        x = operands["log_probs"].clone().requires_grad_()
        work(name, {**operands, "log_probs": x.log_softmax(-1)}, options).reduced("mean").backward()
        found = {"log_probs": x.grad}
    leaves = {n: x.clone().requires_grad_(n in found) for n, x in operands.items()}
    torch_value(name, leaves, options, "mean").backward()
    departs = DEPARTS.get(name, lambda _: 0)({**LOSSES[name].defaults, **options})
    for operand, slope in found.items():
        # Stirling's formula has no slope in x; 1e-8 / rate^2 and 1e-6 / distance have a little
        atol = 1e-5 if departs > 1e-6 and options.get("log_input") is False else departs
        atol = 0 if name == "poisson_nll" and options.get("log_input", True) else atol
        torch.testing.assert_close(
            slope, leaves[operand].grad, rtol=1e-11, atol=max(atol, 1e-14), msg=operand
        )
