"""Progress on stderr: a bar on a terminal, one line otherwise."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from initlab.cli.output import words
from initlab.plan import Plan
from initlab.sweep import work


@contextmanager
def progress(plan: Plan, *, quiet: bool) -> Iterator[Callable[[int], None]]:
    """Announce a plan, and hand out what is to be called with every layer's number of networks."""
    if quiet:
        yield lambda _: None
        return
    words(f"{plan.spec.head.name}: {plan.product}")
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    shown = (TextColumn("{task.percentage:>3.0f} %"), BarColumn(), TimeRemainingColumn())
    with Progress(*shown, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("layers", total=work(plan))
        yield lambda networks: bar.advance(task, networks)
