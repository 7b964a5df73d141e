"""Which loss takes which target, and what is said of one that does not fit."""

import pytest

from initlab.catalog import LOSSES, TARGETS
from initlab.catalog.targets import LINEAR_CLASSES, TargetUse, shares_of

B, N = 6, 4


def use(loss, **options):
    record = LOSSES[loss]
    return TargetUse(record, {**record.defaults, **options}, "mean", B, N, "float32")


def problem(target, loss, options=None, **parameters):
    record = TARGETS[target]
    return record.problem({**record.defaults, **parameters}, use(loss, **(options or {})))


@pytest.mark.parametrize("loss", LOSSES)
def test_a_loss_that_compares_samples_or_sequences_takes_none_and_others_take_some(loss):
    taken = {target for target in TARGETS if LOSSES[loss].target in TARGETS[target].forms}
    if loss.startswith("triplet"):
        assert problem("normal", loss) == (
            f"{loss} compares samples with each other, and has no target; leave target out"
        )
    if loss.startswith("triplet") or loss == "ctc":
        assert not taken
        return
    assert taken
    for target in set(TARGETS) - taken - {"file"}:
        found = problem(target, loss, path="x", value=1, p=0.5)
        assert found.startswith(f"{loss} takes no target '{target}'")
        assert all(name in found.partition("it takes ")[2] for name in taken)


@pytest.mark.parametrize("loss", ["cross_entropy", "nll", "multi_margin"])
def test_losses_of_labels_take_labels(loss):
    assert problem("classes", loss) is None
    assert problem("constant", loss, value=3.0) is None
    assert problem("normal", loss) == (
        f"{loss} takes no target 'normal'; it takes classes, constant, file"
    )


def test_a_file_has_no_target_for_pairs():
    found = problem("file", "hinge_embedding", path="x")
    assert "its target is of pairs of samples, a file has a row a sample" in found
    assert found.endswith("it takes bernoulli, constant")


@pytest.mark.parametrize(
    ("shares", "said"),
    [
        ((0.7, 0.2, 0.1), "classes has 3 shares; cross_entropy has 4 classes here"),
        ((0.7, 0.2, 0.1, 0.1), "classes has shares that sum to 1.1; needs 1, to 1e-06"),
        ((0.0, 0.0, 0.0, 0.0), "classes has shares that sum to 0; needs 1, to 1e-06"),
        ((0.7, 0.2, 0.1, 2e-7), None),
        ("uniform", None),
    ],
)
def test_shares_are_as_many_as_outputs_and_sum_to_1(shares, said):
    assert problem("classes", "cross_entropy", shares=shares) == said


def test_a_linear_layer_of_its_own_has_ten_classes():
    assert problem("classes", "linear_cross_entropy", shares=(0.1,) * LINEAR_CLASSES) is None
    assert "10 classes" in problem("classes", "linear_cross_entropy", shares=(0.25,) * 4)
    assert problem("constant", "linear_cross_entropy", value=9.0) is None
    assert "0..9" in problem("constant", "linear_cross_entropy", value=10.0)


def test_rounding_is_taken_off_shares():
    assert sum(shares_of({"shares": (0.3, 0.3, 0.3999999)}, 3)) == pytest.approx(1, abs=1e-15)
    assert shares_of({"shares": "uniform"}, 4) == (0.25,) * 4


@pytest.mark.parametrize(
    ("loss", "fits", "not_"),
    [
        ("mse", [-1e9, 0.5], []),
        ("cross_entropy", [0, 3], [4, -1, 0.5]),
        ("poisson_nll", [0, 7], [-1, 0.5]),
        ("bce", [0, 0.5, 1], [-0.1, 1.1]),
        ("soft_margin", [-1, 1], [0, 0.5]),
        ("margin_ranking", [-1, 1], [0]),
    ],
)
def test_a_constant_is_what_the_loss_takes(loss, fits, not_):
    for value in fits:
        assert problem("constant", loss, value=float(value)) is None
    for value in not_:
        assert f"constant is {value:g}; {loss} needs" in problem(
            "constant", loss, value=float(value)
        )


def test_certain_classes_have_no_logarithm():
    assert problem("classes", "kl_div") is None
    assert "log_target" in problem("classes", "kl_div", {"log_target": True})
