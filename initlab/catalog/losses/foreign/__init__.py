"""Losses by the names of other libraries and of papers, and what each is in torch."""

from initlab.catalog.losses.foreign import classes, margins, regression
from initlab.catalog.losses.foreign.record import Foreign

FOREIGN = (
    *regression.REGRESSIONS,
    *classes.CLASSIFICATIONS,
    *margins.MARGINS,
    *margins.SIMILARITIES,
)

__all__ = ["FOREIGN", "Foreign"]
