"""The law of every scheme's draws, and where their random numbers come from."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from initlab import load_plan
from initlab.catalog import SCHEMES
from initlab.network.draws import draws_of, unit_draw
from initlab.network.weights import layers_of

FAN_IN, FAN_OUT, DEPTH = 150, 80, 10  # 120,000 entries, pooled over layers of one shape
# Standard errors that a sample's moment may be off: 4.5 of them happen in 1 of 150,000 seeds
ERRORS = 4.5
P_VALUE = 1e-4  # what a correct sampler falls below for 1 seed in 10,000; the seed is fixed


def normal(std, mean=0.0):
    return stats.norm(mean, std)


def uniform(bound):
    return stats.uniform(-bound, 2 * bound)


def truncated(mean, std, a, b):
    return stats.truncnorm((a - mean) / std, (b - mean) / std, loc=mean, scale=std)


def cut_normal(std):
    """The normal of this std after it is cut at two of its stds before (Keras, JAX)."""
    unit = stats.truncnorm(-2, 2)  # scipy's own std, not the constant of the source
    return stats.truncnorm(-2, 2, scale=std / unit.std())


SLOPE = 0.4
GLOROT = FAN_IN + FAN_OUT
CUT = {"mean": 0.1, "std": 0.5, "a": -0.4, "b": 0.8}
TAIL = {"mean": 0.0, "std": 1.0, "a": 1.5, "b": 3.5}

# (scheme, parameters, the law its formula documents)
LAWS = [
    ("xavier_uniform", {}, uniform(math.sqrt(6 / GLOROT))),
    ("xavier_uniform", {"gain": 5 / 3}, uniform(5 / 3 * math.sqrt(6 / GLOROT))),
    ("xavier_normal", {}, normal(math.sqrt(2 / GLOROT))),
    ("xavier_normal", {"gain": "relu"}, normal(math.sqrt(2 * 2 / GLOROT))),
    ("kaiming_uniform", {}, uniform(math.sqrt(6 / FAN_IN))),
    ("kaiming_uniform", {"a": SLOPE}, uniform(math.sqrt(6 / (1 + SLOPE**2) / FAN_IN))),
    ("kaiming_uniform", {"mode": "fan_out"}, uniform(math.sqrt(6 / FAN_OUT))),
    ("kaiming_normal", {}, normal(math.sqrt(2 / FAN_IN))),
    ("kaiming_normal", {"a": SLOPE}, normal(math.sqrt(2 / (1 + SLOPE**2) / FAN_IN))),
    ("kaiming_normal", {"mode": "fan_out"}, normal(math.sqrt(2 / FAN_OUT))),
    ("kaiming_normal", {"nonlinearity": "tanh"}, normal(5 / 3 / math.sqrt(FAN_IN))),
    ("lecun_normal", {}, normal(1 / math.sqrt(FAN_IN))),
    ("lecun_uniform", {"gain": 1.3}, uniform(1.3 * math.sqrt(3 / FAN_IN))),
    ("scaled_normal", {"sigma_w": 1.7}, normal(1.7 / math.sqrt(FAN_IN))),
    ("lecun_normal", {"fan": "geo"}, normal((FAN_IN * FAN_OUT) ** -0.25)),
    ("lecun_uniform", {"fan": "out"}, uniform(math.sqrt(3 / FAN_OUT))),
    ("scaled_normal", {"sigma_w": 1.7, "fan": "avg"}, normal(1.7 / math.sqrt(GLOROT / 2))),
    ("variance_scaling", {}, cut_normal(1 / math.sqrt(FAN_IN))),
    ("variance_scaling", {"scale": 2, "mode": "fan_out"}, cut_normal(math.sqrt(2 / FAN_OUT))),
    (
        "variance_scaling",
        {"mode": "fan_avg", "distribution": "normal"},
        normal(math.sqrt(2 / GLOROT)),
    ),
    (
        "variance_scaling",
        {"mode": "fan_geo_avg", "distribution": "uniform"},
        uniform(math.sqrt(3) * (FAN_IN * FAN_OUT) ** -0.25),
    ),
    ("siren", {}, uniform(math.sqrt(6 / FAN_IN) / 30)),
    ("siren_first", {}, uniform(1 / FAN_IN)),
    ("normal", {}, normal(1)),
    ("normal", {"mean": 0.3, "std": 0.2}, normal(0.2, 0.3)),
    ("uniform", {}, stats.uniform(0, 1)),
    ("uniform", {"a": -1, "b": 3}, stats.uniform(-1, 4)),
    ("trunc_normal", {}, truncated(0, 1, -2, 2)),
    ("trunc_normal", CUT, truncated(**CUT)),
    ("trunc_normal", TAIL, truncated(**TAIL)),
    ("torch_default", {}, uniform(1 / math.sqrt(FAN_IN))),
]
IDS = [f"{name}-{','.join(parameters)}" for name, parameters, _ in LAWS]
# drawn without randomness, or with a law that has tests of its own below
OTHERS = {"constant", "zeros", "identity", "orthogonal", "sparse"}


def layers(scheme, parameters, **fields):
    shape = {"shape": [FAN_IN] + [FAN_OUT, FAN_IN] * DEPTH} if "shape" not in fields else {}
    plan = load_plan(
        {"activation": "tanh", "init": {"scheme": scheme, **parameters}, **shape, **fields}
    )
    return list(layers_of(plan.runs[0]))


def assert_law(sample, law):
    n = sample.size
    mean, variance, kurtosis = law.stats("mvk")
    # the standard errors of a mean, and of a variance: sigma^2 sqrt((kurtosis + 2) / n)
    assert abs(sample.mean() - mean) <= ERRORS * math.sqrt(variance / n)
    error = variance * math.sqrt((kurtosis + 2) / n)
    assert abs(sample.var(ddof=1) - variance) <= ERRORS * error
    assert stats.kstest(sample, law.cdf).pvalue > P_VALUE


def test_every_scheme_has_its_law_tested():
    assert {name for name, *_ in LAWS} | OTHERS == set(SCHEMES)


@pytest.mark.parametrize("draws", ["layered", "script"])
@pytest.mark.parametrize(("scheme", "parameters", "law"), LAWS, ids=IDS)
def test_weights_follow_the_documented_law(scheme, parameters, law, draws):
    weights = [w for w, _ in layers(scheme, parameters, draws=draws)[::2]]  # (FAN_OUT, FAN_IN)
    assert_law(torch.stack(weights).double().numpy().ravel(), law)


BIASES = [
    ("normal", {"mean": -1, "std": 0.05}, normal(0.05, -1)),
    ("uniform", {"a": -0.1, "b": 0.3}, stats.uniform(-0.1, 0.4)),
    ("trunc_normal", CUT, truncated(**CUT)),
    ("torch_default", {}, uniform(1 / math.sqrt(4))),  # fan_in, not the length of the bias
]


def test_every_random_bias_has_its_law_tested():
    random = {name for name, s in SCHEMES.items() if s.for_bias} - {"constant", "zeros"}
    assert {name for name, *_ in BIASES} == random


@pytest.mark.parametrize(("scheme", "parameters", "law"), BIASES, ids=[b[0] for b in BIASES])
def test_biases_follow_the_documented_law(scheme, parameters, law):
    fields = {"shape": [4] + [5000, 4] * 4, "bias": {"scheme": scheme, **parameters}}
    biases = [b for _, b in layers("normal", {}, **fields)[::2]]
    assert_law(torch.cat(biases).double().numpy(), law)


def test_truncation_cuts():
    weights = layers("trunc_normal", CUT)[0][0]
    assert weights.min() >= CUT["a"] - 1e-7  # float32 rounds the shift by 6e-8
    assert weights.max() <= CUT["b"] + 1e-7
    assert weights.max() > CUT["b"] - 0.01  # 12,000 draws, dense up to the cut


@pytest.mark.parametrize("sparsity", [0.0, 0.1, 0.5, 0.99])
def test_sparse_zeros_and_the_law_of_the_rest(sparsity):
    parameters = {"sparsity": sparsity, "std": 0.4}
    weights = torch.stack([w for w, _ in layers("sparse", parameters)[::2]]).double()
    zeros = (weights == 0).sum(1)  # of each column, over its FAN_OUT rows
    assert (zeros == math.ceil(sparsity * FAN_OUT)).all()
    if sparsity == 0.99:  # ceil(79.2) = 80: no weight is left
        assert not weights.any()
        return
    assert_law(weights[weights != 0].numpy(), normal(0.4))
    # zeros fall on every row alike: counts per row are binomial(FAN_IN DEPTH, zeros / FAN_OUT)
    if sparsity:
        share = float(zeros[0, 0]) / FAN_OUT
        count = FAN_IN * DEPTH
        per_row = (weights == 0).sum((0, 2)).numpy()
        error = math.sqrt(count * share * (1 - share))
        assert np.abs(per_row - count * share).max() <= ERRORS * error


@pytest.mark.parametrize("sparsity", [0.0, 0.3, 0.9, 0.97])
def test_a_gain_makes_pre_activations_of_sparse_weights_as_large_whatever_the_sparsity(sparsity):
    # Var z = gain^2 for inputs of mean square 1. Of h = (1, ..., 1) a neuron's z is the sum of its
    # row: n = FAN_OUT DEPTH sums, independent but for the counts, of kurtosis 3 (FAN_IN - k) / (k
    # FAN_IN) beyond a normal's, k non-zero inputs each
    weights = torch.stack(
        [w for w, _ in layers("sparse", {"sparsity": sparsity, "gain": 1.7})[::2]]
    )
    z = weights.double().sum(2).flatten()
    k = FAN_IN * (1 - math.ceil(sparsity * FAN_OUT) / FAN_OUT)
    error = 1.7**2 * math.sqrt((2 + 3 * (FAN_IN - k) / (k * FAN_IN)) / len(z))
    assert abs(float((z**2).mean()) - 1.7**2) <= ERRORS * error
    # and the weights that are not zero have one std, gain / sqrt(k)
    left = weights[weights != 0].double()
    assert abs(float((left**2).mean()) * k / 1.7**2 - 1) <= ERRORS * math.sqrt(2 / len(left))


def test_a_gain_of_weights_that_are_all_zero():
    # ceil(0.5 x 1) = 1 of one row: nothing is left, and no scale makes up for it
    ((weights, _),) = layers("sparse", {"sparsity": 0.5, "gain": 2}, shape=[9, 1], batch=2)
    assert not weights.any()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [[40, 40], [90, 25], [25, 90], [1, 4], [4, 1]], ids=str)
def test_orthogonal_rows_or_columns(shape, dtype):
    ((w, _),) = layers("orthogonal", {"gain": 2.0}, shape=shape, dtype=dtype, batch=2)
    w = w.double() / 2
    gram = w @ w.T if len(w) <= w.shape[1] else w.T @ w
    # Householder QR is orthogonal to a small multiple of the unit roundoff
    allowed = 20 * torch.finfo(getattr(torch, dtype)).eps
    assert (gram - torch.eye(len(gram), dtype=torch.float64)).abs().max() <= allowed


def test_orthogonal_is_spread_over_the_group():
    # Under Haar measure a 2 x 2 matrix is a rotation by a uniform angle, or with a reflection, each
    # half of the time; QR without the sign of R's diagonal would fail both
    weights = torch.stack([w for w, _ in layers("orthogonal", {}, shape=[2] * 4001)]).double()
    angles = torch.atan2(weights[:, 0, 1], weights[:, 0, 0]).numpy()
    assert stats.kstest(angles, stats.uniform(-math.pi, 2 * math.pi).cdf).pvalue > P_VALUE
    rotations = (torch.linalg.det(weights) > 0).sum().item()
    assert abs(rotations - 2000) <= ERRORS * math.sqrt(4000 / 4)


def test_identity_and_constant_are_not_random():
    assert torch.equal(layers("identity", {"gain": 0.5}, shape=[3, 2])[0][0], torch.eye(2, 3) / 2)
    assert torch.equal(
        layers("constant", {"value": -2}, shape=[3, 2])[0][0], torch.full((2, 3), -2.0)
    )
    assert torch.equal(layers("zeros", {}, shape=[3, 2])[0][0], torch.zeros(2, 3))


# where the numbers come from --------------------------------------------------------------------


def roles(plan):
    """Everything random of a run, as vectors of 400 standardised values."""
    (run,) = plan.runs
    draws = draws_of(run, keep=False)
    found = {}
    for index in range(run.depth):
        weight, bias = draws.layer(index)
        found |= {f"weight {index}": weight.ravel()[:400], f"bias {index}": bias}
    for role in ("input", "target"):
        found[role] = torch.empty(400).normal_(generator=draws.generator(role))
    return found


@pytest.mark.parametrize("draws", ["layered", "script"])
def test_layers_roles_and_seeds_draw_independently(plan_of, draws):
    fields = {"shape": [400] * 4, "bias": {"std": 1}, "draws": draws, "batch": 2}
    vectors = {}
    for seed in (0, 1, 2**32 - 1):
        plan = plan_of(seeds=[seed], **fields)
        vectors |= {f"{role} of {seed}": v.numpy() for role, v in roles(plan).items()}
    assert len(vectors) == 3 * (3 + 3 + 2)
    correlation = np.corrcoef(list(vectors.values())) - np.eye(len(vectors))
    # of 276 pairs of 400 values the largest correlation is near 2.9 / sqrt(400)
    assert np.abs(correlation).max() < 5.5 / math.sqrt(400)


@pytest.mark.parametrize("draws", ["layered", "script"])
def test_a_layer_can_be_drawn_again_in_any_order(plan_of, draws):
    (run,) = plan_of(shape=[5, 3, 7, 2], bias={"std": 1}, draws=draws, batch=3).runs
    streamed = draws_of(run, keep=False)
    first = [streamed.layer(index) for index in range(3)]
    x = torch.randn(9, generator=streamed.generator("input"))
    for index in (2, 0, 1, 1):
        for again, before in zip(streamed.layer(index), first[index], strict=True):
            assert torch.equal(again, before)
    assert torch.equal(torch.randn(9, generator=streamed.generator("input")), x)
    for ours, theirs in zip(draws_of(run, keep=True).layer(1), first[1], strict=True):
        assert torch.equal(ours, theirs)


def test_a_layer_does_not_depend_on_the_depth_of_a_layered_network(plan_of):
    shallow, deep = plan_of(depth=[2, 9]).runs
    for ours, theirs in zip(layers_of(shallow), layers_of(deep), strict=False):
        assert torch.equal(ours[0], theirs[0])


def test_schemes_of_one_draw_use_the_same_numbers(plan_of):
    plan = plan_of(init=["xavier_normal", "kaiming_normal", {"scheme": "normal", "std": 0.3}])
    assert len(plan.shares()) == 1
    weights = [next(layers_of(run))[0] for run in plan.runs]
    for w in weights:
        torch.testing.assert_close(w / w.std(), weights[0] / weights[0].std())


def test_an_unknown_draw_is_refused():
    with pytest.raises(ValueError, match="unknown draw 'cauchy'"):
        unit_draw(("cauchy",), torch.empty(2, 2), torch.Generator())
