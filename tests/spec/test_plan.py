"""Plans: which runs use the same random numbers, and the columns of their fields."""

import itertools

import pytest

from initlab.spec.plan import MOST_TOGETHER, TOGETHER_BYTES
from initlab.spec.shares import SEEDS_BYTES, draw_bytes, run_bytes


def share_count(plan, jobs=1):
    return len(plan.shares(jobs))


# shares -----------------------------------------------------------------------------------------

NORMALS = [
    "xavier_normal",
    "kaiming_normal",
    "lecun_normal",
    {"scheme": "normal", "mean": 0.5, "std": [0.1, 7]},
    {"scheme": "scaled_normal", "sigma_w": [1, 2]},
    {"scheme": "xavier_normal", "gain": ["auto", "tanh", 3]},
]


@pytest.mark.parametrize(
    "fields",
    [
        {"init": NORMALS},
        {"init": ["xavier_uniform", "he_uniform", {"scheme": "uniform", "a": -3, "b": 1}]},
        {"activation": ["tanh", "relu", {"name": "elu", "alpha": [1, 2]}]},
        {"loss": ["mse", "cross_entropy"], "reduction": ["none", "sum", "mean"]},
        {"bias": [{"std": [0.1, 0.2]}, {"mean": 3}]},
        {"init": ["zeros", {"scheme": "constant", "value": [1, 2]}]},
        {"init": {"scheme": "orthogonal", "gain": [1, 2]}},
        {"init": {"scheme": "sparse", "sparsity": 0.5, "std": [1, 2]}},
    ],
)
def test_runs_that_differ_in_scale_activation_or_loss_share_their_draws(plan_of, fields):
    plan = plan_of(**fields)
    assert len(plan.runs) > 1
    assert share_count(plan) == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"depth": [2, 3]},
        {"width": [2, 3]},
        {"shape": [[4, 5], [5, 4]]},
        {"batch": [2, 3]},
        {"dtype": ["float32", "float64"]},
        {"dtype": ["float32", "float16"]},
        {"record": ["both", "forward"]},
        {"draws": ["layered", "script"]},
        {"input": ["normal", {"name": "normal", "std": 2}]},
        {"input": ["normal", "uniform"]},
        {"init": ["xavier_normal", "xavier_uniform"]},
        {"init": ["orthogonal", "normal"]},
        {"init": ["identity", "zeros"]},
        {"init": {"scheme": "sparse", "sparsity": [0.5, 0.6]}},
        {"init": {"scheme": "trunc_normal", "std": [1, 2]}},  # the cuts are absolute
        {"bias": ["none", "normal"]},
        {"bias": ["normal", "uniform"]},
    ],
)
def test_runs_that_need_other_random_numbers_do_not_share(plan_of, fields):
    plan = plan_of(**fields)
    assert len(plan.runs) == 2
    assert share_count(plan) == 2


def test_a_script_s_constructor_draws_are_not_those_of_a_later_init(plan_of):
    # nn.Linear draws torch_default itself; xavier_uniform draws again after it
    both = ["torch_default", "xavier_uniform"]
    bias = "torch_default"
    assert share_count(plan_of(init=both, bias=bias, draws="layered")) == 1
    assert share_count(plan_of(init=both, bias=bias, draws="script")) == 2


@pytest.mark.parametrize("jobs", [1, 2, 3, 8])
def test_shares_hold_every_run_once(plan_of, jobs):
    plan = plan_of(init=NORMALS, activation=["tanh", "relu"], seeds=7, depth=[2, 5])
    held = sorted(index for share in plan.shares(jobs) for index, _ in share.runs)
    assert held == list(range(len(plan.runs)))
    for share in plan.shares(jobs):
        assert {run.block_key for _, run in share.runs} == {share.first.block_key}
        assert all(plan.runs[index] is run for index, run in share.runs)


def test_seeds_stand_side_by_side_while_their_draws_are_small(plan_of):
    plan = plan_of(depth=100, width=256, seeds=16)  # 100 (256^2 + 256) 4 bytes: 25 MiB of draws
    most = SEEDS_BYTES // draw_bytes(plan.runs[0])
    assert most == 5
    assert [len(share.runs) for share in plan.shares()] == [5, 5, 5, 1]
    assert [len(share.runs) for share in plan.shares(jobs=8)] == [2] * 8
    (share,) = plan_of(depth=100, width=10, seeds=16).shares()
    assert share.draw_bytes == 16 * draw_bytes(share.first)


def test_a_seed_is_cut_only_where_it_is_too_large_by_itself(plan_of):
    plan = plan_of(activation=["tanh", "relu", "gelu"], seeds=4)  # runs of a seed follow each other
    assert [len(share.runs) for share in plan.shares(jobs=3)] == [3, 3, 3, 3]  # 4 would be fair
    assert [len(share.runs) for share in plan.shares(jobs=12)] == [1] * 12


def test_a_share_is_bounded_in_number_and_in_memory(plan_of):
    many = plan_of(init={"scheme": "normal", "std": {"from": 1, "to": 9, "steps": 200}})
    assert max(len(share.runs) for share in many.shares()) == MOST_TOGETHER
    deep = plan_of(init=NORMALS, depth=1000, width=300, batch=100)
    for share in deep.shares():
        stash = sum(run_bytes(run) for _, run in share.runs)
        assert stash <= TOGETHER_BYTES or len(share.runs) == 1


def test_one_run_larger_than_every_bound_is_still_a_share(plan_of):
    plan = plan_of(depth=5000, width=5000, batch=500)
    (share,) = plan.shares()
    assert run_bytes(share.first) > TOGETHER_BYTES
    assert len(share.runs) == 1


# memory and cost --------------------------------------------------------------------------------


# columns ----------------------------------------------------------------------------------------


def test_every_run_has_every_column(plan_of):
    plan = plan_of(
        init=["normal", "xavier_normal"], activation=["tanh", "elu"], bias=["none", "zeros"]
    )
    assert len({tuple(cells) for cells in plan.cells}) == 1
    first, last = plan.cells[0], plan.cells[-1]
    assert (first["init.std"], first["init.gain"], first["bias"]) == (1.0, None, None)
    assert (last["init.std"], last["init.gain"], last["bias"]) == (None, 1.0, "zeros")
    assert last["activation.alpha"] == 1.0


def test_parameters_stand_behind_their_field(plan_of):
    fields = plan_of(init=["he", "normal"], bias="normal").fields
    at = fields.index("init")
    assert fields[at + 1 : at + 6] == [
        "init.a",
        "init.mode",
        "init.nonlinearity",
        "init.mean",
        "init.std",
    ]
    assert fields[fields.index("bias") + 1 :][:2] == ["bias.mean", "bias.std"]


def test_a_later_parameter_is_a_column_as_soon_as_one_run_sets_it(plan_of):
    inits = ["lecun_normal", {"scheme": "lecun_uniform", "fan": "in"}]
    assert "init.fan" not in plan_of(init=inits).fields
    inits += [{"scheme": "lecun_normal", "fan": "geo"}, "xavier_normal"]
    plan = plan_of(init=inits, last={"activation": ["tanh", {"name": "sin", "omega": [1, 30]}]})
    # at its default where the record has it and nobody sets it; empty where it has none
    by_init = [cells["init.fan"] for cells in plan.cells[::3]]
    assert by_init == ["in", "in", "geo", None]
    assert [cells["last.activation.omega"] for cells in plan.cells[:3]] == [None, 1.0, 30.0]
    assert plan.fields.index("init.fan") > plan.fields.index("init.gain")


def test_a_later_parameter_without_a_default_is_empty_where_nobody_sets_it(plan_of):
    plain, scaled = ({"scheme": "sparse", "sparsity": 0.5, **more} for more in ({}, {"gain": 2}))
    assert "init.gain" not in plan_of(init=plain).fields
    assert [cells["init.gain"] for cells in plan_of(init=[plain, scaled]).cells] == [None, 2.0]


def test_axes_are_the_columns_in_which_runs_differ(plan_of):
    assert plan_of(seeds=5).axes == []
    assert plan_of(depth=[2, 3], seeds=5).axes == ["depth"]
    assert plan_of(init={"scheme": "normal", "std": [1, 2]}).axes == ["init.std"]
    assert plan_of(init=["normal", "he"]).axes[0] == "init"
    assert plan_of(shape=[[3, 3], [3, 4]]).axes == ["width", "shape"]


def test_shapes_are_columns_of_width_or_of_text(plan_of):
    uniform, mixed = plan_of(shape=[[3, 3, 3], [3, 4]]).cells
    assert (uniform["depth"], uniform["width"], uniform["shape"]) == (2, 3, None)
    assert (mixed["depth"], mixed["width"], mixed["shape"]) == (1, None, "3x4")


def test_different_points_have_different_columns(plan_of):
    plan = plan_of(
        init=[
            "normal",
            {"scheme": "normal", "std": 2},
            {"scheme": "xavier_normal", "gain": [2, "auto"]},
        ],
        bias=["none", "zeros", {"std": 0.5}],
        shape=[[3, 4], [4, 4], [4, 3]],
        loss=["mse", "ce"],
    )
    assert not [a for a, b in itertools.combinations(plan.cells, 2) if a == b]
    assert len(plan.runs) == 4 * 3 * 3 * 2


def test_what_layers_have_of_their_own_stands_between_bias_and_loss(plan_of):
    plan = plan_of(
        depth=4,
        last={"activation": "identity", "init": {"scheme": "orthogonal", "gain": [0.01, 1]}},
        layers={1: {"bias": "none"}},
        first={"activation": {"name": "leaky_relu", "negative_slope": 0.1}},
    )
    fields = plan.fields[plan.fields.index("bias") + 1 : plan.fields.index("loss")]
    assert fields == [
        "first.activation", "first.activation.negative_slope", "layers.1.bias",
        "last.activation", "last.init", "last.init.gain", "last.bias",
    ]  # fmt: skip
    assert plan.axes == ["last.init.gain"]
    assert [plan.cells[0][name] for name in fields] == [
        "leaky_relu", 0.1, "none", "identity", "orthogonal", 0.01, "none"
    ]  # fmt: skip


def test_a_plan_whose_layers_are_alike_has_no_column_for_what_they_are_not(plan_of):
    assert not {"first", "last", "layers", "target", "saturation", "overrides"} & {
        name.partition(".")[0] for name in plan_of(depth=[1, 2]).fields
    }


def test_runs_whose_layers_draw_alike_share_their_draws(plan_of):
    head = {"scheme": "orthogonal", "gain": [0.01, 1]}
    heads = {"activation": ["identity", "tanh"], "init": head, "bias": {"std": [0.1, 0.2]}}
    assert share_count(plan_of(depth=3, activation=["tanh", "relu"], last=heads)) == 1
    assert share_count(plan_of(depth=3, last={"init": ["orthogonal", "he"]})) == 2
    assert share_count(plan_of(depth=3, last={"bias": ["none", "zeros"]})) == 2
