"""Runs a plan: shares on threads, one intra-op thread each, until done or stopped."""

import math
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from initlab.catalog.columns import columns
from initlab.errors import InputError, Interrupted
from initlab.forecast import Forecast, simulated
from initlab.plan import Plan, Share, batched
from initlab.theory.band import Band, Simulated, bands
from initlab.theory.prediction import AT_ONCE, Prediction, predict
from initlab.verdicts import Outcome

LIBRARIES_BYTES = 400 << 20  # torch and pandas, loaded
PREDICTED_BYTES = 1024  # a layer, while its prediction is made
COLUMNS = len(columns("layers", "forward", "backward")) + 4  # numbers kept of a layer
BANDS_AT_ONCE = 16  # points of one task: their draws, shared, cost little any more
SIMULATED = 7  # networks simulated in about the time in which one passes forward


def default_jobs() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory_bytes(plan: Plan, jobs: int) -> int:
    """An estimate of the most memory a sweep uses: its largest shares at once, and its results."""
    shares = sorted((share.memory_bytes for share in plan.shares(jobs)), reverse=True)
    layers = sum(run.depth for run in plan.runs)
    predicting = min(layers, AT_ONCE) * PREDICTED_BYTES
    return LIBRARIES_BYTES + sum(shares[:jobs]) + predicting + layers * COLUMNS * 8


def check_memory(plan: Plan, jobs: int) -> None:
    """Refuse a sweep that cannot fit, before anything is computed.

    Raises:
        InputError: with the estimate, and what there is.
    """
    import psutil

    needed, available = memory_bytes(plan, jobs), psutil.virtual_memory().available
    if needed > available:
        smaller = "a smaller width, depth or batch, or record: forward"
        fix = "--jobs 1" if jobs > 1 and memory_bytes(plan, 1) <= available else smaller
        raise InputError(
            f"{plan.spec.head.name}: needs about {needed / 2**30:.1f} GiB of memory with"
            f" --jobs {jobs}, {available / 2**30:.1f} GiB are free",
            fix,
        )


def run(
    plan: Plan, *, jobs: int = 1, on_layer: Callable[[int], None] = lambda _: None
) -> tuple[list[Outcome], bool]:
    """Build and measure every network of a plan, and forecast what it should be.

    Args:
        plan: what to run.
        jobs: shares computed at a time. It changes no number.
        on_layer: called from any thread as layers are done, with the number of networks advanced;
            `work` is their sum.

    Returns:
        An outcome for every run, in the plan's order, and whether Ctrl-C cut the sweep short.
    """
    outcomes = [Outcome("interrupted", reason="stopped by Ctrl-C")] * len(plan.runs)
    predictions = [Prediction()] * len(plan.runs)
    known: dict[Simulated, Band] = {}
    lost: list[str] = []  # what theory failed to say; that must not cost anybody's measurements
    stop = threading.Event()

    def tick(networks: int) -> None:
        if stop.is_set():
            raise Interrupted("stopped by Ctrl-C")
        on_layer(networks)

    def measure(share: Share) -> None:
        for index, outcome in _measure(share, tick).items():
            outcomes[index] = outcome

    def simulate(points: list[Simulated]) -> None:
        try:
            found = bands(points, plan.spec.head.band, lambda count: tick(count // SIMULATED))
            known.update(zip(points, found, strict=True))
        except Interrupted:
            raise
        except Exception as error:
            lost.append(f"no band: {_in_short(error)}")

    def foresee() -> None:
        try:
            predictions[:] = predict(plan.runs, tick=lambda: tick(0))
        except Interrupted:
            raise
        except Exception as error:
            lost.append(f"no prediction: {_in_short(error)}")

    tasks: list[Callable[[], None]] = [
        *(partial(measure, share) for share in plan.shares(jobs)),
        foresee,
        *(partial(simulate, points) for points in simulations(plan, jobs)),
    ]
    with one_thread_each(jobs) as pool:
        try:
            pending: set[Future[None]] = set()
            for task in tasks:
                pending.add(pool.submit(task))
                if len(pending) >= 2 * jobs:  # few enough that Ctrl-C is heard at once
                    pending = _next(pending)
            while pending:
                pending = _next(pending)
        except KeyboardInterrupt:
            stop.set()
            lost.append("stopped by Ctrl-C before its prediction or band was made")
            pool.shutdown(wait=True, cancel_futures=True)
    return _with_forecasts(plan, outcomes, predictions, known, lost), stop.is_set()


def simulations(plan: Plan, jobs: int) -> list[list[Simulated]]:
    """The finite-width bands of a plan, each once, in groups that share their draws.

    Large groups are cut so that every job has work; that changes no number.
    """
    if not plan.spec.head.band:
        return []
    groups: dict[object, list[Simulated]] = {}
    for point in dict.fromkeys(s for run in plan.runs if (s := simulated(run)) is not None):
        groups.setdefault(point.draws, []).append(point)
    fair = math.ceil(sum(map(len, groups.values())) / jobs)
    return [
        list(part) for group in groups.values() for part in batched(group, min(fair, BANDS_AT_ONCE))
    ]


def work(plan: Plan) -> int:
    """Layers to be passed, forward and backward; some simulated ones count as one."""
    measured = sum(run.depth * (2 if run.record == "both" else 1) for run in plan.runs)
    simulated = [len(point.laws) for points in simulations(plan, 1) for point in points]
    return measured + sum(simulated) * plan.spec.head.band // SIMULATED


def _with_forecasts(
    plan: Plan,
    outcomes: list[Outcome],
    predictions: list[Prediction],
    known: dict[Simulated, Band],
    lost: list[str],
) -> list[Outcome]:
    """Outcomes with what theory says of each run, or why it does not."""
    found, why = [], "; ".join(dict.fromkeys(lost))
    for run, outcome, prediction in zip(plan.runs, outcomes, predictions, strict=True):
        point = simulated(run) if known else None
        band = known.get(point) if point is not None else None
        forecast = Forecast(prediction, band)
        found.append(replace(outcome, reason=outcome.reason or why, forecast=forecast))
    return found


def _in_short(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]


def _next(pending: "set[Future[None]]") -> "set[Future[None]]":
    """Wait for a task to finish; those still pending."""
    done, pending = wait(pending, return_when=FIRST_COMPLETED)
    for future in done:
        future.result()
    return pending


def _measure(share: Share, tick: Callable[[int], None]) -> dict[int, Outcome]:
    """Outcomes of one share. An exception fails the run it belongs to, and no other."""
    from initlab.network.propagate import measure

    start = time.perf_counter()
    try:
        measured = measure(share, tick)
    except Interrupted:
        raise
    except Exception as error:  # whatever torch raises belongs to these networks, not to the sweep
        if len(share.runs) > 1:
            alone = [_measure(Share((pair,)), tick) for pair in share.runs]
            return {index: outcome for part in alone for index, outcome in part.items()}
        return {share.runs[0][0]: Outcome("failed", reason=_in_short(error))}
    seconds = (time.perf_counter() - start) / len(share.runs)
    return {index: Outcome("ok", m, seconds=seconds) for index, m in measured.items()}


@contextmanager
def one_thread_each(jobs: int) -> Iterator[ThreadPoolExecutor]:
    """A pool whose threads do not use further threads inside torch; torch is left as it was."""
    import torch

    # glibc gives freed blocks back to the system until it has seen one this large freed; without it
    # every layer would fault its memory in anew (measured: 1.3 times the time of a forward sweep)
    torch.empty(31 << 20, dtype=torch.uint8)
    before = torch.get_num_threads()
    try:
        with ThreadPoolExecutor(jobs, "share", torch.set_num_threads, (1,)) as pool:
            yield pool
    finally:
        torch.set_num_threads(before)
