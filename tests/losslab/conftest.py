"""What the tests of the loss lab share."""

import pytest
from explained import differences_kept


@pytest.fixture(scope="package", autouse=True)
def _differences():
    """Central differences are computed once for calls that are equal."""
    with differences_kept():
        yield
