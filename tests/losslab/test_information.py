"""Entropies and divergences: known values, mpmath at 400 digits, scipy, and their laws."""

import math
import random

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy as scipy_entropy

from initlab.losslab.information import (
    LN2,
    cross_entropy,
    entropy,
    js,
    kl,
    measures,
    self_information,
    unreachable,
)

P, Q = [0.9, 0.05, 0.05], [0.5, 0.3, 0.2]


def normalised(weights):
    total = math.fsum(weights)
    return [w / total for w in weights]


WEIGHTS = st.floats(1e-12, 1)
PAIRS = st.integers(2, 8).flatmap(
    lambda n: st.tuples(*[st.lists(WEIGHTS, min_size=n, max_size=n).map(normalised)] * 2)
)


# known values ------------------------------------------------------------------------------------


def test_a_worked_example_of_a_course_chapter():
    # printed there to six decimals
    assert entropy(P) == pytest.approx(0.394398, abs=5e-7)
    assert kl(P, Q) == pytest.approx(0.370105, abs=5e-7)
    assert cross_entropy(P, Q) == pytest.approx(0.764503, abs=5e-7)
    assert kl(Q, P) == pytest.approx(0.520893, abs=5e-7)
    assert js(P, Q) == pytest.approx(0.102597, abs=5e-7)


def test_two_equal_outcomes_have_ln_2_nats_or_one_bit():
    assert entropy([0.5, 0.5]) == pytest.approx(0.6931, abs=5e-5)  # the course chapter
    assert entropy([0.5, 0.5], math.log2) == 1.0  # Shannon 1948: what the bit is


@pytest.mark.parametrize("k", range(1, 60))
def test_bits_of_powers_of_two_are_whole(k):
    # ln(2^29)/ln 2 is 29.000000000000004: so log2 itself is taken
    assert measures([2.0**-k, 1 - 2.0**-k], None, "bits")[0][2] == k


# by mpmath ---------------------------------------------------------------------------------------


def exact(p, q):
    """(H(P), H(P, Q), KL, JS) of the doubles as they are, at enough digits for 1 + 5e-324."""
    with mpmath.workdps(400):
        ps, qs = [mpmath.mpf(x) for x in p], [mpmath.mpf(x) for x in q]

        def divergence(a, b):
            if any(x and not y for x, y in zip(a, b, strict=True)):
                return mpmath.inf
            # p ln(p/q) + (q - p), whose second parts sum to 0 where both sum to 1
            terms = (x * mpmath.log(x / y) if x else 0 for x, y in zip(a, b, strict=True))
            return sum(terms) + sum(b) - sum(a)

        middle = [(x + y) / 2 for x, y in zip(ps, qs, strict=True)]
        h = -sum(x * mpmath.log(x) for x in ps if x)
        lost = any(x and not y for x, y in zip(ps, qs, strict=True))
        crossed = (x * mpmath.log(y) for x, y in zip(ps, qs, strict=True) if x)
        cross = mpmath.inf if lost else -sum(crossed)
        both = (divergence(ps, middle) + divergence(qs, middle)) / 2
        return tuple(float(value) for value in (h, cross, divergence(ps, qs), both))


def assert_exact(p, q, rel=1e-12):
    # near 5e-324 the terms themselves are rounded to whole multiples of it
    ours = (entropy(p), cross_entropy(p, q), kl(p, q), js(p, q))
    assert ours == pytest.approx(exact(p, q), rel=rel, abs=1e-318)


EXTREMES = [
    (P, Q),
    ([1.0], [1.0]),
    ([0.5, 0.5], [0.5 + 1e-3, 0.5 - 1e-3]),
    ([1e-300, 1.0], [1e-10, 1.0 - 1e-10]),
    ([1e-300, 1.0], [1e-299, 1.0]),
    ([1e-300, 1.0], [1.0, 1e-300]),
    ([1e-300, 1.0], [1e-300 * (1 + 2**-20), 1.0]),
    ([5e-324, 1.0], [1.0, 5e-324]),
    ([0.0, 1.0], [1e-300, 1.0]),
    ([0.0, 1.0], [0.5, 0.5]),
    ([1.0, 0.0], [0.0, 1.0]),
    ([5e-324, 1.0], [0.0, 1.0]),  # half of 5e-324 is 0: the middle must not lose it
    ([1e-5, 1 - 1e-5], [0.5, 0.5]),
    ([1 - 2**-53, 2**-53], [0.5, 0.5]),
]


@pytest.mark.parametrize(("p", "q"), EXTREMES)
def test_extremes_agree_with_mpmath(p, q):
    assert_exact(p, q)
    assert_exact(q, p)


@pytest.mark.parametrize("k", range(1, 52))
@pytest.mark.parametrize("p", [0.25, 0.5, 0.75])
@pytest.mark.parametrize("sign", [1, -1])
def test_nearly_equal_distributions_keep_their_digits(k, p, sign):
    # all four numbers are doubles and the sums are exactly 1. At k = 51 KL is about 1e-31, where
    # sum p ln(p/q) as it stands has lost every digit
    gap = sign * 2.0**-k / 4
    assert_exact([p, 1 - p], [p + gap, 1 - p - gap])


def test_random_distributions_agree_with_mpmath():
    draw = random.Random(0)  # noqa: S311
    for _ in range(200):
        n = draw.randint(1, 20)
        p, q = (normalised([draw.expovariate(1) ** 8 for _ in range(n)]) for _ in "pq")
        assert_exact(p, q)


@pytest.mark.parametrize("miss", [1e-6, 3e-7, 1e-12])
def test_sums_that_rounding_left_beside_1_do_not_spoil_a_small_divergence(miss):
    # P and Q differ by 5e-5, KL is 5e-9; sum p ln(p/q) of these would be off by `miss`, and
    # negative for the first two
    p, q = [0.5, 0.5], [0.5 + 5e-5, 0.5 - 5e-5]
    scaled = [x * (1 + miss) for x in q]
    assert kl(p, scaled) == pytest.approx(kl(p, q), rel=1e-4)
    assert js(p, scaled) == pytest.approx(js(p, q), rel=1e-4)


# by scipy, and by their laws ---------------------------------------------------------------------


@settings(deadline=None)
@given(PAIRS)
def test_scipy_agrees(pair):
    p, q = pair
    assert entropy(p) == pytest.approx(scipy_entropy(p), rel=1e-9, abs=1e-12)
    assert entropy(p, math.log2) == pytest.approx(scipy_entropy(p, base=2), rel=1e-9, abs=1e-12)
    assert kl(p, q) == pytest.approx(scipy_entropy(p, q), rel=1e-7, abs=1e-12)
    # scipy returns the square root of the divergence; nan of one that it rounds below 0
    with np.errstate(invalid="ignore"):
        root = float(np.nan_to_num(jensenshannon(p, q)))
    assert js(p, q) == pytest.approx(root**2, rel=1e-6, abs=1e-9)


@settings(deadline=None)
@given(PAIRS)
def test_laws(pair):
    p, q = pair
    assert 0 <= entropy(p) <= math.log(len(p)) + 1e-12
    assert kl(p, q) >= 0
    assert kl(p, p) == js(p, p) == 0
    assert js(p, q) == pytest.approx(js(q, p), rel=1e-13, abs=1e-300)
    assert 0 <= js(p, q) <= LN2
    # Pinsker's inequality, with the L1 distance
    assert kl(p, q) >= sum(abs(x - y) for x, y in zip(p, q, strict=True)) ** 2 / 2 * (1 - 1e-9)
    assert cross_entropy(p, q) == pytest.approx(entropy(p) + kl(p, q), rel=1e-12)


@settings(deadline=None)
@given(st.lists(st.just(0.0) | st.floats(0, 1), min_size=1, max_size=6), st.randoms())
def test_a_divergence_is_infinite_just_where_an_outcome_is_unreachable(weights, draw):
    p = normalised([*weights, 1.0])
    q = normalised([draw.choice([0.0, w, 1.0]) for w in weights] + [1.0])
    assert (kl(p, q) == math.inf) == (unreachable(p, q) != [])
    assert (cross_entropy(p, q) == math.inf) == (unreachable(p, q) != [])
    assert 0 <= js(p, q) <= LN2  # always finite


# edges -------------------------------------------------------------------------------------------


def test_zeros():
    assert entropy([1.0, 0.0]) == 0
    assert math.copysign(1, self_information(1.0)) == 1  # not -0.0
    assert self_information(0.0) == math.inf
    assert kl([0.5, 0.5], [1.0, 0.0]) == math.inf
    assert cross_entropy([0.5, 0.5], [1.0, 0.0]) == math.inf
    assert kl([1.0, 0.0], [0.5, 0.5]) == pytest.approx(LN2, rel=1e-15)
    assert js([1.0, 0.0], [0.0, 1.0]) == pytest.approx(LN2, rel=1e-15)  # disjoint
    assert unreachable([0.5, 0.5, 0.0], [1.0, 0.0, 0.0]) == [1]


def test_js_is_at_most_ln_2_where_rounding_left_sums_above_1():
    # without a common outcome JS is ln 2 times the mean of the sums, here above 1
    assert js([0.5000004, 0.5, 0.0], [0.0, 0.0, 1.0]) == LN2


def test_different_lengths_are_an_error_not_a_number():
    for function in (kl, cross_entropy, js, unreachable):
        with pytest.raises(ValueError, match="argument 2 is shorter"):
            function([0.5, 0.5], [1.0])


def test_measures_of_one_distribution():
    rows = measures([0.5, 0.25, 0.25], None, "bits")
    assert [(quantity, outcome, value) for quantity, outcome, value, *_ in rows] == [
        ("self-information P", 0, 1.0),
        ("self-information P", 1, 2.0),
        ("self-information P", 2, 2.0),
        ("entropy P", None, 1.5),  # by hand: 1/2 + 2/4 + 2/4
        ("largest entropy", None, pytest.approx(1.584963, abs=5e-7)),  # log2 3
        ("perplexity P", None, pytest.approx(2 * math.sqrt(2))),  # 2^1.5
    ]


def test_perplexity_does_not_depend_on_the_unit():
    nats, bits = ({row[0]: row for row in measures(P, Q, unit)} for unit in ("nats", "bits"))
    assert nats["perplexity P"][2:4] == bits["perplexity P"][2:4]
    assert nats["perplexity P"][2] == pytest.approx(1.483490, abs=5e-7)  # e^0.394398, by mpmath
