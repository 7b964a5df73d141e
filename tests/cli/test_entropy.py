"""`initlab entropy`, in the process and as one."""

import csv
import io
import json
import math
import subprocess
import sys

import numpy as np
import pytest
from typer.testing import CliRunner

from initlab.cli.app import build

EXAMPLE = ["--p", "0.9,0.05,0.05", "--q", "0.5,0.3,0.2"]


def run(*arguments, stdin=None):
    return CliRunner().invoke(build(), ["entropy", *arguments], input=stdin)


def values(done):
    """quantity (with its outcome) -> value, of CSV."""
    assert done.exit_code == 0, done.stderr
    rows = csv.DictReader(io.StringIO(done.stdout))
    return {row["quantity"] + row["outcome"]: float(row["value"]) for row in rows}


def test_every_quantity_of_an_example():
    found = values(run(*EXAMPLE))
    # to six decimals, from a course chapter; -log 0.9 = 0.105361
    assert found["H(P)"] == pytest.approx(0.394398, abs=5e-7)
    assert found["KL(P||Q)"] == pytest.approx(0.370105, abs=5e-7)
    assert found["H(P, Q)"] == pytest.approx(0.764503, abs=5e-7)
    assert found["KL(Q||P)"] == pytest.approx(0.520893, abs=5e-7)
    assert found["JS(P, Q)"] == pytest.approx(0.102597, abs=5e-7)
    assert found["-log p0"] == pytest.approx(0.105361, abs=5e-7)
    assert found["-log q2"] == pytest.approx(math.log(5))


def test_bits_are_nats_by_ln_2():
    nats = values(run(*EXAMPLE))
    bits = values(run(*EXAMPLE, "--unit", "bits"))
    for name, value in nats.items():
        assert bits[name.replace("log", "log2")] == pytest.approx(value / math.log(2), rel=1e-14)


def test_sources(tmp_path):
    expected = values(run("--p", "0.25,0.75"))
    (tmp_path / "p.csv").write_text("0.25,0.75\n")
    (tmp_path / "column.csv").write_text("\ufeff0.25\r\n0.75\r\n", encoding="utf-8")
    (tmp_path / "p.json").write_text("[0.25, 0.75]")
    for name in ("p.csv", "column.csv", "p.json"):
        assert values(run("--p", str(tmp_path / name))) == expected
    assert values(run("--p", "[0.25, 0.75]")) == expected
    assert values(run("--p", "-", stdin="0.25\n0.75\n")) == expected
    assert values(run("--p", "1,3", "--normalise")) == expected


def test_json_stays_valid_where_a_divergence_is_infinite():
    done = run("--p", "1,0", "--q", "0,1", "--format", "json")

    def refuse(word):
        raise AssertionError(word)

    rows = {r["quantity"]: r["value"] for r in json.loads(done.stdout, parse_constant=refuse)}
    assert rows["KL(P||Q)"] == "inf"
    assert rows["JS(P, Q)"] == pytest.approx(math.log(2))  # disjoint distributions
    assert "KL(P||Q) is infinite: outcome 0" in done.stderr
    assert "KL(Q||P) is infinite: outcome 1" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--p", "0.5,0.6"], "--p: 2 values sum to 1.1; probabilities sum to 1"),
        (
            ["--p", "1.5,-0.5"],
            "--p: negative or not finite: 1 of 2 values, the first -0.5 (index 1)",
        ),
        (["--p", "nan,1"], "--p: negative or not finite: 1 of 2 values, the first nan (index 0)"),
        (["--p", "[0.5, inf]"], "--p: is no list of numbers"),
        (["--p", "0,0", "--normalise"], "--p: sums to 0, which cannot be divided by"),
        (["--p", "[]"], "--p: holds no numbers"),
        (["--p", ""], "--p: holds no numbers"),
        (["--p", "[[0.5, 0.5]]"], "--p: is no list of numbers"),
        (["--p", '["a"]'], "--p: is no list of numbers"),
        (
            ["--p", "nowhere.csv"],
            "--p: 'nowhere.csv' is no list of numbers, and as a file: No such",
        ),
        (["--p", "0.5,0.5", "--q", "1"], "--q has 1 outcomes, --p has 2"),
        (["--p", "-", "--q", "-"], "cannot both come from standard input"),
    ],
)
def test_bad_input_is_refused(arguments, message):
    done = run(*arguments)
    assert done.exit_code == 2
    assert message in done.stderr
    assert done.stdout == ""


def test_a_binary_file_is_refused(tmp_path):
    np.save(tmp_path / "p.npy", [0.5, 0.5])
    done = run("--p", str(tmp_path / "p.npy"))
    assert done.exit_code == 2
    assert "p.npy" in done.stderr


def test_a_sum_of_typed_decimals_is_taken_and_said():
    done = run("--p", ".333,.333,.333")
    assert done.exit_code == 0
    assert "--p: sums to 0.999, taken as it is" in done.stderr


def test_as_a_process_piped_into_head():
    command = f"{sys.executable} -m initlab entropy --p 0.5,0.5 | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)  # noqa: S602
    assert done.stdout == "quantity,outcome,value,unit,formula\n"
    assert done.stderr == ""
