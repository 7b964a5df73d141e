"""The body of the page. Whatever comes from a spec is escaped here, and only here or in table.py."""

from collections import Counter
from collections.abc import Iterator, Sequence
from html import escape

from initlab.formatting import brief, on_one_line, visible
from initlab.report.page.curves import Curves
from initlab.report.page.data import Section, inside_band
from initlab.report.page.provenance import facts, provenance
from initlab.report.page.table import VERDICTS, table

MOST_DESCRIBED = 6  # curves whose ends a chart's description gives


def body(sections: Sequence[Section]) -> str:
    """A header and a section for every sweep; an index where there are several."""
    head = _single(sections[0]) if len(sections) == 1 else _index(sections)
    parts = "\n".join(_section(i, section, len(sections)) for i, section in enumerate(sections))
    return f'{head}\n<main id="main">\n{parts}\n</main>\n<div id="tip" aria-hidden="true"></div>'


def _title(section: Section) -> str:
    return escape(on_one_line(section.source.about or section.source.name))


def _single(section: Section) -> str:
    return (
        f'<header><p class="eyebrow">initlab · {escape(section.source.name)}</p>'
        f"<h1>{_title(section)}</h1></header>"
    )


def _index(sections: Sequence[Section]) -> str:
    rows = "".join(
        f'<tr><th scope="row"><a href="#sweep-{i}">{escape(section.source.name)}</a></th>'
        f"<td>{_title(section)}</td><td>{_counts(section.points.forward)}</td>"
        f"<td>{_counts(section.points.backward)}</td></tr>"
        for i, section in enumerate(sections)
    )
    return (
        f'<header><p class="eyebrow">initlab</p><h1>{len(sections)} sweeps</h1>'
        '<nav aria-label="Sweeps"><div class="scroll"><table class="index"><thead><tr>'
        '<th scope="col">sweep</th><th scope="col">about</th><th scope="col">forward</th>'
        f'<th scope="col">backward</th></tr></thead><tbody>{rows}</tbody></table></div>'
        "</nav></header>"
    )


def _counts(words: Sequence[str]) -> str:
    """How many points have which verdict."""
    counts = Counter(word if word in VERDICTS else "other" for word in words if word)
    chips = []
    for word, count in counts.most_common():
        text = {"other": "mixed"}.get(word, word)
        chips.append(f'<span class="verdict {word}">{f"{count} " if len(words) > 1 else ""}{text}</span>')
    return " ".join(chips) or "–"


def _section(index: int, section: Section, of: int) -> str:
    source, key = section.source, f"sweep-{index}"
    heading = f"<h2>{escape(source.name)}</h2>" if of > 1 else '<h2 class="hidden">Verdict</h2>'
    about = f'<p class="about">{_title(section)}</p>' if of > 1 and source.about else ""
    writer = f" A sweep is writing here now: {source.writer}." if source.writer else ""
    return f"""<section class="sweep" id="{key}" data-sweep="{index}" aria-labelledby="{key}-title">
{heading.replace("<h2", f'<h2 id="{key}-title"', 1)}{about}
<p class="verdict-text">{escape(section.verdict + writer)}</p>
<p class="facts">{escape(facts(section.points))}</p>
{_points(section)}
{_charts(section)}
{_agreement(section)}
{_surprises(section)}
{_origin(section, of)}
</section>"""


def _points(section: Section) -> str:
    one = len(section.points) == 1
    options = "".join(f"<option>{word}</option>" for word in VERDICTS)
    filters = "" if one else "".join(
        f'<label>{way} <select data-filter="{way}"><option value="">all</option>{options}'
        "</select></label>"
        for way in ("forward", "backward")
        if way == "forward" or any(section.points.backward)
    )
    clear = '<button type="button" data-clear disabled>Clear choice</button>'
    tools = "" if one else (
        f'<div class="tools"><label>search <input type="search" data-search></label>{filters}{clear}'
        '<p role="status">Choose rows, and their curves light up.</p></div>'
    )
    rows = table(section.points, section.coloring, section.expected, section.drawn,
                 section.source.name)  # fmt: skip
    return (
        f"<h3>{'Point' if one else 'Points'}</h3>\n{tools}"
        f'<div class="scroll points-box{" one" if one else ""}" tabindex="0" role="region"'
        f' aria-label="Table of points">{rows}</div>'
    )


def _charts(section: Section) -> str:
    figures = "".join(
        _figure(i, found.quantity.title, _described(found, section), found.notes,
                empty=not found.curves)  # fmt: skip
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
        " starts from the last layer as measured. A cross: not finite from here on. Numbers have"
        f' 5 digits.</p>{thinned}<div class="charts">{figures}</div>'
    )


def _agreement(section: Section) -> str:
    first = len(section.curves)
    figures = "".join(
        _figure(first + i, found.title, f"measured against predicted, {found.title}, "
                f"{len(found.dots['run'])} runs", found.notes, empty=not found.dots["run"])
        for i, found in enumerate(section.agreements)
    )  # fmt: skip
    inside, known = inside_band(section.points)
    band = ""
    if known:
        band = (
            f"{inside:,} of {known:,} runs end within the band that holds 80 % of networks of"
            " their width."
        )
    return (
        '<h3>Predicted against measured</h3><p class="note">A dot is a run; on the dashed line'
        f" both agree; a bar is the predicted band. {band}</p>"
        f'<div class="charts two">{figures}</div>'
    )


def _figure(
    index: int, title: str, described: str, notes: Sequence[str], *, empty: bool
) -> str:
    drawing = f'<div class="plot" data-chart="{index}" role="img" aria-label="{escape(described)}"></div>'
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


def _surprises(section: Section) -> str:
    items = "".join(f"<li>{escape(visible(text))}</li>" for text in section.remarks)
    return f'<h3>Runs that surprise</h3><ul class="remarks">{items}</ul>'


def _origin(section: Section, of: int) -> str:
    return "".join(_origin_parts(section, of))


def _origin_parts(section: Section, of: int) -> Iterator[str]:
    yield "<h3>Again</h3>"
    yield f"<pre><code>{escape(visible(section.command))}</code></pre>"
    if section.commanded:
        yield '<p class="note">As it was swept last:</p>'
        yield f"<pre><code>{escape(visible(section.commanded))}</code></pre>"
    yield f"<details{' open' if of == 1 else ''}><summary>The spec, with every default filled in</summary>"
    yield f'<pre class="spec" tabindex="0"><code>{escape(visible(section.source.spec))}</code></pre></details>'
    yield "<h3>Where it comes from</h3>"
    rows = provenance(section.source.provenance)
    pairs = "".join(f"<dt>{escape(k)}</dt><dd>{escape(visible(v))}</dd>" for k, v in rows)
    yield f"<dl>{pairs}</dl>" if pairs else '<p class="note">provenance.json is not there.</p>'
