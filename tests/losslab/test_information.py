"""Entropies and divergences: known values, mpmath at 50 digits, scipy, and their laws."""

import math

import mpmath
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import entropy as scipy_entropy

from initlab.losslab.information import cross_entropy, entropy, js, kl, measures, self_information

P, Q = [0.9, 0.05, 0.05], [0.5, 0.3, 0.2]


def normalised(weights):
    total = math.fsum(weights)
    return [w / total for w in weights]


WEIGHTS = st.lists(st.floats(1e-12, 1), min_size=2, max_size=8)
PAIRS = st.integers(2, 8).flatmap(
    lambda n: st.tuples(*[st.lists(st.floats(1e-12, 1), min_size=n, max_size=n)] * 2)
)


def test_a_worked_example_of_a_course_chapter():
    # printed there to six decimals
    assert entropy(P) == pytest.approx(0.394398, abs=5e-7)
    assert kl(P, Q) == pytest.approx(0.370105, abs=5e-7)
    assert cross_entropy(P, Q) == pytest.approx(0.764503, abs=5e-7)
    assert kl(Q, P) == pytest.approx(0.520893, abs=5e-7)
    assert js(P, Q) == pytest.approx(0.102597, abs=5e-7)


def exact(p, q):
    """KL at 50 digits, of the doubles as they are, made to sum to 1."""
    with mpmath.workdps(50):
        ps, qs = [mpmath.mpf(x) for x in p], [mpmath.mpf(x) for x in q]
        ps, qs = [x / sum(ps) for x in ps], [x / sum(qs) for x in qs]
        return float(sum(x * mpmath.log(x / y) for x, y in zip(ps, qs, strict=True) if x))


@pytest.mark.parametrize(
    ("p", "q"),
    [
        (P, Q),
        ([0.5, 0.5], [0.5 + 1e-3, 0.5 - 1e-3]),
        ([0.25, 0.75], [0.25 + 2**-30, 0.75 - 2**-30]),  # representable: the sums are exactly 1
        ([0.0, 1.0], [1e-300, 1.0]),
        ([1e-300, 1.0], [1e-10, 1.0 - 1e-10]),
        ([1e-5, 1 - 1e-5], [0.5, 0.5]),
    ],
)
def test_kl_keeps_its_digits(p, q):
    assert kl(p, q) == pytest.approx(exact(p, q), rel=1e-11, abs=1e-290)


def test_of_sums_that_are_not_1_kl_is_the_plain_sum():
    p, q = [0.333, 0.333, 0.333], [0.5, 0.3, 0.2]
    plain = sum(x * math.log(x / y) for x, y in zip(p, q, strict=True))
    assert kl(p, q) == pytest.approx(plain, rel=1e-12)


@settings(deadline=None)
@given(PAIRS)
def test_scipy_agrees(pair):
    p, q = map(normalised, pair)
    assert entropy(p) == pytest.approx(scipy_entropy(p), rel=1e-9, abs=1e-12)
    assert kl(p, q) == pytest.approx(scipy_entropy(p, q), rel=1e-7, abs=1e-12)
    middle = [(x + y) / 2 for x, y in zip(p, q, strict=True)]
    halves = scipy_entropy(p, middle) + scipy_entropy(q, middle)
    assert js(p, q) == pytest.approx(halves / 2, rel=1e-7, abs=1e-12)


@settings(deadline=None)
@given(PAIRS)
def test_laws(pair):
    p, q = map(normalised, pair)
    assert 0 <= entropy(p) <= math.log(len(p)) + 1e-12
    assert kl(p, q) >= 0
    assert kl(p, p) == 0
    assert js(p, q) == pytest.approx(js(q, p), rel=1e-12, abs=1e-15)
    assert 0 <= js(p, q) <= math.log(2) + 1e-12
    assert cross_entropy(p, q) == pytest.approx(entropy(p) + kl(p, q), rel=1e-9)


def test_zeros():
    assert entropy([1.0, 0.0]) == 0
    assert math.copysign(1, self_information(1.0)) == 1  # not -0.0
    assert self_information(0.0) == math.inf
    assert kl([0.5, 0.5], [1.0, 0.0]) == math.inf
    assert cross_entropy([0.5, 0.5], [1.0, 0.0]) == math.inf
    assert kl([1.0, 0.0], [0.5, 0.5]) == pytest.approx(math.log(2), rel=1e-15)
    assert js([1.0, 0.0], [0.0, 1.0]) == pytest.approx(math.log(2), rel=1e-15)  # disjoint


def test_different_lengths_are_an_error_not_a_number():
    for function in (kl, cross_entropy, js):
        with pytest.raises(ValueError, match=r"shorter|longer"):
            function([0.5, 0.5], [1.0])


def test_one_distribution_has_no_divergences():
    assert [name for name, *_ in measures([0.5, 0.5], None)] == ["H(P)", "largest H"]
    assert len(measures(P, Q)) == 7
