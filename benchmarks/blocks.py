"""Networks with residual sums and norms: what they cost beside as many plain ones."""

from functools import partial
from typing import TYPE_CHECKING, Any

import initlab
from benchmarks.sweeping import computed
from benchmarks.table import Row
from benchmarks.timing import Contender, side_by_side
from benchmarks.workloads import BATCH, DEPTH, WIDTH

if TYPE_CHECKING:
    from initlab.spec.plan import Plan

SCALES = 40  # networks of a seed, which share their random numbers
SEEDS = 2
#: what is timed, and how many times as long as the plain grid it may take
WANTED: dict[str, float | None] = {
    "residual": 1.5,
    "residual, layer norm": None,
    "batch norm": None,
}
KINDS: dict[str, dict[str, Any]] = {
    "plain": {
        "init": {"scheme": "lecun_normal", "gain": {"from": 1.2, "to": 1.5, "steps": SCALES}}
    },
    "residual": {"residual": {"every": 2, "scale": {"from": 0.01, "to": 0.5, "steps": SCALES}}},
    "residual, layer norm": {
        "residual": {"every": 2, "scale": {"from": 0.01, "to": 0.5, "steps": SCALES}},
        "norm": "layer",
    },
    "batch norm": {
        "init": {"scheme": "lecun_normal", "gain": {"from": 1.2, "to": 1.5, "steps": SCALES}},
        "norm": "batch",
    },
}


def rows(rounds: int) -> list[Row]:
    """A grid of 80 networks of each kind, forward and backward, on one thread."""
    plans = {kind: _plan(fields) for kind, fields in KINDS.items()}
    seconds = side_by_side(
        {kind: Contender(partial(computed, plan, 1)) for kind, plan in plans.items()},
        rounds,
    )
    found = []
    for kind, limit in WANTED.items():
        longer = [a / b for a, b in zip(seconds[kind], seconds["plain"], strict=True)]
        what = f"grid of {SCALES * SEEDS}, {kind}: 1 job"
        found.append(Row(what, seconds[kind], "s", longer, "time of the plain grid", at_most=limit))
    return found


def _plan(fields: dict[str, Any]) -> "Plan":
    spec = {
        "name": "benchmark",
        "depth": DEPTH,
        "width": WIDTH,
        "batch": BATCH,
        "activation": "relu",
        "init": {"scheme": "lecun_normal", "gain": "auto"},
        "seeds": SEEDS,
        "band": 0,
    }
    return initlab.load_plan({**spec, **fields})
