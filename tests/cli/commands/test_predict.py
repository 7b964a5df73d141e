"""`initlab predict`: a row for every point of a spec, and why."""

import json

import pytest
from commands import initlab, printed, process

SPEC = """\
name: grid
depth: 30
width: 64
activation: [tanh, relu]
init: {scheme: lecun_normal, gain: [0.5, auto]}
seeds: 3
"""


def test_a_row_for_every_point_over_its_seeds():
    found = printed(initlab("predict", "-", stdin=SPEC))
    assert [row["runs"] for row in found] == ["3"] * 4
    assert [row["run"] for row in found] == ["0", "3", "6", "9"]
    # tanh at sigma_w = 1/2: chi_1 = 1/4 at q = 0; relu at sqrt(2): critical
    assert float(found[0]["chi_1"]) == pytest.approx(0.25)
    assert float(found[3]["chi_1"]) == pytest.approx(1)
    assert [row["forward_verdict"] for row in found] == ["vanishing", "steady"] * 2
    assert found[3]["why"].startswith("signal steady: q* = 2, std 0.826; gradient steady")


def test_verdicts_and_reasons_before_the_run():
    (row,) = printed(initlab("predict", "configs/article/01_linear_normal.yaml"))
    assert (row["predicted_nan_onset"], row["forward_verdict"]) == ("31", "nan")
    assert row["why"] == "overflows float32 at layer 31, std x 16 a layer"


def test_without_a_prediction_there_is_a_reason():
    spec = SPEC.replace("{scheme: lecun_normal, gain: [0.5, auto]}", "identity")
    for row in printed(initlab("predict", "-", stdin=spec)):
        assert row["why"].startswith("no prediction: identity weights")
        assert row["q"] == row["chi_1"] == row["forward_verdict"] == ""


def test_several_specs_are_told_apart(tmp_path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").write_text(SPEC.replace("name: grid\n", ""))
    found = printed(initlab("predict", *map(str, sorted(tmp_path.iterdir()))))
    assert [row["spec"] for row in found] == ["a"] * 4 + ["b"] * 4


def test_every_row_of_jsonl_parses():
    done = initlab("predict", "-", "--format", "jsonl", "--set", "init.gain=3", stdin=SPEC)
    tanh, relu = map(json.loads, done.stdout.splitlines())
    assert tanh["backward_verdict"] == "exploding"
    assert relu["q"] == "inf"
    assert relu["xi_c"] is None


def test_a_spec_comes_from_a_pipe():
    done = process("predict - --format csv", input=SPEC)
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 5
