"""Every command of docs/course.md is run, and what the page says of it is compared with what comes out.

A block of `console` has commands after `$`, each followed by what it prints; `...` stands for
output that is left out. A number of the page is met by one that rounds to its digits. Lines of tables are
compared by their cells, however wide they are drawn. A block of `python` is run, and followed by what it
prints. A row of a table that begins with a command has the values of that loss. Other commands, in
`code`, need only work.
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
COURSE = (ROOT / "docs/course.md").read_text()
#: heading -> text; blocks of one section run in one folder, one after the other
SECTIONS = dict(re.findall(r"^#{2,3} (.+)\n((?:(?!^#{2,3} ).*\n?)*)", COURSE, re.MULTILINE))
PIECE = re.compile(
    r"^```console\n(?P<console>.*?)^```$"
    r"|^```python\n(?P<python>.*?)^```\n+```text\n(?P<prints>.*?)^```$"
    r"|^```python\n(?P<silent>.*?)^```$"
    r"|^\| `(?P<loss>initlab loss [^`]+)` \|(?P<cells>[^\n]*)\|$"
    r"|`(?P<command>initlab [a-z][^`]+)`",
    re.MULTILINE | re.DOTALL,
)
NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
TOKEN = re.compile(rf"\.\.\.|(?<![\w.]){NUMBER.pattern}|\w+|[^\w\s│─|,\\]")


def tokens(text: str) -> list[str]:
    """Words, numbers and signs, without what stands between the cells of a table."""
    return TOKEN.findall(re.sub(r"^[\s|:-]*$", "", text, flags=re.MULTILINE))


def digits(number: str) -> float:
    """Half of the last digit that is written, and a little for what was rounded there already."""
    mantissa, _, exponent = number.lower().partition("e")
    decimals = len(mantissa.partition(".")[2])
    return 0.51 * 10.0 ** (int(exponent or 0) - decimals)


def same(said: str, printed: str) -> bool:
    if NUMBER.fullmatch(said) and NUMBER.fullmatch(printed):
        return abs(float(said) - float(printed)) <= digits(said)
    return said == printed


def starts(said: list[str], printed: list[str], at: int) -> bool:
    return at + len(said) <= len(printed) and all(
        same(one, printed[at + i]) for i, one in enumerate(said)
    )


def lacking(said: str, printed: str) -> str:
    """What the page says and the output does not, or nothing. `...` matches any output."""
    parts, found, at = [[]], tokens(printed), 0
    for token in tokens(said):
        if token == "...":
            parts.append([])
        else:
            parts[-1].append(token)
    for i, part in enumerate(parts):
        first, last = i == 0, i == len(parts) - 1
        places = [0] if first else range(at, len(found) + 1)
        if last and part and not first:
            places = [len(found) - len(part)]
        fits = next((p for p in places if p >= at and starts(part, found, p)), None)
        if fits is None:
            return " ".join(part)
        at = fits + len(part)
    complete = at == len(found) or (len(parts) > 1 and not parts[-1])
    return "" if complete else f"nothing of: {' '.join(found[at:])}"


def run(command: str, *more: str):
    return initlab(*shlex.split(command)[1:], *more)


def form_of(command: str) -> tuple[str, ...]:
    """Cells as on a terminal, in a form that no width changes; of `show` with all digits."""
    if "--format" in command:
        return ()
    return ("--format", "csv" if command.startswith("initlab show") else "md")


def check_console(text: str) -> None:
    for block in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, said = block.partition("\n")
        done = run(command, *form_of(command))
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
        assert not lacking(" ".join(NUMBER.findall(said)), " ".join(NUMBER.findall(str(value))))


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
        elif piece["python"] or piece["silent"]:
            check_python(piece["python"] or piece["silent"], piece["prints"] or "")
        elif piece["loss"]:
            check_loss(piece["loss"], piece["cells"])
        else:
            done = run(piece["command"])
            assert done.exit_code == 0, done.stderr


def test_every_command_of_the_course_is_found():
    # by another route: whatever looks like one
    shown = re.findall(r"(?:^\$ |`)initlab [a-z]+ ", COURSE, re.MULTILINE)
    found = [piece for text in SECTIONS.values() for piece in PIECE.finditer(text)]
    prompts = sum(len(re.findall(r"^\$ ", p["console"] or "", re.MULTILINE)) for p in found)
    assert len(shown) == prompts + sum(bool(p["loss"] or p["command"]) for p in found) > 60


@pytest.mark.parametrize(
    ("said", "printed", "agree"),
    [
        ("a  0.66", "| a | 0.6649 |", True),
        ("a 0.67", "a,0.6649", False),
        ("5.9e-16", "5.92e-16", True),
        ("5.8e-16", "5.92e-16", False),
        ("a ... c", "a b b c", True),
        ("a ... c", "a b b c d", False),
        ("a ...", "a b", True),
        ("a", "a b", False),
        ("... b", "a b", True),
        ("... b", "b a", False),
        ("0 1 2", "0 1", False),
        ("| --- |\n1", "1", True),
    ],
)  # fmt: skip
def test_how_the_page_and_the_output_are_compared(said, printed, agree):
    assert (not lacking(said, printed)) == agree
