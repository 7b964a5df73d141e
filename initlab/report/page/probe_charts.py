"""Charts of a probe's page, as SVG in the colours of its style sheet: there is no script."""

import re
from dataclasses import replace

import numpy as np

from initlab.formatting import brief
from initlab.probe.result import Probe
from initlab.report.drawing import colors as palette
from initlab.report.drawing.charts import LINES, chart, key
from initlab.report.drawing.drawable import drawable
from initlab.report.drawing.panel_chart import INK
from initlab.report.extra import extra
from initlab.report.figure import Figure, Panel
from initlab.report.figures.probe import probe_figure
from initlab.report.page.coloring import in_style_sheet
from initlab.report.page.probe_table import text

#: the style sheet's names for colours of a chart that are not those of lines
PAPER_AND_INK = {"white": "var(--paper)", "#000": "var(--muted)", "black": "var(--ink)",
                 INK: "var(--ink)", LINES: "var(--muted)", "#ececec": "var(--line)"}  # fmt: skip


def charts(probe: Probe) -> str:
    """A chart for every panel of the figure, with its notes as text below."""
    figure = probe_figure(probe)
    known = drawable(figure)
    drawn = "".join(
        _figure(replace(figure, panels=(panel,)), number, figure)
        for number, panel in enumerate(figure.panels)
        if isinstance(panel, Panel) and panel.lines
    )
    notes = [key(known), *known.notes]
    told = "".join(f'<p class="note">{text(note)}</p>' for note in notes if note)
    return (f'<div class="charts">{drawn}</div>\n' if drawn else "") + told


def _figure(alone: Figure, number: int, whole: Figure) -> str:
    (panel,) = alone.panels
    (known,) = drawable(alone).panels
    if not isinstance(panel, Panel) or not isinstance(known, Panel):
        raise TypeError("the figure of a probe has no grid")
    if known.lines:
        title = text(panel.title)
        drawing = (
            f'<div class="scroll picture" tabindex="0" role="region" aria-label="{title}">'
            f'<div role="img" aria-label="{text(_described(panel))}">'
            f"{_svg(alone, number, whole)}</div></div>"
        )
    else:
        drawing = '<p class="nothing">Nothing to draw: no value can stand on this axis.</p>'
    return f"<figure><figcaption>{text(panel.title)}</figcaption>{drawing}</figure>"


def _svg(alone: Figure, number: int, whole: Figure) -> str:
    """A chart as a part of the page: in the colours of its style sheet, with names of its own."""
    spec = chart(alone).to_dict()
    spec.pop("title")  # user's text, and notes that the page has below
    drawn = str(extra("vl_convert").vegalite_to_svg(spec))
    own, shared = palette.colors_of(alone), palette.colors_of(whole)
    names = {own[label]: in_style_sheet(shared[label]) for label in own} | PAPER_AND_INK
    drawn = re.sub(r' (?:xmlns(?::xlink)?|version|role|aria-[a-z]+)="[^"]*"', "", drawn)
    drawn = re.sub(r'^<svg([^>]*?) width="\d+" height="\d+"', r"<svg\1", drawn)
    drawn = re.sub(
        r'(fill|stroke)="([^"]+)"',
        lambda found: f'{found[1]}="{names.get(found[2], found[2])}"',
        drawn,
    )
    return re.sub(r'(id="|url\(#)', rf"\g<1>chart-{number}-", drawn)


def _described(panel: Panel) -> str:
    """A chart in words: where its lines begin and end, and what is marked."""
    parts = []
    for line in panel.lines:
        if line.faint:
            continue
        known = line.y[np.isfinite(line.y)]
        name = f"{line.label}{' (predicted)' if line.dashed else ''}"
        ends = f" from {brief(known[0])} to {brief(known[-1])}" if len(known) else ""
        most = f", largest {brief(known.max())}" if len(known) else ""
        parts.append(f"{name}{ends}{most}")
    parts += [f"{rule.label} at place {rule.x:g}" for rule in panel.rules if rule.x is not None]
    return f"{panel.y.title} over the places of the trunk, log axis: {'; '.join(parts)}"
