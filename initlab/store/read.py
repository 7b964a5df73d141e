"""Published tables read back, with pandas."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from initlab.catalog.columns import WORDS

if TYPE_CHECKING:
    import pandas as pd

ROWS_AT_ONCE = 20_000  # of a table of which some columns are kept


def read_table(file: Path, only: list[str] | None = None) -> "pd.DataFrame":
    """A CSV file of ours, all columns or some; in those of words `nan` and empty cells are text."""
    import pandas as pd

    with file.open(encoding="utf-8") as opened:
        header = opened.readline().rstrip("\n").split(",")
    missing = {name: [] if name in WORDS else ["", "nan"] for name in header}
    options: dict[str, Any] = {"keep_default_na": False, "na_values": missing}
    if only is None:
        table: pd.DataFrame = pd.read_csv(file, **options, low_memory=False)
        return table
    with pd.read_csv(file, **options, usecols=only, chunksize=ROWS_AT_ONCE) as parts:
        return pd.concat(list(parts), ignore_index=True)
