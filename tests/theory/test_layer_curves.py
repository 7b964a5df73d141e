"""Curves of layers that differ, row by row against those of each activation alone."""

import numpy as np
import pytest

from initlab.theory.curves import curves_of
from initlab.theory.layer_curves import LayerCurves
from initlab.theory.moments import choice_of

NAMES = ["tanh", "relu", "tanh", "identity", "relu"]


@pytest.fixture
def own():
    return [curves_of(choice_of(name)) for name in NAMES]


def test_every_layer_has_the_moments_of_its_own_activation(own):
    ln_q = np.linspace(-2, 2, 15).reshape(5, 3)
    together = LayerCurves(own).at(ln_q)
    for layer, law in enumerate(own):
        for ours, alone in zip(together, law.at(ln_q[layer]), strict=True):
            np.testing.assert_array_equal(ours[layer], alone)


def test_some_layers_from_the_middle_on(own):
    ln_q = np.zeros((2, 1))
    series = LayerCurves(own).each(lambda law, at: law.series(at), ln_q, first=2)
    np.testing.assert_array_equal(series[0], own[2].series(ln_q[0]))
    np.testing.assert_array_equal(series[1], own[3].series(ln_q[1]))


def test_one_law_serves_layers_of_any_number(own):
    curves = LayerCurves(own[:1])
    assert curves.of(99) is own[0]
    np.testing.assert_array_equal(curves.at(np.zeros((7, 2))).std, own[0].at(np.zeros((7, 2))).std)
