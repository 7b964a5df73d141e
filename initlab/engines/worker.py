"""Loaded by every local worker when it starts, so that it comes to work with all it needs."""

import signal

import initlab.network.propagate
import initlab.tasks  # noqa: F401

# Ctrl-C, which a terminal sends to all of us, is for the driver
signal.signal(signal.SIGINT, signal.SIG_IGN)
