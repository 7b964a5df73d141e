"""The Python API: that of the theory, and sweeps that it shares with the commands."""

import json

import pytest
from processes import run

import initlab
from initlab.cli.app import build
from initlab.errors import InputError, UnknownName
from initlab.report.predictions import COLUMNS

SPEC = {"depth": 40, "width": 32, "activation": ["tanh", "relu"], "init": "lecun_normal"}


def test_every_name_is_there():
    for name in initlab.__all__:
        assert getattr(initlab, name)
    assert set(initlab.__all__) <= set(dir(initlab))


def test_a_plan_is_predicted_as_the_command_does(tmp_path):
    from typer.testing import CliRunner

    plan = initlab.load_plan({**SPEC, "seeds": 3})
    frame = initlab.predict_plan(plan)
    assert frame["runs"].tolist() == [3, 3]
    assert frame["run"].tolist() == [0, 3]
    path = tmp_path / "p.yaml"
    path.write_text("depth: 40\nwidth: 32\nactivation: [tanh, relu]\ninit: lecun_normal\n")
    printed = CliRunner().invoke(build(), ["predict", str(path)]).stdout.splitlines()
    assert printed[0].endswith(",".join(COLUMNS))
    for line, why in zip(printed[1:], frame["why"], strict=True):
        assert why in line


def test_gains_of_an_activation():
    found = initlab.gains("leaky_relu", negative_slope=0.2)
    # torch's entry is the second-moment gain: sqrt(2 / (1 + a^2)); so is the critical one
    assert found.table == found.second_moment == pytest.approx((2 / 1.04) ** 0.5)
    assert found.critical == pytest.approx(found.table)


def test_names_that_are_not_there_are_refused():
    with pytest.raises(UnknownName):
        initlab.gains("tahn")
    with pytest.raises(InputError, match="tanh has no parameter 'slope'; known: none"):
        initlab.gains("tanh", slope=1.0)


def test_the_cli_and_the_python_api_continue_each_other(root, kept):
    plan = initlab.load_plan(root / "kept.yaml", ["seeds=5"])
    results = initlab.run_plan(plan, jobs=2, out=root / "results")
    assert len(results.runs) == 60
    code, stdout, _ = run("status", kept, "--format", "json", cwd=root)
    assert code == 0
    assert json.loads(stdout)[0]["ok"] == 60
