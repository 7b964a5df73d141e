"""What `make bench` times measures the same as initlab. (Nothing is timed here.)"""

import numpy as np
import pytest
import torch

from benchmarks import equality
from benchmarks.limit import Limit
from benchmarks.references import REFERENCES
from benchmarks.table import Row, times_as_fast
from benchmarks.timing import Contender, side_by_side
from benchmarks.workloads import GRID, Network, Sweep

SMALL = Sweep(("tanh", "relu", "sigmoid"), (0.8, 2.0), seeds=2, depth=5, width=20, batch=8)


@pytest.fixture(scope="module", autouse=True)
def _global_generator():
    with torch.random.fork_rng(devices=[]):  # the references seed torch's own, as scripts do
        yield


@pytest.fixture(scope="module")
def measured():
    return equality.measured(SMALL)


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("script", "std weight_grad_std"),
        ("hooks", "pre_std mean std grad_std weight_grad_std"),
        ("loop64", "pre_std mean std rms abs_max zero_fraction grad_std weight_grad_std"),
    ],
)
def test_a_reference_has_the_statistics_of_initlab(name, columns, measured):
    # five float32 layers of 20: some 1e-7 of rounding, in whatever order sums are made
    for network, ours in measured.items():
        theirs = REFERENCES[name](network, True)
        assert set(theirs) == set(columns.split())
        assert all(len(column) == SMALL.depth for column in theirs.values())
        assert equality.difference(ours, theirs) < 2e-6


@pytest.mark.parametrize("name", REFERENCES)
def test_a_reference_has_the_same_numbers_without_gradients(name):
    network = SMALL.networks[0]
    without, with_gradients = (REFERENCES[name](network, wanted) for wanted in (False, True))
    assert without == {column: with_gradients[column] for column in without}
    assert set(with_gradients) - set(without) == {c for c in with_gradients if "grad" in c}


@pytest.mark.parametrize("name", ["script", "loop64"])
def test_a_loop_stops_at_nan(name):
    # x ~ N(0, 1) grows by sigma_w = 1e20 a layer: 1e20, then 1e40 is beyond float32's 3.4e38
    taken = REFERENCES[name](Network("identity", 1e20, 0, 5, 20, 8), False)
    assert len(taken["std"]) == 2
    assert np.isnan(taken["std"][-1])


def test_networks_stand_in_the_order_of_initlab_s_runs():
    runs = SMALL.plan(gradients=True).runs
    found = [(r.activation.name, r.init.parameters["sigma_w"], r.seed, r.depth) for r in runs]
    assert found == [(n.activation, n.sigma_w, n.seed, n.depth) for n in SMALL.networks]


def test_another_network_s_numbers_are_refused(measured):
    shifted = [measured[network] for network in SMALL.networks[1:] + SMALL.networks[:1]]
    with pytest.raises(equality.Unequal, match=r"\(x\) and initlab differ by .*: nothing is timed"):
        equality.compare("(x)", measured, shifted)


def test_a_reference_that_lacks_a_layer_is_refused(measured):
    short = [{"std": ours["std"][:-1]} for ours in measured.values()]
    with pytest.raises(equality.Unequal):
        equality.compare("(x)", measured, short)


@pytest.mark.parametrize(
    ("ours", "theirs", "off"),
    [
        ([1.0, 2.0], [1.0, 2.0002], 1e-4),
        ([1.0, np.nan], [1.0, np.nan], 0),
        ([np.inf], [np.inf], 0),
        ([1.0, np.nan], [1.0, 3.0], np.inf),
        ([0.0, 0.0], [0.0, 1.0], 1),  # of the larger of the two
        ([1.0, 2.0], [1.0], np.inf),
    ],
)
def test_how_far_two_programs_are_apart(ours, theirs, off):
    assert equality.difference({"std": ours}, {"std": theirs}) == pytest.approx(off, rel=1e-3)


def test_a_sample_is_spread_over_the_grid():
    sample = GRID.sample(20)
    assert len(sample) == 20
    assert {network.activation for network in sample} == set(GRID.activations)


def test_the_limit_counts_draws_and_products():
    # 100 layers of 256, 50 networks a seed, by hand: 100 256^2 / 50 = 131072 draws;
    # 2 16 256^2 = 2097152 flop a layer, 100 layers forward and 99 more for dL/dh
    limit = Limit(draws=1e6, flops=1e9)
    assert limit.seconds(GRID, gradients=False) == pytest.approx(0.131072 + 0.2097152)
    assert limit.seconds(GRID, gradients=True) == pytest.approx(0.131072 + 199 * 2097152e-9)


def test_everything_takes_turns_and_a_warm_up_is_not_counted():
    turns = []
    contenders = {name: Contender(lambda name=name: turns.append(name)) for name in "ab"}
    seconds = side_by_side(contenders, 2)
    assert turns == list("baabba")
    assert {name: len(taken) for name, taken in seconds.items()} == {"a": 2, "b": 2}


def test_a_ratio_is_of_values_of_one_round():
    row = times_as_fast("x", [0.001, 0.002, 0.004], [0.01, 0.01, 0.01], "y", at_least=5)
    assert row.cells == (
        "x",
        "2 (1 to 4)",
        "ms a network",
        "5 (2.5 to 10)",
        "speed of y",
        ">= 5",
        "yes",
    )
    assert Row("x", [3.0], "s", at_most=2).cells == ("x", "3", "s", "", "", "<= 2", "no")
