"""What the documents say is held to the code."""

import re
import shlex
from pathlib import Path

import pytest
import typer.main

from initlab.catalog import COLUMNS, TABLES
from initlab.cli.app import COMMANDS, build
from initlab.spec import SpecFile

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
RESULTS = (ROOT / "results/README.md").read_text()
DOCUMENTS = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "results/README.md"]
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
    return sorted({call.split(", ")[0].split(" > ")[0] for call in found})


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
    section = RESULTS[RESULTS.index(f"## {file}.csv") :].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in rows]


@pytest.mark.parametrize("file", ["runs", "layers"])
def test_every_column_is_documented_as_the_catalog_has_it(file):
    wanted = [
        [f"`{c.name}`", c.unit, c.formula.replace("|", "\\|"), c.about]
        for c in COLUMNS.values()
        if c.where == file
    ]
    assert documented(file) == wanted


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
    files = re.findall(r"`((?:configs|initlab|tests|results)/[\w./]+\.(?:py|yaml|md))`", text)
    for name in [*links, *files]:
        assert (ROOT / name).exists() or (ROOT / document).parent.joinpath(name).exists(), name


def test_every_article_config_is_in_the_readme():
    for path in (ROOT / "configs/article").iterdir():
        assert f"| `{path.stem}` |" in README
