"""(c) The usual tool on two processes, by joblib."""

from collections.abc import Sequence

import torch
from joblib import Parallel, delayed
from joblib.externals.loky import get_reusable_executor

from benchmarks.references import Statistics, hooked
from benchmarks.workloads import Network

PROCESSES = 2


def in_processes(networks: Sequence[Network], gradients: bool) -> list[Statistics]:
    """Statistics of the networks; the processes stay for the next call."""
    return list(
        Parallel(n_jobs=PROCESSES)(delayed(_alone)(network, gradients) for network in networks)
    )


def end_processes() -> None:
    """End the processes that wait for a next call."""
    get_reusable_executor().shutdown(wait=True)


def _alone(network: Network, gradients: bool) -> Statistics:
    torch.set_num_threads(1)
    return hooked(network, gradients)
