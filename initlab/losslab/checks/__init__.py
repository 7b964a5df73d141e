"""What operands must fulfil before a loss is computed; a record names its checks in order.

A check is a function of a `Call` that yields findings. Checks of shapes come first in a record
and end the list when they fail, so that the others can rely on shapes.
"""

from collections.abc import Callable, Iterator

from initlab.errors import Finding
from initlab.losslab.call import Call
from initlab.losslab.checks import (
    class_shapes,
    ctc,
    label_lists,
    numbers,
    pairs,
    probabilities,
    shapes,
    suspicions,
    targets,
    weights,
)

Check = Callable[[Call], Iterator[Finding]]

CHECKS: dict[str, Check] = {
    check.__name__: check
    for check in (
        *shapes.CHECKS,
        *class_shapes.CHECKS,
        *weights.CHECKS,
        *numbers.CHECKS,
        *probabilities.CHECKS,
        *suspicions.CHECKS,
        *targets.CHECKS,
        *label_lists.CHECKS,
        *pairs.CHECKS,
        *ctc.CHECKS,
    )
}
#: those whose errors end the list: the checks after them rely on shapes and ranges
FIRST = {
    check.__name__
    for check in (
        *shapes.CHECKS,
        *class_shapes.CHECKS,
        *weights.CHECKS,
        *targets.FIRST,
        *label_lists.FIRST,
        *ctc.FIRST,
    )
}
