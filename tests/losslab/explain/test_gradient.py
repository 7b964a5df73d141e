"""What the explain view says about gradients beside their values."""

import re

import torch
from explained import blocks, computed, pair

from initlab.losslab.explain.view import explain


def test_a_difference_is_told_in_absolute_numbers_and_a_kink_is_checked():
    # |x - t| at its corner: torch says 0, so do central differences; relu's hinge says -1 and -1/2
    e = computed("margin_ranking", {"input1": [1.0], "input2": [1.0], "target": [1]})
    lines = blocks(explain(e))["GRADIENT"]
    assert "they differ by up to 0.5, at [0]: a kink of the loss" in lines
    # torch holds p (1 - p) at 1e-12: x - t over it is -1e-8/1e-12 in place of -1
    near = computed("bce", pair([1 - 1e-13], [1]), dtype="float64", reduction="sum")
    text = explain(near)
    assert "of the largest" not in text
    assert re.search(r"they differ by up to \S+, at \[0\]: rounding, or an eps of torch's", text)


def test_a_target_is_data_and_not_trained():
    # d/dt of t (log t - x) is log t + 1 - x, -inf where t = 0: of a data set's target, no fault
    e = computed("kl_div", pair(torch.tensor([[0.5, 0.5]]).log(), [[0.0, 1.0]]))
    (found,) = [f for f in e.findings if f.rule == "non-finite"]
    assert found.level == "info"
    assert "a target is data" in found.message
    assert "weight" not in found.message
