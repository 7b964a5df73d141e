"""Finite-width bands, against closed laws and against networks drawn at random."""

import math
from dataclasses import replace

import numpy as np
import pytest
from plain_networks import networks
from scipy import stats
from scipy.special import polygamma, psi

from initlab import load_plan
from initlab.catalog import ACTIVATIONS, INPUTS
from initlab.network.random_networks import random_layers
from initlab.store.work import SimulateTask, plan_work
from initlab.sweep.tasks import tasks_of
from initlab.theory import finite_width, simulation
from initlab.theory.expectation import BAND, band_point
from initlab.theory.finite_width import Band, BandPoint, bands, simulated_stds

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
    (stds,) = simulated_stds([point_of(batch=1, input=unit)], 4_000)
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
    (stds,) = simulated_stds([point_of(**fields)], 4_000)
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
    (stds,) = simulated_stds([band_point(run)], 1_000)
    for layer in {0, run.depth // 2, run.depth - 1}:
        assert stats.ks_2samp(drawn[:, layer], stds[:, layer]).pvalue > UNLIKELY


@pytest.mark.parametrize(
    "fields",
    [
        {"activation": "relu", "init": "kaiming_normal"},
        {"activation": "tanh", "init": {"scheme": "lecun_normal", "gain": 2.4}},
        {"activation": "gelu", "init": {"scheme": "lecun_normal", "gain": 2}, "batch": 64},
        {"activation": "sigmoid", "batch": 5},  # alike after some layers
        {"activation": "softplus", "shape": [16, 400, 40, 130, 400, 130]},  # of some, all are drawn
        {"activation": "hardtanh", "bias": {"std": 0.5}, "dtype": "float64"},
        {
            "activation": "sin",
            "init": {"scheme": "lecun_normal", "gain": 3},
            "input": {"name": "correlated", "correlation": 0.9},
        },
        {"activation": "elu", "input": {"name": "uniform", "low": 0.0, "high": 1.0}, "batch": 1},
    ],
    ids=str,
)
def test_the_law_of_wide_networks_takes_few_neurons(fields):
    # 800 neurons of one sample, 32 of 16 samples: the others are what theory expects of them
    (run,) = plan_of(**({} if "shape" in fields else {"width": 800, "depth": 6}), **fields).runs
    drawn = np.concatenate([networks(run, 50, seed=seed) for seed in range(2)])
    (stds,) = simulated_stds([band_point(run)], 2_000)
    for layer in {0, run.depth // 2, run.depth - 1}:
        assert stats.ks_2samp(drawn[:, layer], stds[:, layer]).pvalue > UNLIKELY


@pytest.mark.parametrize(
    "fields",
    [
        {"activation": "tanh", "init": {"scheme": "lecun_normal", "gain": 1.4}},
        {"activation": "gelu", "init": {"scheme": "lecun_normal", "gain": 2}},  # next to unstable
        {"activation": "relu6", "bias": {"std": 0.3}},
        {"activation": "softplus", "init": {"scheme": "lecun_normal", "gain": 0.9}},  # nearly alike
    ],
    ids=lambda fields: fields["activation"],
)
def test_quantiles_of_few_neurons_are_those_of_all(fields, monkeypatch):
    # 4,000 networks each, and a standard error of a quantile at 10 % of 1.71 sd / sqrt(4000): the
    # difference has .038 sd, and skewness, which is not kept, moves it by up to .03. (Of 400
    # networks, as bands have by default, the standard error is .085 sd)
    point = point_of(width=256, depth=12, **fields)
    (few,) = simulated_stds([point], 4_000)
    monkeypatch.setattr(simulation, "NEURONS", 256)
    (all_,) = simulated_stds([point], 4_000)
    sd = np.log(all_).std(0)
    for share in (0.1, 0.5, 0.9):
        off = (
            np.quantile(np.log(few), share, axis=0) - np.quantile(np.log(all_), share, axis=0)
        ) / sd
        assert np.abs(off).max() < 0.15
    assert np.log(few).std(0) == pytest.approx(sd, rel=0.08)


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


# one simulation for all scales -------------------------------------------------------------------

HOMOGENEOUS = ["identity", "relu", "leaky_relu"]


def scaled(point, factor):
    """The same networks with weights of `factor` times the variance."""
    laws = [replace(law, weight_variance=factor * law.weight_variance) for law in point.variances]
    return replace(point, variances=tuple(laws))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_homogeneous_activations_are_found_out(name):
    assert point_of(activation=name).unitless is (name in HOMOGENEOUS)
    assert not point_of(activation=name, bias={"std": 0.1}).unitless


def test_kinks_far_away_are_no_homogeneity():
    assert not point_of(activation={"name": "hardtanh", "min_val": -1e6, "max_val": 1e6}).unitless


@pytest.mark.parametrize("activation", HOMOGENEOUS)
@pytest.mark.parametrize("width", [32, 256])
def test_a_simulation_serves_all_scales_as_one_of_their_own_would(activation, width, monkeypatch):
    point = scaled(point_of(activation=activation, width=width), 1.7)
    (shared,) = simulated_stds([point], 500)
    monkeypatch.setattr(finite_width, "_homogeneous", lambda _: False)
    (own,) = simulated_stds([point], 500)
    # the numbers are the same ones, rounded to float32 elsewhere in each of 20 layers
    np.testing.assert_allclose(shared, own, rtol=1e-4)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_powers_of_two_are_taken_out_exactly(dtype):
    point = point_of(activation="relu", init="kaiming_normal", dtype=dtype)
    powers = [-20, -2, 0, 4]
    found = simulated_stds([scaled(point, 2.0**power) for power in powers], 30)
    # sqrt(2^power) a layer
    layers = np.arange(1, DEPTH + 1)
    for power, stds in zip(powers, found, strict=True):
        reached = stds > 1e-30
        exact = np.ldexp(found[2], power // 2 * layers)
        assert (stds[reached] == exact[reached]).all()
        assert reached[:, :9].all()


def test_a_gain_axis_is_one_simulation():
    points = [scaled(point_of(), factor) for factor in (0.5, 1.0, 3.0)]
    ticks = []
    bands(points, 10, ticks.append)
    assert ticks == [10] * DEPTH


def test_signals_that_leave_the_dtype_are_nan_or_zero():
    # of variance 4^12 / n and 4^-12 / n, so that a layer multiplies the std by about 2^12: the
    # largest of 4 x 32 values is about 2.5 std, beyond 2^128 from layer 10 on. The least float32 is
    # 2^-149, and half of it rounds to 0: layer 12
    point = point_of(batch=4)
    large, small = simulated_stds([scaled(point, 4.0**12), scaled(point, 4.0**-12)], 50)
    assert np.isfinite(large[:, :10]).all()
    assert np.isnan(large[:, 11:]).all()
    assert (small[:, :11] > 0).all()
    assert (small[:, 13:] == 0).all()
    in_double = simulated_stds([replace(scaled(point, 4.0**12), double=True)], 50)[0]
    assert np.isfinite(in_double).all()  # 2^240


# rules for numbers -------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("width", "batch"), [(33, 7), (100, 16), (130, 1)])
def test_a_band_does_not_depend_on_those_computed_with_it(dtype, width, batch):
    plan = plan_of(
        activation=["tanh", "relu", "softplus"],
        init=[{"scheme": "lecun_normal", "gain": g} for g in (0.3, 1.0, 30.0)],
        width=width,
        batch=batch,
        dtype=dtype,
    )
    points = [band_point(run) for run in plan.runs]
    together = bands(points, 50)
    backwards = bands(points[::-1], 50)[::-1]
    for point, *found in zip(points, together, backwards, strict=True):
        (alone,) = bands([point], 50)
        for band in found:
            for name in BAND:
                assert getattr(band, name).tobytes() == getattr(alone, name).tobytes()


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
    # points of one simulation are of one task
    shared = [{point.simulated for point in points} for points in simulations(2)]
    assert sum(map(len, shared)) == len(set().union(*shared)) == 6


@pytest.mark.parametrize("name", INPUTS)
def test_every_input_has_a_band(name, unit):
    batch = 1 if name == "file" else 4
    (band,) = bands([point_of(input=unit if name == "file" else name, batch=batch)], 20)
    assert (band.p10 < band.p90).all()


@pytest.mark.parametrize("batch", [64, 65])
def test_larger_batches_are_of_whole_networks(batch):
    assert isinstance(point_of(batch=batch), BandPoint) is (batch <= 64)


def test_what_cannot_be_simulated_as_independent_has_no_band_of_gram_matrices():
    assert not isinstance(point_of(init="orthogonal"), BandPoint)
    assert point_of(init={"scheme": "sparse", "sparsity": 0.5}) is None
    assert point_of(init={"scheme": "constant", "value": 0.1}) is None
    assert isinstance(point_of(init="kaiming_uniform"), BandPoint)


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


def test_what_float32_rounds_to_one_number_has_no_std():
    # sigmoid(z) of |z| < 3e-8 is 1/2 in float32; theory knows only what it would be in float64
    fields = {"activation": "sigmoid", "init": {"scheme": "lecun_normal", "gain": 1e-10}}
    (stds,) = simulated_stds([point_of(width=256, **fields)], 20)
    assert (stds == 0).all()
    (stds,) = simulated_stds([point_of(width=256, dtype="float64", **fields)], 20)
    assert stds[:, 0] == pytest.approx(1e-10 / 4, rel=0.2)  # slope 1/4, and inputs of variance 1


def test_signals_of_float64_end_where_it_does():
    # of variance 1e-60 a layer: 1e-307 after 10 layers is held, 1e-330 is not
    point = point_of(activation="tanh", width=256, depth=12, dtype="float64")
    (stds,) = simulated_stds([scaled(point, 1e-60)], 20)
    assert stds[:, 9] == pytest.approx(1e-300, rel=0.5)
    assert (stds[:, 11] == 0).all()


def test_where_theory_says_nothing_all_neurons_are_drawn():
    # quadrature does not resolve sin of a std of 1e6; its square has a mean of 1/2
    (stds,) = simulated_stds(
        [point_of(activation="sin", init={"scheme": "lecun_normal", "gain": 1e6}, width=256)], 20
    )
    assert stds == pytest.approx(math.sqrt(0.5), rel=0.05)


def test_where_a_few_neurons_make_most_of_the_sum_all_are_drawn(monkeypatch):
    # E phi^4 / (E phi^2)^2 of relu^2 is 105/2 / (3/2)^2 = 23, of tanh 1.6 (by quadrature)
    points = [point_of(activation=a, width=100, depth=3) for a in ("relu_squared", "tanh")]
    before = [simulated_stds([point], 20)[0] for point in points]
    monkeypatch.setattr(simulation, "NEURONS", 50)
    heavy, light = (simulated_stds([point], 20)[0] for point in points)
    np.testing.assert_array_equal(heavy, before[0])
    assert (light != before[1]).any()


def test_samples_that_are_all_alike():
    # a Gram matrix of rank one; the batch is one sample as far as the law goes
    (stds,) = simulated_stds(
        [point_of(input={"name": "correlated", "correlation": 1.0}, batch=2)], 500
    )
    (single,) = simulated_stds([point_of(batch=1)], 500)
    assert stats.ks_2samp(stds[:, -1], single[:, -1]).pvalue > UNLIKELY


@pytest.mark.parametrize("width", [32, 256])
def test_samples_that_are_equal_stay_equal_in_chaos(width):
    # two equal samples are one, as far as the law goes. (n - 1 and 2 n - 1 are of the estimator)
    fields = {"activation": "tanh", "init": {"scheme": "lecun_normal", "gain": 3}, "width": width}
    pair = point_of(input={"name": "correlated", "correlation": 1.0}, batch=2, **fields)
    (stds,) = simulated_stds([pair], 1_000)
    (single,) = simulated_stds([point_of(batch=1, **fields)], 1_000)
    single *= math.sqrt(2 * (width - 1) / (2 * width - 1))
    assert stats.ks_2samp(stds[:, -1], single[:, -1]).pvalue > UNLIKELY


def test_a_surprise_counts_standard_deviations_of_ln_std():
    ones = np.ones(2)
    band = Band(ones, ones, ones, mean_log=np.array([0.0, 1.0]), sd_log=np.array([0.5, 0.0]))
    assert band.surprise(np.exp([1.5])).tolist() == [3.0]
    assert np.isnan(band.surprise(np.exp([1.5, 2.0])))[1]  # no spread, no surprise


@pytest.mark.parametrize(
    "fields",
    [
        {"activation": "relu", "init": "he", "last": {"activation": "identity"}},
        {"activation": "tanh", "layers": {"2-9": {"activation": "gelu", "init": "he"}}},
        {"first": {"bias": {"std": 0.5}}, "activation": "softplus", "last": {"init": "he"}},
        {"shape": [2, *[WIDTH] * 6], "activation": "tanh", "first": {"activation": "sin"}},
    ],
    ids=str,
)
def test_the_law_of_layers_that_differ(fields):
    # against whole networks (network/random_networks.py), which share no code with the simulation
    (run,) = plan_of(**fields).runs
    point = band_point(run)
    assert isinstance(point, finite_width.BandPoint)
    (stds,) = simulated_stds([point], 800)
    drawn = random_layers(run, 300).std
    for layer in {0, run.depth // 2, run.depth - 1}:
        assert stats.ks_2samp(drawn[:, layer], stds[:, layer]).pvalue > UNLIKELY


def test_a_scale_is_left_out_only_where_all_activations_keep_it():
    last = {"activation": "identity"}
    assert point_of(activation="relu", last=last).unitless
    assert not point_of(activation="tanh", last=last).unitless
    one, other = (
        point_of(activation="relu", init={"scheme": "lecun_normal", "gain": gain}, last=last)
        for gain in (1.0, 8.0)
    )
    assert one.simulated == other.simulated
    small, large = simulated_stds([one, other], 20)
    np.testing.assert_allclose(small * 8.0 ** np.arange(1, DEPTH + 1), large, rtol=1e-6)
