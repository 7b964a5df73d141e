"""What operands must fulfil before a loss is computed; a record names its rules in order.

A rule is a function of a `Call` that yields findings. Rules about shapes come first in a record
and end the checks when they fail, so that the others may rely on shapes.
"""

from collections.abc import Callable, Iterator

from initlab.errors import Finding
from initlab.losslab.call import Call
from initlab.losslab.checks import (
    ctc,
    numbers,
    pairs,
    probabilities,
    shapes,
    suspicions,
    targets,
    weights,
)

Rule = Callable[[Call], Iterator[Finding]]

RULES: dict[str, Rule] = {
    rule.__name__: rule
    for rule in (
        *shapes.RULES,
        *weights.RULES,
        *numbers.RULES,
        *probabilities.RULES,
        *suspicions.RULES,
        *targets.RULES,
        *pairs.RULES,
        *ctc.RULES,
    )
}
#: those after which the others have nothing to stand on
FIRST = {rule.__name__ for rule in (*shapes.RULES, *weights.RULES, *targets.FIRST, *ctc.FIRST)}
