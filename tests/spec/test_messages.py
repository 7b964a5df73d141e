"""What a mistake in a spec is called: what is needed, what was given, and the nearest name."""

import math

import pytest
from pydantic import ValidationError

from initlab.errors import SpecError
from initlab.spec.messages import SENTENCES, owner_of, wording
from initlab.spec.model import Grid, Head

BASE = {"depth": 3, "width": 4, "activation": "tanh", "init": "kaiming_normal"}


def problems(fields, model=Grid):
    """pydantic's errors of a spec with these fields, or of a head."""
    with pytest.raises(ValidationError) as error:
        model.model_validate({**BASE, **fields} if model is Grid else fields)
    return error.value.errors()


def said(fields, model=Grid):
    (problem,) = problems(fields, model)
    return wording(problem)


# pydantic's errors ------------------------------------------------------------------------------

KINDS = [
    ("int_type", Grid, {"depth": 2.5}, "needs a whole number, got 2.5"),
    (
        "float_type",
        Grid,
        {"init": {"scheme": "normal", "std": [2, "x"]}},
        "needs a number, got 'x'",
    ),
    (
        "bool_type",
        Grid,
        {"loss": {"name": "kl_div", "log_target": 1}},
        "needs true or false, got 1",
    ),
    ("string_type", Head, {"name": 5}, "needs text, got 5"),
    (
        "list_type",
        Grid,
        {"depth": None, "width": None, "shape": [[3, 4], 5]},
        "needs a list, got 5",
    ),
    (
        "model_type",
        Head,
        {"thresholds": 3},
        "needs a mapping, as in {vanishing: 0.001}, got 3",
    ),
    (
        "finite_number",
        Grid,
        {"init": {"scheme": "normal", "std": math.nan}},
        "needs a finite number, got nan",
    ),
    ("greater_than", Head, {"thresholds": {"vanishing": 0}}, "needs a number > 0, got 0"),
    ("greater_than_equal", Grid, {"depth": 0}, "needs a number >= 1, got 0"),
    (
        "less_than",
        Grid,
        {"init": {"scheme": "sparse", "sparsity": 1}},
        "needs a number < 1, got 1",
    ),
    ("less_than_equal", Grid, {"width": 1_000_001}, "needs a number <= 1e+06, got 1000001"),
    (
        "too_short",
        Grid,
        {"depth": None, "width": None, "shape": [3]},
        "needs at least 2 entries",
    ),
    (
        "string_too_long",
        Head,
        {"name": "x" * 101},
        f"needs at most 100 characters, got '{'x' * 56}...",
    ),
    (
        "string_pattern_mismatch",
        Head,
        {"name": "a/b"},
        "needs letters, digits, '.', '_' and '-' only, got 'a/b'",
    ),
    ("literal_error", Grid, {"draws": "none"}, "needs one of 'layered' or 'script', got 'none'"),
]


@pytest.mark.parametrize(("kind", "model", "fields", "sentence"), KINDS, ids=[k for k, *_ in KINDS])
def test_an_error_of_pydantic_s_is_one_sentence(kind, model, fields, sentence):
    (problem,) = problems(fields, model)
    assert problem["type"] == kind
    assert wording(problem) == sentence


def test_every_sentence_is_tested():
    assert sorted(kind for kind, *_ in KINDS) == sorted(SENTENCES)


def test_a_sentence_of_our_own_is_left_as_it_is():
    sentence = "say how biases are drawn: {std: 0.05}, zeros or torch_default"
    assert said({"bias": True}) == sentence


# what was given ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "words"), [(None, "null"), (True, "true"), (False, "false"), ("None", "'None'")]
)
def test_a_value_is_repeated_as_yaml_has_it(value, words):
    assert said({"batch": value}) == f"needs a whole number, got {words}"


@pytest.mark.parametrize(
    ("text", "quoted"),
    [("3", True), ("0", True), ("1e3", True), ("three", False), ("3 4", False), ("", False)],
)
def test_a_number_in_quotes_is_told_to_leave_them_out(text, quoted):
    fix = " (leave out the quotes)" if quoted else ""
    assert said({"depth": text}) == f"needs a whole number, got {text!r}{fix}"
    scheme = {"scheme": "normal", "std": text}
    assert said({"init": scheme}) == f"needs a number, got {text!r}{fix}"


def test_quotes_are_no_matter_where_text_is_needed():
    assert said({"dtype": "16"}).endswith(", got '16'")


@pytest.mark.parametrize(("letters", "shown"), [(58, "x" * 58 + "'"), (59, "x" * 56 + "...")])
def test_a_value_of_more_than_60_characters_is_cut(letters, shown):
    # with its two quotes, 58 letters are 60 characters
    assert said({"draws": "x" * letters}).endswith(f"got '{shown}")


@pytest.mark.parametrize(
    ("path", "owner", "inside"),
    [
        (("last", "init", 0, "normal", "std"), "last", ("init", 0, "normal", "std")),
        (("first",), "first", ()),
        (("layers", "5-9", "bias"), "layers.5-9", ("bias",)),
        (("layers",), "", ("layers",)),  # about none in particular
        (("init", 0), "", ("init", 0)),
    ],
)
def test_which_layers_a_path_is_about(path, owner, inside):
    assert owner_of(path) == (owner, inside)


# what is missing --------------------------------------------------------------------------------


def test_what_is_missing_is_named_with_what_needs_it():
    for missing, words in (
        ({"init": "he"}, "a spec needs activation"),
        ({"activation": "tanh"}, "a spec needs init, or a preset that says it"),
    ):
        with pytest.raises(ValidationError) as error:
            Grid.model_validate({"depth": 3, "width": 4, **missing})
        assert [wording(problem) for problem in error.value.errors()] == [words]
    assert said({"init": "sparse"}) == "sparse needs sparsity"


# unknown keys -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        ("bath", "a spec has no 'bath'; did you mean batch?"),
        ("Seed", "a spec has no 'Seed'; did you mean seeds?"),
        ("dpeth", "a spec has no 'dpeth'; did you mean depth or width?"),  # two at most
        ("name", "'name' stands at the top of a spec, for all of its cases"),
        ("std", "'std' stands inside init, as in init: {..., std: ...}"),  # of bias and input, too
        ("alpha", "'alpha' stands inside activation, as in activation: {..., alpha: ...}"),
        ("low", "'low' stands inside input, as in input: {..., low: ...}"),
        ("margin", "'margin' stands inside loss, as in loss: {..., margin: ...}"),
        ("pos_weight", "'pos_weight' is a tensor, which a spec cannot give; initlab loss takes it"),
    ],
)
def test_an_unknown_field_is_told_where_it_belongs(key, sentence):
    assert said({key: 1}) == sentence


def test_a_field_that_is_like_no_other_is_told_all_that_there_are():
    words, _, listed = said({"zzz": 1}).partition("; it takes ")
    assert words == "a spec has no 'zzz'"
    assert sorted(listed.split(", ")) == sorted([*Grid.model_fields, *Head.model_fields, "cases"])


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"bias": {"sdt": 1}}, "normal has no 'sdt'; did you mean std?"),
        ({"init": {"scheme": "normal", "x": 1}}, "normal has no 'x'; it takes mean, std"),
        # by its own name, where an alias was given
        (
            {"init": {"scheme": "he", "gain": 2}},
            "kaiming_normal has no 'gain'; it takes a, mode, nonlinearity",
        ),
        ({"activation": {"name": "tanh", "x": 1}}, "tanh has no 'x'; it takes no parameters"),
    ],
)
def test_an_unknown_parameter_is_told_what_its_record_takes(fields, sentence):
    assert said(fields) == sentence


@pytest.mark.parametrize(
    ("key", "instead"),
    [("vanish", "did you mean vanishing?"), ("x", "it takes vanishing, exploding")],
)
def test_an_unknown_threshold_is_told_the_two(key, instead):
    assert said({"thresholds": {key: 1}}, Head) == f"thresholds has no {key!r}; {instead}"


def test_what_a_tensor_s_loss_takes_is_told_without_the_tensor(plan_of):
    with pytest.raises(SpecError, match="huber has no 'weigth'; it takes delta"):
        plan_of(loss={"name": "huber", "weigth": [1]})
    with pytest.raises(SpecError, match="l1 has no 'beta'; it takes no parameters"):
        plan_of(loss={"name": "l1", "beta": 1})
