"""What README and docs/probe.md show of the probe comes out; their tables are the code's."""

import re
from pathlib import Path

import pytest
from test_course import lacking, run

from initlab.catalog import PROBE_RULES
from initlab.probe.result import PARAMETER_COLUMNS, SITE_COLUMNS

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs/probe.md").read_text()
BLOCKS = [
    block
    for text in ((ROOT / "README.md").read_text(), PAGE)
    for block in re.findall(r"^```console\n\$ (initlab probe .*?)^```$", text, re.M | re.S)
]


def test_blocks_are_found():
    assert len(BLOCKS) == 4


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.split(":")[0][-8:])
def test_what_is_shown_comes_out(block, monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("COLUMNS", "80")
    command, _, said = block.partition("\n")
    done = run(command, "--format", "table")
    assert done.exit_code == 0, done.stderr
    assert not lacking(said, done.stdout), done.stdout


def cell(text):
    return text.replace("|", "\\|")


@pytest.mark.parametrize("rule", PROBE_RULES.values(), ids=lambda rule: rule.name)
def test_every_rule_is_documented_as_the_catalog_has_it(rule):
    texts = (rule.level, rule.formula, rule.about, rule.fix)
    row = " | ".join([f"`{rule.name.replace('_', '-')}`", *map(cell, texts)])
    assert f"| {row} |\n" in PAGE


@pytest.mark.parametrize("columns", [SITE_COLUMNS, PARAMETER_COLUMNS])
def test_every_column_is_documented_as_the_code_has_it(columns):
    for name, about in columns.items():
        assert f"| `{name}` | {cell(about)} |\n" in PAGE
