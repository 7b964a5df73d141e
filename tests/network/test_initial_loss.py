"""Simulated losses of untrained networks: the law of the outputs, and where no estimate is one."""

import math
from dataclasses import replace

import pytest
import torch

from initlab import load_plan
from initlab.catalog import LOSSES
from initlab.network.initial_loss import _correlated, simulated
from initlab.theory.initial_loss import LastLayer, initial_loss

ERRORS = 4.5


def run_of(loss="mse", batch=8, outputs=6, **fields):
    spec = {"shape": [16, outputs], "activation": "tanh", "init": "xavier_normal"}
    return load_plan({**spec, "loss": loss, "batch": batch, **fields}).runs[0]


@pytest.mark.parametrize("cosine", [-1.0, -1 / 7, 0.0, 0.6, 1.0, math.nan])
def test_samples_have_their_correlation(cosine):
    run = run_of(outputs=40_000)
    z = _correlated(run, cosine, torch.Generator().manual_seed(0))
    found = z @ z.T / z.shape[1]
    # of eight samples, all pairs cannot have less than -1/7
    expected = 0.0 if math.isnan(cosine) else max(cosine, -1 / 7)
    wanted = torch.full((8, 8), expected, dtype=torch.float64).fill_diagonal_(1.0)
    assert (found - wanted).abs().max() <= ERRORS * (2 / z.shape[1]) ** 0.5


@pytest.mark.parametrize("ln_q", [-3.0, 0.0, 2.0])
@pytest.mark.parametrize("loss", [r.name for r in LOSSES.values() if r.pointwise or r.softmax])
def test_simulation_and_quadrature_agree(loss, ln_q):
    run = run_of(loss)
    last = LastLayer(run.activation, ln_q, 0.3)
    exact, found = initial_loss(run, last), simulated(run, last)
    assert exact.error == 0
    assert 0 < found.error <= 0.02 * found.value
    assert abs(found.value - exact.value) <= ERRORS * found.error


def test_it_is_the_same_every_time():
    run = run_of("multi_margin")
    last = LastLayer(run.activation, 0.0)
    assert simulated(run, last) == simulated(run, last)


def test_a_loss_of_pairs_needs_to_know_how_alike_samples_are():
    run = run_of("cosine_embedding")
    found = simulated(run, LastLayer(run.activation, 0.0, math.nan))
    assert (found.value, found.reason) == (None, "the correlation of samples is not known")
    alike, apart = (simulated(run, LastLayer(run.activation, 0.0, c)).value for c in (0.99, 0.0))
    # t = 1 in half of the pairs: (1 - cos) / 2 + max(0, cos) / 2
    assert alike == pytest.approx(0.5, abs=0.02)
    assert apart > 0.5


def test_a_loss_that_is_infinite_is_no_estimate():
    # as log-probabilities in float16, a certainty is -inf times 0
    run = run_of("triplet_margin", batch=9, dtype="float16")
    found = simulated(run, LastLayer(replace(run.activation, name="identity"), 30.0, 0.0))
    assert found.value is None
    assert "the loss of simulated batch 1 is" in found.reason


@pytest.mark.parametrize(
    ("margin", "said"),
    [(-4.0, "batches differ too much"), (-12.0, "all of 1024 simulated batches have the loss 0")],
)
def test_what_hardly_a_batch_shows_is_no_estimate(margin, said):
    # hinges of a difference ~ N(0, 2): beyond 4 in 2 of a thousand batches, beyond 12 in none
    run = run_of({"name": "multi_margin", "margin": margin}, batch=1, outputs=2)
    found = simulated(run, LastLayer(replace(run.activation, name="identity"), 0.0))
    assert found.value is None
    assert said in found.reason


def test_outputs_of_0_have_one_loss():
    run = run_of("margin_ranking")
    assert simulated(run, LastLayer(run.activation, -math.inf)).value == 0
