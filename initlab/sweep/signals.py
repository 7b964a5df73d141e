"""Ctrl-C, SIGTERM, SIGHUP: the first lets what is under way finish, the second ends at once."""

import math
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from initlab.errors import Interrupted, Terminated

THREAD_PREFIX = "initlab-share"  # what threads that compute are called
GRACE_SECONDS = 2.0  # for what is under way


class Stop:
    """Whether a sweep was asked to stop, and by what."""

    def __init__(self) -> None:
        self.signal = 0
        self.reason = ""
        self._deadline: float | None = None

    def ask(self, reason: str, signum: int = 0) -> None:
        """Start nothing more."""
        if self._deadline is None:
            self.reason, self.signal = reason, signum
            self._deadline = time.monotonic() + GRACE_SECONDS

    @property
    def asked(self) -> bool:
        """Whether nothing more may be started."""
        return self._deadline is not None

    @property
    def overdue(self) -> bool:
        """Whether what is under way has had its time."""
        return self._deadline is not None and time.monotonic() >= self._deadline

    def abandon(self) -> None:
        """Give up what is under way, too."""
        self._deadline = -math.inf

    def check(self) -> None:
        """Raise `Interrupted` in work that has had its time."""
        if self.overdue:
            raise Interrupted(self.reason)


@contextmanager
def listening() -> Iterator[Stop]:
    """A `Stop` that hears SIGINT, SIGTERM and SIGHUP while the block lasts, in the main thread.

    A second signal raises KeyboardInterrupt, and a third kills. A signal that was ignored before,
    as in a job that a shell put into the background, stays so.
    """
    stop, heard = Stop(), 0

    def handler(signum: int, _: FrameType | None) -> None:
        nonlocal heard
        heard += 1
        if heard == 1:
            name = "Ctrl-C" if signum == signal.SIGINT else signal.Signals(signum).name
            stop.ask(f"stopped by {name}", signum)
        elif heard == 2:
            stop.abandon()
            raise KeyboardInterrupt if signum == signal.SIGINT else Terminated
        else:
            os._exit(128 + signum)

    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    # SIGHUP: its terminal has gone
    heeded = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {signum: signal.getsignal(signum) for signum in heeded}
    for signum, old in before.items():
        if old not in (signal.SIG_IGN, None):
            signal.signal(signum, handler)
    try:
        yield stop
    finally:
        for signum, old in before.items():
            if old is not None:
                signal.signal(signum, old)
