"""Finite-width bands, against closed laws and against networks drawn at random."""

import math
from dataclasses import replace

import numpy as np
import pytest
from plain_networks import networks
from scipy import stats
from scipy.special import polygamma, psi

from initlab import load_plan
from initlab.catalog import INPUTS
from initlab.store.work import SimulateTask, plan_work
from initlab.sweep.tasks import tasks_of
from initlab.theory.expectation import band_point
from initlab.theory.finite_width import Band, bands, simulate

DEPTH, WIDTH = 20, 32
UNLIKELY = 1e-4  # a p-value; the draws are fixed, so a test that passes once always does


def plan_of(**fields):
    size = {} if "shape" in fields else {"depth": DEPTH, "width": WIDTH}
    return load_plan({**size, "activation": "identity", "init": "lecun_normal", **fields})


def point_of(**fields):
    return band_point(plan_of(**fields).runs[0])


@pytest.fixture
def unit(tmp_path):
    """An input of one sample with |x|^2 = n: closed laws start at a length that is known."""
    path = tmp_path / "unit.npy"
    np.save(path, np.ones((1, WIDTH)))
    return {"name": "file", "path": str(path)}


# closed laws -------------------------------------------------------------------------------------


def test_a_linear_network_of_one_sample(unit):
    # given h, z is N(0, |h|^2 / n): |z|^2 is multiplied by chi^2_n / n a layer, and the centred
    # variance of the last by chi^2_{n-1} / (n-1). E ln chi^2_k / k = psi(k/2) - ln(k/2), and its
    # variance is psi_1(k/2) (Hanin & Nica 2019)
    (stds,) = simulate([point_of(batch=1, input=unit)], 4_000)
    n, k = WIDTH, WIDTH - 1
    ln_variance = 2 * np.log(stds[:, -1])
    mean = (DEPTH - 1) * (psi(n / 2) - math.log(n / 2)) + psi(k / 2) - math.log(k / 2)
    variance = (DEPTH - 1) * polygamma(1, n / 2) + polygamma(1, k / 2)
    assert abs(ln_variance.mean() - mean) < 4 * math.sqrt(variance / 4_000)
    # 4 standard errors of a variance of a nearly normal law
    assert ln_variance.var(ddof=1) == pytest.approx(variance, rel=4 * math.sqrt(2 / 4_000))


def test_a_relu_network_of_one_sample(unit):
    # k ~ Bin(n, 1/2) units are active: q'/q = (2/n) chi^2_k; the last layer is drawn here
    fields = {"activation": "relu", "init": "kaiming_normal", "batch": 1, "input": unit}
    (stds,) = simulate([point_of(**fields)], 4_000)
    rng = np.random.default_rng(5)
    active = rng.binomial(WIDTH, 0.5, (4_000, DEPTH - 1))
    q = 2 * np.prod(2 / WIDTH * rng.chisquare(active), axis=1)
    last = np.maximum(rng.standard_normal((4_000, WIDTH)), 0) * np.sqrt(q)[:, None]
    expected = last.std(axis=1, ddof=1)
    assert stats.ks_2samp(stds[:, -1], expected).pvalue > UNLIKELY


# networks ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fields",
    [
        {"activation": "relu", "init": "kaiming_normal"},
        {"activation": "tanh", "init": {"scheme": "lecun_normal", "gain": 2}},  # chaotic
        {"activation": "gelu", "bias": {"std": 0.4}},  # ordered: samples become alike
        {"activation": "selu", "input": {"name": "correlated", "correlation": 0.9}},
        {"activation": "elu", "input": {"name": "uniform", "low": 0.0, "high": 1.0}, "batch": 3},
        {"activation": "tanh", "shape": [64, 16, 48, 16, 32], "init": "xavier_normal"},
        {"activation": "sigmoid", "dtype": "float64", "batch": 1},
        {"activation": "sigmoid", "batch": 64},  # nearly alike: Gram matrices next to rank one
        {
            "activation": "softplus",
            "batch": 64,
            "input": {"name": "normal", "mean": 3.0, "std": 0.001},
        },
        {"activation": "identity", "shape": [16] * 21, "batch": 64},  # more samples than neurons
    ],
    ids=str,
)
def test_the_law_is_that_of_networks(fields):
    (run,) = plan_of(**fields).runs
    drawn = networks(run, 150)
    (stds,) = simulate([band_point(run)], 1_000)
    for layer in {0, run.depth // 2, run.depth - 1}:
        assert stats.ks_2samp(drawn[:, layer], stds[:, layer]).pvalue > UNLIKELY


@pytest.mark.parametrize(
    "fields",
    [
        {"activation": "relu", "init": "kaiming_normal"},
        {"activation": "identity"},
        {"activation": "tanh"},
        {"activation": "gelu", "init": {"scheme": "lecun_normal", "gain": "auto"}},
    ],
    ids=lambda fields: fields["activation"],
)
def test_80_per_cent_of_networks_lie_within_the_band(fields):
    # both samples are finite: the standard error of a share is sqrt(.16 / 1000 + .16 / 2000) =
    # .0155. (The 400 networks of a band by default make it .024.) At so small a width layers stray
    # farthest from what they are at infinite width
    (run,) = plan_of(**fields, depth=100).runs
    (band,) = bands([band_point(run)], 2_000)
    drawn = networks(run, 1_000)
    shares = ((band.p10 <= drawn) & (drawn <= band.p90)).mean(0)
    assert shares[[9, 49, 99]] == pytest.approx(np.full(3, 0.8), abs=0.0601)


# rules for numbers -------------------------------------------------------------------------------


def test_a_band_does_not_depend_on_those_computed_with_it():
    plan = plan_of(
        activation=["tanh", "relu", "softplus"],
        init=[{"scheme": "lecun_normal", "gain": g} for g in (0.3, 1.0, 30.0)],
        width=33,
    )
    points = [band_point(run) for run in plan.runs]
    for point, together in zip(points, bands(points, 50), strict=True):
        (alone,) = bands([point], 50)
        for ours, own in zip(vars(together).values(), vars(alone).values(), strict=True):
            assert ours.tobytes() == own.tobytes()


def test_any_number_of_jobs_simulates_the_same_points():
    plan = plan_of(
        activation=["tanh", "relu"],
        init=["kaiming_normal", "kaiming_uniform", "xavier_normal"],  # of one variance two and two
        width=[16, 32],
        seeds=3,
    )

    def simulations(jobs):
        found = tasks_of(plan, plan_work(plan), jobs)
        return [task.points for task in found if isinstance(task, SimulateTask)]

    one, two = ([p for points in simulations(jobs) for p in points] for jobs in (1, 2))
    assert len(one) == len(set(one)) == 8
    assert set(one) == set(two)
    for points in simulations(2):
        assert len({point.draws for point in points}) == 1


@pytest.mark.parametrize("name", INPUTS)
def test_every_input_has_a_band(name, unit):
    batch = 1 if name == "file" else 4
    (band,) = bands([point_of(input=unit if name == "file" else name, batch=batch)], 20)
    assert (band.p10 < band.p90).all()


@pytest.mark.parametrize("batch", [64, 65])
def test_larger_batches_have_no_band(batch):
    assert (point_of(batch=batch) is None) is (batch > 64)


def test_what_cannot_be_simulated_as_independent_has_no_band():
    assert point_of(init="orthogonal") is None
    assert point_of(init={"scheme": "sparse", "sparsity": 0.5}) is None
    assert point_of(init={"scheme": "constant", "value": 0.1}) is None
    assert point_of(init="kaiming_uniform") is not None


def test_bands_of_networks_that_overflow():
    # N(0, 1) weights overflow at layer 49 of 32 neurons (32^(1/2) a layer, 3.4e38 = 32^25.6)
    (band,) = bands([point_of(init="normal", depth=60, batch=4)], 40)
    assert np.isfinite(band.p50[:45]).all()
    assert band.p50[44] > 1e30
    assert np.isnan(band.p90[55:]).all()
    assert np.isnan(band.mean_log[55:]).all()


def test_bands_of_networks_of_zeros():
    point = point_of()
    variances = tuple(replace(law, weight_variance=0.0) for law in point.variances)
    (band,) = bands([replace(point, variances=variances)], 20)
    assert band.p10.tolist() == band.p90.tolist() == [0.0] * DEPTH
    assert np.isnan(band.surprise(np.zeros(DEPTH))).all()


def test_samples_that_are_all_alike():
    # a Gram matrix of rank one; the batch is one sample as far as the law goes
    (stds,) = simulate([point_of(input={"name": "correlated", "correlation": 1.0}, batch=2)], 500)
    (single,) = simulate([point_of(batch=1)], 500)
    assert stats.ks_2samp(stds[:, -1], single[:, -1]).pvalue > UNLIKELY


def test_a_surprise_counts_standard_deviations_of_ln_std():
    ones = np.ones(2)
    band = Band(ones, ones, ones, mean_log=np.array([0.0, 1.0]), sd_log=np.array([0.5, 0.0]))
    assert band.surprise(np.exp([1.5])).tolist() == [3.0]
    assert np.isnan(band.surprise(np.exp([1.5, 2.0])))[1]  # no spread, no surprise
