"""Parquet says what CSV says, with types."""

import csv

import numpy as np
import pandas as pd
from commands import initlab


def test_parquet_is_what_csv_says_with_types(kept):
    done = initlab("export", kept, "--format", "parquet")
    assert done.exit_code == 0, done.stderr
    for name in ("runs", "layers"):
        table = pd.read_parquet(kept / f"{name}.parquet", dtype_backend="pyarrow")
        with (kept / f"{name}.csv").open(newline="") as file:
            expected = list(csv.DictReader(file))
        assert list(table.columns) == list(expected[0])
        for column in table.columns:
            values = table[column].tolist()
            for value, row in zip(values, expected, strict=True):
                text = row[column]
                if text == "":
                    assert value is None or value is pd.NA
                elif isinstance(value, float):
                    assert value == float(text) or (np.isnan(value) and text == "nan")
                else:
                    assert str(value) == text
    kinds = pd.read_parquet(kept / "runs.parquet", dtype_backend="pyarrow").dtypes.astype(str)
    assert kinds["seed"].startswith("int64")
    assert kinds["nan_onset"].startswith("int64")
    assert kinds["std_last"].startswith("double")
    assert initlab("verify", kept).exit_code == 0
    # tables of an earlier spec would be taken for those of this one
    assert initlab("sweep", kept.parents[1] / "kept.yaml", "--out", kept.parent).exit_code == 0
    assert not (kept / "runs.parquet").exists()
