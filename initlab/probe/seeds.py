"""Findings of several seeds as one list: what holds in all of them, and what in some only."""

import math
from collections.abc import Collection, Iterable, Sequence
from statistics import median
from typing import Any

from initlab.probe.result import LEVELS, Finding

#: rules whose findings need no other seed to be true
ANY_SEED = ("parameter-", "nonfinite-", "no-symmetry", "identical-", "double-softmax")
COPIES = "identical-parameters"


def combined(
    found: Sequence[Sequence[Finding]], seeds: Sequence[int], fixed: Collection[str] = ()
) -> tuple[Finding, ...]:
    """One finding for each rule, the worst first.

    A rule that holds in some seeds only is `seed-dependent`; one that is worse in some than in
    others has the mildest of its levels. The message is that of a seed in the middle.

    Args:
        found: of each seed.
        seeds: as many.
        fixed: parameters that no seed changes, which are no copies by accident.
    """
    by_rule: dict[str, dict[int, list[Finding]]] = {}
    for seed, of_seed in zip(seeds, found, strict=True):
        for one in of_seed:
            if one.rule == COPIES and one.parameter in fixed:
                continue
            by_rule.setdefault(one.rule, {}).setdefault(seed, []).append(one)
    findings = [_finding(rule, of, len(seeds)) for rule, of in by_rule.items()]
    return tuple(sorted(findings, key=lambda finding: LEVELS.index(finding.level)))


def _finding(rule: str, by_seed: dict[int, list[Finding]], of: int) -> Finding:
    firsts = [several[0] for several in by_seed.values()]
    level = max((one.level for one in firsts), key=LEVELS.index)
    sure = len(by_seed) == of or rule.startswith(ANY_SEED)
    alike = sorted((one for one in firsts if one.level == level), key=_size)
    chosen = alike[len(alike) // 2]
    several = next(s for s in by_seed.values() if s[0] is chosen)
    message = chosen.message
    if len(several) > 1:
        names = ", ".join(one.parameter or one.site for one in several[1:4])
        more = ", ..." if len(several) > 4 else ""
        message += f"; the same of {names}{more} ({len(several)} in all)"
    return Finding(
        rule=rule,
        level=level if sure else "seed-dependent",
        site=chosen.site,
        message=message,
        evidence=_medians(one.evidence for one in firsts),
        parameter=chosen.parameter,
        where=chosen.where,
        seeds=tuple(by_seed),
        of=of,
    )


def _size(one: Finding) -> float:
    """By which findings of one rule are put in order: the first of their numbers."""
    numbers = [abs(v) for v in one.evidence.values() if isinstance(v, int | float)]
    return numbers[0] if numbers and math.isfinite(numbers[0]) else 0.0


def _medians(evidence: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Medians of numbers over seeds; of anything else what the first seed has."""
    several = list(evidence)
    found: dict[str, Any] = {}
    for key, value in several[0].items():
        numbers = [e[key] for e in several if isinstance(e.get(key), int | float)]
        plain = isinstance(value, int | float) and not isinstance(value, bool)
        found[key] = median(numbers) if plain else value
    return found
