"""`initlab loss` as its users run it: formats, files, streams, exit codes."""

import csv
import io
import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from initlab.catalog import LOSSES
from initlab.cli.app import build

BCE = ["--name", "bce", "--inputs", "[0.2, 0.8]", "--target", "[0, 1]"]
LN = 0.22314355131420976  # -ln 0.8, the loss of both values
COMMAND = [sys.executable, "-m", "initlab", "loss"]


def run(*arguments, stdin=None):
    return CliRunner().invoke(build(), ["loss", *map(str, arguments)], input=stdin)


def process(*arguments, stdin=b"", **options):
    return subprocess.run(
        [*COMMAND, *arguments], input=stdin, capture_output=True, check=False, timeout=60, **options
    )


def parsed(text):
    """Strict JSON: no NaN, no Infinity."""

    def refuse(word):
        raise AssertionError(word)

    return json.loads(text, parse_constant=refuse)


# formats ------------------------------------------------------------------------------------------


def test_json_has_every_key():
    done = run(*BCE, "--format", "json", "--grad")
    assert done.exit_code == 0
    result = parsed(done.stdout)
    assert result["loss"] == "bce"
    assert result["reduction"] == "mean"
    assert result["value"] == pytest.approx(LN, rel=1e-6)
    assert result["float64"] == pytest.approx(LN, rel=1e-7)  # of 0.2 and 0.8 in float32
    assert result["operands"]["target"] == {"shape": [2], "dtype": "float32"}
    assert result["denominator"] == 2
    # (x - t) / (x (1 - x)) / 2 = 0.2 / 0.16 / 2
    assert result["gradient"]["input"] == pytest.approx([0.625, -0.625], rel=1e-6)
    assert result["findings"] == []
    assert result["torch"].startswith("import torch\n")


def test_all_reductions_as_csv_have_a_row_for_every_value():
    done = run("-n", "ce", "-i", "[[1,2],[1,3],[1,3]]", "-t", "[0,1,1]", "-o", "weight=[1,2]",
               "-r", "all")  # fmt: skip
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    found = [(r["reduction"], r["index"], round(float(r["value"]), 4)) for r in rows]
    # a worked example of a course chapter
    assert found == [
        ("none", "0", 1.3133),
        ("none", "1", 0.2539),
        ("none", "2", 0.2539),
        ("sum", "", 1.821),
        ("mean", "", 0.3642),
    ]


def test_numbers_that_are_not_finite_are_words():
    done = run("-n", "soft_margin", "-i", "[-100]", "-t", "[1]", "--format", "jsonl")
    result = parsed(done.stdout)
    assert result["value"] == "inf"  # e^100 in float32
    assert result["float64"] == pytest.approx(100)
    assert result["findings"][0]["rule"] == "overflow"
    assert "warning[overflow]" in done.stderr


def test_table_and_markdown_say_what_the_mean_divides_by():
    done = run("-n", "ce", "-i", "[[1,2],[1,3]]", "-t", "[0,1]", "-o", "weight=[1,2]",
               "--format", "table")  # fmt: skip
    assert "divided by the weights of the targets, 1 + 2" in done.stdout
    assert run(*BCE, "--format", "md").stdout.startswith("| reduction |")


def test_explain_in_text_and_in_json():
    done = run(*BCE, "--explain")
    assert done.stdout.startswith("CONTRACT\n")
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert parsed(run(*BCE, "--explain", "--format", "json").stdout)["explain"] == done.stdout
    many = json.dumps([[0.1] * 10])
    full = run("-n", "mse", "-i", many, "-t", many, "--explain", "full").stdout
    assert "[0, 9]" in full
    assert "more" not in full


# operands -----------------------------------------------------------------------------------------


def test_operands_from_every_kind_of_file(tmp_path):
    x, t = np.array([[1.0, 2.0], [1.0, 3.0]]), np.array([0, 1])
    np.save(tmp_path / "x.npy", x)
    np.savez(tmp_path / "xt.npz", input=x, targets=t)
    torch.save({"input": torch.tensor(x), "target": torch.tensor(t)}, tmp_path / "xt.pt")
    np.savetxt(tmp_path / "x.csv", x, delimiter=",")
    (tmp_path / "xt.json").write_text(json.dumps({"inputs": x.tolist(), "target": t.tolist()}))
    (tmp_path / "t.csv").write_text("0\n1\n")
    pairs = [
        ("x.npy", "t.csv"), ("xt.npz", "xt.npz"), ("xt.pt", "xt.pt"), ("x.csv", "xt.json"),
        ("xt.json", "t.csv"),
    ]  # fmt: skip
    for first, second in pairs:
        done = run("-n", "ce", "-i", tmp_path / first, "-t", tmp_path / second, "--dtype",
                   "float64", "--format", "json")  # fmt: skip
        assert done.exit_code == 0, done.stderr
        expected = torch.nn.functional.cross_entropy(torch.tensor(x), torch.tensor(t))
        assert parsed(done.stdout)["value"] == float(expected)


def test_every_name_of_an_operand_is_an_option():
    options = {name for loss in LOSSES.values() for name in loss.names}
    text = run("--help").stdout
    assert run("-n", "mse", "--input", "1", "--targets", "2").exit_code == 0
    for name in options - {"input", "targets"}:  # these two are hidden: others say the same
        assert f"--{name.replace('_', '-')}" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["bce"], "which loss? --name says it\n  fix: initlab loss --name bce"),
        (["-n", "bse"], "unknown loss 'bse'; did you mean"),
        (["-n", "bce"], "no operands: BCELoss needs --input and --target"),
        (["-n", "bce", "-t", "1"], "BCELoss needs input (...), too"),
        (["-n", "bce", "-i", "1", "--anchor", "1"], "--anchor: BCELoss takes no such operand"),
        (["-n", "bce", "-i", "", "-t", "1"], "--inputs: is empty"),
        (["-n", "bce", "-i", "none.npy", "-t", "1"], "--inputs: 'none.npy' is no list of numbers"),
        (["-n", "bce", "-i", "[1", "-t", "1"], "--inputs: is no JSON"),
        (["-n", "bce", "-i", "-", "-t", "-"], "only one thing can come from standard input"),
        (["-n", "bce", "-i", "1", "-t", "1", "-o", "x=1"], "error[option-range] --option x"),
        (["-n", "bce", "-i", "1", "-t", "1", "-o", "x"], "--option x: needs a value"),
        (["-n", "bce", "-i", "1", "-t", "1", "-r", "avg"], "error[option-range] --reduction"),
        (["-n", "bce", "-i", "1", "-t", "1", "--allow", "x"], "unknown rule 'x'"),
        (["-n", "bce", "-i", "1", "-t", "1", "--target-map", "{0}"], "--target-map: '0'"),
        (["-n", "bce", "-i", "1", "--jsonl", "-"], "--inputs: --jsonl reads every operand"),
        (["-n", "bce", "--jsonl", "-", "--explain"], "--jsonl writes JSONL"),
        (["-n", "bce", "-i", "1", "-t", "1", "-e", "--format", "csv"], "--explain is text"),
        (["-n", "bce", "-i", "1", "-t", "1", "more"], "unexpected argument 'more'"),
        (["-n", "bce", "-i", "1.2", "-t", "1"], "error[prob-range] --inputs: 1 of 1 value is 1.2"),
    ],
)
def test_bad_input_ends_with_2_and_says_why(arguments, message):
    done = run(*arguments, stdin="")
    assert done.exit_code == 2
    assert message in done.stderr
    assert done.stdout == ""


def test_strict_refuses_what_is_only_a_warning():
    probable = ["-n", "ce", "-i", "[[0.1,0.9],[0.8,0.2]]", "-t", "[1,0]"]
    assert "warning[double-softmax] --inputs" in run(*probable).stderr
    done = run(*probable, "--strict")
    assert done.exit_code == 2
    assert "error[double-softmax]" in done.stderr


# streams ------------------------------------------------------------------------------------------

LINES = [
    b'{"input": [0.2, 0.8], "target": [0, 1]}',
    b"",
    b'{"input": [0.2], "target": [2]}',
    b'{"inputs": [0.5], "targets": [1], "options": {"weight": [2]}}',
    b"[1, 2]",
    b'{"input": ',
    b"\xff\xfe",
    b'{"input": [0.5], "target": [1], "options": {"weight": "-"}}',
    b'{"input": [0.5], "target": [1], "options": 3}',
    b'{"input": [0.5], "wrong": [1]}',
    b'{"input": [0.5], "target": [1]}',
]


def test_a_stream_computes_the_good_lines_and_names_the_bad(tmp_path):
    (tmp_path / "lines.jsonl").write_bytes(b"\n".join(LINES))
    done = run("-n", "bce", "--jsonl", tmp_path / "lines.jsonl")
    results = {r["line"]: r for r in map(parsed, done.stdout.splitlines())}
    assert list(results) == [1, 3, 4, 5, 6, 7, 8, 9, 10, 11]
    good = {n for n, r in results.items() if "value" in r}
    assert good == {1, 4, 11}
    assert results[1]["value"] == pytest.approx(LN, rel=1e-6)
    assert results[4]["value"] == pytest.approx(2 * np.log(2), rel=1e-6)  # weight 2 times ln 2
    assert results[3]["findings"][0]["rule"] == "target-range"
    assert results[3]["findings"][0]["operand"] == "target"
    assert all(results[n]["error"] for n in set(results) - good)
    assert done.exit_code == 1
    assert "7 of 10 records could not be computed, the first is line 3" in done.stderr


def test_a_stream_of_good_lines_ends_with_0():
    done = run("-n", "bce", "--jsonl", "-", stdin=(LINES[0] + b"\n") * 3)
    assert done.exit_code == 0
    assert len(done.stdout.splitlines()) == 3
    assert done.stderr == ""


MEMORY = """
import resource, sys
from initlab.cli.app import build
try:
    build()(["loss", "-n", "bce", "--jsonl", "-"])
except SystemExit as end:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
    raise
"""


def test_a_stream_takes_constant_memory():
    def peak(records):
        stdin = (LINES[0] + b"\n") * records
        done = subprocess.run(
            [sys.executable, "-c", MEMORY], input=stdin, capture_output=True, check=True
        )
        assert done.stdout.count(b"\n") == records
        return int(done.stderr)

    # results of 8,000 records hold some 4 MB as text; what is kept would show
    assert peak(9000) - peak(1000) < 3000  # KiB


# processes ----------------------------------------------------------------------------------------


def test_a_process_reads_a_pipe_and_ends_with_the_pipe():
    done = process("-n", "mse", "-i", "-", "-t", "[1, 2]", stdin=b"[1, 4]")
    assert done.returncode == 0
    assert done.stdout.splitlines()[1] == b"mse,mean,loss,,2.0,2.0"  # (0 + 4) / 2
    command = " ".join(COMMAND) + " -n mse -i '[1,2]' -t '[1,2]' -r none | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, check=False)  # noqa: S602
    assert done.stdout == b"loss,reduction,quantity,index,value,float64\n"
    assert done.stderr == b""


def test_labels_that_would_corrupt_memory_never_reach_torch():
    for labels in ("[[1, 9]]", "[[-7, 1]]"):
        done = process(
            "-n", "ctc", "-i", "[[[0]],[[0]],[[0]]]".replace("0", "0,0,0"), "--from", "logits",
            "-t", labels, "--input-lengths", "3", "--target-lengths", "2", "--grad",
        )  # fmt: skip
        assert done.returncode == 2
        assert b"error[ctc-label] --target: sample 0: 1 of 2 labels is" in done.stderr


def test_a_full_disk_and_a_locale_without_unicode():
    with open("/dev/full", "wb") as full:  # noqa: PTH123
        done = subprocess.run([*COMMAND, *BCE], stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 74
    done = process(*BCE, "--explain", env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"})
    assert done.returncode == 0
    assert done.stdout.isascii()
