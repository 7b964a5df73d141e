"""`initlab merge`, given whatever a shell's pattern finds."""

import json
import shutil

from commands import initlab


def test_what_fresh_moved_aside_is_not_merged(parts, tmp_path):
    copies = [tmp_path / part.name for part in parts]
    for part, copy in zip(parts, copies, strict=True):
        shutil.copytree(part, copy)
    shutil.copytree(parts[0], tmp_path / f"{parts[0].name}.old-1")
    done = initlab("merge", *tmp_path.glob("kept.part-*"), "--out", tmp_path)
    assert done.exit_code == 0
    assert "1 folders that --fresh moved aside are left out" in done.stderr
    assert initlab("merge", *copies, "--out", tmp_path).exit_code == 0
    assert len(json.loads((tmp_path / "kept/provenance.json").read_text())["earlier"]) == 2
