"""Tables of a probe's page: the trunk, calls of modules, parameters and runs, over the seeds."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from initlab.formatting import brief, on_one_line
from initlab.probe.result import PARAMETER_COLUMNS, SITE_COLUMNS, Probe
from initlab.report.tables.probe.medians import median

Rows = Sequence[Mapping[str, Any]]  # of one site or parameter, a row a seed
LEAST_SITE = 14.0  # rem of the column that has what is left
MOST_ROWS = 2_000  # of a table; a page of more is slow


@dataclass(frozen=True)
class Column:
    """A column of cells in HTML; `width` in rem, of the site none: it has what is left."""

    title: str
    cell: Callable[[Rows], str]
    width: float = 5.0
    number: bool = True
    about: str = ""


def text(value: object) -> str:
    """Anything as HTML on one line, nothing for None."""
    return "" if value is None else escape(on_one_line(str(value)))


def number(value: float | None) -> str:
    """A number in a few digits, a dash where there is none."""
    return "–" if value is None else brief(value)


def of(column: str, title: str = "", about: Mapping[str, str] = SITE_COLUMNS) -> Column:
    """The medians of a column."""

    def cell(rows: Rows) -> str:
        return number(median(row[column] for row in rows))

    return Column(title or column.replace("_", " "), cell, about=about[column])


def words(column: str, title: str = "", width: float = 6.5) -> Column:
    """What the seeds have in common, or "differs"."""

    def cell(rows: Rows) -> str:
        found = dict.fromkeys(row[column] for row in rows)
        return text(next(iter(found))) if len(found) == 1 else "differs"

    return Column(title or column, cell, width, number=False)


def table(columns: Sequence[Column], rows: Iterable[str], name: str) -> str:
    """A table of rows of HTML."""
    widths = "".join(
        f'<col style="width: {column.width:g}rem">' if column.width else "<col>"
        for column in columns
    )
    heads = "".join(
        f'<th scope="col"{_of_number(column)}>{text(column.title)}</th>' for column in columns
    )
    least = sum(column.width or LEAST_SITE for column in columns)
    return (
        f'<table style="min-width: {least:g}rem" aria-label="{text(name)}">'
        f"<colgroup>{widths}</colgroup>"
        f"<thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    )


def row(columns: Sequence[Column], rows: Rows, attributes: str = "") -> str:
    """One row of a table; the column without a width is its heading."""
    cells = (
        f"<td{_of_number(column)}>{column.cell(rows)}</td>"
        if column.width
        else f'<th scope="row">{column.cell(rows)}</th>'
        for column in columns
    )
    return f"<tr{attributes}>{''.join(cells)}</tr>"


def _of_number(column: Column) -> str:
    return ' class="n"' if column.number else ""


def box(content: str, name: str) -> str:
    """Content that scrolls on its own, which the keyboard can reach."""
    return (
        f'<div class="scroll rows" tabindex="0" role="region" aria-label="{name}">{content}</div>'
    )


def legend(columns: Sequence[Column]) -> str:
    """What the headings mean."""
    told = "".join(f"<dt>{text(c.title)}</dt><dd>{text(c.about)}</dd>" for c in columns if c.about)
    return f"<details><summary>What the columns mean</summary><dl>{told}</dl></details>"


def named(rows: Rows) -> str:
    """A site or parameter, with file and line of the call below."""
    first = rows[0]
    known = [re.split(r"[/\\]", first["where"])[-1]] if first.get("where") else []
    known += ["frozen"] if first.get("trainable") is False else []
    return f"{text(first.get('site', first.get('name')))}<small>{text(' · '.join(known))}</small>"


def shaped(rows: Rows) -> str:
    """Shape and number format of the first seed's value."""
    return f"{text(rows[0]['shape'])}<small>{text(rows[0].get('dtype'))}</small>"


def modules(probe: Probe) -> str:
    """Every call of a module, in the order of the forward pass."""
    rows = sorted(
        (row for row in probe.site_rows if row["kind"] in ("input", "module")),
        key=lambda row: row["order"] or 0,
    )
    numbers = ("rms", "signal", "gain_forward", "gain_backward", "grad_rms", "finite", "zero")
    columns = (
        Column("site", named, 0, number=False),
        words("module"),
        Column("shape", shaped, 6.5, number=False),
        *(of(name) for name in numbers if any(row[name] is not None for row in rows)),
    )
    return _folded("Modules", "calls of modules", columns, rows, "site")


def parameters(probe: Probe) -> str:
    """Every parameter."""
    numbers = ("std", "gain", "grad_norm", "update")
    columns = (
        Column("parameter", named, 0, number=False),
        words("shape"),
        words("law", width=6),
        words("activation", "followed by"),
        *(of(column, about=PARAMETER_COLUMNS) for column in numbers),
    )
    return _folded("Parameters", "parameters", columns, probe.parameter_rows, "name")


def _folded(title: str, what: str, columns: Sequence[Column], rows: Rows, key: str) -> str:
    """A section with a table that opens on demand, a row a site or parameter."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for one in rows:
        groups.setdefault(one[key], []).append(one)
    shown = list(groups.values())[:MOST_ROWS]
    count = f"{len(groups):,} {what}"
    if len(shown) < len(groups):
        count += f", of which the first {MOST_ROWS:,} are here"
    content = table(columns, (row(columns, group) for group in shown), title)
    return (
        f"<h2>{title}</h2>\n<details><summary>{count}</summary>{legend(columns)}"
        f"{box(content, title)}</details>"
    )


def runs(probe: Probe) -> str:
    """A row for every seed."""
    columns = ("seed", "output", "batch", "trunk", "largest s / s_out", "smallest s / s_out",
               "ln s gained", "K", "loss")  # fmt: skip
    heads = "".join(f'<th scope="col">{name}</th>' for name in columns)
    cells = [
        (run.output, run.batch, run.trunk, *map(number, (run.largest, run.smallest)),
         *map(number, (run.ln_factor, run.k, run.loss)))
        for run in probe.runs
    ]  # fmt: skip
    rows = "".join(
        f'<tr><th scope="row">{run.seed}</th>{"".join(f"<td>{text(c)}</td>" for c in values)}</tr>'
        for run, values in zip(probe.runs, cells, strict=True)
    )
    return (
        '<h2>Runs</h2>\n<div class="scroll" tabindex="0" role="region" aria-label="Runs"><table>'
        f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
        '<p class="note">K: relative change of the output for a relative change of 1 of every'
        " weight. ln s gained: from the output back to the input.</p>"
    )
