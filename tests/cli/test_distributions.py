"""What is taken as a range of probabilities; distributions are tested with their command."""

import pytest

from initlab.cli.distributions import RANGE, points
from initlab.errors import InputError


@pytest.mark.parametrize("text", ["0:1:19", "0.1:.9:5", "2:3:4", "1e-3:1:9", ":", "0:1", "-1:x:2"])
def test_numbers_with_colons_are_meant_as_a_range(text):
    assert RANGE.fullmatch(text)


@pytest.mark.parametrize(
    "text", ["0.5,0.5", "[0.5]", "C:/p.npy", "E:/p.npy", "p.npy", "-", "", "./0:1"]
)
def test_lists_and_files_are_not(text):
    assert not RANGE.fullmatch(text)


def test_both_ends_are_points_exactly():
    assert points("0:1:3", "--p") == [0.0, 0.5, 1.0]
    assert points("0.1:0.3:2", "--p") == [0.1, 0.3]
    assert str(points("-0:1:2", "--p")[0]) == "0.0"  # no -0


def test_what_is_wrong_names_the_option_and_an_example():
    with pytest.raises(InputError, match="--q 2:3:4: probabilities are 0 to 1") as error:
        points("2:3:4", "--q")
    assert error.value.fix == "--q 0:1:19"
