"""`initlab export`, where it cannot do what it is asked."""

import sys

from commands import initlab


def test_without_pyarrow_parquet_says_what_to_install(kept, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    done = initlab("export", kept, "--format", "parquet")
    assert done.exit_code == 2
    assert "fix: pip install pyarrow" in done.stderr
