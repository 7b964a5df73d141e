"""From a spec to runs: products, order, duplicates, limits, and runs that cannot be built."""

import itertools

import pytest

from initlab import load_plan
from initlab.catalog import LOSSES, SCHEMES
from initlab.errors import InputError, SpecError


def seeds_and_depths(plan):
    return [(run.depth, run.seed) for run in plan.runs]


# products ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "count", "text"),
    [
        ({}, 1, "1 run"),
        ({"seeds": 5}, 5, "5 seeds = 5 runs"),
        ({"depth": [2, 3], "seeds": 5}, 10, "2 depth x 5 seeds = 10 runs"),
        (
            {"activation": ["tanh", "relu", "elu"], "init": ["he", "normal"], "seeds": 4},
            24,
            "3 activation x 2 init x 4 seeds = 24 runs",
        ),
        # a range of 3 in one scheme, and one other scheme
        (
            {"init": [{"scheme": "normal", "std": {"from": 1, "to": 3, "steps": 3}}, "he"]},
            4,
            "4 init = 4 runs",
        ),
        # 2 means x 3 stds
        ({"init": {"scheme": "normal", "mean": [0, 1], "std": [1, 2, 3]}}, 6, "6 init = 6 runs"),
        ({"bias": ["none", {"std": [0.1, 0.2]}]}, 3, "3 bias = 3 runs"),
        ({"cases": [{"depth": 2}, {"depth": [3, 4], "seeds": 2}]}, 5, "1 + 2 depth x 2 seeds = 5"),
        ({"seeds": 2000}, 2000, "2000 seeds = 2,000 runs"),
        # what is said twice is run once
        ({"depth": [3, 3]}, 1, "2 depth = 2 runs, 1 of them different"),
        ({"seeds": [1, 2, 1]}, 2, "3 seeds = 3 runs, 2 of them different"),
        ({"init": ["he", "kaiming_normal"]}, 1, "2 init = 2 runs, 1 of them different"),
        (
            {"cases": [{"seeds": 3}, {"seeds": 5}]},
            5,
            "3 seeds + 5 seeds = 8 runs, 5 of them different",
        ),
    ],
)
def test_axes_multiply_and_cases_add_up(plan_of, fields, count, text):
    plan = plan_of(**fields)
    assert len(plan.runs) == count
    assert plan.product.startswith(text)


def test_runs_come_in_the_order_of_the_spec_and_seeds_turn_fastest(plan_of):
    plan = plan_of(depth=[5, 2], activation=["relu", "tanh"], seeds=[3, 1])
    assert [(run.depth, run.activation.name, run.seed) for run in plan.runs] == [
        *itertools.product([5, 2], ["relu", "tanh"], [3, 1])
    ]


def test_every_combination_of_parameters_is_one_run(plan_of):
    plan = plan_of(init={"scheme": "uniform", "a": [-2, -1], "b": [1, 2]})
    assert [(run.init.parameters["a"], run.init.parameters["b"]) for run in plan.runs] == [
        (-2, 1),
        (-2, 2),
        (-1, 1),
        (-1, 2),
    ]


def test_depths_and_widths_multiply_and_shapes_do_not(plan_of):
    assert [run.shape for run in plan_of(depth=[1, 2], width=[3, 4]).runs] == [
        (3, 3),
        (4, 4),
        (3, 3, 3),
        (4, 4, 4),
    ]
    assert [run.shape for run in plan_of(shape=[[3, 4], [5, 6, 7]]).runs] == [(3, 4), (5, 6, 7)]


def test_a_shape_that_says_what_depth_and_width_say_is_the_same_run(plan_of):
    cases = [{"depth": 2, "width": 3}, {"shape": [3, 3, 3]}]
    assert len(plan_of(cases=cases).runs) == 1


# limits -----------------------------------------------------------------------------------------


def test_a_grid_above_the_limit_is_refused_before_it_is_made():
    spec = {"depth": 3, "width": 4, "activation": "tanh", "init": "he"}
    axis = {"from": 0.1, "to": 1, "steps": 100_000}
    huge = {**spec, "init": {"scheme": "normal", "mean": axis, "std": axis}}  # 10^10 runs
    with pytest.raises(InputError, match=r"10,000,000,000 runs; --max-runs allows 10,000") as error:
        load_plan(huge)
    assert error.value.fix == "--max-runs 10000000000"


def test_the_limit_counts_every_run():
    spec = {"depth": [2, 3], "width": 4, "activation": "tanh", "init": "he", "seeds": 5}
    assert len(load_plan(spec, max_runs=10).runs) == 10
    with pytest.raises(InputError, match="--max-runs allows 9"):
        load_plan(spec, max_runs=9)


# runs that cannot be built ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"width": 1, "batch": 1}, "a std needs two values"),
        (
            {"width": 1, "loss": "cross_entropy"},
            "cross_entropy needs at least 2 outputs, the last layer has 1",
        ),
        (
            {"batch": 2, "loss": "triplet_margin"},
            "triplet_margin needs a batch of at least 3, it has 2",
        ),
        # one frame has no label to emit
        ({"batch": 1, "loss": "ctc"}, "ctc needs a batch of at least 2, it has 1"),
        ({"loss": {"name": "ctc", "blank": 4}}, r"loss.blank: the last layer has 4 .* 0\.\.3"),
        ({"shape": [9, 9, 3], "loss": {"name": "ctc", "blank": [2, 3]}}, r"valid are 0\.\.2"),
        ({"shape": [5, 5, 1], "loss": "ce"}, "at least 2 outputs"),
        ({"shape": [5, 1, 5], "batch": 1}, "a std needs two values"),
        ({"init": {"scheme": "uniform", "a": 1, "b": 1}}, "needs a < b, got a=1 and b=1"),
        ({"init": {"scheme": "trunc_normal", "a": 3}}, "needs a < b"),
        ({"bias": {"scheme": "uniform", "a": 2}}, "needs a < b"),
        ({"input": {"name": "uniform", "low": 1}}, "low < high"),
        ({"input": "correlated", "batch": 5}, "5 is odd"),
    ],
)
def test_a_combination_that_cannot_be_built_is_refused(plan_of, fields, message):
    with pytest.raises(SpecError, match=message):
        plan_of(**fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"width": 1},
        {"depth": 1, "width": 2, "batch": 1},
        {"shape": [1, 2], "batch": 1},
        {"width": 2, "loss": "cross_entropy"},
        {"input": "correlated", "batch": 2},
        {"loss": {"name": "ctc", "blank": 3}},  # of 4 outputs
    ],
)
def test_the_smallest_networks_are_planned(plan_of, fields):
    assert len(plan_of(**fields).runs) == 1


@pytest.mark.parametrize("name", list(LOSSES))
def test_a_loss_is_refused_below_what_it_compares_and_planned_from_there(plan_of, name):
    batch, outputs = LOSSES[name].least
    wide = {"shape": [4, outputs], "loss": name}
    assert len(plan_of(**wide, batch=max(batch, 2 // outputs)).runs) == 1  # a std needs 2 values
    if batch > 1:
        with pytest.raises(SpecError, match=f"{name} needs a batch of at least {batch}, it has"):
            plan_of(**wide, batch=batch - 1)
    if outputs > 1:
        with pytest.raises(SpecError, match=f"{name} needs at least {outputs} outputs"):
            plan_of(shape=[4, outputs - 1], loss=name)


def test_every_combination_that_fails_is_told_once(plan_of):
    with pytest.raises(SpecError) as error:
        plan_of(init={"scheme": "uniform", "a": [3, 4], "b": [1, 9]}, seeds=10)
    found = [problem.message for problem in error.value.problems]
    assert found == ["uniform needs a < b, got a=3 and b=1", "uniform needs a < b, got a=4 and b=1"]


@pytest.mark.parametrize("name", sorted(SCHEMES))
def test_every_scheme_is_planned_with_the_bias_it_brings(plan_of, name):
    given = {p.name: 0.5 for p in SCHEMES[name].parameters if p.required}
    (run,) = plan_of(init={"scheme": name, **given}).runs
    assert run.init.parameters == {**SCHEMES[name].defaults, **given}
    assert (run.bias.name if run.bias else None) == SCHEMES[name].bias


# layers that differ -----------------------------------------------------------------------------


def names_of(run, field):
    choices = [getattr(layer, field) for layer in run.layers]
    return [choice and choice.name for choice in choices]


def test_a_layer_takes_what_is_said_of_it_and_else_what_all_have(plan_of):
    (run,) = plan_of(
        depth=6,
        width=3,
        activation="tanh",
        init="he",
        bias={"std": 0.1},
        layers={1: {"activation": "relu"}, "2-4": {"init": "orthogonal", "bias": "none"}},
        first={"init": "lecun_normal"},
        last={"activation": "identity", "bias": "zeros"},
    ).runs
    assert names_of(run, "activation") == ["tanh", "relu", "tanh", "tanh", "tanh", "identity"]
    assert names_of(run, "init") == [
        "lecun_normal", "kaiming_normal", "orthogonal", "orthogonal", "orthogonal", "kaiming_normal"
    ]  # fmt: skip
    assert names_of(run, "bias") == ["normal", "normal", None, None, None, "zeros"]


def test_first_and_last_win_over_layers_and_the_last_over_the_first(plan_of):
    said = {"layers": {"0-1": {"activation": "relu"}}, "last": {"activation": "gelu"}}
    deep, shallow = plan_of(depth=[2, 1], first={"activation": "silu"}, **said, cases=[
        {"depth": 2}, {"depth": 1, "layers": {0: {"activation": "relu"}}}]).runs  # fmt: skip
    assert names_of(deep, "activation") == ["silu", "gelu"]
    assert names_of(shallow, "activation") == ["gelu"]


def test_every_key_of_a_layer_is_an_axis(plan_of):
    plan = plan_of(
        depth=3,
        last={
            "activation": ["identity", "tanh"],
            "init": {"scheme": "orthogonal", "gain": [0.01, 0.1, 1]},
            "bias": ["none", {"std": [0.1, 0.2]}],
        },
        layers={1: {"activation": ["relu", "elu"]}},
    )
    # 2 activations x 3 gains x 3 biases x 2 activations of layer 1
    assert len(set(plan.runs)) == 36
    assert "2 layers.1.activation x 2 last.activation x 3 last.init x 3 last.bias" in plan.product


def test_layers_of_which_nothing_is_said_are_like_all_others(plan_of):
    assert plan_of(depth=3, last={}, first={}, layers={1: {}}).runs == plan_of(depth=3).runs


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        # an initialiser brings its bias along, as everywhere
        ({"init": "he", "last": {"init": "torch_default"}}, [None, None, "torch_default"]),
        ({"init": "torch_default", "last": {"init": "he"}}, ["torch_default"] * 2 + [None]),
        ({"init": "he", "bias": "zeros", "last": {"init": "torch_default"}}, ["zeros"] * 3),
        (
            {"init": "torch_default", "last": {"bias": "none"}},
            ["torch_default", "torch_default", None],
        ),
        ({"init": "torch_default", "last": {"activation": "relu"}}, ["torch_default"] * 3),
    ],
)
def test_the_bias_of_a_layer_that_says_none(plan_of, fields, expected):
    (run,) = plan_of(depth=3, **fields).runs
    assert names_of(run, "bias") == expected


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"layers": {3: {"activation": "relu"}}}, r"layers\.3: there is no layer 3.*0\.\.2"),
        ({"layers": {"1-7": {"activation": "relu"}}}, "there is no layer 7"),
        ({"layers": {"2-1": {"activation": "relu"}}}, "2-1 ends before it begins"),
        ({"layers": {"1-2": {}, 2: {}}}, "layer 2 is named twice, by 1-2 and 2"),
        ({"layers": {-1: {}}}, "counted from 0; got -1"),
        ({"layers": {"one": {}}}, "counted from 0; got one"),
        ({"layers": [{"activation": "relu"}]}, "needs a mapping"),
        ({"last": {"init": {"scheme": "uniform", "a": 2}}}, r"last\.init.*: uniform needs a < b"),
        (
            {"layers": {1: {"bias": {"scheme": "uniform", "a": 2}}}},
            r"layers\.1\.bias: uniform needs",
        ),
    ],
)
def test_layers_that_cannot_be_built_are_refused(plan_of, fields, message):
    with pytest.raises(SpecError, match=message):
        plan_of(**{"depth": 3, **fields})
