"""Phase diagrams: the edge against theory and closed forms, contours where the numbers are."""

import numpy as np
import pytest

from initlab.report.figures.phase import DEPTH_SCALES, phase, plane
from initlab.theory.critical import edges_of_chaos
from initlab.theory.curves import curves_of
from initlab.theory.meanfield import fixed_points
from initlab.theory.moments import choice_of

SIGMA_W, SIGMA_B = np.linspace(0.5, 2.5, 21).tolist(), np.linspace(0, 0.6, 7).tolist()


@pytest.fixture(scope="module")
def tanh():
    return phase(choice_of("tanh"), SIGMA_W, SIGMA_B)


def contour_of(figure, label):
    return next(line for line in figure.panels[0].contours if line.label == label)


def test_cells_are_chi_1_of_their_networks(tanh):
    (grid,) = tanh.panels
    for row, column in ((0, 3), (2, 9), (6, 20)):
        at = fixed_points(
            curves_of(choice_of("tanh")), np.array([grid.xs[column]]), np.array([grid.ys[row]])
        )
        assert grid.values[row, column] == pytest.approx(float(at.chi_1[0]), rel=1e-9)
    assert grid.center == 1.0


def test_the_edge_of_tanh_begins_at_1_and_is_theory_s(tanh):
    edge = contour_of(tanh, "edge of chaos")
    assert (edge.x[0], edge.y[0]) == (pytest.approx(1.0), 0.0)  # phi'(0) = 1
    middle = len(edge.x) // 2
    expected = edges_of_chaos(curves_of(choice_of("tanh")), float(edge.y[middle]))[0].sigma_w
    assert edge.x[middle] == expected


def test_the_edge_lies_where_chi_1_crosses_1(tanh):
    (grid,) = tanh.panels
    edge = contour_of(tanh, "edge of chaos")
    for row, sigma_b in enumerate(grid.ys):
        at = float(np.interp(sigma_b, edge.y, edge.x))
        left, right = grid.xs < at - 0.02, grid.xs > at + 0.02
        assert (grid.values[row, left] < 1).all()
        assert (grid.values[row, right] > 1).all()


@pytest.mark.parametrize("layers", DEPTH_SCALES)
def test_contours_have_their_depth_scale(tanh, layers):
    line = contour_of(tanh, f"xi_c = {layers}")
    known = np.isfinite(line.x) & (line.y > 0.05)
    at = fixed_points(curves_of(choice_of("tanh")), line.x[known], line.y[known])
    # 1/xi_c is taken as linear over steps of 0.1 in sigma_w, and bends at the edge
    np.testing.assert_allclose(1 / at.xi_c, 1 / layers, atol=0.03)
    assert line.dashed


def test_both_phases_are_named_in_their_place(tanh):
    (grid,) = tanh.panels
    for word in grid.words:
        value = grid.values[grid.ys == word.y, grid.xs == word.x][0]
        assert (word.text == "ordered") == (value < 1)
    assert [word.text for word in grid.words] == ["ordered", "chaotic"]


def test_relu_s_edge_is_a_point_at_the_root_of_2():
    # chi_1 = sigma_w^2 / 2 whatever q; with biases lengths diverge from there on (He et al. 2015)
    figure = phase(choice_of("relu"), SIGMA_W, SIGMA_B)
    edge = contour_of(figure, "edge of chaos")
    known = np.isfinite(edge.x)
    assert edge.x[known] == pytest.approx([2**0.5])
    assert edge.y[known] == [0.0]
    boundary = contour_of(figure, "lengths diverge")
    np.testing.assert_allclose(boundary.x, 2**0.5, atol=2e-3)  # ln chi_1 bends between two cells
    assert any("sigma_w = 1.414, sigma_b = 0" in note for note in figure.notes)


def test_an_activation_without_an_edge_says_so():
    figure = phase(choice_of("softplus"), SIGMA_W, SIGMA_B)
    assert any("softplus has no edge of chaos" in note for note in figure.notes)
    assert not np.isfinite(contour_of(figure, "edge of chaos").x).any()


def test_an_edge_at_some_biases_only_says_where():
    figure = phase(choice_of("gelu"), SIGMA_W, SIGMA_B)
    assert any(
        note.startswith("Signals run into the edge at sigma_b from") for note in figure.notes
    )
    edge = contour_of(figure, "edge of chaos")
    assert np.isnan(edge.x[0])
    assert np.isfinite(edge.x[-1])


def test_growth_of_0_and_inf_is_left_to_the_drawing():
    figure = phase(choice_of("relu_squared"), [0.5, 2.0], [0.0, 0.5])
    assert figure.panels[0].values[0].tolist() == [0.0, np.inf]
    assert len(contour_of(figure, "lengths diverge").x)


def test_a_single_point_is_a_figure():
    figure = phase(choice_of("tanh"), [1.5], [0.1])
    assert figure.panels[0].values.shape == (1, 1)


@pytest.mark.parametrize("name", ["tanh", "sigmoid", "softplus"])
def test_the_plane_has_the_edge_in_it(name):
    sigma_w, _ = plane(choice_of(name))
    edges = edges_of_chaos(curves_of(choice_of(name)), 0.0)
    assert all(sigma_w[0] < edge.sigma_w < sigma_w[-1] for edge in edges)


def test_without_a_fixed_point_there_is_no_phase_and_no_depth_scale():
    figure = phase(choice_of("relu_squared"), SIGMA_W, SIGMA_B)
    (grid,) = figure.panels
    assert np.isinf(grid.values).any()
    assert "chaotic" not in [word.text for word in grid.words]
    assert not any("xi_c" in note for note in figure.notes)


def test_the_depth_scales_that_are_drawn_are_told(tanh):
    drawn = [line.label for line in tanh.panels[0].contours if line.label.startswith("xi_c")]
    numbers = ", ".join(label.removeprefix("xi_c = ") for label in drawn)
    assert any(note.startswith(f"Dashed: xi_c = {numbers} layers") for note in tanh.notes)
