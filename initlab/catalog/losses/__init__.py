"""Losses, a file for each family. To add one, add a record and the functions that it names."""

from initlab.catalog.losses import binary, classes, margins, regression, sequences, similarity
from initlab.catalog.losses.names import LossTable
from initlab.catalog.losses.record import INTEGERS, MEANING, Loss, Operand

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

#: what a loss can be for, as `initlab list losses --task` takes it
TASKS = tuple(sorted({task for loss in LOSSES.values() for task in loss.task}))

__all__ = ["INTEGERS", "LOSSES", "MEANING", "TASKS", "Loss", "Operand"]
