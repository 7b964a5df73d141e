"""The places of the charts in the page: titles, descriptions for who cannot see them, notes."""

from collections.abc import Sequence
from html import escape

import numpy as np

from initlab.formatting import brief
from initlab.report.bands import inside_band
from initlab.report.page.curves import Curves
from initlab.report.page.data import Section

MOST_DESCRIBED = 6  # curves whose ends a chart's description gives


def depth_charts(section: Section) -> str:
    """Signal, gradient and cosine, with the key to their colours."""
    figures = "".join(
        _figure(
            i, found.quantity.title, _described(found, section), found.notes, empty=not found.curves
        )
        for i, found in enumerate(section.curves)
    )
    key = "".join(
        f'<li><i style="background:{color}"></i>{escape(label)}</li>'
        for label, color in section.coloring.legend.items()
    )
    field = escape(section.coloring.field)
    legend = f'<ul class="key" aria-label="Colours{f" of {field}" if field else ""}">{key}</ul>'
    thinned = f'<p class="note">{escape(section.thinning)}</p>' if section.thinning else ""
    return (
        f"<h3>Over depth</h3>{legend}"
        '<p class="note">Lines: measured, the median over seeds; shaded: 10 % to 90 % of them.'
        " Dashed: predicted, with its band, for the rows that are chosen"
        f"{' (all, while none is)' if len(section.points) <= 4 else ''}; a gradient's prediction"
        " starts from the last layer as measured. A cross: behind it the first of the seeds turns"
        " nan, and in the end most of them; what has turned nan counts as infinite. Numbers have"
        f' 5 digits.</p>{thinned}<div class="charts">{figures}</div>'
    )


def agreement_charts(section: Section) -> str:
    """Predicted against measured, of the signal and of the gradient."""
    first = len(section.curves)
    figures = "".join(
        _figure(first + i, found.title, f"measured against predicted, {found.title}, "
                f"{len(found.dots['run'])} runs", found.notes, empty=not found.dots["run"])
        for i, found in enumerate(section.agreements)
    )  # fmt: skip
    inside, known = inside_band(section.points.runs)
    band = ""
    if known.any():
        band = (
            f"{np.sum(inside & known):,} of {known.sum():,} runs end within the band that holds"
            " 80 % of networks of their width."
        )
    return (
        '<h3>Predicted against measured</h3><p class="note">A dot is a run; on the dashed line'
        f" both agree; a bar is the predicted band. {band}</p>"
        f'<div class="charts two">{figures}</div>'
    )


def _figure(index: int, title: str, described: str, notes: Sequence[str], *, empty: bool) -> str:
    # Vega gives its own element another role and name
    drawing = (
        f'<div role="img" aria-label="{escape(described)}">'
        f'<div class="plot" data-chart="{index}"></div></div>'
    )
    if empty:
        drawing = '<p class="nothing">Nothing to draw: no value can stand on this axis.</p>'
    told = "".join(f"<p>{escape(note)}</p>" for note in notes)
    return f"<figure><figcaption>{escape(title)}</figcaption>{drawing}{told}</figure>"


def _described(found: Curves, section: Section) -> str:
    """A chart in words: how many curves, and where the first few begin and end."""
    axis = "log axis" if found.quantity.log else "linear axis"
    ends = [_ends(curve, section.points.names) for curve in found.curves[:MOST_DESCRIBED]]
    more = len(found.curves) - len(ends)
    texts = [*ends, f"and {more} more"] if more > 0 else ends
    return f"{found.quantity.title} over layers, {axis}: {'; '.join(texts)}"


def _ends(curve: dict[str, object], names: Sequence[str]) -> str:
    values = curve.get("value")
    known = [v for v in values if v is not None] if isinstance(values, list) else []
    name = names[int(str(curve["point"]))]
    return f"{name} from {brief(known[0])} to {brief(known[-1])}" if known else name
