"""A probe as SARIF 2.1.0, the format in which code hosts read findings.

Source: OASIS, Static Analysis Results Interchange Format (SARIF) Version 2.1.0, 2020.
"""

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from initlab.catalog import PROBE_RULES
from initlab.formatting import json_number, on_one_line
from initlab.report.tables.probe.findings import worst_first
from initlab.version import __version__

if TYPE_CHECKING:
    from initlab.catalog import ProbeRule
    from initlab.probe.result import Finding, Probe

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
FINGERPRINT = "initlabRuleAndPlace/v1"  # by which a host knows a finding again


def sarif(probe: "Probe") -> str:
    """A run of one tool: every rule of the catalog, and a result for every finding.

    Files are named relative to the working directory where they lie below it. What holds in some
    seeds only is a note.
    """
    rules = [_rule(rule) for rule in PROBE_RULES.values()]
    known = [rule["id"] for rule in rules]
    run = {
        "tool": {"driver": {"name": "initlab", "version": __version__, "rules": rules}},
        "columnKind": "unicodeCodePoints",
        "results": [_result(finding, known, probe) for finding in worst_first(probe.findings)],
        "properties": {"target": probe.target, "seeds": list(probe.seeds)},
    }
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=1) + "\n"


def _rule(rule: "ProbeRule") -> dict[str, Any]:
    """A rule; where the size of what was found decides, the milder level is its own."""
    return {
        "id": rule.id,
        "shortDescription": {"text": rule.formula},
        "fullDescription": {"text": rule.about},
        "help": {"text": f"{rule.about}. What mends it: {rule.fix}."},
        "defaultConfiguration": {"level": rule.level.partition(" ")[0]},
    }


def _result(finding: "Finding", rules: list[str], probe: "Probe") -> dict[str, Any]:
    result: dict[str, Any] = {"ruleId": finding.rule}
    if finding.rule in rules:
        result["ruleIndex"] = rules.index(finding.rule)
    place = f"{finding.rule}\n{finding.site}\n{finding.parameter}"
    return {
        **result,
        "level": finding.level if finding.level in ("error", "warning", "note") else "note",
        "message": {"text": _message(finding)},
        "locations": [_location(finding, probe)],
        "partialFingerprints": {
            FINGERPRINT: hashlib.sha256(place.encode("utf-8", "replace")).hexdigest()[:32]
        },
        "properties": {
            "evidence": {name: _plain(value) for name, value in finding.evidence.items()},
            "seeds": list(finding.seeds),
            "of": finding.of,
        },
    }


def _message(finding: "Finding") -> str:
    """What was found, and lines that mend it."""
    place = finding.parameter or finding.site or "the model"
    lines = [on_one_line(f"{place}: {finding.message}")]
    if finding.fix is not None:
        lines += [f"fix: {on_one_line(finding.fix.about)}", *finding.fix.code]
    return "\n".join(lines)


def _location(finding: "Finding", probe: "Probe") -> dict[str, Any]:
    """The line of the model's code, else the target's file; and the module, or parameter."""
    name = finding.parameter or finding.site
    location: dict[str, Any] = {}
    if name:
        kind = "member" if finding.parameter else "module"
        location["logicalLocations"] = [{"fullyQualifiedName": name, "kind": kind}]
    if at := _file(finding.where) or _file(probe.target):
        path, line = at
        physical: dict[str, Any] = {"artifactLocation": _artifact(path)}
        if line:
            physical["region"] = {"startLine": line}
        location["physicalLocation"] = physical
    return location


def _file(where: str) -> tuple[Path, int] | None:
    """The file and line of "net.py:12", or the file of "net.py:build"."""
    name, _, line = where.rpartition(":")
    if not name.endswith(".py"):
        return None
    return Path(name), int(line) if line.isdecimal() and line.isascii() else 0


def _artifact(path: Path) -> dict[str, str]:
    """A file by its URI: relative to the working directory, or absolute outside of it."""
    absolute = Path.cwd() / path
    try:
        inside = absolute.relative_to(Path.cwd())
    except ValueError:
        return {"uri": f"file://{quote(absolute.as_posix(), errors='replace')}"}
    return {"uri": quote(inside.as_posix(), errors="replace"), "uriBaseId": "%SRCROOT%"}


def _plain(value: Any) -> Any:
    """A value of the evidence as JSON has it."""
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return json_number(value) if isinstance(value, str | bool | int | float | None) else str(value)
