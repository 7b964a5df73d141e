"""What is predicted of every layer, against networks drawn at random."""

import math
from dataclasses import replace

import numpy as np
import pytest

from initlab import load_plan
from initlab.catalog import ACTIVATIONS, COLUMNS, INPUTS, LOSSES
from initlab.network.measurement import BACKWARD, FORWARD
from initlab.network.propagate import measure
from initlab.spec.shares import Share
from initlab.theory.expectation import PredictedNumbers, band_point
from initlab.theory.finite_width import bands
from initlab.theory.meanfield import FixedPoints
from initlab.theory.moments import Activation
from initlab.theory.overflow import Limits
from initlab.theory.prediction import predict

pytestmark = pytest.mark.xdist_group("wide")  # networks that many tests look at are measured once

WIDE, SEEDS, LAYERS = 1000, 16, 4
SCALES = [(0.8, 0.05), (1.2, 0.3), (1.6, 0.05)]
QUANTITIES = ("pre_std", "std", "grad_std", "cosine")


def measured(runs):
    """What `Layers` predicts, measured: {quantity: shape (runs, depth)}; equal draws are shared."""
    shares = {}
    for index, run in enumerate(runs):
        shares.setdefault(run.block_key, []).append((index, run))
    found = {}
    for share in shares.values():
        found |= measure(Share(tuple(share)))
    rows = [found[index] for index in range(len(runs))]

    def column(name):
        return np.stack([row.forward[:, FORWARD.index(name)] for row in rows])

    grad = np.stack([row.backward[:, BACKWARD.index("grad_std")] for row in rows])
    return {
        "pre_std": column("pre_std"),
        "std": column("std"),
        "cosine": column("cosine"),
        "grad_std": grad / grad[:, -1:],
    }


def off(runs):
    """Per quantity (mean, sd) over seeds of measured / predicted - 1 (cosines: the difference)."""
    (prediction,) = {run.point: predict([run])[0] for run in runs}.values()
    result = {}
    for name, values in measured(runs).items():
        predicted = getattr(prediction.layers, name)
        parts = values - predicted if name == "cosine" else values / predicted - 1
        result[name] = parts.mean(0), parts.std(0, ddof=1)
    return result


@pytest.fixture(scope="module")
def wide():
    """{(activation, sigma_w): off} of networks of WIDE neurons, all on the same draws."""
    plan = load_plan(
        {
            "shape": [WIDE] * (LAYERS + 1),
            "activation": list(ACTIVATIONS),
            "init": {"scheme": "lecun_normal", "gain": [w for w, _ in SCALES]},
            "bias": {"std": sorted({b for _, b in SCALES})},
            "seeds": SEEDS,
            "batch": 8,
        }
    )
    points = {}
    for run in plan.runs:
        scales = run.init.parameters["gain"], run.bias.parameters["std"]
        if scales in SCALES:
            points.setdefault((run.activation.name, scales), []).append(run)
    runs = [run for group in points.values() for run in group]
    values, predictions = measured(runs), predict(runs)
    result = {}
    for at, key in enumerate(points):
        own = slice(at * SEEDS, (at + 1) * SEEDS)
        layers = predictions[at * SEEDS].layers
        parts = {
            name: values[name][own] - layers.cosine
            if name == "cosine"
            else np.log(values[name][own] / getattr(layers, name))
            for name in QUANTITIES
        }
        result[key] = {name: (x.mean(0), x.std(0, ddof=1)) for name, x in parts.items()}
    return result


@pytest.mark.parametrize("scales", SCALES, ids=str)
def test_wide_networks_agree_within_their_spread(wide, plain, scales):
    for name, (mean, sd) in wide[plain.name, scales].items():
        # 2 sd of a network are 8 of the mean of 16 (with 15 degrees of freedom, 1 of 1,000,000)
        np.testing.assert_array_less(np.abs(mean), 2 * sd + 1e-9, err_msg=name)


def test_wide_networks_are_not_off_to_one_side(wide):
    # t with 15 degrees of freedom has a median |t| of 0.69; what all share makes it vary
    for name in QUANTITIES:
        t = [np.abs(m) / (sd / SEEDS**0.5 + 1e-9) for m, sd in (off[name] for off in wide.values())]
        assert np.median(t) < 1.1, name


@pytest.mark.parametrize(
    "fields",
    [
        {"shape": [300, 900, 200, 500, 100]},
        {"shape": [300, 900, 200, 500, 100], "init": "xavier_uniform"},
        {"shape": [300, 900, 200, 500, 100],
         "init": {"scheme": "kaiming_normal", "mode": "fan_out"}},
        {"shape": [500] * 5, "bias": {"std": 0.4}, "init": {"scheme": "orthogonal", "gain": 1.2}},
        {"shape": [500] * 5, "init": "torch_default"},
        {"shape": [500] * 5, "input": {"name": "uniform", "low": 0.0, "high": 2.0}},
        {"shape": [500] * 5, "input": {"name": "normal", "mean": 0.5, "std": 1.5}},
        {"shape": [500] * 5, "input": {"name": "correlated", "correlation": 0.8}},
        {"shape": [500] * 5, "input": {"name": "correlated", "correlation": -0.5}},
        {"shape": [500] * 5, "loss": "cross_entropy"},
        {"shape": [500] * 5, "loss": "nll", "reduction": "sum"},
        {"shape": [300, 900, 200, 500, 100], "init": "orthogonal"},
        {"shape": [300, 900, 200, 500, 100], "init": "orthogonal", "activation": "identity"},
        {"shape": [500] * 5, "activation": "relu", "init": {"scheme": "kaiming_normal"}},
        {"shape": [500] * 5, "activation": "identity",
         "init": {"scheme": "lecun_normal", "gain": 3}},
    ],
    ids=str,
)  # fmt: skip
def test_every_kind_of_network(fields):
    spec = {"activation": "gelu", "init": {"scheme": "lecun_normal", "gain": 1.3}, **fields}
    runs = load_plan({**spec, "seeds": 40, "batch": 8}).runs
    # finite width: a relative bias of order depth / width besides the spread over seeds
    bias = sum(1 / n for n in runs[0].shape[1:])
    for name, (mean, sd) in off(runs).items():
        allowed = 5 * sd / 40**0.5 + (bias if name != "cosine" else 0.005)
        np.testing.assert_array_less(np.abs(mean), allowed + 1e-9, err_msg=name)


BODY = {"activation": "tanh", "init": {"scheme": "lecun_normal", "gain": 1.3}}
HEAD = {"activation": "identity", "init": {"scheme": "orthogonal", "gain": 0.01}}


@pytest.mark.parametrize(
    "fields",
    [
        {"last": HEAD},
        {"last": {**HEAD, "bias": {"std": 0.5}}, "loss": "cross_entropy"},
        {"first": {"activation": "sin", "init": {"scheme": "scaled_normal", "sigma_w": 2.5}}},
        {"layers": {"1-2": {"activation": "relu", "init": "kaiming_normal"}}, "last": HEAD},
        {"layers": {"2": {"init": {"scheme": "lecun_uniform", "gain": 3.0}}}},
        {"layers": {"1": {"bias": {"std": 0.7}}}, "bias": None},
    ],
    ids=str,
)
def test_layers_that_differ(fields):
    runs = load_plan({"shape": [500] * 5, **BODY, **fields, "seeds": 40, "batch": 8}).runs
    for name, (mean, sd) in off(runs).items():
        allowed = 5 * sd / 40**0.5 + (4 / 500 if name != "cosine" else 0.005)
        np.testing.assert_array_less(np.abs(mean), allowed + 1e-9, err_msg=name)


BIASES = [
    {"scheme": "uniform", "a": -2, "b": 2},
    {"scheme": "constant", "value": 0.5},
    {"scheme": "trunc_normal", "std": 1.0, "mean": 0.3, "a": -1.0, "b": 1.5},
    {"mean": 1.0, "std": 0.5},
]


@pytest.mark.parametrize("bias", BIASES, ids=str)
@pytest.mark.parametrize("activation", ["hardtanh", "relu", "gelu", "sin"])
def test_biases_of_any_law(activation, bias):
    spec = {"shape": [500] * 5, "activation": activation, "bias": bias, "batch": 8}
    runs = load_plan({**spec, "init": {"scheme": "lecun_normal", "gain": 1.2}, "seeds": 40}).runs
    for name, (mean, sd) in off(runs).items():
        allowed = 5 * sd / 40**0.5 + (4 / 500 if name != "cosine" else 0.005)
        np.testing.assert_array_less(np.abs(mean), allowed + 1e-9, err_msg=name)


def test_the_fixed_point_counts_the_bias(plan_of):
    # identity, sigma_w^2 = 1/2, b = 1: s^2 = (s^2 + 1) / 2 = 1, E z^2 = s^2 + 1 = 2
    init = {"scheme": "scaled_normal", "sigma_w": 0.5**0.5}
    bias = {"scheme": "constant", "value": 1.0}
    fields = {"activation": "identity", "init": init, "bias": bias, "width": 64}
    (prediction,) = predict(plan_of(**fields, depth=80).runs)
    assert prediction.fixed.q == pytest.approx([2.0])
    assert prediction.fixed.chi_1 == pytest.approx([0.5])
    # centred, as it is measured
    assert prediction.layers.pre_std[-1] == pytest.approx(1.0)


def test_biases_that_switch_every_neuron_off(plan_of):
    init = {"scheme": "scaled_normal", "sigma_w": 0.01}
    bias = {"scheme": "uniform", "a": -2.0, "b": -1.0}
    (prediction,) = predict(
        plan_of(activation="relu", init=init, bias=bias, width=64, depth=5).runs
    )
    assert (prediction.limits.zero_onset, prediction.limits.grad_underflow) == (0, 3)
    assert prediction.layers.std[0] < 1e-100


@pytest.mark.parametrize(
    "shape", [[784, 256, 256, 8, 1], [2, 256, 256, 256], [15, 256, 1], [3, 1]], ids=str
)
@pytest.mark.parametrize("batch", [2, 8])
def test_narrow_layers_are_predicted(shape, batch):
    spec = {"shape": shape, "activation": "tanh", "init": "lecun_normal", "batch": batch}
    run = load_plan(spec).runs[0]
    (prediction,) = predict([run])
    assert np.isfinite(prediction.layers.std).all()
    assert prediction.approximate == ""
    assert prediction.limits == Limits()
    band = bands([band_point(run)], 20)[0]
    assert np.isfinite(band.p50[[i for i, n in enumerate(shape[1:]) if n * batch > 1]]).all()


def test_the_mean_square_of_narrow_layers_is_the_predicted_one():
    # E h^2 over networks is exact at any width where phi is linear: 2 inputs, then 4 neurons
    spec = {"shape": [2, 4, 1], "activation": "identity", "init": "lecun_normal", "batch": 8}
    run = load_plan(spec).runs[0]
    rng = np.random.default_rng(1)
    x, w, v = (rng.standard_normal((20_000, *size)) for size in ((8, 2), (2, 4), (4, 1)))
    y = x @ (w / 2**0.5) @ (v / 2)
    assert predict([run])[0].layers.std[-1] ** 2 == pytest.approx((y * y).mean(), rel=0.1)


def test_an_override_that_says_the_same_changes_nothing(plan_of):
    spec = {"activation": "gelu", "init": "lecun_normal", "bias": {"std": 0.2}, "width": 40}
    own = predict(plan_of(**spec).runs)[0]
    same = {"activation": "gelu", "init": "lecun_normal", "bias": {"std": 0.2}}
    other = predict(plan_of(**spec, layers={"1": same}).runs)[0]
    for ours, theirs in zip(own.layers, other.layers, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert own.limits == other.limits
    assert own.fixed.q == other.fixed.q


def test_the_fixed_point_is_that_of_the_body():
    spec = {"depth": 20, "width": 256, **BODY}
    (body,) = predict(load_plan(spec).runs)
    (headed,) = predict(load_plan({**spec, "last": HEAD}).runs)
    assert headed.fixed.q == body.fixed.q
    assert headed.fixed.chi_1 == body.fixed.chi_1
    # a head of gain 0.01 hands on 0.01^2 of the variance, and of the gradient's
    assert headed.layers.pre_std[-1] == pytest.approx(0.01 * body.layers.std[-2], rel=1e-12)
    np.testing.assert_array_equal(headed.layers.std[:-1], body.layers.std[:-1])
    two = {"3-9": {"activation": "relu"}}
    assert predict(load_plan({**spec, "layers": two}).runs)[0].fixed.q == body.fixed.q
    assert predict(load_plan({**spec, "layers": {"0-19": HEAD}}).runs)[0].fixed is None


def test_a_head_after_dead_layers(plan_of):
    # zeros are cut by relu's slope at 0; the identity head above them still has a gradient
    spec = {"depth": 5, "width": 32, "activation": "relu", "init": "zeros"}
    (prediction,) = predict(
        plan_of(**spec, last={"activation": "identity", "init": "lecun_normal"}).runs
    )
    assert (prediction.limits.zero_onset, prediction.limits.grad_underflow) == (0, 2)
    assert predict(plan_of(**spec).runs)[0].limits.grad_underflow == 3


def test_samples_of_a_file(tmp_path):
    # two clusters and lengths of one size: cosines of .9 within, 0 between, all followed apart
    rng = np.random.default_rng(1)
    centre = rng.standard_normal((2, 1, 400))
    x = np.concatenate(0.95 * centre + (1 - 0.95**2) ** 0.5 * rng.standard_normal((2, 4, 400)))
    x *= 20 / np.linalg.norm(x, axis=1, keepdims=True)
    path = tmp_path / "x.npy"
    np.save(path, x)
    spec = {"activation": "tanh", "init": {"scheme": "lecun_normal", "gain": 1.5}, "batch": 8}
    spec |= {"shape": [400] * 5, "input": {"name": "file", "path": str(path)}}
    for name, (mean, sd) in off(load_plan({**spec, "seeds": 40}).runs).items():
        assert (np.abs(mean) < 5 * sd / 40**0.5 + 0.01).all(), name


def test_the_gradient_of_a_deep_linear_network_knows_its_output():
    # E g^2 is that of y - t, and of a product of L matrices: (v + 1) at the last layer and
    # (L + 1) v + 1, L layers before it (v = Var y = 1), by Wick's theorem
    (prediction,) = predict(
        load_plan(
            {"depth": 11, "width": 400, "activation": "identity", "init": "lecun_normal"}
        ).runs
    )
    back = np.arange(10, -1, -1)
    np.testing.assert_allclose(prediction.layers.grad_std**2, (back + 2) / 2, rtol=1e-10)


def test_the_gradient_of_a_deep_orthogonal_network_keeps_its_length():
    # an orthogonal matrix is an isometry; independence would have the Gaussian's (L + 2) / 2
    spec = {"depth": 50, "width": 64, "activation": "identity", "init": "orthogonal"}
    run = load_plan(spec).runs[0]
    (prediction,) = predict([run])
    np.testing.assert_allclose(prediction.layers.grad_std, 1, rtol=1e-12)
    # what is measured is centred: a mean of 1024 values takes chi^2_1 / 1024 from their square
    np.testing.assert_allclose(measured([run])["grad_std"], 1, atol=20 / 1024 / 2)


def test_a_start_is_sure_where_the_record_has_one(plan_of):
    sure = {
        name for name in LOSSES if predict(plan_of(width=32, loss=name, batch=8).runs)[0].sure_start
    }
    assert sure == {"mse", "cross_entropy", "nll"}
    said = COLUMNS["predicted_grad_std"].about
    assert "(all but mse, cross_entropy, nll;" in said


def test_gradients_grow_by_chi_1_where_the_loss_does_not_know_them():
    spec = {"depth": 30, "width": 100, "activation": "tanh", "loss": "cross_entropy"}
    (prediction,) = predict(load_plan({**spec, "init": {"scheme": "lecun_normal", "gain": 2}}).runs)
    chi_1 = float(prediction.fixed.chi_1[0])
    # from layer to layer, where the length has settled
    growth = prediction.layers.grad_std[10] / prediction.layers.grad_std[20]
    assert growth == pytest.approx(chi_1**5, rel=1e-6)


def test_only_layers_of_one_law_have_a_fixed_point(plan_of):
    alike, tapering, wide_input = (
        predict(plan_of(shape=shape, init="lecun_normal").runs)[0].fixed
        for shape in ([64] * 4, [64, 32, 32], [128, 64, 64])
    )
    assert isinstance(alike, FixedPoints)
    assert alike.q == pytest.approx([0.0])
    # lecun: fan_in Var W = 1 in all layers, whatever their widths
    assert tapering is not None
    assert wide_input is not None
    assert predict(plan_of(shape=[128, 64, 64], init="xavier_normal").runs)[0].fixed is None


def test_a_batch_of_one_has_no_cosine(plan_of):
    (prediction,) = predict(plan_of(width=32, batch=1).runs)
    assert np.isnan(prediction.layers.cosine).all()
    assert np.isfinite(prediction.layers.std).all()


@pytest.mark.parametrize(
    ("input_", "second", "cosine"),
    [
        ({"name": "normal", "std": 2.0}, 4.0, 0.0),
        ({"name": "normal", "mean": 1.0, "std": 1.0}, 2.0, 0.5),
        ({"name": "uniform", "low": 0.0, "high": 1.0}, 1 / 3, 0.75),
    ],
)
def test_moments_of_inputs(plan_of, input_, second, cosine):
    # of features x and y of two samples: E x^2, and E x y / E x^2 = (E x)^2 / E x^2
    run = plan_of(width=32, input=input_).runs[0]
    found, ((c, share),) = INPUTS[run.input.name].moments(run.input.parameters, 8)
    assert (found, c, share) == pytest.approx((second, cosine, 1.0))


def test_runs_are_predicted_together_as_alone():
    plan = load_plan(
        {
            "activation": ["tanh", "relu", "softplus"],
            "init": {"scheme": "xavier_normal", "gain": [0.7, 1.5]},
            "depth": [1, 7, 40],
            "width": [32, 200],
            "bias": {"std": [0.0, 0.3]},
        }
    )
    for run, prediction in zip(plan.runs, predict(plan.runs), strict=True):
        (alone,) = predict([run])
        assert prediction.limits == alone.limits
        for name in QUANTITIES:
            ours, own = getattr(prediction.layers, name), getattr(alone.layers, name)
            assert ours.shape == (run.depth,)
            np.testing.assert_allclose(ours, own, rtol=1e-12)


def test_seeds_share_a_prediction(plan_of):
    first, second, other = predict(plan_of(width=32, seeds=2).runs + plan_of(width=33).runs)
    assert first is second
    assert other is not first


def test_without_a_law_there_is_only_a_reason(plan_of):
    (prediction,) = predict(plan_of(width=32, init={"scheme": "constant", "value": 0.1}).runs)
    assert prediction.layers is prediction.fixed is None
    assert "not independent draws" in prediction.reason


def test_weights_of_zero(plan_of):
    (prediction,) = predict(plan_of(width=32, init="zeros").runs)
    assert prediction.layers.std.tolist() == [0.0] * 3
    assert prediction.layers.pre_std.tolist() == [0.0] * 3
    assert prediction.limits.zero_onset == 0


@pytest.mark.parametrize("c", [-1.0, 0.99, 0.9999])
@pytest.mark.parametrize("gain", [2.0, 5.0, 10.0, 30.0, 100.0])
@pytest.mark.parametrize("activation", ["tanh", "relu", "hardtanh"])
def test_cosines_are_right_or_not_there(plan_of, activation, gain, c):
    # a pair of one correlation through one steep layer, against the exact kernel
    fields = {"activation": activation, "init": {"scheme": "lecun_normal", "gain": gain}}
    plan = plan_of(
        shape=[32, 32], batch=2, input={"name": "correlated", "correlation": c}, **fields
    )
    (prediction,) = predict(plan.runs)
    phi, q = Activation(plan.runs[0].activation), gain**2
    exact = phi.kernel(q, c) / float(phi.moments(np.array([q])).second[0])
    (cosine,) = prediction.layers.cosine.tolist()
    assert math.isnan(cosine) or abs(cosine - exact) < 0.01
    assert not math.isnan(cosine) or gain >= 10


def test_gradients_are_left_out_where_the_loss_knows_the_output(plan_of):
    known = {
        loss: [
            predict(plan_of(width=32, activation="identity", init=init, loss=loss).runs)[
                0
            ].sure_start
            for init in ("lecun_normal", {"scheme": "lecun_normal", "gain": 3.0})
        ]
        for loss in ("mse", "cross_entropy", "l1")
    }
    # outputs of an rms of 1 and of 27
    assert known == {"mse": [True, True], "cross_entropy": [True, False], "l1": [False, False]}


def test_what_cannot_be_resolved_is_nan(plan_of):
    # sin of a normal of std 1e5
    plan = plan_of(width=32, activation="sin", bias={"std": 1e5})
    (prediction,) = predict(plan.runs)
    assert np.isnan(prediction.layers.std).all()
    assert math.isnan(float(prediction.fixed.q[0]))


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_point_does_not_depend_on_those_beside_it(plan_of, activation):
    # from where signals die to where they overflow: sin has no slope to go on with out there
    stds = [0.02, 0.05, 0.2, 0.31, 1, 20]
    plan = plan_of(activation=activation, init={"scheme": "normal", "std": stds}, width=24)
    together = [PredictedNumbers.of(prediction) for prediction in predict(plan.runs)]
    for run, beside in zip(plan.runs, together, strict=True):
        alone = PredictedNumbers.of(predict([run])[0])
        assert repr(alone.run) == repr(beside.run)
        assert alone.layers.tobytes() == beside.layers.tobytes()


@pytest.mark.parametrize("name", list(INPUTS))
def test_of_an_input_without_moments_theory_is_silent(name, tmp_path, monkeypatch):
    np.save(tmp_path / "x.npy", np.ones((2, 20)))
    path = {"path": str(tmp_path / "x.npy")} if name == "file" else {}
    spec = {"depth": 2, "width": 20, "activation": "tanh", "init": "lecun_normal", "batch": 2}
    (run,) = load_plan({**spec, "input": {"name": name, **path}}).runs
    assert predict([run])[0].layers is not None
    table = {**INPUTS, name: replace(INPUTS[name], moments=None)}
    monkeypatch.setattr("initlab.theory.prediction.INPUTS", table)
    (prediction,) = predict([run])
    assert prediction.layers is None
    assert prediction.reason == f"theory does not know E x^2 of {name}"


@pytest.mark.parametrize(
    ("fields", "known"),
    [
        ({"loss": "mse"}, True),
        ({"loss": "mse", "target": "normal"}, False),
        ({"loss": "nll", "target": {"name": "classes", "shares": [0.9, *[0.1 / 23] * 23]}}, True),
        ({"loss": "nll", "target": {"name": "constant", "value": 3}}, True),
        ({"loss": "l1", "target": "normal"}, False),
    ],
)
def test_the_first_gradient_of_a_target_of_one_s_own_is_known_of_labels(plan_of, fields, known):
    run = plan_of(depth=3, width=24, **fields).runs[0]
    assert predict([run])[0].gradient_known == known
