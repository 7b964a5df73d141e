"""What a sweep asks of the place where its tasks are done."""

from concurrent.futures import Future
from typing import Protocol

from initlab.store.work import Task, TaskResult
from initlab.sweep.tasks import Tick


class Engine(Protocol):
    """Does tasks side by side."""

    @property
    def jobs(self) -> int:
        """Tasks that are done at a time, now."""

    def submit(self, task: Task, tick: Tick) -> Future[TaskResult]:
        """Hand in a task; its future holds what came of it.

        `tick` is called from any thread, with the number of networks that passed a layer, or once
        with all that the task passed.
        """

    def warm_up(self) -> None:
        """Have those who work import what they need, so that a death is a task's own."""

    def recall(self, future: Future[TaskResult]) -> bool:
        """Take back a task that was not started yet; whether that could be done."""

    def deaths(self, error: BaseException) -> int:
        """How many workers died of a task that ended in this error; 0 if it is another error."""

    def close(self) -> None:
        """Let go of everything, without waiting for what is under way."""
