"""Where output goes, and how wide it may be."""

import fcntl
import os
import pty
import struct
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
