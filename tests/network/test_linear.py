"""Layers of runs side by side against each run's own weights, in float64."""

import numpy as np
import pytest
import torch

from initlab.network.draws import draws_of
from initlab.network.linear import Linear
from initlab.network.rows import Rows
from initlab.network.scratch import Scratch
from initlab.network.weights import layers_of

SHAPE, BATCH = [12, 30, 7, 16], 4  # rows of blocks that are padded, and one that is not: 4 x 16
SCALES = [0.1, 0.3, 1.0]
LEAST = 2.0**-149  # of float32


@pytest.fixture(params=["xavier_normal", "uniform", "sparse", "torch_default"])
def rows(plan_of, request):
    """Three seeds, of which each has runs of other scales."""
    init = {
        "xavier_normal": {"scheme": "xavier_normal", "gain": SCALES},
        "uniform": {"scheme": "uniform", "a": [-0.5, 0.1], "b": 0.3},  # weights of a mean
        "sparse": {"scheme": "sparse", "sparsity": 0.5, "std": SCALES},
        "torch_default": "torch_default",
    }[request.param]
    plan = plan_of(shape=SHAPE, batch=BATCH, init=init, bias={"std": [0.1, 2]}, seeds=3)
    (share,) = plan.shares()
    return Rows.ordered(share.runs)


def linear_of(rows):
    draws = {run.seed: draws_of(run, keep=False) for run in rows.runs}
    return Linear(rows.runs[0], draws, Scratch())


def signal(rows, width, size=1.0):
    return size * torch.randn(len(rows), BATCH, width, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("index", range(len(SHAPE) - 1))
@pytest.mark.parametrize("size", [1.0, 1e-20, 1e-36, 1e30, 1e36])
def test_layers_are_those_of_each_run_s_own_weights(rows, index, size):
    sizes = np.full(len(rows), size)
    h, delta = signal(rows, SHAPE[index], size), signal(rows, SHAPE[index + 1], size)
    z = linear_of(rows).forward(index, rows, h, sizes).RBN
    gradient = linear_of(rows).backward(index, rows, delta, sizes).RBN
    for row, run in enumerate(rows.runs):
        weights, bias = (t.double() for t in list(layers_of(run))[index])
        for found, x, matrix, shift in (
            (z[row], h[row].double(), weights.T, bias),
            (gradient[row], delta[row].double(), weights, torch.zeros(())),
        ):
            # each of some 30 roundings is 2^-24 of the terms' magnitudes, or of the least number
            bound = 40 * (2**-24 * (x.abs() @ matrix.abs() + shift.abs()) + LEAST)
            assert ((found.double() - (x @ matrix + shift)).abs() <= bound).all()


def test_a_signal_that_overflows_is_infinite_and_not_nan(plan_of):
    # 1e20 times weights of 1e20: every product is beyond 3.4e38, of either sign
    plan = plan_of(depth=1, width=16, batch=2, init={"scheme": "normal", "std": 1e20})
    rows = Rows.ordered(list(enumerate(plan.runs)))
    h = torch.full((1, 2, 16), 1e20)
    z = linear_of(rows).forward(0, rows, h, np.full(1, 1e20)).RBN
    assert z.isinf().all()


def test_a_vanishing_signal_is_rounded_once(plan_of):
    # 1e-42 is a subnormal number of 10 bits. Weights of 1 add 16 of them: every sum is exact, as it
    # is a multiple of the least number, however small
    plan = plan_of(depth=1, width=16, batch=2, init={"scheme": "constant", "value": 1})
    rows = Rows.ordered(list(enumerate(plan.runs)))
    h = torch.full((1, 2, 16), 1e-42)
    z = linear_of(rows).forward(0, rows, h, np.full(1, 1e-42)).RBN
    assert torch.equal(z, torch.full((1, 2, 16), 16 * float(h[0, 0, 0])))


def test_a_run_that_vanishes_does_not_change_those_beside_it(plan_of):
    gains = {"scheme": "xavier_normal", "gain": [1e-9, 1.0]}
    plan = plan_of(depth=6, width=16, batch=4, init=gains, bias="none")
    (share,) = plan.shares()
    rows = Rows.ordered(share.runs)
    (healthy,) = (row for row, run in enumerate(rows.runs) if run.init.parameters["gain"] == 1.0)
    h = signal(rows, 16)
    h[1 - healthy] *= 1e-35
    alone, own = rows.only([healthy]), h[healthy : healthy + 1]
    together = linear_of(rows).forward(0, rows, h, h.abs().amax((1, 2)).double().numpy()).RBN
    by_itself = linear_of(alone).forward(0, alone, own, np.ones(1)).RBN
    assert torch.equal(together[healthy], by_itself[0])
