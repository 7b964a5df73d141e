"""What the documents say is held to the code."""

import re
import runpy
import shlex
from pathlib import Path

import pytest
import typer.main
import yaml

from benchmarks.__main__ import PARTS
from initlab import load_plan
from initlab.catalog import ACTIVATIONS, COLUMNS, LOSSES, RULES, TABLES
from initlab.cli.app import COMMANDS, build, function_of
from initlab.spec.model import SpecFile
from initlab.theory.gain_table import four_gains
from initlab.theory.moments import choice_of

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
RESULTS = (ROOT / "results/README.md").read_text()
DOCUMENTS = [
    "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "results/README.md",
    *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md"))),
]  # fmt: skip
#: command -> the options that it takes, as typer built them
OPTIONS = {
    name: {option for parameter in command.params for option in parameter.opts}
    for name, command in typer.main.get_command(build()).commands.items()
}


def sources() -> list[str]:
    helps = [function_of(name).__doc__ or "" for name in COMMANDS]
    return [*((ROOT / name).read_text() for name in DOCUMENTS), *helps]


def calls() -> list[str]:
    """Every `initlab ...` that a document, a docstring or the Makefile shows as a command."""
    pattern = re.compile(r"(?:^|\$|[|`]|- \| )\s*(initlab [a-z][^`|#&\n]*)", re.MULTILINE)
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


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_documented(name):
    assert f"| `initlab {name}" in (ROOT / "docs/commands.md").read_text()


@pytest.mark.parametrize("field", SpecFile.model_fields)
def test_every_field_of_a_spec_is_documented(field):
    spec = (ROOT / "docs/spec.md").read_text()
    table = spec[spec.index("| field |") : spec.index("## From the shell")]
    assert f"`{field}`" in table


SPEC_PAGE = (ROOT / "docs/spec.md").read_text()


SPECS = [t for t in re.findall(r"```yaml\n(.*?)```", SPEC_PAGE, re.DOTALL) if "activation:" in t]


@pytest.mark.parametrize("text", SPECS)
def test_every_spec_of_the_page_on_specs_is_one(text):
    fields = yaml.safe_load(text)
    size = {} if "shape" in fields else {"depth": 2, "width": 4}
    assert load_plan({"init": "he", **size, **fields}).runs


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


@pytest.mark.parametrize("part", PARTS)
def test_every_part_of_the_benchmark_is_documented(part):
    assert f"\n| `{part}` | " in (ROOT / "docs/performance.md").read_text()


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
    files = re.findall(r"`((?:benchmarks|configs|initlab|tests)/[\w./]*|results/\w+\.md)`", text)
    for name in [*(link.partition("#")[0] for link in links), *files]:
        assert (ROOT / name).exists() or (ROOT / document).parent.joinpath(name).exists(), name


@pytest.mark.parametrize("document", DOCUMENTS)
def test_no_blank_is_left_in_a_document(document):
    text = (ROOT / document).read_text()
    assert re.findall(r"TODO|FIXME|XXX|[A-Z]{2,}_?\d+ (?:%|ms)|\b[A-Z]+_\d\b", text) == []


def test_every_article_config_is_in_the_course():
    course = (ROOT / "docs/course.md").read_text()
    for path in (ROOT / "configs/article").iterdir():
        assert f"| `{path.stem}` |" in course


def test_the_readme_is_short_and_leads_to_every_document():
    assert len(README.splitlines()) <= 195
    for name in set(DOCUMENTS) - {"README.md", "CHANGELOG.md"}:
        assert f"]({name})" in README


def test_every_heading_that_a_link_names_exists():
    for document in DOCUMENTS:
        text = (ROOT / document).read_text()
        for name, anchor in re.findall(r"\]\(([\w./-]*)#([^)]+)\)", text):
            target = (ROOT / document).parent / name if name else ROOT / document
            assert anchor in anchors(target), f"{document}: {name}#{anchor}"


def anchors(path: Path) -> set[str]:
    """The anchors that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


IMAGES = {path.stem for path in (ROOT / "docs/images").iterdir()}
pictures = runpy.run_path(str(ROOT / "docs/pictures.py"))["PICTURES"]


def test_the_pictures_of_the_documents_are_those_that_make_docs_draws():
    texts = [(ROOT / document).read_text() for document in DOCUMENTS]
    pattern = r"!\[[^\]]+\]\([\w/]*images/(\w+)\.svg\)"  # each with a text for who cannot see it
    shown = {name for text in texts for name in re.findall(pattern, text)}
    assert shown == IMAGES == set(pictures)
    assert len(re.findall(r"!\[", README)) == 3


@pytest.mark.parametrize("name", pictures)
def test_a_picture_is_an_svg_that_stands_alone(name):
    text = (ROOT / f"docs/images/{name}.svg").read_text()
    assert text.startswith("<svg")
    assert "<script" not in text
    assert not re.findall(r'(?:href|src)="(?!#)', text)  # nothing is loaded from elsewhere


@pytest.mark.parametrize("name", pictures)
def test_a_picture_is_drawn_by_commands_that_exist(name):
    specs, options = pictures[name]
    for spec in re.findall(r"\S+\.yaml", specs):
        assert (ROOT / spec).is_file()
    for command, arguments in (("sweep", specs), ("plot", options)):
        given = {part for part in shlex.split(arguments) if part.startswith("-")}
        assert given <= OPTIONS[command]
