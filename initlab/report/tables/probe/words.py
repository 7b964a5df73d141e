"""What a probe says around its table: the verdict and findings above, coverage and runs below."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from initlab.formatting import brief, on_one_line
from initlab.report.tables.listing import INDENT, wrapped
from initlab.report.tables.probe.findings import finding_text, verdict, worst_first

if TYPE_CHECKING:
    from initlab.probe.result import Coverage, Finding, Probe, Summary


def above(probe: "Probe", width: int) -> str:
    """The verdict and the findings, the worst first; lines that are not indented are titles."""
    texts = ["\n".join(wrapped(verdict(probe), width, INDENT)) + "\n"]
    texts += [finding_text(finding, width) for finding in _code_once(worst_first(probe.findings))]
    return "\n".join(texts)


def _code_once(findings: Iterable["Finding"]) -> Iterator["Finding"]:
    """Findings of which each shows its fix, but no lines that one before it has shown."""
    shown = set[tuple[str, ...]]()
    for finding in findings:
        fix = finding.fix
        if fix is not None and fix.code and fix.code in shown:
            fix = replace(fix, about=f"{fix.about}, as above", code=())
        elif fix is not None:
            shown.add(fix.code)
        yield replace(finding, fix=fix)


def below(probe: "Probe", width: int) -> str:
    """Runs, coverage and notes, a title each."""
    lines = []
    for title, texts in blocks(probe):
        lines.append(title)
        for text in texts:
            lines += [INDENT + line for line in wrapped(text, width - len(INDENT), INDENT)]
    return "\n".join(lines) + "\n"


def blocks(probe: "Probe") -> Iterator[tuple[str, list[str]]]:
    """What stands below a table: texts of one line, under titles."""
    found = (
        ("runs", [run_line(run) for run in probe.runs]),
        ("coverage", coverage_lines(probe.coverage)),
        ("notes", [on_one_line(note) for note in probe.notes]),
    )
    return ((title, texts) for title, texts in found if texts)


def run_line(run: "Summary") -> str:
    """One seed's run: output, batch, K, loss, and s on the trunk; nothing of what is not known."""
    between = [brief(end) for end in (run.smallest, run.largest) if end is not None]
    parts = [
        on_one_line(run.output),
        "" if run.batch is None else f"batch {run.batch}",
        "" if run.k is None else f"K {brief(run.k)}",
        "" if run.loss is None else f"loss {brief(run.loss)}",
        f"s/s_out {' to '.join(between)}" if between else "",
    ]
    return f"seed {run.seed}: {', '.join(filter(None, parts))}"


def coverage_lines(coverage: "Coverage") -> list[str]:
    """How much was seen, and what could not be."""
    seen = (
        f"{coverage.nodes_labelled} of {coverage.nodes} autograd nodes labelled,"
        f" {coverage.ops_without_value} of {coverage.ops} ops without values"
    )
    blind = "; ".join(coverage.blind)
    return [seen, *([on_one_line(f"cannot see: {blind}")] if blind else [])]
