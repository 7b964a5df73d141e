"""What a run records: every form comes to one text, and gradients need the backward pass."""

import itertools

import pytest
import yaml

from initlab import load_plan
from initlab.catalog.columns import RECORDED
from initlab.errors import SpecError
from initlab.spec.record import TEXTS

FULL = "both+gradients+neurons+quantiles"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("both", "both"),
        ("forward", "forward"),
        ("full", FULL),
        (FULL, FULL),
        ("both+quantiles+neurons", "both+neurons+quantiles"),
        ("both + neurons", "both+neurons"),
        ("both+neurons+neurons", "both+neurons"),
        ("forward+quantiles", "forward+quantiles"),
        ({}, "both"),
        ({"neurons": True}, "both+neurons"),
        ({"quantiles": True, "gradients": True, "neurons": False}, "both+gradients+quantiles"),
        ({"backward": False}, "forward"),
        ({"backward": False, "neurons": True, "gradients": False}, "forward+neurons"),
    ],
)
def test_every_form_comes_to_one_text(plan_of, value, text):
    (run,) = plan_of(record=value).runs
    assert run.record == text
    assert run.backward == text.startswith("both")
    assert run.extras == set(text.split("+")[1:])


@pytest.mark.parametrize("text", TEXTS)
def test_every_text_is_read_back_from_the_resolved_spec(plan_of, text):
    plan = plan_of(record=text)
    assert plan_of(**plan.data).runs == plan.runs
    if text != "full":
        assert plan.runs[0].record == text


def test_there_is_a_text_for_whatever_can_be_recorded():
    # each extra or not, backward or not; without a backward pass there are no gradients
    assert len(TEXTS) == 2 ** len(RECORDED) + 2 ** (len(RECORDED) - 1) + 1
    assert len(set(TEXTS)) == len(TEXTS)


def test_a_list_is_an_axis(plan_of):
    plan = plan_of(record=["both", {"neurons": True}, "forward"])
    assert [run.record for run in plan.runs] == ["both", "both+neurons", "forward"]
    assert plan.axes == ["record"]


def test_what_is_recorded_is_a_setting_too(plan_of):
    spec = {"depth": 2, "width": 3, "activation": "tanh", "init": "xavier_normal"}
    for setting in ("record=both+quantiles", "record={quantiles: true}", "record.quantiles=true"):
        assert load_plan(dict(spec), [setting]).runs[0].record == "both+quantiles"
    assert yaml.safe_load("both+quantiles") == "both+quantiles"  # no number, no mapping


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("none", "got 'none'"),
        (3, "got 3"),
        ("forward+gradients", "gradients need the backward pass"),
        ({"backward": False, "gradients": True}, "gradients need the backward pass"),
        ({"neuron": True}, "did you mean neurons?"),
        ({"weights": True}, "it takes backward, gradients, neurons, quantiles"),
        ({"neurons": 1}, "neurons needs true or false"),
        ({"neurons": [True, False]}, "a list of mappings"),
    ],
)
def test_what_cannot_be_recorded_is_said_in_a_sentence(plan_of, value, said):
    with pytest.raises(SpecError) as refused:
        plan_of(record=value)
    assert said in str(refused.value)
    assert "{name" not in str(refused.value)


def test_texts_are_all_combinations():
    combos = [c for n in range(4) for c in itertools.combinations(RECORDED, n)]
    assert {"+".join(["both", *c]) for c in combos} <= set(TEXTS)


# the threshold of saturation ---------------------------------------------------------------------


def test_a_threshold_at_its_default_is_no_column_and_no_part_of_a_spec(plan_of):
    plain, same, other = plan_of(), plan_of(saturation=0.05), plan_of(saturation=0.5)
    assert plain.runs == same.runs
    assert plain.data == same.data
    assert "saturation" not in plain.fields
    assert "saturation" in other.fields
    assert plan_of(**other.data).runs == other.runs
    assert plan_of(saturation=[0.05, 0.5]).axes == ["saturation"]


@pytest.mark.parametrize("value", [0, -1, "0.1", float("nan"), float("inf"), True])
def test_a_threshold_is_a_number_above_zero(plan_of, value):
    with pytest.raises(SpecError, match="needs a"):
        plan_of(saturation=value)
