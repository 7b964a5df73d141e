"""Published tables read back, with pandas."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from initlab.catalog.columns import COLUMNS, WORDS, how_to_record
from initlab.errors import FolderError, in_short

if TYPE_CHECKING:
    import pandas as pd

ROWS_AT_ONCE = 20_000  # of a table of which some columns are kept


def read_table(file: Path, only: list[str] | None = None) -> "pd.DataFrame":
    """A CSV file of ours, all columns or some; in those of words `nan` and empty cells are text.

    A column that `only` names and no run of it has recorded is nan.

    Raises:
        FolderError: it is no table any more.
    """
    try:
        return _read(file, only)
    except ValueError as error:  # of pandas, too, and of what is no UTF-8
        raise FolderError(
            f"{file}: is not as it was published: {in_short(error)[:200]}",
            f"initlab export {shlex.quote(str(file.parent))}",
        ) from None


def _read(file: Path, only: list[str] | None) -> "pd.DataFrame":
    import pandas as pd

    with file.open(encoding="utf-8") as opened:
        header = opened.readline().rstrip("\n").split(",")
    absent = [n for n in only or () if n not in header and how_to_record(n)]  # of another spec
    only = None if only is None else [name for name in only if name not in absent]
    missing = {name: [] if name in WORDS else ["", "nan"] for name in header}
    options: dict[str, Any] = {"keep_default_na": False, "na_values": missing}
    if only is None:
        table: pd.DataFrame = pd.read_csv(file, **options, low_memory=False)
    else:
        with pd.read_csv(file, **options, usecols=only, chunksize=ROWS_AT_ONCE) as parts:
            table = pd.concat(list(parts), ignore_index=True)
    table = table.assign(**dict.fromkeys(absent, float("nan")))
    measured = [n for n in map(str, table) if n in COLUMNS and n not in WORDS]
    return table.astype(
        {
            name: int if COLUMNS[name].group == "key" else float  # of no rows pandas knows no type
            for name in measured
            if not pd.api.types.is_numeric_dtype(table[name])
        }
    )


def read_runs(file: Path) -> "pd.DataFrame":
    """runs.csv, of one run at least.

    Raises:
        FolderError: it holds none, or is no table any more.
    """
    runs = read_table(file)
    if runs.empty:
        raise FolderError(f"{file}: holds no run", "initlab sweep configs/xavier_tanh.yaml")
    return runs
