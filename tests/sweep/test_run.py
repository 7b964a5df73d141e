"""Running a plan: failures stay where they happen, jobs, Ctrl-C and memory."""

import signal
import subprocess
import sys
import threading
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
import torch
from helpers import Kept, in_memory

from initlab.errors import DiskError, InputError, WorkersLost
from initlab.spec.thresholds import Thresholds
from initlab.store.outcome import result_cells
from initlab.store.work import MeasureTask, SimulateTask
from initlab.sweep import cost, tasks
from initlab.sweep.engines.threads import Threads
from initlab.sweep.run import run_tasks, total_layers
from initlab.sweep.signals import Stop


@pytest.fixture(autouse=True)
def hears_ctrl_c(monkeypatch):
    """A shell that runs a script in the background has SIGINT ignored, and we respect that."""
    tasks._prepare()  # before a test replaces functions of torch
    # processes are given the whole of it
    monkeypatch.setattr("initlab.sweep.signals.GRACE_SECONDS", 0.3)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def a_share_a_seed(monkeypatch):
    monkeypatch.setattr("initlab.spec.shares.SEEDS_BYTES", 0)


ACTIVATIONS = ["tanh", "relu", "sigmoid"]


def broken(message):
    def fail(*_, **__):
        raise RuntimeError(message)

    return fail


# failures ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_exception_fails_its_own_run_and_no_other(plan_of, monkeypatch, jobs):
    plan = plan_of(activation=ACTIVATIONS, seeds=2)
    healthy, _ = in_memory(plan)
    monkeypatch.setattr(np, "tanh", broken("no tanh today\nwith a second line"))
    outcomes, interrupted = in_memory(plan, jobs=jobs)
    assert not interrupted
    assert len(plan.shares()) < len(plan.runs)  # the failing runs had others beside them
    for run, before, after in zip(plan.runs, healthy, outcomes, strict=True):
        if run.activation.name == "tanh":
            assert after.status == "failed"
            assert after.reason == "RuntimeError: no tanh today"
            assert after.measurement is None
        else:
            assert (after.status, after.reason) == ("ok", "")
            for part in ("forward", "backward"):
                found, expected = (getattr(o.measurement, part) for o in (after, before))
                np.testing.assert_array_equal(found, expected)


def test_every_run_may_fail(plan_of, monkeypatch):
    monkeypatch.setattr(np, "tanh", broken("always"))
    outcomes, _ = in_memory(plan_of(seeds=3, init=["normal", "xavier_normal"]))
    assert [outcome.status for outcome in outcomes] == ["failed"] * 6


def test_a_network_that_turns_nan_has_not_failed(plan_of):
    ((outcome,), _) = in_memory(
        plan_of(activation="relu_squared", init="normal", depth=9, width=30)
    )
    # 30 inputs of variance 1 grow as x -> x^2 sqrt(30 3/2): beyond 3e38 within 9 layers
    assert outcome.status == "ok"
    assert outcome.measurement.nan_onset is not None
    assert outcome.measurement.reason.startswith(f"layer {outcome.measurement.nan_onset}: ")
    assert outcome.measurement.backward is None


# jobs and progress ------------------------------------------------------------------------------


@pytest.mark.parametrize("jobs", [1, 2, 5])
def test_outcomes_come_in_the_order_of_the_plan(plan_of, jobs):
    plan = plan_of(depth=[1, 4, 2, 7, 3], seeds=2)
    outcomes, interrupted = in_memory(plan, jobs=jobs)
    assert not interrupted
    assert [len(o.measurement.forward) for o in outcomes] == [run.depth for run in plan.runs]
    assert all(outcome.seconds > 0 for outcome in outcomes)


@pytest.mark.parametrize(("record", "passes"), [("both", 2), ("forward", 1)])
def test_progress_counts_every_layer_of_every_network(plan_of, record, passes):
    plan = plan_of(depth=6, activation=ACTIVATIONS, seeds=2, record=record, band=0)
    advanced = []
    in_memory(plan, jobs=2, on_layer=advanced.append)
    assert sum(advanced) == passes * 6 * len(plan.runs)


def test_progress_counts_simulated_networks_too(plan_of):
    plan = plan_of(depth=6, width=32, activation=ACTIVATIONS, seeds=2, band=42)
    advanced = []
    in_memory(plan, jobs=2, on_layer=advanced.append)
    # 2 passes of 6 layers of every run; 42 simulated networks of every point, seven for one
    points = len(ACTIVATIONS)
    assert sum(advanced) == total_layers(plan) == 6 * (2 * 2 * points + points * 42 // 7)


@pytest.mark.parametrize(("gradient", "networks", "passes"), [(True, 120, 2), (False, 100, 1)])
def test_progress_counts_networks_that_are_drawn_whole(plan_of, gradient, networks, passes):
    asked = {"networks": 120, "gradient": gradient}
    plan = plan_of(depth=6, width=20, init="orthogonal", seeds=2, band=asked)
    advanced = []
    in_memory(plan, on_layer=advanced.append)
    # 2 passes of 6 layers of both runs; without the gradient, a hundred networks do, forward
    assert sum(advanced) == total_layers(plan) == 6 * (2 * 2 + passes * networks)


def test_torch_s_threads_are_one_inside_and_as_they_were_outside(plan_of):
    before, inside = torch.get_num_threads(), []
    torch.set_num_threads(2)
    try:
        in_memory(plan_of(), on_layer=lambda _: inside.append(torch.get_num_threads()))
        assert set(inside) == {1}
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_jobs_share_the_work(plan_of):
    plan = plan_of(activation=ACTIVATIONS * 2, init=["normal", "xavier_normal"])
    assert len(plan.shares(1)) == 1
    assert [len(share.runs) for share in plan.shares(2)] == [3, 3]
    assert [i for share in plan.shares(4) for i, _ in share.runs] == list(range(len(plan.runs)))


# Ctrl-C -----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("a_share_a_seed")
@pytest.mark.parametrize("jobs", [1, 2])
def test_ctrl_c_keeps_what_was_finished(plan_of, jobs):
    plan, layers = plan_of(depth=5, seeds=40), []

    def on_layer(networks):
        layers.append(networks)
        if len(layers) == 100:  # 10 layer passes a run: some are finished, and some are not
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        if len(layers) >= 100:
            time.sleep(0.02)  # until the main thread has seen it

    outcomes, interrupted = in_memory(plan, jobs=jobs, on_layer=on_layer)
    assert interrupted
    statuses = [outcome.status for outcome in outcomes]
    assert set(statuses) == {"ok", "interrupted"}
    for outcome in outcomes:
        assert (outcome.measurement is not None) == (outcome.status == "ok")


def test_ctrl_c_during_a_band_keeps_every_measurement(plan_of):
    plan, measured = plan_of(depth=6, width=32, band=10_000), 2 * 6
    layers = []

    def on_layer(networks):
        layers.append(networks)
        if len(layers) == measured + 2:
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        if len(layers) > measured:
            time.sleep(0.02)

    (outcome,), interrupted = in_memory(plan, jobs=1, on_layer=on_layer)
    assert interrupted
    assert outcome.status == "ok"
    assert outcome.expectation.band is None
    assert outcome.expectation.expected.layers is not None


def test_a_band_that_fails_costs_no_measurement(plan_of, monkeypatch):
    def failing(*_):
        raise MemoryError("no room\nat all")

    monkeypatch.setattr(tasks, "bands", failing)
    (outcome,), _ = in_memory(plan_of(width=32))
    cells = result_cells(outcome, Thresholds())
    assert cells["status"] == "ok"
    assert cells["reason"] == "no band: MemoryError: no room"
    assert cells["predicted_std"] is not None
    assert cells["predicted_std_p10"] is None


def test_a_prediction_that_fails_costs_no_measurement(plan_of, monkeypatch):
    monkeypatch.setattr(tasks, "predict", lambda _, **__: 1 // 0)
    first, second = in_memory(plan_of(width=32, seeds=2))[0]
    for outcome in (first, second):
        cells = result_cells(outcome, Thresholds())
        assert cells["status"] == "ok"
        assert cells["reason"].startswith("no prediction: ZeroDivisionError: ")
        assert cells["std_last"] > 0
        assert cells["predicted_std"] is None


# engines whose workers die ----------------------------------------------------------------------


class Mortal:
    """Threads whose worker dies, like a process would, under the tasks that `deadly` names.

    What is queued behind a deadly task dies with it, as it does on a worker.
    """

    class Died(Exception):
        pass

    def __init__(self, deadly, deaths=1):
        self.jobs = 1
        self.deadly = deadly
        self.deaths_each = deaths
        self.pool = ThreadPoolExecutor(1)
        self.tried = []
        self.queued = deque()

    def submit(self, task, tick):
        future = Future()
        self.queued.append((future, task))
        self.pool.submit(self._work)
        return future

    def _work(self):
        if not self.queued:  # what was to be done died with another task
            return
        future, task = self.queued.popleft()
        if not self.deadly(task):
            future.set_result(tasks.run_task(task))
            return
        self.tried.append(task)
        future.set_exception(self.Died())
        while self.queued:
            self.queued.popleft()[0].set_exception(self.Died())

    def warm_up(self):
        pass

    def recall(self, future):
        return False

    def deaths(self, error):
        return self.deaths_each if isinstance(error, self.Died) else 0


def on_mortal(plan, deadly, **options):
    kept, engine = Kept(plan), Mortal(deadly, **options)
    run_tasks(plan, kept, engine, Stop())
    return list(kept.outcomes()), engine


def holds(seed):
    """Whether a task is to measure networks of a seed."""
    return lambda task: (
        isinstance(task, MeasureTask) and any(r.seed == seed for _, r in task.share.runs)
    )


@pytest.mark.usefixtures("a_share_a_seed")
def test_a_run_that_kills_its_worker_fails_after_three_and_the_rest_finish(plan_of):
    plan = plan_of(seeds=6, activation=["tanh", "relu"], width=20, band=20)
    outcomes, engine = on_mortal(
        plan, lambda t: holds(2)(t) and any(r.activation.name == "relu" for _, r in t.share.runs)
    )
    alone, _ = in_memory(plan)
    for run, outcome, healthy in zip(plan.runs, outcomes, alone, strict=True):
        if run.seed == 2 and run.activation.name == "relu":
            assert (outcome.status, outcome.reason) == ("failed", "its worker died, 3 times")
        else:  # of the share that killed, too
            assert outcome.status == "ok"
            np.testing.assert_array_equal(outcome.measurement.forward, healthy.measurement.forward)
    assert [len(task.share.runs) for task in engine.tried] == [2, 2, 1]


@pytest.mark.usefixtures("a_share_a_seed")
def test_several_killers_take_nobody_with_them(plan_of):
    plan = plan_of(seeds=9, width=20, band=20)
    outcomes, engine = on_mortal(plan, lambda t: holds(1)(t) or holds(4)(t) or holds(8)(t))
    failed = [run.seed for run, o in zip(plan.runs, outcomes, strict=True) if o.status == "failed"]
    assert failed == [1, 4, 8]
    assert len(engine.tried) == 3 * 3


@pytest.mark.usefixtures("a_share_a_seed")
def test_a_scheduler_that_retries_by_itself_counts(plan_of):
    outcomes, engine = on_mortal(plan_of(seeds=4), holds(2), deaths=4)
    assert [o.status for o in outcomes] == ["ok", "ok", "failed", "ok"]
    assert outcomes[2].reason == "its worker died, 8 times"
    assert len(engine.tried) == 2


def test_theory_that_kills_its_worker_costs_no_measurement(plan_of):
    plan = plan_of(width=20, band=20, seeds=2)
    outcomes, _ = on_mortal(plan, lambda task: isinstance(task, SimulateTask))
    assert [o.status for o in outcomes] == ["ok", "ok"]
    assert outcomes[0].reason == "no prediction or band: its worker died, 3 times"
    assert outcomes[0].expectation.expected.layers is not None


@pytest.mark.usefixtures("a_share_a_seed")
def test_an_engine_that_has_gone_ends_the_sweep_and_keeps_what_was_done(plan_of):
    class Gone(Mortal):
        def _work(self):
            if len(self.tried) < 2:
                self.tried.append(self.queued[0])
                super()._work()
            else:
                future, _ = self.queued.popleft()
                future.cancel()
                future.set_running_or_notify_cancel()

    plan = plan_of(seeds=6)
    kept, engine = Kept(plan), Gone(lambda _: False)
    with pytest.raises(WorkersLost):
        run_tasks(plan, kept, engine, Stop())
    assert [o.status for o in kept.outcomes()].count("ok") == 2


# failures that stop a sweep ---------------------------------------------------------------------


@pytest.mark.usefixtures("a_share_a_seed")
@pytest.mark.parametrize("most", [1, 3])
def test_a_sweep_stops_after_so_many_failures(plan_of, monkeypatch, most):
    monkeypatch.setattr(np, "tanh", broken("never"))
    plan, seen = plan_of(seeds=50, width=20), []
    kept, engine, stop = Kept(plan), Threads(1), Stop()
    run_tasks(
        plan, kept, engine, stop, max_failures=most, on_failure=lambda i, o: seen.append((i, o))
    )
    engine.close()
    failed = [o for o in kept.outcomes() if o.status == "failed"]
    assert most <= len(failed) == len(seen) < 10  # those under way are finished
    assert stop.reason.startswith(f"stopped after {most} failed run")
    assert [i for i, _ in seen] == sorted(i for i, _ in seen)


def test_an_error_of_the_sink_ends_the_work(plan_of):
    class Full(Kept):
        def commit(self, done):
            if done:
                raise DiskError("full")

    plan, stop, engine = plan_of(seeds=50), Stop(), Threads(2)
    with pytest.raises(DiskError):
        run_tasks(plan, Full(plan), engine, stop)
    engine.close()
    assert stop.overdue  # which ends what is under way before its next layer


@pytest.mark.parametrize("what", ["predict", "bands"])
def test_theory_that_fails_at_one_point_is_silent_there_only(plan_of, monkeypatch, what):
    plan = plan_of(width=20, band=20, activation=["tanh", "relu", "selu"])
    healthy = [o.expectation for o in in_memory(plan)[0]]
    theory = getattr(tasks, what)

    def fails(points, *more, **options):
        if any(point.activation.name == "relu" for point in points):
            raise ZeroDivisionError("relu")
        return theory(points, *more, **options)

    monkeypatch.setattr(tasks, what, fails)
    found = [o.expectation for o in in_memory(plan)[0]]
    for index, name in enumerate(("tanh", "relu", "selu")):
        for part in ("expected", "band"):
            before, now = getattr(healthy[index], part), getattr(found[index], part)
            if name == "relu" and part == {"predict": "expected", "bands": "band"}[what]:
                assert repr(now) != repr(before)
            else:
                assert repr(now) == repr(before)


# memory -----------------------------------------------------------------------------------------


def available(monkeypatch, n_bytes):
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=n_bytes))


def test_a_sweep_that_cannot_fit_is_refused(plan_of, monkeypatch):
    plan = plan_of(depth=20, width=512, seeds=4)
    needed = {jobs: cost.memory_bytes(plan, jobs) for jobs in (1, 2)}
    assert needed[2] > needed[1]
    available(monkeypatch, needed[2])
    cost.check_memory(plan, 2)
    available(monkeypatch, needed[2] - 1)
    cost.check_memory(plan, 1)
    with pytest.raises(InputError, match="--jobs 2") as error:
        cost.check_memory(plan, 2)
    assert error.value.fix == "--jobs 1"
    available(monkeypatch, needed[1] - 1)
    with pytest.raises(InputError, match="GiB") as error:
        cost.check_memory(plan, 1)
    assert "record: forward" in error.value.fix


def test_the_estimate_grows_with_what_costs_memory(plan_of):
    base = {"depth": 50, "width": 300, "batch": 64}
    small = cost.memory_bytes(plan_of(**base), 1)
    for more in ({"width": 600}, {"batch": 512}, {"depth": 100}, {"dtype": "float64"}):
        assert cost.memory_bytes(plan_of(**{**base, **more}), 1) > small, more
    assert cost.memory_bytes(plan_of(**base, record="forward"), 1) < small


DEEP = """
import pathlib, re, resource, sys
sys.path.insert(0, sys.argv[1])
from helpers import in_memory
from initlab import load_plan
from initlab.sweep import cost

def peak_bytes():
    status = pathlib.Path("/proc/self/status")
    if status.exists():  # on Linux ru_maxrss starts from that of the process that started this one
        return 1024 * int(re.search(r"VmHWM:\\s+(\\d+) kB", status.read_text())[1])
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

plan = load_plan({"depth": 300, "width": 1024, "activation": "tanh", "init": "xavier_normal",
                  "band": 20})
((outcome,), _) = in_memory(plan)
assert outcome.measurement.backward.shape[0] == 300, outcome
print(peak_bytes(), cost.memory_bytes(plan, 1))
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_depth_times_width_squared():
    # the weights of 300 layers of 1024 x 1024 float32 take 1.2 GB; they are drawn twice instead
    done = subprocess.run(
        [sys.executable, "-c", DEEP, str(Path(__file__).parents[1])],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    peak, estimate = map(int, done.stdout.split())
    assert peak < 2**30
    assert peak < estimate  # what check_memory promises


def test_ctrl_c_while_shares_are_handed_out_is_heard_at_once(plan_of, monkeypatch):
    plan = plan_of(depth=2, seeds=200)  # one share a seed
    calls = []

    def measured(share, tick):
        calls.append(share)
        if len(calls) == 3:
            signal.raise_signal(signal.SIGINT)
        return {}

    monkeypatch.setattr("initlab.sweep.tasks._measured", measured)
    outcomes, interrupted = in_memory(plan, jobs=1)
    assert interrupted
    assert len(calls) < 20
    assert {outcome.status for outcome in outcomes} == {"interrupted"}
