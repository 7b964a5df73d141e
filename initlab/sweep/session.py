"""One sitting of a sweep: what is known is reused, the rest computed, kept and published."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from initlab.errors import DiskError, InitlabError
from initlab.spec.plan import Plan
from initlab.store.journal import DamagedJournal
from initlab.store.outcome import Outcome
from initlab.store.provenance import differences, environment
from initlab.store.publish import publish
from initlab.store.work import Missing
from initlab.store.writable import WritableFolder
from initlab.sweep import run
from initlab.sweep.engines.engine import Engine
from initlab.sweep.signals import Stop
from initlab.sweep.tasks import Tick


@dataclass(frozen=True)
class Manner:
    """How to conduct a sweep.

    Args:
        retry_failed: run again what failed before.
        max_failures: stop after so many failed runs.
        watch: given what is missing, a context that hands out what to call with each layer.
        say: told what the user should know.
        on_failure: called with the index of a run that failed, and its outcome.
    """

    retry_failed: bool = False
    max_failures: int | None = None
    watch: Callable[[Missing], AbstractContextManager[Tick]] = lambda _: nullcontext(lambda _: None)
    say: Callable[[str], None] = lambda _: None
    on_failure: Callable[[int, Outcome], None] = lambda _, __: None


def conduct(
    plan: Plan,
    folder: WritableFolder,
    engine: Callable[[], Engine],
    stop: Stop,
    manner: Manner = Manner(),
) -> None:
    """Continue a plan where its folder's journal has it, and publish what there is at the end.

    Args:
        plan: what to run.
        folder: open for writing.
        engine: makes or finds the engine, if there is anything to be done.
        stop: ends the sitting early when it is asked to.
        manner: how.

    Raises:
        DiskError: the disk refused; what was committed is safe.
        WorkersLost: a cluster has gone; what was committed is published.
    """
    _compute(plan, folder, engine, stop, manner)
    try:
        publish(folder.path, folder.writer)
    except DamagedJournal as error:  # sound to SQLite, but its numbers are not those written
        manner.say(f"{error.message}; {folder.set_journal_aside()}")
        _compute(plan, folder, engine, stop, manner)
        publish(folder.path, folder.writer)


def _compute(
    plan: Plan, folder: WritableFolder, engine: Callable[[], Engine], stop: Stop, manner: Manner
) -> None:
    for text in folder.begin(plan, retry_failed=manner.retry_failed):
        manner.say(text)
    missing = folder.writer.missing()
    try:
        with manner.watch(missing) as on_layer:
            if missing:
                running = engine()
                _compare(folder, manner.say)
                run.run(
                    plan,
                    folder.writer,
                    running,
                    stop,
                    max_failures=manner.max_failures,
                    on_layer=on_layer,
                    on_failure=manner.on_failure,
                )
    except DiskError:
        raise
    except InitlabError as error:
        folder.writer.finish(error.message)
        publish(folder.path, folder.writer)
        raise
    folder.writer.finish(stop.reason or "done")


def _compare(folder: WritableFolder, say: Callable[[str], None]) -> None:
    """Say so where runs that are reused were measured with other versions or on other machines."""
    for then, runs in folder.writer.environments():
        changed = differences(then, environment())
        if changed:
            say(
                f"{folder.path}: {runs} runs that are reused may differ in their last digits from"
                f" what this machine would measure: {'; '.join(changed)} (--fresh runs all again)"
            )
