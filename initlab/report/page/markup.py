"""The body of the page. What comes from a spec is escaped where it becomes HTML."""

from collections import Counter
from collections.abc import Iterator, Sequence
from html import escape

from initlab.formatting import on_one_line, visible
from initlab.report.page.data import Section
from initlab.report.page.figures import agreement_charts, depth_charts
from initlab.report.page.provenance import facts, provenance
from initlab.report.page.table import VERDICTS, table


def body(sections: Sequence[Section], together: Section | None) -> str:
    """A header and a section for every sweep; where there are several, an index, and all as one."""
    several = len(sections) > 1
    parts = [_section(i, section, several=several) for i, section in enumerate(sections)]
    if together is not None:
        parts.insert(0, _together(len(sections), together))
    head = _index(sections) if several else _single(sections[0])
    main = "\n".join(parts)
    return f'{head}\n<main id="main">\n{main}\n</main>\n<div id="tip" aria-hidden="true"></div>'


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
        chips.append(
            f'<span class="verdict {word}">{f"{count} " if len(words) > 1 else ""}{text}</span>'
        )
    return " ".join(chips) or "–"


def _section(index: int, section: Section, *, several: bool) -> str:
    source = section.source
    about = f'<p class="about">{_title(section)}</p>' if several and source.about else ""
    writer = f" A sweep is writing here now: {source.writer}." if source.writer else ""
    parts = (
        about,
        f'<p class="verdict-text">{escape(section.verdict + writer)}</p>',
        f'<p class="facts">{escape(facts(section.points))}</p>',
        _points(section),
        depth_charts(section),
        agreement_charts(section),
        *_remarks(section),
        *_origin(section, several=several),
    )
    return _titled(index, source.name if several else "", parts)


def _together(index: int, section: Section) -> str:
    parts = (_points(section), depth_charts(section), agreement_charts(section))
    return _titled(index, section.source.name, parts)


def _titled(index: int, title: str, parts: Sequence[str]) -> str:
    """A section of the page; one that stands alone has the page's heading."""
    key, main = f"sweep-{index}", "\n".join(parts)
    hidden = "" if title else ' class="hidden"'
    return (
        f'<section class="sweep" id="{key}" data-sweep="{index}" aria-labelledby="{key}-title">\n'
        f'<h2 id="{key}-title"{hidden}>{escape(title) or "Verdict"}</h2>\n{main}\n</section>'
    )


def _points(section: Section) -> str:
    one = len(section.points) == 1
    rows = table(
        section.points, section.coloring, section.expected, section.drawn, section.source.name
    )
    return (
        f"<h3>{'Point' if one else 'Points'}</h3>\n{'' if one else _tools(section)}"
        f'<div class="scroll points-box{" one" if one else ""}" tabindex="0" role="region"'
        f' aria-label="Table of points">{rows}</div>'
    )


def _tools(section: Section) -> str:
    """What narrows the table down."""
    options = "".join(f"<option>{word}</option>" for word in VERDICTS)
    filters = "".join(
        f'<label>{way} <select data-filter="{way}"><option value="">all</option>{options}'
        "</select></label>"
        for way in ("forward", "backward")
        if way == "forward" or any(section.points.backward)
    )
    return (
        f'<div class="tools"><label>search <input type="search" data-search></label>{filters}'
        '<button type="button" data-clear disabled>Clear choice</button>'
        '<p role="status">Choose rows, and their curves light up.</p></div>'
    )


def _remarks(section: Section) -> Iterator[str]:
    yield f"<h3>Runs that surprise</h3>{_list(section.surprises)}"
    if section.misleading:
        yield "<h3>Within the band, though far from infinite width</h3>"
        yield _list(section.misleading)


def _list(texts: Sequence[str]) -> str:
    items = "".join(f"<li>{escape(visible(text))}</li>" for text in texts)
    return f'<ul class="remarks">{items}</ul>'


def _origin(section: Section, *, several: bool) -> Iterator[str]:
    yield "<h3>Again</h3>"
    yield f"<pre><code>{escape(visible(section.command))}</code></pre>"
    if section.commanded:
        yield '<p class="note">As it was swept last:</p>'
        yield f"<pre><code>{escape(visible(section.commanded))}</code></pre>"
    yield f"<details{'' if several else ' open'}>"
    yield "<summary>The spec, with every default filled in</summary>"
    spec = escape(visible(section.source.spec))
    yield f'<pre class="spec" tabindex="0"><code>{spec}</code></pre></details>'
    yield "<h3>Where it comes from</h3>"
    rows = provenance(section.source.provenance)
    pairs = "".join(f"<dt>{escape(k)}</dt><dd>{escape(visible(v))}</dd>" for k, v in rows)
    yield f"<dl>{pairs}</dl>" if pairs else '<p class="note">provenance.json is not there.</p>'
