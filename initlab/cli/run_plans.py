"""Plans run for a shell: what is said on the way, and what is complained about at the end."""

import shlex
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from initlab.cli import output
from initlab.errors import Interrupted

if TYPE_CHECKING:
    from initlab.spec.plan import Plan
    from initlab.store.outcome import Outcome
    from initlab.store.writable import WritableFolder
    from initlab.sweep.engines.engine import Engine
    from initlab.sweep.signals import Stop

MOST_COMPLAINTS = 10


@dataclass
class Options:
    """How a sweep is to be run."""

    jobs: int
    scheduler: str | None
    max_failures: int | None
    retry_failed: bool
    quiet: bool
    saved: bool
    _engine: "Engine | None" = field(default=None, init=False)

    def engine_on(self, stack: ExitStack, stop: "Stop") -> "Engine":
        """The engine, made when it is needed first; the stack closes it."""
        if self._engine is None:
            if self.scheduler is not None:
                from initlab.sweep.engines.dask_cluster import Cluster

                self._engine = Cluster(self.scheduler, self.jobs, output.words, stop)
            else:
                from initlab.sweep.engines.threads import Threads

                self._engine = Threads(self.jobs)
            stack.callback(self._engine.close)
        return self._engine


def run_all(
    plans: "list[Plan]", folders: "list[WritableFolder]", options: Options, wanted: list[str]
) -> list[str]:
    """Run every plan, and publish it; after Ctrl-C too, with what was finished.

    Returns:
        What is to be complained about at the end.
    """
    from initlab.sweep.signals import listening

    complaints: list[str] = []
    with listening() as stop, ExitStack() as engines:
        for plan, folder in zip(plans, folders, strict=True):
            try:
                shown = _run(plan, folder, options, stop, engines)
            except KeyboardInterrupt:
                raise Interrupted(
                    "ended at once: what was finished is in the journal, and no file was published",
                    "the same command continues" if options.saved else None,
                    exit_code=128 + stop.signal,
                ) from None
            counts = folder.writer.counts()
            if stop.signal:
                kept = f"kept in {folder.path}" if options.saved else "not saved"
                raise Interrupted(
                    f"{stop.reason}: {counts['ok']} of {len(plan.runs)} runs were finished, {kept}",
                    "the same command continues" if options.saved else None,
                    exit_code=128 + stop.signal,
                )
            if options.saved and not options.quiet:
                runs = "1 run" if counts["ok"] == 1 else f"{counts['ok']} runs"
                output.words(f"{plan.head.name}: {runs} in {folder.path}/")
            complaints += _complaints(plan, folder, wanted, shown, saved=options.saved)
            if stop.asked:
                todo = f"; {counts['todo']} runs are to do, the same command continues"
                complaints.append(f"{stop.reason}{todo if counts['todo'] else ''}")
                break
    return complaints


def _run(
    plan: "Plan", folder: "WritableFolder", options: Options, stop: "Stop", engines: ExitStack
) -> set[int]:
    """Continue one plan; the numbers of those failed runs that were complained about."""
    from initlab.cli.progress import progress
    from initlab.sweep.session import Manner, conduct

    shown: set[int] = set()

    def failed(index: int, outcome: "Outcome") -> None:
        if len(shown) >= MOST_COMPLAINTS:
            return
        number = plan.numbers[index]
        shown.add(number)
        again = f"\n  again: initlab rerun {shlex.quote(str(folder.path))} {number}"
        again = again if options.saved else ""
        output.words(f"{plan.where(index)} failed: {outcome.reason}{again}")

    manner = Manner(
        retry_failed=options.retry_failed,
        max_failures=options.max_failures,
        watch=partial(progress, plan, quiet=options.quiet),
        say=output.words,
        on_failure=failed,
    )
    conduct(plan, folder, lambda: options.engine_on(engines, stop), stop, manner)
    return shown


def _complaints(
    plan: "Plan", folder: "WritableFolder", wanted: list[str], shown: set[int], *, saved: bool
) -> list[str]:
    """Runs that failed, those that are `shown` already counted only, and --fail-on checks met."""
    from initlab.cli.fail_on import failing
    from initlab.store.outcome import result_cells

    failures = folder.writer.failures()
    found = [
        f"{plan.where(plan.numbers.index(number))} failed: {reason}"
        for number, reason in failures.items()
        if number not in shown
    ]
    if wanted:
        for index, outcome in enumerate(folder.writer.outcomes()):
            if met := failing(result_cells(outcome, plan.head.thresholds), wanted):
                found.append(f"{plan.where(index)} is {', '.join(met)}")
    more = len(found) - MOST_COMPLAINTS
    complaints = found[:MOST_COMPLAINTS] + ([f"... and {more} more"] if more > 0 else [])
    if failures:
        complaints.append(
            f"{plan.head.name}: {len(failures)} of {len(plan.runs)} runs failed"
            f"{'; --retry-failed runs them again' if saved else ''}"
        )
    return complaints
