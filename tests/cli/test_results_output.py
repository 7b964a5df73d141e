"""What `sweep` and `show` print of results: tables at every width, some columns, some layers."""

import csv
import io
import json
import re
from functools import cache

import pytest
from typer.testing import CliRunner

from initlab.cli.app import build
from initlab.cli.completion import column_names

pytestmark = pytest.mark.xdist_group("grid")  # the sweep is made once

WIDTHS = [40, 60, 80, 100, 120, 200]
#: signals that stay, decay, explode, vanish, overflow; a gradient that explodes, one that vanishes
SPEC = """\
name: grid
about: five activations on five initialisers
depth: 40
width: 24
activation: [tanh, relu, identity, sigmoid]
init:
  - {scheme: xavier_uniform, gain: tanh}
  - lecun_normal
  - {scheme: normal, std: 20}
  - {scheme: orthogonal, gain: tanh}
  - kaiming_normal
seeds: 3
band: 40
"""


def initlab(*arguments, **env):
    done = CliRunner().invoke(build(), [*map(str, arguments)], env={"COLUMNS": None, **env})
    assert "Traceback" not in done.stderr, done.stderr
    return done


@pytest.fixture(scope="module")
def grid(tmp_path_factory):
    root = tmp_path_factory.mktemp("grid")
    (root / "grid.yaml").write_text(SPEC)
    assert initlab("sweep", root / "grid.yaml", "--out", root, "-q").exit_code == 0
    return root / "grid"


@pytest.fixture(scope="module")
def other(grid):
    root = grid.parent
    options = ("--set", "name=other", "--set", "activation=silu", "--set", "init=lecun_normal")
    done = initlab("sweep", root / "grid.yaml", "--out", root, "-q", *options)
    assert done.exit_code == 0
    return root / "other"


@cache  # for tests that look at different sides of one table
def shown(*folders, width, **options):
    return shown_now(*folders, width=width, **options)


def shown_now(*folders, width, **options):
    arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
    return initlab("show", *folders, "--format", "table", *arguments, COLUMNS=str(width)).stdout


def rows_of(text):
    """The lines of a table below its headings, by the two words that name a point."""
    table = text.partition("─\n")[2].splitlines()
    lines = [line.split() for line in table if re.match(r"(tanh|relu|identity|sigmoid) ", line)]
    return {tuple(words[:2]): words[2:] for words in lines if words[2] != "seed"}


def points(grid):
    """runs.csv by activation and initialiser."""
    found = {}
    for row in csv.DictReader(io.StringIO((grid / "runs.csv").read_text())):
        found.setdefault((row["activation"], row["init"]), []).append(row)
    return found


# widths -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", WIDTHS)
def test_a_point_is_a_line_at_every_width_and_no_line_is_longer(grid, width):
    text = shown(grid, width=width)
    assert max(map(len, text.splitlines())) <= width
    assert set(rows_of(text)) == set(points(grid))
    assert "forward" in text


def test_at_80_columns_a_line_has_the_numbers_of_the_csv(grid):
    found = rows_of(shown(grid, width=80))
    for point, runs in points(grid).items():
        std = sorted(float(run["std_last"]) for run in runs)[1]  # the median of three
        first = found[point][0]
        if std != std:
            assert first == "nan"
        else:
            assert float(first) == pytest.approx(std, rel=5e-3)  # three digits
        verdicts = {run["forward_verdict"] for run in runs}
        assert any(word in " ".join(found[point]) for word in verdicts)


def test_at_80_columns_shapes_tell_what_becomes_of_a_signal(grid):
    lines = shown(grid, width=80).splitlines()
    at = next(line.index("signal") for line in lines if " init " in line)
    found = {tuple(line.split()[:2]): line[at:].split()[0] for line in lines if "▄" in line[at:]}
    steady = found["tanh", "xavier_uniform"]
    assert set(steady) == {"▄"}
    others = [("relu", "lecun_normal"), ("identity", "xavier_uniform"), ("identity", "normal")]
    shapes = {found[point] for point in others}
    assert len(shapes | {steady}) == 4
    assert found["identity", "normal"].endswith("x")  # it overflows


def test_what_is_predicted_lies_in_its_bracket(grid):
    table = rows_of(shown(grid, width=200))
    for point, runs in points(grid).items():
        if not runs[0]["predicted_std_p50"]:
            continue
        low, middle, high = (float(runs[0][f"predicted_std_p{p}"]) for p in (10, 50, 90))
        assert low <= middle <= high
        text = " ".join(table[point])
        (value, mark) = re.search(r"(\S+) ([~!]) ", text).groups()
        assert float(value) == pytest.approx(middle, rel=5e-3)
        measured = sorted(float(run["std_last"]) for run in runs)[1]
        assert mark == ("~" if low <= measured <= high else "!")


@pytest.mark.parametrize("width", WIDTHS)
def test_the_legend_explains_the_columns_shown(grid, width):
    text = re.sub(r"\s+", " ", shown(grid, width=width))
    heading = next(line for line in shown(grid, width=width).splitlines() if " init " in line)
    for name in ("predicted", "ratio", "pred ratio", "signal", "grad", "band"):
        has = bool(re.search(rf"(?<!pred )\b{name}\b(?! ratio)", heading))
        assert (f" {name}: " in text) == has, name
    left_out = text.partition("Left out: ")[2]
    assert ("signal" in left_out) != (" signal: " in text)


@pytest.mark.parametrize("width", [40, 80, 200])
def test_without_unicode_a_table_is_ascii(grid, monkeypatch, width):
    monkeypatch.setattr("initlab.cli.results_output.unicode_stdout", lambda: False)
    monkeypatch.setattr("initlab.cli.output.unicode_stdout", lambda: False)
    assert shown_now(grid, width=width).isascii()
    assert shown_now(grid, width=width, layer="::10").isascii()


def test_off_a_terminal_a_table_is_uncut_unless_columns_says_otherwise(grid):
    text = initlab("show", grid, "--format", "table").stdout
    assert "Left out" not in text
    assert "ratio range" in text
    for wrong in ("", "x", "0", "-5"):
        assert initlab("show", grid, "--format", "table", COLUMNS=wrong).stdout == text


def test_wide_shows_everything_however_narrow(grid):
    text = initlab("show", grid, "--format", "table", "--wide", COLUMNS="60").stdout
    assert "Left out" not in text
    assert set(rows_of(text)) == set(points(grid))


# titles and comparisons ---------------------------------------------------------------------------


def test_a_title_says_what_was_overridden_later_too(other):
    for width in (80, 200):
        title = " ".join(shown(other, width=width).split("\n")[:3])
        assert title.startswith("other: with activation=silu, init=lecun_normal; as written: five")
    assert "as written" in (other / "spec.yaml").read_text()


@pytest.mark.parametrize("width", WIDTHS)
def test_several_folders_are_one_table_with_one_legend(grid, other, width):
    text = shown(grid, other, width=width)
    lines = text.splitlines()
    assert max(map(len, lines)) <= width
    assert lines[0] == "2 sweeps"
    assert sum(line.startswith("spec ") for line in lines) == 1
    assert len([line for line in lines if re.match(r" (tanh|relu|identity|sigmoid) ", line)]) == 20
    assert text.count("Medians over 3 seeds") == 1
    assert text.index("grid: five") < text.index("other: with")


def test_markdown_has_a_title_and_a_legend(grid):
    text = initlab("show", grid, "--format", "md").stdout
    assert text.startswith("**grid: five activations on five initialisers**\n")
    assert "ratio: grad_std at layer 0" in text
    assert len([line for line in text.splitlines() if line.startswith("| ")]) == 22


# columns ------------------------------------------------------------------------------------------


def test_columns_in_every_format(grid):
    names = "seed,std_last,init"
    text = initlab("show", grid, "--columns", names).stdout
    whole = list(csv.DictReader(io.StringIO((grid / "runs.csv").read_text())))
    assert list(csv.DictReader(io.StringIO(text))) == [
        {name: row[name] for name in names.split(",")} for row in whole
    ]
    lines = initlab("show", grid, "--columns", names, "--format", "jsonl").stdout.splitlines()
    assert [list(json.loads(line)) for line in lines] == [names.split(",")] * 60
    array = initlab("show", grid, "--columns", names, "--format", "json").stdout
    assert json.loads(array) == [json.loads(line) for line in lines]
    for format_ in ("table", "md"):
        shown_ = initlab("show", grid, "--columns", names, "--format", format_).stdout
        assert re.search(r"activation\W+seed\W+std last\W+init", shown_)
        assert "forward" not in shown_


@pytest.mark.parametrize("options", [[], ["--format", "table"], ["--layers"]])
def test_an_unknown_column_is_told_with_the_nearest_and_the_list(grid, options):
    done = initlab("show", grid, "--columns", "seedd", *options)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "did you mean seed?" in done.stderr
    assert "seed, " in done.stderr.partition("fix: ")[2]


@pytest.mark.parametrize(
    ("options", "message", "fix"),
    [
        (["--columns", "std", "--format", "table"], "of runs 'std'", "--layers --columns std"),
        (["--columns", "std"], "of runs 'std'", "--layers --columns std"),
        (["--layers", "--columns", "std_last"], "of layers 'std_last'", "--columns std_last, w"),
        (["--layer", "0", "--columns", "forward"], "of layers 'forward'", "--columns forward, w"),
        (["--columns", "forward"], "of runs.csv 'forward'", "--format table"),
    ],
)
def test_a_column_of_another_table_is_told_with_how_to_see_it(grid, options, message, fix):
    done = initlab("show", grid, *options)
    assert (done.exit_code, done.stdout) == (2, "")
    assert f"unknown column {message}" in done.stderr
    assert f"fix: {fix}" in done.stderr


@pytest.mark.parametrize("command", ["show", "sweep"])
def test_no_columns_are_not_all_columns(grid, tmp_path, command):
    (tmp_path / "s.yaml").write_text("depth: 2\nwidth: 4\nactivation: relu\ninit: he\n")
    done = initlab(command, grid if command == "show" else tmp_path / "s.yaml", "--columns", "")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "--columns '': names no column" in done.stderr


def test_columns_complete_the_last_name():
    assert "run,std_last" in column_names("run,std_l")
    assert {"forward", "forward_verdict"} <= set(column_names("forw"))
    assert "weight_grad_std" in column_names("weight")


# layers -------------------------------------------------------------------------------------------


def test_some_layers_in_every_format(grid):
    whole = list(csv.DictReader(io.StringIO((grid / "layers.csv").read_text())))
    text = initlab("show", grid, "--layer", "0,9,-1").stdout
    wanted = [row for row in whole if row["layer"] in ("0", "9", "39")]
    assert list(csv.DictReader(io.StringIO(text))) == wanted
    array = initlab("show", grid, "--layer", "::13", "--columns", "layer", "--format", "json")
    assert {row["layer"] for row in json.loads(array.stdout)} == {0, 13, 26, 39}


@pytest.mark.parametrize("width", WIDTHS)
def test_layers_as_a_table_fit_with_their_bars(grid, width):
    text = shown(grid, width=width, layer="0,9,39")
    assert max(map(len, text.splitlines())) <= width
    assert " layer " in text or " lay. " in text
    assert "█" in text or width == 40
    assert not re.search(r"\d\.\d{6}", text)


@pytest.mark.parametrize(("layer", "message"), [("500", "0 to 39"), ("x", "numbers or slices")])
def test_a_layer_that_is_none_is_told(grid, layer, message):
    done = initlab("show", grid, "--layer", layer)
    assert (done.exit_code, done.stdout) == (2, "")
    assert message in done.stderr


def test_without_options_a_pipe_gets_the_bytes_of_the_files(grid):
    assert initlab("show", grid).stdout == (grid / "runs.csv").read_text()
    assert initlab("show", grid, "--layers").stdout == (grid / "layers.csv").read_text()
    assert initlab("show", grid, "--layer", ":").stdout == (grid / "layers.csv").read_text()


def test_runs_that_are_not_there_are_told(grid, tmp_path):
    for name in ("runs.csv", "layers.csv"):
        (tmp_path / name).write_text((grid / name).read_text().partition("\n")[0] + "\n")
    done = initlab("show", tmp_path, "--format", "table")
    assert done.exit_code == 2
    assert "holds no run" in done.stderr


@pytest.mark.parametrize(
    "options",
    [
        ["--columns", "stdd_last"],
        ["--columns", "forward"],  # of the table, not of the CSV
        ["--layer", "2"],
        ["--layer", "x"],
        ["--layers", "--columns", "loss_value"],
    ],
)
def test_a_sweep_that_could_not_be_shown_is_not_run(tmp_path, options):
    spec = tmp_path / "s.yaml"
    spec.write_text("depth: 2\nwidth: 4\nactivation: relu\ninit: he\n")
    done = initlab("sweep", spec, "--out", tmp_path / "results", *options)
    assert done.exit_code == 2
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    "options",
    [
        ["--columns", "forward,spec.x", "--format", "table"],
        ["--columns", "forward,std_last,activation,run", "--format", "table"],
        ["--columns", "run,layer,std", "--layer", "-1"],
        ["--wide", "--layers", "--format", "md"],
    ],
)
def test_a_sweep_shows_what_is_asked(tmp_path, options):
    spec = tmp_path / "s.yaml"
    spec.write_text("depth: 2\nwidth: 4\nactivation: relu\ninit: he\n")
    done = initlab("sweep", spec, "--out", tmp_path / "results", "-q", *options)
    assert done.exit_code == (2 if "spec.x" in options[1] else 0)
