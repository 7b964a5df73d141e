"""How many shares at a time, and whether they fit into memory."""

import os
from itertools import pairwise

from initlab.catalog.columns import MORE, columns
from initlab.errors import InputError
from initlab.spec.plan import Plan
from initlab.store.work import plan_work
from initlab.theory.prediction import AT_ONCE
from initlab.theory.random_point import BLOCK_BYTES, RandomPoint, network_bytes

LIBRARIES_BYTES = 400 << 20  # torch and pandas, loaded
PREDICTED_BYTES = 1024  # a layer, while its prediction is made
COLUMNS = len(columns("layers", "forward", "backward")) + 4  # numbers kept of a layer


def default_jobs() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory_bytes(plan: Plan, jobs: int) -> int:
    """An estimate of the most memory a sweep uses: its largest shares, at once and as results."""
    shares = sorted((share.memory_bytes for share in plan.shares(jobs)), reverse=True)
    layers = min(sum(run.depth for run in plan.runs), AT_ONCE)
    drawn = [p for p in plan_work(plan).bands if isinstance(p, RandomPoint)]
    of_bands = max((BLOCK_BYTES + network_bytes(p.run, p.gradient) for p in drawn), default=0)
    columns_ = COLUMNS + (len(MORE) if any(run.extras for run in plan.runs) else 0)
    at_once = max(sum(shares[:jobs]), jobs * of_bands)
    return LIBRARIES_BYTES + at_once + layers * (PREDICTED_BYTES + columns_ * 8)


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
            f"{plan.head.name}: needs about {needed / 2**30:.1f} GiB of memory with"
            f" --jobs {jobs}, {available / 2**30:.1f} GiB are free",
            fix,
        )


HEADER = (
    "spec", "runs", "shares", "layers", "random_numbers", "gflop", "memory_mib", "simulated",
)  # fmt: skip


def estimate(plan: Plan, jobs: int) -> tuple[str, int, int, int, int, float, int, int]:
    """Size and cost of a plan: a row of HEADER.

    `random_numbers` counts what is drawn, `gflop` the matrix products (a multiply and an add each):
    2 B I O a layer forward, and as many again backward but for layer 0; those of networks that are
    drawn whole for a band, too. `simulated` counts the networks behind the finite-width bands;
    those of points that share a simulation count once.
    """
    shares = plan.shares(jobs)
    drawn, flop = 0, 0.0
    for share in shares:
        seeds = {run.seed for _, run in share.runs}
        drawn += len(seeds) * sum(a * b for a, b in pairwise(share.first.shape))
        for _, run in share.runs:
            products = [2 * run.batch * a * b for a, b in pairwise(run.shape)]
            flop += sum(products) + (sum(products[1:]) if run.backward else 0)
    layers = sum(run.depth for run in plan.runs)
    memory = round(memory_bytes(plan, jobs) / 2**20)
    simulated = {point.simulated for point in plan_work(plan).bands}
    asked = plan.head.band.networks
    flop += sum(2 * p.products(asked) for p in simulated if isinstance(p, RandomPoint))
    return (
        plan.head.name,
        len(plan.runs),
        len(shares),
        layers,
        drawn,
        round(flop / 1e9, 3),
        memory,
        sum(p.networks(asked) if isinstance(p, RandomPoint) else asked for p in simulated),
    )
