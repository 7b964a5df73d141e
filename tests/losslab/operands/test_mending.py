"""`--clamp` and `--normalise`: probabilities mended where asked, and refused where that is more."""

import pytest
import torch
from torch import tensor
from torch.nn import functional

from initlab.catalog import LOSSES
from initlab.errors import InitlabError, InputError, LossError
from initlab.losslab.evaluate import evaluate_loss
from initlab.losslab.rounding import far_outside, normalised_dims, off, outside


def rules(evaluation):
    return [f.rule for f in evaluation.findings]


def test_clamp_takes_what_rounding_moved_out_and_nothing_else():
    x = [1.0000001, -1e-9, 0.25]
    done = evaluate_loss("bce", {"input": x, "target": [1, 0, 0]}, clamp=True)
    assert float(done.exact["mean"]) == pytest.approx(-torch.tensor(0.75).log().item() / 3)
    assert "clamp" in rules(done)
    with pytest.raises(
        InputError, match=r"1 of 3 values is 1.01 \(index 0\), outside 0..1 by more"
    ):
        evaluate_loss("bce", {"input": [1.01, 0.5, 0.5], "target": [1, 0, 0]}, clamp=True)


def test_clamp_without_need_is_silent():
    done = evaluate_loss("bce", {"input": [0.5], "target": [1]}, clamp=True)
    assert "clamp" not in rules(done)


def test_clamp_comes_before_from():
    """A probability of 1 + 1e-7 has no logit, one of 1 none that is finite; its logarithm is 0."""
    done = evaluate_loss(
        "nll", {"input": [[1.0000001, 0.0]], "target": [0]}, given="probs", clamp=True
    )
    assert float(done.values["mean"]) == 0


@pytest.mark.parametrize("side", ["input", "target"])
def test_normalise_divides_by_sums(side):
    counts, p = [[2, 3, 5], [1, 1, 2]], [[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]]
    pair = {"input": p, "target": p, side: counts}
    done = evaluate_loss("kl_div", pair, given="probs", normalise=True, reduction="batchmean")
    q, t = (tensor(pair[k]) / tensor(pair[k]).sum(1, keepdim=True) for k in ("input", "target"))
    expected = functional.kl_div(q.log(), t, reduction="batchmean")
    assert float(done.values["batchmean"]) == pytest.approx(float(expected), rel=1e-5)
    assert rules(done).count("normalise") == 2


def test_normalise_follows_the_classes():
    x = torch.arange(24.0).reshape(2, 4, 3).cos()
    target = torch.ones(2, 4, 3) * tensor([1.0, 2.0, 5.0])
    pair = {"input": x, "target": target}
    done = evaluate_loss("cross_entropy", pair, class_dim=-1, normalise=True)
    expected = functional.cross_entropy(x.movedim(-1, 1), target.movedim(-1, 1) / 8)
    assert float(done.values["mean"]) == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize(
    ("row", "says"),
    [([0, 0], "row 0 sums to 0, and cannot"), ([-1, 2], r"1 of 4 values is -1 .*negative")],
)
def test_what_cannot_be_normalised_is_refused(row, says):
    with pytest.raises(InputError, match=says):
        evaluate_loss(
            "kl_div",
            {"input": [[0.5, 0.5]] * 2, "target": [row, [1, 1]]},
            given="probs",
            normalise=True,
        )


TAKEN = {"clamp": {"probs", "zero_one", "distribution", "classes_or_probs"},
         "normalise": {"distribution", "classes_or_probs"}}  # fmt: skip
WITHOUT = [
    (loss, option)
    for loss, record in LOSSES.items()
    for option, taken in TAKEN.items()
    if not taken & {o.holds for o in record.operands}
]


@pytest.mark.parametrize(("loss", "option"), WITHOUT)
def test_losses_without_probabilities_refuse(loss, option):
    operands = {o.name: [[0.5, 0.5]] for o in LOSSES[loss].operands}
    with pytest.raises(InputError, match=f"--{option}: {LOSSES[loss].class_name} takes no prob"):
        evaluate_loss(loss, operands, **{option: True})


def test_rounding_is_of_the_dtype():
    x = tensor([1.005, 0.5])
    assert bool(far_outside(x)[0])
    assert not far_outside(x.half()).any()
    assert outside(x.half()).tolist() == [True, False]
    assert off(tensor([1.005]), x).all()
    assert not off(tensor([1.005]), x.half()).any()


def test_dimensions_that_sum_to_1_are_found_the_last_first():
    assert normalised_dims(torch.full((2, 2), 0.5)) == [1, 0]
    assert normalised_dims(torch.eye(3)[tensor([[0, 1], [2, 2]])]) == [2]
    assert normalised_dims(tensor(1.0)) == []
    assert normalised_dims(tensor([0.5, 0.4])) == []


def test_what_sums_to_1_elsewhere_is_not_divided():
    """The last dimension sums to 1: --normalise over dimension 1 would give other numbers."""
    x = [[[0.2, 0.8], [0.5, 0.5]]]
    pair = {"input": x, "target": [[1, 0]]}
    with pytest.raises(InputError, match="sums to 1 over dimension 2 already") as refused:
        evaluate_loss("nll", pair, given="probs", normalise=True)
    assert refused.value.fix.startswith("--class-dim -1")
    with pytest.raises(LossError) as advised:
        evaluate_loss("nll", pair, given="probs")
    assert advised.value.findings[0].fix.startswith("--class-dim -1")
    done = evaluate_loss("nll", pair, given="probs", class_dim=-1)
    # -(ln 0.8 + ln 0.5) / 2
    assert float(done.exact["mean"]) == pytest.approx(0.458145, rel=1e-5)


@pytest.mark.parametrize("target", [1.5, [1.5], [0.5, 1.5]])
@pytest.mark.parametrize("option", ["clamp", "normalise"])
def test_a_target_of_another_shape_is_refused_for_that(target, option):
    with pytest.raises(InitlabError):
        evaluate_loss("ce", {"input": [[1, 2], [3, 4]], "target": target}, **{option: True})
