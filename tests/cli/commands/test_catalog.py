"""`initlab list` and `initlab describe`: what a spec can name, and what is measured."""

import csv
import io
import json

import pytest
from typer.testing import CliRunner

from initlab.catalog import SCHEMES, TABLES
from initlab.cli import completion
from initlab.cli.app import build


def initlab(*arguments):
    return CliRunner().invoke(build(), [*arguments])


# list -------------------------------------------------------------------------------------------


def test_list_has_every_record_of_every_table():
    done = initlab("list")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert done.exit_code == 0
    assert [(row["kind"], row["name"]) for row in rows] == [
        (table.singular, name) for table in TABLES.values() for name in table
    ]


@pytest.mark.parametrize("kind", TABLES)
@pytest.mark.parametrize("format_", ["csv", "json", "jsonl", "md", "table"])
def test_every_kind_is_listed_in_every_format(kind, format_):
    done = initlab("list", kind, "--format", format_)
    assert done.exit_code == 0
    for name in TABLES[kind]:
        assert name in done.stdout


def test_a_list_can_be_read_by_a_script():
    rows = json.loads(initlab("list", "schemes", "--format", "json").stdout)
    assert [row["name"] for row in rows] == list(SCHEMES)
    (he,) = [row for row in rows if row["name"] == "kaiming_normal"]
    assert he["aliases"] == "he_normal kaiming he"
    assert he["parameters"] == "a=0.0 mode=fan_in nonlinearity=leaky_relu"


@pytest.mark.parametrize(("typed", "meant"), [("scheme", "schemes"), ("activation", "activations")])
def test_an_unknown_kind_names_the_nearest(typed, meant):
    done = initlab("list", typed)
    assert done.exit_code == 2
    assert f"unknown kind '{typed}'; did you mean {meant}" in done.stderr
    assert done.stdout == ""


# describe ---------------------------------------------------------------------------------------


def test_describe_tells_the_parameters_and_their_ranges():
    text = initlab("describe", "sparse").stdout
    assert "sparse (scheme)" in text
    assert "sparsity: fraction of zeros in every column (required; >= 0; < 1)" in text
    assert "Martens 2010" in text


def test_describe_takes_aliases_and_several_names():
    text = initlab("describe", "He", "gelu_new", "std").stdout
    for title in ("kaiming_normal (scheme)", "gelu_tanh (activation)", "std (statistic)"):
        assert title in text


def test_a_name_of_two_tables_is_described_twice():
    text = initlab("describe", "identity").stdout
    assert "identity (scheme)" in text
    assert "identity (activation)" in text


def test_an_unknown_name_names_the_nearest():
    done = initlab("describe", "kaimng_normal")
    assert done.exit_code == 2
    assert "did you mean kaiming_normal" in done.stderr
    assert "initlab list" in done.stderr


def test_gains_are_told_where_torch_has_one():
    assert "calculate_gain: 1.66667" in initlab("describe", "tanh").stdout  # 5/3
    assert "calculate_gain" not in initlab("describe", "gelu").stdout


# completion -------------------------------------------------------------------------------------


def test_names_are_completed_from_the_catalog():
    found = [name for name, _ in completion.names("xav")]
    assert found == ["xavier_uniform", "xavier_normal"]
    assert completion.kinds("s") == ["schemes", "statistics"]


def test_the_last_of_several_checks_is_completed():
    assert completion.checks("nan,forward.e") == ["nan,forward.exploding"]
    assert completion.checks("")[:3] == ["nan", "exploding", "vanishing"]
    from initlab.cli.fail_on import CHECKS

    assert completion.checks("") == CHECKS
