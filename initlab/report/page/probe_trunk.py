"""The trunk in a probe's page: every site, long stretches without a finding folded."""

from collections.abc import Collection, Iterator, Sequence
from itertools import groupby

import numpy as np

from initlab.formatting import brief
from initlab.probe.result import Finding
from initlab.report.figures.probe_trunk import Trunk, middle
from initlab.report.page.probe_table import (
    Column,
    Rows,
    box,
    legend,
    named,
    number,
    of,
    row,
    shaped,
    table,
    text,
)

FEW = 30  # sites of a trunk that is shown whole
AROUND = 2  # sites beside one with a finding, and at either end, that are shown
LEAST = 6  # sites that are folded


def trunk_table(trunk: Trunk, found: Sequence[tuple[int, Finding]]) -> str:
    """Every row of the trunk, those with findings highlighted.

    Args:
        trunk: with rows.
        found: findings with their numbers in the page, the worst first.
    """
    at_place: dict[int, list[tuple[int, Finding]]] = {}
    for number_, finding in found:
        at = trunk.place_of(finding)
        if at is not None:
            at_place.setdefault(at, []).append((number_, finding))
    relative = [None if np.isnan(s) else float(s) for s in middle(trunk.relative)]
    columns = _columns(trunk, relative, at_place)
    blocks = []
    for folded, places in _stretches(len(trunk.rows), _kept(trunk, at_place)):
        rows = (row(columns, _rows(trunk, at), _attributes(at, at_place)) for at in places)
        content = table(columns, rows, "Trunk")
        if folded:
            said = _said(trunk, places, relative)
            content = (
                f'<details class="fold"><summary><span>{said}</span></summary>{content}</details>'
            )
        blocks.append(content)
    return legend(columns) + box("\n".join(blocks), "Trunk")


def _rows(trunk: Trunk, at: int) -> Rows:
    """The rows of a place, the first of them that of the longest trunk."""
    others = [rows[at] for rows in trunk.matched]
    return [trunk.rows[at], *(r for r in others if r is not None and r is not trunk.rows[at])]


def _columns(
    trunk: Trunk, relative: Sequence[float | None], found: dict[int, list[tuple[int, Finding]]]
) -> tuple[Column, ...]:
    index = {id(row): at for at, row in enumerate(trunk.rows)}

    def finding(rows: Rows) -> str:
        of_place = found.get(index[id(rows[0])], [])
        links = (f'<a href="#finding-{n}">{text(one.rule)}</a>' for n, one in of_place)
        return "<br>".join(links)

    def relative_s(rows: Rows) -> str:
        return number(relative[index[id(rows[0])]])

    predicted = [of("predicted_rms")] * any(r["predicted_rms"] is not None for r in trunk.rows)
    return (
        Column("place", lambda rows: text(rows[0]["trunk"]), 3.8),
        Column("site", named, 0, number=False),
        Column("what", _what, 6, number=False),
        Column("shape", shaped, 6.5, number=False),
        *map(of, ("rms", "signal")),
        *predicted,
        Column("s / s_out", relative_s, about="s over s at the output of the same seed"),
        of("d_ln_s", "ln s gained"),
        of("grad_norm", "||g||"),
        of("finite"),
        Column("findings", finding, 9, number=False),
    )  # fmt: skip


def _what(rows: Rows) -> str:
    """The class of a module, the name of an op within one."""
    first = rows[0]
    if first["kind"] == "input":
        return "input"
    whole = first["site"].partition("#")[0] == first["path"]
    return text(first["module"] if whole and first["module"] else first["op"])


def _attributes(at: int, found: dict[int, list[tuple[int, Finding]]]) -> str:
    if at not in found:
        return ""
    return f' id="place-{at}" class="found {level_class(found[at][0][1].level)}"'


def level_class(level: str) -> str:
    """The style sheet's name of a level; a `note` is small print there."""
    return "note-level" if level == "note" else text(level)


def _kept(trunk: Trunk, found: Collection[int]) -> set[int]:
    """Places that are shown: ends, findings and their neighbours, and the largest change of s."""
    count = len(trunk.rows)
    if count <= FEW:
        return {*range(count)}
    kept = {at + step for at in found for step in range(-AROUND, AROUND + 1)}
    kept |= {*range(AROUND + 1), *range(count - AROUND - 1, count)}
    changes = np.abs(middle(trunk.values("d_ln_s")))
    changes = np.where(np.isfinite(changes), changes, 0.0)
    lost = np.flatnonzero(np.isinf(middle(trunk.values("rms"))))
    return kept | {int(changes.argmax()), *lost[:1].tolist()}


def _stretches(count: int, kept: Collection[int]) -> Iterator[tuple[bool, list[int]]]:
    """Places that are shown, and those that are folded, in turn."""
    shown: list[int] = []
    for near, group in groupby(range(count), key=kept.__contains__):
        places = list(group)
        if near or len(places) < LEAST:
            shown += places
            continue
        if shown:
            yield False, shown
        yield True, places
        shown = []
    if shown:
        yield False, shown


def _said(trunk: Trunk, places: list[int], relative: Sequence[float | None]) -> str:
    """What a folded stretch holds."""
    first, last = (trunk.rows[at] for at in (places[0], places[-1]))
    parts = [
        f"places {first['trunk']} to {last['trunk']}: {len(places)} sites without a finding,"
        f" {text(first['site'])} to {text(last['site'])}"
    ]
    known = {
        name: [v for v in middle(trunk.values(name))[places].tolist() if v == v]
        for name in ("rms", "signal")
    }
    known["s / s_out"] = [s for at in places if (s := relative[at]) is not None]
    for name, values in known.items():
        finite = [value for value in values if np.isfinite(value)]
        lost = len(values) - len(finite)
        parts += [f"{name} {brief(min(finite))} to {brief(max(finite))}"] if finite else []
        parts += [f"{name} not finite in {lost}"] if lost else []
    return "; ".join(parts)
