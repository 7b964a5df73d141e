"""Prints a probe: a view for people, or CSV, JSON and Markdown."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Literal

from initlab.cli import output
from initlab.cli.output import Format
from initlab.formatting import csv_line, json_number, markdown_text, on_one_line

if TYPE_CHECKING:
    from initlab.probe.result import Finding, Probe


@contextmanager
def ticking() -> Iterator[Callable[[str], None]]:
    """Hands out what is told how far a probe is: a line on a terminal that goes when it is done."""
    if output.is_quiet() or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.markup import escape

    with Console(stderr=True).status("loading torch and the model") as status:
        yield lambda text: status.update(escape(text))


def show(probe: "Probe", level: str | None, wanted: Format | None) -> None:
    """Print a probe; findings go to stderr where stdout has rows only.

    Args:
        probe: what was found.
        level: trunk, modules or ops: the rows that are shown; by default all in JSON, and
            otherwise the trunk.
        wanted: a format, or None for what fits stdout.
    """
    from initlab.report.tables.probe.medians import rows_of

    format_ = output.chosen(wanted)
    level = level or ("ops" if format_ in (Format.json, Format.jsonl) else "trunk")
    match format_:
        case Format.table:
            _table(probe, level)
        case Format.md:
            _markdown(probe, level)
        case Format.csv:
            _csv(probe, rows_of(probe, level))
        case Format.json:
            sys.stdout.write(json.dumps(as_dict(probe, rows_of(probe, level))) + "\n")
        case Format.jsonl:
            lines = records(as_dict(probe, rows_of(probe, level)))
            sys.stdout.writelines(json.dumps(line) + "\n" for line in lines)


def _table(probe: "Probe", level: str) -> None:
    """The view; the table is as wide as the terminal, words up to 80 characters."""
    from rich.console import Console

    from initlab.report.tables import rendering
    from initlab.report.tables.probe import words
    from initlab.report.tables.probe.sites import site_summary

    width = output.view_width()
    size = max(width, output.text_width() or 0)
    output.view(words.above(probe, width) + "\n")
    summary = site_summary(probe, level, size)
    drawn, size = rendering.table(summary, size, unicode=output.unicode_stdout())
    colors: Literal["auto"] | None = "auto" if sys.stdout.isatty() else None
    height = output.text_height() or output.UNKNOWN_SIZE[1]
    Console(width=size, height=height, color_system=colors).print(drawn)
    output.view("\n" + words.below(probe, width))


def _markdown(probe: "Probe", level: str) -> None:
    from initlab.report.tables import rendering
    from initlab.report.tables.probe.findings import finding_markdown, verdict, worst_first
    from initlab.report.tables.probe.sites import site_summary
    from initlab.report.tables.probe.words import blocks

    lines = [f"**{markdown_text(verdict(probe))}**\n\n"]
    lines += [f"{finding_markdown(finding)}\n" for finding in worst_first(probe.findings)]
    lines += rendering.markdown(site_summary(probe, level))
    for title, texts in blocks(probe):
        lines += [f"\n{title}:\n\n", *(f"- {markdown_text(text)}\n" for text in texts)]
    sys.stdout.writelines(lines)


def _csv(probe: "Probe", rows: list[dict[str, Any]]) -> None:
    """Rows to stdout; the verdict, findings and notes to stderr."""
    from initlab.probe.result import SITE_COLUMNS
    from initlab.report.tables.probe.findings import verdict, worst_first

    sys.stdout.write(csv_line(list(SITE_COLUMNS)))
    sys.stdout.writelines(csv_line([row[name] for name in SITE_COLUMNS]) for row in rows)
    sys.stdout.flush()
    output.note(verdict(probe))
    for finding in worst_first(probe.findings):
        tell = output.warn if finding.level in ("error", "warning") else output.note
        tell(_line(finding))
    for text in probe.notes:
        output.note(f"note: {on_one_line(text)}")


def _line(finding: "Finding") -> str:
    """A finding in one line, with where it is."""
    where = f" ({finding.where})" if finding.where else ""
    return on_one_line(f"{finding}{where}")


def as_dict(probe: "Probe", rows: list[dict[str, Any]]) -> dict[str, Any]:
    """A probe as JSON has it, with these rows of sites; nan and inf are words."""
    from initlab.report.tables.probe.findings import worst_first

    found = {
        "target": probe.target,
        "seeds": probe.seeds,
        "findings": [asdict(finding) for finding in worst_first(probe.findings)],
        "sites": rows,
        "parameters": probe.parameter_rows,
        "runs": [asdict(run) for run in probe.runs],
        "coverage": asdict(probe.coverage),
        "notes": probe.notes,
    }
    return {name: _plain(value) for name, value in found.items()}


def records(found: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The same as an object a line, each of which says what it is."""
    yield {"record": "probe", "target": found["target"], "seeds": found["seeds"]}
    for record in ("finding", "site", "parameter", "run"):
        yield from ({"record": record, **one} for one in found[f"{record}s"])
    yield {"record": "coverage", **found["coverage"]}
    yield from ({"record": "note", "text": text} for text in found["notes"])


def _plain(value: Any) -> Any:
    """A value as JSON has it, whatever is in it."""
    if isinstance(value, dict):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return json_number(value) if isinstance(value, str | bool | int | float | None) else str(value)
