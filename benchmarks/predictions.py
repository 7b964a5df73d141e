"""`initlab predict` on 10,000 points, in seconds of processor time, as one core would need."""

import resource

from benchmarks.sweeping import INITLAB, process
from benchmarks.table import Row

POINTS = """
depth: 100
width: 256
activation: [tanh, relu, gelu, silu, elu]
init: {scheme: scaled_normal, sigma_w: {from: 0.5, to: 4, steps: 100}}
bias: {std: {from: 0, to: 0.5, steps: 20}}
"""
WANTED = 10  # seconds


def rows(rounds: int) -> list[Row]:
    """Of all processors together."""
    seconds, points = [], 0
    for _ in range(min(rounds, 3)):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        points = process([*INITLAB, "predict", "-"], POINTS.encode()).count(b"\n") - 1
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return [Row(f"initlab predict, {points} points", seconds, "s of processors", at_most=WANTED)]
