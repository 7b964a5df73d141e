"""Threads of this process: what they change of it, they change back."""

import sys

import pytest

from initlab.sweep.engines.threads import SWITCH_SECONDS, Threads


def test_the_interpreter_switches_sooner_while_threads_compute():
    before = sys.getswitchinterval()
    try:
        sys.setswitchinterval(0.003)
        engine = Threads(2)
        assert sys.getswitchinterval() == pytest.approx(SWITCH_SECONDS, abs=1e-6)  # it counts in us
        engine.close()
        assert sys.getswitchinterval() == pytest.approx(0.003, abs=1e-6)
    finally:
        sys.setswitchinterval(before)
