"""The checks of --fail-on: what they are called, and which runs meet them."""

import pytest

from initlab.cli.fail_on import CHECKS, failing, parse_checks
from initlab.errors import InputError


def test_checks_are_verdicts_with_or_without_a_way():
    words = ["nan", "exploding", "vanishing"]
    ways = [f"{way}.{word}" for way in ("forward", "backward") for word in words]
    assert words + ways == CHECKS


def test_parse_checks():
    assert parse_checks("nan, forward.vanishing,") == ["nan", "forward.vanishing"]
    assert parse_checks("") == []


@pytest.mark.parametrize(("text", "fix"), [("nann", "nan"), ("nan,forward.explode", "exploding")])
def test_an_unknown_check_names_the_nearest(text, fix):
    with pytest.raises(InputError) as error:
        parse_checks(text)
    assert error.value.fix.startswith("--fail-on ")
    assert fix in error.value.fix


@pytest.mark.parametrize(
    ("forward", "backward", "met"),
    [
        ("steady", "steady", []),
        ("nan", None, ["nan", "forward.nan"]),
        ("steady", "vanishing", ["vanishing", "backward.vanishing"]),
        ("exploding", "exploding", ["exploding", "forward.exploding", "backward.exploding"]),
        (None, None, []),  # failed: that is exit code 1 by itself
    ],
)
def test_checks_that_a_run_meets(forward, backward, met):
    cells = {"forward_verdict": forward, "backward_verdict": backward}
    assert failing(cells, CHECKS) == met
    assert failing(cells, []) == []
    assert failing(cells, ["backward.vanishing"]) == [c for c in met if c == "backward.vanishing"]
