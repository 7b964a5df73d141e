"""The sites of a probe as a table: the trunk from input to output, or all sites of a level."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from initlab.formatting import short
from initlab.report.tables.columns import Column, Summary
from initlab.report.tables.probe.folding import Fold, folded, named_in
from initlab.report.tables.probe.medians import RELATIVE, Site, digits, sites_of

if TYPE_CHECKING:
    from initlab.probe.result import Probe

MARK = "!"  # of a site that a finding names
LEAST_PATH = 32  # characters to which a path is shortened, if there is no room for more
NUMBERS_WIDTH = 50  # what the other columns need
TITLES = {
    "trunk": "trunk of {count} sites, from the input to the output",
    "modules": "calls of modules, in the order of the forward pass",
    "ops": "modules and ops, in the order of the forward pass",
}


@dataclass(frozen=True)
class _Number:
    """A column of numbers: its heading, the number, how soon it is left out, what it means."""

    heading: str
    column: str
    rank: int
    legend: str = ""


RMS = _Number("rms", "rms", 1)
SIGNAL = _Number(
    "signal", "signal", 3, "signal: rms of what differs between samples, x less its batch mean."
)
S = _Number(
    "s/s_out", RELATIVE, 2, "s/s_out: s = ||gradient|| signal, relative to that of the output."
)  # fmt: skip
#: instead, where that is 0 or was not measured
ABSOLUTE_S = _Number("s", "sensitivity", 2, "s = ||gradient|| signal; at the output there is none.")
LN_GAIN = _Number(
    "ln gain", "d_ln_s", 4, "ln gain: growth of ln s on the way back to the site above."
)  # fmt: skip
FORWARD = _Number("forward", "gain_forward", 5, "forward: rms over that of the first input.")
BACKWARD = _Number(
    "backward", "gain_backward", 6, "backward: ||gradient|| of the inputs over that of the value."
)
PREDICTED = (
    _Number("pred rms", "predicted_rms", 7, "pred: by theory."),
    _Number(
        "pred grad", "predicted_grad", 8,
        "pred grad: ||gradient|| by theory, relative to the measured one at the output.",
    ),
)  # fmt: skip
SHAPE_RANK = 9


def site_summary(probe: "Probe", level: str, width: int | None = None) -> Summary:
    """A table of sites, medians over the seeds.

    Args:
        probe: with the rows.
        level: trunk, which is folded where nothing happens; modules or ops, which are not.
        width: characters of a line, for which long paths are shortened; None shortens none.
    """
    sites = sites_of(probe, level)
    rows = folded(sites, probe.findings) if level == "trunk" else [*sites]
    marked = {sites[at].name for at in named_in(sites, probe.findings)}
    known = {name for site in sites for name in site.numbers}
    gains = [LN_GAIN] if level == "trunk" else [FORWARD, BACKWARD]
    s = S if RELATIVE in known else ABSOLUTE_S
    shown = [n for n in (RMS, SIGNAL, s, *gains, *PREDICTED) if n.column in known]
    marks = tuple(MARK if isinstance(r, Site) and r.name in marked else "" for r in rows)
    names = [_name(row) for row in rows]
    most = math.inf if width is None else max(LEAST_PATH, width - NUMBERS_WIDTH)
    labels = tuple(shortened(name, most) for name in names)
    seeds = len(probe.seeds)
    return Summary(
        (
            *([Column("", marks, legend=(f"{MARK}: named in a finding.",))] if any(marks) else []),
            Column("site", labels, text=True, legend=_about_names(names, labels)),
            Column("shape", tuple(map(_shape, rows)), SHAPE_RANK),
            *(_column(number, rows) for number in shown),
        ),
        title=TITLES[level].format(count=len(sites))
        + (f", medians over {seeds} seeds" if seeds > 1 else ""),
        subtitle="" if rows else "nothing was measured",
        dim_notes=_about_folds(rows),
        more="--format csv",
    )


def _column(number: _Number, rows: Iterable[Site | Fold]) -> Column:
    cells = tuple(_cell(row, number.column) for row in rows)
    legend = (number.legend,) if number.legend else ()
    return Column(number.heading, cells, number.rank, legend, number=True)


def _cell(row: Site | Fold, column: str) -> str:
    """A number, a range of a fold; of gains in logarithms, which add up, the sum."""
    if column == "d_ln_s":
        sites = row.sites if isinstance(row, Fold) else (row,)
        gains = [site.numbers[column] for site in sites if column in site.numbers]
        return _signed(sum(gains)) if gains else "-"
    if isinstance(row, Site):
        return row.cell(column)
    ends = row.between(column)
    if ends is None:
        return digits(None)
    if ends[0] == ends[1]:
        return digits(ends[0])
    low, high = map(_end, ends)
    return low if low == high else f"{low}..{high}"


def _end(number: float) -> str:
    """An end of a range, in so few digits that three ranges fit a line."""
    return short(number, 2 if 1e-2 <= abs(number) < 1e3 else 1)


def _signed(number: float) -> str:
    return digits(number) if math.isnan(number) else f"{number:+.2f}"


def _name(row: Site | Fold) -> str:
    return row.name if isinstance(row, Site) else f"{row.name} ({len(row.sites)})"


def _shape(row: Site | Fold) -> str:
    shapes = {site.shape for site in (row.sites if isinstance(row, Fold) else (row,))}
    return shapes.pop() if len(shapes) == 1 else ""


def shortened(name: str, most: float = LEAST_PATH) -> str:
    """A site's name whose words have `most` characters, if leading parts of a path can be letters.

    b.e.layer.0.attention of bert.encoder.layer.0.attention; numbers and the last part are kept.
    """
    return " ".join(_short_path(word, most) for word in name.split(" "))


def _short_path(path: str, most: float) -> str:
    parts = path.split(".")
    for at in range(len(parts) - 1):
        if len(".".join(parts)) <= most:
            break
        parts[at] = parts[at] if parts[at].isdigit() else parts[at][:1]
    return ".".join(parts)


def _about_names(names: Sequence[str], labels: Sequence[str]) -> tuple[str, ...]:
    """How a path that was shortened reads, by the first of them."""
    words = zip(" ".join(names).split(" "), " ".join(labels).split(" "), strict=True)
    first = next(((word, short) for word, short in words if word != short), None)
    return () if first is None else (f"{first[1]}: {first[0]}.",)


def _about_folds(rows: Sequence[Site | Fold]) -> tuple[str, ...]:
    if not any(isinstance(row, Fold) for row in rows):
        return ()
    return ("Rows of several sites, (12) of twelve, have ranges; --format csv has every site.",)
