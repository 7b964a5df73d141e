"""Sweeps as published, and several of them as one table of runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from initlab.report.labels import fields_of

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Sweep:
    """The tables of one results folder.

    Args:
        name: what it is called.
        runs: runs.csv.
        layers: layers.csv, of its columns those that are needed.
        about: one line that its spec says of itself.
        silences: why theory says nothing of some points, or has no band.
    """

    name: str
    runs: "pd.DataFrame"
    layers: "pd.DataFrame"
    about: str = ""
    silences: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """Name and line in one."""
        return f"{self.name}: {self.about}" if self.about else self.name


def joined(tables: "Sequence[pd.DataFrame]", specs: Sequence[str] = ()) -> "pd.DataFrame":
    """Several runs.csv as one, with the fields of every spec between `run` and `seed`; one as is.

    Parameters stand together: those that only a later sweep has would else be far from their field.

    Args:
        tables: one or more.
        specs: what each is called, if its runs are to be told apart: in the column `spec`, first.
    """
    import pandas as pd

    if len(tables) == 1:
        return tables[0]
    known = dict.fromkeys(name for table in tables for name in fields_of(table))
    fields = [name for field in dict.fromkeys(n.partition(".")[0] for n in known)
              for name in known if name.partition(".")[0] == field]  # fmt: skip
    if specs:
        tables = [t.assign(spec=name) for t, name in zip(tables, specs, strict=True)]
    runs = pd.concat(tables, ignore_index=True)
    names = dict.fromkeys([*(["spec"] if specs else []), "run", *fields, *runs])
    return runs[[*names]]
