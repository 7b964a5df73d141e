"""What a probe found as one page of HTML: no script, nothing that is loaded."""

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from html import escape
from importlib import resources
from string import Template

from initlab.catalog.probe_rules import PROBE_RULES
from initlab.formatting import visible
from initlab.probe.result import LEVELS, Coverage, Finding, Fix, Probe
from initlab.report.figures.probe_trunk import Trunk, of_seeds, trunk_of
from initlab.report.page.probe_charts import charts
from initlab.report.page.probe_table import modules, parameters, runs, text
from initlab.report.page.probe_trunk import level_class, trunk_table
from initlab.report.tables.probe.findings import number_text, worst_first
from initlab.version import __version__

POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none';"
    " form-action 'none'"
)
MOST_CARDS = 20  # findings that are shown unasked


def probe_page(probe: Probe) -> str:
    """One page that needs nothing else, in light and dark, for screens of any width.

    Raises:
        InputError: a package of the extra `plot` is not installed.
    """
    trunk = trunk_of(probe)
    found = list(enumerate(worst_first(probe.findings), start=1))
    drawn = charts(probe)
    table = trunk_table(trunk, found) if trunk.rows else ""
    parts = (
        *_findings(found, trunk),
        f"<h2>Along the trunk, from the input to the output</h2>\n{drawn}",
        f"<h2>Trunk</h2>\n{table or '<p>There is none: no output has a gradient.</p>'}",
        modules(probe),
        parameters(probe),
        runs(probe),
        *_coverage(probe.coverage),
        *_notes(probe.notes),
    )
    main = "\n".join(parts)
    page = Template(_file("probe.html")).substitute(
        policy=POLICY,
        generator=f"initlab {__version__}",
        title=f"{text(probe.target)} – initlab probe",
        style=_file("page.css"),
        body=f'{_header(probe, trunk)}\n<main id="main">\n{main}\n</main>',
    )
    return page.encode(errors="backslashreplace").decode()  # a file's name may be no UTF-8


def _header(probe: Probe, trunk: Trunk) -> str:
    counts = Counter(finding.level for finding in probe.findings)
    chips = " ".join(
        f'<span class="level {level_class(level)}">{_many(counts[level], level)}</span>'
        for level in LEVELS
        if counts[level]
    )
    if probe.failing():
        verdict = "Not healthy."
    else:
        measured = "Healthy: no error, no warning."
        verdict = measured if trunk.rows else "No error, no warning, and no gradient was measured."
    outputs = dict.fromkeys(run.output for run in probe.runs)
    batches = dict.fromkeys(run.batch for run in probe.runs if run.batch is not None)
    facts = [
        of_seeds(probe.seeds),
        *(f"output {output}" for output in outputs),
        *(f"batch {batch}" for batch in batches),
        f"{len(trunk.rows):,} sites on the trunk",
    ]
    return (
        f'<header><p class="eyebrow">initlab probe</p><h1>{text(probe.target)}</h1>'
        f'<p class="verdict-text">{verdict} {chips}</p>'
        f'<p class="facts">{text(" · ".join(facts))}</p></header>'
    )


def _many(count: int, level: str) -> str:
    if level == "seed-dependent":
        return f"{count} in some seeds only"
    return f"{count} {level}{'s' if count > 1 else ''}"


def _findings(found: Sequence[tuple[int, Finding]], trunk: Trunk) -> Iterator[str]:
    """A card for every finding, the worst first."""
    yield "<h2>Findings</h2>"
    if not found:
        yield "<p>None: no rule was broken.</p>"
    cards = [_card(number, finding, trunk) for number, finding in found]
    yield from cards[:MOST_CARDS]
    if more := cards[MOST_CARDS:]:
        yield f"<details><summary>{len(more)} more</summary>\n{''.join(more)}</details>"


def _card(number: int, finding: Finding, trunk: Trunk) -> str:
    key, at = f"finding-{number}", trunk.place_of(finding)
    where = text(finding.parameter or finding.site or "the model")
    facts = [text(finding.where)] if finding.where else []
    if finding.of > 1:
        which = ", ".join(map(str, finding.seeds))
        facts.append(f"in {len(finding.seeds)} of {finding.of} seeds: {which}")
    if at is not None:
        facts.append(f'<a href="#place-{at}">place {trunk.rows[at]["trunk"]} of the trunk</a>')
    known = finding.rule in PROBE_RULES
    about = f'<p class="note">{text(PROBE_RULES[finding.rule].about)}</p>' if known else ""
    parts = (
        f'<h3 id="{key}-title"><span class="level">{text(finding.level)}</span>'
        f"{text(finding.rule)} <code>{where}</code></h3>",
        f"<p>{escape(visible(finding.message))}</p>",
        about,
        f'<p class="facts">{" · ".join(facts)}</p>' if facts else "",
        _evidence(finding),
        _fix(finding.fix) if finding.fix else "",
    )
    return (
        f'<article class="finding {level_class(finding.level)}" id="{key}"'
        f' aria-labelledby="{key}-title">\n{"".join(parts)}</article>'
    )


def _evidence(finding: Finding) -> str:
    rows = "".join(
        f'<tr><th scope="row">{text(name)}</th><td>{text(number_text(value))}</td></tr>'
        for name, value in finding.evidence.items()
    )
    return f'<table aria-label="Evidence"><tbody>{rows}</tbody></table>' if rows else ""


def _fix(fix: Fix) -> str:
    """What mends it, its code, and what came of a rerun."""
    code = escape(visible("\n".join(fix.code)))
    pasted = f'<pre tabindex="0"><code>{code}</code></pre>' if code else ""
    change = f": before {fix.before}, after {fix.after}" if fix.before or fix.after else ""
    tried = {
        True: f'<p class="cleared">Tried: a rerun with it cleared the finding{text(change)}.</p>',
        False: f'<p class="kept">Tried: a rerun with it has the finding still{text(change)}.</p>',
    }
    said = "" if fix.verified is None else tried[fix.verified]
    return f"<p><b>Fix:</b> {text(fix.about)}</p>{pasted}{said}"


def _coverage(coverage: Coverage) -> Iterator[str]:
    yield "<h2>Coverage</h2>"
    yield (
        f"<p>{coverage.nodes_labelled:,} of {coverage.nodes:,} autograd nodes are assigned to a"
        f" site; {coverage.ops_without_value:,} of {coverage.ops:,} ops are without a value.</p>"
    )
    if coverage.blind:
        yield f"<p>Not seen:</p>{_list(coverage.blind)}"


def _notes(notes: Sequence[str]) -> Iterator[str]:
    if notes:
        yield f"<h2>Notes</h2>{_list(notes)}"


def _list(texts: Sequence[str]) -> str:
    items = "".join(f"<li>{escape(visible(one))}</li>" for one in texts)
    return f'<ul class="remarks">{items}</ul>'


@cache
def _file(name: str) -> str:
    return (resources.files(__package__) / name).read_text(encoding="utf-8")
