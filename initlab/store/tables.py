"""The journal's tables, and values as they stand in them.

SQLite has no nan: it is stored as the text 'nan', and NULL is what was not measured. Columns of
numbers have no declared type, as a REAL column would turn -0.0 into 0.0.
"""

import hashlib
import math
from collections.abc import Collection, Iterator, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from initlab.catalog.columns import MORE as MORE_COLUMNS
from initlab.network.measurement import BACKWARD, FORWARD, Measurement, recorded
from initlab.theory.expectation import BAND, MORE_PREDICTED, PREDICTED, RUNS

#: columns of a band of gradient and cosine
GRADIENT_BAND = [
    f"{of}_{quantile}" for of in ("gradient", "cosine") for quantile in ("p10", "p50", "p90")
]

APPLICATION = 0x494E4C42  # "INLB": tells our journals from other databases
AT_ONCE = 1000  # rows of one statement, which may have 32,766 values

SCHEMA = f"""
CREATE TABLE sweep (             -- what is swept: head, spec, product, inputs, part
    key TEXT PRIMARY KEY,
    value TEXT
);
CREATE TABLE environments (      -- versions and machine, as JSON
    id INTEGER PRIMARY KEY,
    description TEXT UNIQUE
);
CREATE TABLE sessions (          -- every process that wrote here
    id INTEGER PRIMARY KEY,
    name TEXT UNIQUE,            -- a random one, by which merged journals tell sessions apart
    origin TEXT,                 -- command, host, pid, revision, as JSON
    started TEXT,
    finished TEXT,
    ended TEXT                   -- done, or why not; NULL: still running, or killed
);
CREATE TABLE runs (              -- one network and one seed
    id INTEGER PRIMARY KEY,
    name TEXT UNIQUE,            -- hash of the description and this schema's version
    number INTEGER UNIQUE,       -- its place in the spec; NULL: of an earlier spec
    description TEXT,            -- everything that determines its numbers, as JSON
    point TEXT,                  -- names what is expected of it
    band TEXT,                   -- names its finite-width band, if there is one
    status TEXT NOT NULL DEFAULT 'todo',   -- todo, ok or failed
    reason TEXT,
    seconds,
    nan_onset INTEGER,
    loss_value,
    digest TEXT,                 -- hash of its numbers, to tell a damaged journal
    environment INTEGER REFERENCES environments
);
CREATE TABLE layers (
    run INTEGER REFERENCES runs,
    layer INTEGER,
    {", ".join([*FORWARD, *BACKWARD])},
    PRIMARY KEY (run, layer)
) WITHOUT ROWID;
CREATE TABLE points (            -- what theory expects of runs that differ in their seeds only
    id INTEGER PRIMARY KEY,
    name TEXT UNIQUE,
    {", ".join(RUNS)},
    problem TEXT,                -- why nothing is known
    digest TEXT
);
CREATE TABLE predictions (
    point INTEGER REFERENCES points,
    layer INTEGER,
    {", ".join(PREDICTED)},
    PRIMARY KEY (point, layer)
) WITHOUT ROWID;
CREATE TABLE bands (             -- the law of the std among networks of this width
    id INTEGER PRIMARY KEY,
    name TEXT UNIQUE,
    problem TEXT,
    digest TEXT
);
CREATE TABLE band_layers (
    band INTEGER REFERENCES bands,
    layer INTEGER,
    {", ".join(BAND)},
    PRIMARY KEY (band, layer)
) WITHOUT ROWID;
CREATE TABLE attempts (          -- every time that a run was tried
    run INTEGER REFERENCES runs,
    session INTEGER REFERENCES sessions,
    status TEXT,
    reason TEXT,
    environment INTEGER REFERENCES environments
);
CREATE INDEX attempts_of_a_run ON attempts (run);
"""


class Kind(NamedTuple):
    """What is kept under a name, with a row of numbers for every layer.

    The tables of a `late` kind are no part of SCHEMA: a journal has them, and their columns, from
    the moment on that something is kept there. Of one that is `apart`, that goes for the table of
    names as well.
    """

    table: str
    layers: str
    key: str
    numbers: Sequence[str]
    late: bool = False
    apart: bool = False

    @property
    def schema(self) -> list[str]:
        """The statements that make the tables of a late kind."""
        names = (
            f"CREATE TABLE IF NOT EXISTS {self.table}"
            " (id INTEGER PRIMARY KEY, name TEXT UNIQUE, problem TEXT, digest TEXT)"
        )
        layers = (
            f"CREATE TABLE IF NOT EXISTS {self.layers} ({self.key} INTEGER REFERENCES"
            f" {self.table}, layer INTEGER, {', '.join(self.numbers)},"
            f" PRIMARY KEY ({self.key}, layer)) WITHOUT ROWID"
        )
        return [names, layers] if self.apart else [layers]


MEASURED = Kind("runs", "layers", "run", (*FORWARD, *BACKWARD))
#: what runs have that record more than the usual columns
MORE = Kind("runs", "more_layers", "run", MORE_COLUMNS, late=True)
POINTS = Kind("points", "predictions", "point", PREDICTED)
BANDS = Kind("bands", "band_layers", "band", BAND)
#: bands of std, gradient and cosine
GRADIENT_BANDS = Kind(
    "gradient_bands", "gradient_band_layers", "band", (*BAND, *GRADIENT_BAND), late=True, apart=True
)
#: what theory says beside the usual columns, of points that ask for it
MORE_POINTS = Kind(
    "more_points", "more_predictions", "point", MORE_PREDICTED, late=True, apart=True
)
#: those with a table of names, problems and digests
NAMED = (POINTS, BANDS, GRADIENT_BANDS, MORE_POINTS)


def or_null(rows: NDArray[np.float64]) -> list[list[Any]]:
    """Numbers where nan stands for one that is not known: NULL."""
    return [[None if math.isnan(x) else x for x in row] for row in rows.tolist()]


def restored(rows: Sequence[Sequence[Any]]) -> NDArray[np.float64]:
    """The numbers that were stored, a row a layer; nan for 'nan' and for NULL.

    Raises:
        TypeError, ValueError: other things than numbers stand there.
    """
    if not rows:
        return np.empty((0, 0))
    shape = len(rows), len(rows[0])
    # None and 'nan' both are nan to numpy
    return np.fromiter(chain.from_iterable(rows), np.float64, math.prod(shape)).reshape(shape)


def digest(
    numbers: Sequence[Any],
    rows: NDArray[np.float64],
    more: NDArray[np.float64] | None = None,
) -> str:
    """A hash of numbers of a run, of those of its layers, and of columns MORE where it has them.

    Of the latter each counts with its name, if it holds a number: a column that is added to MORE
    does not change what was written before.
    """
    hashed = hashlib.sha256(repr(tuple(numbers)).encode())
    hashed.update(_bytes(rows))
    for name, column in sorted(zip(MORE.numbers, () if more is None else more.T, strict=False)):
        if not np.isnan(column).all():
            hashed.update(name.encode() + _bytes(column))
    return hashed.hexdigest()[:32]


def _bytes(numbers: NDArray[np.float64]) -> bytes:
    one_nan = np.where(np.isnan(numbers), np.nan, numbers)  # of the many bit patterns
    return np.ascontiguousarray(one_nan, dtype="<f8").tobytes()


Rows = Sequence[Sequence[Any]]


def sound(
    numbers: Sequence[Any], rows: Rows, written: str, more: Rows = ()
) -> tuple[NDArray[np.float64], NDArray[np.float64] | None] | None:
    """Rows of layers, as read, restored, and those of MORE, None where there are none of them.

    None where these are not those whose hash was written.
    """
    try:
        found, others = restored(rows), restored(more) if more else None
    except (TypeError, ValueError):  # no numbers
        return None
    return (found, others) if digest(numbers, found, others) == written else None


def digest_matches(numbers: Sequence[Any], rows: Rows, written: str, more: Rows = ()) -> bool:
    """Whether numbers and rows of layers, as read, are those whose hash was written."""
    return sound(numbers, rows, written, more) is not None


def layer_rows(m: Measurement, *, biased: bool) -> tuple[list[list[Any]], NDArray[np.float64]]:
    """A run's rows of the table `layers`, and as numbers what is read back from them."""
    unmeasured = np.full((len(m.forward), len(BACKWARD)), np.nan)
    matrix = np.hstack([m.forward, unmeasured if m.backward is None else m.backward])
    measured = len(FORWARD) if m.backward is None else matrix.shape[1] - (not biased)
    rows: list[list[Any]] = matrix.tolist()
    for layer, column in np.argwhere(np.isnan(matrix)).tolist():
        rows[layer][column] = "nan" if column < measured else None
    return rows, matrix


def more_rows(m: Measurement, extras: Collection[str]) -> list[list[Any]]:
    """A run's rows of the table of MORE; none where it records no more.

    Args:
        m: what was measured.
        extras: the groups that the run records.
    """
    if m.more is None:
        return []
    names, rows = recorded(extras, m), m.more.tolist()
    for layer, column in np.argwhere(np.isnan(m.more)).tolist():
        rows[layer][column] = "nan" if MORE.numbers[column] in names else None
    return cast(list[list[Any]], rows)


def statements(
    kind: Kind, id_: int, rows: Sequence[Sequence[Any]]
) -> Iterator[tuple[str, list[Any]]]:
    """Statements that insert rows of layers 0, 1, 2, ... of a run, point or band, many at once."""
    for start in range(0, len(rows), AT_ONCE):
        part = rows[start : start + AT_ONCE]
        values: list[Any] = []
        for layer, row in enumerate(part, start):
            values.append(id_)
            values.append(layer)
            values += row
        table = kind.layers
        if kind.late:  # whose columns may stand in another order
            table += f" ({', '.join([kind.key, 'layer', *kind.numbers])})"
        yield insert(table, len(values) // len(part), len(part)), values


@lru_cache(64)  # one of a thousand rows is a long text
def insert(table: str, width: int, rows: int = 1) -> str:
    """A statement that inserts so many rows of so many values."""
    row = f"({','.join('?' * width)})"
    return f"INSERT INTO {table} VALUES {','.join([row] * rows)}"
