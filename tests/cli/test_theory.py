"""`initlab gain`, `critical`, `phase`, `predict` and `recommend`, in the process and as one."""

import csv
import io
import json
import math
import shlex
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from initlab.catalog import ACTIVATIONS
from initlab.cli.app import build

SPEC = """\
name: grid
depth: 30
width: 64
activation: [tanh, relu]
init: {scheme: lecun_normal, gain: [0.5, auto]}
seeds: 3
"""


def initlab(*arguments, stdin=None):
    done = CliRunner().invoke(build(), [*arguments], input=stdin)
    assert "Traceback" not in done.stderr, done.stderr
    return done


def rows(done):
    assert done.exit_code == 0, done.stderr
    return list(csv.DictReader(io.StringIO(done.stdout)))


def process(arguments, **options):
    """A real process, by way of a shell."""
    command = f"{sys.executable} -m initlab {arguments}"
    options |= {"shell": True, "capture_output": True, "text": True, "timeout": 60, "check": False}
    return subprocess.run(command, **options)


# gain --------------------------------------------------------------------------------------------


def test_the_four_gains_of_tanh():
    (row,) = rows(initlab("gain", "tanh"))
    assert list(row) == ["activation", "table", "second_moment", "variance", "critical"]
    # torch's convention; 1/sqrt(E tanh^2) to 9 published digits, twice, as tanh is odd; 1/tanh'(0)
    assert row["activation"] == "tanh"
    assert float(row["table"]) == 5 / 3
    assert float(row["second_moment"]) == pytest.approx(1.592537420, abs=1e-9)
    assert float(row["variance"]) == pytest.approx(1.592537420, abs=1e-9)
    assert float(row["critical"]) == pytest.approx(1, abs=1e-12)


def test_gains_that_torch_or_nobody_has_are_empty():
    (row,) = rows(initlab("gain", "gelu"))
    assert (row["table"], row["critical"]) == ("", "")
    (found,) = json.loads(initlab("gain", "gelu", "--format", "json").stdout)
    assert found["table"] is found["critical"] is None


def test_gains_of_everything():
    assert [row["activation"] for row in rows(initlab("gain"))] == list(ACTIVATIONS)


def test_a_parameter_goes_to_those_that_have_it():
    relu, leaky = rows(initlab("gain", "relu", "leaky_relu", "--param", "negative_slope=1"))
    assert float(relu["second_moment"]) == pytest.approx(2**0.5)
    assert float(leaky["second_moment"]) == pytest.approx(1)  # max(0, z) + min(0, z) = z


def test_a_table_says_what_each_gain_is_for():
    done = initlab("gain", "tanh", "--format", "table")
    assert "second_moment" in done.stdout
    assert "keeps pre-activations at variance 1" in done.stderr


# critical ----------------------------------------------------------------------------------------


def test_the_edge_of_tanh_with_biases():
    # Schoenholz et al. 2017: sigma_w^2 = 1.7609546 at sigma_b^2 = 0.05
    done = initlab("critical", "tanh", "--sigma-b", str(0.05**0.5))
    (row,) = rows(done)
    assert list(row)[:4] == ["activation", "sigma_b", "sigma_w", "q"]
    assert float(row["sigma_w"]) ** 2 == pytest.approx(1.7609546, abs=1e-7)
    assert float(row["chi_1"]) == pytest.approx(1, abs=1e-9)
    assert (row["xi_c"], row["stable"], row["converged"]) == ("inf", "True", "True")
    assert "nn.init.normal_(layer.weight, std=1.32" in done.stderr
    assert "nn.init.normal_(layer.bias, std=0.2236" in done.stderr


def test_the_snippet_draws_what_it_says():
    import torch
    from torch import nn

    done = initlab("critical", "silu", "--sigma-b", "0.8")
    (row,) = rows(done)
    code = "\n".join(line.strip() for line in done.stderr.splitlines()[1:])
    layer = nn.Linear(1000, 800)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        exec(code, {"nn": nn, "layer": layer})  # noqa: S102
    sigma_w = float(layer.weight.detach().std()) * 1000**0.5
    assert sigma_w == pytest.approx(float(row["sigma_w"]), rel=0.01)
    assert float(layer.bias.detach().std()) == pytest.approx(0.8, rel=0.15)


def test_no_edge_is_a_row_and_a_word():
    done = initlab("critical", "softplus", "--sigma-b", "0.1")
    (row,) = rows(done)
    assert (row["sigma_w"], row["q"], row["converged"]) == ("", "", "False")
    assert "none: no sigma_w gives softplus chi_1 = 1" in done.stderr


def test_a_point_that_lengths_leave_is_said_to_be_one():
    done = initlab("critical", "gelu", "--sigma-b", "0.2")
    (row,) = rows(done)
    assert row["stable"] == "False"
    assert float(row["xi_q"]) < 0
    assert "not stable: lengths leave q = 0.5756" in done.stderr


# phase -------------------------------------------------------------------------------------------


def test_a_plane_in_order():
    done = initlab("phase", "tanh", "--sigma-w", "0.5:2.5:3", "--sigma-b", "0:0.5:2")
    found = rows(done)
    plane = [(float(row["sigma_w"]), float(row["sigma_b"])) for row in found]
    assert plane == [(w, b) for w in (0.5, 1.5, 2.5) for b in (0.0, 0.5)]
    assert [row["phase"] for row in found] == ["ordered", "ordered", "chaotic", "ordered"] + [
        "chaotic"
    ] * 2
    assert {row["converged"] for row in found} == {"True"}
    assert list(found[0])[:9] == [
        "sigma_w", "sigma_b", "q", "chi_1", "c", "xi_q", "xi_c", "phase", "converged",
    ]  # fmt: skip
    assert done.stderr == ""


def test_one_point():
    (row,) = rows(initlab("phase", "relu", "--sigma-w", str(2**0.5), "--sigma-b", "0"))
    assert row["phase"] == "critical"
    assert float(row["c"]) == pytest.approx(1)
    # lengths of an input of variance 1: q = sigma_w^2
    assert float(row["q"]) == pytest.approx(2)


def test_infinite_lengths_and_what_cannot_be_resolved():
    (row,) = rows(initlab("phase", "relu", "--sigma-w", "2", "--sigma-b", "0"))
    assert (row["q"], row["phase"], row["c"]) == ("inf", "chaotic", "")
    done = initlab("phase", "sin", "--sigma-w", "100000", "--sigma-b", "0")
    (row,) = rows(done)
    assert (row["q"], row["chi_1"], row["phase"], row["converged"]) == ("", "", "", "False")
    assert "1 of 1 points did not converge" in done.stderr


def test_json_has_words_for_infinity():
    (row,) = json.loads(
        initlab("phase", "relu", "--sigma-w", "2", "--sigma-b", "0", "--format", "json").stdout
    )
    assert (row["q"], row["c"], row["converged"]) == ("inf", None, True)


# predict -----------------------------------------------------------------------------------------


def test_a_row_for_every_point_over_its_seeds():
    found = rows(initlab("predict", "-", stdin=SPEC))
    assert [row["runs"] for row in found] == ["3"] * 4
    assert [row["run"] for row in found] == ["0", "3", "6", "9"]
    # tanh at sigma_w = 1/2: chi_1 = 1/4 at q = 0; relu at sqrt(2): critical
    assert float(found[0]["chi_1"]) == pytest.approx(0.25)
    assert float(found[3]["chi_1"]) == pytest.approx(1)
    assert [row["forward_verdict"] for row in found] == ["vanishing", "steady"] * 2
    assert found[3]["why"].startswith("signal steady: q* = 2, std 0.826; gradient steady")


def test_verdicts_and_reasons_before_the_run():
    (row,) = rows(initlab("predict", "configs/article/01_linear_normal.yaml"))
    assert (row["predicted_nan_onset"], row["forward_verdict"]) == ("31", "nan")
    assert row["why"] == "overflows float32 at layer 31, std x 16 a layer"


def test_without_a_prediction_there_is_a_reason():
    spec = SPEC.replace("{scheme: lecun_normal, gain: [0.5, auto]}", "identity")
    for row in rows(initlab("predict", "-", stdin=spec)):
        assert row["why"].startswith("no prediction: identity weights")
        assert row["q"] == row["chi_1"] == row["forward_verdict"] == ""


def test_several_specs_are_told_apart(tmp_path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").write_text(SPEC.replace("name: grid\n", ""))
    found = rows(initlab("predict", *map(str, sorted(tmp_path.iterdir()))))
    assert [row["spec"] for row in found] == ["a"] * 4 + ["b"] * 4


def test_every_row_of_jsonl_parses():
    done = initlab("predict", "-", "--format", "jsonl", "--set", "init.gain=3", stdin=SPEC)
    tanh, relu = map(json.loads, done.stdout.splitlines())
    assert tanh["backward_verdict"] == "exploding"
    assert relu["q"] == "inf"
    assert relu["xi_c"] is None


# recommend ---------------------------------------------------------------------------------------


def test_a_recommendation_and_what_torch_does():
    done = initlab("recommend", "--activation", "relu", "--depth", "50")
    first, usual = rows(done)
    assert (first["choice"], usual["choice"]) == ("recommended", "torch default")
    assert float(first["gain"]) == pytest.approx(2**0.5)
    assert (first["scheme"], float(first["bias_std"])) == ("lecun_normal", 0)
    assert float(first["std_p10"]) < float(first["std_last"]) < float(first["std_p90"])
    assert float(first["grad_ratio_p10"]) < float(first["grad_ratio"]) < 2
    assert usual["std_p10"] == ""
    assert usual["backward_verdict"] == "vanishing"
    assert "init: {scheme: lecun_normal, gain: 1.41421}" in done.stderr


def test_the_spec_it_prints_is_one():
    done = initlab("recommend", "--activation", "gelu", "--depth", "40")
    lines = done.stderr.splitlines()
    start = lines.index("in a spec:") + 1
    spec = [line.strip() for line in lines[start : start + 2]]
    text = "\n".join(["depth: 40", "width: 256", "activation: gelu", "loss: cross_entropy", *spec])
    (row,) = rows(initlab("predict", "-", stdin=text))
    assert (row["forward_verdict"], row["backward_verdict"]) == ("steady", "steady")
    assert float(row["chi_1"]) == pytest.approx(1, abs=1e-4)


def test_a_verified_recommendation():
    done = initlab("recommend", "--activation", "tanh", "--depth", "60", "--verify")
    first, usual = rows(done)
    assert first["measured_forward"] == first["measured_backward"] == "steady"
    assert float(first["measured_std_last"]) == pytest.approx(float(first["std_last"]), rel=0.3)
    assert usual["measured_forward"] == ""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--activation", "softplus"], "at no sigma_w and sigma_b is chi_1 = 1"),
        (["--activation", "relu", "--depth", "1000", "--width", "64"], "a width of 512 will do"),
        (["--activation", "relu_squared"], "nothing can"),
    ],
)
def test_where_nothing_can_help_it_says_so(arguments, words):
    done = initlab("recommend", *arguments)
    first, _ = rows(done)
    assert first["choice"] == "none"
    assert first["gain"] == ""
    assert words in first["why"]
    assert words in done.stderr


# bad input ---------------------------------------------------------------------------------------

BAD = [
    ("gain tahn", "unknown activation 'tahn'; did you mean tanh"),
    ("gain tanh --param slope=1", "--param slope: no parameter of tanh; there are none"),
    ("gain elu --param alhpa=1", "did you mean alpha?"),
    ("gain elu --param alpha=-1", "--param alpha: needs a number above 0, got -1"),
    ("gain elu --param alpha=x", "needs a finite number, got x"),
    ("gain elu --param alpha", "--param alpha: needs a value"),
    ("gain elu --param alpha=1 --param alpha=2", "--param alpha: given twice, as 1 and 2"),
    ("critical nope", "unknown activation 'nope'"),
    ("critical tanh --sigma-b -0.1", "--sigma-b: needs 0, or a number from 1e-06"),
    ("critical tanh --sigma-b nan", "--sigma-b: needs 0, or a number from 1e-06"),
    ("critical tanh --sigma-b one", "--sigma-b: needs a number, got 'one'"),
    ("phase tanh --sigma-w 4:0.5:36", "4 is not below 0.5\n  fix: --sigma-w 0.5:4:36"),
    ("phase tanh --sigma-w 1:1:3", "1 is not below 1\n  fix: --sigma-w 1\n"),
    ("phase tanh --sigma-w 0", "--sigma-w: needs a number from 1e-06"),
    ("phase tanh --sigma-w -1:2:3", "--sigma-w: needs a number from 1e-06"),
    ("phase tanh --sigma-b=-1:2:3", "--sigma-b: needs 0, or a number from 1e-06"),
    ("phase tanh --sigma-w 1:2", "needs FROM:TO:HOW_MANY"),
    ("phase tanh --sigma-w 1:2:1", "from 2 to 20,000, got '1'"),
    ("phase tanh --sigma-w 1:2:3.5", "got '3.5'"),
    ("phase tanh --sigma-w 1e30", "to 1e+06, got 1e30"),
    ("phase tanh --sigma-w 1:2:1000 --sigma-b 0:1:1000", "20,000 are the most"),
    ("predict none.yaml", "none.yaml: no such file"),
    ("recommend --activation nope", "unknown activation 'nope'"),
    ("recommend --activation tanh --width 4", "theory needs at least 16 neurons"),
    ("recommend --activation tanh --depth 0", "0 is not in the range"),
    ("recommend --activation tanh --dtype int8", "is not one of"),
]


@pytest.mark.parametrize(("command", "words"), BAD)
def test_bad_input_is_named_and_ends_in_2(command, words):
    done = initlab(*shlex.split(command))
    assert done.exit_code == 2
    assert done.stdout == ""
    assert words in done.stderr


# processes ---------------------------------------------------------------------------------------


def test_a_reader_that_leaves_early_is_no_error():
    # 2,200 rows, more than a pipe holds
    done = process(
        "phase tanh --sigma-w 0.5:4:200 | head -n 1; exit ${PIPESTATUS[0]}", executable="/bin/bash"
    )
    assert done.returncode == 141
    assert done.stderr == ""
    assert done.stdout.startswith("sigma_w,sigma_b,")


def test_data_goes_to_stdout_and_words_to_stderr():
    done = process("critical tanh --sigma-b 0.2 2>/dev/null")
    assert len(done.stdout.splitlines()) == 2
    assert math.isclose(float(done.stdout.splitlines()[1].split(",")[2]), 1.298, rel_tol=0.01)


def test_a_spec_comes_from_a_pipe():
    done = process("predict - --format csv", input=SPEC)
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 5
