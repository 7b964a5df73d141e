"""Loaded by local workers: Ctrl-C, which a terminal sends to all of us, is for the driver."""

import signal

signal.signal(signal.SIGINT, signal.SIG_IGN)
