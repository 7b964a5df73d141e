"""The verdict on a sweep, computed from its points."""

import pytest

from initlab.report.page.points import points_of
from initlab.report.page.sentence import verdict

pytestmark = pytest.mark.xdist_group("page")  # the sweep is made once


def told(swept, forward, backward, status="ok"):
    """The verdict on a sweep whose six points have these verdicts, all seeds alike."""
    runs = swept.source.runs.iloc[: 3 * len(forward)].copy()
    runs["forward_verdict"] = [word for word in forward for _ in range(3)]
    runs["backward_verdict"] = [word for word in backward for _ in range(3)]
    runs["status"] = status
    return verdict(points_of(runs))


def test_steady_forward_only_is_what_matters(swept):
    text = told(swept, ["exploding", "steady", "nan"], ["exploding", "exploding", ""])
    assert text == (
        "Forward, 1 of 3 points turns nan (“relu, std 0.1”), 1 explodes (“tanh, std 0.1”) and 1 is"
        " steady (“tanh, std 3”). “tanh, std 3” is steady forward, but its gradient explodes"
        " backwards. None is steady both ways."
    )


def test_more_than_three_are_counted_not_listed(swept):
    text = told(swept, ["steady"] * 6, ["vanishing"] * 4 + ["steady"] * 2)
    assert text == (
        "Forward, 6 of 6 points are steady. 4 points are steady forward, but their gradients vanish"
        " backwards. Steady both ways: “relu_squared, std 0.1” and “relu_squared, std 3”."
    )


@pytest.mark.parametrize(
    ("forward", "backward", "begins"),
    [
        ("steady", "steady", "Signal and gradient are steady: std x "),
        ("exploding", "exploding", "Signal and gradient explode: std x "),
        ("steady", "vanishing", "The signal is steady and the gradient vanishes: std x "),
        ("nan", "", "The signal turns nan: "),
    ],
)
def test_of_one_point_the_reason_is_given(swept, forward, backward, begins):
    assert told(swept, [forward], [backward]).startswith(begins)


def test_what_is_not_finished_and_what_failed_is_counted(swept):
    status = ["ok"] * 4 + ["failed"] + ["interrupted"] * 4
    text = told(swept, ["steady"] * 3, ["steady"] * 3, status)
    assert text.endswith("1 of 9 runs failed. Only 5 of 9 runs are finished.")


def test_without_gradients_nothing_is_said_of_them(swept):
    assert told(swept, ["steady"] * 6, [""] * 6) == "Forward, 6 of 6 points are steady."


def test_steady_both_ways_is_judged_of_gradients_that_were_measured(swept):
    status = ["failed"] + ["ok"] * 5
    assert "both ways" not in told(swept, ["steady"] * 2, [""] * 2, status)
    assert "both ways" not in told(swept, ["steady"] * 2, ["vanishing", ""])
    assert told(swept, ["steady", "nan"], ["vanishing", ""]).endswith("None is steady both ways.")


def test_a_verdict_on_what_is_not_finished_says_so(swept):
    status = ["ok"] * 5 + ["interrupted"]
    text = told(swept, ["steady"] * 2, [""] * 2, status)
    assert text == (
        "Forward so far, 2 of 2 points are steady (std 0.1 and std 3). Only 5 of 6 runs are"
        " finished."
    )
