"""Specs of a command as plans, and what their users may have meant otherwise."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from initlab.cli.output import note

if TYPE_CHECKING:
    from initlab.spec.plan import Plan


def read_plans(specs: Sequence[str], overrides: Sequence[str], max_runs: int) -> "list[Plan]":
    """The plan of every spec; hints are told on stderr, each once.

    Raises:
        SpecError, InputError: as `reader.read` and `expand.make` do.
    """
    from initlab.spec.expand import make
    from initlab.spec.reader import read

    plans = [make(read(source, overrides), max_runs=max_runs) for source in specs]
    for hint in dict.fromkeys(hint for plan in plans for hint in plan.hints):
        note(f"note: {hint}")
    return plans
