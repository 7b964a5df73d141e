"""Sparklines and bars: one scale tells steady from decaying from exploding."""

import math

import numpy as np
import pytest

from initlab.report.tables.sparkline import (
    ASCII_BARS,
    BARS,
    LEVEL,
    STEPS,
    bar,
    decades,
    scale,
    sparkline,
)


def line(values=(), width=12, unicode=True, **options):
    return sparkline(np.array(values, dtype=float), width, unicode=unicode, **options)


STEADY, DECAYING = np.full(100, 0.65), np.linspace(0.62, 0.077, 100)
EXPLODING, VANISHING = np.logspace(0, 7, 100), np.logspace(0, -16, 100)


def test_a_steady_signal_is_level_although_it_wobbles():
    assert set(line(STEADY)) == {BARS[LEVEL]}
    assert set(line([1.0, 1.4, 0.7, 1.2, 0.8] * 20)) == {BARS[LEVEL]}


@pytest.mark.parametrize("unicode", [True, False])
def test_steady_decaying_exploding_and_vanishing_look_different(unicode):
    bars = BARS if unicode else ASCII_BARS
    shapes = [line(s, unicode=unicode) for s in (STEADY, DECAYING, EXPLODING, VANISHING)]
    # .077 / .62 = .12 lies below .2, 1e7 above 1e6, 1e-16 below 1e-3
    assert [shape[-1] for shape in shapes] == [bars[LEVEL], bars[1], bars[-1], bars[0]]
    assert all(shape[0] == bars[LEVEL] for shape in shapes)
    for shape in shapes[2], shapes[3][::-1]:
        assert [bars.index(b) for b in shape] == sorted(bars.index(b) for b in shape)


def test_the_scale_is_the_same_however_large_the_signal_is():
    assert line(EXPLODING * 1e-30) == line(EXPLODING)


def test_a_gradient_starts_at_the_last_layer():
    assert line(VANISHING[::-1], backward=True) == line(VANISHING)[::-1]
    assert line(VANISHING, backward=True)[0] == BARS[-1]


@pytest.mark.parametrize("step", range(len(STEPS)))
def test_a_bar_begins_at_its_step(step):
    below, above = line([1, STEPS[step] * 0.99])[-1], line([1, STEPS[step] * 1.01])[-1]
    assert BARS.index(above) == BARS.index(below) + 1 == step + 1


def test_every_bar_is_explained_with_where_it_begins():
    for unicode, bars in ((True, BARS), (False, ASCII_BARS)):
        text = scale(unicode=unicode)
        assert all(bar in text for bar in bars)
        assert f"{bars[0]} <1e-3" in text
        assert f"{bars[-1]} >1e6" in text


def test_nan_is_marked_where_it_sets_in():
    assert line([1.0, 10.0, math.inf]).endswith("x")
    assert "x" not in line(np.ones(50))
    assert line([math.inf]) == "x"
    assert line([math.inf, 1e9, 1.0], backward=True).startswith("x")
    assert line([]) == ""  # not measured


@pytest.mark.parametrize(
    "values",
    [np.zeros(5), [1.0, 0.0, 0.0], [math.inf, 1.0], [5e-324, 1e308], np.ones(1), [math.inf] * 3],
)
@pytest.mark.parametrize("backward", [True, False])
def test_extremes_have_a_sparkline_without_a_warning(values, backward):
    assert 1 <= len(line(values, backward=backward)) <= 12


def test_zero_is_a_blank():
    assert line([1.0, 0.0]) == f"{BARS[LEVEL]} "


@pytest.mark.parametrize("width", [6, 8, 12])
def test_a_sparkline_is_as_wide_as_asked_or_as_there_are_layers(width):
    assert len(line(np.logspace(0, 300, 5000), width=width)) == width
    assert len(line([*np.ones(5000), math.inf], width=width)) == width
    assert len(line(np.ones(3), width=width)) == 3
    assert line(width=width) == ""


# bars ---------------------------------------------------------------------------------------------


def test_decades_enclose_the_numbers():
    assert decades(np.array([0.65, 0.7, math.nan])) == (-1, 0)
    assert decades(np.array([3.0, 5e4, 0.0, math.inf])) == (0, 5)
    assert decades(np.array([1.0])) == (-1, 0)
    assert decades(np.array([math.nan, 0.0])) == (-1, 1)


def test_a_bar_is_as_long_as_the_logarithm():
    # 10^-2 is half of the way from 10^-4 to 1
    assert bar(1e-2, (-4, 0), 10, unicode=True) == "█" * 5
    assert bar(1e-2, (-4, 0), 10, unicode=False) == "#" * 5
    assert bar(1.0, (-4, 0), 10, unicode=True) == "█" * 10
    assert bar(10**-3.95, (-4, 0), 10, unicode=True) == "▏"  # an eightieth


@pytest.mark.parametrize("number", [0.0, math.nan, math.inf, -1.0])
def test_what_has_no_logarithm_has_no_bar(number):
    assert bar(number, (-4, 0), 10, unicode=True) == ""
