"""Where a verdict begins: from two stds to a word."""

import math

import pytest

from initlab.spec.thresholds import Thresholds, verdict

THRESHOLDS = Thresholds()  # vanishing below 1e-3, exploding above 1e3
INF, NAN = math.inf, math.nan


@pytest.mark.parametrize(
    ("start", "end", "word"),
    [
        (1, 1, "steady"),
        (1, 1e-3, "steady"),  # the bound itself is steady, on both sides
        (1, 1e3, "steady"),
        (1, 0.999e-3, "vanishing"),
        (1, 1.001e3, "exploding"),
        (2e300, 1e300, "steady"),
        (1e-300, 2e-300, "steady"),
        (1e-200, 1e200, "exploding"),  # the ratio overflows
        (1e200, 1e-200, "vanishing"),  # the ratio underflows
        (1, 0, "vanishing"),
        (0, 0, "vanishing"),
        (0, 1, "exploding"),
        (1, INF, "nan"),
        (1, NAN, "nan"),
        (NAN, 1, "nan"),
        (NAN, 0, "nan"),
    ],
)
def test_verdict(start, end, word):
    assert verdict(start, end, THRESHOLDS) == word


def test_thresholds_are_the_spec_s():
    narrow = Thresholds(vanishing=0.5, exploding=2)
    words = [verdict(1, end, narrow) for end in (0.4, 0.5, 2, 2.5)]
    assert words == ["vanishing", "steady", "steady", "exploding"]
