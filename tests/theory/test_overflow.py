"""Where networks leave their dtype, against networks that do."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from initlab import load_plan
from initlab.catalog.dtypes import DTYPES
from initlab.network.measurement import BACKWARD, FORWARD
from initlab.network.propagate import measure
from initlab.theory.overflow import largest_of, log_range
from initlab.theory.prediction import predict

ROUNDED = ["float32", "float16", "bfloat16"]
SIZE = {"depth": 60, "width": 256, "activation": "identity"}


def runs_of(**fields):
    return load_plan({**SIZE, **fields}).runs


def measured(**fields):
    """(run, prediction, measurements) of every network; those of one seed share their draws."""
    runs = runs_of(**fields)
    found = {}
    for share in load_plan({**SIZE, **fields}).shares():
        found |= measure(share)
    seeds = {}
    for index, run in enumerate(runs):
        seeds.setdefault(run.point, []).append(found[index])
    predictions = predict(list(seeds))
    return [(run, p, seeds[run]) for run, p in zip(seeds, predictions, strict=True)]


def flushed(decay, weight):
    """Layers by which bfloat16 may be all zero too soon.

    Processors that multiply bfloat16 themselves take products of weights and activations below the
    smallest normal number, 2^-126, for zero: the prediction is half the smallest subnormal, 2^-134.
    """
    return math.ceil((8 * math.log(2) - math.log(weight)) / decay)


def first(rows, name, condition):
    at = np.flatnonzero(condition(rows[:, FORWARD.index(name)]))
    return int(at[0]) if len(at) else None


@pytest.mark.parametrize("dtype", list(DTYPES))
def test_ranges_are_those_of_torch(dtype):
    info = torch.finfo(getattr(torch, dtype))
    largest, smallest = log_range(dtype)
    assert math.exp(largest) == pytest.approx(info.max, rel=1e-12)
    # below half of the smallest subnormal, x rounds to 0
    tie = math.exp(smallest) if dtype != "float64" else 0.0
    for x, zero in ((tie * 0.999, True), (tie * 1.001, False)):
        assert (torch.tensor(x, dtype=torch.float64).to(getattr(torch, dtype)) == 0) == (
            zero or dtype == "float64"
        )


@pytest.mark.parametrize("n", [1, 2, 100, 4096, 1e7])
def test_the_largest_of_n_normal_values(n):
    # N(t)^n = 1/2 at its median
    t = float(largest_of(np.array(n)))
    assert n * stats.norm.logcdf(t) == pytest.approx(-math.log(2), rel=1e-9)


@pytest.mark.parametrize("dtype", ROUNDED)
@pytest.mark.parametrize("width", [64, 256, 1024])
def test_the_onset_of_nan(width, dtype):
    # Var W = 1: the std grows by sqrt(n), or sqrt(n/2) with ReLU, a layer
    fields = {"activation": ["identity", "relu"], "width": width, "dtype": dtype, "init": "normal"}
    for run, prediction, found in measured(
        **fields, record="forward", seeds=3 if width == 1024 else 8
    ):
        onset = prediction.limits.nan_onset
        assert onset is not None, run
        assert {abs(m.nan_onset - onset) for m in found} <= {0, 1}, run
        assert prediction.limits.zero_onset is None, run


@pytest.mark.parametrize("dtype", ROUNDED)
def test_the_onset_of_zeros(dtype):
    # at sigma_w = 0.1 a std falls tenfold a layer and more: by 10^-45 in 60, by 10^-8 in 20
    init, depth = {"scheme": "scaled_normal", "sigma_w": 0.1}, 20 if dtype == "float16" else 60
    fields = {"activation": ["identity", "relu", "tanh", "gelu"], "dtype": dtype, "init": init}
    for run, prediction, found in measured(**fields, depth=depth, record="forward", seeds=8):
        onsets = [first(m.forward, "zero_fraction", lambda x: x == 1) for m in found]
        onset = prediction.limits.zero_onset
        assert onset is not None, run
        # a layer and more for each factor of ten
        early = flushed(math.log(10), weight=0.1 / 16) if dtype == "bfloat16" else 1
        assert all(onset - early <= seen <= onset + 1 for seen in onsets), run
        assert prediction.limits.nan_onset is None, run


@pytest.mark.parametrize(
    ("dtype", "reduction", "width", "late", "seeds"),
    [
        ("float16", ["mean", "sum"], 256, 2, 2),
        ("float32", "mean", 1024, 5, 2),
        ("bfloat16", "sum", 1024, 5, 1),  # three times as long, for float32's range
    ],
)
def test_gradients_that_overflow(dtype, reduction, width, late, seeds):
    # tanh at sigma_w = 30: steady forward, while the gradient grows fourfold a layer, ln 4 = 1.4.
    # Its slopes are few and large: v = 3 E phi'^4 / (E phi'^2)^2 = 116. Over 70 layers of n = 1024,
    # ln g falls short of its mean by 70 v / 4n = 2.0 and varies by the square root of that
    init = {"scheme": "scaled_normal", "sigma_w": 30.0}
    fields = {"activation": "tanh", "loss": "cross_entropy", "reduction": reduction, "init": init}
    size = {"depth": 30 if dtype == "float16" else 80, "width": width}
    for _, prediction, found in measured(**fields, **size, dtype=dtype, seeds=seeds):
        limits = prediction.limits
        assert limits.nan_onset is limits.zero_onset is limits.grad_underflow is None
        for m in found:
            lost = int(np.flatnonzero(~np.isfinite(m.backward[:, BACKWARD.index("grad_std")]))[-1])
            assert -late <= lost - limits.grad_overflow <= 2


@pytest.mark.parametrize("dtype", ROUNDED)
def test_gradients_that_underflow(dtype):
    # sigmoid: the gradient shrinks fourfold a layer and more, 4^-75 to float32's smallest number
    fields = {"activation": "sigmoid", "depth": 30 if dtype == "float16" else 100}
    ((_, prediction, found),) = measured(**fields, init="lecun_normal", dtype=dtype, seeds=8)
    limits = prediction.limits
    assert limits.grad_underflow is not None
    late = flushed(math.log(4), weight=1 / 16) if dtype == "bfloat16" else 1
    for m in found:
        gone = np.flatnonzero(m.backward[:, BACKWARD.index("grad_std")] == 0)[-1]
        assert -1 <= gone - limits.grad_underflow <= late


def test_nothing_gets_past_a_layer_of_zeros():
    # relu'(0) = 0: below the last layer there is no gradient, however large it was predicted
    init = {"scheme": "scaled_normal", "sigma_w": 0.2}
    ((_, prediction, found),) = measured(activation="relu", dtype="float16", init=init, seeds=2)
    assert prediction.limits.zero_onset is not None
    assert prediction.limits.grad_underflow == 58
    for m in found:
        assert (m.backward[:59, BACKWARD.index("grad_std")] == 0).all()
        assert m.backward[59, BACKWARD.index("grad_std")] > 0


def test_what_cannot_be_resolved_has_no_limits():
    # sin never overflows; that of pre-activations of std 1e6 is beyond quadrature
    init = {"scheme": "scaled_normal", "sigma_w": 1e6}
    (run,) = runs_of(activation="sin", init=init)
    assert set(vars(predict([run])[0].limits).values()) == {None}


def test_a_steady_network_stays_within():
    (run,) = runs_of(activation="relu", init="kaiming_normal", dtype="float16")
    assert set(vars(predict([run])[0].limits).values()) == {None}


def test_gradients_are_not_judged_where_none_are_taken():
    init = {"scheme": "scaled_normal", "sigma_w": 0.2}
    forward, both = (
        predict(runs_of(activation="sigmoid", init=init, record=record))[0].limits
        for record in ("forward", "both")
    )
    assert both.grad_underflow is not None
    assert forward.grad_underflow is None


def test_of_a_loss_whose_start_is_unknown_gradients_have_no_limits():
    (run,) = runs_of(activation="sigmoid", init="lecun_normal", loss="huber")
    assert predict([run])[0].limits.grad_underflow is None
