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
Golden = Mapping[str, Any]


@dataclass(frozen=True)
class Differences:
    """What has changed: `worse` fails a comparison, `notes` are told."""

    worse: list[str]
    notes: list[str]


def compared(old: Golden, new: Golden, tolerance: float) -> Differences:
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
    _compare_findings(old, new, found)
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


def _compare_findings(old: Golden, new: Golden, found: Differences) -> None:
    """New findings and worse ones; those that only some seeds have never fail.

    A rule has one finding. It is another one if it is of another parameter; the site where a limit
    on the trunk is passed may move with any change. Rules that one of the two was not asked for are
    left out.
    """
    asked = set(old["rules"]) & set(new["rules"])
    names = {row["name"] for golden in (old, new) for row in golden["parameters"]}
    before, after = (_by_identity(golden["findings"], asked, names) for golden in (old, new))
    for key, finding in after.items():
        level, was = finding["level"], before.get(key)
        name = f"[{finding['rule']}] {finding['place'] or 'the model'}"
        if was is None:
            text, milder = f"{level}{name}: is new", False
        elif was["level"] != level:
            known = was["level"] in LEVELS and level in LEVELS
            milder = known and LEVELS.index(level) > LEVELS.index(was["level"])
            text = f"{level}{name}: was {was['level']}"
        elif was["place"] != finding["place"]:
            text, milder = f"{level}{name}: was at {was['place'] or 'the model'}", True
        else:
            continue
        (found.notes if milder or level == LEVELS[-1] else found.worse).append(text)
    found.notes.extend(
        f"{was['level']}[{was['rule']}] {was['place'] or 'the model'}: is gone"
        for key, was in before.items()
        if key not in after
    )


def _by_identity(
    findings: Sequence[Row], asked: set[str], parameters: set[str]
) -> dict[tuple[str, str], Row]:
    wanted = (finding for finding in findings if finding["rule"] in asked)
    return {(f["rule"], f["place"] if f["place"] in parameters else ""): f for f in wanted}
