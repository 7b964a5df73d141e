"""Names of classes in place of class ids."""

import json
import shlex

import pytest
from commands import initlab

from initlab.catalog import LOSSES
from initlab.errors import InputError
from initlab.losslab.evaluate import evaluate_loss
from initlab.losslab.operands.labels import HOLD_IDS

LOGITS = [[1.0, 2.0, 0.0]] * 3
PETS = ("cat", "dog", "bird")


def value(target, **settings):
    return float(evaluate_loss("ce", {"input": LOGITS, "target": target}, **settings).exact["mean"])


def test_a_name_is_its_place():
    assert value(["dog", "cat", "bird"], classes=PETS) == value([1, 0, 2])
    assert value([1, 0, 2], classes=PETS) == value([1, 0, 2])  # ids already


def test_names_of_a_label_list():
    lists = {"input": [[0.1, 0.2, 0.4]], "target": [["bird", "cat"]]}
    found = evaluate_loss("multilabel_margin", lists, classes=PETS)
    ids = evaluate_loss("multilabel_margin", {**lists, "target": [[2, 0]]})
    assert found.values["mean"] == ids.values["mean"]


@pytest.mark.parametrize("way", ["inline", "json", "file", "stream", "header"])
def test_ways_of_giving_names(way, tmp_path):
    (tmp_path / "y.txt").write_text("label\n" * (way == "header") + "dog\ncat\nbird\n")
    given = {"inline": "dog,cat,bird", "json": '["dog","cat","bird"]'}.get(way, tmp_path / "y.txt")
    common = ["--name", "ce", "--classes", ",".join(PETS), "--format", "json"]
    if way == "stream":
        record = {"input": LOGITS, "target": ["dog", "cat", "bird"]}
        (tmp_path / "r.jsonl").write_text(json.dumps(record))
        done = initlab("loss", *common, "--jsonl", tmp_path / "r.jsonl")
    else:
        done = initlab("loss", *common, "-i", json.dumps(LOGITS), "-t", given)
    assert done.exit_code == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["float64"] == pytest.approx(value([1, 0, 2]))
    assert any(f["rule"] == "classes" for f in result["findings"])


def test_names_without_classes_are_refused_with_the_names_that_occur():
    typed = ["loss", "-n", "ce", "-i", json.dumps(LOGITS), "-t", "dog,cat,bird"]
    done = initlab(*typed)
    assert done.exit_code == 2
    fix = done.stderr.splitlines()[-1].removeprefix("  fix: ")
    assert fix == "--classes bird,cat,dog"
    assert initlab(*typed, *shlex.split(fix)).exit_code == 0


@pytest.mark.parametrize(
    ("target", "classes", "says"),
    [
        (["dog", "cot", "cat"], PETS, r"'cot' \(index 1\) is none of the classes cat, dog, bird;"),
        (["dog", "fish", "cat"], PETS, "'fish'"),
        ([0, 1, 2], ("cat", "cat"), "'cat' stands twice"),
        ([0, 1, 2], ("cat", ""), "needs names"),
        ([0, 1, 2], ("1", "2"), "numbers are no names"),
        (["dog", 1, "cat"], PETS, "needs a number"),
    ],
)
def test_what_is_no_name(target, classes, says):
    with pytest.raises(InputError, match=says):
        value(target, classes=classes)


WITHOUT_IDS = [
    name for name, record in LOSSES.items() if not {o.holds for o in record.operands} & {*HOLD_IDS}
]


@pytest.mark.parametrize("loss", WITHOUT_IDS)
def test_losses_without_class_ids_refuse_classes(loss):
    operands = {o.name: [[0.5, 0.5]] for o in LOSSES[loss].operands}
    with pytest.raises(InputError, match=f"--classes: {LOSSES[loss].class_name} takes no class"):
        evaluate_loss(loss, operands, classes=PETS)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("cat,dog,bird\n0.2,0.3,0.5\n0.1,0.2,0.7\n0,0,1\n", None),  # soft targets with a header
        ("label\n1\n0\n2\n", None),
        ("0.2,0.3\n0.1,x\n", "line 2 is no row of numbers: '0.1,x'; cell 2 is 'x'"),
        ("cat\ndog\npolar bear\n", "--classes 'cat,dog,polar bear'"),
        ("class 1\nclass 2\nclass 2\n", "--classes 'class 1,class 2'"),
    ],
)
def test_a_table_is_not_taken_for_names(tmp_path, content, says):
    (tmp_path / "t.csv").write_text(content)
    done = initlab("loss", "-n", "ce", "-i", json.dumps(LOGITS), "-t", tmp_path / "t.csv")
    assert done.exit_code == (2 if says else 0), done.stderr
    assert (says or "header") in done.stderr


@pytest.mark.parametrize(("classes", "said"), [(PETS, []), (PETS[:2], [2]), ((*PETS, "cow"), [4])])
def test_as_many_names_as_the_input_has_classes(classes, said):
    target = ["dog", "cat", "dog"]
    found = evaluate_loss("ce", {"input": LOGITS, "target": target}, classes=classes).findings
    warned = [f.message for f in found if (f.rule, f.level) == ("classes", "warning")]
    assert warned == [f"{n} classes are named, of 3 that the input has" for n in said]
