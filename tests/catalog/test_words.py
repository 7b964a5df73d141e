"""The glossary: what it says of torch and of numbers is true, and what it points to is there."""

import inspect
import math

import pytest
import torch

from initlab.catalog import TABLES, WORDS
from initlab.catalog.words import MODULE_DICTIONARIES
from initlab.cli.app import COMMANDS
from initlab.spec.model import SpecFile
from initlab.theory.gain_table import four_gains
from initlab.theory.moments import choice_of


def details(word):
    return dict(WORDS[word].details)


@pytest.mark.parametrize("word", WORDS.values(), ids=lambda w: w.name)
def test_what_a_word_points_to_is_there(word):
    commands = {f"initlab {name}" for name in COMMANDS}
    for other in word.see:
        command = " ".join(other.split()[:2])
        kind = other.split()[2:]
        assert (
            command in commands
            or other in SpecFile.model_fields
            or any(other in table for table in TABLES.values())
        ), other
        assert not kind or kind[0] in TABLES


@pytest.mark.parametrize("word", WORDS.values(), ids=lambda w: w.name)
def test_details_are_plain_lines_under_names_of_their_own(word):
    assert len(dict(word.details)) == len(word.details)
    for what, text in word.details:
        assert text.strip() == text
        assert text.isascii()
        assert "\n" not in text + what


@pytest.mark.parametrize(
    "name",
    [
        "gain", "cost", "objective", "_Loss", "_WeightedLoss", "Module", "loss", "reduction",
        "fan mode", "seed", "std", "bias", "edge of chaos", "chi_1", "xi_c", "logits", "onset",
        "band", "surprise", "fan_in", "fan_out",
    ],
)  # fmt: skip
def test_words_of_the_course_are_described(name):
    key = name.replace(" ", "_")
    assert key in WORDS or any(key in table for table in TABLES.values())


# what it says of torch --------------------------------------------------------------------------


def test_a_module_has_the_eight_dictionaries_and_six_more():
    found = {name for name, value in vars(torch.nn.Module()).items() if isinstance(value, dict)}
    named = [name for name, _ in MODULE_DICTIONARIES]
    assert len(named) == 8
    assert set(named) <= found
    assert len(found) - len(named) == 6
    assert "six more" in details("module")["Module"]


def test_a_loss_s_classes_are_torch_s():
    names = [c.__name__ for c in torch.nn.CrossEntropyLoss.__mro__[:-1]]
    assert WORDS["module"].formula == " -> ".join(names)
    forward = inspect.getsource(torch.nn.CrossEntropyLoss.forward)
    assert "F.cross_entropy(" in forward
    assert "F.cross_entropy" in details("module")["forward"]


def test_the_dictionaries_hold_what_is_said():
    plain, weighted = torch.nn.MSELoss(), torch.nn.CrossEntropyLoss(weight=torch.ones(2))
    assert dict(plain.named_parameters()) == {}
    assert list(weighted._buffers) == ["weight"]  # "with the class weights as its buffer"
    assert list(weighted.state_dict()) == ["weight"]  # "are saved with it"
    assert list(weighted.parameters()) == []  # "but are not trained"


# numbers ----------------------------------------------------------------------------------------


def test_the_gains_of_tanh_are_these():
    text = details("gain")["calculate_gain"]
    table, _, variance, _ = four_gains(choice_of("tanh"))
    assert table == torch.nn.init.calculate_gain("tanh") == 5 / 3
    assert f"5/3 = {table:.4f}" in text
    assert f"ratio is {variance:.4f}" in text  # 1 / sqrt(E tanh(z)^2) = 1.592537, by quadrature
    z = torch.randn(1_000_000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert float(z.std() / torch.tanh(z).std()) == pytest.approx(variance, rel=3e-3)
    # of variances it would be the square, 2.54
    assert float(z.var() / torch.tanh(z).var()) == pytest.approx(variance**2, rel=6e-3)


def test_the_other_gains_are_torch_s():
    gain = torch.nn.init.calculate_gain
    assert gain("relu") == math.sqrt(2)
    assert gain("selu") == 3 / 4
    assert gain("leaky_relu", 0.2) == math.sqrt(2 / (1 + 0.2**2))


def test_the_entropy_of_two_outcomes_is_ln_2_at_most():
    assert f"ln 2 = {math.log(2):.4f}, at p = 1/2" in WORDS["entropy"].about
