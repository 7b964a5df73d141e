"""Targets in a spec: drawn or read from a file, and what is said of those that do not fit."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

import initlab
from initlab import load_plan
from initlab.errors import SpecError

SPEC = {
    "shape": [3, 5, 4], "activation": "tanh", "init": "xavier_normal", "batch": 6, "seeds": 2,
    "loss": "cross_entropy",
}  # fmt: skip
ROWS = 8


@pytest.fixture
def folder(tmp_path):
    np.savetxt(tmp_path / "x.csv", np.random.default_rng(0).normal(size=(ROWS, 3)), delimiter=",")
    labels = [0, 1, 2, 3, 3, 2, 1, 0]
    np.savetxt(tmp_path / "labels.csv", labels, fmt="%d")
    np.save(tmp_path / "labels.npy", np.array(labels, dtype=np.int64))
    np.save(tmp_path / "column.npy", np.array(labels)[:, None])
    np.save(tmp_path / "probabilities.npy", np.full((ROWS, 4), 0.25))
    np.save(tmp_path / "half.npy", np.array(labels) / 2)
    np.save(tmp_path / "nan.npy", np.array([np.nan] * ROWS))
    np.save(tmp_path / "few.npy", np.zeros(4))
    np.save(tmp_path / "other.npy", np.zeros(7))
    np.save(tmp_path / "above.npy", np.array(labels) + 1)
    np.save(tmp_path / "late.npy", np.array([0, 1, 2, 3, 3, 2, 9, 9]))
    np.save(tmp_path / "cube.npy", np.zeros((ROWS, 4, 1)))
    (tmp_path / "words.csv").write_text("label\n" + "cat\n" * ROWS)
    return tmp_path


def fed(folder, target, **fields):
    data = {"name": "file", "path": str(folder / "x.csv"), "target": str(folder / target)}
    return load_plan({**SPEC, "input": data, **fields})


def problems(folder, target, **fields):
    with pytest.raises(SpecError) as error:
        fed(folder, target, **fields)
    return [(problem.path, problem.message) for problem in error.value.problems]


@pytest.mark.parametrize("name", ["labels.csv", "labels.npy", "column.npy"])
def test_labels_are_read_beside_the_samples(folder, name):
    plan = fed(folder, name)
    run = plan.runs[0]
    assert run.target.name == "file"
    assert run.target.path == str(folder / name)
    assert run.target.samples.rows.ravel().tolist() == [0, 1, 2, 3, 3, 2]  # the batch's
    assert "target" not in run.input.parameters
    assert {k: v for k, v in plan.cells[0].items() if "target" in k} == {
        "target": "file", "target.path": str(folder / name),
    }  # fmt: skip
    # as resolved it gives the same runs
    assert load_plan(plan.data).runs == plan.runs


def test_a_target_is_also_read_without_samples_of_a_file(folder):
    plan = load_plan(
        {**SPEC, "target": {"name": "file", "path": str(folder / "probabilities.npy")}}
    )
    assert plan.runs[0].target.samples.rows.shape == (6, 4)
    assert load_plan(plan.data).runs == plan.runs


def test_a_batch_is_looked_at_and_no_more(folder):
    assert fed(folder, "late.npy").runs
    ((_, message),) = problems(folder, "late.npy", batch=8)
    assert "2 of 8 values are no class (first: 9 at index 6)" in message


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("none.csv", "none.csv: No such file or directory"),
        ("words.csv", "words.csv is not a table of numbers"),
        ("cube.npy", "needs a table of samples x features, has shape (8, 4, 1)"),
        ("nan.npy", "8 of 8 values are not finite"),
        ("few.npy", "few.npy has 4 rows, "),
        ("other.npy", "has 8: a row of each belongs to one of the other"),
        ("above.npy", "; C = 4, valid are 0..3 or ignore_index (-100)"),
        ("half.npy", "; CrossEntropyLoss needs class ids"),
        ("x.csv", "(6, 3) for an input (6, 4); needs class ids (6) or probabilities (6, 4)"),
    ],
)
def test_what_does_not_fit_is_refused_at_its_place(folder, target, said):
    ((path, message),) = problems(folder, target)
    assert path == "input.target"
    assert said in message
    assert target in message


def test_line_and_column_are_those_of_the_target(folder):
    spec = folder / "s.yaml"
    spec.write_text(
        "shape: [3, 5, 4]\nactivation: tanh\ninit: xavier_normal\nbatch: 6\n"
        "loss: nll\ninput:\n  name: file\n  path: x.csv\n  target: above.npy\n"
    )
    with pytest.raises(SpecError) as error:
        load_plan(spec)
    (problem,) = error.value.problems
    assert problem.where == f"{spec}:9:3"
    assert "[initlab" not in problem.message
    assert "C = 4, valid are 0..3" in problem.message


@pytest.mark.parametrize(
    ("loss", "said"),
    [
        ("mse", "(6) against (6, 4) of the outputs; MSELoss needs one shape"),
        ("bce", "; loss: cross_entropy"),
        ("triplet_margin", "compares samples with each other, and has no target"),
        ("cosine_embedding", "its target is of pairs of samples"),
        ("ctc", "reads the batch as one sequence"),
    ],
)
def test_a_loss_that_takes_no_labels_says_so(folder, loss, said):
    ((path, message),) = problems(folder, "labels.csv", loss=loss)
    assert path == "input.target"
    assert said in message


def test_too_few_outputs_are_told_once(folder):
    found = problems(folder, "labels.csv", shape=[3, 5, 1])
    assert [path for path, _ in found] == ["loss"]


def test_two_targets_at_once_are_refused(folder):
    spec = {**SPEC, "input": {"name": "file", "path": "x.csv", "target": "labels.csv"}}
    (folder / "s.yaml").write_text(yaml.safe_dump({**spec, "target": "classes"}))
    with pytest.raises(SpecError) as error:
        load_plan(folder / "s.yaml")
    (problem,) = error.value.problems
    assert problem.path == "input"
    assert problem.message == "has a target, which target: says, too; leave one of them out"


@pytest.mark.parametrize(
    ("target", "path", "said"),
    [
        ("normal", "target", "cross_entropy takes no target 'normal'; it takes classes, constant"),
        ("nomral", "target", "unknown target 'nomral'; did you mean normal?"),
        ({"name": "classes", "shares": [0.5, 0.6]}, "target", "classes has 2 shares"),
        ({"name": "classes", "shares": [0.5, -0.5]}, "target.shares", "a share >= 0"),
        ({"name": "classes", "shares": [0.5, "a"]}, "target.shares", "a share >= 0"),
        ({"name": "classes", "shares": []}, "target.shares", "the list is empty"),
        ({"name": "classes", "shares": [1.0]}, "target.shares", "two classes or more"),
        ({"name": "classes", "shares": [True, False]}, "target.shares", "a share >= 0"),
        ({"name": "classes", "shares": "even"}, "target.shares", "needs uniform, or"),
        ({"name": "constant", "value": 4}, "target", "constant is 4; cross_entropy needs a class"),
        ({"name": "classes", "p": 1}, "target.p", "classes has no 'p'; it takes shares"),
    ],
)
def test_a_target_that_cannot_be_is_told(tmp_path, target, path, said):
    (tmp_path / "s.yaml").write_text(yaml.safe_dump({**SPEC, "target": target}))
    with pytest.raises(SpecError) as error:
        load_plan(tmp_path / "s.yaml")
    (problem,) = error.value.problems
    assert problem.path.removesuffix("[0]") == path
    assert said in problem.message


def test_targets_and_their_shares_are_axes():
    shares = [[0.7, 0.1, 0.1, 0.1], "uniform", [0.25] * 4]
    plan = load_plan({**SPEC, "target": ["default", {"name": "classes", "shares": shares}]})
    assert len(plan.runs) == 8
    assert plan.product == "4 target x 2 seeds = 8 runs"
    found = [(cells["target"], cells["target.shares"]) for cells in plan.cells[::2]]
    assert found == [
        (None, None), ("classes", "0.7 0.1 0.1 0.1"), ("classes", "uniform"),
        ("classes", "0.25 0.25 0.25 0.25"),
    ]  # fmt: skip
    assert load_plan(plan.data).runs == plan.runs
    one = load_plan({**SPEC, "target": {"name": "classes", "shares": [0.7, 0.1, 0.1, 0.1]}})
    assert load_plan(one.data).runs == one.runs


@pytest.mark.parametrize("target", [None, "default"])
def test_without_a_target_a_run_is_what_it_was(target):
    plain, said = load_plan(SPEC), load_plan({**SPEC, "target": target})
    assert plain.runs == said.runs
    assert plain.cells == said.cells
    assert not any("target" in name for name in plain.fields)
    assert "target" not in plain.data


def test_the_schema_takes_what_a_spec_takes():
    from initlab.spec.model import SpecFile

    schema = SpecFile.model_json_schema()
    assert {"const": "default"} in schema["properties"]["target"]["anyOf"][0]["anyOf"]
    shares = schema["$defs"]["classes"]["properties"]["shares"]
    assert {"const": "uniform"} in shares["anyOf"][0]["anyOf"]


CODE = """
import sys
from initlab.spec.expand import make
from initlab.spec.reader import read
make(read(sys.argv[1]))
print("torch" in sys.modules)
"""


@pytest.mark.parametrize(
    ("target", "torch"),
    [
        ("", False),
        ("target: classes", False),
        ("target: {name: file, path: labels.csv}", True),
    ],
)
def test_only_a_file_of_targets_needs_torch_to_be_looked_at(folder, target, torch):
    spec = folder / "s.yaml"
    spec.write_text(
        "shape: [3, 5, 4]\nactivation: tanh\ninit: xavier_normal\nbatch: 6\nloss: nll\n" + target
    )
    root = Path(initlab.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(spec)], capture_output=True, text=True, cwd=root,
        check=True, timeout=120,
    )  # fmt: skip
    assert done.stdout.strip() == str(torch)
