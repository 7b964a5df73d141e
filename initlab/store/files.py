"""The files of a results folder, by name; `store/__init__.py` says what they hold."""

import re
from pathlib import Path

JOURNAL = "journal.sqlite"
RUNS_CSV, LAYERS_CSV = "runs.csv", "layers.csv"
#: each CSV file as Parquet
PARQUET = {file: file.replace(".csv", ".parquet") for file in (RUNS_CSV, LAYERS_CSV)}
SPEC, PROVENANCE = "spec.yaml", "provenance.json"
LOCK, HOLDER = ".lock", ".holder"  # locked by whoever writes here; says who that is

#: what SQLite keeps beside a journal
JOURNAL_PARTS = ("", "-wal", "-shm", "-journal")
_JOURNAL_STEM, _JOURNAL_END = JOURNAL.split(".")
DAMAGED_JOURNALS = f"{_JOURNAL_STEM}.damaged-*.{_JOURNAL_END}"

_PLAIN = "|".join(map(re.escape, (RUNS_CSV, LAYERS_CSV, *PARQUET.values(), SPEC, PROVENANCE)))
_JOURNALS = rf"{_JOURNAL_STEM}(\.damaged-\d+)?\.{_JOURNAL_END}({'|'.join(JOURNAL_PARTS)})"
_OURS = re.compile(f"{_PLAIN}|{_JOURNALS}")


def is_ours(name: str) -> bool:
    """Whether a file of this name is one that initlab writes."""
    return _OURS.fullmatch(name) is not None


def damaged_journal(number: int) -> str:
    """The name of a journal that was set aside."""
    return DAMAGED_JOURNALS.replace("*", str(number))


def unused(path: Path, why: str) -> Path:
    """A name for a folder beside another: NAME.old-1, with the first number that is free."""
    number = 1
    while (aside := path.with_name(f"{path.name}.{why}-{number}")).exists():
        number += 1
    return aside
