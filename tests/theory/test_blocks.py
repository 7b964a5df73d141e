"""What is predicted of networks with residual sums, norms and dropout: known laws, drawn networks.

`test_streams.py` follows the formulas themselves.
"""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from initlab import load_plan
from initlab.catalog.columns import columns
from initlab.network.measurement import FORWARD
from initlab.network.propagate import measure
from initlab.network.random_networks import random_band, random_layers
from initlab.spec.shares import Share
from initlab.theory.expectation import band_point
from initlab.theory.finite_width import Band
from initlab.theory.prediction import predict, why_none
from initlab.theory.random_point import RandomPoint

AUTO = {"scheme": "lecun_normal", "gain": "auto"}  # relu: sigma_w^2 = 2; of linear layers 1
STEM = {"first": {"activation": "identity", "init": "lecun_normal"}}  # hands on E h^2 = 1, m = 0
UNKNOWING = {"loss": "cross_entropy"}  # knows nothing of h, as theory sees it


def run_of(**fields):
    spec = {"activation": "relu", "init": AUTO, "batch": 8, "band": 0, **fields}
    if "shape" not in spec:
        spec = {"width": 100, **spec}
    (run,) = load_plan(spec).runs
    return run


def predicted(**fields):
    """`Layers` of one run, with its stream: the layers outside of branches."""
    run = run_of(**fields)
    (prediction,) = predict([run])
    assert prediction.reason == ""
    return prediction.layers, run.structure.stream


def ends(*, blocks, every, **fields):
    """E h^2 at the end, sqrt of the gradient's ratio over all blocks, and cosine at the end.

    A stem of gain 1 hands the stream its first h, of E h^2 = 1.
    """
    fields = {**UNKNOWING, **fields}
    residual = {"every": every, **fields.pop("residual", {})}
    layers, stream = predicted(depth=1 + blocks * every, residual=residual, **STEM, **fields)
    assert len(stream) == 1 + blocks
    assert layers.std[0] == pytest.approx(1)
    return layers.std[-1] ** 2, layers.grad_std[0], layers.cosine[-1]


def layer(place, name="layer"):
    return {"name": name, "place": place, "eps": 0}


# ------------------------------------------------------------------------------- known laws


def test_he_resnets_double_with_every_block():
    # two layers of sigma_w^2 = 2 and 1: a branch of the size of its input (Zhang et al. 2019)
    s, g, cosine = ends(blocks=30, every=2)
    assert s == pytest.approx(2.0**30)
    assert g == pytest.approx(2.0**15)
    assert cosine == pytest.approx(0.915, abs=5e-4)  # simulated: width 256, 60 networks


@pytest.mark.parametrize("blocks", [3, 100])
def test_a_scale_of_1_over_sqrt_depth_keeps_the_stream_below_e(blocks):
    # Hayou et al. 2021; De & Smith 2020
    power = (1 + 1 / blocks) ** blocks
    for scale in ("1/sqrt(L)", blocks**-0.5):
        s, g, _ = ends(blocks=blocks, every=2, residual={"scale": scale})
        assert (s, g) == pytest.approx((power, power**0.5), rel=1e-10)
    s, g, _ = ends(blocks=blocks, every=2, residual={"scale": "1/L"})
    assert (s, g**2) == pytest.approx(((1 + blocks**-2) ** blocks,) * 2, rel=1e-10)


@pytest.mark.parametrize("name", ["layer", "rms"])
@pytest.mark.parametrize("blocks", [16, 100])
def test_pre_norm_grows_by_one_a_block(blocks, name):
    # Xiong et al. 2020: s_l = 1 + l; the gradient by 1 + 1 / s_l a block, so sqrt(1 + L) in all
    s, g, _ = ends(blocks=blocks, every=2, norm=layer("pre", name))
    assert (s, g) == pytest.approx((1 + blocks, (1 + blocks) ** 0.5), rel=1e-10)


def test_a_gain_of_gpt2_makes_pre_norm_streams_double():
    # L branches, each of 1 / L (Radford et al. 2019, sec. 2.3)
    residual = {"output_gain": "1/sqrt(L)"}
    s, g, cosine = ends(blocks=100, every=2, residual=residual, norm=layer("pre"))
    assert (s, g) == pytest.approx((2, 2**0.5), rel=1e-10)
    assert cosine == pytest.approx(0.187, abs=5e-4)  # simulated: width 256, 60 networks


def test_a_branch_that_ends_in_relu_gives_a_pre_norm_stream_a_mean():
    # m grows by E relu = 1 / sqrt(pi) of z ~ N(0, 2), s by 1 + 2 m / sqrt(pi): 1 + L + L (L-1) / pi
    layers, _ = predicted(depth=101, residual=1, norm=layer("pre"), **STEM, **UNKNOWING)
    mean2 = 100**2 / math.pi
    assert layers.std[-1] ** 2 + mean2 == pytest.approx(1 + 100 + 100 * 99 / math.pi)
    # simulated: width 256, 60 networks: s of 3240 to 3280, the gradient's ratio of 18.6 to 23.4
    assert layers.std[-1] ** 2 + mean2 == pytest.approx(3252, abs=0.5)
    assert layers.grad_std[0] == pytest.approx(20.4, abs=0.06)


def test_post_norm_keeps_a_gradient_of_two_layers():
    # (1 + C) / (1 + v), with C = v = 1: what the norm takes the branch gives back
    s, g, _ = ends(blocks=100, every=2, norm=layer("post"))
    assert (s, g) == pytest.approx((1, 1), rel=1e-10)
    # tanh: (1 + sigma_w^4 D) / (1 + sigma_w^2 V + sigma_b^2) at q = 1.75, by quadrature
    x = np.linspace(-9, 9, 2001)
    weights = np.exp(-(x**2) / 2) * (x[1] - x[0]) / math.sqrt(2 * math.pi)
    phi = np.tanh(math.sqrt(1.75) * x)
    v, d = float(phi**2 @ weights), float((1 - phi**2) ** 2 @ weights)
    rate = (1 + 1.7**2 * d) / (1 + 1.7 * v + 0.05)
    fields = {"activation": "tanh", "bias": {"std": 0.05**0.5}}
    fields |= {"init": {"scheme": "scaled_normal", "sigma_w": 1.7**0.5}}
    layers, stream = predicted(
        depth=20, residual=2, norm=layer("post"), **fields, **UNKNOWING
    )  # (without a stem, which would have a bias)
    growth = layers.grad_std[stream[:-1]] / layers.grad_std[stream[1:]]
    np.testing.assert_allclose(growth**2, rate, rtol=1e-9)


def test_post_norm_of_branches_that_end_in_relu_explodes():
    # h + F has s = 2 without its mean 1 / sqrt(pi): 2 / (2 - 1 / pi) = 1.189 a block
    s, g, _ = ends(blocks=100, every=1, norm=layer("post"))
    assert s == pytest.approx(1)
    assert g**2 == pytest.approx((2 / (2 - 1 / math.pi)) ** 100, rel=1e-9)
    assert g == pytest.approx(5810, abs=5)  # simulated: width 256, 60 networks: 4.4e3 to 8.5e3


@pytest.mark.parametrize("sigma_w", [0.1, 1.0, 30.0])
@pytest.mark.parametrize("name", ["layer", "rms"])
@pytest.mark.parametrize(
    ("activation", "rate"),
    # D(1) / V(1)
    [("relu", 1.0), ("tanh", 1.178), ("gelu", 1.072), ("identity", 1.0)],
)
def test_a_norm_before_the_activation_takes_the_scale_out(activation, rate, name, sigma_w):
    init = {"scheme": "scaled_normal", "sigma_w": sigma_w}
    layers, _ = predicted(
        depth=12, activation=activation, init=init, norm=layer("before_activation", name),
        **UNKNOWING,
    )  # fmt: skip
    growth = (layers.grad_std[:-1] / layers.grad_std[1:]) ** 2
    # above the last layer stands none: what it makes of the loss's gradient is the same
    np.testing.assert_allclose(growth, growth[0], rtol=1e-9)
    assert growth[0] == pytest.approx(rate, abs=5e-4)


def test_layer_norm_after_relu_costs_what_its_mean_has():
    # sigma_w^2 / 2 over Var relu = sigma_w^2 / 2 (1 - 1 / pi)
    layers, _ = predicted(depth=12, norm=layer("after_activation"), **UNKNOWING)
    growth = (layers.grad_std[:-1] / layers.grad_std[1:]) ** 2
    np.testing.assert_allclose(growth, math.pi / (math.pi - 1), rtol=1e-9)


@pytest.mark.parametrize("drop", [0.1, 0.5])
@pytest.mark.parametrize("sigma_w2", [1.0, 1.8, 2.5])
def test_dropout_multiplies_chi_1_by_the_inverse_of_what_it_keeps(drop, sigma_w2):
    # Schoenholz et al. 2017, sec. 5; relu: sigma_w^2 / 2 / keep of signal and gradient alike
    init = {"scheme": "scaled_normal", "sigma_w": sigma_w2**0.5}
    layers, _ = predicted(depth=8, init=init, dropout=drop, **UNKNOWING)
    growth = (layers.grad_std[:-1] / layers.grad_std[1:]) ** 2
    chi_1 = sigma_w2 / 2 / (1 - drop)
    np.testing.assert_allclose(growth, chi_1, rtol=1e-9)
    np.testing.assert_allclose((layers.std[1:] / layers.std[:-1]) ** 2, chi_1, rtol=1e-9)


@pytest.mark.parametrize("drop", [0.1, 0.5])
def test_relu_with_dropout_is_critical_at_twice_what_it_keeps(drop):
    # Pretorius et al. 2018
    init = {"scheme": "scaled_normal", "sigma_w": (2 * (1 - drop)) ** 0.5}
    layers, _ = predicted(depth=50, init=init, dropout=drop, **UNKNOWING)
    np.testing.assert_allclose(layers.grad_std, 1, rtol=1e-9)
    # its cosine: (1 - drop) of what went in, through relu's map (Cho & Saul 2009)
    c = 0.0
    for found in layers.cosine:
        c *= 1 - drop
        c = (math.sqrt(1 - c * c) + c * (math.pi - math.acos(c))) / math.pi
        assert found == pytest.approx(c, abs=1e-5)


def test_dropout_tells_equal_samples_apart():
    same = {"input": {"name": "correlated", "correlation": 1.0}, "batch": 2}
    fields = {"activation": "identity", "init": "lecun_normal", "dropout": 0.3, **same}
    layers, _ = predicted(depth=5, **fields)
    np.testing.assert_allclose(layers.cosine, 0.7 ** np.arange(1, 6), rtol=1e-9)
    # biases pull together what masks pull apart: a fixed point below 1
    layers, _ = predicted(depth=200, **{**fields, "activation": "tanh"}, bias={"std": 0.3})
    assert 0.1 < layers.cosine[-1] < 0.9
    assert layers.cosine[-1] == pytest.approx(layers.cosine[-2], rel=1e-9)


def test_deepnorm_keeps_signal_and_gradient():
    # Wang et al. 2022; simulated: width 256, 100 blocks, 60 networks: .98 to 1.02
    s, g, cosine = ends(blocks=100, every=2, residual={"scale": "deepnorm"}, norm=layer("post"),
                        init="xavier_normal")  # fmt: skip
    # a block: (alpha^2 + beta^4 C) / (alpha^2 + beta^4 v), C = v = 1 / 2
    assert (s, g) == pytest.approx((1, 1), rel=1e-9)
    assert cosine == pytest.approx(0.0014, abs=5e-5)


@pytest.mark.parametrize("preset", ["fixup", "rezero"])
@pytest.mark.parametrize("loss", ["mse", "cross_entropy"])
def test_branches_that_are_silent_leave_the_identity(preset, loss):
    layers, stream = predicted(preset=preset, depth=41, loss=loss, activation="gelu", **STEM)
    np.testing.assert_allclose(layers.std[stream], 1, rtol=1e-12)
    np.testing.assert_allclose(layers.grad_std[stream], 1, rtol=1e-12)


@pytest.mark.parametrize(
    ("activation", "rates"),
    # closed forms for relu and identity, see test_batch_norm.py
    [("relu", {4: 3.0841, 5: 2.2737, 16: 1.5900, 64: 1.4931}),
     ("identity", {batch: (batch - 2) / (batch - 3) for batch in (4, 5, 16, 64)})],
)  # fmt: skip
def test_batch_norm_multiplies_gradients_by_its_rate(activation, rates):
    for batch, rate in rates.items():
        for loss in ("mse", "cross_entropy"):
            layers, _ = predicted(
                depth=12, activation=activation, norm={"name": "batch", "eps": 0}, batch=batch,
                init={"scheme": "scaled_normal", "sigma_w": 3.0}, loss=loss,
            )  # fmt: skip
            growth = (layers.grad_std[:-1] / layers.grad_std[1:]) ** 2
            # the last norm gets a gradient that does not sum to 0 over the batch
            np.testing.assert_allclose(growth[:-1], rate, rtol=4e-5)


def batch_norm_residual(blocks, batch, together):
    """sqrt of the gradient's growth over h + W2 relu(W1 BN(h)), sigma_w^2 = 2 and 1.

    Its covariance over the batch is x P + y 11^T / B, with P across (1, ..., 1). What comes out of
    a norm is along P, and the norm divides by the variance about the batch's mean, 1 + (1 - 2 K) l.
    """
    B, rho = batch, -1 / (batch - 1)
    K = (math.sqrt(1 - rho**2) + rho * (math.pi - math.acos(rho))) / (2 * math.pi)
    p = 1 / 4 + math.asin(rho) / (2 * math.pi)
    x, y = 1.0, together
    first = (x * (B - 1) + y) / B
    for block in reversed(range(blocks)):
        let_through = B * (B - 2) / ((B - 1) * (B - 3) * (1 + (1 - 2 * K) * block))
        x += (x * (B - 1) / B + y / B - 2 * p * (y - x) / B) * let_through
    return math.sqrt((x * (B - 1) + y) / B / first)


def test_batch_norm_in_front_of_branches_is_followed():
    # simulated: width 256, 60 networks, 100 blocks: s of 97 to 106, gradients of 22.7 to 26.2
    assert batch_norm_residual(100, 16, together=1.0) == pytest.approx(24.4, abs=0.05)
    # and 20 blocks of 12 samples: a median of 7.76
    assert batch_norm_residual(20, 12, together=1.0) == pytest.approx(7.70, abs=0.005)
    for blocks, batch in ((100, 16), (20, 12), (6, 4)):
        s, g, cosine = ends(blocks=blocks, every=2, norm=layer("pre", "batch"), batch=batch)
        assert s == pytest.approx(1 + blocks)
        # the norm in front of the loss hands on what sums to 0 over the batch
        assert g == pytest.approx(batch_norm_residual(blocks, batch, together=0.0), rel=1e-9)
        if batch == 16:
            assert cosine == pytest.approx(0.289, abs=0.007)


@pytest.mark.parametrize("skip", [0.8, -0.8])
def test_weights_of_skip_and_branch_whose_squares_add_to_1_keep_the_size(skip):
    s, g, _ = ends(blocks=40, every=2, residual={"skip": skip, "scale": 0.6})
    assert (s, g) == pytest.approx((1, 1), rel=1e-10)


def test_post_norm_takes_what_mse_knows_out():
    # y - t has E g^2 = 2, of which a layer norm in front of it leaves the target's 1
    for every, rate in ((1, (2 / (2 - 1 / math.pi)) ** 16), (2, 1.0)):
        _, g, _ = ends(blocks=16, every=every, norm=layer("post"), loss="mse")
        assert g == pytest.approx((rate / 2) ** 0.5, rel=1e-9)


# ------------------------------------------------------------------------- drawn networks

WIDE, NETWORKS, DEPTH = 2000, 16, 12
GAINS = {"relu": (1.4, 0.1), "tanh": (1.3, 0.2), "gelu": (1.5, 0.3)}
HEAD = {"last": {"activation": "identity", "init": {"scheme": "lecun_normal", "gain": 0.01}}}
WIDTHS = [WIDE] * 5 + [1400] * 4 + [WIDE] * 4
KINDS = {
    "residual 1": {"residual": {"every": 1, "scale": 0.3}},
    "residual 2": {"residual": 2},
    "residual 3, 1/L": {"residual": {"every": 3, "scale": "1/L"}},
    "residual 2 with activation": {"residual": {"every": 2, "branch": "activation", "scale": 0.5}},
    "residual 1, linear": {"residual": {"every": 1, "branch": "linear", "scale": "1/sqrt(L)"}},
    "skip .8, scale .6": {"residual": {"every": 2, "skip": 0.8, "scale": 0.6}},
    "skip -.8, one layer": {"residual": {"every": 1, "skip": -0.8, "scale": 0.6}},
    "cross_entropy": {"residual": {"every": 1, "scale": 0.3}, **HEAD, **UNKNOWING},
    "layer before": {"norm": "layer"},
    "rms after": {"norm": {"name": "rms", "place": "after_activation"}},
    "layer after, residual 1": {"residual": 1, "norm": layer("after_activation")},
    "rms before, residual 2": {"residual": 2,
                               "norm": {"name": "rms", "place": "before_activation"}},
    "layer pre 2": {"residual": 2, "norm": "layer"},
    "rms pre 1, head": {"residual": 1, "norm": "rms", **HEAD},
    "layer post 1": {"residual": 1, "norm": {"name": "layer", "place": "post"}},
    "rms post 1": {"residual": 1, "norm": {"name": "rms", "place": "post"}},
    "layer post 2": {"residual": 2, "norm": {"name": "layer", "place": "post"}},
    "batch before": {"norm": "batch"},
    "batch pre 2": {"residual": 2, "norm": "batch"},
    "batch before, residual 2": {"residual": 2, "norm": layer("before_activation", "batch")},
    "batch before, head": {"norm": "batch", **HEAD},
    "batch pre 2, head": {"residual": 2, "norm": "batch", **HEAD},
    "batch pre 2, orthogonal": {"residual": 2, "norm": "batch", "init": "orthogonal", **HEAD},
    "dropout .5": {"dropout": 0.5},
    "dropout, residual 1": {"dropout": 0.4, "residual": {"every": 1, "scale": 0.5}},
    "dropout, layer pre 2": {"dropout": 0.2, "residual": 2, "norm": "layer"},
    "dropout, batch, head": {"dropout": 0.5, "norm": "batch", **HEAD},
    "projection 2": {"residual": {"every": 2, "project": True}, "shape": WIDTHS},
    "projection, rms pre": {"residual": {"every": 2, "project": True}, "norm": "rms",
                            "shape": WIDTHS},
    "orthogonal": {"residual": 2, "init": "orthogonal"},
    "inputs with a mean": {"residual": 1, "norm": "layer",
                           "input": {"name": "normal", "mean": 0.7, "std": 1.0}},
    "other biases": {"residual": 2, "bias": {"scheme": "uniform", "a": -0.4, "b": 1.0}},
}  # fmt: skip


@pytest.mark.parametrize("activation", GAINS)
@pytest.mark.parametrize("kind", KINDS)
def test_drawn_networks_agree(kind, activation):
    """Networks of width 2000 with mse, forward, back and cosine, against their own spread."""
    gain, bias = GAINS[activation]
    fields = {
        "activation": activation, "bias": {"std": bias},
        "init": {"scheme": "lecun_normal", "gain": gain}, **KINDS[kind],
    }  # fmt: skip
    if "shape" not in fields:
        fields |= {"depth": DEPTH, "width": WIDE}
    run = run_of(**fields)
    (prediction,) = predict([run])
    assert (prediction.reason, prediction.sure_start) == ("", True)
    layers, drawn = prediction.layers, random_layers(run, NETWORKS, backward=True)
    relative = drawn.grad_std / drawn.grad_std[:, -1:]
    parts = {
        "std": np.log(drawn.std / layers.std),
        "gradient": np.log(relative / layers.grad_std),
        "cosine": drawn.cosine - layers.cosine,
    }
    for name, off in parts.items():
        assert np.isfinite(off).all()
        mean, sd = off.mean(0), off.std(0, ddof=1)
        # 5.5 sd of a mean of 16, and a bias of order depth / width
        allowed = 5.5 * sd / NETWORKS**0.5 + 0.5 * DEPTH / WIDE
        np.testing.assert_array_less(np.abs(mean), allowed, err_msg=name)
        # where it varies at all it is within twice the 10-90 % band, by 1.28 sd each way
        np.testing.assert_array_less(np.abs(mean), 2 * 1.28 * sd + 1e-3, err_msg=name)


@pytest.mark.parametrize(
    "kind", ["residual 2", "layer post 1", "dropout, residual 1", "batch pre 2", "projection 2"]
)
def test_real_networks_agree(kind):
    """The same with weights, of width 400; predictions do not depend on it."""
    shape = {"shape": [n // 5 for n in WIDTHS]} if "shape" in KINDS[kind] else {
        "depth": DEPTH, "width": WIDE // 5}  # fmt: skip
    fields = {"activation": "gelu", "init": {"scheme": "lecun_normal", "gain": 1.4}, "batch": 8}
    plan = load_plan(
        {**fields, "bias": {"std": 0.3}, "band": 0, "seeds": 20, **KINDS[kind], **shape}
    )
    found = measure(Share(tuple(enumerate(plan.runs))))
    layers = predict(plan.runs)[0].layers
    forward = np.stack([found[i].forward for i in range(20)])
    gradient = np.stack([found[i].backward[:, 0] for i in range(20)])
    for off in (
        np.log(forward[:, :, FORWARD.index("std")] / layers.std),
        np.log(gradient / gradient[:, -1:] / layers.grad_std),
        forward[:, :, FORWARD.index("cosine")] - layers.cosine,
    ):
        mean, sd = off.mean(0), off.std(0, ddof=1)
        np.testing.assert_array_less(np.abs(mean), 5 * sd / 20**0.5 + DEPTH / (WIDE // 5))


# ---------------------------------------------------------------------------- reasons

SILENT = {
    "an activation after a sum": {"residual": {"every": 2, "branch": "after_sum"}},
    "batch norm in the place post": {"residual": 2, "norm": {"name": "batch", "place": "post"}},
    "batch norm in the place after_activation": {
        "norm": {"name": "batch", "place": "after_activation"}
    },
    "batch norm of fewer than 4 samples": {"norm": "batch", "batch": 3},
    "batch norm of samples that are not all alike": {
        "norm": "batch",
        "input": {"name": "correlated", "correlation": 0.5},
    },
    "batch norm with branches that end in an activation": {"residual": 1, "norm": "batch"},
}


@pytest.mark.parametrize("why", SILENT)
def test_where_there_is_no_recursion_bands_are_advised(why):
    spec = {"width": 40, "depth": 5, "activation": "relu", "init": AUTO, "batch": 8, **SILENT[why]}
    (run,) = load_plan(spec).runs
    (prediction,) = predict([run])
    assert prediction.reason == why_none(run)
    assert prediction.reason.startswith(why)
    assert (prediction.layers, prediction.fixed) == (None, None)
    words, advice = prediction.reason.split("; bands of drawn networks tell: ")
    assert "no recursion" in words or "no gradient is finite" in words
    assert advice == "band: {networks: 100, gradient: true}"


@pytest.mark.parametrize("why", SILENT)
def test_the_advice_gives_a_band(why):
    band = {"band": {"networks": 20, "gradient": True}}
    spec = {"width": 40, "depth": 5, "activation": "relu", "init": AUTO, "batch": 8, **SILENT[why]}
    plan = load_plan({**spec, **band})
    point = band_point(plan.runs[0], plan.head.band.gradient)
    assert isinstance(point, RandomPoint)
    found = random_band(point, 20)
    assert isinstance(found, Band)
    for quantiles in (found.gradient, found.cosine):
        assert np.isfinite(quantiles).all()
    assert (found.p10 <= found.p90).all()


def test_what_has_a_recursion_says_nothing(plan_of):
    for place in ("pre", "before_activation"):
        run = plan_of(
            depth=5, residual=2, norm={"name": "batch", "place": place}, batch=4
        ).runs[0]  # fmt: skip
        assert why_none(run) == ""
    # branches that end in an activation: no mse, and the norm inside
    inside = {"residual": 1, "norm": {"name": "batch", "place": "before_activation"}, "batch": 8}
    assert why_none(plan_of(**inside, loss="cross_entropy").runs[0]) == ""
    assert "end in an activation" in why_none(plan_of(**inside, loss="mse").runs[0])


# ---------------------------------------------------------------------------- limits


@pytest.mark.parametrize("fields", [
    {"dtype": "float32", "residual": 2, "init": {"scheme": "lecun_normal", "gain": 12.0}},
    {"dtype": "float16", "residual": 2, "init": {"scheme": "lecun_normal", "gain": 2.0}},
    {"dtype": "float16", "residual": {"every": 1, "scale": 2.0}, "init": AUTO},
    {"dtype": "float16", "dropout": 0.5, "init": {"scheme": "lecun_normal", "gain": 2.0}},
    {"dtype": "float32", "residual": {"every": 1, "skip": 30.0}, "init": AUTO},
], ids=str)  # fmt: skip
def test_a_stream_that_overflows_does_so_where_it_is_predicted(fields):
    run = run_of(**{"width": 300, "depth": 60, **fields})
    (prediction,) = predict([run])
    measured = measure(Share(((0, run),)))[0]
    assert measured.nan_onset is not None
    assert abs(prediction.limits.nan_onset - measured.nan_onset) <= 2
    assert not prediction.gradient_known


def test_a_stream_does_not_vanish_but_its_branches_may():
    # a skip of 1 keeps it; a skip of 1e-3 does not
    small = {"init": {"scheme": "lecun_normal", "gain": 1e-3}, "dtype": "float16", "depth": 20}
    (kept,) = predict([run_of(residual=2, **small)])
    assert kept.limits.zero_onset != 1
    assert kept.limits.nan_onset is None
    run = run_of(residual={"every": 2, "skip": 1e-3}, width=200, **small)
    (lost,) = predict([run])
    # 1e-3 a block: half of 6e-8 in float16 after 2 to 3 blocks, their largest value 4 times larger
    forward = measure(Share(((0, run),)))[0].forward
    silent = int((forward[:, FORWARD.index("std")] == 0).argmax())
    assert abs(lost.limits.zero_onset - silent) <= 2


# ---------------------------------------------------------------------------- side by side

GRID = {
    "depth": [4, 7], "width": [30, 60], "activation": ["relu", "tanh"], "batch": 8, "band": 0,
    "init": {"scheme": "lecun_normal", "gain": [0.5, 1.4, 3.0]}, "loss": ["mse", "cross_entropy"],
    "cases": [
        {}, {"residual": {"every": 2, "scale": [0.1, 1.0, "1/L"]}},
        {"residual": {"every": 1, "skip": [0.5, 1.0]}, "norm": ["layer", "rms"]},
        {"dropout": [0.1, 0.5]}, {"norm": "batch"}, {"norm": "layer", "dropout": 0.2},
    ],
}  # fmt: skip


def assert_same(one, other):
    assert (one.reason, one.limits, one.sure_start) == (
        other.reason,
        other.limits,
        other.sure_start,
    )
    for ours, theirs in zip(one.layers, other.layers, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-14)


def test_other_networks_beside_it_change_nothing():
    runs = load_plan(GRID).runs
    together = predict(runs)
    assert len(runs) > 200
    for at in range(0, len(runs), 7):
        assert_same(together[at], predict([runs[at]])[0])
    plain = [run for run in runs if not run.has_blocks]
    for run, alone in zip(plain, predict(plain), strict=True):
        beside = together[runs.index(run)]
        assert beside.limits == alone.limits
        for ours, theirs in zip(beside.layers, alone.layers, strict=True):
            np.testing.assert_array_equal(ours, theirs)


# ---------------------------------------------------------------------------- properties

COMMON = {
    "activation": st.sampled_from(["relu", "tanh", "gelu", "elu", "sin", "softplus", "identity"]),
    "gain": st.floats(0.3, 2.0),
    "std": st.floats(0.0, 1.0),
    "correlation": st.floats(-1.0, 1.0),
    "loss": st.sampled_from(["mse", "cross_entropy"]),
}


def fields_of(activation, gain, std, correlation, loss):
    return {
        "activation": activation, "init": {"scheme": "lecun_normal", "gain": gain}, "loss": loss,
        "bias": {"std": std}, "input": {"name": "correlated", "correlation": correlation},
        "batch": 4,
    }  # fmt: skip


@given(**COMMON)
@settings(max_examples=25, deadline=None)
def test_without_a_skip_a_block_is_a_layer(**drawn):
    fields = fields_of(**drawn)
    residual = {"every": 1, "skip": 0.0}
    block, _ = predicted(depth=6, residual=residual, **fields)
    plain, _ = predicted(depth=6, **fields)
    for name in ("pre_std", "std", "grad_std"):
        np.testing.assert_allclose(
            getattr(block, name), getattr(plain, name), rtol=1e-9, err_msg=name
        )
    np.testing.assert_allclose(block.cosine, plain.cosine, atol=1e-9)


@given(every=st.integers(1, 3), skip=st.sampled_from([1.0, -0.5]), **COMMON)
@settings(max_examples=25, deadline=None)
def test_without_a_branch_a_block_is_a_factor(every, skip, **drawn):
    residual = {"every": every, "scale": 0.0, "skip": skip}
    layers, stream = predicted(depth=1 + 4 * every, residual=residual, **STEM, **fields_of(**drawn))
    steps = np.arange(5)
    np.testing.assert_allclose(layers.std[stream], layers.std[0] * abs(skip) ** steps, rtol=1e-9)
    np.testing.assert_allclose(layers.grad_std[stream], abs(skip) ** steps[::-1], rtol=1e-9)
    np.testing.assert_allclose(layers.cosine[stream], layers.cosine[0], atol=1e-9)


@given(
    every=st.integers(1, 3), scale=st.floats(-2.0, 2.0), skip=st.floats(-1.5, 1.5),
    norm=st.sampled_from([None, "layer", "rms"]), dropout=st.sampled_from([0.0, 0.3]),
    place=st.sampled_from(["pre", "post", "before_activation", "after_activation"]), **COMMON,
)  # fmt: skip
@example(
    every=1, scale=0.0, skip=0.0, norm=None, dropout=0.0, place="pre", activation="softplus",
    gain=1.0, std=0.0, correlation=0.0, loss="mse",
)  # fmt: skip
@settings(max_examples=30, deadline=None)
def test_predictions_are_possible(every, scale, skip, norm, dropout, place, **drawn):
    fields = fields_of(**drawn)
    if norm:
        fields["norm"] = {"name": norm, "place": place}
    residual = {"every": every, "scale": scale, "skip": skip}
    layers, _ = predicted(depth=6, residual=residual, dropout=dropout, **fields)
    known = layers.cosine[np.isfinite(layers.cosine)]
    assert (np.abs(known) <= 1 + 1e-12).all()
    for column in (layers.std, layers.pre_std, layers.grad_std):
        assert np.isfinite(column).all()
        assert (column >= 0).all()
    assert layers.grad_std[-1] == 1
    # signs of a branch do not matter where its weights are of mean 0 and it ends without phi
    if every > 1:
        residual["scale"] = -scale
        other, _ = predicted(depth=6, residual=residual, dropout=dropout, **fields)
        np.testing.assert_allclose(layers.grad_std, other.grad_std, rtol=1e-9)
        np.testing.assert_allclose(layers.std, other.std, rtol=1e-9)


# corners that a review found --------------------------------------------------------------------


def point(**fields):
    """The run of a spec of one network."""
    spec = {
        "depth": 6, "width": 64, "activation": "relu", "band": 0,
        "init": {"scheme": "lecun_normal", "gain": "auto"},
    }  # fmt: skip
    if "shape" in fields:
        del spec["depth"], spec["width"]
    (run,) = load_plan({**spec, **fields}).runs
    return run


def measured_layers(run, seeds=4):
    """Medians over seeds of std, cosine and grad_std by layer."""
    names = (columns("layers", "forward"), columns("layers", "backward"))
    found = []
    for seed in range(seeds):
        (m,) = measure(Share(((0, replace(run, seed=seed)),))).values()
        found.append((
            m.forward[:, names[0].index("std")],
            m.forward[:, names[0].index("cosine")],
            m.backward[:, names[1].index("grad_std")] / m.backward[-1, names[1].index("grad_std")],
        ))  # fmt: skip
    return np.median(np.array(found), axis=0)


def test_networks_that_differ_in_where_they_project_are_predicted_alone_as_together():
    runs = [
        point(shape=shape, activation="tanh", init="xavier_normal",
              residual={"every": 1, "branch": "linear", "project": True})
        for shape in ([64, 64, 256, 256, 256], [64, 64, 64, 256, 256])
    ]  # fmt: skip
    for run, together in zip(runs, predict(runs), strict=True):
        (alone,) = predict([run])
        np.testing.assert_allclose(together.layers.std, alone.layers.std, rtol=1e-12)
        np.testing.assert_allclose(together.layers.grad_std, alone.layers.grad_std, rtol=1e-12)


@pytest.mark.parametrize(
    "fields",
    [
        # ReLU(W x) adds its positive mean to that of the input, of either sign
        {"input": {"name": "normal", "mean": -1}, "residual": {"every": 1}},
        {"input": {"name": "normal", "mean": 1}, "residual": {"every": 1}},
        {"input": {"name": "uniform", "low": 0, "high": 1}, "residual": 2, "norm": "layer"},
    ],
)
def test_the_mean_of_the_input_counts(fields):
    run = point(width=600, depth=4, loss="cross_entropy", **fields)
    std, cosine, _ = measured_layers(run)
    layers = predict([run])[0].layers
    # four layers of 600: two per cent a layer (1 / sqrt(n)) is generous
    np.testing.assert_allclose(std, layers.std, rtol=0.08)
    np.testing.assert_allclose(cosine, layers.cosine, atol=0.04)


@pytest.mark.parametrize(
    "fields",
    [{"norm": {"name": "batch", "eps": 1}},
     {"norm": "batch", "init": {"scheme": "normal", "std": 1e-4}}],
)  # fmt: skip
def test_batch_norm_whose_eps_matters_has_no_prediction(fields):
    (prediction,) = predict([point(**fields)])
    assert "eps is no small part" in prediction.reason
    assert predict([point(norm="batch")])[0].layers is not None


def test_batch_norm_behind_an_activation_has_no_prediction():
    (prediction,) = predict([point(shape=[30, 64, 64, 64], residual=2, norm="batch")])
    assert "batch norm of what comes out of an activation" in prediction.reason
    linear = {"first": {"activation": "identity"}}
    assert predict([point(shape=[30, 64, 64, 64], residual=2, norm="batch", **linear)])[0].layers


@pytest.mark.parametrize(
    "fields",
    [
        {"norm": {"name": "layer", "place": "before_activation"}, "dtype": "float16",
         "init": {"scheme": "normal", "std": 2e4}},
        {"norm": "rms", "init": {"scheme": "normal", "std": 1e38}},
        {"norm": {"name": "layer", "place": "post"}, "residual": {"every": 2, "scale": 5e4},
         "dtype": "float16"},
        {"activation": "tanh", "dropout": 0.01, "init": {"scheme": "normal", "std": 1e37}},
    ],
)  # fmt: skip
def test_where_a_network_with_norms_overflows(fields):
    run = point(**fields)
    (m,) = measure(Share(((0, run),))).values()
    assert predict([run])[0].limits.nan_onset == m.nan_onset


def test_a_constant_bias_is_nothing_to_a_norm_that_takes_the_mean_out():
    norm = {"norm": {"name": "layer", "place": "before_activation"}}
    with_bias, without = predict([point(bias=1, **norm), point(**norm)])
    np.testing.assert_allclose(with_bias.layers.std, without.layers.std, rtol=1e-12)
    np.testing.assert_allclose(with_bias.layers.grad_std, without.layers.grad_std, rtol=1e-12)
    np.testing.assert_allclose(with_bias.layers.cosine, without.layers.cosine, rtol=1e-12)
    assert with_bias.approximate == ""
