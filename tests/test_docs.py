"""What the documents say is held to the code."""

import re
import shlex
from pathlib import Path

import pytest
import typer.main

from initlab.catalog import ACTIVATIONS, COLUMNS, LOSSES, RULES, TABLES
from initlab.cli.app import COMMANDS, build
from initlab.spec.model import SpecFile
from initlab.theory.gain_table import four_gains
from initlab.theory.moments import choice_of

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
RESULTS = (ROOT / "results/README.md").read_text()
DOCUMENTS = [
    "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "results/README.md", "docs/losses.md",
    "docs/theory.md", "docs/scaling.md",
]  # fmt: skip
#: command -> the options that it takes, as typer built them
OPTIONS = {
    name: {option for parameter in command.params for option in parameter.opts}
    for name, command in typer.main.get_command(build()).commands.items()
}


def sources() -> list[str]:
    helps = [command.__doc__ or "" for _, command in COMMANDS]
    return [*((ROOT / name).read_text() for name in DOCUMENTS), *helps]


def calls() -> list[str]:
    """Every `initlab ...` that a document, a docstring or the Makefile shows as a command."""
    pattern = re.compile(r"(?:^|[|`]|- \| )\s*(initlab [a-z][^`|#&]*)", re.MULTILINE)
    found = [call.strip() for text in sources() for call in pattern.findall(text)]
    return sorted({_alone(call).split(" > ")[0] for call in found})


def _alone(call: str) -> str:
    """A call without the prose that follows it after a comma, unless the comma is quoted."""
    first = call.split(", ")[0]
    return first if first.count("'") % 2 == 0 else call


def test_calls_are_found():
    assert len(calls()) > 15


@pytest.mark.parametrize("call", calls())
def test_a_command_in_a_document_exists_with_its_options(call):
    _, command, *arguments = shlex.split(call)
    assert command in OPTIONS
    for argument in arguments:
        if argument.startswith("-") and argument != "-":
            assert argument.partition("=")[0] in OPTIONS[command] | {"--help", "-h"}


@pytest.mark.parametrize("name", [name for name, _ in COMMANDS])
def test_every_command_is_in_the_readme(name):
    assert f"| `initlab {name}" in README


@pytest.mark.parametrize("field", SpecFile.model_fields)
def test_every_field_of_a_spec_is_in_the_readme(field):
    table = README[README.index("| field |") : README.index("## Commands")]
    assert f"`{field}`" in table


def documented(file: str) -> list[list[str]]:
    """Cells of the column table under the heading of a file."""
    heading = "## Both files" if file == "both" else f"## {file}.csv"
    section = RESULTS[RESULTS.index(heading) :].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in rows]


@pytest.mark.parametrize("file", ["runs", "layers", "both"])
def test_every_column_is_documented_as_the_catalog_has_it(file):
    wanted = [
        [f"`{c.name}`", c.unit, c.formula.replace("|", "\\|"), c.about]
        for c in COLUMNS.values()
        if c.where == file
    ]
    assert documented(file) == wanted


LAB = (ROOT / "docs/losses.md").read_text()


@pytest.mark.parametrize("loss", LOSSES.values(), ids=lambda loss: loss.name)
def test_every_loss_is_documented_as_the_catalog_has_it(loss):
    operands = ", ".join(operand.name for operand in loss.operands)
    options = ", ".join(map(str, loss.parameters))
    cells = [f"`{loss.name}`", loss.class_name, operands, options, ", ".join(loss.task)]
    assert f"| {' | '.join(cells)} |\n" in LAB
    assert f"| `{loss.name}` | {loss.synthetic} |\n" in LAB


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.name)
def test_every_rule_is_documented_as_the_catalog_has_it(rule):
    name = rule.name.replace("_", "-")
    formula, allow = rule.formula.replace("|", "\\|"), "yes" if rule.allow else ""
    assert f"| `{name}` | {formula} | {rule.about} | {allow} |\n" in LAB


def test_every_rule_is_in_use_and_no_other():
    pattern = re.compile(
        r"(?:error|warning|info|Finding|_error|_range|mismatch|degenerate)\(\s*(?:call,\s*)?"
        r'"([a-z-]+)"|rule(?:, level)? = "([a-z-]+)"|else "([a-z]+-[a-z]+)"|"(precision)"'
    )
    sources = [path.read_text() for path in (ROOT / "initlab/losslab").rglob("*.py")]
    used = {name for text in sources for found in pattern.findall(text) for name in found if name}
    operands = {operand.name for loss in LOSSES.values() for operand in loss.operands}
    names = {name.replace("_", "-") for name in RULES}
    assert used - operands - {"weight", "pos-weight"} == names


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_gains_are_documented_as_they_are(activation):
    gains = four_gains(choice_of(activation))
    cells = " | ".join("" if gain is None else f"{gain:.6f}" for gain in gains)
    assert f"| `{activation}` | {cells} |\n" in (ROOT / "docs/theory.md").read_text()


def test_the_changelog_counts_the_catalog():
    counts = {kind: len(table) for kind, table in TABLES.items()}
    assert (
        f"{counts['schemes']} initialisers, {counts['activations']} activations,"
        f" {counts['losses']} losses and {counts['inputs']} inputs"
    ) in (ROOT / "CHANGELOG.md").read_text()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_and_named_files_exist(document):
    text = (ROOT / document).read_text()
    links = [link for link in re.findall(r"\]\(([^)]+)\)", text) if "://" not in link]
    files = re.findall(r"`((?:configs|initlab|tests)/[\w./]*|results/\w+\.md)`", text)
    for name in [*(link.partition("#")[0] for link in links), *files]:
        assert (ROOT / name).exists() or (ROOT / document).parent.joinpath(name).exists(), name


@pytest.mark.parametrize("document", DOCUMENTS)
def test_no_blank_is_left_in_a_document(document):
    text = (ROOT / document).read_text()
    assert re.findall(r"TODO|FIXME|XXX|[A-Z]{2,}_?\d+ (?:%|ms)|\b[A-Z]+_\d\b", text) == []


def test_every_article_config_is_in_the_readme():
    for path in (ROOT / "configs/article").iterdir():
        assert f"| `{path.stem}` |" in README
