"""What happens along the trunk of a probed model: the size of its values, and its gradient."""

from collections.abc import Iterator, Sequence

import numpy as np

from initlab.catalog.probe_rules import GRADIENT_WARNING
from initlab.probe.result import LEVELS, Finding, Probe
from initlab.report.figure import Array, Axis, Figure, Line, Panel, Rule
from initlab.report.figures.probe_trunk import Trunk, middle, of_seeds, trunk_of

PLACE = Axis("place in the trunk")
SIZE = Axis("rms", log=True)
RELATIVE = Axis("s / s at the output", log=True)
THRESHOLDS = (
    Rule(f"gradient-explodes above {GRADIENT_WARNING:g}", y=GRADIENT_WARNING),
    Rule(f"gradient-vanishes below 1/{GRADIENT_WARNING:g}", y=1 / GRADIENT_WARNING),
)
MOST_MARKED = 3  # places with findings that have a rule
MOST_NAMED = 6  # of the other findings
MOST_POINTS = 5_000  # beyond, lines of single seeds are left out


def probe_figure(probe: Probe, *, seeds: bool = True) -> Figure:
    """Value, signal and sensitivity over the trunk, from the input to the output.

    Strong lines are medians over seeds, in which nan counts as infinite.

    Args:
        probe: of any model; without a gradient there is one empty panel, and a note says why.
        seeds: whether each seed has a faint line; characters cannot be faint.
    """
    trunk = trunk_of(probe)
    columns = _columns(trunk)
    points = len(trunk.rows) * len(columns) * (len(trunk.seeds) + 1)
    single = seeds and len(trunk.seeds) > 1 and points <= MOST_POINTS
    lines: dict[str, list[Line]] = {}
    for name, values in columns.items():
        faint = _of_single_seeds(name, trunk, values) if single else []
        lines[name] = [*faint, Line(name, trunk.places, middle(values))]
    predicted = middle(trunk.values("predicted_rms")) if trunk.rows else np.array([])
    if not np.isnan(predicted).all():
        lines["rms"].append(Line("rms", trunk.places, predicted, dashed=True))
    marked, unmarked = _findings(probe, trunk)
    upright = tuple(_rules(trunk, marked))
    forward = (*lines.get("rms", ()), *lines.get("signal", ()))
    panels = [Panel("value and signal", PLACE, SIZE, forward, rules=upright)]
    if "s" in columns:
        rules = (*THRESHOLDS, *upright)
        backward = tuple(lines["s"])
        panels.append(Panel("sensitivity s", PLACE, RELATIVE, backward, rules=rules))
    notes = [*_meaning(trunk, columns, single=single), *map(_printable, unmarked)]
    return Figure(f"{_printable(probe.target)} along the trunk", tuple(panels), tuple(notes))


def _columns(trunk: Trunk) -> dict[str, Array]:
    """What there is to draw, (seeds, places) each; no signal without a batch, no s without any."""
    if not trunk.rows:
        return {}
    found = {"signal": trunk.values("signal"), "s": trunk.relative}
    known = {name: values for name, values in found.items() if not np.isnan(values).all()}
    return {"rms": trunk.values("rms"), **known}


def _of_single_seeds(name: str, trunk: Trunk, values: Array) -> list[Line]:
    """A faint line a seed, in pieces between what a log axis cannot show."""
    found = []
    for own in values:
        kept = np.flatnonzero(_shown(own))
        pieces = np.split(kept, np.flatnonzero(np.diff(kept) > 1) + 1)
        found += [Line(name, trunk.places[at], own[at], faint=True) for at in pieces if len(at)]
    return found


def _shown(values: Array) -> Array:
    return np.asarray(np.isfinite(values) & (values > 0))


def _findings(probe: Probe, trunk: Trunk) -> tuple[dict[int, list[Finding]], list[str]]:
    """The worst findings on the trunk, by place, and notes that name them and the others."""
    marked: dict[int, list[Finding]] = {}
    told: dict[str, list[str]] = {"Marked": [], "Not marked": []}
    for finding in sorted(probe.findings, key=lambda finding: LEVELS.index(finding.level)):
        at = trunk.place_of(finding)
        where = finding.parameter or finding.site or "the model"
        place = "" if at is None else f" (place {trunk.places[at]:g})"
        drawn = at is not None and (at in marked or len(marked) < MOST_MARKED)
        if at is not None and drawn:
            marked.setdefault(at, []).append(finding)
        told["Marked" if drawn else "Not marked"].append(f"{finding.rule} at {where}{place}")
    return marked, [f"{how}: {_listed(names)}." for how, names in told.items() if names]


def _listed(names: Sequence[str]) -> str:
    """The first few, each once."""
    names = list(dict.fromkeys(names))
    more = len(names) - MOST_NAMED
    return "; ".join([*names[:MOST_NAMED], *([f"{more} more"] if more > 0 else [])])


def _rules(trunk: Trunk, marked: dict[int, list[Finding]]) -> Iterator[Rule]:
    for at, findings in sorted(marked.items()):
        names = dict.fromkeys(finding.rule for finding in findings)
        yield Rule(_printable(", ".join(names)), x=float(trunk.places[at]))


def _printable(text: str) -> str:
    """Text of others with escapes for what no picture can hold: vl-convert ends the process."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _meaning(trunk: Trunk, columns: dict[str, Array], *, single: bool) -> Iterator[str]:
    """What lines are, and what of them cannot be drawn beside what a log axis leaves out."""
    if not trunk.rows:
        yield "Nothing to draw: there is no trunk, as no output has a gradient."
        return
    batch = "signal" in columns
    if batch:
        yield "Signal: rms of what differs between the samples."
    if "s" in columns:
        yield (
            "s = ||gradient of a projection of the output|| times"
            f" {'signal' if batch else 'rms'}, over s at the output."
        )
    if len(trunk.seeds) > 1:
        yield f"Lines: median over {of_seeds(trunk.seeds)}{'; faint: single seeds' * single}."
    else:
        yield f"Measured in {of_seeds(trunk.seeds)}."
    if any(trunk.turned_nan(column) for column in ("rms", "signal", "sensitivity")):
        yield "What is nan counts as infinite."
    if trunk.without_scale:
        seeds = of_seeds(trunk.without_scale)
        yield f"s is not drawn for {seeds}: at the output it is 0, unknown or not finite."
    if trunk.beside:
        rows = "1 site is" if trunk.beside == 1 else f"{trunk.beside} sites are"
        yield f"Trunks of seeds differ: {rows} not drawn, as the longest trunk lacks them."
    if single:
        yield from _of_seeds_left_out(trunk.seeds, columns)


def _of_seeds_left_out(seeds: Sequence[int], columns: dict[str, Array]) -> Iterator[str]:
    """What single seeds leave out where their median is drawn."""
    parts = []
    for name, values in columns.items():
        lost = ~np.isnan(values) & ~_shown(values) & _shown(middle(values))
        parts += [
            f"{name} of seed {seed} at {count} places"
            if count > 1
            else f"{name} of seed {seed} at 1 place"
            for seed, count in zip(seeds, lost.sum(axis=1).tolist(), strict=True)
            if count
        ]
    if parts:
        yield f"0 or not finite, and left out: {_listed(parts)}."
