"""Names of other libraries: each leads to torch's loss or says what there is in its place."""

import json
import math
import re
import shlex

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from initlab.catalog import LOSSES
from initlab.catalog.losses.foreign import FOREIGN
from initlab.cli.app import build
from initlab.errors import ForeignName, SpecError
from initlab.spec.reader import read

WITH = [record for record in FOREIGN if record.loss]
WITHOUT = [record for record in FOREIGN if not record.loss]
NAMES = [pytest.param(r, name, id=name) for r in FOREIGN for name in r.names]


def initlab(*arguments):
    return CliRunner().invoke(build(), [*arguments])


X, T = np.array([0.5, 3.0]), np.array([1.0, 0.0])
P, Q = np.array([[0.7, 0.2, 0.1], [0.3, 0.3, 0.4]]), np.array([[0.5, 0.3, 0.2], [0.6, 0.2, 0.2]])
IDS, HOT, Z = np.array([0, 2]), np.eye(3)[[0, 2]], np.array([[2.0, 0.5, -1.0], [0.1, 0.2, 0.3]])
S = np.array([0.2, 0.9])  # probabilities of yes
LOGSUM = np.log(np.exp(Z).sum(-1))
YES = 1 / (1 + np.exp(-X))
COS = (P * Q).sum(-1) / np.sqrt((P**2).sum(-1) * (Q**2).sum(-1))
BINARY = -(T * np.log(S) + (1 - T) * np.log(1 - S))
LOGITS = -(T * np.log(YES) + (1 - T) * np.log(1 - YES))
GAP = np.abs(X - T)
A, B, C = np.array([[0.0, 0.0]]), np.array([[0.0, 1.0]]), np.array([[1.0, 1.0]])

#: name -> operands and options, what comes out by the library's documentation, and where the line
#: says that torch's number is another, what to make of torch's
DOCUMENTED = {
    "mean_squared_error": ({"i": X, "t": T}, "", np.mean((X - T) ** 2)),
    "squared_error": ({"i": X, "t": T}, "-r none", (X - T) ** 2),
    "l2_loss": ({"i": X, "t": T}, "-r none", (X - T) ** 2 / 2, lambda v: v / 2),
    "mean_absolute_error": ({"i": X, "t": T}, "", np.mean(GAP)),
    "huber": ({"i": X, "t": T}, "", np.mean(np.where(GAP <= 1, GAP**2 / 2, GAP - 0.5))),
    "log_poisson_loss": ({"i": X, "t": T}, "-r none", np.exp(X) - X * T),
    "poisson": ({"i": X, "t": T}, "--no-log-input", np.mean(X - T * np.log(X))),
    "brier_score_loss": ({"i": S, "t": T}, "", np.mean((S - T) ** 2)),
    "categorical_crossentropy": ({"i": P, "t": HOT}, "--from probs", -np.log([0.7, 0.4]).mean()),
    "sparse_categorical_crossentropy": (
        {"i": P, "t": IDS}, "--from probs", -np.log([0.7, 0.4]).mean(),
    ),
    "softmax_cross_entropy": (
        {"i": Z, "t": Q}, "-r none", -(Q * (Z - LOGSUM[:, None])).sum(-1),
    ),
    "softmax_cross_entropy_with_integer_labels": (
        {"i": Z, "t": IDS}, "-r none", LOGSUM - np.array([2.0, 0.3]),
    ),
    "log_loss": ({"i": S, "t": T}, "", BINARY.mean()),
    "negative_log_likelihood": ({"i": np.log(P), "t": IDS}, "", -np.log([0.7, 0.4]).mean()),
    "binary_crossentropy": ({"i": S, "t": T}, "", BINARY.mean()),
    "sigmoid_binary_cross_entropy": ({"i": X, "t": T}, "-r none", LOGITS),
    "weighted_cross_entropy_with_logits": (
        {"i": X, "t": T}, "-r none -o pos_weight='[2]'",
        -(2 * T * np.log(YES) + (1 - T) * np.log(1 - YES)),
    ),
    "kl_divergence": (
        {"i": P, "t": Q}, "--from probs -r batchmean", (Q * np.log(Q / P)).sum(-1).mean(),
    ),
    "kl_divergence_with_log_targets": (
        {"i": np.log(P), "t": np.log(Q)}, "-o log_target=true -r batchmean",
        (Q * np.log(Q / P)).sum(-1).mean(),
    ),
    "multiclass_hinge_loss": (  # of two classes, the worst of the wrong is their sum
        {"i": Z[:, :2], "t": np.array([0, 1])}, "-r none", np.array([0.0, 0.9]), lambda v: v * 2,
    ),
    "cosine_similarity": (  # Keras's
        {"-input1": P, "-input2": Q, "t": np.ones(2)}, "-r none", -COS, lambda v: v - 1,
    ),
    "cosine_distance": ({"-input1": P, "-input2": Q, "t": np.ones(2)}, "-r none", 1 - COS),
    "triplet_margin_loss": (
        {"-anchor": A, "-positive": B, "-negative": C}, "", 1 + 1 - math.sqrt(2),
    ),
    "ctc": (  # of one frame the only path is the label itself
        {"-log-probs": Z[:1, None], "-targets": np.array([[1]]), "-input-lengths": np.array([1]),
         "-target-lengths": np.array([1])},
        "--from logits -r none", LOGSUM[:1] - 0.5,
    ),
}  # fmt: skip


def test_every_loss_that_torch_has_is_held_to_its_library_s_documentation():
    assert set(DOCUMENTED) == {record.names[0] for record in WITH}


@pytest.mark.parametrize("record", WITH, ids=lambda r: r.names[0])
def test_torch_s_loss_is_the_library_s_as_the_line_says(record):
    operands, options, expected, *rest = DOCUMENTED[record.names[0]]
    given = [part for key, v in operands.items() for part in (f"-{key}", json.dumps(v.tolist()))]
    for option in re.split(r" (?=-)", options):  # one that is needed is one that the line names
        assert option == "-r none" or option in record.line
    name = f"keras.losses.{record.names[0]}"  # torch has some of these names, too
    done = initlab(
        "loss", "-n", name, *given, *shlex.split(options), "--dtype", "float64", "--format", "json"
    )
    assert done.exit_code == 0, done.stderr
    data = json.loads(done.stdout)  # the note is not in it
    assert data["loss"] == record.loss
    assert done.stderr.startswith("note: ")
    value = (rest or [lambda v: v])[0](np.array(data["value"]))
    np.testing.assert_allclose(value, expected, rtol=2e-6, atol=2e-6)  # eps of torch's, 1e-6


@pytest.mark.parametrize(("record", "name"), NAMES)
def test_a_foreign_name_resolves_with_a_line_or_is_refused_with_one(record, name):
    for full in (f"tf.keras.losses.{name}", f"sklearn.metrics.{name}", f"optax.{name}"):
        if record.loss:
            loss, note, _ = LOSSES.meant(full)
            assert loss is LOSSES[record.loss]
            assert record.loss in note
            assert record.line in note
            assert (full in LOSSES) == record.same
        else:
            assert full not in LOSSES
            with pytest.raises(ForeignName, match="torch has no") as error:
                LOSSES.meant(full)
            assert error.value.fix == record.fix


@pytest.mark.parametrize("record", WITHOUT, ids=lambda r: r.names[0])
def test_what_torch_lacks_is_refused_and_the_command_in_its_place_runs(record):
    for name in record.names:
        for arguments in (["loss", "-n", name, "-i", "1", "-t", "1"], ["describe", name]):
            refused = initlab(*arguments)
            assert (refused.exit_code, refused.stdout) == (2, "")
            assert "torch has no" in " ".join(refused.stderr.split())
    program, *command = shlex.split(record.fix)
    assert program == "initlab"
    done = initlab(*command)
    assert done.exit_code == 0, done.stderr
    # and the line speaks of what the command computes
    assert command[0] == "entropy" or LOSSES[command[2]].name in record.line


@pytest.mark.parametrize("name", ["mse", "nn.MSELoss", "F.huber_loss", "l2", "mae", "kld", "ce"])
def test_torch_s_own_names_need_no_line(name):
    assert LOSSES.meant(name)[1] == ""


def test_a_line_is_for_people_and_stands_on_stderr():
    done = initlab("loss", "-n", "mean_squared_error", "-i", "[1,2]", "-t", "[0,0]")
    assert done.stderr == "note: Keras's and scikit-learn's mean_squared_error is mse\n"
    assert done.stdout == initlab("loss", "-n", "mse", "-i", "[1,2]", "-t", "[0,0]").stdout


def test_hinges_nearest_in_meaning_is_the_hinge():
    """Each fix of a hinge computes max(0, 1 - t x), which is by hand 0.7 and 0 for these."""
    (record,) = [r for r in WITHOUT if r.names[0] == "hinge"]
    value = json.loads(initlab(*shlex.split(record.fix)[1:], "--format", "json").stdout)["value"]
    assert value == pytest.approx((0.7 + 0) / 2)


def test_describe_takes_a_foreign_name_with_its_line():
    done = initlab("describe", "sparse_categorical_crossentropy")
    assert done.exit_code == 0
    assert done.stdout.startswith("cross_entropy (loss)")
    assert "--from probs" in done.stderr
    assert "mse (loss)" in initlab("describe", "MeanSquaredError").stdout


# where no line can be said -----------------------------------------------------------------------

SPEC = {"depth": 2, "width": 4, "activation": "tanh", "init": "kaiming_normal"}


def spec(tmp_path, name):
    path = tmp_path / "spec.yaml"
    path.write_text(yaml.safe_dump({**SPEC, "loss": name}))
    return read(str(path))


@pytest.mark.parametrize("name", ["mean_squared_error", "nn.MSELoss", "keras.losses.MSE"])
def test_a_spec_takes_what_is_the_same_function(tmp_path, name):
    assert spec(tmp_path, name) is not None


@pytest.mark.parametrize("record", [r for r in FOREIGN if not r.same], ids=lambda r: r.names[0])
def test_a_spec_and_python_refuse_what_differs_and_say_what_is_right(record):
    name = f"keras.losses.{record.names[0]}"
    with pytest.raises(ForeignName) as error:
        LOSSES[name]
    assert record.line in error.value.message
    done = initlab(*shlex.split(error.value.fix)[1:])
    assert done.exit_code == 0


def test_a_spec_s_problem_says_what_differs(tmp_path):
    with pytest.raises(SpecError, match="takes probabilities by default"):
        spec(tmp_path, "categorical_crossentropy")
    with pytest.raises(SpecError, match="torch has no focal_loss"):
        spec(tmp_path, "focal_loss")


def test_what_theirs_takes_is_taken():
    """Keras's takes probabilities: -(ln 0.9 + ln 0.7) / 2, not a softmax of them again."""
    command = ["loss", "-n", "sparse_categorical_crossentropy", "-i", "[[0.1,0.9],[0.7,0.3]]",
               "-t", "[1,0]", "--format", "json"]  # fmt: skip
    done = initlab(*command)
    assert json.loads(done.stdout)["float64"] == pytest.approx(0.231018, rel=1e-5)
    assert "so --from probs is set" in done.stderr
    asked = initlab(*command, "--from", "logits")  # as their from_logits=True
    # (softplus(-0.8) + softplus(-0.4)) / 2
    assert json.loads(asked.stdout)["float64"] == pytest.approx(0.442059, rel=1e-5)
    scores = initlab(*command[:4], "[[0.1,0.9],[0.7,0.31]]", *command[5:])
    assert (scores.exit_code, scores.stdout) == (2, "")


def test_arguments_beside_a_name_are_flags():
    done = initlab("loss", "-n", "nn.HuberLoss(delta=2.0)", "-i", "[3]", "-t", "[0]")
    assert done.exit_code == 2
    fix = done.stderr.splitlines()[-1].removeprefix("  fix: ")
    assert fix == "--name nn.HuberLoss --delta 2.0"
    mended = initlab("loss", *shlex.split(fix), "-i", "[3]", "-t", "[0]", "--format", "json")
    assert json.loads(mended.stdout)["value"] == 4  # 2 (3 - 1)
