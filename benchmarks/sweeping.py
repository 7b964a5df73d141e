"""How initlab is called: as a session in this process, and as a process of its own."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from initlab.spec.plan import Plan
from initlab.store.opening import open_for_writing
from initlab.store.work import plan_work
from initlab.sweep.engines.engine import Engine
from initlab.sweep.engines.threads import Threads
from initlab.sweep.session import run_session
from initlab.sweep.signals import Stop
from initlab.sweep.tasks import tasks_of

INITLAB = (sys.executable, "-m", "initlab")


def swept(plan: Plan, jobs: int) -> None:
    """A whole sweep into a new folder: networks, predictions, journal, CSV files.

    This is `initlab.run_plan` but for reading the CSV files back into pandas.
    """
    engine = Threads(jobs)
    try:
        swept_by(engine, plan)
    finally:
        engine.close()


def swept_by(engine: Engine, plan: Plan) -> None:
    """A whole sweep into a new folder, by an engine that stays."""
    with tempfile.TemporaryDirectory() as root:
        folder = open_for_writing(Path(root), plan.head.name)
        try:
            run_session(plan, folder, lambda: engine, Stop())
        finally:
            folder.close()


def computed(plan: Plan, jobs: int) -> None:
    """The same networks and predictions, of which nothing is kept."""
    engine = Threads(jobs)
    try:
        futures = [
            engine.submit(task, lambda _: None) for task in tasks_of(plan, plan_work(plan), jobs)
        ]
        for future in futures:
            future.result()
    finally:
        engine.close()


def sweep_process(spec: Path, jobs: int) -> None:
    """`initlab sweep SPEC --jobs N` into a new folder."""
    with tempfile.TemporaryDirectory() as root:
        process([*INITLAB, "sweep", str(spec), "--jobs", str(jobs), "--out", root])


def process(command: Sequence[str], stdin: bytes = b"") -> bytes:
    """What a command prints, which has to end well.

    Modules are compiled once, as Python does unless the environment forbids it.
    """
    usual = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(command, input=stdin, capture_output=True, check=False, env=usual)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: {done.returncode}\n{done.stderr.decode()}")
    return done.stdout
