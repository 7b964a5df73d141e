"""`initlab list` and `initlab describe`: what a spec can name, and what is measured."""

import csv
import io
import json

import pytest
from typer.testing import CliRunner

from initlab.catalog import ACTIVATIONS, LOSSES, SCHEMES, TABLES, TASKS
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
    assert done.stderr.endswith(f"fix: initlab list KIND, one of {', '.join(TABLES)}\n")
    assert done.stdout == ""


@pytest.mark.parametrize("width", [40, 60, 80, 120])
@pytest.mark.parametrize("kind", ["", *TABLES])
def test_a_list_fits_the_width_and_no_text_returns_to_the_edge(kind, width):
    arguments = ["list", *([kind] if kind else []), "--format", "table"]
    text = CliRunner().invoke(build(), arguments, env={"COLUMNS": str(width)}).stdout
    titles = [line for line in text.splitlines() if line and not line.startswith(" ")]
    assert titles == [name.upper() for name in ([kind] if kind else TABLES)]
    for line in text.splitlines():
        assert len(line) <= width or len(line.split()) == 1, line
    if kind == "losses":  # columns, where 80 characters are
        assert (text.splitlines()[1].split() == ["name", "task", "about"]) == (width >= 80)


def test_the_taxonomy_says_what_a_task_means_and_which_losses_are_for_it():
    rows = json.loads(initlab("list", "tasks", "--format", "json").stdout)
    assert [row["name"] for row in rows] == list(TASKS)
    for row in rows:
        names = row["losses"].split()
        assert names == [loss.name for loss in LOSSES.values() if row["name"] in loss.task]
        assert row["about"] == TASKS[row["name"]].about
        listed = initlab("list", "losses", "--task", row["name"], "--format", "json").stdout
        assert [loss["name"] for loss in json.loads(listed)] == names
        assert f"losses: {', '.join(names)}" in initlab("describe", row["name"]).stdout


def test_markdown_has_a_heading_over_every_table():
    text = initlab("list", "--format", "md").stdout
    headings = [line for line in text.splitlines() if line.startswith("## ")]
    assert headings == [f"## {plural.capitalize()}" for plural in TABLES]
    assert "\n\n| name | losses | about |\n| --- | --- | --- |\n| binary | bce " in text
    narrowed = initlab("list", "--task", "sequence", "--format", "md").stdout
    assert narrowed.startswith(f"## Losses for sequence: {TASKS['sequence'].about}\n")


def test_a_task_is_found_under_its_other_names():
    assert "triplet_margin" in initlab("list", "losses", "--task", "face-verification").stdout
    done = initlab("list", "losses", "--task", "regresion")
    assert "did you mean regression" in done.stderr
    assert done.stderr.endswith("fix: initlab list tasks\n")


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


def test_a_word_of_several_words_needs_no_quotes():
    text = initlab("describe", "edge", "of", "chaos").stdout
    assert text == initlab("describe", "Edge of Chaos").stdout
    assert text == initlab("describe", "edge-of-chaos").stdout
    assert text.startswith("edge_of_chaos (word)\n")
    # names that mean something together do not swallow those that do by themselves
    assert "relu (activation)" in initlab("describe", "relu", "tanh").stdout


@pytest.mark.parametrize("name", ["_Loss", "_WeightedLoss", "Module", "nn.Module"])
def test_the_anatomy_of_a_loss(name):
    text = initlab("describe", name).stdout
    assert "CrossEntropyLoss -> _WeightedLoss -> _Loss -> Module" in text
    assert "  _load_state_dict_pre_hooks: functions" in text
    assert "CrossEntropyLoss calls F.cross_entropy" in text


def test_a_name_that_is_a_field_and_a_word_is_both():
    text = initlab("describe", "loss").stdout
    assert text.startswith("loss (field of a spec)\n  on the last layer's activations\n\n")
    assert "\n\nloss (word)\n" in text


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_a_description_fits_the_width_with_whole_words(width):
    known = [name for table in TABLES.values() for name in table]
    narrow = CliRunner().invoke(build(), ["describe", *known], env={"COLUMNS": str(width)}).stdout
    wide = initlab("describe", *known).stdout
    assert narrow.split() == wide.split()
    for line in narrow.splitlines():
        assert len(line) <= width or len(line.split()) == 1, line


def test_a_description_as_markdown_and_as_data():
    text = initlab("describe", "tanh", "gain", "--format", "md").stdout
    headings = [line for line in text.splitlines() if line.startswith("#")]
    assert headings == ["## tanh (activation)", "## gain (word)"]
    assert f"```text\n{ACTIVATIONS['tanh'].formula}\n```" in text
    assert "- **torch's calculate_gain**: 1.66667\n" in text
    found = json.loads(initlab("describe", "tanh", "gain", "--format", "json").stdout)
    assert [(d["kind"], d["name"]) for d in found] == [("activation", "tanh"), ("word", "gain")]
    lines = initlab("describe", "tanh", "gain", "--format", "jsonl").stdout.splitlines()
    assert [json.loads(line) for line in lines] == found
    rows = list(csv.DictReader(io.StringIO(initlab("describe", "gain", "--format", "csv").stdout)))
    assert {row["property"]: row["text"] for row in rows} == {
        k: v for k, v in found[1].items() if k not in ("name", "kind")
    }


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


@pytest.mark.parametrize("name", ["forward_ratio", "backward_ratio"])
def test_what_a_heat_map_shows_is_described(name):
    from initlab.report.figures.heat import RATIOS

    done = initlab("describe", name)
    assert done.exit_code == 0
    assert " / ".join(RATIOS[name]) in done.stdout


def test_what_has_a_name_is_described_before_what_is_also_called_so():
    text = initlab("describe", "cosine").stdout
    assert text.startswith("cosine (statistic)")
    assert "cosine_embedding (loss)" in text
