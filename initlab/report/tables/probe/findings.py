"""Findings of a probe in words: as lines for a terminal, and as Markdown."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from initlab.formatting import brief, markdown_text, on_one_line, visible
from initlab.probe.result import LEVELS
from initlab.report.tables.listing import INDENT, wrapped

if TYPE_CHECKING:
    from initlab.probe.result import Finding, Fix, Probe

INSTALLED = "/site-packages/"  # of a file of a package its name from here on will do
PLURALS = {"error": "errors", "warning": "warnings", "note": "notes"}


def verdict(probe: "Probe") -> str:
    """What was probed and what came of it: "net.py:build (3 seeds): 1 finding: 1 warning"."""
    seeds = f" ({len(probe.seeds)} seeds)" if len(probe.seeds) > 1 else ""
    return on_one_line(f"{probe.target}{seeds}: {counted(probe.findings)}")


def counted(findings: Sequence["Finding"]) -> str:
    """How many findings there are of each level: "3 findings: 1 error, 2 warnings"."""
    if not findings:
        return "healthy: nothing found"
    counts = Counter(finding.level for finding in findings)
    parts = [
        f"{counts[level]} {PLURALS.get(level, level) if counts[level] > 1 else level}"
        for level in LEVELS
        if counts[level]
    ]
    many = len(findings)
    return f"{many} finding{'s' * (many > 1)}: {', '.join(parts)}"


def worst_first(findings: Sequence["Finding"]) -> list["Finding"]:
    """Errors, warnings, notes, then those of some seeds only."""
    return sorted(findings, key=lambda finding: LEVELS.index(finding.level))


def finding_text(finding: "Finding", width: int) -> str:
    """A finding in lines: its title is not indented, code is never broken."""
    lines = wrapped(on_one_line(str(finding)), width, INDENT)
    for text in _facts(finding):
        lines += [INDENT + line for line in wrapped(text, width - len(INDENT), INDENT)]
    if finding.fix is not None:
        fix = finding.fix
        for text in (f"fix: {on_one_line(fix.about)}", *_code(fix), *_trial(fix)):
            if text.startswith(INDENT):
                lines.append(INDENT + text)
            else:
                lines += [INDENT + line for line in wrapped(text, width - len(INDENT), INDENT)]
    return "\n".join(lines) + "\n"


def finding_markdown(finding: "Finding") -> str:
    """A finding as an item of a list, its code as a block."""
    head = f"- **{finding.level}\\[{finding.rule}\\]** "
    head += markdown_text(on_one_line(f"{_place(finding)}: {finding.message}"))
    lines = [head, *(f"  - {markdown_text(text)}" for text in _facts(finding))]
    if finding.fix is not None:
        code, fix = _code(finding.fix), finding.fix
        lines.append(f"  - fix: {markdown_text(on_one_line(fix.about))}")
        fence = "`" * max(3, *(_ticks(line) + 1 for line in code)) if code else ""
        block = [f"  {fence}python", *code, f"  {fence}"] if code else []
        lines += ["", *(INDENT + line for line in block), ""] if code else []
        lines += [f"  - {markdown_text(text)}" for text in _trial(fix)]
    return "\n".join(lines).rstrip() + "\n"


def _place(finding: "Finding") -> str:
    return finding.parameter or finding.site or "the model"


def _facts(finding: "Finding") -> Iterator[str]:
    """The line of the model's code, and in how many seeds it holds; JSON has the evidence."""
    seeds = f"in {len(finding.seeds)} of {finding.of} seeds" if finding.of > 1 else ""
    where = f"at {finding.where.rpartition(INSTALLED)[2]}" if finding.where else ""
    if where or seeds:
        yield on_one_line(", ".join(filter(None, (where, seeds))))


def number_text(value: Any) -> str:
    """A value of the evidence: numbers in three digits."""
    if isinstance(value, bool) or not isinstance(value, float):
        return str(value)
    return brief(value) if math.isfinite(value) else str(value)


def _code(fix: "Fix") -> list[str]:
    """Lines to paste, indented."""
    return [INDENT + visible(line) for text in fix.code for line in text.split("\n")]


def _trial(fix: "Fix") -> Iterator[str]:
    """What came of a rerun with the fix, where it was tried."""
    change = f": before {fix.before}, after {fix.after}" if fix.before or fix.after else ""
    if fix.verified or (fix.verified is False and (fix.code or change)):
        said = "clears it" if fix.verified else "does not clear it"
        yield on_one_line(f"tried: {said}{change}")


def _ticks(line: str) -> int:
    """The longest run of backticks in a line."""
    longest = run = 0
    for character in line:
        run = run + 1 if character == "`" else 0
        longest = max(longest, run)
    return longest
