"""Losses as curves: their values and slopes against closed forms."""

import numpy as np
import pytest

from initlab.catalog import LOSSES
from initlab.errors import InputError, LossError, UnknownName
from initlab.report.figures.losses import POINTS, losses, section_of
from initlab.report.figures.sections import Section
from initlab.spec.run import Choice


def drawn(name, **options):
    """The lines (x, loss, gradient) of one loss, by label."""
    loss, gradient = losses([Choice(name, tuple(options.items()))]).panels
    return {a.label: (a.x, a.y, b.y) for a, b in zip(loss.lines, gradient.lines, strict=True)}


def one(name, **options):
    (line,) = drawn(name, **options).values()
    return line


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


# values -----------------------------------------------------------------------------------------


def test_mse_is_the_square_and_its_slope_twice_the_error():
    x, y, slope = one("mse")
    np.testing.assert_allclose(y, x**2, atol=1e-15)
    np.testing.assert_allclose(slope, 2 * x, atol=1e-15)


def test_l1_is_the_size_and_its_slope_the_sign():
    x, y, slope = one("l1")
    np.testing.assert_allclose(y, np.abs(x))
    np.testing.assert_array_equal(slope, np.sign(x))
    assert 0.0 in x  # where torch's slope is 0


@pytest.mark.parametrize("beta", [0.5, 1.0, 2.0])
def test_smooth_l1_turns_linear_at_beta(beta):
    x, y, slope = one("smooth_l1", beta=beta)
    near = np.abs(x) < beta
    np.testing.assert_allclose(y, np.where(near, x**2 / (2 * beta), np.abs(x) - beta / 2))
    np.testing.assert_allclose(slope, np.clip(x / beta, -1, 1))


@pytest.mark.parametrize("delta", [0.5, 1.0, 2.0])
def test_huber_turns_linear_at_delta(delta):
    x, y, slope = one("huber", delta=delta)
    far = delta * (np.abs(x) - delta / 2)
    np.testing.assert_allclose(y, np.where(np.abs(x) <= delta, x**2 / 2, far), atol=1e-15)
    np.testing.assert_allclose(slope, np.clip(x, -delta, delta))


def test_gaussian_nll_for_three_variances():
    for v in (0.25, 1, 4):
        x, y, slope = drawn("gaussian_nll")[f"gaussian_nll, var {v:g}"]
        np.testing.assert_allclose(y, (np.log(v) + x**2 / v) / 2, atol=1e-15)
        np.testing.assert_allclose(slope, x / v, atol=1e-15)


@pytest.mark.parametrize("log_input", [True, False])
def test_poisson_nll_over_the_logarithm_of_the_rate(log_input):
    for t in (0, 1, 5):
        (label,) = [key for key in drawn("poisson_nll", log_input=log_input) if f"t = {t}" in key]
        x, y, slope = drawn("poisson_nll", log_input=log_input)[label]
        # torch adds eps = 1e-8 under the logarithm of a rate, which is at least e^-3 here
        np.testing.assert_allclose(y, np.exp(x) - t * x, atol=2e-6)
        np.testing.assert_allclose(slope, np.exp(x) - t, atol=2e-6)


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        ("bce_with_logits", "t = 1", "t = 0"),
        ("soft_margin", "t = +1", "t = -1"),
        ("multilabel_soft_margin", "t = 1", "t = 0"),
    ],
)
def test_yes_or_no_over_the_logit(name, right, wrong):
    x, y, slope = drawn(name)[f"{name}, {right}"]
    np.testing.assert_allclose(y, np.log1p(np.exp(-x)))
    np.testing.assert_allclose(slope, -sigmoid(-x))
    x, y, slope = drawn(name)[f"{name}, {wrong}"]
    np.testing.assert_allclose(y, np.log1p(np.exp(x)))
    np.testing.assert_allclose(slope, sigmoid(x))


@pytest.mark.parametrize("name", ["cross_entropy", "linear_cross_entropy"])
def test_cross_entropy_of_two_classes_is_the_logistic_loss_of_the_margin(name):
    x, y, slope = one(name)
    np.testing.assert_allclose(y, np.log1p(np.exp(-x)))
    np.testing.assert_allclose(slope, -sigmoid(-x))


def test_probabilities():
    p, y, slope = one("nll")
    np.testing.assert_allclose(y, -np.log(p))
    np.testing.assert_allclose(slope, -1 / p)
    p, y, slope = drawn("bce")["bce, t = 0"]
    np.testing.assert_allclose(y, -np.log(1 - p))
    np.testing.assert_allclose(slope, 1 / (1 - p))


@pytest.mark.parametrize("log_target", [False, True])
def test_divergence_of_two_outcomes(log_target):
    for label, (p, y, slope) in drawn("kl_div", log_target=log_target).items():
        t = 0.5 if "(0.5" in label else 0.9
        exact = t * np.log(t / p) + (1 - t) * np.log((1 - t) / (1 - p))
        np.testing.assert_allclose(y, exact, atol=1e-14)
        np.testing.assert_allclose(slope, -t / p + (1 - t) / (1 - p), atol=1e-12)


def test_hinges():
    # torch divides those of one sample by C = 2
    for name in ("multi_margin", "multilabel_margin"):
        x, y, slope = one(name)
        np.testing.assert_allclose(y, np.maximum(0, 1 - x) / 2, atol=1e-15)
        np.testing.assert_allclose(slope[x < 0.99], -0.5)
        np.testing.assert_array_equal(slope[x > 1.01], 0)
    x, y, _ = drawn("margin_ranking", margin=0.5)["margin_ranking(margin=0.5), t = +1"]
    np.testing.assert_allclose(y, np.maximum(0, 0.5 - x))
    x, y, _ = drawn("hinge_embedding")["hinge_embedding, t = -1"]
    np.testing.assert_allclose(y, np.maximum(0, 1 - x))


def test_angles_and_triplets():
    angle, y, slope = drawn("cosine_embedding")["cosine_embedding, t = +1"]
    np.testing.assert_allclose(y, 1 - np.cos(angle), atol=1e-9)  # torch adds 1e-12 to norms
    np.testing.assert_allclose(slope, np.sin(angle), atol=1e-9)
    d, y, _ = one("triplet_margin")
    np.testing.assert_allclose(y, d, atol=1e-5)  # max(0, d - 1 + 1); eps of 1e-6 in each norm
    d, y, slope = one("triplet_margin_with_distance", distance="squared")
    np.testing.assert_allclose(y, d**2)
    np.testing.assert_allclose(slope, 2 * d)


# figures ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [n for n in LOSSES if isinstance(section_of(n), Section)])
def test_every_loss_has_finite_curves_whose_slope_is_their_own(name):
    for x, y, slope in drawn(name).values():
        assert len(x) == POINTS
        assert np.isfinite([y, slope]).all()
        # differences are off at a kink, of which no section has more than two
        differences = np.gradient(y, x)[1:-1]
        close = np.isclose(differences, slope[1:-1], rtol=0.01, atol=0.02)
        assert (~close).sum() <= 4 + 0.02 * POINTS * (name in ("bce", "nll", "kl_div"))


def test_two_options_of_one_loss_are_two_lines_of_two_colours():
    figure = losses([Choice("huber"), Choice("huber", (("delta", 2.0),))])
    assert [line.label for line in figure.panels[0].lines] == ["huber", "huber(delta=2.0)"]
    assert len(figure.panels) == 2


def test_losses_over_different_things_have_panels_of_their_own():
    figure = losses([Choice("mse"), Choice("bce"), Choice("l1")])
    assert [p.x.title.split()[0] for p in figure.panels] == ["error"] * 2 + ["probability"] * 2
    assert [line.label for line in figure.panels[0].lines] == ["mse", "l1"]


def test_curves_that_hide_each_other_are_told():
    # huber is delta times smooth_l1 with beta = delta: at 1 they are the same
    figure = losses([Choice("smooth_l1"), Choice("mse"), Choice("huber")])
    assert figure.notes == ("smooth_l1 and huber are one curve here.",)
    assert losses([Choice("smooth_l1"), Choice("huber", (("delta", 2.0),))]).notes == ()


def test_a_loss_without_a_section_says_why():
    with pytest.raises(InputError, match="alignments") as refused:
        losses([Choice("mse"), Choice("ctc")])
    assert refused.value.fix == "initlab describe ctc"


def test_unknown_names_and_options_are_refused():
    with pytest.raises(UnknownName, match="smooth_l1"):
        losses([Choice("smoth_l1")])
    with pytest.raises(LossError, match="delta"):
        losses([Choice("huber", (("delta", -1.0),))])


def test_names_are_those_of_the_catalog():
    assert LOSSES["mae"].name == "l1"
    assert losses([Choice("mae")]).panels[0].lines[0].label == "l1"
