"""Loaded by every local worker when it starts, so that it comes to work with all it needs."""

from typing import Any

import initlab.network.propagate
import initlab.sweep.tasks  # noqa: F401


def dask_setup(worker: Any) -> None:
    """End the HTTP server of a worker that starts; nobody is to look on. Dask calls this."""
    worker.http_server.stop()
