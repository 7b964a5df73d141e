"""Loaded by every local worker when it starts, so that it comes to work with all it needs."""

import initlab.network.propagate
import initlab.sweep.tasks  # noqa: F401
