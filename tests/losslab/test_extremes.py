"""Numbers at the edge of a dtype: what torch makes of them, what is true, what is said of it."""

import math

import mpmath as mp
import pytest
import torch

from initlab.losslab.evaluate import evaluate
from initlab.losslab.settings import Settings

mp.mp.dps = 50
INF, NAN = math.inf, math.nan
DTYPES = ("float32", "float64")
ROUNDED = {"float32": 2e-7, "float64": 1e-14}  # of operands, as the exact value feels it

ROUNDING, OVERFLOW = "rounding in float", "overflow in float"
CLAMP, STIRLING, EPS = "held at -100", "Stirling", "raised to eps"
E_TO_X, NORMS = "e^(-t x) is taken as it stands", "1e-12 is added"


def softplus(x):
    return mp.log1p(mp.exp(x))


def pair(x, t):
    return {"input": [x], "target": [t]}


def poisson(y):
    return {"log_input": [y], "target": [y]}, {"full": True, "log_input": False}


def exact_poisson(y):
    return y - y * mp.log(y) + mp.loggamma(y + 1)


def parallel(scale, times=2):
    return {
        "input1": [[scale, 2 * scale]],
        "input2": [[times * scale, times * 2 * scale]],
        "target": [1],
    }


#: loss, operands, options; the exact value; torch's in float32 and float64, measured with torch
#: 2.13; and the cause of a gap in each, None where there is no gap
ROWS = [
    # log_softmax has no log1p: a small loss is rounded to 0, and with it the gradient's size
    ("cross_entropy", pair([1e4, 0], 0), {}, mp.exp(-10000), (0, 0), (None, None)),
    ("cross_entropy", pair([-1e4, 0], 0), {}, 10000, (10000, 10000), (None, None)),
    ("cross_entropy", pair([88, 0], 0), {}, softplus(-88), (0, 0), (ROUNDING, ROUNDING)),
    ("cross_entropy", pair([17, 0], 0), {}, softplus(-17), (0, 4.1399e-8), (ROUNDING, None)),
    ("cross_entropy", pair([1e-8, 0], 0), {}, softplus(-mp.mpf("1e-8")), (0.693147182,) * 2, ()),
    ("cross_entropy", pair([0, 1e-8], 0), {}, softplus(mp.mpf("1e-8")), (0.693147182,) * 2, ()),
    ("bce_with_logits", pair(88, 1), {}, softplus(-88), (6.0546e-39,) * 2, ()),
    ("bce_with_logits", pair(17, 1), {}, softplus(-17), (4.1399e-8,) * 2, ()),
    ("bce_with_logits", pair(1e-8, 1), {}, softplus(-mp.mpf("1e-8")), (0.693147182,) * 2, ()),
    ("bce", pair(0.0, 1), {}, INF, (100, 100), (CLAMP, CLAMP)),
    ("bce", pair(1.0, 0), {}, INF, (100, 100), (CLAMP, CLAMP)),
    ("soft_margin", pair(-88, 1), {}, 88, (88, 88), ()),
    ("soft_margin", pair(-89, 1), {}, 89, (INF, 89), (OVERFLOW, None)),
    ("soft_margin", pair(-1e4, 1), {}, 10000, (INF, INF), (E_TO_X, E_TO_X)),
    ("soft_margin", pair(1e-8, 1), {}, softplus(-mp.mpf("1e-8")), (0.693147182,) * 2, ()),
    ("multilabel_soft_margin", pair([-1e4], [1]), {}, 10000, (10000, 10000), ()),
    ("poisson_nll", {"log_input": [88], "target": [2]}, {}, mp.exp(88) - 176, (1.6516e38,) * 2, ()),
    ("poisson_nll", {"log_input": [89], "target": [2]}, {}, mp.exp(89) - 178,
     (INF, 4.4896e38), (OVERFLOW, None)),
    ("poisson_nll", *poisson(2), exact_poisson(2), (1.265512, 1.265512), (STIRLING, STIRLING)),
    ("poisson_nll", *poisson(3), exact_poisson(3), (1.468245, 1.468245), (STIRLING, STIRLING)),
    ("poisson_nll", *poisson(10), exact_poisson(10), (2.070231, 2.070231), (STIRLING, STIRLING)),
    # of a million the formula is good; it is float32 that cancels
    ("poisson_nll", *poisson(10**6), exact_poisson(10**6), (8, 7.826694), (ROUNDING, None)),
    ("gaussian_nll", {**pair(0.01, 0), "var": [1e-7]}, {},
     (mp.log(mp.mpf("1e-7")) + 1000) / 2, (43.0921, 43.0921), (EPS, EPS)),
    ("mse", pair(1e20, 0), {}, mp.mpf(10) ** 40, (INF, 1e40), (OVERFLOW, None)),
    ("mse", pair(1e-30, 0), {}, mp.mpf(10) ** -60, (0, 1e-60), (ROUNDING, None)),
    ("cosine_embedding", parallel(1), {}, 0, (0, 0), ()),
    ("cosine_embedding", parallel(1.0, 3), {}, 0, (0, 0), ()),  # 3 x is no power of two
    ("cosine_embedding", parallel(1e-3), {}, 0, (1.2e-7, 1.2e-7), ()),
    ("cosine_embedding", parallel(1e-6), {}, 0, (0.1091, 0.1091), (NORMS, NORMS)),
    ("cosine_embedding", parallel(1e-8), {}, 0, (0.9990, 0.9990), (NORMS, NORMS)),
    ("cosine_embedding", parallel(1e20), {}, 0, (NAN, 0), ("", None)),
    # eps = 1e-6 in d(a, p): 4e-6 of the loss, which is not worth a word
    ("triplet_margin", {"anchor": [[0]], "positive": [[0]], "negative": [[1]]}, {"margin": 1.5},
     mp.mpf("0.5"), (0.500002, 0.500002), ()),
]  # fmt: skip


def extremes(test):
    names = [f"{row[0]}-{str(operands_of(row)[0]).replace(' ', '')}" for row in ROWS]
    by_dtype = pytest.mark.parametrize("dtype", DTYPES)
    return by_dtype(pytest.mark.parametrize("row", ROWS, ids=names)(test))


def computed(row, dtype, **settings):
    loss, operands, options = row[:3]
    return evaluate(loss, operands, options, Settings(dtype=dtype, **settings))


def operands_of(row):
    return next(iter(row[1].values()))


def gaps(evaluation):
    """What is said about torch's value against ours."""
    return [f for f in evaluation.findings if f.operand == "value"]


@extremes
def test_both_numbers(row, dtype):
    exact, values = row[3:5]
    evaluation = computed(row, dtype)
    # measured to six digits or fewer, and what float32 makes of 1 - 1
    value = pytest.approx(values[DTYPES.index(dtype)], rel=1e-3, abs=1e-6 if not exact else 0)
    if values[DTYPES.index(dtype)] in (0, 1.2e-7) and not exact:
        value = pytest.approx(0, abs=3e-7)
    got = float(evaluation.values["mean"])
    assert got == value or (math.isnan(got) and math.isnan(values[DTYPES.index(dtype)]))
    # a million less a million times its logarithm keeps 10 digits of 16
    rounded = 1e-9 if operands_of(row) == [10**6] else ROUNDED[dtype]
    expected = pytest.approx(float(exact), rel=rounded, abs=1e-15 if not exact else 0)
    assert float(evaluation.exact["mean"]) == expected


@extremes
def test_a_gap_is_reported_with_its_cause_or_not_there(row, dtype):
    exact, _, causes = row[3:]
    cause = causes[DTYPES.index(dtype)] if causes else None
    evaluation = computed(row, dtype)
    value, exact = float(evaluation.values["mean"]), float(exact)
    # the promise: more than 1e-5 of the exact value; of 0, what float32 makes of 1 - 1 is let pass
    within = (1e-5 * abs(exact) or 1e-6) if math.isfinite(exact) else 0
    apart = not (value == exact or abs(value - exact) <= within)
    assert apart == (cause is not None)
    found = gaps(evaluation)
    assert len(found) == apart, [str(f) for f in found]
    if apart:
        (finding,) = found
        assert cause in finding.message
        finite = math.isfinite(value)
        rules = {"precision"} if finite else {"non-finite" if math.isnan(value) else "overflow"}
        assert {finding.rule} == rules
        # known of the formula: no fault of the user's. An overflow always is worth a look
        known = cause in (CLAMP, STIRLING, EPS, NORMS) and finite
        assert finding.level == ("info" if known else "warning")


@extremes
def test_the_fix_mends_it(row, dtype):
    for finding in gaps(computed(row, dtype)):
        if finding.fix == "--dtype float64":
            assert not gaps(computed(row, "float64"))
        else:
            assert not finding.fix


@pytest.mark.parametrize(("x", "t"), [(-88, 1), (-89, 1), (-1e4, 1), (17, 0), (88, 0)])
@pytest.mark.parametrize("dtype", DTYPES)
def test_bce_of_a_sigmoid(x, t, dtype):
    # a sigmoid that rounds to 0 or 1 has lost the loss: 100 by torch, where the truth is softplus
    number = torch.tensor([x], dtype=getattr(torch, dtype))
    p = float(number.sigmoid())
    lost = p in (0, 1)
    assert lost == {  # measured
        "float32": x != -88, "float64": x in (-1e4, 88),
    }[dtype]  # fmt: skip
    evaluation = evaluate("bce", pair(x, t), {}, Settings(dtype=dtype, given="logits", grad=True))
    truth = float(softplus(-x if t else x))
    assert float(evaluation.values["mean"]) == pytest.approx(100 if lost else truth, rel=1e-6)
    assert float(evaluation.exact["mean"]) == (INF if lost else pytest.approx(truth, rel=1e-6))
    rules = [f.rule for f in evaluation.findings]
    assert ("saturated" in rules) == lost
    # from logits there is nothing to lose, whatever the size
    direct = evaluate("bce_with_logits", pair(x, t), {}, Settings(dtype=dtype))
    assert float(direct.values["mean"]) == pytest.approx(truth, rel=1e-6)
    assert not gaps(direct)


def test_the_gradient_of_a_clamped_bce():
    # dL/dp = (p - t) / max(p (1 - p), 1e-12)
    evaluation = evaluate("bce", pair(0.0, 1), {}, Settings(grad=True))
    assert float(evaluation.gradients["input"]) == pytest.approx(-1e12, rel=1e-6)


@pytest.mark.parametrize(
    ("loss", "operands", "operand"),
    [
        ("soft_margin", pair(-89, 1), "input"),  # inf / inf
        ("poisson_nll", {"log_input": [89], "target": [2]}, "log_input"),  # e^89
        ("cosine_embedding", parallel(1e20), "input1"),
    ],
)
def test_gradients_that_are_not_finite_are_reported(loss, operands, operand):
    evaluation = evaluate(loss, operands, {}, Settings(grad=True))
    assert not evaluation.gradients[operand].isfinite().all()
    assert [f for f in evaluation.findings if f.operand == f"gradient of {operand}"]
    # and in float64 there is none
    wider = evaluate(loss, operands, {}, Settings(grad=True, dtype="float64"))
    assert not [f for f in wider.findings if f.operand.startswith("gradient")]


def test_half_precision():
    # 600^2 is beyond the largest float16, 65504
    evaluation = evaluate("mse", pair(600, 0), {}, Settings(dtype="float16"))
    assert float(evaluation.values["mean"]) == INF
    assert float(evaluation.exact["mean"]) == 360000
    assert [(f.rule, f.level) for f in gaps(evaluation)] == [("overflow", "warning")]
    # a gap of the rounding that bfloat16 promises is no fault: 8 bits, so 2^-8 of each value
    evaluation = evaluate("mse", pair(1.1, 0.3), {}, Settings(dtype="bfloat16"))
    assert [(f.rule, f.level) for f in gaps(evaluation)] == [("precision", "info")]


def test_zero_times_infinity():
    # P = Q = [1, 0], both as logarithms: the divergence is 0, torch's e^-inf * -inf is nan
    x = torch.tensor([[0.0, -INF]])
    operands = {"input": x, "target": x}
    evaluation = evaluate("kl_div", operands, {"log_target": True}, Settings(reduction="sum"))
    assert math.isnan(evaluation.values["sum"])
    assert float(evaluation.exact["sum"]) == 0
    assert [(f.rule, f.level) for f in gaps(evaluation)] == [("non-finite", "warning")]
    # of probabilities as target torch takes 0 log 0 = 0, but 0 * inf is nan still
    operands = {"input": x, "target": [[1, 0]]}
    evaluation = evaluate("kl_div", operands, {}, Settings(reduction="sum"))
    assert float(evaluation.exact["sum"]) == 0


@pytest.mark.parametrize(
    ("label", "proof"),
    # all 81 paths of 4 frames over 3 classes, one by one
    [([1, 2], 1.29956263), ([1, 1], 3.06413031), ([2], 1.69606026)],
)
@pytest.mark.parametrize("dtype", DTYPES)
def test_ctc_by_brute_force(label, proof, dtype):
    torch.manual_seed(0)
    operands = {
        "log_probs": torch.randn(4, 1, 3, dtype=torch.float64).log_softmax(2),
        "targets": [label],
        "input_lengths": [4],
        "target_lengths": [len(label)],
    }
    evaluation = evaluate("ctc", operands, {}, Settings(reduction="sum", dtype=dtype))
    within = {"float32": 1e-6, "float64": 5e-9}[dtype]  # eight decimals
    assert float(evaluation.values["sum"]) == pytest.approx(proof, abs=within)
    assert float(evaluation.exact["sum"]) == pytest.approx(proof, abs=within)
    assert not gaps(evaluation)


@pytest.mark.parametrize("x", [0.0, 1e-30, 1e-8, 1.0, 30.0, 700.0, 1e4])
@pytest.mark.parametrize("sign", [1, -1])
def test_the_float64_value_keeps_its_digits_from_tiny_to_huge(x, sign):
    # softplus by four losses, each to the last digits of float64
    x, truth = sign * x, float(softplus(-sign * mp.mpf(x)))
    for loss, operands in (
        ("cross_entropy", pair([x, 0.0], 0)),
        ("bce_with_logits", pair(x, 1)),
        ("soft_margin", pair(x, 1)),
        ("multilabel_soft_margin", pair([x], [1])),
    ):
        exact = float(evaluate(loss, operands, {}, Settings(dtype="float64")).exact["mean"])
        assert exact == pytest.approx(truth, rel=1e-14, abs=1e-320), loss


@pytest.mark.parametrize("angle", [1e-3, 1e-6, 1e-9])
def test_the_cosine_loss_of_nearly_parallel_vectors(angle):
    # 1 - cos(angle) = 2 sin(angle/2)^2, of which 1 - cos keeps no digit at 1e-9
    vectors = [[1.0, 0.0]], [[math.cos(angle), math.sin(angle)]]
    operands = {"input1": vectors[0], "input2": vectors[1], "target": [1]}
    exact = float(
        evaluate("cosine_embedding", operands, {}, Settings(dtype="float64")).exact["mean"]
    )
    # cos(angle) as an operand is rounded to 1e-16: so is the squared difference
    assert exact == pytest.approx(2 * math.sin(angle / 2) ** 2, rel=1e-6, abs=0)
