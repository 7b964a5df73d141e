"""Results folders as a report reads them."""

import pandas as pd
import pytest
from commands import change

from initlab.cli.report_sources import read_source
from initlab.errors import FolderError
from initlab.store.files import LAYERS_CSV, RUNS_CSV


def test_the_journal_says_the_same_as_what_was_published(kept):
    published = read_source(kept)
    for name in (RUNS_CSV, LAYERS_CSV):
        (kept / name).unlink()
    journal = read_source(kept)
    pd.testing.assert_frame_equal(published.runs, journal.runs)
    pd.testing.assert_frame_equal(published.layers, journal.layers)
    assert published.spec == journal.spec
    assert published.provenance == journal.provenance
    assert published.plan.runs == journal.plan.runs


def test_a_folder_with_nothing_but_the_tables_will_do(kept):
    for path in kept.iterdir():
        if path.suffix != ".csv":
            path.unlink()
    source = read_source(kept)
    assert (source.plan, source.spec, source.provenance, source.about) == (None, "", {}, "")
    assert len(source.runs) == 48


def test_a_damaged_journal_is_not_needed(kept):
    change(kept, "UPDATE runs SET description = '{'")
    assert read_source(kept).plan is None


@pytest.mark.parametrize("text", ["[1]", "{", "\udcff"])
def test_a_provenance_that_is_none_is_left_out(kept, text):
    (kept / "provenance.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    assert read_source(kept).provenance == {}


def test_where_there_are_no_results_it_is_said(tmp_path):
    with pytest.raises(FolderError, match="no such folder"):
        read_source(tmp_path / "none")
