"""Where output goes, and how wide it may be."""

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
