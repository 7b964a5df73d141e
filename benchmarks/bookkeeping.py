"""What keeping results costs: journal and CSV of 400 networks, and tiny shares one by one."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from typing import Any
from unittest import mock

import initlab
from benchmarks.sweeping import computed, swept, swept_by
from benchmarks.table import Row, milliseconds
from benchmarks.timing import Contender, side_by_side
from benchmarks.workloads import GRID
from initlab.spec.plan import Plan
from initlab.store.recorder import Recorder
from initlab.store.writer import Writer
from initlab.sweep import session
from initlab.sweep.cost import default_jobs
from initlab.sweep.engines.dask_cluster import Cluster
from initlab.sweep.engines.engine import Engine
from initlab.sweep.engines.threads import Threads
from initlab.sweep.signals import Stop

KEPT = replace(GRID, seeds=8)
SHARES = 2000  # trivial ones
WANTED = 3  # % of the sweep, journal and CSV together
JOURNAL = [
    *((Recorder, name) for name in ("__init__", "remaining", "commit", "finish")),
    (Writer, "close"),
]
CSV = [(session, "publish")]


class Stopwatch:
    """Seconds of this thread that are spent in some functions, while it is entered."""

    def __init__(self, functions: list[tuple[Any, str]]) -> None:
        self._functions = functions
        self._patched = ExitStack()
        self.seconds = 0.0

    def __enter__(self) -> "Stopwatch":
        for owner, name in self._functions:
            timed = self._timed(getattr(owner, name))
            self._patched.enter_context(mock.patch.object(owner, name, timed))
        return self

    def __exit__(self, *_: object) -> None:
        self._patched.close()

    def _timed(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any, **options: Any) -> Any:
            start = time.thread_time()
            try:
                return function(*args, **options)
            finally:
                self.seconds += time.thread_time() - start

        return timed


def rows(rounds: int) -> list[Row]:
    """Of the grid with eight seeds, without bands and with them; then what limits a cluster."""
    return [*_kept(0, rounds), *_kept(400, 1), *_trivial_shares()]


def _kept(band: int, rounds: int) -> list[Row]:
    plan, jobs = KEPT.plan(gradients=True, band=band), default_jobs()
    shares: dict[str, list[float]] = {"journal": [], "CSV": [], "both": []}

    def kept() -> None:
        start = time.perf_counter()
        with Stopwatch(JOURNAL) as writing, Stopwatch(CSV) as publishing:
            swept(plan, jobs)
        seconds = time.perf_counter() - start
        # while the main thread writes, jobs - 1 others compute
        journal = 100 * writing.seconds / jobs / seconds
        published = 100 * publishing.seconds / seconds
        shares["journal"].append(journal)
        shares["CSV"].append(published)
        shares["both"].append(journal + published)

    contenders = {
        "in memory": Contender(lambda: computed(plan, jobs), len(plan.runs)),
        "kept": Contender(kept, len(plan.runs)),
    }
    seconds = side_by_side(contenders, rounds, warm_up=band == 0)
    what = f"{len(plan.runs)} networks, band: {band}"
    longer = [a / b for a, b in zip(seconds["kept"], seconds["in memory"], strict=True)]
    return [
        Row(
            f"{what}: kept", milliseconds(seconds["kept"]), "ms a network",
            longer, "time of one in memory",
        ),
        *(
            Row(
                f"{what}: {part}", values[-rounds:], "% of the sweep",
                at_most=WANTED if part == "both" else None,
            )
            for part, values in shares.items()
        ),
    ]  # fmt: skip


def _trivial_shares() -> list[Row]:
    """How many shares that compute nothing one driver hands out: what limits a cluster."""
    spec = {"name": "trivial", "depth": 1, "width": 2, "activation": "tanh", "init": "normal"}
    plan = initlab.load_plan({**spec, "band": 0, "record": "forward", "seeds": SHARES})
    with mock.patch("initlab.spec.shares.SEEDS_BYTES", 0):  # each seed a share of its own
        return [
            _rate(plan, "1 thread", Threads(1)),
            _rate(plan, "2 Dask workers of this machine", Cluster("local", 2, print, Stop())),
        ]


def _rate(plan: Plan, what: str, engine: Engine) -> Row:
    try:
        start = time.perf_counter()
        swept_by(engine, plan)
        rate = SHARES / (time.perf_counter() - start)
    finally:
        engine.close()
    return Row(f"trivial shares, one driver, {what}", [rate], "shares a second")
