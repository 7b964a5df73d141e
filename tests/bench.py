"""How fast are sweeps, bands, predictions and the loss lab? Ratios, in one run: `make bench`.

The reference of a sweep is what one would write by hand: a loop over networks, each an nn.Module
that is built, initialised and run, with the std of every layer (and of every weight's gradient)
taken.
"""

import itertools
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any
from unittest import mock

import torch
from helpers import in_memory
from helpers import swept as saved
from torch import nn

import initlab
from initlab.store.opening import open_for_writing
from initlab.store.recorder import Recorder
from initlab.store.work import SimulateTask
from initlab.store.writer import Writer
from initlab.sweep import session
from initlab.sweep.cost import default_jobs
from initlab.sweep.engines.dask_cluster import Cluster
from initlab.sweep.engines.threads import Threads
from initlab.sweep.signals import Stop
from initlab.theory.expectation import band_point

ACTIVATIONS = {
    "identity": nn.Identity(),
    "tanh": nn.Tanh(),
    "relu": nn.ReLU(),
    "gelu": nn.GELU(),
    "sigmoid": nn.Sigmoid(),
}
SIGMAS = [0.6 + 0.2 * i for i in range(10)]
SEEDS = 4
DEPTH, WIDTH, BATCH = 100, 256, 16
REPLICATES = 40  # simulated networks of each point
ROUNDS = 5
SHARES = 2000
WRITING = [
    *((Recorder, name) for name in ("__init__", "remaining", "commit", "finish")),
    (Writer, "close"),
]
SAMPLE = 20  # networks of the reference loop in each round; it has no cost that more would share


class MLP(nn.Module):
    """The network of a plain script."""

    def __init__(self, activation: nn.Module) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(WIDTH, WIDTH, bias=False) for _ in range(DEPTH))
        self.activation = activation

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.layers:
            x = self.activation(layer(x))
            if torch.isnan(x.std()):
                break
        return x


def by_hand(activation: str, sigma: float, seed: int, *, gradients: bool) -> None:
    torch.manual_seed(seed)
    model = MLP(ACTIVATIONS[activation])
    for layer in model.layers:
        nn.init.normal_(layer.weight, std=sigma / WIDTH**0.5)
    x = torch.randn(BATCH, WIDTH)
    if not gradients:
        with torch.no_grad():
            model(x)
        return
    y = model(x)
    nn.functional.mse_loss(y, torch.randn_like(y)).backward()
    for layer in model.layers:
        if layer.weight.grad is not None:
            layer.weight.grad.std()


def script(*, gradients: bool, threads: int) -> float:
    """Networks a second of the loop, over a sample spread evenly over the grid."""
    grid = list(itertools.product(ACTIVATIONS, SIGMAS, range(SEEDS)))
    sample = grid[:: len(grid) // SAMPLE]
    torch.set_num_threads(threads)
    start = time.perf_counter()
    for activation, sigma, seed in sample:
        by_hand(activation, sigma, seed, gradients=gradients)
    return len(sample) / (time.perf_counter() - start)


def swept(*, gradients: bool) -> float:
    """Networks a second of initlab, over the whole grid."""
    plan = initlab.load_plan(
        {
            "depth": DEPTH,
            "width": WIDTH,
            "batch": BATCH,
            "activation": list(ACTIVATIONS),
            "init": {"scheme": "scaled_normal", "sigma_w": SIGMAS},
            "record": "both" if gradients else "forward",
            "seeds": SEEDS,
            "band": 0,  # the loop has none
        }
    )
    start = time.perf_counter()
    in_memory(plan, jobs=default_jobs())
    return len(plan.runs) / (time.perf_counter() - start)


def simulation() -> None:
    """Networks a second behind finite-width bands, against building and measuring them."""
    spec = {"depth": DEPTH, "width": WIDTH, "activation": list(ACTIVATIONS), "record": "forward"}
    init = {"scheme": "scaled_normal", "sigma_w": [0.8, 1.0, 1.2, 1.4]}
    built = initlab.load_plan({**spec, "init": init, "seeds": 4, "band": 0})
    points = list(dict.fromkeys(p for r in built.runs if (p := band_point(r)) is not None))
    rounds = []
    for _ in range(ROUNDS + 1):
        start = time.perf_counter()
        in_memory(built)  # on one thread
        middle = time.perf_counter()
        Threads(1).submit(SimulateTask(tuple(points), REPLICATES), lambda _: None).result()
        end = time.perf_counter()
        ours = len(points) * REPLICATES / (end - middle)
        rounds.append((ours, len(built.runs) / (middle - start)))
    ratios = [ours / theirs for ours, theirs in rounds[1:]]
    print(
        f"bands, one thread: {median(r[0] for r in rounds[1:]):.0f} simulated networks a second,"
        f" {median(r[1] for r in rounds[1:]):.0f} built and measured"
        f"  x {median(ratios):.1f} ({min(ratios):.1f} to {max(ratios):.1f})"
    )


POINTS = """
depth: 100
width: 256
activation: [tanh, relu, gelu, silu, elu]
init: {scheme: scaled_normal, sigma_w: {from: 0.5, to: 4, steps: 100}}
bias: {std: {from: 0, to: 0.5, steps: 20}}
"""


def prediction() -> None:
    """`initlab predict` on 10,000 points: processor seconds, as one core would need."""
    script, seconds = str(Path(sys.executable).with_name("initlab")), []
    for _ in range(ROUNDS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command = [script, "predict", "-"]
        done = subprocess.run(command, input=POINTS.encode(), capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        rows = done.stdout.count(b"\n") - 1
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    print(
        f"initlab predict, {rows} points: {median(seconds):.1f} s of processor time"
        f" ({min(seconds):.1f} to {max(seconds):.1f}; wanted under 10)"
    )


def compare(name: str, *, gradients: bool, threads: list[int], wanted: float) -> None:
    """Everything in turn, after a warm-up; the median of each, and of the ratio in each round."""
    rounds = []
    for _ in range(ROUNDS + 1):
        ours = swept(gradients=gradients)
        rounds.append((ours, [script(gradients=gradients, threads=n) for n in threads]))
    rounds = rounds[1:]
    for at, count in enumerate(threads):
        ratios = [ours / theirs[at] for ours, theirs in rounds]
        ours, theirs = median(o for o, _ in rounds), median(t[at] for _, t in rounds)
        print(
            f"{name:<22} {ours:8.1f} {theirs:8.1f} with {count} thread(s)"
            f"  x {median(ratios):5.2f}"
            f" ({min(ratios):.2f} to {max(ratios):.2f}; wanted {wanted:g})"
        )


class Stopwatch:
    """Seconds spent in some functions, in the thread that calls them."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def time(self, owner: Any, name: str) -> None:
        """Measure a function from now on."""
        function = getattr(owner, name)

        def timed(*args: Any, **options: Any) -> Any:
            start = time.thread_time()
            try:
                return function(*args, **options)
            finally:
                self.seconds += time.thread_time() - start

        setattr(owner, name, timed)


def bookkeeping(band: int, rounds: int) -> None:
    """A sweep of 400 networks with journal and CSV, against one that keeps results in memory."""
    plan = initlab.load_plan(
        {
            "name": "kept",
            "depth": DEPTH,
            "width": WIDTH,
            "activation": list(ACTIVATIONS),
            "init": {"scheme": "scaled_normal", "sigma_w": SIGMAS},
            "seeds": 2 * SEEDS,
            "band": band,
        }
    )
    jobs, walls, journal, files = default_jobs(), [], [], []
    for _ in range(rounds + 1):
        start = time.perf_counter()
        in_memory(plan, jobs=jobs)
        middle = time.perf_counter()
        writing, publishing = Stopwatch(), Stopwatch()
        with (
            tempfile.TemporaryDirectory() as root,
            ExitStack() as patched,
        ):
            for owner, name in [*WRITING, (session, "publish")]:  # put back at the end
                patched.enter_context(mock.patch.object(owner, name, getattr(owner, name)))
            for owner, name in WRITING:
                writing.time(owner, name)
            publishing.time(session, "publish")
            begin = time.perf_counter()
            saved(plan, Path(root), jobs=jobs)
            end = time.perf_counter()
        walls.append((end - begin) / (middle - start))
        # while the main thread writes, jobs - 1 others compute
        journal.append(writing.seconds / jobs / (end - begin))
        files.append(publishing.seconds / (end - begin))
    print(
        f"bookkeeping of {len(plan.runs)} runs, band {band}: journal {median(journal[1:]):.1%},"
        f" CSV {median(files[1:]):.1%} of the sweep (wanted 3 % in all);"
        f" x {median(walls[1:]):.2f} of one in memory"
        f" ({min(walls[1:]):.2f} to {max(walls[1:]):.2f})"
    )


def shares_a_second() -> None:
    """How many trivial shares one driver hands out: what limits a cluster."""
    spec = {"name": "trivial", "depth": 1, "width": 2, "activation": "tanh", "init": "normal"}
    plan = initlab.load_plan({**spec, "band": 0, "record": "forward", "seeds": SHARES})
    for name, engine in (
        ("1 thread", Threads(1)),
        ("2 Dask workers on this machine", Cluster("local", 2, print, Stop())),
    ):
        with tempfile.TemporaryDirectory() as root:
            folder = open_for_writing(Path(root), "trivial")
            start = time.perf_counter()
            session.run_session(plan, folder, lambda engine=engine: engine, Stop())
            seconds = time.perf_counter() - start
            folder.close()
        engine.close()
        print(
            f"one driver, {name}: {SHARES / seconds:.0f} trivial shares a second, journal and CSV"
        )


DEEP = """
import initlab, resource, sys
sys.path.insert(0, sys.argv[1])
from helpers import in_memory
plan = initlab.load_plan({'depth': 2000, 'width': 1024, 'activation': 'tanh',
    'init': {'scheme': 'scaled_normal', 'sigma_w': 1.0}, 'band': 0})
outcome = in_memory(plan)[0][0]
assert outcome.status == 'ok' and len(outcome.measurement.backward) == 2000
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


CALL = ["loss", "--name", "bce", "--inputs", "[0.2, 0.8]", "--target", "[0, 1]"]
CALLS, RECORDS = 12, 10_000


def timed(command: list[str], stdin: bytes = b"") -> float:
    """Seconds of one process, from its start to its end."""
    start = time.perf_counter()
    subprocess.run(command, input=stdin, capture_output=True, check=True)
    return time.perf_counter() - start


def loss_lab() -> None:
    """One call of `initlab loss` against importing torch; a stream of records against calls."""
    script = str(Path(sys.executable).with_name("initlab"))
    pairs = [
        (timed([script, *CALL]), timed([sys.executable, "-c", "import torch"]))
        for _ in range(CALLS + 1)
    ][1:]
    ratios = [ours / theirs for ours, theirs in pairs]
    call, torch_alone = median(ours for ours, _ in pairs), median(theirs for _, theirs in pairs)
    print(
        f"initlab loss, one call: {call:.2f} s; import torch: {torch_alone:.2f} s;"
        f" x {median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}; wanted at most 1.25)"
    )
    record = b'{"input": [0.2, 0.8], "target": [0, 1]}\n'
    stream = timed([script, "loss", "--name", "bce", "--jsonl", "-"], record * RECORDS)
    print(
        f"initlab loss --jsonl, {RECORDS} records: {stream:.1f} s; as many calls would take"
        f" {call * RECORDS:.0f} s; x {call * RECORDS / stream:.0f} (wanted 100)"
    )


def main() -> None:
    """Print every ratio."""
    prediction()
    loss_lab()
    jobs = default_jobs()
    print(f"{DEPTH} x {WIDTH}, batch {BATCH}, {jobs} processors, torch {torch.__version__}")
    print(f"{'networks a second':<22} {'initlab':>8} {'by hand':>8}")
    threads = sorted({torch.get_num_threads(), 1}, reverse=True)  # as a script is run, and alone
    compare("forward", gradients=False, threads=threads, wanted=8)
    compare("forward and backward", gradients=True, threads=threads, wanted=4)
    simulation()
    bookkeeping(band=0, rounds=ROUNDS)
    bookkeeping(band=400, rounds=2)
    shares_a_second()
    start = time.perf_counter()
    peak = int(
        subprocess.run(
            [sys.executable, "-c", DEEP, str(Path(__file__).parent)],
            capture_output=True,
            check=True,
        ).stdout
    )
    weights = 2000 * 1024 * 1024 * 4 / 2**30
    print(
        f"2000 x 1024 with gradients: {weights:.1f} GiB of weights, peak memory"
        f" {peak / 2**20:.2f} GiB (wanted 1.5), {time.perf_counter() - start:.0f} s"
    )


if __name__ == "__main__":
    main()
