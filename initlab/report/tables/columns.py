"""What a table shows before it is drawn: its columns, and the words around it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from initlab.formatting import on_one_line

LONG_CELL = 24  # characters from which words are wrapped


@dataclass(frozen=True)
class Column:
    """One column of a table. Texts of others cannot leave a cell.

    Args:
        name: its heading.
        cells: a text for every row; of a picture, as wide as it is drawn where there is room.
        rank: how soon it is left out where it does not fit: 0 never, the highest first.
        legend: sentences that say what it means, each told once below a table that shows it.
        number: whether cells are aligned at the right.
        text: whether cells are words that may be wrapped.
        draw: draws the cells of a picture anew, in so many characters.
        extra: whether it is shown only where nothing is narrowed for it.
        most: characters of a picture, where there is room.
        called: its name among those left out, if not its heading.
        instead: lines that say the same where it is left out.
    """

    name: str
    cells: tuple[str, ...]
    rank: int = 0
    legend: tuple[str, ...] = ()
    number: bool = False
    text: bool = False
    draw: Callable[[int], Sequence[str]] | None = None
    extra: bool = False
    most: int = 12
    called: str = ""
    instead: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Make visible what would command a terminal."""
        object.__setattr__(self, "name", on_one_line(self.name))
        for name in ("cells", "instead"):
            object.__setattr__(self, name, tuple(map(on_one_line, getattr(self, name))))


@dataclass(frozen=True)
class Summary:
    """A table and the words around it.

    Args:
        columns: in their order; all have the same number of cells.
        title: what this is about.
        subtitle: what all rows share.
        titles: of what is compared, a line each below the table.
        notes: lines below that, of weight.
        dim_notes: lines before the legend, of little weight.
        sections: the rows that are headings of those below them.
        more: how to see the columns that did not fit.
    """

    columns: tuple[Column, ...]
    title: str = ""
    subtitle: str = ""
    titles: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    dim_notes: tuple[str, ...] = ()
    sections: frozenset[int] = field(default_factory=frozenset)
    more: str = ""

    def __post_init__(self) -> None:
        """Make visible what would command a terminal."""
        for name in ("title", "subtitle"):
            object.__setattr__(self, name, on_one_line(getattr(self, name)))
        for name in ("titles", "notes", "dim_notes"):
            object.__setattr__(self, name, tuple(map(on_one_line, getattr(self, name))))

    @property
    def header(self) -> tuple[str, ...]:
        """The headings."""
        return tuple(column.name for column in self.columns)

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """The cells, row by row."""
        return list(zip(*(column.cells for column in self.columns), strict=True))

    def below(self, shown: Sequence[Column], left_out: Sequence[str]) -> list[str]:
        """The dim lines below a table: its legend, and what it does without."""
        legend = dict.fromkeys(line for column in shown for line in column.legend)
        without = [c for c in self.columns if (c.called or c.name) in left_out]
        lines = [*self.dim_notes, *legend, *(line for c in without for line in c.instead)]
        if left_out:
            lines.append(f"Left out: {', '.join(left_out)} ({self.more}).")
        return lines


def plain(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    caption: str = "",
    spare: Sequence[str] = (),
) -> Summary:
    """A summary of texts, of which long ones are wrapped.

    Args:
        header: the headings.
        rows: a text for each of them.
        caption: what the columns mean.
        spare: the columns that are left out first where there is no room, in this order; then go
            those at the end, but never the first or what is wrapped.
    """
    columns = []
    for at, name in enumerate(header):
        cells = tuple(row[at] for row in rows)
        words = any(len(cell) > LONG_CELL and " " in cell for cell in cells)
        rank = 0 if at == 0 or words else at
        if name in spare:
            rank = len(header) + len(spare) - spare.index(name)
        number = all(_is_number(cell) for cell in cells) and any(cells)
        columns.append(Column(name, cells, rank, number=number, text=words))
    notes = (caption,) if caption else ()
    return Summary(tuple(columns), dim_notes=notes, more="--format csv")


def _is_number(cell: str) -> bool:
    if cell in ("", "-"):
        return True
    try:
        float(cell)
    except ValueError:
        return False
    return True
