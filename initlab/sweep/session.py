"""One session of a sweep: what is known is reused, the rest computed, kept and published."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from initlab.errors import DiskError, FolderInUse, InitlabError
from initlab.spec.plan import Plan
from initlab.store.damage import DamagedJournal
from initlab.store.outcome import Outcome
from initlab.store.provenance import differences, environment, inputs
from initlab.store.publish import publish
from initlab.store.work import Work
from initlab.store.writable import WritableFolder
from initlab.sweep import run
from initlab.sweep.engines.engine import Engine
from initlab.sweep.signals import Stop
from initlab.sweep.tasks import Tick


@dataclass(frozen=True)
class SessionOptions:
    """How to run a session.

    Args:
        retry_failed: run again what failed before.
        max_failures: stop after so many failed runs.
        watch: given what is to be done, a context that hands out what to call with each layer.
        notify: told what the user should know.
        on_failure: called with the index of a run that failed, and its outcome.
    """

    retry_failed: bool = False
    max_failures: int | None = None
    watch: Callable[[Work], AbstractContextManager[Tick]] = lambda _: nullcontext(lambda _: None)
    notify: Callable[[str], None] = lambda _: None
    on_failure: Callable[[int, Outcome], None] = lambda _, __: None


def run_session(
    plan: Plan,
    folder: WritableFolder,
    engine: Callable[[], Engine],
    stop: Stop,
    options: SessionOptions = SessionOptions(),
) -> None:
    """Continue a plan where its folder's journal has it, and publish what there is at the end.

    Args:
        plan: what to run.
        folder: open for writing.
        engine: makes or finds the engine, if there is anything to be done.
        stop: ends the session early when it is asked to.
        options: how.

    Raises:
        DiskError: the disk refused; what was committed is safe.
        FolderInUse: another session has taken over; what was committed is safe.
        WorkersLost: a cluster has gone; what was committed is published.
    """
    _compute(plan, folder, engine, stop, options)
    try:
        publish(folder.path, folder.writer)
    except DamagedJournal as error:  # sound to SQLite, but its numbers are not those written
        options.notify(f"{error.message}; {folder.set_journal_aside()}")
        _compute(plan, folder, engine, stop, options)
        publish(folder.path, folder.writer)
    _tell_changed_inputs(plan, options.notify)


def _compute(
    plan: Plan,
    folder: WritableFolder,
    engine: Callable[[], Engine],
    stop: Stop,
    options: SessionOptions,
) -> None:
    recorder = folder.begin(plan, retry_failed=options.retry_failed, notify=options.notify)
    remaining = recorder.remaining()
    try:
        with options.watch(remaining) as on_layer:
            if remaining:
                running = engine()
                _compare(folder, options.notify)
                run.run_tasks(
                    plan,
                    recorder,
                    running,
                    stop,
                    max_failures=options.max_failures,
                    on_layer=on_layer,
                    on_failure=options.on_failure,
                )
    except (DiskError, FolderInUse):  # nothing more can, or may, be written
        raise
    except InitlabError as error:
        recorder.finish(error.message)
        publish(folder.path, folder.writer)
        raise
    recorder.finish(stop.reason or "done")


def _tell_changed_inputs(plan: Plan, notify: Callable[[str], None]) -> None:
    """Say so where an input file is not any more what the networks were fed."""
    for path, samples in inputs(plan.runs).items():
        if samples.changed():
            notify(
                f"{path}: has changed since it was read for this sweep, whose runs are of what it"
                " held then; the same command measures what it holds now"
            )


def _compare(folder: WritableFolder, notify: Callable[[str], None]) -> None:
    """Say so where runs that are reused were measured with other versions or on other machines."""
    for then, runs in folder.writer.environments():
        changed = differences(then, environment())
        if changed:
            notify(
                f"{folder.path}: {runs} runs that are reused may differ in their last digits from"
                f" what this machine would measure: {'; '.join(changed)} (--fresh runs all again)"
            )
