"""Several sweeps as one table: whose run it is, and where its fields stand."""

import pandas as pd
import pytest

from initlab.report.labels import fields_of
from initlab.report.sweeps import joined


@pytest.fixture
def tables():
    """Two sweeps, each with a field that the other has not."""
    one = pd.DataFrame({"run": [0, 1], "init": "a", "bias": "b", "seed": [0, 1]})
    other = pd.DataFrame({"run": [0], "init": "a", "init.gain": 2.0, "seed": [7]})
    return [one.assign(std_last=[1.0, 2.0]), other.assign(std_last=3.0)]


def test_runs_follow_each_other_and_lack_what_their_sweep_has_not(tables):
    runs = joined(tables)
    assert runs.index.tolist() == [0, 1, 2]
    assert runs["run"].tolist() == [0, 1, 0]
    assert runs["std_last"].tolist() == [1, 2, 3]
    assert runs["bias"].isna().tolist() == [False, False, True]
    assert runs["init.gain"].isna().tolist() == [True, True, False]


def test_fields_of_any_sweep_are_fields_of_all_beside_their_own_kind(tables):
    assert fields_of(joined(tables)) == ["init", "init.gain", "bias"]
    assert [*joined(tables)][-2:] == ["seed", "std_last"]


def test_where_sweeps_have_names_the_first_column_says_whose_a_run_is(tables):
    runs = joined(tables, ["one", "other"])
    assert next(iter(runs)) == "spec"
    assert runs["spec"].tolist() == ["one", "one", "other"]
    assert fields_of(runs)[0] == "spec"


def test_one_sweep_is_as_it_was(tables):
    assert joined(tables[:1], ["one"]) is tables[0]
