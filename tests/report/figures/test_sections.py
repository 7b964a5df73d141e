"""Every loss of the catalog names a section, or one that says why it has none."""

import pytest

from initlab.catalog import LOSSES
from initlab.report.figures.losses import section_of
from initlab.report.figures.sections import NoSection

DRAWN = [name for name in LOSSES if not isinstance(section_of(name), NoSection)]


def test_losses_without_a_section_say_why():
    assert {*LOSSES} - {*DRAWN} == {"ctc"}
    assert "alignments" in section_of("ctc").reason


@pytest.mark.parametrize("name", DRAWN)
def test_a_section_gives_the_operands_that_the_loss_needs(name):
    import torch

    section, record = section_of(name), LOSSES[name]
    s = torch.linspace(section.over.low, section.over.high, 5, dtype=torch.float64)
    for operands in section.curves.values():
        given = operands(s, record.defaults)
        assert {*given} == {o.name for o in record.operands if o.needed}


@pytest.mark.parametrize("name", ["bce", "nll", "kl_div"])
def test_probabilities_stay_between_0_and_1(name):
    assert 0 < section_of(name).over.low < section_of(name).over.high < 1
