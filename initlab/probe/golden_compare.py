"""Compares two golden files: what has changed, and what is only to be told. Torch-free."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from initlab.formatting import brief, times
from initlab.probe.result import LEVELS

SPREADS = 4  # standard deviations over seeds that a number may change by
LISTED = 10  # changes of one kind that are told one by one
#: instead of the ln of a number that has none
ZERO, NONFINITE = "zero", "not finite"
WHAT = {"ln_rms": "rms", "ln_s": "s", "ln_std": "std"}

Row = dict[str, Any]


@dataclass(frozen=True)
class Differences:
    """What has changed: `worse` fails a comparison, `notes` are told."""

    worse: list[str]
    notes: list[str]


def compared(old: Mapping[str, Any], new: Mapping[str, Any], tolerance: float) -> Differences:
    """What has changed from one golden file to another."""
    notes = [
        f"golden file: {what} was {old[key]}, is {new[key]}"
        for key, what in (("target", "TARGET"), ("torch", "torch"), ("seeds", "seeds"))
        if old[key] != new[key]
    ]
    found = Differences([], notes)
    for key, kind, numbers in (
        ("sites", "site", ("ln_rms", "ln_s")),
        ("parameters", "parameter", ("ln_std",)),
    ):
        pairs = _paired(old[key], new[key], kind, found)
        for number in numbers:
            _compare(pairs, number, tolerance, found)
    _compare_findings(old["findings"], new["findings"], found)
    return found


def _paired(
    old: Sequence[Row], new: Sequence[Row], kind: str, found: Differences
) -> list[tuple[Row, Row]]:
    """The same site or parameter in both; those of one alone are told.

    As many names that are gone as are new, at one place between others that have stayed, were
    renamed, and are compared under their new names.
    """
    before, after = [row["name"] for row in old], [row["name"] for row in new]
    pairs, gone, fresh = list[tuple[Row, Row]](), list[str](), list[str]()
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    for what, i, j, k, n in matcher.get_opcodes():
        alike = j - i == n - k and not set(before[i:j]) & set(after) | set(after[k:n]) & set(before)
        if what == "equal" or alike:
            pairs += zip(old[i:j], new[k:n], strict=True)
        else:
            gone += before[i:j]
            fresh += after[k:n]
    moved = set(gone) & set(fresh)
    by_name = {row["name"]: row for row in new}
    pairs += [(row, by_name[row["name"]]) for row in old if row["name"] in moved]
    renamed = [f"{a['name']} is now {b['name']}" for a, b in pairs if a["name"] != b["name"]]
    for texts in (
        renamed,
        [f"{name} is gone" for name in gone if name not in moved],
        [f"{name} is new" for name in fresh if name not in moved],
        [f"{name} is at another place" for name in fresh if name in moved],
    ):
        _tell([f"{kind} {text}" for text in texts], f"{kind}s", found.worse)
    return pairs


def _tell(texts: list[str], kind: str, told: list[str]) -> None:
    """The first of several, and how many there are."""
    told += texts[:LISTED]
    if len(texts) > LISTED:
        told.append(f"{len(texts) - LISTED} more {kind}, as the last")


def _compare(
    pairs: Sequence[tuple[Row, Row]], number: str, tolerance: float, found: Differences
) -> None:
    """One number of each pair."""
    changed = list[str]()
    for old, new in pairs:
        before, after = old[number], new[number]
        limit = max(tolerance, SPREADS * old[f"{number}_sd"], SPREADS * new[f"{number}_sd"])
        numbers = isinstance(before, int | float) and isinstance(after, int | float)
        if before == after or (numbers and abs(after - before) <= limit):
            continue
        text = f"{new['name']}: {WHAT[number]} was {_shown(before)}, is {_shown(after)}"
        if numbers:
            ratio = times(_exp(after - before))
            text += f" ({ratio}; x {math.exp(min(limit, 700)):.3g} is allowed)"
        # what is known now, or sound, is no fault
        if before in (None, NONFINITE) and isinstance(after, int | float):
            found.notes.append(text)
        else:
            changed.append(text)
    _tell(changed, f"changes of {WHAT[number]}", found.worse)


def _shown(value: float | str | None) -> str:
    """A number of which the file has ln, or the word instead."""
    if value is None:
        return "not measured"
    if isinstance(value, str):
        return "0" if value == ZERO else value
    return brief(_exp(value))


def _exp(value: float) -> float:
    return math.exp(min(value, 709.78))


def _compare_findings(old: Sequence[Row], new: Sequence[Row], found: Differences) -> None:
    """New findings and worse ones; those that only some seeds have never fail."""
    before = {(f["rule"], f["place"]): f["level"] for f in old}
    after = {(f["rule"], f["place"]): f["level"] for f in new}
    for (rule, place), level in after.items():
        was, name = before.get((rule, place)), f"[{rule}] {place or 'the model'}"
        if was == level:
            continue
        milder = was in LEVELS and level in LEVELS and LEVELS.index(level) > LEVELS.index(was)
        text = f"{level}{name}: was {was}" if was else f"{level}{name}: is new"
        (found.notes if milder or level == LEVELS[-1] else found.worse).append(text)
    found.notes.extend(
        f"{level}[{rule}] {place or 'the model'}: is gone"
        for (rule, place), level in before.items()
        if (rule, place) not in after
    )
