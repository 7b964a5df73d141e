"""What a plan costs before it is run."""

from initlab.sweep.cost import HEADER, estimate


def test_an_estimate_counts_layers_draws_and_products(plan_of):
    plan = plan_of(shape=[3, 5, 2], batch=10_000, activation=["tanh", "relu"], seeds=3)
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
