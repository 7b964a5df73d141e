"""Plans run for a shell: what is said on the way, and what is complained about at the end."""

import shlex
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from initlab.cli import collector, output
from initlab.errors import Interrupted

if TYPE_CHECKING:
    from initlab.spec.plan import Plan
    from initlab.store.outcome import Outcome
    from initlab.store.writable import WritableFolder
    from initlab.sweep.engines.engine import Engine
    from initlab.sweep.signals import Stop

MOST_COMPLAINTS = 10


@dataclass(frozen=True)
class SweepOptions:
    """How plans are to be run.

    Args:
        jobs: shares at a time.
        scheduler: of a Dask cluster, or "local"; None for threads of this process.
        max_failures: start nothing more after so many failed runs.
        retry_failed: run again what failed before.
        saved: whether the folders stay.
    """

    jobs: int
    scheduler: str | None
    max_failures: int | None
    retry_failed: bool
    saved: bool


class LazyEngine(AbstractContextManager["LazyEngine"]):
    """The engine of all plans, made when the first of them needs it, closed at the end."""

    def __init__(self, options: SweepOptions, stop: "Stop") -> None:
        self._options, self._stop = options, stop
        self._engine: Engine | None = None

    def get(self) -> "Engine":
        """The engine; the same one every time."""
        if self._engine is None:
            self._engine = self._make()
            collector.resume()
        return self._engine

    def _make(self) -> "Engine":
        options = self._options
        if options.scheduler is None:
            from initlab.sweep.engines.threads import Threads

            return Threads(options.jobs)
        from initlab.sweep.engines.dask_cluster import Cluster

        return Cluster(options.scheduler, options.jobs, output.note, self._stop)

    def __exit__(self, *_: object) -> None:
        if self._engine is not None:
            self._engine.close()


def check_resources(plans: "list[Plan]", jobs: int, scheduler: str | None) -> None:
    """Make sure of this machine's memory, or that the cluster answers.

    Raises:
        InputError: there is less memory than the plans need, or no scheduler.
    """
    from initlab.sweep.cost import check_memory
    from initlab.sweep.engines.scheduler_address import address_of, ask_identity

    if scheduler not in (None, "local"):
        ask_identity(scheduler, address_of(scheduler))
        return
    for plan in plans:
        check_memory(plan, jobs)


def run_all(
    plans: "list[Plan]", folders: "list[WritableFolder]", options: SweepOptions, wanted: list[str]
) -> list[str]:
    """Run every plan, and publish it; after Ctrl-C too, with what was finished.

    Returns:
        What is to be complained about at the end.
    """
    from initlab.sweep.signals import listening

    complaints: list[str] = []
    with listening() as stop, LazyEngine(options, stop) as engine:
        for plan, folder in zip(plans, folders, strict=True):
            try:
                shown = _run(plan, folder, options, stop, engine)
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
            if options.saved and not output.is_quiet():
                runs = "1 run" if counts["ok"] == 1 else f"{counts['ok']} runs"
                output.note(f"{plan.head.name}: {runs} in {folder.path}/")
            complaints += [folder.displaced] if folder.displaced and options.saved else []
            complaints += _complaints(plan, folder, wanted, shown, saved=options.saved)
            if stop.asked:
                todo = f"; {counts['todo']} runs are to do, the same command continues"
                complaints.append(f"{stop.reason}{todo if counts['todo'] else ''}")
                break
    return complaints


def _run(
    plan: "Plan",
    folder: "WritableFolder",
    options: SweepOptions,
    stop: "Stop",
    engine: LazyEngine,
) -> set[int]:
    """Continue one plan; the numbers of those failed runs that were complained about."""
    from initlab.cli.progress import progress
    from initlab.sweep.session import SessionOptions, run_session

    shown: set[int] = set()

    def failed(index: int, outcome: "Outcome") -> None:
        if len(shown) >= MOST_COMPLAINTS:
            return
        number = plan.numbers[index]
        shown.add(number)
        again = f"\n  again: initlab rerun {shlex.quote(str(folder.path))} {number}"
        again = again if options.saved else ""
        output.warn(f"{plan.where(index)} failed: {outcome.reason}{again}")

    session = SessionOptions(
        retry_failed=options.retry_failed,
        max_failures=options.max_failures,
        watch=partial(progress, plan, quiet=output.is_quiet()),
        notify=output.warn,
        on_failure=failed,
    )
    run_session(plan, folder, engine.get, stop, session)
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
            if met := failing(
                result_cells(outcome, plan.head.thresholds, plan.runs[index].stream_start), wanted
            ):
                found.append(f"{plan.where(index)} is {', '.join(met)}")
    more = len(found) - MOST_COMPLAINTS
    complaints = found[:MOST_COMPLAINTS] + ([f"... and {more} more"] if more > 0 else [])
    if failures:
        complaints.append(
            f"{plan.head.name}: {len(failures)} of {len(plan.runs)} runs failed"
            f"{'; --retry-failed runs them again' if saved else ''}"
        )
    return complaints
