"""Python's garbage collector: out of the way while modules are loaded, at work while we compute."""

import gc
import subprocess
import sys

import pytest

from initlab.cli import collector
from initlab.cli.run_plans import LazyEngine, SweepOptions
from initlab.sweep.signals import Stop

IMPORT = """
import gc
from initlab.cli import collector
{before}
searches = []
gc.callbacks.append(lambda phase, _: searches.append(phase))
import torch
print(len(searches))
"""


@pytest.fixture
def _thresholds():
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


@pytest.mark.parametrize(("before", "some"), [("collector.spare_loading()", False), ("", True)])
def test_nothing_is_searched_while_torch_is_imported(before, some):
    code = IMPORT.format(before=before)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert (int(done.stdout) > 0) is some


@pytest.mark.usefixtures("_thresholds")
def test_a_sweep_collects_as_usual_but_for_what_was_loaded():
    collector.spare_loading()
    assert gc.get_threshold() != collector.USUAL
    options = SweepOptions(
        jobs=1, scheduler=None, max_failures=None, retry_failed=False, saved=True
    )
    with LazyEngine(options, Stop()) as engine:
        engine.get()
        assert gc.get_threshold() == collector.USUAL
        assert gc.get_freeze_count() > 100_000  # torch's are among them
