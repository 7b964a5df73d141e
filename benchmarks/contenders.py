"""What takes turns: initlab in this process, and a reference in a loop."""

from collections.abc import Sequence
from functools import partial

import torch

from benchmarks.references import Reference
from benchmarks.sweeping import computed
from benchmarks.timing import Contender
from benchmarks.workloads import Network, Sweep

JOBS = (1, 2)


def initlab_of(sweep: Sweep, *, gradients: bool, band: int = 0) -> dict[str, Contender]:
    """What initlab computes of a sweep, kept in memory as the references keep it; with JOBS."""
    plan = sweep.plan(gradients=gradients, band=band)
    return {our_name(j): Contender(partial(computed, plan, j), len(plan.runs)) for j in JOBS}


def our_name(jobs: int) -> str:
    """What initlab is called in the table."""
    return f"initlab, {jobs} job{'s' * (jobs > 1)}"


def loop(
    reference: Reference, networks: Sequence[Network], *, gradients: bool, threads: int = 1
) -> Contender:
    """A reference over some networks, on so many threads of torch."""

    def run() -> None:
        torch.set_num_threads(threads)
        for network in networks:
            reference(network, gradients)

    return Contender(run, len(networks))
