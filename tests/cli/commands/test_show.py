"""`initlab show`: the tables of earlier results, as sweep itself prints them."""

import csv
import io
import json
import re
import shutil

import pytest
from typer.testing import CliRunner

from initlab.cli.app import build

SPEC = """\
name: shown
about: two activations
depth: 3
width: 4
activation: [tanh, relu]
init: orthogonal
seeds: 2
"""


def initlab(*arguments):
    result = CliRunner().invoke(build(), [*map(str, arguments)])
    assert "Traceback" not in result.stderr, result.stderr
    return result


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """A folder of results, and what the sweep printed in every format."""
    root = tmp_path_factory.mktemp("show")
    spec = root / "shown.yaml"
    spec.write_text(SPEC)
    printed = {}
    for options in FORMATS:
        done = initlab("sweep", spec, "--out", root, *options)
        assert done.exit_code == 0
        printed[options] = done.stdout
    return root / "shown", printed


FORMATS = [
    ("--format", "csv"),
    ("--format", "json"),
    ("--format", "jsonl"),
    ("--format", "md"),
    ("--format", "table"),
    ("--layers",),
    ("--layers", "--format", "json"),
    (),
]


def timeless(text):
    """Output without the wall times."""
    if text.startswith("run,"):
        return [row | {"seconds": ""} for row in csv.DictReader(io.StringIO(text))]
    return re.sub(r'"seconds": [^,}]*', "", text)


@pytest.mark.parametrize("options", FORMATS, ids=" ".join)
def test_show_prints_what_sweep_printed(swept, options):
    folder, printed = swept
    done = initlab("show", folder, *options)
    assert done.exit_code == 0
    assert done.stderr == ""
    assert timeless(done.stdout) == timeless(printed[options])


def test_several_folders_are_one_table_of_data(swept, tmp_path):
    folder, _ = swept
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    rows = list(csv.DictReader(io.StringIO(initlab("show", folder, other).stdout)))
    assert [(row["spec"], row["run"]) for row in rows] == [
        (name, str(run)) for name in ("shown", "other") for run in range(4)
    ]
    layers = json.loads(initlab("show", folder, other, "--layers", "--format", "json").stdout)
    assert len(layers) == 24


def test_several_folders_are_one_table_with_their_titles_below(swept, tmp_path):
    folder, _ = swept
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    text = initlab("show", folder, other, "--format", "table").stdout
    assert text.index("shown: two activations") < text.index("other: two activations")


@pytest.mark.parametrize("command", [("show", "--format", "table"), ("plot",)])
def test_a_folder_that_is_named_twice_is_shown_once(swept, tmp_path, command):
    folder, _ = swept
    link = tmp_path / "link"
    link.symlink_to(folder)
    name, *options = command
    once = initlab(name, folder, *options)
    done = initlab(name, folder, folder, link, *options)
    assert done.stdout == once.stdout
    assert done.stderr.splitlines() == [
        f"{folder}: is the folder {folder}, and shown once",
        f"{link}: is the folder {folder}, and shown once",
    ]


@pytest.mark.parametrize("name", ["none", "file", "empty"])
def test_what_is_no_results_folder_is_refused(tmp_path, name):
    (tmp_path / "file").write_text("x")
    (tmp_path / "empty").mkdir()
    done = initlab("show", tmp_path / name)
    assert done.exit_code == 2
    assert str(tmp_path / name) in done.stderr
    assert "initlab sweep" in done.stderr
    assert done.stdout == ""


def test_one_bad_folder_among_several_prints_nothing(swept, tmp_path):
    done = initlab("show", swept[0], tmp_path / "none")
    assert done.exit_code == 2
    assert done.stdout == ""


@pytest.mark.parametrize(
    "options", [("--format", "csv"), ("--format", "json"), ("--format", "table")]
)
@pytest.mark.parametrize(
    "content",
    [b"", b"a,b\n1,2\n", b"\xff\xfe\x00", b"run,seed\n"],
    ids=["empty", "other", "bin", "cut"],
)
def test_results_that_something_else_has_written_are_no_bug(tmp_path, content, options):
    for name in ("runs.csv", "layers.csv"):
        (tmp_path / name).write_bytes(content)
    done = initlab("show", tmp_path, *options)
    assert done.exit_code in (0, 2)
    if done.exit_code:
        assert str(tmp_path) in done.stderr


def test_a_folder_is_named_by_its_path_however_that_is_written(swept, monkeypatch):
    monkeypatch.chdir(swept[0])
    title = initlab("show", ".", "--format", "table").stdout.splitlines()[0]
    assert title == "shown: two activations"


@pytest.mark.parametrize(
    ("about", "shown"),
    [
        ("2001-99-99", "shown: 2001-99-99"),  # a date to YAML 1.1, and none
        ("2001-01-01", "shown: 2001-01-01"),
        ("[1, 2]", "shown: [1, 2]"),
        ("!!binary aGk=", "shown"),
        ("{", "shown"),
        ("\\xff", "shown"),
        ("&a [*a]", "shown"),
        ("~", "shown"),
        ("9" * 500, "shown: inf"),
    ],
)
def test_whatever_an_edited_spec_says_of_itself_is_no_bug(swept, tmp_path, about, shown):
    copy = tmp_path / "shown"
    shutil.copytree(swept[0], copy)
    text = (copy / "spec.yaml").read_bytes().split(b"\nabout:")[0]
    raw = about.encode("latin-1") if about != "\\xff" else b"\xff"
    (copy / "spec.yaml").write_bytes(text + b"\nabout: " + raw + b"\n")
    done = initlab("show", copy, "--format", "table")
    assert done.exit_code == 0
    assert done.stdout.splitlines()[0].strip() == shown


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("runs.csv", lambda text: re.sub(rb",0\.[0-9]{9,}", b",xyz", text, count=1)),
        ("runs.csv", lambda text: text + b"\xff\xfe,1\n"),
        ("layers.csv", lambda text: text + b'"aaa'),
    ],
)
def test_a_table_that_was_damaged_is_told_with_what_mends_it(swept, tmp_path, name, damage):
    copy = tmp_path / "shown"
    shutil.copytree(swept[0], copy)
    (copy / name).write_bytes(damage((copy / name).read_bytes()))
    done = initlab("show", copy, "--format", "table")
    assert done.exit_code == 2
    assert f"{copy / name}: is not as it was published" in done.stderr
    assert f"fix: initlab export {copy}" in done.stderr
    assert initlab("export", copy).exit_code == 0
    assert initlab("show", copy, "--format", "table").exit_code == 0


# columns that specs ask for ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A folder in which half of the runs record neurons."""
    root = tmp_path_factory.mktemp("recorded")
    (root / "more.yaml").write_text(
        SPEC.replace("shown", "more") + "record: [both, {neurons: true}]\n"
    )
    done = initlab("sweep", root / "more.yaml", "--out", root, "--columns", "run,std_last")
    assert done.exit_code == 0, done.stderr
    return root / "more"


def test_recorded_columns_are_shown_as_data_and_as_a_table(recorded, swept):
    done = initlab("show", recorded, "--layers", "--columns", "run,layer,neuron_std")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [row["neuron_std"] == "" for row in rows] == 2 * (6 * [True] + 6 * [False])
    table = initlab(
        "show", recorded, swept[0], "--layers", "--columns", "neuron_std,std", "--format", "table"
    )
    assert table.exit_code == 0, table.stderr
    assert "-: not measured" in table.stdout


@pytest.mark.parametrize("format_", ["csv", "json", "table"])
@pytest.mark.parametrize("option", [("--layers",), ("--layer", "0")])
def test_a_folder_that_has_not_recorded_a_column_says_so(swept, recorded, format_, option):
    for folder, column, group in (
        (swept[0], "neuron_std", "neurons"),
        (recorded, "q50", "quantiles"),
        (recorded, "grad_norm", "gradients"),
    ):
        done = initlab("show", folder, *option, "--columns", column, "--format", format_)
        assert done.exit_code == 2
        assert f"column '{column}': no run here has it" in done.stderr
        assert f"record: {{{group}: true}} measures it" in done.stderr


def test_a_sweep_refuses_such_columns_before_it_runs(tmp_path):
    (tmp_path / "s.yaml").write_text(SPEC)
    done = initlab("sweep", tmp_path / "s.yaml", "--out", tmp_path, "--layers", "--columns", "q01")
    assert done.exit_code == 2
    assert "record: {quantiles: true} measures it" in done.stderr
    assert not (tmp_path / "shown").exists()
