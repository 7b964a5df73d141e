"""Facts in few words."""

import pytest

from initlab.report.page.points import points_of
from initlab.report.page.provenance import facts, provenance

pytestmark = pytest.mark.xdist_group("page")  # the sweep is made once


def test_what_all_networks_share_is_said_once(swept):
    assert facts(points_of(swept.source.runs)) == (
        "6 points · 3 seeds · normal · depth 12 · width 20 · batch 16 · loss mse · dtype float32"
    )


def test_where_numbers_come_from_is_what_provenance_json_says(swept):
    found = dict(provenance(swept.source.provenance))
    environment = swept.source.provenance["environments"][0]
    assert f"torch {environment['torch']}" in found["18 runs"]
    assert environment["host"] in found["machine"]
    assert found["swept"].startswith(swept.source.provenance["started"])


@pytest.mark.parametrize("found", [{}, {"environments": 3, "git": [], "inputs": [], "earlier": 1}])
def test_a_provenance_that_says_nothing_is_empty(found):
    assert list(provenance(found)) == []
