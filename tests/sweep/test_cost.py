"""What a plan costs before it is run."""

import pytest

from initlab.sweep.cost import HEADER, estimate


def test_an_estimate_counts_layers_draws_and_products(plan_of):
    plan = plan_of(shape=[3, 5, 2], batch=10_000, activation=["tanh", "relu"], seeds=3, band=0)
    row = dict(zip(HEADER, estimate(plan, 1), strict=True))
    assert (row["runs"], row["shares"], row["layers"]) == (6, 1, 12)
    assert row["random_numbers"] == 3 * (3 * 5 + 5 * 2)  # once a seed
    # 2 B I O forward for both layers, and as many backward for the last one; 6 runs
    assert row["gflop"] == round(6 * 2 * 10_000 * (15 + 10 + 10) / 1e9, 3)


def test_forward_only_costs_less(plan_of):
    def costs(record):
        row = estimate(plan_of(depth=50, width=300, batch=64, record=record), 1)
        return dict(zip(HEADER, row, strict=True))

    both, forward = costs("both"), costs("forward")
    assert forward["gflop"] < both["gflop"]
    assert forward["memory_mib"] < both["memory_mib"]


def test_networks_that_are_drawn_for_a_band_count(plan_of):
    def row(band):
        plan = plan_of(depth=4, width=64, batch=500, record="forward", band=band)
        return dict(zip(HEADER, estimate(plan, 1), strict=True))

    none, some = row(0), row(100)
    # a hundred forward passes beside one, and 64 multiplications for each of their weights
    own = 2 * 500 * 4 * 64**2 / 1e9
    assert none["gflop"] == round(own, 3)
    assert some["gflop"] == pytest.approx(own * (1 + 100 * (500 + 64) / 500), rel=1e-3)
    assert some["memory_mib"] > none["memory_mib"]
