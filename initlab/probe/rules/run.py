"""All rules in their order, and one way to ask them."""

from collections.abc import Collection

from initlab.probe.result import Finding
from initlab.probe.rules import finite, head, layers, parameters, signal
from initlab.probe.rules.view import Rule, View

RULES: tuple[Rule, ...] = (
    *parameters.RULES,
    *finite.RULES,
    *signal.RULES,
    *layers.RULES,
    *head.RULES,
)


def found_in(view: View, wanted: Collection[str] | None = None) -> list[Finding]:
    """What the rules find in one run.

    Args:
        view: of the run.
        wanted: ids of rules; None for all.
    """
    found = [one for rule in RULES for one in rule(view)]
    return [one for one in found if wanted is None or one.rule in wanted]
