"""Laws of a target's entries: the moments of what is drawn."""

import math

import numpy as np
import pytest
import torch

from initlab import load_plan
from initlab.catalog import LOSSES, TARGETS
from initlab.network.losses import draw_target
from initlab.theory.target_law import MOST_VALUES, ignored_share, target_law

ERRORS = 4.5
GIVEN = {
    "normal": {"mean": 0.5, "std": 2.0},
    "bernoulli": {"p": 0.2},
    "poisson": {"rate": 3.5},
    "constant": {"value": 1.0},
}
B, N = 64, 50
DENSE = [r.name for r in LOSSES.values() if r.pointwise or r.residual]
PAIRS = [
    (loss, target)
    for loss in DENSE
    for target in (None, *TARGETS)
    if target is None or LOSSES[loss].target in TARGETS[target].forms
    if target != "file"
]


def run_of(loss, target=None, shape=(16, N), batch=B, **fields):
    chosen = {} if target is None else {"target": target}
    spec = {"shape": list(shape), "activation": "tanh", "init": "xavier_normal", "batch": batch}
    return load_plan({**spec, "loss": loss, **chosen, **fields}).runs[0]


@pytest.mark.parametrize(("loss", "target"), PAIRS)
def test_a_law_has_the_moments_of_what_is_drawn(loss, target):
    run = run_of(loss, target and {"name": target, **GIVEN.get(target, {})})
    law = target_law(run)
    g = torch.Generator().manual_seed(0)
    t = np.concatenate(
        [
            draw_target(run.loss, B, N, g, torch.float64, run.target)[0].numpy().ravel()
            for _ in range(20)
        ]
    )
    for power, expected in ((1, law.mean), (2, law.second)):
        error = (t**power).std() / math.sqrt(len(t))
        assert abs((t**power).mean() - expected) <= ERRORS * error + 1e-12
    assert law.shares.sum() == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("rate", [0.0, 1e-3, 1.0, 300.0, 1e6])
def test_counts_of_any_rate(rate):
    law = target_law(run_of("poisson_nll", {"name": "poisson", "rate": rate}))
    assert law.mean == pytest.approx(rate, rel=1e-9, abs=1e-15)
    assert law.second == pytest.approx(rate + rate**2, rel=1e-9, abs=1e-15)
    assert len(law.values) <= MOST_VALUES


def test_a_file_s_law_is_its_first_rows(tmp_path):
    rows = np.random.default_rng(0).normal(size=(70, N))
    np.save(tmp_path / "y.npy", rows)
    run = run_of("mse", {"name": "file", "path": str(tmp_path / "y.npy")})
    law = target_law(run)
    assert len(law.values) == MOST_VALUES  # of 3200
    assert law.mean == pytest.approx(rows[:B].mean(), abs=1e-14)
    assert law.second == pytest.approx((rows[:B] ** 2).mean(), rel=1e-14)


@pytest.mark.parametrize("loss", ["cross_entropy", "nll"])
def test_the_share_that_is_ignored(loss, tmp_path):
    def share(index, target=None):
        return ignored_share(run_of({"name": loss, "ignore_index": index}, target, (16, 4)))

    assert share(-100) == 0
    assert share(2) == 0.25
    assert share(7) == 0  # no class
    assert share(1, {"name": "classes", "shares": [0.7, 0.1, 0.1, 0.1]}) == pytest.approx(0.1)
    assert share(2, "classes") == 0.25
    assert share(2, {"name": "constant", "value": 1}) == 0
    labels = np.arange(B) % 4
    labels[:16] = -1
    np.savetxt(tmp_path / "y.csv", labels)
    assert share(-1, {"name": "file", "path": str(tmp_path / "y.csv")}) == 0.25
    assert ignored_share(run_of("mse")) == 0
