"""Tasks: every loss is for one, none is without a loss, and the course's lists are found."""

import pytest

from initlab.catalog import LOSSES, TASKS
from initlab.catalog.losses import losses_for


def test_every_loss_is_for_known_tasks_by_their_own_names():
    assert {task for loss in LOSSES.values() for task in loss.task} == set(TASKS)
    assert all(loss.task for loss in LOSSES.values())


# the chapter's own lists, "which loss for which task"; it has 18 of the losses
COURSE = {
    "binary": {"bce", "bce_with_logits", "soft_margin"},
    "multi_label": {"multilabel_soft_margin", "multilabel_margin"},
    "multi_class": {"cross_entropy", "nll", "multi_margin"},
    "counts": {"poisson_nll"},
    "distribution": {"kl_div"},
    "regression": {"l1", "mse", "smooth_l1"},
    "sequence": {"ctc"},
    "verification": {"triplet_margin"},
    "ranking": {"margin_ranking"},
    "embedding": {"hinge_embedding", "cosine_embedding"},
}


@pytest.mark.parametrize("task", TASKS)
def test_the_course_s_losses_are_there(task):
    assert {loss.name for loss in losses_for(task)} >= COURSE[task]


def test_no_loss_is_for_a_task_that_nobody_named():
    assert losses_for("knitting") == []


def test_tasks_are_found_by_the_words_of_the_course():
    assert TASKS["face-verification"].name == "verification"
    assert TASKS["semi_supervised"].name == TASKS["similarity"].name == "embedding"
