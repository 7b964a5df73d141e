"""Recommendations for networks with blocks: what is tried, its order, and that it holds."""

import math
from dataclasses import replace

import numpy as np
import pytest

from initlab.network.measurement import BACKWARD, FORWARD
from initlab.network.propagate import measure
from initlab.spec.shares import Share
from initlab.theory.moments import choice_of
from initlab.theory.recommend_blocks import recommend_blocks

STD, GRAD = FORWARD.index("std"), BACKWARD.index("grad_std")


def found(activation="relu", residual=2, norm=None, dropout=0.0, depth=60, width=64):
    return recommend_blocks(
        choice_of(activation),
        residual=residual,
        norm=norm,
        dropout=dropout,
        depth=depth,
        width=width,
        dtype="float32",
    )


def test_the_steady_come_first_and_those_that_add_nothing_last_among_them():
    kinds = [(not c.steady, c.silent, round(c.loss, 1)) for c in found()]
    assert kinds == sorted(kinds)
    assert {c.run.residual.parameters["scale"] for c in found() if c.silent} == {"rezero"}


def test_without_a_norm_full_branches_explode_and_scaled_ones_do_not():
    # with the second-moment gain and two layers a branch, every block doubles E h^2: 2^30
    by_scale = {(c.run.residual.parameters["scale"], c.gain): c for c in found()
                if "output_gain" not in c.run.residual.parameters}  # fmt: skip
    gain = float(f"{math.sqrt(2):.6g}")
    assert by_scale[1.0, gain].diagnosis.forward == "exploding"
    assert by_scale["1/sqrt(L)", gain].steady


def test_deepnorm_is_tried_where_a_norm_may_stand_after_the_sum():
    assert all(c.run.residual.parameters["scale"] != "deepnorm" for c in found())
    deep = [c for c in found(norm="layer") if c.run.residual.parameters["scale"] == "deepnorm"]
    assert {c.run.norm.parameters["place"] for c in deep} == {"post"}
    assert all(c.steady for c in deep)


def test_places_without_a_recursion_are_left_out():
    assert {c.run.norm.parameters["place"] for c in found(residual=None, norm="batch")} == {
        "before_activation"
    }


def test_the_gain_makes_good_what_dropout_adds():
    # critical for ReLU at sigma_w^2 = 2 keep (Schoenholz et al. 2017, sec. 5, with E relu^2 = q/2)
    best = found(residual=None, dropout=0.2, depth=20)[0]
    assert best.gain == pytest.approx(math.sqrt(2 * 0.8), rel=1e-5)


@pytest.mark.parametrize("activation", ["relu", "tanh", "gelu"])
@pytest.mark.parametrize("norm", [None, "layer", "rms"])
def test_what_is_recommended_is_steady_when_it_is_built(activation, norm):
    best = found(activation, norm=norm, depth=40)[0]
    run = replace(best.run, seed=1)
    (m,) = measure(Share(((0, run),))).values()
    start = run.stream_start
    signal = m.forward[-1, STD] / m.forward[start, STD]
    gradient = m.backward[start, GRAD] / m.backward[-1, GRAD]
    layers = best.prediction.layers
    # of 20 blocks of 64 neurons that change little: within 15 % of infinite width
    np.testing.assert_allclose(signal, layers.std[-1] / layers.std[start], rtol=0.15)
    np.testing.assert_allclose(gradient, layers.grad_std[start], rtol=0.15)
