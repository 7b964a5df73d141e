"""Where results come from: versions, machine, command, revision and input files."""

import hashlib
import os
import platform
import socket
import subprocess
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from initlab.spec.run import Run
from initlab.version import __version__

#: what a run's bits may depend on beside its description
DECISIVE = ("initlab", "torch", "numpy", "system", "processor", "instructions")


@cache
def environment() -> dict[str, Any]:
    """Versions and machine of this process."""
    import numpy
    import torch

    return {
        "initlab": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": numpy.__version__,
        "host": socket.gethostname(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "cores": os.cpu_count(),
    }


def _processor() -> str:
    """The processor's name, where Linux tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def differences(then: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """In words, what of two environments may change a run's bits: "torch 2.13.0, now 2.14.1"."""
    return [
        f"{name} was {then.get(name)}, is {now.get(name)}"
        for name in DECISIVE
        if then.get(name) != now.get(name)
    ]


def process() -> dict[str, Any]:
    """Who this is."""
    return {"command": sys.argv, "host": socket.gethostname(), "pid": os.getpid()}


def origin() -> dict[str, Any]:
    """Who runs a sweep, and from which source."""
    return {**process(), "git": _git()}


def _git() -> dict[str, Any] | None:
    """Revision of the working folder and whether it has uncommitted changes; None outside git."""
    try:
        revision, status = (
            subprocess.run(["git", *args], capture_output=True, text=True, check=True).stdout
            for args in (["rev-parse", "HEAD"], ["status", "--porcelain"])
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return {"revision": revision.strip(), "dirty": bool(status.strip())}


def contents(runs: Iterable[Run]) -> dict[str, str]:
    """SHA-256 of every file that networks are fed, by its path."""
    paths = {run.input.path for run in runs if run.input.path is not None}
    return {path: hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in sorted(paths)}
