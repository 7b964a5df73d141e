"""Activations that theory is tested on: every record, and parameters that move their kinks."""

import pytest

from initlab.catalog import ACTIVATIONS
from initlab.theory.moments import choice_of

MOVED = [
    choice_of("leaky_relu", negative_slope=0.3),
    choice_of("elu", alpha=2.5),
    choice_of("celu", alpha=0.3),
    choice_of("softplus", beta=4.0),
    choice_of("hardtanh", min_val=-0.3, max_val=2.2),
    choice_of("sin", omega=0.5),
    choice_of("hardtanh", min_val=-20.0, max_val=15.0),  # kinks out of reach
]


def _label(choice):
    values = "-".join(f"{value:g}" for _, value in choice.items)
    return f"{choice.name}-{values}" if values else choice.name


@pytest.fixture(params=[*map(choice_of, ACTIVATIONS), *MOVED], ids=_label)
def choice(request):
    """Every activation, and some with other parameters."""
    return request.param


@pytest.fixture(params=list(ACTIVATIONS))
def plain(request):
    """Every activation as it is by default."""
    return choice_of(request.param)
