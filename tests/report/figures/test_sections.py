"""Every loss of the catalog has a section, or says why it has none."""

import pytest

from initlab.catalog import LOSSES
from initlab.report.figures.sections import NO_SECTION, SECTIONS


def test_every_loss_has_a_section_or_a_reason():
    assert {*SECTIONS} | {*NO_SECTION} == {*LOSSES}
    assert not {*SECTIONS} & {*NO_SECTION}


@pytest.mark.parametrize("name", list(SECTIONS))
def test_a_section_gives_the_operands_that_the_loss_needs(name):
    import torch

    section, record = SECTIONS[name], LOSSES[name]
    s = torch.linspace(section.over.low, section.over.high, 5, dtype=torch.float64)
    for operands in section.curves.values():
        given = operands(s, record.defaults)
        assert {*given} == {o.name for o in record.operands if o.needed}


@pytest.mark.parametrize("name", ["bce", "nll", "kl_div"])
def test_probabilities_stay_between_0_and_1(name):
    assert 0 < SECTIONS[name].over.low < SECTIONS[name].over.high < 1
