"""What theory expects of a layer's Gram matrix, against quadrature and against drawn neurons."""

import numpy as np
import pytest
import torch

from initlab.theory.curves import curves_of
from initlab.theory.gram import gram_curves_of
from initlab.theory.moments import choice_of

LN_Q = np.array([-31.2, -4.4, -0.77, 0.0, 0.503, 1.9])
READ_OFF = 1e-4  # a table has 32 rows a unit, so straight lines are off by f'' / 8 / 32^2, f'' < 1


def expected(choice, ln_q, c, ln_unit=0.0):
    """Networks of three samples that have one q, of shape (R,), and one correlation."""
    samples = 3
    matrix = torch.full((len(ln_q), samples, samples), c, dtype=torch.float64)
    matrix.diagonal(dim1=1, dim2=2).fill_(1.0)
    each = np.repeat(ln_q[:, None], samples, axis=1)
    return gram_curves_of(choice).expected(matrix, each, np.full(len(ln_q), ln_unit))


def test_lengths_are_those_of_quadrature(choice):
    found, m = expected(choice, LN_Q, 0.4), curves_of(choice).activation.moments(np.exp(LN_Q))
    for mean, deviation in zip(found.means_RB.T, found.deviations_RB.T, strict=True):
        np.testing.assert_allclose(mean**2 + deviation**2, m.second, rtol=2 * READ_OFF)
    np.testing.assert_allclose(found.mean_R, m.mean, atol=READ_OFF * np.sqrt(m.second).max())
    # torch.std's square: where E is large, it is no difference of large numbers
    np.testing.assert_allclose(found.variance_R, m.variance, rtol=2 * READ_OFF)


@pytest.mark.parametrize("c", [-0.5, 0.0, 0.3, 0.8, 0.99, 1.0])
def test_cosines_are_those_of_a_long_series(choice, c):
    ln_q = np.array([-1.2, 0.4])
    cosine = expected(choice, ln_q, c).cosine_RBB
    for own, q in zip(cosine.numpy(), np.exp(ln_q), strict=True):
        activation = curves_of(choice).activation
        shares = activation.series(np.array([q]), 512)[0, 1:]
        exact = shares @ c ** np.arange(1, 512.0) / activation.moments(np.array([q])).variance
        # 512 terms miss 512^-1.5 = 1e-4 at a kink; two terms stand for all from the fifth on
        assert own[0, 1] == pytest.approx(exact[0], abs=0.02)
        assert np.diagonal(own) == pytest.approx(1.0, abs=1e-12)


def test_samples_of_different_lengths_are_drawn_neurons():
    choice, rng = choice_of("gelu"), np.random.default_rng(3)
    c = np.array([[1, 0.7, 0.2], [0.7, 1, -0.1], [0.2, -0.1, 1]])
    q = np.array([0.5, 1.0, 2.0])
    z = np.linalg.cholesky(c * np.sqrt(np.outer(q, q))) @ rng.standard_normal((3, 1_000_000))
    h = curves_of(choice).activation.values(z)
    found = gram_curves_of(choice).expected(torch.tensor(c)[None], np.log(q)[None], np.zeros(1))
    gram = found.cosine_RBB[0].numpy() * np.outer(found.deviations_RB[0], found.deviations_RB[0])
    gram += np.outer(found.means_RB[0], found.means_RB[0])
    # standard errors are 1e-3; one q for the shares of all costs less
    assert gram == pytest.approx(h @ h.T / 1_000_000, abs=0.003)
    assert found.mean_R[0] == pytest.approx(h.mean(), rel=0.005)
    assert found.variance_R[0] == pytest.approx(h.var(), rel=0.005)


def test_samples_that_are_alike_stay_alike(choice):
    # C(1) = 1 in every digit, and no eigenvalue is below what rounding leaves of 0
    found = expected(choice, LN_Q, 1.0).cosine_RBB
    assert found.numpy() == pytest.approx(1.0, abs=1e-14)
    assert np.linalg.eigvalsh(expected(choice, LN_Q, 1 - 1e-9).cosine_RBB.numpy()).min() > -1e-13


def test_units_are_taken_off():
    one, two = (expected(choice_of("tanh"), LN_Q, 0.4, ln_unit) for ln_unit in (0.0, 3.0))
    for ours, others in zip(two[1:4], one[1:4], strict=True):
        np.testing.assert_allclose(ours, others * np.exp(-3), rtol=1e-12)
    np.testing.assert_allclose(two.variance_R, one.variance_R * np.exp(-6), rtol=1e-12)


def test_far_out_an_activation_is_a_power():
    # E of relu is sqrt(q / 2 pi) at any q
    ln_q = np.array([-700.0, 700.0])
    found = expected(choice_of("relu"), ln_q, 0.4, ln_unit=0.0).mean_R
    np.testing.assert_allclose(found, np.exp(ln_q / 2) / np.sqrt(2 * np.pi), rtol=1e-9)


def test_a_nan_is_of_its_own_network():
    found = expected(choice_of("tanh"), np.array([np.nan, 0.0]), 0.4)
    assert np.isnan(found.variance_R).tolist() == [True, False]
    assert torch.isnan(found.cosine_RBB).all((1, 2)).tolist() == [True, False]
