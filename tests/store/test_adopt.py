"""What is sound in another journal is taken over, and no more than that."""

import os
import re
import shutil

from commands import RUNS, change, initlab, rows
from helpers import timeless

from initlab.store.opening import open_for_writing


def test_a_page_that_was_overwritten_is_found_and_mended(root, kept):
    before = timeless(kept)
    data = bytearray((kept / "journal.sqlite").read_bytes())
    data[20480:24576] = os.urandom(4096)
    (kept / "journal.sqlite").write_bytes(data)
    done = initlab("verify", kept)
    assert done.exit_code == 1
    assert {row["file"] for row in rows(done.stdout)} == {"journal.sqlite"}
    assert f"fix: initlab sweep {kept / 'spec.yaml'} --out {kept.parent}\n" in done.stderr
    export = initlab("export", kept)
    assert export.exit_code == 2
    assert "the same sweep command again" in export.stderr
    assert (kept / "journal.sqlite").read_bytes()[100:] == bytes(data)[100:]
    assert initlab("sweep", kept / "spec.yaml", "--out", kept.parent).exit_code == 0
    assert timeless(kept) == before


def test_a_part_that_is_not_finished_leaves_its_runs_to_do(parts, kept, root, tmp_path):
    folder = open_for_writing(tmp_path, "kept.part-2-of-3")
    folder.close()
    copied = tmp_path / parts[1].name
    shutil.copy(parts[1] / "journal.sqlite", copied / "journal.sqlite")
    change(copied, "UPDATE runs SET status = 'todo' WHERE id % 2 = 0")
    done = initlab("merge", parts[0], copied, parts[2], "--out", tmp_path)
    assert done.exit_code == 0
    todo = int(re.search(r"(\d+) to do", done.stderr)[1])
    assert 0 < todo < RUNS / 2
    finished = initlab("sweep", root / "kept.yaml", "--out", tmp_path)
    assert f"{RUNS - todo} of them known already" in finished.stderr
    assert timeless(tmp_path / "kept") == timeless(kept)
