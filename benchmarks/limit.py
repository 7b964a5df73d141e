"""The limit: what a sweep would take if it were nothing but its random numbers and its products.

A number is drawn at the rate of torch's generator, products run at the fastest rate that any
product of this size has on this machine. One network of depth L, width n, batch B then takes

    n^2 L / (networks that share the draws) draws
    2 B n^2 L flop forward, and 2 B n^2 (L - 1) for the gradients dL/dh of all outputs but the last

Weight gradients count nothing: initlab has their std from two Gram matrices, 4 B^2 n flop a layer,
and never forms them. Statistics, activations, predictions and files count nothing either.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch
from torch import Tensor

from benchmarks.table import Row
from benchmarks.workloads import WIDTH, Sweep

ROWS = (16, 128, 800)  # of the left factor: one network, eight, and fifty
CORES = (1, 2)
WINDOW = 0.03  # seconds in which calls are counted
WINDOWS = 10

Product = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Limit:
    """Rates of a number of cores: random numbers and flop a second."""

    draws: float
    flops: float

    def seconds(self, sweep: Sweep, *, gradients: bool) -> float:
        """The least that a network of a sweep can take."""
        weights = sweep.width**2 * sweep.depth
        sharing = len(sweep.activations) * len(sweep.sigmas)
        layers = sweep.depth + (sweep.depth - 1 if gradients else 0)
        flop = 2 * sweep.batch * sweep.width**2 * layers
        return weights / sharing / self.draws + flop / self.flops


def rate(prepare: Callable[[], Callable[[], object]], amount: float, cores: int) -> float:
    """The best rate that so many threads reach together; per second.

    Each thread calls what `prepare` returned to it, which does `amount`.
    """

    def counted(until: float) -> float:
        call = prepare()
        call()
        calls, start, now = 0, time.perf_counter(), 0.0
        while now < until:
            call()
            calls, now = calls + 1, time.perf_counter()
        return calls * amount / (now - start)

    with ThreadPoolExecutor(cores, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        windows = (time.perf_counter() + WINDOW for _ in range(WINDOWS))
        return max(sum(pool.map(counted, [until] * cores)) for until in windows)


def draws(cores: int) -> float:
    """Normal float32 numbers a second, into memory that is in the cache."""

    def prepare() -> Callable[[], object]:
        weights, generator = torch.empty(WIDTH, WIDTH), torch.Generator()
        return lambda: weights.normal_(generator=generator)

    return rate(prepare, WIDTH**2, cores)


def products() -> dict[str, Product]:
    """Ways to multiply x (rows, n) by W^T, W (n, n), that this torch has."""
    found: dict[str, Product] = {
        "torch.mm": lambda x, w: torch.mm(x, w.T),
        "linear": torch.nn.functional.linear,
    }
    try:
        pointwise = torch.ops.mkldnn._linear_pointwise
        pointwise(torch.ones(2, 2), torch.ones(2, 2), None, "none", [], "")
    except (AttributeError, RuntimeError):
        return found
    return {**found, "oneDNN": lambda x, w: pointwise(x, w, None, "none", [], "")}


def flops(product: Product, rows: int, cores: int) -> float:
    """Flop a second of a product of `rows` x 256 x 256."""

    def prepare() -> Callable[[], object]:
        x, w = torch.randn(rows, WIDTH), torch.randn(WIDTH, WIDTH)
        return lambda: product(x, w)

    return rate(prepare, 2 * rows * WIDTH**2, cores)


def fastest(rows: int, cores: int) -> tuple[float, str]:
    """Flop a second of the fastest product of `rows`, and its name."""
    return max((flops(product, rows, cores), name) for name, product in products().items())


def limits() -> dict[int, Limit]:
    """Of one core and of two, each with the fastest product that it has."""
    return {
        cores: Limit(draws(cores), max(fastest(rows, cores)[0] for rows in ROWS)) for cores in CORES
    }


def rows(rounds: int) -> list[Row]:
    """What the generator and the fastest products reach, on one core and on both."""
    found = []
    for cores in CORES:
        nanoseconds = [1e9 / draws(cores) for _ in range(min(rounds, 3))]
        found.append(Row(f"a normal float32 number, {_cores(cores)}", nanoseconds, "ns"))
        for count in ROWS:
            speeds = [fastest(count, cores) for _ in range(min(rounds, 3))]
            what = f"{count} x {WIDTH} x {WIDTH} by {max(speeds)[1]}, {_cores(cores)}"
            found.append(Row(what, [speed / 1e9 for speed, _ in speeds], "Gflop/s"))
    return found


def _cores(count: int) -> str:
    return f"{count} core{'s' * (count > 1)}"
