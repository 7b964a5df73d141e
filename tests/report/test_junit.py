"""A probe as JUnit XML: what Jenkins and GitLab read, whatever the text of the model's author."""

import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from probe_examples import COPIES, EXPLODES, LOST, SOMETIMES, UNUSED, broken, probe

from initlab.report.junit import escaped, junit

RULES = ["signal-lost", "dead-units", "gradient-explodes"]
#: attributes and children of each element, after junit-10.xsd of Jenkins' xunit plugin; those that
#: it requires are here as well
ALLOWED = {
    "testsuites": ({"name", "time", "tests", "failures", "errors"}, {"testsuite"}),
    "testsuite": (
        {"name", "tests", "failures", "errors", "skipped", "time", "timestamp", "hostname"},
        {"testcase", "properties", "system-out", "system-err"},
    ),
    "testcase": ({"name", "classname", "time", "group"}, {"failure", "system-out"}),
    "failure": ({"type", "message"}, set()),
    "system-out": (set(), set()),
}
REQUIRED = {"testsuite": {"name", "tests", "failures", "errors"}, "testcase": {"name"}}


def parsed(found, level="warning"):
    """The document of a probe that was asked for RULES, after it was held to the schema."""
    found = replace(found, rules=tuple(RULES))
    root = ElementTree.fromstring(junit(found, found.failing(level)))  # noqa: S314
    for element in root.iter():
        attributes, children = ALLOWED[element.tag]
        assert REQUIRED.get(element.tag, set()) <= set(element.attrib) <= attributes
        assert {child.tag for child in element} <= children
    return root


def cases(root):
    return {case.get("name"): case for case in root.iter("testcase")}


def test_every_rule_is_a_test_case_and_what_fails_is_a_failure():
    root = parsed(probe(SOMETIMES, UNUSED, COPIES, EXPLODES))
    (suite,) = root
    assert root.tag == "testsuites"
    assert (suite.get("name"), suite.get("tests"), suite.get("failures")) == (
        "net.py:build", "5", "2",
    )  # fmt: skip
    found = cases(root)
    assert list(found)[:3] == RULES
    assert {name for name, case in found.items() if case.find("failure") is not None} == {
        "gradient-explodes", "identical-parameters",
    }  # fmt: skip
    assert len(found["dead-units"]) == 0
    failure = found["gradient-explodes"].find("failure")
    assert failure.get("type") == "error"
    assert failure.get("message") == str(EXPLODES)
    assert "            critical(m)\n" in failure.text


def test_what_does_not_fail_is_told_all_the_same():
    found = cases(parsed(probe(LOST, SOMETIMES, UNUSED), "error"))
    assert not any(case.find("failure") is not None for case in found.values())
    assert found["unused-parameter"].find("system-out").text.startswith("note[unused-parameter]")
    told = found["signal-lost"].find("system-out").text
    assert "warning[signal-lost]" in told
    assert "seed-dependent[signal-lost]" in told


def test_several_of_a_rule_are_one_failure_which_counts_them():
    found = cases(parsed(probe(EXPLODES, LOST, EXPLODES)))
    (failure,) = found["gradient-explodes"]
    assert failure.get("message").endswith("(and 1 more)")
    assert failure.text.count("error[gradient-explodes]") == 2


def test_healthy_is_a_suite_without_failures():
    root = parsed(probe())
    assert (root.get("tests"), root.get("failures")) == ("3", "0")
    assert all(len(case) == 0 for case in cases(root).values())


@pytest.mark.parametrize("text", ["\x00\x1b[2J", "a\nb\t<&\"'>]]>", "\ud800\ufffe", "é∞💥", ""])
def test_no_text_of_others_breaks_the_document(text):
    root = parsed(broken(text))
    (failure,) = root.iter("failure")
    assert escaped(text).replace("\n", " ").replace("\t", " ") in failure.text
    junit(broken(text), ()).encode()


def test_what_xml_cannot_hold_is_escaped_and_nothing_else():
    assert escaped("\x00\x0b\x1f\ufffe\uffff\ud800") == r"\x00\x0b\x1f\ufffe\uffff\ud800"
    kept = "\t\n\r a\x7f\x85é\ufffd💥"
    assert escaped(kept) == kept
    assert re.fullmatch(r'<\?xml version="1.0" encoding="UTF-8"\?>\n<testsuites .*</testsuites>\n',
                        junit(probe(), ()), re.DOTALL)  # fmt: skip
