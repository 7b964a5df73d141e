"""Where results come from: versions, machine, command, revision and input files."""

import os
import platform
import socket
import subprocess
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from initlab.spec.run import Run
from initlab.spec.samples import Samples
from initlab.version import __version__

#: what a run's bits may depend on beside its description
DECISIVE = (
    "initlab", "torch", "numpy", "system", "processor", "instructions", "inner_loops", "variables",
)  # fmt: skip
#: environment variables by which libraries choose other instructions than the processor's best
VARIABLES = (
    "DNNL_MAX_CPU_ISA", "MKL_CBWR", "MKL_DEBUG_CPU_TYPE", "MKL_ENABLE_INSTRUCTIONS",
    "ONEDNN_MAX_CPU_ISA", "OPENBLAS_CORETYPE",
)  # fmt: skip
GIT_SECONDS = 10.0  # for git to answer; a repository on a slow disk does without


@cache
def environment() -> dict[str, Any]:
    """Versions and machine of this process."""
    import numpy
    import torch

    from initlab import native

    return {
        "initlab": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": numpy.__version__,
        "host": socket.gethostname(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "inner_loops": f"C, {native.compiler()}" if native.available() else "torch",
        "variables": _variables(),
        "cores": os.cpu_count(),
    }


def _variables() -> str | None:
    """Those of VARIABLES that are set: "MKL_CBWR=COMPATIBLE"; None if none is."""
    found = [f"{name}={os.environ[name]}" for name in VARIABLES if name in os.environ]
    return " ".join(found) or None


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
    """Revision of the working folder and whether it has uncommitted changes; None outside git.

    The repository may be anybody's: nothing that its configuration names is run. Where its filters
    would have changed a file's content, the file counts as changed.
    """
    try:
        names = os.fsdecode(_asked("config", "--null", "--name-only", "--list")).split("\0")
        filters = {name.rpartition(".")[0] for name in names if name.startswith("filter.")}
        off = {f"{name}.{key}": "" for name in filters for key in ("clean", "process", "required")}
        revision = _asked("rev-parse", "--verify", "HEAD").decode("ascii")
        status = _asked("status", "--porcelain", "--ignore-submodules=all", settings=off)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return {"revision": revision.strip(), "dirty": bool(status.strip())}


def _asked(*command: str, settings: Mapping[str, str] = MappingProxyType({})) -> bytes:
    """What git answers, with everything off by which a repository can have commands run."""
    off = ["-c", "core.fsmonitor=false", "-c", f"core.hooksPath={os.devnull}"]
    env = {**os.environ, "GIT_ALLOW_PROTOCOL": "none"}  # objects are not fetched from elsewhere
    # not as options: a key that holds "=" would be cut there
    env["GIT_CONFIG_COUNT"] = str(len(settings))
    for index, (key, value) in enumerate(settings.items()):
        env |= {f"GIT_CONFIG_KEY_{index}": key, f"GIT_CONFIG_VALUE_{index}": value}
    return subprocess.run(
        ["git", "--no-optional-locks", "--no-pager", *off, *command],
        capture_output=True, check=True, stdin=subprocess.DEVNULL, timeout=GIT_SECONDS, env=env,
    ).stdout  # fmt: skip


def inputs(runs: Iterable[Run]) -> dict[str, Samples]:
    """What networks are fed from files, and compared with, by their paths."""
    choices = [choice for run in runs for choice in (run.input, run.target) if choice]
    read = {choice.samples.path: choice.samples for choice in choices if choice.samples}
    return dict(sorted(read.items()))
