"""`initlab loss`, in the process and as one: what goes in, what comes out, how it ends."""

import csv
import io
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import processes
import pytest
import torch
from typer.testing import CliRunner

import initlab.losslab.stream
from initlab.catalog import LOSSES
from initlab.cli.app import build
from initlab.losslab.result import CSV_HEADER

BCE = ["-n", "bce", "-i", "[0.2, 0.8]", "-t", "[0, 1]"]
VALUE = 0.2231436  # -ln 0.8, of both
WARNED = ["-n", "bce", "-i", "[0, 0.5]", "-t", "[1, 0]"]  # p = 0 for y = 1
REFUSED = ["-n", "hinge_embedding", "-i", "[0.3, 1]", "-t", "[1, 0]"]
SIGN = "error[target-sign] --target: 1 of 2 values is 0 (index 1), neither +1 nor -1;"
CE = ["-n", "ce", "-i", "[[1,2],[1,3],[1,3]]", "-t", "[0,1,1]"]


def run(*arguments, stdin=None):
    return CliRunner().invoke(build(), ["loss", *map(str, arguments)], input=stdin)


def bash(script, **options):
    """A line of shell in which $initlab is the command."""
    return subprocess.run(
        ["bash", "-c", script.replace("initlab", f"{sys.executable} -m initlab")],
        **{"capture_output": True, "text": True, "timeout": 120, "check": False, **options},
    )


def refuse(word):
    raise AssertionError(f"{word} is no JSON")


def strict(text):
    return json.loads(text, parse_constant=refuse)


def data(*arguments, stdin=None):
    """What JSON comes out."""
    done = run(*arguments, "--format", "json", stdin=stdin)
    assert done.exit_code == 0, done.stderr
    return strict(done.stdout)


def said(*arguments, stdin=None):
    """What is said of a command that ends in 2."""
    done = run(*arguments, stdin=stdin)
    assert done.exit_code == 2, done.output
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    return done.stderr


# what comes out ----------------------------------------------------------------------------------

KEYS = ["loss", "reduction", "value", "float64", "operands", "denominator", "gradient", "findings",
        "torch"]  # fmt: skip


def test_json_has_every_key():
    found = data(*BCE)
    assert list(found) == KEYS
    assert found["loss"] == "bce"
    assert found["value"] == pytest.approx(VALUE)
    assert found["float64"] == pytest.approx(-math.log(0.8), rel=1e-7)
    assert found["operands"]["input"] == {"shape": [2], "dtype": "float32"}
    assert (found["denominator"], found["gradient"], found["findings"]) == (2, None, [])


def test_jsonl_is_json_in_one_line():
    done = run(*BCE, "--format", "jsonl")
    assert done.stdout.count("\n") == 1
    assert strict(done.stdout) == data(*BCE)


@pytest.mark.parametrize("loss", LOSSES)
def test_reductions_in_json(loss):
    operands = {
        "ctc": ["--log-probs", "[[[-0.6931471805599453, -0.6931471805599453]]]", "-t", "[[1]]",
                "--input-lengths", "1", "--target-lengths", "1"],
        "linear_cross_entropy": ["-i", "[[1,2]]", "--linear-weight", "[[1,0],[0,1]]", "-t", "[0]"],
        "cross_entropy": ["-i", "[[1,2]]", "-t", "[0]"],
        "nll": ["-i", "[[-0.6931471805599453, -0.6931471805599453]]", "-t", "[0]"],
        "kl_div": ["-i", "[[-0.6931471805599453, -0.6931471805599453]]", "-t", "[[0.25, 0.75]]"],
        "multi_margin": ["-i", "[[1,2]]", "-t", "[0]"],
        "multilabel_margin": ["-i", "[[1,2]]", "-t", "[[0,-1]]"],
        "gaussian_nll": ["-i", "[1,2]", "-t", "[1,1]", "--var", "1"],
        "margin_ranking": ["--input1", "[1,2]", "--input2", "[1,1]", "-t", "[1,-1]"],
        "cosine_embedding": ["--input1", "[[1,2]]", "--input2", "[[1,1]]", "-t", "[-1]"],
        **dict.fromkeys(("triplet_margin", "triplet_margin_with_distance"),
                        ("--anchor", "[[1,2]]", "--positive", "[[1,1]]", "--negative", "[[0,0]]")),
    }.get(loss, ["-i", "[0.5, 0.25]", "-t", "[1, 1]"])  # fmt: skip
    plan_work = data("-n", loss, *operands, "-r", "all", "--grad")
    assert set(plan_work["value"]) == set(LOSSES[loss].reductions)
    for reduction in LOSSES[loss].reductions:
        alone = data("-n", loss, *operands, "-r", reduction, "--grad")
        assert alone["value"] == plan_work["value"][reduction]
        assert alone["denominator"] == plan_work["denominator"][reduction]
    for name, gradient in plan_work["gradient"].items():
        assert np.shape(gradient) == tuple(plan_work["operands"][name]["shape"])


def test_csv_has_a_row_for_every_value_and_every_slope():
    done = run(*CE, "-r", "all", "--grad", "--format", "csv")
    rows = list(csv.reader(io.StringIO(done.stdout)))
    assert tuple(rows[0]) == CSV_HEADER
    found = data(*CE, "-r", "all", "--grad")
    by = {tuple(row[1:4]): row[4:] for row in rows[1:]}
    assert len(by) == len(rows) - 1 == 3 + 1 + 1 + 6
    assert float(by["mean", "loss", ""][0]) == pytest.approx(found["value"]["mean"])
    assert float(by["none", "loss", "2"][1]) == pytest.approx(found["float64"]["none"][2])
    assert by["mean", "gradient input", "2 1"][1] == ""
    assert float(by["mean", "gradient input", "2 1"][0]) == pytest.approx(
        found["gradient"]["input"][2][1]
    )


def test_a_pipe_gets_csv():
    assert run(*BCE).stdout == run(*BCE, "--format", "csv").stdout
    assert run(*BCE).stdout.startswith("loss,reduction,quantity,index,value,float64,denominator\n")


@pytest.mark.parametrize("format_", ["table", "md"])
def test_a_table_for_people_says_what_the_mean_divides_by(format_):
    done = run(*CE, "-o", "weight=[1,2]", "-r", "all", "--format", format_)
    assert "0.364" in done.stdout
    assert "divided by the weights of the targets, 1 + 2 + 2" in done.stdout
    assert "\x1b" not in done.stdout
    assert "gradient" not in done.stdout
    assert ("|" in done.stdout) == (format_ == "md")


@pytest.mark.parametrize("format_", ["table", "md"])
def test_a_table_of_many_values_is_cut_with_a_word_but_not_its_csv(format_, tmp_path):
    np.save(tmp_path / "x.npy", np.zeros(1500, dtype="float32"))
    command = ["-n", "mse", "-i", tmp_path / "x.npy", "-t", tmp_path / "x.npy", "-r", "none"]
    done = run(*command, "--format", format_)
    assert "the first 1000 rows; --format csv has them all" in done.output
    assert len(run(*command).stdout.splitlines()) == 1501


def test_numbers_that_are_not_finite_are_words_in_json():
    found = data("-n", "soft_margin", "-i", "[-89, 1]", "-t", "[1, 1]", "-r", "all", "--grad")
    assert found["value"]["mean"] == "inf"
    assert found["value"]["none"][0] == "inf"
    assert found["gradient"]["input"][0] == "nan"
    assert found["float64"]["none"][0] == 89


def test_findings_stand_on_stderr_and_in_json():
    done = run(*WARNED, "--format", "json")
    assert done.exit_code == 0
    assert done.stderr.startswith("warning[saturated] --inputs: 1 of 2 values is 0 (index 0)")
    found = strict(done.stdout)["findings"]
    assert len(found) == len(done.stderr.splitlines())
    assert list(found[0]) == ["rule", "level", "operand", "message", "fix", "torch"]
    assert found[0]["rule"] == "saturated"


@pytest.mark.parametrize("name", ["-i", "--inputs", "--input"])
def test_an_operand_is_named_as_it_was_typed(name):
    long = {"-i": "--inputs"}.get(name, name)
    assert f"error[prob-range] {long}: 1 of 1 value is 2" in said(
        "-n", "bce", name, "[2]", "-t", "[1]"
    )


def test_the_torch_lines_reproduce_the_value():
    found = data(*CE, "-o", "weight=[1,2]", "-o", "label_smoothing=0.1")
    printed = io.StringIO()
    exec(found["torch"], {"print": lambda x: printed.write(str(float(x)))})  # noqa: S102
    assert float(printed.getvalue()) == pytest.approx(found["value"])


# how it is explained -----------------------------------------------------------------------------

BLOCKS = ["CONTRACT", "FORMULA", "VALUES", "REDUCTION", "GRADIENT", "VERDICTS", "TORCH"]


def headings(text):
    return [line for line in text.splitlines() if line in BLOCKS]


def test_explain_shows_its_blocks():
    done = run(*CE, "--explain")
    assert done.exit_code == 0
    assert headings(done.stdout) == [b for b in BLOCKS if b in done.stdout]
    assert set(headings(done.stdout)) >= set(BLOCKS) - {"VERDICTS"}
    assert "torch and differences agree" in done.stdout


def test_explain_full_shows_every_value(tmp_path):
    np.save(tmp_path / "x.npy", np.arange(40, dtype="float32"))
    np.save(tmp_path / "t.npy", np.zeros(40, dtype="float32"))
    command = ["-n", "l1", "-i", tmp_path / "x.npy", "-t", tmp_path / "t.npy", "--explain"]
    assert "... and 32 more; shown are the first 5 and the worst 3" in run(*command).stdout
    full = run(*command, "full").stdout
    assert "more" not in full
    assert "  [39]" in full
    assert len(run(*command).stdout.splitlines()) < 50


@pytest.mark.parametrize("more", [[], ["full"]])
def test_explain_in_json(more):
    found = data(*CE, "--explain", *more)
    assert list(found) == [*KEYS, "explain"]
    assert headings(found["explain"])[0] == "CONTRACT"
    assert found["gradient"]


def test_explain_as_markdown_of_several_losses():
    flat = ("-n", "l1", "-n", "mse", "-i", "[1,2]", "-t", "[0,0]")
    text = run(*flat, "--explain", "--format", "md").stdout
    headings = [line for line in text.splitlines() if line.startswith("## ")]
    assert headings == ["## l1", "## mse"]
    assert text.count("\n### Torch\n\n```python\n") == 2


def test_explain_is_no_csv():
    assert "--explain is text" in said(*CE, "--explain", "--format", "csv")


# what is refused ---------------------------------------------------------------------------------


def test_the_readmes_mistake():
    assert said(*REFUSED) == (
        f"{SIGN} HingeEmbeddingLoss needs +1/-1. torch: no error, returns 0.65."
        " fix: --target-map '{0: -1}'\n"
    )


@pytest.mark.parametrize("format_", ["json", "csv", "table"])
def test_a_refusal_writes_no_data(format_):
    assert said(*REFUSED, "--format", format_).startswith("error[target-sign]")


def test_every_problem_comes_at_once():
    lines = said("-n", "bce", "-i", "[1.2, 0.5]", "-t", "[2, 0]").splitlines()
    assert [line.partition("]")[0] for line in lines] == ["error[prob-range", "error[target-range"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-i", "1", "-t", "1"], "which loss? --name says it"),
        (["bce", "-i", "1", "-t", "1"], "fix: initlab loss --name bce ..."),
        ([], "which loss?"),
        (["-n", "bec", "-i", "1", "-t", "1"], "unknown loss 'bec'; did you mean bce"),
        (["-n", "", "-i", "1"], "which loss?"),
        (["-n", "huber"], "no operands: HuberLoss needs --input and --target"),
        (["-n", "huber", "-i", "1"], "HuberLoss needs --target"),
        (["-n", "huber", "-i", "1", "--input", "2", "-t", "1"], "both name the operand input"),
        (["-n", "huber", "-i", "1", "-t", "1", "--var", "1"], "--var: HuberLoss takes no such"),
        (["-n", "huber", "-i", "1", "-t", "1", "-o", "delt=1"], "did you mean delta?"),
        (["-n", "huber", "-i", "1", "-t", "1", "-o", "delta"], "--option delta: needs a value"),
        (["-n", "huber", "-i", "1", "-t", "1", "-o", "delta=1", "-o", "delta=2"], "given twice"),
        (["-n", "huber", "-i", "1", "-t", "1", "-r", "avg"], "needs one of none, sum, mean or all"),
        (["-n", "huber", "-i", "1", "-t", "1", "-r", "batchmean"], "needs one of none, sum, mean"),
        (["-n", "huber", "-i", "1", "-t", "1", "--allow", "nope"], "unknown rule 'nope'"),
        (["-n", "huber", "-i", "1", "-t", "1", "--allow", "torch"], "unknown rule 'torch'"),
        (["-n", "huber", "-i", "1", "-t", "1", "more"], "unexpected argument 'more'"),
        (["-n", "huber", "-i", "1", "-t", "1", "full"], "unexpected argument 'full'"),
        (["-n", "huber", "-i", "-", "-t", "-"], "from standard input"),
        (["-n", "huber", "-i", "-", "-t", " - "], "from standard input"),
        (["-n", "huber", "-i", "1", "--jsonl", "-"], "--jsonl reads every operand"),
        (["-n", "huber", "--jsonl", "-", "--explain"], "--jsonl writes JSONL"),
        (["-n", "huber", "--jsonl", "-", "--format", "csv"], "--jsonl writes JSONL"),
        (["-n", "huber", "--jsonl", "none.jsonl"], "none.jsonl: No such file"),
        (["-n", "huber", "--jsonl", "."], ".: Is a directory"),
        (["-n", "huber", "-i", "none.npy", "-t", "1"], "--inputs: 'none.npy' is no list"),
        (["-n", "huber", "-i", "[1, [2]]", "-t", "1"], "--inputs: entry 1 has shape (1)"),
        (["-n", "huber", "-i", "", "-t", "1"], "--inputs: is empty"),
        (["-n", "huber", "-i", "1", "-t", "1", "--dtype", "int8"], "--dtype"),
        (["-n", "huber", "-i", "1", "-t", "1", "--from", "odds"], "--from"),
        (["-n", "huber", "-i", "1", "-t", "1", "--format", "xml"], "--format"),
        (["-n", "huber", "-i", "1", "-t", "1", "--nope"], "--nope"),
        (["-n", "mse", "-i", "1", "-t", "1", "-o", "weight=none.npy"], "--weight"),
        (["-n", "mse", "-i", "1", "-t", "1", "-o", "weight="], "--weight"),
        (["-n", "mse", "-i", "-", "-t", "1", "-o", "weight=-"], "from standard input"),
    ],
)
def test_what_is_typed_wrong_ends_in_2(arguments, words):
    assert words in " ".join(said(*arguments, stdin="").split())


def test_case_and_hyphens_of_a_loss_do_not_matter():
    for name in ("BCE", "BCELoss", "Binary-Cross-Entropy"):
        assert data("-n", name, *BCE[2:])["loss"] == "bce"


def test_hyphens_of_a_rule_do_not_matter():
    for rule in ("target-sign", "target_sign"):
        done = run(*REFUSED, "--allow", rule)
        assert done.exit_code == 0
        assert done.stderr.startswith("warning[target-sign]")


def test_broadcasting_can_be_allowed():
    shapes = ["-n", "mse", "-i", "[[1],[2],[3]]", "-t", "[1,2,3]"]
    assert "error[shape-broadcast]" in said(*shapes)
    for switch in (["--allow-broadcast"], ["--allow", "shape-broadcast"]):
        assert data(*shapes, *switch)["value"] == pytest.approx(4 / 3)  # (4 * 1 + 2 * 4) / 9


def test_a_smaller_operand_that_broadcasts_is_described_without_a_bug():
    done = run("-n", "poisson_nll", "-i", "255", "-t", "[[2], [3]]", "--allow-broadcast")
    assert done.exit_code == 0, done.stderr
    assert "warning[rate]" in done.stderr


def test_a_target_of_one_for_a_single_sample_can_be_written_as_rows():
    command = ["-n", "multi_margin", "-i", "[1, 2, 3]", "-t", "[0]", "-r", "none"]
    for format_ in ("csv", "table", "json"):
        done = run(*command, "--format", format_)
        assert done.exit_code == 0, done.stderr


def test_strict():
    assert run(*WARNED).exit_code == 0
    assert "error[saturated] --inputs" in said(*WARNED, "--strict")
    assert run(*BCE, "--strict").exit_code == 0


# where operands come from ------------------------------------------------------------------------


def test_files_of_every_kind(tmp_path):
    x, t = np.array([0.2, 0.8]), np.array([0.0, 1.0])
    np.save(tmp_path / "x.npy", x)
    np.savez(tmp_path / "both.npz", input=x, target=t)
    torch.save({"input": torch.tensor(x), "target": torch.tensor(t)}, tmp_path / "both.pt")
    (tmp_path / "t.csv").write_text("0\n1\n")
    (tmp_path / "both.json").write_text('{"inputs": [0.2, 0.8], "targets": [0, 1]}')
    for one, other in (
        ("x.npy", "t.csv"), ("both.npz", "both.npz"), ("both.pt", "both.pt"),
        ("both.json", "both.json"),
    ):  # fmt: skip
        found = data("-n", "bce", "-i", tmp_path / one, "-t", tmp_path / other)
        assert found["value"] == pytest.approx(VALUE)
        wide = one in ("x.npy", "both.npz", "both.pt")
        assert found["operands"]["input"]["dtype"] == ("float64" if wide else "float32")


@pytest.mark.parametrize("weight", ["[1, 2]", "1,2", "w.npy", "w.json", "-"])
def test_weights_from_anywhere(weight, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("w.npy", np.array([1, 2]))
    (tmp_path / "w.json").write_text('{"weight": [1, 2], "more": [3]}')
    found = data(*CE, "-o", f"weight={weight}", stdin="[1, 2]")
    assert found["value"] == pytest.approx(0.3642, abs=5e-5)


def test_an_operand_from_standard_input():
    assert data("-n", "bce", "-i", "-", "-t", "[0, 1]", stdin="[0.2, 0.8]")["value"] == (
        pytest.approx(VALUE)
    )
    assert "--target: is empty" in said("-n", "bce", "-i", "[0.2]", "-t", "-", stdin="")


# streams -----------------------------------------------------------------------------------------

GOOD = '{"input": [0.2, 0.8], "target": [0, 1]}'


def stream(text, *arguments, loss="bce"):
    """Exit code, records, and what stands on stderr."""
    done = run("-n", loss, "--jsonl", "-", *arguments, stdin=text)
    assert "Traceback" not in done.stderr
    return done.exit_code, [strict(line) for line in done.stdout.splitlines()], done.stderr


def test_a_result_for_every_line():
    code, records, words = stream(f"{GOOD}\n{GOOD}\n")
    assert (code, words) == (0, "")
    alone = data(*BCE)
    for number, record in enumerate(records, 1):
        assert record.pop("line") == number
        assert record["value"] == alone["value"]
        assert list(record) == KEYS


BAD = [
    ("{", "no JSON"),
    ("[1]", "needs an object"),
    ("null", "needs an object"),
    ("1", "needs an object"),
    ('"x"', "needs an object"),
    ("{}", "BCELoss needs input"),
    ('{"input": [0.2]}', "BCELoss needs target"),
    ('{"input": [2], "target": [1]}', "error[prob-range]"),
    ('{"input": "x", "target": [1]}', 'input: needs a number, got "x"'),
    ('{"input": [0.2], "target": [1], "inputs": [1]}', "both name the operand input"),
    ('{"input": [0.2], "target": [1], "nope": [1]}', "nope: BCELoss takes no such operand"),
    ('{"input": [0.2], "target": [1], "options": 1}', '"options" needs an object'),
    ('{"input": [0.2], "target": [1], "options": {"nope": 1}}', "no such option"),
    ('{"input": [0.2], "target": [1], "options": {"weight": "w.npy"}}', "weight"),
    ('{"input": [0.2, 0.3], "target": [1]}', "error[shape-broadcast]"),
    ('{"input": null, "target": [1]}', "needs a number, got null"),
    ('{"input": [[1], [1, 2]], "target": [1]}', "entry 1 has shape (2)"),
    ("[" * 10_000, "the record: is nested too deep"),
    ('{"input": [' + "9" * 5000 + '], "target": [1]}', "an integer of too many digits"),
    ('{"input": [' + "9" * 400 + '], "target": [1]}', "input[0]: is too large for a float64"),
    ('{"input": ' + "[" * 100_000 + "]" * 100_000 + ', "target": [1]}', "nested too deep"),
    ('{"input": ' + "[" * 500 + "]" * 500 + ', "target": [1]}', "nested deeper than 16 levels"),
    ('{"input": ' + '{"a":' * 700 + "1" + "}" * 700 + ', "target": [1]}', "input: needs a number"),
    ('{"input": [1], "target": [1], "input": [0.5]}', "the record: the key 'input' stands twice"),
    ('{"input": [1], "target": [1], "options": {"weight": [1], "weight": [2]}}',
     "the key 'weight' stands twice; the first would be lost"),
    ('{"input": [1], "target": [1], "options": {}, "options": {}}', "the key 'options'"),
    ('{"input": [1], "target": [1], "options": {"reduction": [1_0]}}', "no JSON"),
    ('{"input": [' + "0.1," * 20_000 + '"' + "a" * 10**6 + '"], "target": [1]}',
     'input[20000]: needs a number, got "aaa'),
    ('{"input": [0.1], "target": [1], "options": {"weight": ["' + "a" * 10**6 + '"]}}',
     '--weight[0]: needs a number, got "aaa'),
]  # fmt: skip


@pytest.mark.parametrize(("line", "words"), BAD, ids=range(len(BAD)))
def test_a_line_that_cannot_be_computed_is_a_record_among_the_others(line, words):
    code, records, stderr = stream(f"{GOOD}\n{line}\n{GOOD}\n")
    assert code == 1
    assert "1 of 3 records could not be computed, the first is line 2" in stderr
    assert [r["line"] for r in records] == [1, 2, 3]
    assert list(records[1]) == ["line", "loss", "error", "findings"]
    assert words in records[1]["error"]
    assert records[0]["value"] == records[2]["value"] == pytest.approx(VALUE)


def test_a_line_that_is_no_utf_8():
    done = run(
        "-n", "bce", "--jsonl", "-", stdin=f'{GOOD}\n{{"input": "é"}}\n{GOOD}\n'.encode("latin-1")
    )
    assert done.exit_code == 1
    assert [("error" in strict(line)) for line in done.stdout.splitlines()] == [False, True, False]


def test_blank_lines_are_counted_but_not_computed():
    code, records, _ = stream(f"\n{GOOD}\n  \n\r\n{GOOD}")
    assert code == 0
    assert [r["line"] for r in records] == [2, 5]
    assert stream("") == (0, [], "")


def test_a_byte_order_mark_is_no_matter():
    done = run("-n", "bce", "--jsonl", "-", stdin=b"\xef\xbb\xbf" + GOOD.encode() + b"\r\n")
    assert done.exit_code == 0, done.stdout


def test_options_of_a_record_go_before_those_of_the_command():
    lines = [
        '{"input": [3], "target": [0]}',
        '{"input": [3], "target": [0], "options": {"delta": 2}}',
        '{"input": [3], "target": [0], "options": {"delta": -2}}',
        '{"input": [3], "target": [0], "options": {}}',
    ]
    code, records, _ = stream("\n".join(lines), "-o", "delta=3", loss="huber")
    assert code == 1
    assert [r.get("value") for r in records] == [4.5, 4, None, 4.5]  # 3^2 / 2; 2 (3 - 1)
    assert "--delta" in records[2]["error"] or "delta" in records[2]["error"]


def test_settings_hold_for_every_record():
    code, records, _ = stream(f"{GOOD}\n{GOOD}\n", "-r", "all", "--grad", "--dtype", "float64")
    assert code == 0
    for record in records:
        assert set(record["value"]) == {"none", "sum", "mean"}
        assert record["operands"]["input"]["dtype"] == "float64"
        assert len(record["gradient"]["input"]) == 2
    code, records, _ = stream('{"input": [0, 0.5], "target": [1, 0]}\n', "--strict")
    assert code == 1
    assert records[0]["findings"][0]["rule"] == "saturated"


def test_a_weight_of_the_command_holds_for_every_record(tmp_path):
    np.save(tmp_path / "w.npy", np.array([1.0, 2.0]))
    lines = '{"input": [[1,2],[1,3],[1,3]], "target": [0,1,1]}\n' * 2
    code, records, _ = stream(lines, "-o", f"weight={tmp_path}/w.npy", loss="ce")
    assert code == 0
    assert [r["value"] for r in records] == [pytest.approx(0.3642, abs=5e-5)] * 2


def test_a_stream_from_a_file(tmp_path):
    path = tmp_path / "records.jsonl"
    path.write_text(f"{GOOD}\n")
    done = run("-n", "bce", "--jsonl", path)
    assert strict(done.stdout)["line"] == 1


def test_a_record_of_numbers_that_are_not_finite():
    code, records, _ = stream('{"input": [NaN], "target": [1]}\n{"input": ["inf"], "target": [1]}')
    assert code == 1
    for record in records:
        assert record["findings"][0]["rule"] == "non-finite"


def test_a_line_that_gets_no_memory_is_an_error_of_that_line(monkeypatch):
    asked = []

    def evaluate(*arguments):
        asked.append(arguments)
        return list(range(10**15)) if len(asked) == 2 else real(*arguments)

    real = initlab.losslab.stream.evaluate
    monkeypatch.setattr(initlab.losslab.stream, "evaluate", evaluate)
    code, records, _ = stream(f"{GOOD}\n{GOOD}\n{GOOD}\n")
    assert code == 1
    assert "there is not enough memory" in records[1]["error"]
    assert records[2]["value"] == pytest.approx(VALUE)


def test_a_line_that_is_too_long_ends_the_stream_after_those_before_it(tmp_path):
    long = '{"input": [0.5], "target": [1], "more": "' + "a" * (1 << 20) + '"}'
    (tmp_path / "x.jsonl").write_text(f"{GOOD}\n{GOOD}\n{long}\n{GOOD}\n")
    for source in ("-", tmp_path / "x.jsonl"):
        done = run("-n", "bce", "--jsonl", source, "--max-mib", 1, stdin=f"{GOOD}\n{GOOD}\n{long}")
        assert done.exit_code == 2
        assert [strict(line)["line"] for line in done.stdout.splitlines()] == [1, 2]
        assert done.stderr == (
            f"initlab: --jsonl {source}: line 3 is too long; the limit is 1 MiB\n"
            "  fix: --max-mib 2, if the memory is there\n"
        )
        done = run("-n", "bce", "--jsonl", source, "--max-mib", 2, stdin=f"{long}")
        assert done.exit_code == 1
        assert "more: BCELoss takes no such operand" in done.stdout


def test_a_record_may_hold_no_more_numbers_than_the_limit():
    many = json.dumps({"input": [0] * 140_000, "target": [0] * 140_000})  # 0.8 MiB
    code, records, _ = stream(f"{many}\n{GOOD}\n", "--max-mib", "1")
    assert code == 1
    assert "2.14 MiB as float64; the limit is 1 MiB" in records[0]["error"]
    assert "value" in records[1]


# what is too large -------------------------------------------------------------------------------


def test_an_operand_beyond_the_limit_is_refused(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros(300_000, dtype="float32"))  # 1.14 MiB
    command = ["-n", "mse", "-i", tmp_path / "x.npy", "-t", tmp_path / "x.npy"]
    assert "has 1,200,128 bytes; the limit is 1 MiB\n  fix: --max-mib 2," in said(
        *command, "--max-mib", 1
    )
    assert "holds 300000 values, 2.29 MiB as float64; the limit is 2 MiB" in said(
        *command, "--max-mib", 2
    )
    assert data(*command, "--max-mib", 3)["value"] == 0
    assert "--weight: " in said(*BCE, "-o", "weight=-", "--max-mib", 1, stdin="1\n" * 600_000)
    for wrong in (0, -1, "x", 1.5):
        assert "--max-mib" in said(*BCE, "--max-mib", wrong)


# processes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        ["loss", "-n", "mse", "-i", "-", "-t", "1"],
        ["loss", "-n", "mse", "-i", "1", "-t", "1", "-o", "weight=-"],
        ["loss", "-n", "mse", "--jsonl", "-"],
        ["entropy", "--p", "-"],
    ],
    ids=["operand", "option", "stream", "entropy"],
)
def test_standard_input_that_is_closed_or_endless_ends_in_2(tmp_path, arguments):
    code, stdout, stderr = processes.run(*arguments, cwd=tmp_path, stdin=None)
    assert (code, stdout) == (2, "")
    assert "standard input is closed\n" in stderr
    _, _, usual = processes.run("entropy", "--p", "1", cwd=tmp_path, measured=True)
    code, stdout, stderr = processes.run(
        *arguments, "--max-mib", "8", cwd=tmp_path, stdin="/dev/zero", measured=True
    )
    assert (code, stdout) == (2, "")
    assert "the limit is 8 MiB\n  fix: --max-mib 16" in stderr
    kib = [int(text.rpartition("VmHWM:")[2]) for text in (usual, stderr)]
    assert kib[1] - kib[0] < 100 << 10  # of an endless file


@pytest.mark.parametrize(
    "arguments",
    [["loss", "-n", "mse", "-i", "{}", "-t", "1"], ["loss", "-n", "mse", "--jsonl", "{}"],
     ["entropy", "--p", "{}"]],
    ids=["operand", "stream", "entropy"],
)  # fmt: skip
def test_devices_and_pipes_that_nobody_writes_end_in_2(tmp_path, arguments):
    os.mkfifo(tmp_path / "pipe")
    for name, words in (("/dev/zero", "is a device, not a file"), ("pipe", "that nobody writes")):
        given = [argument.format(name) for argument in arguments]
        code, stdout, stderr = processes.run(*given, cwd=tmp_path)
        assert (code, stdout) == (2, "")
        assert words in stderr


def test_process_substitution_and_descriptors_are_files():
    done = bash(
        "initlab loss -n mse -i <(echo '[1, 2]') -t /dev/fd/3 -o weight=/dev/stdin --format json"
        " 3< <(sleep 0.2; echo '[1, 4]') <<< '[1, 1]'"
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert strict(done.stdout)["value"] == 2  # (0 + 4) / 2


def test_a_reader_that_leaves_early_is_no_error(tmp_path):
    (tmp_path / "many.jsonl").write_text(f"{GOOD}\n" * 3000)
    np.save(tmp_path / "x.npy", np.zeros(30_000, dtype="float32"))
    for arguments in (
        ["-n", "bce", "--jsonl", "many.jsonl"],
        ["-n", "mse", "-i", "x.npy", "-t", "x.npy", "-r", "none"],
    ):
        with processes.read_from() as (pipe, line):
            started = processes.Command("loss", *arguments, cwd=tmp_path, stdout=pipe)
            assert line().startswith(("{", "loss,reduction"))
        assert started.wait() == 141
        assert started.stderr() == ""


def test_a_full_disk_ends_in_74(tmp_path):
    loss = ["loss", "-n", "bce", "-i", "[0.2]", "-t", "[1]"]
    code, _, stderr = processes.run(*loss, cwd=tmp_path, stdout="/dev/full")
    assert code == 74
    assert "No space left" in stderr
    assert "Traceback" not in stderr


def test_pipes_and_exit_codes_of_a_process(tmp_path):
    line = "echo '[0.2, 0.8]' | LC_ALL=C initlab loss -n bce -i - -t '[0, 1]' --format json"
    done = bash(line)
    assert (done.returncode, done.stderr) == (0, "")
    assert strict(done.stdout)["value"] == pytest.approx(VALUE)
    code, stdout, stderr = processes.run("loss", *REFUSED, cwd=tmp_path)
    assert (code, stdout) == (2, "")
    assert stderr.startswith(SIGN)
    assert stderr.count("\n") == 1


def test_a_table_where_the_locale_knows_ascii_only(tmp_path):
    (tmp_path / "é.csv").write_text("x\n")
    env = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PATH": "/usr/bin:/bin"}
    good = bash("initlab loss -n bce -i '[0.2]' -t '[1]' --format table --grad", env=env)
    assert (good.returncode, good.stderr) == (0, "")
    assert good.stdout.isascii()
    bad = bash("initlab loss -n bce -i é.csv -t '[1]'", env=env, cwd=tmp_path)
    assert bad.returncode == 2
    assert "Traceback" not in bad.stderr


def peak(process):
    """The most memory that a process has taken, in KiB."""
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def test_lines_come_out_as_they_go_in_and_take_constant_memory():
    with subprocess.Popen(
        [sys.executable, "-m", "initlab", "loss", "-n", "bce", "--jsonl", "-"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as started:  # fmt: skip
        for number in (1, 2):
            started.stdin.write(f"{GOOD}\n")
            started.stdin.flush()
            assert strict(started.stdout.readline())["line"] == number
        peaks = {}
        for done in range(50, 6001, 50):  # what fits into the pipes
            started.stdin.write(f"{GOOD}\n" * 50)
            started.stdin.flush()
            for _ in range(50):
                last = started.stdout.readline()
            peaks[done] = peak(started)
        started.stdin.close()
        assert started.wait(timeout=60) == 0
    assert strict(last)["line"] == 6002
    assert peaks[6000] - peaks[2000] < 400  # KiB: 100 bytes a record; its line alone has 90


# several losses at once --------------------------------------------------------------------------

TWO = ["-n", "smooth_l1", "-n", "l1", "-i", "[0.5, 3]", "-t", "[0, 0]"]
VALUES = [1.3125, 1.75]  # (0.5^2 / 2 + 2.5) / 2; (0.5 + 3) / 2


def test_several_losses_are_rows_objects_or_lines():
    rows = list(csv.DictReader(io.StringIO(run(*TWO).stdout)))
    assert [(r["loss"], float(r["value"])) for r in rows] == list(
        zip(("smooth_l1", "l1"), VALUES, strict=True)
    )
    assert [r["value"] for r in data(*TWO)] == VALUES
    lines = run(*TWO, "--format", "jsonl").stdout.splitlines()
    assert [strict(line)["value"] for line in lines] == VALUES
    table = run(*TWO, "--format", "table").stdout
    assert "smooth_l1, mean: divided by 2 values. l1, mean" in " ".join(table.split())
    assert run("-n", "smooth_l1,l1", *TWO[4:]).stdout == run(*TWO).stdout
    assert run("-n", "l1", *TWO).stdout.count("l1,mean") == 2  # one that is named twice is one


def test_operands_and_options_go_to_the_losses_that_have_them():
    command = ["-n", "huber", "-n", "mse", "-n", "gaussian_nll", "-i", "[3]", "-t", "[0]"]
    found = data(*command, "--delta", "2", "--weight", "[2]", "--var", "[1]")
    assert [r["value"] for r in found] == [8, 9, 4.5]  # 2 * 2 (3 - 1); 2 * 9 / 2; 9 / 2
    assert "it is one of multi_margin" in said(*command, "--var", "[1]", "--margin", "1")
    assert "--anchor: HuberLoss takes no such operand" in said(*command, "--anchor", "1")


def test_standard_input_is_read_once_for_all_losses():
    found = data("-n", "mse", "-n", "l1", "-i", "-", "-t", "[0]", stdin="[3]")
    assert [r["value"] for r in found] == [9, 3]


def test_a_loss_that_refuses_is_named_and_nothing_is_printed():
    command = ["-n", "hinge_embedding", "-n", "l1", *REFUSED[2:]]
    assert said(*command).startswith("error[target-sign] hinge_embedding: --target: 1 of 2 values")
    assert said("-n", "l1", "-n", "gaussian_nll", "-i", "1", "-t", "1").startswith(
        "initlab: gaussian_nll: GaussianNLLLoss needs --var"
    )


def test_explain_several_one_after_another():
    text = run(*TWO, "--explain").stdout
    assert text.index("== smooth_l1 ==") < text.index("== l1 ==")
    assert text.count("CONTRACT") == 2
    assert ["== " not in each["explain"] for each in data(*TWO, "--explain")] == [True, True]


def test_csv_has_what_each_value_was_divided_by():
    def divisors(*arguments):
        rows = csv.DictReader(io.StringIO(run(*arguments, "-r", "all", "--format", "csv").stdout))
        return [(row["reduction"], row["denominator"]) for row in rows]

    assert divisors(*CE, "--weight", "[1,2]") == [*[("none", "")] * 3, ("sum", ""), ("mean", "5.0")]
    half = "[-0.6931471805599453, -0.6931471805599453]"
    ctc = ["-n", "ctc", "--log-probs", f"[[{half}, {half}], [{half}, {half}], [{half}, {half}]]",
           "-t", "[[1, 1], [1, 0]]", "--input-lengths", "[3, 3]", "--target-lengths",
           "[2, 1]"]  # fmt: skip
    # two sequences of 2 and 1 labels: each is divided by its labels, then by 2
    assert divisors(*ctc) == [("none", "4.0"), ("none", "2.0"), ("sum", ""), ("mean", "4 2")]


# records with a loss of their own, and totals ----------------------------------------------------


def lines_of(*arguments, records):
    text = "\n".join(map(json.dumps, records))
    done = run("--jsonl", "-", *arguments, stdin=text)
    return done.exit_code, [strict(line) for line in done.stdout.splitlines()], done.stderr


def test_a_record_has_its_own_loss_reduction_and_contents():
    records = [
        {"loss": "MSELoss", "input": [3, 1], "target": [0, 0], "reduction": "sum"},
        {"input": [0, 0], "target": [1, 1], "from": "logits"},
        {"input": [0.5], "target": [1]},
        {"loss": "huber", "input": [3], "target": [0], "options": {"delta": 2}},
    ]
    code, found, _ = lines_of("-n", "bce", records=records)
    assert code == 0
    expected = [10, math.log(2), math.log(2), 4]  # 9 + 1; -log 1/2, twice; 2 (3 - 1)
    assert [r["value"] for r in found] == pytest.approx(expected)
    assert [(r["loss"], r["reduction"]) for r in found][:2] == [("mse", "sum"), ("bce", "mean")]
    code, again, _ = lines_of(records=[records[0], records[3]])  # each has a loss: no --name
    assert (code, [r["value"] for r in again]) == (0, [10, 4])


def test_an_option_of_the_command_goes_to_the_records_whose_loss_has_it():
    two = {"input": [3], "target": [0]}
    records = [{"loss": "huber", **two}, {"loss": "l1", **two}]
    code, found, _ = lines_of("--delta", "2", records=records)
    assert (code, [r["value"] for r in found]) == (0, [4, 3])


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ({"input": 1, "target": 1}, 'which loss? "loss" says it'),
        ({"loss": "hubr", "input": 1}, "unknown loss 'hubr'; did you mean huber"),
        ({"loss": 3}, '"loss": needs a name, got 3'),
        ({"loss": "mse", "input": 1, "target": 1, "reduction": "avg"}, '"reduction": needs one of'),
        ({"loss": "mse", "input": 1, "target": 1, "reduction": ["sum"]}, 'got ["sum"]'),
        ({"loss": "mse", "input": 1, "target": 1, "from": "odds"}, '"from": needs one of logits'),
        ({"loss": "mse", "input": 1, "taget": 1}, "taget: MSELoss takes no such operand; did you"),
        ({"loss": "mse", "input": 1, "target": 1, "redution": "sum"}, "did you mean reduction?"),
        ({"loss": "huber", "input": 1, "target": 1, "delta": 2}, 'it goes into "options"'),
    ],
)
def test_a_record_that_asks_for_what_is_not_there(record, words):
    code, found, _ = lines_of(records=[record])
    assert code == 1
    assert words in found[0]["error"]


def test_the_total_of_a_stream_is_the_mean_over_all_targets():
    records = [
        {"input": [[1, 2], [1, 3]], "target": [0, 1]},
        {"input": [[1, 2]], "target": [7]},
        {"input": [[1, 2]], "target": [1]},
    ]
    code, found, words = lines_of("-n", "ce", "--weight", "[1, 2]", "--total", records=records)
    assert code == 1
    last = found[-1]["total"]
    weights = torch.tensor([1.0, 2.0])
    x, t = torch.tensor([[1.0, 2], [1, 3], [1, 2]]), torch.tensor([0, 1, 1])
    expected = torch.nn.functional.cross_entropy(x, t, weights)
    assert last["value"] == pytest.approx(float(expected), rel=1e-6)
    assert (last["denominator"], last["computed"], last["refused"]) == (5, 2, 1)
    assert last["mean_of_means"] == pytest.approx((found[0]["value"] + found[2]["value"]) / 2)
    assert "the mean over all records is 0.438728, the mean of their means 0.417817" in words


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-n", "mse", "-i", "1", "-t", "1", "--total"], "--total combines the records of --jsonl"),
        (["-n", "mse", "--jsonl", "-", "--total", "-r", "none"], "keeps every value"),
        (["-n", "mse", "-n", "l1", "--jsonl", "-"], "--jsonl takes one --name"),
        (["--jsonl", "-", "-o", "nope=1"], "--nope: no loss has such an option"),
    ],
)
def test_what_a_total_and_a_stream_refuse(arguments, words):
    text = said(*arguments, stdin="")
    assert words in text
    assert text.count("fix: ") == 1


# what is unknown ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message", "fix"),
    [
        (["--nope"], "no such option: --nope", "initlab loss --help"),
        (["--weigth", "2"], "no such option: --weigth; did you mean --weight?", "--weight"),
        (["--delta"], "Option '--delta' requires an argument", "initlab loss --help"),
        (["-n", "bec"], "unknown loss 'bec'; did you mean bce", "initlab list losses"),
        (["-o", "delt=1"], "no such option; did you mean delta?", "initlab describe huber"),
        (["--margin", "1"], "it is one of multi_margin", "initlab describe huber"),
        (["--allow", "nope"], "unknown rule 'nope'", "initlab list rules"),
        (["--var", "1"], "--var: HuberLoss takes no such operand", "initlab describe huber"),
        (["-i", "none.npy"], "as a file cannot be read", "--inputs '[0.2, 0.8]'"),
        (["-o", "weight=none.npy"], "as a file cannot be read", "--weight '[0.2, 0.8]'"),
        (["--weight", "none.npy"], "as a file cannot be read", "--weight '[0.2, 0.8]'"),
    ],
)
def test_what_is_unknown_gets_one_message_and_one_fix(arguments, message, fix, tmp_path):
    start = ["loss", *([] if "-n" in arguments else ["-n", "huber"])]
    operands = ["-t", "[1]", *([] if "-i" in arguments else ["-i", "[1]"])]
    code, out, err = processes.run(*start, *operands, *arguments, cwd=tmp_path)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("fix: ") == 1
    assert err.rstrip().endswith(f"fix: {fix}")
    assert "Traceback" not in err
    if fix.startswith("initlab "):
        assert processes.run(*fix.split()[1:], cwd=tmp_path)[0] == 0
    else:
        assert fix.split()[0].partition("=")[0] in run("--help").stdout


def test_a_stream_that_is_no_file_has_a_fix(tmp_path):
    code, _, err = processes.run("loss", "-n", "mse", "--jsonl", "none.jsonl", cwd=tmp_path)
    assert code == 2
    assert err == "initlab: --jsonl none.jsonl: No such file or directory\n  fix: --jsonl -\n"


RECORDS = {
    # a bad record, and the key that mends it alone
    '"from": "logits", or "loss": "bce_with_logits"': ("bce", {"input": [1.3], "target": [1]}),
    '"clamp": true': ("bce", {"input": [1.0000001], "target": [1]}),
    '"options": {"ignore_index": 255}, if 255 marks what to leave out': (
        "ce", {"input": [[1.0, 2.0], [0.0, 1.0]], "target": [255, 1]},
    ),
    '"normalise": true': (
        "kl_div", {"input": [[-0.6931472, -0.6931472]], "target": [[0.5, 0.25]]},
    ),
    '"options": {"log_target": true}': (
        "kl_div", {"input": [[-0.6931472, -0.6931472]], "target": [[-0.6931472, -0.6931472]]},
    ),
    '"target_from": "logits"': (
        "kl_div", {"input": [[-0.6931472, -0.6931472]], "target": [[2.0, -1.0]]},
    ),
}  # fmt: skip


@pytest.mark.parametrize("fix", RECORDS)
def test_a_fix_of_a_record_is_a_key_of_that_record(fix):
    """The command's flag would change the good records, too, without a word."""
    name, record = RECORDS[fix]
    done = run("-n", name, "--jsonl", "-", stdin=json.dumps(record))
    (line,) = map(json.loads, done.stdout.splitlines())
    assert (done.exit_code, line["findings"][0]["fix"]) == (1, fix)
    assert fix in line["error"]
    key = fix.partition(", ")[0]
    mended = {**record, **json.loads(f"{{{key}}}")}
    again = run("-n", name, "--jsonl", "-", stdin=json.dumps(mended))
    assert again.exit_code == 0, again.stdout


def test_an_option_that_a_loss_lacks_is_told_beside_one_that_has_it():
    done = run("-n", "smooth_l1", "-n", "mse", "-i", "[1,2]", "-t", "[0,1]", "--weight", "[1,0]")
    assert done.exit_code == 0
    assert "note: smooth_l1 has no --weight, and is computed without it" in done.stderr
    assert "mse has no" not in done.stderr
