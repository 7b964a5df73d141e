"""Every command of docs/course.md is run, and what the page says is compared with what comes out.

So are the `console` blocks of the README.

A block of `console` has commands after `$`, each followed by what it prints. A block of `python` is
run, and followed by what it prints. A row of a table that begins with a command has the values of
that loss. Other commands, in `code`, need only work. `...` stands for output that is left out, a
number is met by one that rounds to its digits, and tables are compared by their cells.
"""

import contextlib
import io
import json
import re
import shlex
from pathlib import Path

import pytest
from commands import initlab

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
COURSE = (ROOT / "docs/course.md").read_text()
#: heading -> text, of sections and subsections
SECTIONS = dict(re.findall(r"^#{2,3} (.+)\n((?:(?!#{2,3} ).*\n)*)", COURSE, re.MULTILINE))
PIECE = re.compile(
    r"^```console\n(?P<console>.*?)^```$"
    r"|^```python\n(?P<python>.*?)^```$(?:\n\n```text\n(?P<prints>.*?)^```$)?"
    r"|^\| `(?P<loss>initlab loss [^`]+)` \|(?P<cells>[^\n]*)\|$"
    r"|`(?P<command>initlab [a-z][^`]+)`",
    re.MULTILINE | re.DOTALL,
)
NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
#: left out, a number, a word, or a sign other than those that stand between the cells of a table
TOKEN = re.compile(rf"\.\.\.|(?<![\w.]){NUMBER.pattern}|\w+|[^\w\s│─|,\\]")
RULE = re.compile(r"^[\s|:-]*$", re.MULTILINE)  # of a Markdown table


def tokens(text: str) -> list[str]:
    return TOKEN.findall(RULE.sub("", text))


def precision(number: str) -> float:
    """Half of the last digit that is written, and a little for what was rounded before."""
    mantissa, _, exponent = number.lower().partition("e")
    decimals = len(mantissa.partition(".")[2])
    return 0.51 * 10.0 ** (int(exponent or 0) - decimals)


def same(said: str, printed: str) -> bool:
    if NUMBER.fullmatch(said) and NUMBER.fullmatch(printed):
        return abs(float(said) - float(printed)) <= precision(said)
    return said == printed


def agree(said: list[str], printed: list[str]) -> bool:
    return len(said) == len(printed) and all(map(same, said, printed))


def parts_of(text: str) -> list[list[str]]:
    """What a text says between the places where something is left out."""
    parts: list[list[str]] = [[]]
    for word in tokens(text):
        if word == "...":
            parts.append([])
        else:
            parts[-1].append(word)
    return parts


def lacking(said: str, printed: str) -> str:
    """The first words of what is said that were not printed in this order; empty if all were."""
    found, at = tokens(printed), 0
    first, *others = parts_of(said)
    if not others:
        return "" if agree(first, found) else f"{' '.join(first)}, and no more"
    last = others.pop()
    end = len(found) - len(last)
    if not agree(first, found[: len(first)]) or not agree(last, found[end:]):
        return f"{' '.join(first)} ... {' '.join(last)}"
    at = len(first)
    for part in others:
        starts = range(at, end - len(part) + 1)
        start = next((i for i in starts if agree(part, found[i : i + len(part)])), None)
        if start is None:
            return " ".join(part)
        at = start + len(part)
    return "" if at <= end else " ".join(last)


def run(command: str, *more: str):
    return initlab(*shlex.split(command)[1:], *more)


def check_console(text: str) -> None:
    for block in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, said = block.partition("\n")
        # the cells of a terminal's table, in a form that no width changes; results with all digits
        form = "csv" if command.startswith("initlab show") else "md"
        done = run(command, *(() if "--format" in command else ("--format", form)))
        assert done.exit_code == (2 if "error[" in said else 0), done.stderr
        assert not lacking(said, done.output), f"{command}\n{done.output}"


def check_python(source: str, said: str) -> None:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(source, {})  # noqa: S102 (the page's own lines)
    assert not lacking(said, printed.getvalue()), printed.getvalue()


def check_loss(command: str, cells: str) -> None:
    done = run(command, "--reduction", "all", "--format", "json")
    assert done.exit_code == 0, done.stderr
    values = json.loads(done.stdout)["value"]  # none, sum, mean, and batchmean of kl_div
    for said, value in zip(cells.split("|"), values.values(), strict=True):
        assert agree(NUMBER.findall(said), NUMBER.findall(str(value))), (command, value)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with the configs, in which a reader stands."""
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize("section", [name for name, text in SECTIONS.items() if PIECE.search(text)])
def test_the_course_says_what_comes_out(section):
    for piece in PIECE.finditer(SECTIONS[section]):
        if piece["console"]:
            check_console(piece["console"])
        elif piece["python"]:
            check_python(piece["python"], piece["prints"] or "")
        elif piece["loss"]:
            check_loss(piece["loss"], piece["cells"])
        else:
            done = run(piece["command"])
            assert done.exit_code == 0, done.stderr


@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize("command", ["recommend", "loss"])
def test_the_readme_says_what_comes_out(command):
    (block,) = re.findall(rf"^```console\n(\$ initlab {command} .*?)^```$", README, re.M | re.S)
    check_console(block)


def test_every_command_of_the_course_is_found():
    # by another route: whatever looks like one
    shown = re.findall(r"(?:^\$ |`)initlab [a-z]+ ", COURSE, re.MULTILINE)
    found = [piece for text in SECTIONS.values() for piece in PIECE.finditer(text)]
    prompts = sum(len(re.findall(r"^\$ ", p["console"] or "", re.MULTILINE)) for p in found)
    assert len(shown) == prompts + sum(bool(p["loss"] or p["command"]) for p in found) > 60
    assert sum(bool(p["python"]) for p in found) == COURSE.count("```python")


@pytest.mark.parametrize(
    ("said", "printed", "agrees"),
    [
        ("a  0.66", "| a | 0.6649 |", True),
        ("a 0.67", "a,0.664", False),
        ("5.9e-16", "5.92e-16", True),
        ("5.8e-16", "5.92e-16", False),
        ("a ... c", "a b b c", True),
        ("a ... c", "a b b c d", False),
        ("a ...", "a b", True),
        ("a", "a b", False),
        ("a b", "a", False),
        ("... b", "a b", True),
        ("... b", "b a", False),
        ("... b ... c ...", "a b c d", True),
        ("... c ... b ...", "a b c d", False),
        ("a b ... b c", "a b c", False),
        ("| --- |\n1", "1", True),
    ],
)
def test_how_the_page_and_the_output_are_compared(said, printed, agrees):
    assert (not lacking(said, printed)) == agrees
