"""A list that looks as if it were per layer is told, with the form that means it."""

import pytest
import yaml

from initlab import load_plan

SHAPE = {"shape": [20, 16, 16, 16, 4], "init": "he"}
PER_LAYER = ["relu", "relu", {"name": "leaky_relu", "negative_slope": 0.3}, "identity"]


def advised(hint):
    """The mapping that a hint says to write."""
    return yaml.safe_load(hint[hint.index("layers: {") :])["layers"]


def test_the_advice_gives_every_layer_its_own():
    plan = load_plan({**SHAPE, "activation": PER_LAYER})
    assert len(plan.runs) == 3  # an axis all the same; relu twice is relu once
    (hint,) = plan.hints
    assert hint.startswith("activation: a list is an axis, of 4 values here")
    other = load_plan({**SHAPE, "activation": "tanh", "layers": advised(hint)})
    (run,) = other.runs
    names = [layer.activation.name for layer in run.layers]
    assert names == ["relu", "relu", "leaky_relu", "identity"]
    assert run.layers[2].activation.parameters == {"negative_slope": 0.3}
    assert other.hints == ()


@pytest.mark.parametrize(
    ("field", "values"),
    [("init", ["he", "he", "xavier_normal", "orthogonal"]), ("bias", ["none", "zeros"] * 2)],
)
def test_initialisers_and_biases_too(field, values):
    (hint,) = load_plan({**SHAPE, "activation": "tanh", field: values}).hints
    (run,) = load_plan({**SHAPE, "activation": "tanh", "layers": advised(hint)}).runs
    texts = [choice and choice.name for choice in (getattr(x, field) for x in run.layers)]
    canonical = {"he": "kaiming_normal", "none": None}
    assert texts == [canonical.get(value, value) for value in values]


@pytest.mark.parametrize(
    "fields",
    [
        {"activation": ["relu", "tanh"]},  # not as many as layers
        {"activation": "relu", "seeds": 4},  # seeds are never per layer
        {"activation": "relu", "batch": [1, 2, 3, 4]},
        {"activation": "relu", "shape": [20, 16]},  # one layer, one value
    ],
)
def test_other_lists_say_nothing(fields):
    assert load_plan({**SHAPE, **fields}).hints == ()


def test_depth_and_width_say_nothing():
    plan = load_plan({"depth": 2, "width": 8, "init": "he", "activation": ["relu", "tanh"]})
    assert plan.hints == ()
