"""The checks of `--fail-on`: which verdicts end a command with 1."""

from typing import Any

from initlab.errors import InputError, nearest

BAD = ("nan", "exploding", "vanishing")
CHECKS = [*BAD, *(f"{way}.{word}" for way in ("forward", "backward") for word in BAD)]


def parse_checks(text: str) -> list[str]:
    """Verdicts of --fail-on: "nan,forward.vanishing".

    Raises:
        InputError: naming the nearest check.
    """
    wanted = [word.strip() for word in text.split(",") if word.strip()]
    for word in wanted:
        if word not in CHECKS:
            close = nearest(word, CHECKS, 1) or CHECKS[:1]
            known = ", ".join(CHECKS)
            raise InputError(f"--fail-on {word}: needs some of {known}", f"--fail-on {close[0]}")
    return wanted


def failing(cells: dict[str, Any], wanted: list[str]) -> list[str]:
    """Those of the wanted checks that a run's result cells meet."""
    found = {
        word
        for way in ("forward", "backward")
        if (verdict := cells[f"{way}_verdict"])
        for word in (verdict, f"{way}.{verdict}")
    }
    return [word for word in wanted if word in found]
