"""Where output goes, and how wide it may be."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios

import pytest

from initlab.cli import output


@pytest.mark.parametrize(
    ("columns", "text", "view"),
    [
        ("40", 40, 40),
        ("120", 120, 80),
        ("", None, 80),
        ("0", None, 80),
        ("-5", None, 80),
        ("wide", None, 80),
        ("9" * 5000, 999999, 80),
    ],
)
def test_columns_says_how_wide_text_may_be(monkeypatch, columns, text, view):
    """Off a terminal; what a terminal has is tested on one."""
    monkeypatch.setenv("COLUMNS", columns)
    assert (output.text_width(), output.view_width()) == (text, view)


@pytest.fixture
def resize(monkeypatch):
    """Makes stdout a terminal of a size, as often as is liked."""
    ours, theirs = pty.openpty()
    for variable in ("COLUMNS", "LINES"):
        monkeypatch.delenv(variable, raising=False)
    with os.fdopen(theirs, "w") as terminal:

        def resize(wide, high):
            fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", high, wide, 0, 0))
            monkeypatch.setattr(sys, "stdout", terminal)

        yield resize
        monkeypatch.undo()
    os.close(ours)


def test_a_terminal_says_how_wide_and_high_it_is_now(resize, monkeypatch):
    for size in ((40, 20), (80, 24), (120, 50), (200, 60)):
        resize(*size)
        assert (output.text_width(), output.text_height()) == size
    monkeypatch.setenv("COLUMNS", "66")
    monkeypatch.setenv("LINES", "11")
    assert (output.text_width(), output.text_height()) == (66, 11)


def test_a_terminal_that_does_not_tell_has_the_usual_size(resize):
    resize(0, 0)
    assert (output.text_width(), output.text_height()) == (80, 24)


WORDS = """\
import os, sys
sys.stderr = os.fdopen(2, "w")
from initlab.cli import output
output.note("  as they are\\n" + "words of many letters " * 6 + "x" * 50)
"""


@pytest.mark.parametrize("width", [40, 80])
def test_words_on_a_terminal_are_broken_at_spaces_only(width):
    fcntl, termios = pytest.importorskip("fcntl"), pytest.importorskip("termios")
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    plain = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    command = [sys.executable, "-c", WORDS]
    subprocess.run(command, stdin=slave, stdout=slave, stderr=slave, env=plain, check=True)
    os.close(slave)
    text = os.read(master, 10_000).decode().replace("\r\n", "\n")
    os.close(master)
    lines = text.splitlines()
    assert lines[0] == "  as they are"
    assert len(lines) > 3
    assert all(len(line) <= width for line in lines if "x" not in line)
    assert re.findall(r"\S+", text) == [
        "as",
        "they",
        "are",
        *["words", "of", "many", "letters"] * 6,
        "x" * 50,
    ]


def test_words_in_a_pipe_are_a_line_each(capsys):
    output.warn("words of many letters " * 6)
    assert capsys.readouterr().err == "words of many letters " * 6 + "\n"
