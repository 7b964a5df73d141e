"""A probe as SARIF 2.1.0: levels, places, and files as a code host finds them."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from probe_examples import COPIES, EXPLODES, LOST, SOMETIMES, UNUSED, broken, probe

from initlab.catalog import PROBE_RULES
from initlab.probe.result import Finding
from initlab.report.sarif import FINGERPRINT, sarif


def run_of(found):
    log = json.loads(sarif(found), parse_constant=pytest.fail)
    assert (log["version"], len(log["runs"])) == ("2.1.0", 1)
    assert log["$schema"].endswith("sarif-2.1.0.json")
    return log["runs"][0]


def only(finding, **fields):
    (result,) = run_of(probe(finding, **fields))["results"]
    return result


def test_every_rule_of_the_catalog_is_described():
    driver = run_of(probe())["tool"]["driver"]
    assert driver["name"] == "initlab"
    assert [rule["id"] for rule in driver["rules"]] == [rule.id for rule in PROBE_RULES.values()]
    for rule, record in zip(driver["rules"], PROBE_RULES.values(), strict=True):
        assert rule["shortDescription"]["text"] == record.formula
        assert rule["fullDescription"]["text"] == record.about
        assert record.fix in rule["help"]["text"]
        assert rule["defaultConfiguration"]["level"] in ("error", "warning", "note")


def test_a_finding_is_a_result_with_its_rule_level_place_and_evidence():
    result = only(EXPLODES)
    rules = run_of(probe())["tool"]["driver"]["rules"]
    assert rules[result["ruleIndex"]]["id"] == result["ruleId"] == "gradient-explodes"
    assert result["level"] == "error"
    assert result["message"]["text"].startswith("blocks.3: s grows x 1.6e4 from the output")
    assert result["message"]["text"].endswith("        critical(m)")
    (location,) = result["locations"]
    assert location["physicalLocation"] == {
        "artifactLocation": {"uri": "net.py", "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": 12},
    }
    assert location["logicalLocations"] == [{"fullyQualifiedName": "blocks.3", "kind": "module"}]
    assert result["properties"] == {
        "evidence": {"largest": 1.6e4, "place": 7, "activation": "tanh"},
        "seeds": [0, 1, 2],
        "of": 3,
    }


def test_what_holds_in_some_seeds_only_is_a_note():
    results = run_of(probe(SOMETIMES, UNUSED, LOST, EXPLODES))["results"]
    assert [result["level"] for result in results] == ["error", "warning", "note", "note"]


def test_a_parameter_is_a_place_and_no_place_is_none():
    (location,) = only(COPIES)["locations"]
    assert location["logicalLocations"] == [
        {"fullyQualifiedName": "blocks.1.weight", "kind": "member"}
    ]
    (location,) = only(replace(COPIES, parameter=""))["locations"]
    assert "logicalLocations" not in location


@pytest.mark.parametrize(
    ("where", "uri", "line"),
    [
        ("src/my net.py:3", "src/my%20net.py", 3),
        ("{cwd}/net.py:7", "net.py", 7),
        ("/usr/lib/a b.py:9", "file:///usr/lib/a%20b.py", 9),
        ("", "net.py", None),  # then the target's own file
        ("<string>:4", "net.py", None),
    ],
)
def test_files_are_relative_to_the_working_directory_if_they_lie_in_it(
    tmp_path, monkeypatch, where, uri, line
):
    monkeypatch.chdir(tmp_path)
    finding = replace(EXPLODES, where=where.format(cwd=Path.cwd()))
    physical = only(finding)["locations"][0]["physicalLocation"]
    assert physical["artifactLocation"]["uri"] == uri
    assert ("uriBaseId" in physical["artifactLocation"]) is not uri.startswith("file:")
    assert physical.get("region") == (None if line is None else {"startLine": line})


def test_of_a_module_without_a_known_file_there_is_no_file():
    result = only(replace(EXPLODES, where=""), target="pkg.mod:build")
    assert "physicalLocation" not in result["locations"][0]


def test_a_fingerprint_follows_a_finding_when_its_line_moves():
    def print_of(finding):
        return only(finding)["partialFingerprints"][FINGERPRINT]

    assert print_of(EXPLODES) == print_of(replace(EXPLODES, where="net.py:99", message="other"))
    assert print_of(EXPLODES) != print_of(replace(EXPLODES, site="blocks.4"))


@pytest.mark.parametrize("text", ["\x00\x1b[2J", "\ud800", "é∞💥", "a/b:3", ""])
def test_no_text_of_others_breaks_the_document(text):
    (result,) = run_of(broken(text))["results"]
    assert {"inf": "-inf"}.items() <= result["properties"]["evidence"].items()
    sarif(broken(text)).encode()


def test_a_rule_that_the_catalog_has_not_is_told_without_a_place_in_it():
    result = only(Finding("of-tomorrow", "warning", "", "m", {"a": [1.0, float("nan")], "b": {}}))
    assert (result["ruleId"], "ruleIndex" in result) == ("of-tomorrow", False)
    assert result["properties"]["evidence"] == {"a": [1.0, "nan"], "b": "{}"}
