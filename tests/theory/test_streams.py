"""What norms, dropout and sums make of signals and gradients: against a recursion in plain numbers.

`followed` below follows residual blocks of one or two layers by the formulas themselves, one sum
after the other, with integrals of its own. It shares nothing with initlab/theory.
"""

import functools
import math
from typing import NamedTuple

import numpy as np
import pytest
from scipy.special import ndtr

from initlab import load_plan
from initlab.theory import stream_gradients as back
from initlab.theory import streams
from initlab.theory.curves import curves_of
from initlab.theory.moments import Activation, choice_of
from initlab.theory.prediction import predict
from initlab.theory.stream_gradients import Gradient
from initlab.theory.streams import Pre, Signal


def nodes_of(q):
    """Of the trapezoidal rule, z / sqrt q and weights: of tanh, smooth to +-i pi/2, to 1e-11."""
    step = 0.3 / max(math.sqrt(q), 3)
    x = np.arange(-8.5, 8.5 + step / 2, step)
    return x, np.exp(-(x**2) / 2) * step / math.sqrt(2 * math.pi)


class Moments(NamedTuple):
    """Of phi(z), z ~ N(0, q)."""

    mean: float  # E phi
    square: float  # V = E phi^2
    slope: float  # D = E phi'^2
    along: float  # Q = E z phi phi'
    overlap: float  # O = E phi^2 phi'^2
    tilt: float  # T = E z phi'
    third: float  # P = E phi phi'^2
    first: float  # E phi'
    product: float  # E phi phi'


def _tanh(z):
    return np.tanh(z), 1 - np.tanh(z) ** 2


def _gelu(z):
    return z * ndtr(z), ndtr(z) + z * np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)


SMOOTH = {"tanh": _tanh, "gelu": _gelu}


def moments_of(name, q):
    if name == "relu":  # phi' is 0 or 1, half of each
        mean = math.sqrt(q / (2 * math.pi))
        return Moments(mean, q / 2, 0.5, q / 2, q / 2, mean, mean, 0.5, mean)
    x, weights = nodes_of(q)
    z = math.sqrt(q) * x
    value, slope = SMOOTH[name](z)
    integrands = (
        value, value**2, slope**2, z * value * slope, (value * slope) ** 2, z * slope,
        value * slope**2, slope, value * slope,
    )  # fmt: skip
    return Moments(*[float(f @ weights) for f in integrands])


@functools.cache
def pair_of(name, q, c):
    """K = E phi(z_a) phi(z_b)."""
    if name == "relu":  # Cho & Saul 2009
        return q * (math.sqrt(1 - c * c) + c * (math.pi - math.acos(c))) / (2 * math.pi)
    x, weights = nodes_of(q)
    second = SMOOTH[name](math.sqrt(q) * (c * x[:, None] + math.sqrt(1 - c * c) * x))[0]
    return float((SMOOTH[name](math.sqrt(q) * x)[0] * weights) @ second @ weights)


class Followed(NamedTuple):
    """Of the stream after every block, each (L,), and E g^2 in front of the first."""

    mean: np.ndarray
    square: np.ndarray  # s
    cosine: np.ndarray  # p / s
    gradient: np.ndarray  # E g^2
    centred: np.ndarray  # E g^2 - (E g)^2
    common: np.ndarray  # E h g
    start: float

    @property
    def std(self):
        return np.sqrt(self.square - self.mean**2)


def followed(
    name, every, *, w, w_last=None, b2=0.0, skip=1.0, scale=1.0, blocks=16, norm=None, known=True,
    keep=1.0, c=0.0,
):  # fmt: skip
    """h' = skip h + scale F, F = phi(W h) or W2 phi(W h), from E h = 0, E h^2 = 1, E h_a h_b = c.

    Args:
        w, w_last: sigma_w^2 of W and of W2.
        norm: None, or (layer or rms, pre or post).
        known: whether the loss's gradient is y - t; else it knows nothing of y.
        keep: share that dropout keeps in front of the weights.
    """
    a, b, w2 = skip, scale, w if w_last is None else w_last
    centred, place = norm is not None and norm[0] == "layer", norm and norm[1]

    def normed(m, s, p):
        by = s - m * m if centred else s
        return (0.0, 1.0, (p - m * m) / by, by) if centred else (m / by**0.5, 1.0, p / by, by)

    m, s, p, steps = 0.0, 1.0, c, []
    for _ in range(blocks):
        x = (m, s, p, 1.0) if place != "pre" else normed(m, s, p)
        q = w * x[1] / keep + b2
        of = moments_of(name, q)
        branch = of.mean, of.square, pair_of(name, q, (w * x[2] + b2) / q)
        if every == 2:
            branch = 0.0, w2 * branch[1] / keep + b2, w2 * branch[2] + b2
        both = 2 * a * b * m * branch[0]
        before = m, s
        m, s, p = (
            a * m + b * branch[0],
            a * a * s + b * b * branch[1] + both,
            a * a * p + b * b * branch[2] + both,
        )
        divided = 1.0
        if place == "post":
            m, s, p, divided = normed(m, s, p)
        steps.append((before, q, of, branch, x[3], divided, (m, s, p)))

    k, const, r = float(known), 0.0, 1.0
    if place == "pre":  # in front of the loss, too: it takes out what is known
        k, r = 0.0, 1.0
    found = []
    for (m, s), q, of, (_, square, _), by, divided, out in reversed(steps):
        own = k * k * out[1] + const**2 + 2 * k * const * out[0] + r
        found.append((*out, own, own - (k * out[0] + const) ** 2, k * out[1] + const * out[0]))
        if place == "post":  # of RMS norm, only where nothing is constant
            k, const, r = 0.0, 0.0, r / divided
        of_h = k * k * a * a * s + const**2 + 2 * k * a * const * m + r  # E (k a h + c + r)^2
        past = (a * k * b) ** 2 * (square - (of.mean**2 if every == 1 else 0))
        if every == 1:
            par = w / q * (k * (a * m * of.tilt + b * of.along) + const * of.tilt)
            into = of_h * of.slope + (k * b) ** 2 * of.overlap
            into += 2 * k * b * (k * a * m + const) * of.third
            known_more, mean = b * par, of.mean
        else:
            k_b = w2 * b * k
            of_g = of_h + k * k * b * b * square  # E g^2 of the sum: F has no mean
            known_more, mean = b * w * k_b * of.along / q, 0.0
            into = w2 / keep * of_g * of.slope + k_b**2 * of.overlap
        if place == "pre":
            known_more = 0.0
        k, const, r = (
            a * a * k + known_more,
            a * const + a * b * k * mean,
            a * a * r + b * b * w / keep * into / by + past,
        )
    m, s, p, gradient, variance, common = np.array(found[::-1]).T
    return Followed(m, s, p / s, gradient, variance, common, k * k + const**2 + r)


#: sigma_w^2 and sigma_b^2 of those simulated
SCALES = {"relu": (2.0, 0.0), "tanh": (1.7, 0.05), "gelu": (2.35, 0.1)}


def specified(name, every, *, w, w_last=None, b2=0.0, skip=1.0, scale=1.0, blocks=16, norm=None,
              known=True, keep=1.0, c=0.0):  # fmt: skip
    """The same as a spec, predicted."""
    residual = {"every": every, "skip": skip, "scale": scale}
    if w_last is not None:
        residual["output_gain"] = math.sqrt(w_last / w)
    fields = {"norm": {"name": norm[0], "place": norm[1], "eps": 0}} if norm else {}
    (run,) = load_plan(
        {
            "width": 100, "depth": blocks * every, "activation": name, "residual": residual,
            "init": {"scheme": "scaled_normal", "sigma_w": math.sqrt(w)},
            "bias": {"std": math.sqrt(b2)} if b2 else None, "dropout": 1 - keep,
            "input": {"name": "correlated", "correlation": c}, "batch": 2,
            "loss": "mse" if known else "cross_entropy", "band": 0, **fields,
        }
    ).runs  # fmt: skip
    (prediction,) = predict([run])
    assert prediction.reason == prediction.approximate == ""
    return prediction.layers, run.structure.stream


def check(name, every, **fields):
    expected = followed(name, every, **fields)
    layers, stream = specified(name, every, **fields)
    np.testing.assert_allclose(layers.std[stream], expected.std, rtol=1e-9)
    # maps of cosines are series, of a bend good to some 1e-6
    allowed = 1e-8 if name == "tanh" else 5e-6
    np.testing.assert_allclose(layers.cosine[stream], expected.cosine, atol=allowed)
    ours, theirs = layers.grad_std[stream] ** 2, expected.centred / expected.centred[-1]
    np.testing.assert_allclose(ours, theirs, rtol=2e-9)


KINDS = {
    "sum": {},
    "half": {"scale": 0.5},
    "negative": {"scale": -0.7, "skip": 0.9},
    "turned": {"scale": 0.6, "skip": -0.8},
    "unit": {"scale": 0.6, "skip": 0.8},
    "layer norm, pre": {"norm": ("layer", "pre")},
    "RMS norm, pre": {"norm": ("rms", "pre"), "scale": 0.7},
    "layer norm, post": {"norm": ("layer", "post"), "scale": 0.8},
}


@pytest.mark.parametrize("known", [True, False], ids=["mse", "cross_entropy"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("every", [1, 2])
@pytest.mark.parametrize("name", SCALES)
def test_blocks_follow_the_formulas(name, every, kind, known):
    w, b2 = SCALES[name]
    w_last = {"w_last": 0.8} if every == 2 else {}
    check(name, every, w=w, b2=b2 + 0.02, c=0.6, blocks=6, known=known, **w_last, **KINDS[kind])


@pytest.mark.parametrize("norm", [None, ("layer", "pre"), ("rms", "pre"), ("layer", "post")])
@pytest.mark.parametrize("every", [1, 2])
@pytest.mark.parametrize("name", SCALES)
def test_dropped_blocks_follow_the_formulas(name, every, norm):
    w, b2 = SCALES[name]
    check(name, every, w=w, b2=b2, c=0.6, blocks=6, known=False, keep=0.7, norm=norm, scale=0.6)


#: E g^2 of mse over 16 blocks, as sqrt(first / last), for relu, tanh and GELU; simulated: plain
#: torch, width 1000, 16 blocks, 5 seeds, whose means are within 1 % of these but for two layers
#: behind a layer norm (2.6 %) and relu's one layer in front of one (1.4 %)
WITH_MSE = {
    "plain": (1, {"skip": 0.0}, "4.12 0.580 22.1"),
    "half": (1, {"scale": 0.5}, "95.9 2.61 147.7"),
    "1/sqrt(L)": (1, {"scale": 0.25}, "8.41 1.398 10.73"),
    "two, half": (2, {"scale": 0.5}, "16.7 2.60 23.7"),
    "two, 1/sqrt(L)": (2, {"scale": 0.25}, "2.52 1.398 2.92"),
}
#: the same, where weights and gradients would be independent
INDEPENDENT = {
    "plain": "1.00 0.602 4.1",
    "half": "5.96 2.46 7.98",
    "1/sqrt(L)": "1.62 1.33 1.78",
    "two, half": "5.96 2.42 8.06",
    "two, 1/sqrt(L)": "1.62 1.33 1.77",
}


@pytest.mark.parametrize("kind", WITH_MSE)
def test_what_mse_makes_of_a_stream(kind):
    every, fields, simulated = WITH_MSE[kind]
    for known, expected in ((True, simulated), (False, INDEPENDENT[kind])):
        for (name, (w, b2)), digits in zip(SCALES.items(), expected.split(), strict=True):
            more = {"w_last": 1.0} if every == 2 else {}
            more |= {"w": w, "b2": b2, "known": known, **fields}
            of = followed(name, every, **more)
            found = math.sqrt(of.start / of.gradient[-1])
            rounding = 0.51 * 10.0 ** -len(digits.partition(".")[2])
            assert found == pytest.approx(float(digits), abs=rounding, rel=5e-3), (name, known)
            check(name, every, **more)


def test_relu_keeps_what_outputs_and_gradients_have_in_common():
    # Euler: without biases E h_l dL/dh_l is the same at every l, k_l s_l + c_l m_l = k_L s_L
    fields = {"w": 2.0, "scale": 0.5, "blocks": 12}
    of = followed("relu", 1, **fields)
    np.testing.assert_allclose(of.common, of.square[-1], rtol=1e-12)


# ---------------------------------------------------------------- operations, on drawn vectors

N = 400_000
H_MEAN, H_STD = 0.8, 1.3


def column(*values):
    return np.array(values, dtype=np.float64)


def signal_of(*vectors):
    """Its moments, of two samples."""
    first, second = vectors[0], vectors[-1]
    s = (first**2).mean()
    return Signal(
        column(math.log(s)),
        column(first.mean() / math.sqrt(s)),
        column([(first * second).mean() / s]),
        column([0.0]),
    )


def split(g, h):
    """k sqrt(s), c and E[r^2 | h] of g = k h + c 1 + r, as a + b x + c x^2 of x = h / sqrt(s)."""
    x = h / math.sqrt((h**2).mean())
    known = np.stack([x, np.ones(len(x))])
    k, c = np.linalg.lstsq(known.T, g, rcond=None)[0]
    square = (g - np.array([k, c]) @ known) ** 2
    return k, c, np.linalg.lstsq(np.stack([*known[::-1], x**2]).T, square, rcond=None)[0]


def gradient_of(g, h):
    k, c, (rest, tilt, noise) = split(g, h)
    return Gradient(*map(column, (0.0, k, c, rest, 0.0, tilt, noise)))


def assert_gradient(found, g, h, allowed=0.02):
    k, c, rest = split(g, h)
    size = math.sqrt((g**2).mean())
    root = math.exp(found.ln.item() / 2) / size
    known = found.along.item() * root, found.constant.item() * root
    assert known == pytest.approx((k / size, c / size), abs=allowed)
    ours = np.stack([found.rest, found.tilt, found.noise])[:, 0] * root**2
    assert ours == pytest.approx(rest / size**2, abs=2 * allowed)
    # and how E g^2 is put together of them
    assert found.total(signal_of(h)).item() * root**2 == pytest.approx(1, abs=allowed)
    variance = math.exp(found.ln_variance(signal_of(h)).item())
    assert variance == pytest.approx(g.var(), rel=allowed)


@pytest.fixture(scope="module")
def vectors():
    """A stream h, a branch F, and a gradient at their sum that knows it."""
    rng = np.random.default_rng(1)
    h = H_MEAN + H_STD * rng.standard_normal(N)
    branch = np.maximum(rng.standard_normal(N), 0)
    summed = 0.7 * h - 0.9 * branch
    rest, noise = 0.8 * rng.standard_normal(N), rng.standard_normal(N)
    return h, branch, summed, 0.4 * summed - 0.6 + rest + 0.7 * noise * (summed - 0.5)


def test_a_sum_hands_on_both_parts(vectors):
    h, branch, summed, g = vectors
    of_h, of_branch = signal_of(h), signal_of(branch)
    found = streams.added(of_h, of_branch, column(0.7), column(-0.9))
    expected = signal_of(summed)
    assert found.ln_s.item() == pytest.approx(expected.ln_s.item(), abs=0.01)
    assert found.mean.item() == pytest.approx(expected.mean.item(), abs=0.01)
    past, inside = back.into_branch(
        gradient_of(g, summed), found, of_h, of_branch, column(0.7), column(-0.9)
    )
    assert_gradient(past, 0.7 * g, h)
    assert_gradient(inside, -0.9 * g, branch)


def test_the_gradients_of_both_ways_add_up(vectors):
    h, _, _, g = vectors
    rng = np.random.default_rng(2)
    other = 1.7 * h + 0.3 + rng.standard_normal(N)
    found = back.together(gradient_of(g, h), gradient_of(1e6 * other, h))
    assert_gradient(found, g + 1e6 * other, h)
    # equal sizes, opposite signs: what is known cancels
    near = 0.4 * h + rng.standard_normal(N)
    against = -0.4 * h + rng.standard_normal(N)
    assert_gradient(back.together(gradient_of(near, h), gradient_of(against, h)), near + against, h)


@pytest.mark.parametrize("keep", [0.9, 0.4])
def test_dropout_of_vectors(vectors, keep):
    h = vectors[0]
    rng = np.random.default_rng(3)
    mask, other = ((rng.random((2, N)) < keep) / keep).tolist(), 0.5 * h + rng.standard_normal(N)
    mask, mask_of_other = map(np.array, mask)
    found = streams.dropped(signal_of(h, other), column(keep))
    expected = signal_of(mask * h, mask_of_other * other)
    assert found.ln_s.item() == pytest.approx(expected.ln_s.item(), abs=0.02)
    assert found.mean.item() == pytest.approx(expected.mean.item(), abs=0.01)
    assert found.cosine.item() == pytest.approx(expected.cosine.item(), abs=0.01)
    # back, where what is known of its input is a multiple of it: what weights hand on
    g = 0.6 * mask * h + 0.5 * rng.standard_normal(N)
    given = gradient_of(g, mask * h)
    none = column(0.0)  # what the fit has of these is chance
    given = given._replace(constant=none, tilt=none, noise=none, rest=column(0.25))
    assert_gradient(back.through_dropout(given, column(keep)), mask * g, h, 0.03)


@pytest.mark.parametrize("centred", [True, False], ids=["layer", "rms"])
def test_norms_of_vectors(vectors, centred):
    h = vectors[0]
    rng = np.random.default_rng(4)
    other, eps = 0.5 * h + rng.standard_normal(N), 0.0

    def norm(x):
        x = x - x.mean() if centred else x
        return x / np.sqrt((x**2).mean() + eps)

    y = norm(h)
    found, ln_by = streams.normed(signal_of(h, other), column(eps), centred=centred)
    assert found.ln_s.item() == pytest.approx(math.log((y**2).mean()), abs=1e-12)
    assert found.mean.item() == pytest.approx(y.mean(), abs=1e-9)
    # two samples of one law: other would need the mean and size of h
    same = h[np.random.default_rng(5).permutation(N)]
    mixed = 0.6 * (h - H_MEAN) + 0.8 * (same - H_MEAN) + H_MEAN
    pair, _ = streams.normed(signal_of(h, mixed), column(eps), centred=centred)
    assert pair.cosine.item() == pytest.approx((y * norm(mixed)).mean(), abs=0.01)
    rest, noise = 0.8 * rng.standard_normal(N), rng.standard_normal(N)
    g = 0.9 * y - 0.6 + rest + 0.7 * noise * (y - 0.5)
    g_h = (g - (g.mean() if centred else 0) - y * (g * y).mean()) * y.std() / h.std()
    through = back.through_layer_norm(gradient_of(g, y), signal_of(h), ln_by, centred=centred)
    if centred:
        assert through.along.item() == through.constant.item() == 0
    assert_gradient(through, g_h, h)


@pytest.mark.parametrize("q", [0.3, 4.0])
def test_an_activation_of_vectors(plain, vectors, q):
    """u = phi'(z) g with g = k phi(z) + c + r, and a norm in front of phi."""
    rng = np.random.default_rng(6)
    z = math.sqrt(q) * rng.standard_normal(N)
    choice = choice_of(plain.name)
    value, slope = Activation(choice).with_slope(z)
    if not value.std() > 1e-6:
        pytest.skip("constant there")
    curves, ln_q = curves_of(choice), column(math.log(q))
    at = curves.at(ln_q)
    k, c = 0.8 / math.sqrt((value**2).mean()), -0.5
    # E[r^2 | h] = .49 + (.6 x - .5)^2 of x = h / sqrt(s)
    x = value / math.sqrt((value**2).mean())
    rest = 0.7 * rng.standard_normal(N) + rng.standard_normal(N) * (0.6 * x - 0.5)
    g = Gradient(*map(column, (0.0, 0.8, c, 0.49 + 0.25, 0.0, -0.6, 0.36)))
    slopes = back.through_activation(g, curves, ln_q, at, column(1.0), column(0.5))
    u = slope * (k * value + c + rest)
    y, size = z / math.sqrt(q), math.sqrt((u**2).mean())
    root = math.exp(slopes.ln.item() / 2)

    def error(x):
        return 5 * x.std() / math.sqrt(N)

    assert abs(slopes.with_z.item() * root - (u * y).mean()) < error(u * y) + 1e-3 * size
    assert abs(slopes.mean.item() * root - u.mean()) < error(u) + 1e-3 * size
    assert abs(slopes.square.item() * root**2 - size**2) < error(u**2) + 1e-3 * size**2
    through = back.through_norm(slopes, ln_q, centred=True)
    left = u - u.mean() - y * (u * y).mean()
    assert abs(through.square.item() * root**2 - (left**2).mean()) < (
        error(left**2) + 2e-3 * size**2
    )
    assert through.ln.item() == pytest.approx(slopes.ln.item() - math.log(q))


def test_weights_hand_on_what_z_knows_of_them():
    # W^T (W h) / n: along h it is G q / q, and its square n-fold; orthogonal ones give h itself
    rng, n = np.random.default_rng(7), 1500
    h = rng.standard_normal(n) + 0.5
    W = rng.standard_normal((n, n)) / math.sqrt(n)
    z = W @ h
    q = float((h**2).mean())
    u = back.Slopes(column(0.0), column(math.sqrt(q)), column(0.0), column(q), column(0.0))
    x, one, none = signal_of(h), column(1.0), column(0.0)
    found = back.through_weights(u, x, column(math.log(q)), one, none)
    assert_gradient(found, W.T @ z, h, 0.08)
    orthogonal = back.through_weights(u, x, column(math.log(q)), one, one)
    assert orthogonal.rest.item() == pytest.approx(0, abs=1e-12)
    assert orthogonal.along.item() == pytest.approx(math.sqrt(q))


def test_signals_that_leave_float64_are_followed():
    tiny, huge = (
        Signal(column(ln), column(0.3), column([0.5]), column([0.0])) for ln in (-2e3, 3e3)
    )
    total = streams.added(tiny, huge, column(1.0), column(1.0))
    assert (total.ln_s.item(), total.mean.item()) == (3e3, 0.3)
    none = streams.added(tiny, huge, column(1.0), column(0.0))
    assert none.ln_s.item() == pytest.approx(-2e3)
    pre = streams.weighted(huge, column(2.0), column(0.1))
    assert pre.ln_q.item() == pytest.approx(3e3 + math.log(2))
    normed, ln_by = streams.normed_pre(Pre(pre.ln_q, pre.c, pre.error), column(1e-5))
    assert (normed.ln_q.item(), ln_by.item()) == (0, pre.ln_q.item())
