import functools
import math

import numpy as np
import pytest
from scipy.integrate import quad

from initlab.theory import batch_norm
from initlab.theory.batch_norm import BatchNormMoments, batch_norm_moments, growth
from initlab.theory.moments import Activation, choice_of

#: by batch, of identity, relu, tanh and gelu: the first two by the closed forms below, the others
#: by a program of its own, over the disc of two values. Networks of width 1000 (24 layers, 3 seeds)
#: had 1.0766, 1.5894, 1.2475, 1.4323 at B 16 and 1.0143, 1.4912, 1.1919, 1.3438 at B 64, to .1 to
#: .5 %
RATES = {
    4: (2.0, 3.0841, 2.1293, 2.8149),
    5: (1.5, 2.2737, 1.6419, 2.0731),
    6: (1.3333, 2.0038, 1.4831, 1.8234),
    8: (1.2, 1.7882, 1.3586, 1.6223),
    16: (1.0769, 1.5900, 1.2463, 1.4357),
    32: (1.0345, 1.5220, 1.2083, 1.3712),
    64: (1.0164, 1.4931, 1.1923, 1.3438),
    128: (1.0080, 1.4797, 1.1849, 1.3310),
}


@pytest.mark.parametrize("batch", RATES)
def test_rates_of_known_activations(batch):
    found = [growth(choice_of(name), batch) for name in ("identity", "relu", "tanh", "gelu")]
    assert found == pytest.approx(RATES[batch], abs=6e-5)  # the digits that the table has


@pytest.mark.parametrize("batch", [4, 5, 8, 64, 1024])
def test_without_activation(batch):
    # phi = y, phi' = 1: tr (P - u u^T) P = B - 2, of ranks B - 1 and 1; (P - u u^T) 1 = 0, as is
    # (P - u u^T) y; the B values sum to 0, so E y_1 y_2 = -1 / (B - 1)
    # and E y^4 = 3 (B - 1) / (B + 1), of a coordinate of a sphere
    noise = (batch - 1) - 3 * (batch - 1) / (batch + 1)
    expected = (0, 1, -1 / (batch - 1), batch - 2, 0, 0, noise)
    assert batch_norm_moments(choice_of("identity"), batch) == pytest.approx(expected, abs=1e-10)
    # Yang et al. 2019
    assert growth(choice_of("identity"), batch) == pytest.approx(
        (batch - 2) / (batch - 3), rel=1e-12
    )


@pytest.mark.parametrize("batch", [4, 5, 6, 8, 16, 64, 1024])
def test_closed_form_of_relu(batch):
    rho = -1 / (batch - 1)
    # as of a normal pair of correlation rho, whose length is independent of its angle:
    # p = P(y_1 > 0, y_2 > 0) (Sheppard 1899), cross by Cho & Saul 2009
    p = 1 / 4 + math.asin(rho) / (2 * math.pi)
    cross = (math.sqrt(1 - rho**2) + rho * (math.pi - math.acos(rho))) / (2 * math.pi)
    # E |y_1| / 2, by the beta function: y_1^2 / (B - 1) ~ Beta(1/2, (B - 2) / 2)
    ln = math.lgamma((batch - 1) / 2) - math.lgamma(batch / 2)
    mean = math.sqrt((batch - 1) / math.pi) * math.exp(ln) / 2
    # tr[(P - u u^T) Phi'^2] is (B - 1) / 2 - 1 / 2; u^T Phi' Phi' u sums max(0, y)^2 / B
    along = (batch - 1) * (0.5 - p) / batch - (0.5 + (batch - 1) * cross) / batch
    across = (batch - 1) / 2 - 1 / 2 - along
    found = batch_norm_moments(choice_of("relu"), batch)
    assert found[:5] == pytest.approx((mean, 0.5, cross, across, along), rel=1e-11)


def test_four_samples_by_hand():
    # one of four is uniform on (-sqrt 3, sqrt 3), the shadow of a sphere (Archimedes)
    edge = math.sqrt(3)
    tanh = batch_norm_moments(choice_of("tanh"), 4)
    assert tanh.second == pytest.approx(1 - math.tanh(edge) / edge, rel=1e-12)
    square = batch_norm_moments(choice_of("relu_squared"), 4)
    # E y^2 / 2, E y^4 / 2 = 9 / 5 / 2
    assert square[:2] == pytest.approx((0.5, 0.9), rel=1e-12)


def test_kinks_that_meet_at_the_edge_of_the_sphere():
    # hardtanh's kinks are those of (1, 1, -1, -1), of the largest square that 4 values have
    hardtanh = batch_norm_moments(choice_of("hardtanh"), 4)
    root = math.sqrt(3)
    # y uniform on (-root, root): E min(y^2, 1) = (1 / 3 + root - 1) / root
    assert hardtanh.second == pytest.approx(1 - 2 / (3 * root), rel=1e-12)
    # P(|y_1| < 1, |y_2| < 1) = 1 - 4 caps + 2 lenses. |y_1| > 1 is two caps of angle r about the
    # poles, cos r = 1 / root, each of probability (1 - 1 / root) / 2. Those of y_1 and -y_2 are
    # acos(1 / 3) apart and share a lens with corners of pi / 2 and arcs that turn by 2 pi / 3, so
    # of area pi - 2 (2 pi / 3) / root (Gauss & Bonnet) of 4 pi; those of y_1 and y_2 touch
    both = 1 - 2 * (1 - 1 / root) + 2 * (1 - 4 / (3 * root)) / 4
    found = batch_norm._expectations(Activation(choice_of("hardtanh")), 4, 48)
    assert found[2, batch_norm.SLOPE] == pytest.approx(both, rel=1e-12)


@functools.cache
def drawn(batch, draws=50_000):
    """Normalised batches y, and P - u u^T of each."""
    z = np.random.default_rng(batch).standard_normal((draws, batch))
    z -= z.mean(1, keepdims=True)
    u = z / np.linalg.norm(z, axis=1, keepdims=True)
    passed = np.eye(batch) - 1 / batch - u[:, :, None] * u[:, None, :]
    return math.sqrt(batch) * u, passed


def quadratic(matrices, vectors):
    return (np.matmul(matrices, vectors[:, :, None])[:, :, 0] * vectors).sum(1)


@pytest.mark.parametrize("batch", [4, 7])
def test_moments_are_those_of_drawn_batches(choice, batch):
    y, passed = drawn(batch)
    value, slope = Activation(choice).with_slope(y)
    J = np.full((batch, batch), 1 / batch)
    P = np.eye(batch) - J
    statistics = BatchNormMoments(
        mean=value.mean(1),
        second=np.square(value).mean(1),
        cross=(value.sum(1) ** 2 - np.square(value).sum(1)) / (batch * (batch - 1)),
        # tr[A Phi' B Phi'] = phi'^T (A * B) phi'
        across=quadratic(passed * P, slope),
        along=quadratic(passed * J, slope),
        own=quadratic(passed, value * slope),
        noise=quadratic(passed * np.eye(batch), value * slope),
    )
    for name, found, of_draws in zip(
        BatchNormMoments._fields, batch_norm_moments(choice, batch), statistics, strict=True
    ):
        error = of_draws.std() / math.sqrt(len(y))
        rounding = 1e-13 * max(1, abs(found))  # all there is, of the identity
        assert abs(found - of_draws.mean()) < 5 * error + rounding, name


def by_series(choice, batch, terms=300):
    """The moments by the theorem of Funk (1915) and Hecke (1918), from the law of one value.

    With p_k orthonormal under the law of t = y_1 / sqrt(B - 1), of density (1 - t^2)^((B - 4) / 2),
    E h(y_1) h(y_2) = sum_k (E h p_k)^2 p_k(rho) / p_k(1). Slow to converge below B = 8.
    """
    phi, radius, rho = Activation(choice), math.sqrt(batch - 1), -1 / (batch - 1)
    kinks = {k / radius for k in (0.0, *phi.kinks) if abs(k) < radius}
    edges = np.array([-1.0, *sorted(kinks), 1.0])
    x, w = np.polynomial.legendre.leggauss(500)
    t = (edges[:-1, None] + np.diff(edges)[:, None] * (1 + x) / 2).ravel()
    weights = (np.diff(edges)[:, None] * w).ravel() * (1 - t * t) ** ((batch - 4) / 2)
    weights /= weights.sum()
    y = radius * t
    value, slope = phi.with_slope(y)
    h = np.stack([value, slope, y * slope, value * slope, y * value * slope])

    # Gegenbauer's recurrence, index g = (B - 3) / 2: p_k at all t, at rho and at 1
    k, g, points = np.arange(1, terms + 1), (batch - 3) / 2, np.r_[t, rho, 1.0]
    beta = np.sqrt(k * (k + 2 * g - 1) / (4 * (k + g) * (k + g - 1)))
    pair, before, now = np.zeros(5), np.zeros_like(points), np.ones_like(points)
    for last, next_ in zip(np.r_[0.0, beta[:-1]], beta, strict=True):
        pair += (h @ (weights * now[:-2])) ** 2 * now[-2] / now[-1]
        before, now = now, (points * now - last * before) / next_
    one = (h * h) @ weights

    def let_through(a, b):
        return (batch - 1) * (one[a] - pair[a] - pair[b]) - one[b]

    along = let_through(1, 2) / batch
    across = (batch - 1) * one[1] - one[2] - along
    noise = (batch - 1) * one[3] - one[4]
    own = let_through(3, 4)
    return BatchNormMoments(value @ weights, one[0], pair[0], across, along, own, noise)


@pytest.mark.parametrize("batch", [8, 64])
def test_moments_are_those_of_a_series(choice, batch):
    expected = by_series(choice, batch)
    found = batch_norm_moments(choice, batch)
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("batch", [4, 5, 1024])
def test_one_value_by_its_own_law(choice, batch):
    # y_1^2 / (B - 1) ~ Beta(1/2, (B - 2) / 2), and tr[(P - u u^T) Phi'^2] needs no second value
    phi, radius = Activation(choice), math.sqrt(batch - 1)
    found = batch_norm_moments(choice, batch)
    ln = math.lgamma((batch - 1) / 2) - math.lgamma((batch - 2) / 2)
    scale = math.exp(ln) / math.sqrt(math.pi) / radius
    end = min(radius, 12.0)

    def expected(f):
        def integrand(y):
            value, slope = (part[0] for part in phi.with_slope(np.array([y])))
            return f(y, value, slope) * scale * (1 - y * y / radius**2) ** ((batch - 4) / 2)

        points = sorted({0.0, *(k for k in phi.kinks if abs(k) < end)})
        return quad(integrand, -end, end, points=points, epsabs=1e-10, epsrel=1e-10, limit=200)[0]

    assert found.mean == pytest.approx(expected(lambda y, v, s: v), abs=1e-9)
    assert found.second == pytest.approx(expected(lambda y, v, s: v * v), rel=1e-9)
    trace = expected(lambda y, v, s: s * s * (batch - 1 - y * y))
    assert found.across + found.along == pytest.approx(trace, rel=1e-9)


def test_a_large_batch_is_normal(choice):
    # y_1 and y_2 become independent and normal, by 1 / B: the rate is E phi'^2 / Var phi of one
    limit = Activation(choice).moments(np.ones(1))
    expected = limit.slope.item() / limit.variance.item()
    assert growth(choice, 10**7) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("batch", "same"), [(37, True), (38, False)])
def test_a_kink_counts_where_a_batch_can_reach_it(batch, same):
    # one of B values is at most sqrt(B - 1), so 6 only where B is above 37
    relu6, relu = (batch_norm_moments(choice_of(name), batch) for name in ("relu6", "relu"))
    assert (relu6 == relu) is same


@pytest.mark.parametrize("batch", [4, 16, 1024])
@pytest.mark.parametrize("beta", [30, 300, 1e4, 1e6])
def test_a_bend_within_a_hairline(batch, beta):
    # softplus is relu but for |y| of 1 / beta: phi' is off by e^-(beta |y|), so its square by
    # 1 / beta in all, times the density of y, at most .4
    softplus, relu = (
        growth(choice_of("softplus", beta=beta), batch),
        growth(choice_of("relu"), batch),
    )
    assert softplus == pytest.approx(relu, rel=2 / beta + 1e-5)


def test_what_two_rules_do_not_agree_on_is_nan():
    choice = choice_of("sin", omega=1000.0)
    assert np.isnan(batch_norm_moments(choice, 8)).all()
    assert math.isnan(growth(choice, 8))


@pytest.mark.parametrize("batch", [0, 1, 2, 3])
@pytest.mark.parametrize("function", [batch_norm_moments, growth])
def test_a_batch_too_small_is_refused(function, batch):
    with pytest.raises(ValueError, match=f"batch: {batch} samples"):
        function(choice_of("relu"), batch)
