"""The grid of a phase map: every pair once, each as a network by itself has it."""

import math

import numpy as np
import pytest

from initlab.theory.curves import curves_of
from initlab.theory.meanfield import fixed_points
from initlab.theory.moments import choice_of
from initlab.theory.phase_map import COLUMNS, phase_map


def test_every_point_is_what_its_network_is_alone():
    choice, sigma_w, sigma_b = choice_of("tanh"), [0.8, 1.0, 2.0], [0.0, 0.3]
    rows = [dict(zip(COLUMNS, r, strict=True)) for r in phase_map(choice, sigma_w, sigma_b).rows()]
    assert [(r["sigma_w"], r["sigma_b"]) for r in rows] == [
        (0.8, 0.0), (0.8, 0.3), (1.0, 0.0), (1.0, 0.3), (2.0, 0.0), (2.0, 0.3),
    ]  # fmt: skip
    for row in rows:
        w, b = np.array([row["sigma_w"]]), np.array([row["sigma_b"]])
        alone = fixed_points(curves_of(choice), w, b)
        for name in ("q", "chi_1", "c", "xi_q", "xi_c"):
            value = float(getattr(alone, name)[0])
            expected = None if math.isnan(value) else pytest.approx(value, rel=1e-9)
            assert row[name] == expected, (name, row)
        assert row["phase"] == alone.phase[0]


def test_relu_s_edge_is_at_the_root_of_two():
    # chi_1 = sigma_w^2 / 2 for every q (He et al. 2015); beyond it q runs to inf
    rows = list(phase_map(choice_of("relu"), [1.0, 2**0.5, 1.6], [0.0]).rows())
    assert [row[COLUMNS.index("phase")] for row in rows] == ["ordered", "critical", "chaotic"]
    assert [row[COLUMNS.index("q")] for row in rows] == [0.0, pytest.approx(2.0), math.inf]
