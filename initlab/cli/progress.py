"""Progress on stderr: a bar on a terminal, one line otherwise."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from initlab.cli.output import note
from initlab.spec.plan import Plan
from initlab.store.work import Work
from initlab.sweep.run import total_layers


@contextmanager
def progress(plan: Plan, remaining: Work, *, quiet: bool) -> Iterator[Callable[[int], None]]:
    """Announce a plan, and hand out what is to be called with every layer's number of networks."""
    if quiet:
        yield lambda _: None
        return
    known = len(plan.runs) - len(remaining.runs)
    reused = f", {known:,} of them known already" if known else ""
    note(f"{plan.head.name}: {plan.product}{reused}")
    if not remaining or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    shown = (TextColumn("{task.percentage:>3.0f} %"), BarColumn(), TimeRemainingColumn())
    with Progress(*shown, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("layers", total=total_layers(plan, remaining))
        yield lambda networks: bar.advance(task, networks)
