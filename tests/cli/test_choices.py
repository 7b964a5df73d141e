"""Lists of records as one types them."""

import pytest

from initlab.catalog import ACTIVATIONS, LOSSES
from initlab.cli.choices import choices
from initlab.errors import InputError, UnknownName
from initlab.spec.run import Choice


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mse", [Choice("mse")]),
        (" l1 , mse,", [Choice("l1"), Choice("mse")]),
        ("mae,MSE", [Choice("l1"), Choice("mse")]),
        ("huber(delta=2)", [Choice("huber", (("delta", 2.0),))]),
        ("huber( delta = 2 ),mse", [Choice("huber", (("delta", 2.0),)), Choice("mse")]),
        ("multi_margin(p=2,margin=0.5)", [Choice("multi_margin", (("p", 2), ("margin", 0.5)))]),
        ("huber()", [Choice("huber")]),
        ("bce_with_logits(pos_weight=3)", [Choice("bce_with_logits", (("pos_weight", 3.0),))]),
    ],
)
def test_names_with_options(text, expected):
    assert choices(text, "--loss", LOSSES) == expected


@pytest.mark.parametrize(
    ("text", "kind", "message", "fix"),
    [
        ("hubre", UnknownName, "huber", "initlab list losses"),
        ("huber(detla=1)", UnknownName, "delta", "initlab describe huber"),
        ("huber(delta=0)", InputError, "above 0", "--loss 'huber(delta=1.0)'"),
        ("huber(delta=x)", InputError, "number", "--loss 'huber(delta=1.0)'"),
        ("huber(delta=2", InputError, "not closed", "--loss 'huber(delta=2)'"),
        ("huber(delta)", InputError, "needs a value", "--loss huber delta=VALUE"),
        (" , ", InputError, "needs a name", "initlab list losses"),
    ],
)
def test_what_cannot_be_meant_is_refused(text, kind, message, fix):
    with pytest.raises(kind, match=message) as refused:
        choices(text, "--loss", LOSSES)
    assert refused.value.fix == fix


def test_activations_have_parameters():
    (choice,) = choices("leaky_relu(negative_slope=0.2)", "--activation", ACTIVATIONS)
    assert choice.parameters == {"negative_slope": 0.2}
