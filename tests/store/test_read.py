"""Published tables read back."""

import pytest

from initlab.errors import FolderError
from initlab.store.read import read_runs, read_table


def test_columns_of_a_table_without_rows_have_their_types(tmp_path):
    file = tmp_path / "layers.csv"
    file.write_text("run,seed,layer,std,predicted_std\n")
    for only in (None, ["run", "layer", "std"]):
        table = read_table(file, only)
        assert table["layer"].dtype == "int64"
        assert table["std"].dtype == "float64"


def test_runs_are_one_at_least(tmp_path):
    file = tmp_path / "runs.csv"
    file.write_text("run,depth,seed,status\n")
    with pytest.raises(FolderError, match="holds no run"):
        read_runs(file)
    file.write_text("run,depth,seed,status\n0,3,0,ok\n")
    assert len(read_runs(file)) == 1


def test_a_column_that_no_run_recorded_is_nan_where_it_is_named(tmp_path):
    file = tmp_path / "layers.csv"
    file.write_text("run,seed,layer,std,predicted_std\n0,0,0,0.5,\n")
    table = read_table(file, ["run", "std", "neuron_std"])
    assert table["neuron_std"].isna().all()
    assert table["neuron_std"].dtype == "float64"
    assert "neuron_std" not in read_table(file)
    with pytest.raises(FolderError, match=r"layers\.csv"):  # every folder has this one
        read_table(file, ["run", "cosine"])
