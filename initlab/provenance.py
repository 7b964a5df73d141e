"""Where results come from: versions, machine, command, revision and input files."""

import hashlib
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import initlab
from initlab.plan import Plan


def provenance(plan: Plan, started: datetime) -> dict[str, Any]:
    """What provenance.json holds."""
    import numpy
    import torch

    return {
        "command": sys.argv,
        "started": started.isoformat(timespec="seconds"),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {
            "initlab": initlab.__version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": numpy.__version__,
        },
        "machine": {
            "system": platform.platform(),
            "processor": torch.backends.cpu.get_cpu_capability(),
            "cores": os.cpu_count(),
        },
        "git": _git(),
        "inputs": input_hashes(plan),
    }


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


def input_hashes(plan: Plan) -> dict[str, str]:
    """SHA-256 of every file that the plan's networks are fed."""
    paths = {run.input.parameters["path"] for run in plan.runs if run.input.name == "file"}
    return {path: hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in sorted(paths)}
