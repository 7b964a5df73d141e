"""Residual sums, norms and dropout, forward and back, against plain modules with autograd.

`plain_blocks.py` builds the same network of torch's own modules, from what the spec says.
"""

import numpy as np
import pytest
import torch
from helpers import in_memory
from plain_blocks import columns_of
from torch import nn

from initlab import load_plan
from initlab.catalog.columns import MORE, STREAMS, columns
from initlab.network.blocks import Norm
from initlab.network.measurement import BACKWARD, FORWARD
from initlab.network.propagate import measure
from initlab.spec.run import Choice
from initlab.spec.shares import Share

DEPTH, WIDTH, BATCH = 20, 9, 7
RELATIVE = 1e-9  # the rule is 1e-5; float64 through 20 layers does better
ROUNDING = 1e-12  # of the size of what a column is computed from: a std below that is rounding
STREAM = columns("layers", *STREAMS)


def measured(plan):
    outcomes, _ = in_memory(plan, theory=False)
    assert {(outcome.status, outcome.reason) for outcome in outcomes} == {("ok", "")}
    return zip(plan.runs, [outcome.measurement for outcome in outcomes], strict=True)


def table(m):
    """Every measured column by name, each (L,)."""
    found = dict(zip([*FORWARD, *BACKWARD], np.hstack([m.forward, m.backward]).T, strict=True))
    return found | (dict(zip(MORE, m.more.T, strict=True)) if m.more is not None else {})


def check(run, m, *, relative=RELATIVE, rounding=ROUNDING):
    loss, expected = columns_of(run)
    found, wrong = table(m), []
    for layer, of_layer in enumerate(expected):
        for name, (value, size) in of_layer.items():
            got = found[name][layer]
            same = np.isnan(got) and np.isnan(value)
            if not same and not abs(got - value) <= relative * abs(value) + rounding * size:
                wrong.append(f"layer {layer} {name}: {got!r}, plain torch {value!r}")
        if m.more is not None and "stream_rms" not in of_layer:
            assert np.isnan([found[name][layer] for name in STREAM]).all()
    assert not wrong, f"{run.residual} {run.norm} {run.dropout}\n" + "\n".join(wrong)
    assert m.loss_value == pytest.approx(loss, rel=max(relative, rounding))


def check_all(**fields):
    plan = load_plan({"dtype": "float64", "band": 0, "init": "lecun_normal", **fields})
    for run, m in measured(plan):
        check(run, m)
    return plan


RESIDUALS = {
    "none": "none",
    "every 1": 1,
    "every 2": {"every": 2, "scale": 0.5, "skip": 0.8},
    "every 3, activation": {"every": 3, "branch": "activation"},
    "every 2, after_sum": {"every": 2, "branch": "after_sum"},
}
NORMS = ["none", "layer", "rms", "batch"]


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("residual", RESIDUALS)
def test_every_sum_with_every_norm_at_every_place(residual, norm):
    places = ["before_activation", "after_activation"]
    places += [] if residual == "none" else ["pre", "post"]
    check_all(
        depth=DEPTH, width=WIDTH, batch=BATCH, dropout=[0, 0.2],
        activation=["relu", "tanh", "gelu"], residual=RESIDUALS[residual],
        norm="none" if norm == "none" else {"name": norm, "place": places},
    )  # fmt: skip


# 20 layers: stem and head of `first:` and `last:`, or of widths; 18 layers between them hold 6
# branches of 3, or 4 of 4 with 2 left over
@pytest.mark.parametrize("every", [3, 4])
@pytest.mark.parametrize(
    "fields",
    [
        {"depth": DEPTH, "width": WIDTH, "last": {"activation": "identity"}},
        {"depth": DEPTH, "width": WIDTH, "first": {"bias": {"std": 0.3}}},
        {"shape": [5, *[WIDTH] * 19, 4], "loss": "cross_entropy"},
        {"shape": [5, *[WIDTH] * 20], "layers": {"7-9": {"activation": "tanh"}}},
    ],
    ids=["head", "stem", "widths", "stem by width"],
)
def test_stem_head_and_what_is_left_over(fields, every):
    places = ["pre", "post", "before_activation", "after_activation"]
    plan = check_all(
        batch=BATCH, activation="relu", residual={"every": every, "scale": 0.7}, dropout=0.1,
        norm={"name": "rms", "place": places}, bias={"std": 0.1}, **fields,
    )  # fmt: skip
    inside = plan.runs[0].depth - sum(
        [
            "first" in fields or plan.runs[0].shape[0] != WIDTH,
            "last" in fields or plan.runs[0].shape[-1] != WIDTH,
        ]
    )
    assert len(plan.runs[0].structure.blocks) == inside // every


@pytest.mark.parametrize(
    "branch",
    ["linear", "activation", "after_sum"],
)
@pytest.mark.parametrize("norm", NORMS)
def test_projections_where_widths_change(branch, norm):
    # blocks of two layers: 8-12-8 keeps its width, 8-5-13 and 13-6-3 change it, and the head
    # from 3 to 2 is none
    places = ["pre", "post", "before_activation", "after_activation"]
    plan = check_all(
        shape=[8, 8, 12, 8, 5, 13, 6, 3, 2], batch=BATCH, activation=["tanh", "relu"],
        residual={"every": 2, "scale": 0.5, "skip": 1.2, "project": True, "branch": branch},
        # with an eps, as a norm of one neuron that is not 0 has a gradient of nothing but that
        norm="none" if norm == "none" else {"name": norm, "place": places, "eps": 0.1},
        dropout=[0, 0.2], bias={"std": 0.1}, first={"activation": "tanh"},
    )  # fmt: skip
    assert plan.runs[0].structure.projections(plan.runs[0].shape) == [(3, 4), (5, 6)]


@pytest.mark.parametrize("scheme", ["orthogonal", "torch_default", "xavier_uniform"])
def test_projections_have_the_law_of_their_block_s_first_layer(scheme):
    check_all(
        shape=[6, 9, 4, 4, 7], batch=3, activation="gelu", init=scheme, norm="rms",
        residual={"every": 1, "project": True}, last={"init": "xavier_normal"},
        layers={1: {"init": {"scheme": "normal", "std": 0.3}}},
    )  # fmt: skip


@pytest.mark.parametrize("reduction", ["sum", "mean"])
@pytest.mark.parametrize("loss", ["mse", "cross_entropy"])
def test_a_norm_in_front_of_the_loss(loss, reduction):
    # place: pre, and no layer after the last block
    plan = check_all(
        depth=4, width=WIDTH, batch=BATCH, activation="relu", residual=2, norm=["layer", "batch"],
        loss=loss, reduction=reduction,
    )  # fmt: skip
    assert all(run.structure.norm_last for run in plan.runs)


@pytest.mark.parametrize(("width", "batch"), [(2, 2), (2, 3), (3, 2), (31, 1), (5, 33)], ids=str)
def test_odd_widths_and_batches(width, batch):
    norms = ["layer", "rms", *(["batch"] if batch > 1 else [])]
    check_all(
        depth=6, width=width, batch=batch, activation="gelu", dropout=0.3,
        residual=[1, {"every": 2, "scale": 0.3}], bias={"std": 0.2},
        # of two values the norm is +-1 whatever they are, but for eps, and so would be gradients
        norm=[{"name": name, "eps": 0.1, "place": ["pre", "post"]} for name in norms],
    )  # fmt: skip


@pytest.mark.parametrize("scale", ["1/sqrt(L)", "1/L", 0, -0.5])
def test_scales_of_a_branch(scale):
    # (a branch times 0 still has a gradient of 0, and the stream an undisturbed one)
    plan = check_all(
        depth=8, width=WIDTH, batch=BATCH, activation="relu", norm=["none", "layer"],
        residual={"every": 2, "scale": scale},
    )  # fmt: skip
    factor = {"1/sqrt(L)": 0.5, "1/L": 0.25}.get(scale, scale)  # of 4 blocks
    assert {run.structure.scale for run in plan.runs} == {factor}


# norms ------------------------------------------------------------------------------------------

PLAIN = {
    "layer": lambda width, eps: nn.LayerNorm(width, dtype=torch.float64, **eps),
    "rms": lambda width, eps: nn.RMSNorm(width, dtype=torch.float64, **eps),
    "batch": lambda width, eps: nn.BatchNorm1d(width, dtype=torch.float64, **eps).train(),
}


@pytest.mark.parametrize("eps", [None, 0, 1e-3, 0.5])
@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_a_norm_and_its_gradient_are_torch_s(name, eps, scale):
    generator = torch.Generator().manual_seed(1)
    x_RBN = torch.randn(3, 5, 6, generator=generator, dtype=torch.float64) * scale + scale / 3
    gradient_RBN = torch.randn(3, 5, 6, generator=generator, dtype=torch.float64)
    norm = Norm(Choice(name, () if eps is None else (("eps", eps),)), x_RBN)
    back_RBN = norm.back(gradient_RBN)
    for x, y, gradient, back in zip(x_RBN, norm.y_RBN, gradient_RBN, back_RBN, strict=True):
        x = x.clone().requires_grad_()
        # (torch's batch norm refuses an eps of 0; beside these numbers the least float is none)
        plain = PLAIN[name](6, {} if eps is None else {"eps": eps or 1e-300})(x)
        plain.backward(gradient)
        torch.testing.assert_close(y, plain.detach(), rtol=1e-12, atol=1e-13)
        torch.testing.assert_close(back, x.grad, rtol=1e-11, atol=1e-13 / scale)


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_a_norm_in_low_precision_rounds_once(name, dtype):
    # its input is exact in float64, and so is all that is made of it, up to the last rounding
    x_RBN = torch.randn(2, 5, 6, generator=torch.Generator().manual_seed(2)).to(dtype)
    # nn.RMSNorm takes the epsilon of the type that it computes in, which is float32 here
    eps = {} if name != "rms" else {"eps": torch.finfo(torch.float32).eps}
    exact = torch.stack([PLAIN[name](6, eps)(x) for x in x_RBN.double()]).detach()
    found = Norm(Choice(name), x_RBN).y_RBN
    assert found.dtype == dtype
    unit = torch.finfo(dtype).eps
    torch.testing.assert_close(found.double(), exact, rtol=0.51 * unit, atol=1e-3 * unit)


@pytest.mark.parametrize("name", PLAIN)
def test_what_is_all_alike_becomes_zero_and_not_nan(name):
    # Var = 0 leaves eps alone: (x - mean x) / sqrt(eps) = 0; rms takes no mean out, 3 / 3 = 1
    x_RBN = torch.full((1, 4, 5), 3.0)
    found = Norm(Choice(name), x_RBN).y_RBN
    expected = 1.0 if name == "rms" else 0.0
    torch.testing.assert_close(found, torch.full((1, 4, 5), expected), rtol=1e-6, atol=0)


@pytest.mark.parametrize("eps", [1e-5, 0.3])
@pytest.mark.parametrize("norm", ["layer", "rms", "batch"])
def test_eps_of_a_spec_reaches_every_norm(norm, eps):
    check_all(
        depth=6, width=WIDTH, batch=BATCH, activation="tanh", residual=2,
        norm={"name": norm, "eps": eps, "place": ["pre", "post", "before_activation"]},
    )  # fmt: skip


def test_affine_changes_no_number_before_training():
    plan = load_plan(
        {"depth": 4, "width": 9, "activation": "relu", "init": "he", "residual": 2, "band": 0,
         "norm": {"name": "layer", "affine": [True, False]}}
    )  # fmt: skip
    (_, one), (_, other) = measured(plan)
    np.testing.assert_array_equal(one.forward, other.forward)
    np.testing.assert_array_equal(one.backward, other.backward)


# dropout ----------------------------------------------------------------------------------------


def test_dropout_keeps_its_share_and_scales_the_rest():
    # one layer of identity weights and no activation hands on its masked inputs
    plan = load_plan(
        {"depth": 1, "width": 100, "batch": 100, "activation": "identity", "init": "identity",
         "dropout": [0, 0.2, 0.5], "band": 0, "dtype": "float64"}
    )  # fmt: skip
    (_, whole), *dropped = measured(plan)
    zero, rms = FORWARD.index("zero_fraction"), FORWARD.index("rms")
    assert whole.forward[0, zero] == 0
    for run, m in dropped:
        p = run.dropout
        # 10,000 values: a standard error of sqrt(p (1 - p) / 10,000) <= 0.005; four are allowed
        assert m.forward[0, zero] == pytest.approx(p, abs=0.02)
        # E h^2 = (1 - p) x^2 / (1 - p)^2; x^2 of normal x has an rms of sqrt(3), of the kept ones
        # sqrt(3 / (1 - p)) after scaling, over 100: at most 2.5 % of the square, 1.3 % of the root
        expected = whole.forward[0, rms] / (1 - p) ** 0.5
        assert m.forward[0, rms] == pytest.approx(expected, rel=4 * 0.013)


def test_masks_are_those_of_a_seed_and_a_layer(plan_of):
    plan = plan_of(
        depth=2, width=40, activation="identity", init="identity", dropout=0.5, seeds=2,
        record="forward",
    )  # fmt: skip
    (_, one), (_, other) = measured_forward(plan)
    zero = FORWARD.index("zero_fraction")
    assert one[0, zero] != other[0, zero]
    # were layer 1's masks layer 0's, no more would be 0 after it; they let half of a half pass
    for found in (one, other):
        # of 640 values 1 / 4 remain, with a standard error of 0.017; four are allowed
        assert found[1, zero] == pytest.approx(0.75, abs=0.07)


def measured_forward(plan):
    outcomes, _ = in_memory(plan, theory=False)
    return zip(plan.runs, [o.measurement.forward for o in outcomes], strict=True)


# presets ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("preset", ["rezero", "fixup"])
def test_presets_that_begin_as_the_identity(preset):
    # the branch is 0, so every sum has the input's numbers, bit for bit, and so has its gradient
    plan = load_plan(
        {"depth": 8, "width": WIDTH, "batch": BATCH, "activation": "relu", "preset": preset,
         "band": 0, "dtype": "float64"}
    )  # fmt: skip
    ((run, m),) = measured(plan)
    found = table(m)
    closes = [block[-1] for block in run.structure.blocks]
    assert closes == [1, 3, 5, 7]
    assert len(set(found["stream_rms"][closes])) == 1
    assert len(set(found["stream_grad_rms"][closes])) == 1
    assert (found["branch_ratio"][closes] == 0).all()


def test_deepnorm_against_its_formula():
    # 4 blocks: h' = LN(8^(1/4) h + F(h)), weights of std beta / sqrt(9), beta = 32^(-1/4)
    fields = {"depth": 8, "width": WIDTH, "batch": BATCH, "activation": "relu", "dtype": "float64"}
    ((_, m),) = measured(load_plan({**fields, "preset": "deepnorm", "band": 0}))
    said = {
        "residual": {"every": 2, "skip": 8**0.25}, "norm": {"name": "layer", "place": "post"},
        "init": {"scheme": "xavier_normal", "gain": 32**-0.25},
    }  # fmt: skip
    plan = load_plan({**fields, **said, "band": 0})
    ((run, same),) = measured(plan)
    check(run, same)
    np.testing.assert_allclose(m.forward, same.forward, rtol=1e-12)
    np.testing.assert_allclose(m.backward, same.backward, rtol=1e-10)


def test_an_output_gain_is_that_of_the_last_weights_of_a_branch():
    # every branch's last weights times 1/2 are a branch times 1/2, if nothing follows them in it
    fields = {"depth": 8, "width": WIDTH, "batch": BATCH, "activation": "relu", "dtype": "float64"}
    plan = load_plan(
        {**fields, "init": "he", "band": 0, "cases": [
            {"residual": {"every": 2, "output_gain": [0.5, "1/sqrt(L)"]}},
            {"residual": {"every": 2, "scale": 0.5}},
        ]}
    )  # fmt: skip
    one, two, scaled = (table(m) for _, m in measured(plan))
    for name in ("std", "grad_std", "stream_rms", "branch_ratio"):
        closes = [1, 3, 5, 7]
        np.testing.assert_allclose(one[name][closes], scaled[name][closes], rtol=1e-12)
        np.testing.assert_allclose(two[name][closes], scaled[name][closes], rtol=1e-12)
    # W = U / 2 has the gradient of which U's is a half
    grad = "weight_grad_std"
    np.testing.assert_allclose(one[grad][1::2], 2 * scaled[grad][1::2], rtol=1e-12)
    np.testing.assert_allclose(one[grad][::2], scaled[grad][::2], rtol=1e-12)


# low precision ----------------------------------------------------------------------------------

EPSILON = {"float32": 2.0**-23, "bfloat16": 2.0**-7, "float16": 2.0**-10}
LOW_DEPTH = 4


@pytest.mark.parametrize("dtype", list(EPSILON))
@pytest.mark.parametrize("norm", NORMS)
def test_low_precision_stays_close_to_float64(dtype, norm):
    plan = load_plan(
        {"depth": LOW_DEPTH, "width": 40, "batch": 16, "dtype": dtype, "band": 0,
         "activation": ["relu", "tanh"], "init": "lecun_normal", "dropout": [0, 0.2],
         "residual": [1, {"every": 2, "branch": "after_sum"}],
         "norm": "none" if norm == "none" else {"name": norm, "place": ["pre", "post"]}}
    )  # fmt: skip
    for run, m in measured(plan):
        for found in (m.forward, m.backward):
            known = found[:, ~np.isnan(found).all(axis=0)]  # without biases their gradient is nan
            assert np.isfinite(known).all()
        # each layer rounds its norm, its mask, its product, its activation, its sum and its slope
        check(run, m, relative=0, rounding=6 * LOW_DEPTH * EPSILON[dtype])


def test_a_norm_of_a_stream_that_is_nearly_too_large_keeps_its_digits():
    # a stream of 1e37, by the stem; what its norm hands on is 1, of which no digit may be lost
    plan = load_plan(
        {"depth": 3, "width": 30, "batch": 8, "activation": "identity", "init": "lecun_normal",
         "residual": 1, "norm": "rms", "band": 0, "record": "forward",
         "first": {"init": {"scheme": "normal", "std": 2e36}}}
    )  # fmt: skip
    ((run, m),) = measured(plan)
    pre_std = FORWARD.index("pre_std")
    _, expected = columns_of(run)
    for layer in range(3):
        # three layers of float32, each of which rounds a few times
        assert m.forward[layer, pre_std] == pytest.approx(expected[layer]["pre_std"][0], rel=1e-5)


# runs that burst --------------------------------------------------------------------------------

BURSTS = {"float64": 1e120, "float32": 1e15, "bfloat16": 1e15, "float16": 200.0}


@pytest.mark.parametrize(
    ("dtype", "record"), [*((d, "full") for d in BURSTS), ("float32", "forward")]
)
@pytest.mark.parametrize("norm", ["none", {"name": "layer", "place": "pre"}, "batch"], ids=str)
def test_a_run_whose_branch_overflows_turns_nan_and_the_others_do_not(norm, dtype, record):
    # of weights that large three or four layers leave the dtype, whatever norm stands before them
    plan = load_plan(
        {"depth": 9, "width": 5, "batch": 3, "dtype": dtype, "band": 0, "record": record,
         "activation": ["relu", "identity"], "residual": {"every": 4}, "norm": norm,
         "first": {"init": "he"}, "dropout": 0.1,
         "init": [{"scheme": "normal", "std": [BURSTS[dtype], 0.3, 2 * BURSTS[dtype]]}, "he"]}
    )  # fmt: skip
    outcomes, _ = in_memory(plan, theory=False)
    for run, outcome in zip(plan.runs, outcomes, strict=True):
        m, alone = outcome.measurement, measure(Share(((0, run),)))[0]
        assert outcome.status == "ok"
        np.testing.assert_array_equal(m.forward, alone.forward)
        assert (m.nan_onset, m.reason) == (alone.nan_onset, alone.reason)
        if run.init.parameters.get("std", 1) > 1:
            assert m.nan_onset in (1, 2, 3, 4)  # inside of the first branch, or at its sum
            assert len(m.forward) == m.nan_onset + 1
            assert m.reason.startswith(f"layer {m.nan_onset}: ")
            assert "not finite; the run stops there" in m.reason
            assert np.isnan(m.forward[-1, FORWARD.index("std")])
            assert m.backward is None
            assert m.loss_value is None
        else:
            assert m.nan_onset is None
            assert np.isfinite(m.forward[:, FORWARD.index("std")]).all()
            if m.backward is not None:
                np.testing.assert_array_equal(m.backward, alone.backward)
                assert np.isfinite(m.backward[:, BACKWARD.index("grad_std")]).all()


def test_a_sum_overflows_although_its_branch_does_not():
    # identity weights double the stream at every sum: 2^(1 + layer) passes float16's 65504 = 2^16
    # from |x| = 1 on after at most 16 layers, and from |x| <= 4 after no less than 13
    plan = load_plan(
        {"depth": 30, "width": 6, "dtype": "float16", "activation": "identity", "band": 0,
         "init": "identity", "residual": 1}
    )  # fmt: skip
    (outcome,), _ = in_memory(plan, theory=False)
    m = outcome.measurement
    assert m.nan_onset in (13, 14, 15)
    ratios = m.forward[1:-1, FORWARD.index("std")] / m.forward[:-2, FORWARD.index("std")]
    np.testing.assert_array_equal(ratios, 2.0)
    np.testing.assert_array_equal(m.more[:-1, MORE.index("branch_ratio")], 1.0)


def test_two_branches_that_cancel_have_a_ratio_and_no_stream():
    # skip 1 and scale -1 of identity weights: h - h = 0, from which on there is no ratio, 0 / 0
    plan = load_plan(
        {"depth": 3, "width": 6, "dtype": "float64", "activation": "identity", "band": 0,
         "init": "identity", "residual": {"every": 1, "scale": -1}}
    )  # fmt: skip
    ((_, m),) = measured(plan)
    found = table(m)
    assert found["branch_ratio"][0] == 1
    assert np.isnan(found["branch_ratio"][1:]).all()
    np.testing.assert_array_equal(found["stream_rms"], 0)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_the_default_eps_of_rms_is_that_of_nn_rmsnorm_in_half_precision(dtype):
    # small enough for an eps of 2^-7 to matter, if it were bfloat16's own
    x_RBN = 1e-2 * torch.randn(1, 4, 64, generator=torch.Generator().manual_seed(3)).to(dtype)
    expected = torch.nn.RMSNorm(64, dtype=dtype)(x_RBN).detach()
    found = Norm(Choice("rms"), x_RBN).y_RBN
    # each is rounded to its dtype, by half a unit or, on the way, one more
    torch.testing.assert_close(found, expected, rtol=2 * torch.finfo(dtype).eps, atol=0)


def test_dropout_of_nearly_everything_leaves_no_nan_in_half_precision():
    plan = load_plan({
        "depth": 1, "width": 4, "activation": "identity", "init": "kaiming_normal",
        "dtype": "float16", "dropout": 0.99999, "band": 0, "batch": 4,
    })  # fmt: skip
    (m,) = measure(plan.shares()[0]).values()
    assert m.nan_onset is None
