"""`initlab merge`, given whatever a shell's pattern finds."""

import json
import shutil

from commands import initlab


def test_what_fresh_moved_aside_is_not_merged(parts, tmp_path):
    copies = [tmp_path / part.name for part in parts]
    for part, copy in zip(parts, copies, strict=True):
        shutil.copytree(part, copy)
    for aside in ("old", "rescued"):
        shutil.copytree(parts[0], tmp_path / f"{parts[0].name}.{aside}-1")
    done = initlab("merge", *tmp_path.glob("kept.part-*"), "--out", tmp_path)
    assert done.exit_code == 0
    assert "2 folders that were moved aside are left out" in done.stderr
    assert initlab("merge", *copies, "--out", tmp_path).exit_code == 0
    assert len(json.loads((tmp_path / "kept/provenance.json").read_text())["earlier"]) == 2


def test_a_name_of_the_greatest_length_may_be_that_of_parts(tmp_path):
    name = "n" * 100
    (tmp_path / "s.yaml").write_text(
        "depth: 1\nwidth: 2\nactivation: tanh\ninit: he\nseeds: 3\nband: 0\n"
    )
    for k in (1, 2):
        arguments = ["--set", f"name={name}", "--part", f"{k}/2", "--out", tmp_path]
        assert initlab("sweep", tmp_path / "s.yaml", *arguments).exit_code == 0
    parts = sorted(tmp_path.glob("n*.part-*"))
    for command in ("show", "status", "verify", "export"):
        assert initlab(command, parts[0]).exit_code == 0
    assert initlab("merge", *parts, "--out", tmp_path).exit_code == 0
    assert initlab("verify", tmp_path / name).exit_code == 0
    assert initlab("show", tmp_path / name).stdout.count(",ok,") == 3
