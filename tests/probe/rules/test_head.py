"""Rules about the loss, from both sides of their thresholds."""

import math
from pathlib import Path

import pytest
import torch
from probe_runs import Calls, rows, rules
from torch import nn
from torch.nn import functional

from initlab.probe.recording.losses import Loss

CLASSES = 4
X = rows(16, CLASSES)
#: scores (t, 0, 0, 0) cost ln(e^t + 3) where another class is right: ln 4 + 1 at this t
EDGE = math.log(CLASSES * math.e - (CLASSES - 1))
TARGET = torch.ones(16, dtype=torch.long)


def confident(t):
    """A model that gives these scores to all samples."""
    model = Calls(lambda self, x: self.a(x) * 0 + self.t, a=nn.Linear(CLASSES, CLASSES))
    model.t = nn.Parameter(torch.tensor([t, 0.0, 0.0, 0.0]))
    return model


@pytest.mark.parametrize(("t", "expected"), [(EDGE - 1e-3, False), (EDGE + 1e-3, True)])
def test_initial_loss(t, expected):
    one = rules(lambda: confident(t), X, loss=Loss("cross_entropy", TARGET)).get("initial-loss")
    assert (one is not None) == expected
    if one:
        assert (one.level, one.site) == ("warning", "(model) : add")
        assert one.evidence["loss"] == pytest.approx(math.log(4) + 1, abs=2e-3)
        assert one.evidence["ln_C"] == pytest.approx(math.log(4))
        assert one.evidence["classes"] == 4


def test_only_scores_have_an_ignorant_loss():
    assert "initial-loss" not in rules(lambda: confident(100.0), X, loss="mse")
    assert "initial-loss" not in rules(lambda: confident(100.0), X)


def own(forward_loss, t):
    def forward(self, x):
        logits = self.a(x) * 0 + self.t
        return {"logits": logits, "loss": forward_loss(logits)}

    model = Calls(forward, a=nn.Linear(CLASSES, CLASSES))
    model.t = nn.Parameter(torch.tensor([t, 0.0, 0.0, 0.0]))
    return lambda: model


@pytest.mark.parametrize(("t", "expected"), [(EDGE - 1e-3, False), (EDGE + 1e-3, True)])
@pytest.mark.parametrize("loss", [None, "model"])
def test_initial_loss_of_the_model_s_own(t, expected, loss):
    build = own(lambda y: functional.cross_entropy(y, TARGET), t)
    one = rules(build, X, loss=loss).get("initial-loss")
    assert (one is not None) == expected
    if one:
        assert one.evidence["classes"] == 4
        assert Path(one.where).name.startswith("test_head.py:")


def test_a_sum_over_samples_is_no_mean():
    build = own(lambda y: functional.cross_entropy(y, TARGET, reduction="sum"), EDGE)
    assert "initial-loss" not in rules(build, X, loss="model")


def probabilities(**parts):
    return Calls(
        lambda self, x: self.a(x).softmax(-1) * self.scale,
        a=nn.Linear(CLASSES, CLASSES),
        scale=nn.Parameter(torch.tensor(parts.get("scale", 1.0))),
    )


@pytest.mark.parametrize(
    ("scale", "expected"), [(1.0, True), (1.0009, True), (1.0011, False), (0.9989, False)]
)
def test_double_softmax(scale, expected):
    found = rules(lambda: probabilities(scale=scale), X, loss="cross_entropy")
    assert ("double-softmax" in found) == expected
    if expected:
        assert found["double-softmax"].level == "error"
        assert "initial-loss" not in found


def test_probabilities_are_sound_for_other_losses():
    assert "double-softmax" not in rules(probabilities, X, loss="mse")
    assert "double-softmax" not in rules(probabilities, X)


def test_scores_that_are_not_negative_are_none():
    model = nn.Sequential(nn.Linear(CLASSES, CLASSES), nn.ReLU())
    assert "double-softmax" not in rules(lambda: model, X, loss="cross_entropy")


def test_double_softmax_of_the_model_s_own():
    def forward(self, x):
        p = self.a(x).softmax(-1)
        return {"p": p, "loss": functional.cross_entropy(p, TARGET)}

    build = lambda: Calls(forward, a=nn.Linear(CLASSES, CLASSES))  # noqa: E731
    for loss in (None, "model"):
        one = rules(build, X, loss=loss)["double-softmax"]
        assert one.site.endswith("_log_softmax")


def test_of_pictures_the_classes_are_the_channels():
    def build(double):
        parts = (nn.Conv2d(2, 3, 1), nn.Softmax(1)) if double else (nn.Conv2d(2, 3, 1),)
        return nn.Sequential(*parts)

    x = rows(4, 2, 5, 5)
    assert "double-softmax" in rules(lambda: build(True), x, loss="cross_entropy")
    assert "double-softmax" not in rules(lambda: build(False), x, loss="cross_entropy")
