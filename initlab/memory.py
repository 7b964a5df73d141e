"""How many shares at a time, and whether they fit into memory."""

import os

from initlab.catalog.columns import columns
from initlab.errors import InputError
from initlab.spec.plan import Plan
from initlab.theory.prediction import AT_ONCE

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
    return LIBRARIES_BYTES + sum(shares[:jobs]) + layers * (PREDICTED_BYTES + COLUMNS * 8)


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
