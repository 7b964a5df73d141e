"""Targets from files: as operands, and what the checks of a loss say of them."""

import numpy as np
import pytest
import torch

from initlab.catalog import LOSSES
from initlab.catalog.targets import TargetUse
from initlab.losslab.file_target import operand, problem

B, N = 4, 3
ONE_HOT = np.eye(N)[[0, 2, 1, 1]]
LABELS = np.array([[0.0], [2], [1], [1]])
#: rows that a loss takes
FITTING = {
    "mse": np.arange(12.0).reshape(B, N) - 5,
    "poisson_nll": np.arange(12.0).reshape(B, N),
    "cross_entropy": LABELS,
    "kl_div": np.full((B, N), 1 / N),
    "bce": np.full((B, N), 0.3),
    "soft_margin": 2 * ONE_HOT - 1,
    "multilabel_soft_margin": ONE_HOT,
    "multilabel_margin": np.array([[0.0, 2], [1, -1], [2, -1], [-1, -1]]),
}
LIKE = {
    **dict.fromkeys(("l1", "smooth_l1", "huber", "gaussian_nll"), "mse"),
    **dict.fromkeys(("nll", "linear_cross_entropy", "multi_margin"), "cross_entropy"),
    "bce_with_logits": "bce",
}
TAKING = [name for name in LOSSES if name in FITTING or name in LIKE]


def use(loss, dtype="float32", reduction="mean", **options):
    record = LOSSES[loss]
    return TargetUse(record, {**record.defaults, **options}, reduction, B, N, dtype)


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16", "float16"])
@pytest.mark.parametrize("loss", TAKING)
def test_what_fits_is_taken_in_every_dtype(loss, dtype):
    assert problem(FITTING[LIKE.get(loss, loss)], use(loss, dtype)) is None


@pytest.mark.parametrize("loss", TAKING)
def test_one_column_too_many_is_refused(loss):
    rows = np.zeros((B, 17))
    found = problem(rows, use(loss))
    assert found is not None
    assert "(4, 17)" in found
    assert "initlab describe shape-mismatch" in found or "describe padding" in found


def test_labels_become_a_vector_of_integers():
    found = operand(LABELS, use("cross_entropy"))
    assert (found.dtype, found.tolist()) == (torch.int64, [0, 2, 1, 1])
    probabilities = operand(ONE_HOT, use("cross_entropy"))
    assert (probabilities.dtype, probabilities.shape) == (torch.float64, (B, N))
    lists = operand(FITTING["multilabel_margin"], use("multilabel_margin"))
    assert lists.tolist() == [[0, 2, -1], [1, -1, -1], [2, -1, -1], [-1, -1, -1]]


REFUSED = [
    ("cross_entropy", LABELS + 1, "1 of 4 values is 3 (index 1), no class; C = 3, valid are 0..2"),
    ("cross_entropy", LABELS - 1, "1 of 4 values is -1 (index 0), no class"),
    ("nll", LABELS / 2, "2 of 4 values are no whole number (first: 0.5 at index 2)"),
    ("nll", ONE_HOT, "(4, 3), one number for each class; NLLLoss needs class ids (4)"),
    ("linear_cross_entropy", LABELS + 8, "C = 10, valid are 0..9"),
    ("multi_margin", LABELS * 1e300, "3 of 4 values are no whole number (first: 2e+300"),
    ("cross_entropy", ONE_HOT / 2, "4 of 4 rows are off: row 0 sums to 0.5 (expected 1)"),
    ("cross_entropy", ONE_HOT - 1, "outside 0..1"),
    ("kl_div", ONE_HOT + 1, "row 0 sums to 4 (expected 1)"),
    ("bce", ONE_HOT * 2, "outside 0..1 (first: 2 at index [0, 0]); BCELoss needs 0 or 1"),
    ("bce", LABELS, "(4) against (4, 3) of the outputs; BCELoss needs one shape; loss: cross_"),
    ("soft_margin", ONE_HOT / 2, "neither +1 nor -1"),
    ("poisson_nll", ONE_HOT - 1, "negative"),
    ("mse", LABELS, "(4) against (4, 3) of the outputs"),
    ("multilabel_margin", ONE_HOT, "row 0 is [1,0,0], 0 or 1 for each class; needs class ids"),
    ("multilabel_margin", ONE_HOT / 2, "no whole number"),
]  # fmt: skip


@pytest.mark.parametrize(("loss", "rows", "said"), REFUSED)
def test_the_checks_of_the_loss_say_what_is_wrong(loss, rows, said):
    found = problem(rows, use(loss))
    assert said in found
    assert "(initlab describe " in found
    assert "--" not in found  # flags of `initlab loss`, which a spec has not


def test_another_loss_is_named_where_that_is_meant():
    assert "; loss: cross_entropy (" in problem(LABELS, use("bce_with_logits"))


def test_a_mean_over_ignored_labels_is_refused_and_their_sum_is_not():
    rows = np.full((B, 1), 2.0)
    assert "mean over 0 kept targets" in problem(rows, use("nll", ignore_index=2))
    assert problem(rows, use("nll", reduction="sum", ignore_index=2)) is None


def test_numbers_beyond_the_network_s_dtype_are_refused():
    rows = np.full((B, N), 1e5)
    assert problem(rows, use("mse")) is None
    assert "beyond the range of float16" in problem(rows, use("mse", "float16"))


def test_one_output_takes_one_column():
    record = LOSSES["mse"]
    one = TargetUse(record, record.defaults, "mean", B, 1, "float32")
    assert problem(np.ones((B, 1)), one) is None
