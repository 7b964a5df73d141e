"""What tests of faults share."""

import pytest
from faults import built, server


@pytest.fixture(scope="session")
def faulty(tmp_path_factory):
    """Runs a command whose system calls can fail; see `faults.run` for its arguments."""
    library, why_not = built(tmp_path_factory.mktemp("library"))
    if library is None:
        pytest.skip(why_not)
    with server(library) as run:
        yield run
