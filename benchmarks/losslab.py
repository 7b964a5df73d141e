"""The loss lab: one call against importing torch, and a stream of records against calls."""

import sys

from benchmarks.sweeping import INITLAB, process
from benchmarks.table import Row
from benchmarks.timing import Contender, side_by_side

CALL = ["loss", "--name", "bce", "--inputs", "[0.2, 0.8]", "--target", "[0, 1]"]
RECORD = b'{"input": [0.2, 0.8], "target": [0, 1]}\n'
RECORDS = 10_000


def rows(rounds: int) -> list[Row]:
    """A call, and a stream."""
    stream = ["loss", "--name", "bce", "--jsonl", "-"]
    seconds = side_by_side(
        {
            "call": Contender(lambda: process([*INITLAB, *CALL])),
            "torch": Contender(lambda: process([sys.executable, "-c", "import torch"])),
        },
        rounds,
    )
    streamed = side_by_side(
        {"stream": Contender(lambda: process([*INITLAB, *stream], RECORD * RECORDS))},
        1,
        warm_up=False,
    )["stream"]
    longer = [a / b for a, b in zip(seconds["call"], seconds["torch"], strict=True)]
    faster = [RECORDS * min(seconds["call"]) / streamed[0]]
    return [
        Row("one call", seconds["call"], "s", longer, "time of import torch", at_most=1.25),
        Row(f"{RECORDS} records", streamed, "s", faster, "speed of as many calls", at_least=100),
    ]
