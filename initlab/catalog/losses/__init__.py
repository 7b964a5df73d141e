"""Losses, a file for each family. To add one, add a record and the functions that it names."""

from initlab.catalog.losses import binary, classes, margins, regression, sequences, similarity
from initlab.catalog.losses.names import LossTable
from initlab.catalog.losses.record import INTEGERS, MEANING, Loss, Operand
from initlab.catalog.losses.tasks import TASKS, Task

LOSSES = LossTable(
    "loss",
    "losses",
    *regression.RECORDS,
    *classes.RECORDS,
    *binary.RECORDS,
    *margins.RECORDS,
    *similarity.RECORDS,
    *sequences.RECORDS,
)


def losses_for(task: str) -> list[Loss]:
    """Losses for a task, by its own name."""
    return [loss for loss in LOSSES.values() if task in loss.task]


__all__ = ["INTEGERS", "LOSSES", "MEANING", "TASKS", "Loss", "Operand", "Task", "losses_for"]
