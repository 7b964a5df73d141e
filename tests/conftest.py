"""What several tests use."""

import os
from collections.abc import Callable
from typing import Any

import pytest

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported: xdist's workers share processors

from initlab import load_plan
from initlab.spec.plan import Plan


@pytest.fixture(scope="session")
def plan_of() -> Callable[..., Plan]:
    """The plan of a spec given as keywords; a small one where they leave it open."""

    def make(**fields: Any) -> Plan:
        size = {} if "shape" in fields else {"depth": 3, "width": 4}
        return load_plan({"activation": "tanh", "init": "xavier_normal", **size, **fields})

    return make
