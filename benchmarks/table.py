"""One table: what was measured, how it spread, what it is compared with, and what was wanted."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

HEADER = (
    "part", "what", "median (min to max)", "unit", "ratio (min to max)", "to", "wanted", "reached",
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """A line of the table.

    Args:
        what: was measured.
        values: one a round, in `unit`.
        ratios: one a round, each of two values of that round; if there are any, they are wanted.
        against: what the ratios compare with.
        at_least: wanted.
        at_most: wanted.
    """

    what: str
    values: Sequence[float]
    unit: str
    ratios: Sequence[float] = ()
    against: str = ""
    at_least: float | None = None
    at_most: float | None = None

    @property
    def cells(self) -> tuple[str, ...]:
        """The row as texts, without the part."""
        wanted, reached = "", ""
        typical = median(self.ratios or self.values)
        if self.at_least is not None:
            wanted, reached = f">= {self.at_least:g}", _yes(typical >= self.at_least)
        if self.at_most is not None:
            wanted, reached = f"<= {self.at_most:g}", _yes(typical <= self.at_most)
        return (
            self.what, spread(self.values), self.unit, spread(self.ratios), self.against,
            wanted, reached,
        )  # fmt: skip


def times_as_fast(
    what: str,
    ours: Sequence[float],
    theirs: Sequence[float],
    against: str,
    *,
    at_least: float | None = None,
) -> Row:
    """A row of milliseconds a network: how many times as fast as a reference, round by round."""
    ratios = [b / a for a, b in zip(ours, theirs, strict=True)]
    return Row(what, milliseconds(ours), "ms a network", ratios, f"speed of {against}", at_least)


def milliseconds(seconds: Iterable[float]) -> list[float]:
    """The same durations in ms."""
    return [1e3 * s for s in seconds]


def spread(values: Sequence[float]) -> str:
    """Median, least and largest; nothing of no values, and one number of one."""
    if not values:
        return ""
    if len(values) == 1:
        return _digits(values[0])
    return f"{_digits(median(values))} ({_digits(min(values))} to {_digits(max(values))})"


def markdown(rows: Iterable[tuple[str, Row]]) -> str:
    """The whole table, of parts and their rows."""
    lines = [HEADER, ("---",) * len(HEADER), *((part, *row.cells) for part, row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _digits(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def _yes(reached: bool) -> str:
    return "yes" if reached else "no"
