"""Which machine, and which versions: a time is of one machine, a ratio almost so."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("torch", "numpy", "scipy", "joblib", "hydra-core")


def processor() -> str:
    """The processor's name, as Linux has it, or what Python knows."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def versions() -> str:
    """Of Python, initlab and what computes here."""
    import initlab
    from initlab import native

    loops = f"inner loops by {native.compiler() or 'torch'}"
    found = [f"Python {platform.python_version()}", f"initlab {initlab.__version__} ({loops})"]
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"no {name}")
    return ", ".join(found)


def description() -> str:
    """A line about the machine, its load before anything ran, and a line of versions."""
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return f"{processor()}, {cores()} cores, {platform.system()}{load}\n{versions()}"
