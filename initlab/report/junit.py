"""A probe as JUnit XML, which GitLab, Jenkins and others show: a test case for every rule."""

import re
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from initlab.formatting import on_one_line
from initlab.report.tables.probe.findings import finding_text, worst_first

if TYPE_CHECKING:
    from initlab.probe.result import Finding, Probe

WIDTH = 100  # characters of a line of text
#: what XML 1.0 cannot hold (its production 2): most control characters, halves of a character
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(probe: "Probe", failing: Collection["Finding"]) -> str:
    """A test suite as XML, after the schema that Jenkins and GitLab read; a case for each rule.

    Args:
        probe: what was found.
        failing: those of its findings that fail; others are told in the output of their test case.
    """
    found: dict[str, list[Finding]] = {rule: [] for rule in probe.rules}
    for finding in worst_first(probe.findings):
        found.setdefault(finding.rule, []).append(finding)
    failures = {rule for rule in found if any(f in failing for f in found[rule])}
    counts = {"tests": str(len(found)), "failures": str(len(failures)), "errors": "0"}
    suites = ElementTree.Element("testsuites", {"name": "initlab probe", **counts})
    name = escaped(on_one_line(probe.target))
    suite = ElementTree.SubElement(suites, "testsuite", {"name": name, **counts, "skipped": "0"})
    for rule, findings in found.items():
        case = ElementTree.SubElement(suite, "testcase", {"classname": name, "name": escaped(rule)})
        _tell(case, findings, failing)
    ElementTree.indent(suites)
    text = ElementTree.tostring(suites, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _tell(
    case: ElementTree.Element, findings: Sequence["Finding"], failing: Collection["Finding"]
) -> None:
    """A failure of those that fail, whose message is the first; the others as output."""
    failed = [finding for finding in findings if finding in failing]
    others = [finding for finding in findings if finding not in failing]
    if failed:
        more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
        told = {
            "message": escaped(on_one_line(f"{failed[0]}{more}")),
            "type": escaped(failed[0].level),
        }
        ElementTree.SubElement(case, "failure", told).text = _text(failed)
    if others:
        ElementTree.SubElement(case, "system-out").text = _text(others)


def _text(findings: Iterable["Finding"]) -> str:
    return escaped("\n".join(finding_text(finding, WIDTH) for finding in findings))


def escaped(text: str) -> str:
    """Text with escapes for what XML cannot hold."""
    return _NO_XML.sub(lambda bad: bad[0].encode("unicode_escape").decode("ascii"), text)
