"""Depths whose weights would not fit: peak memory and time, each in a process of its own."""

import json
import sys
from pathlib import Path

from benchmarks.sweeping import process
from benchmarks.table import Row

WIDTH = 1024
#: depth -> GiB at most
WANTED = {2000: 1.1, 10_000: 2}


def rows(_: int) -> list[Row]:
    """With gradients; each depth once."""
    found = []
    for depth, wanted in WANTED.items():
        out = process([sys.executable, "-m", "benchmarks.memory", str(depth)])
        peak, seconds = json.loads(out)
        weights = depth * WIDTH**2 * 4 / 2**30
        what = f"{depth} x {WIDTH} with gradients, {weights:.1f} GiB of weights"
        found.append(Row(f"{what}: peak", [peak / 2**30], "GiB", at_most=wanted))
        found.append(Row(f"{what}: time", [seconds], "s"))
    return found


def peak_bytes() -> int:
    """The most memory that this process has had, without that of the process that started it."""
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def main(depth: int) -> None:
    """Sweep over one network; print its peak memory in bytes and its seconds as JSON."""
    import time

    import initlab

    init = {"scheme": "scaled_normal", "sigma_w": 1.0}
    spec = {"depth": depth, "width": WIDTH, "activation": "tanh", "init": init, "band": 0}
    plan = initlab.load_plan(spec)
    start = time.perf_counter()
    results = initlab.run_plan(plan)
    seconds = time.perf_counter() - start
    if len(results.layers.weight_grad_std.dropna()) != depth:
        raise SystemExit(f"only {len(results.layers)} layers have been measured")
    print(json.dumps([peak_bytes(), seconds]))


if __name__ == "__main__":
    main(int(sys.argv[1]))
