"""Parts of a sweep, joined: what they share out, what they give, and which do not fit."""

import json

import numpy as np
from commands import RUNS, initlab, rows
from helpers import timeless

from initlab.store.folder import Folder


def test_parts_share_out_every_run_and_band(parts, kept):
    numbers = [int(row["run"]) for path in parts for row in rows((path / "runs.csv").read_text())]
    assert sorted(numbers) == list(range(RUNS))
    whole = Folder(kept).journal()
    found = [Folder(path).journal() for path in parts]
    names = [{n for (n,) in journal.rows("SELECT name FROM bands")} for journal in found]
    assert set.union(*names) == {n for (n,) in whole.rows("SELECT name FROM bands")}
    assert sum(map(len, names)) == len(set.union(*names))
    assert min(map(len, names)) > 0
    for journal in [whole, *found]:
        journal.close()
    for path in parts:
        assert initlab("verify", path).exit_code == 0


def test_merged_parts_are_the_sweep_in_one_go(parts, kept, tmp_path):
    done = initlab("merge", *reversed(parts), "--out", tmp_path)
    assert done.exit_code == 0
    assert done.stderr == f"kept: {RUNS} runs ok in {tmp_path / 'kept'}/\n"
    assert timeless(tmp_path / "kept") == timeless(kept)
    assert (tmp_path / "kept/spec.yaml").read_bytes() == (kept / "spec.yaml").read_bytes()
    assert initlab("verify", tmp_path / "kept").exit_code == 0
    assert len(json.loads((tmp_path / "kept/provenance.json").read_text())["earlier"]) == 2
    again = initlab("sweep", kept.parents[1] / "kept.yaml", "--out", tmp_path)
    assert f"{RUNS} of them known already" in again.stderr


def test_parts_that_do_not_fit_are_refused(parts, kept, root, tmp_path):
    cases = [
        ([kept], f"{kept}: is no part of a sweep"),
        ([parts[0]], "kept: lacks parts 2, 3 of 3"),
        ([parts[0], parts[1]], "kept: lacks part 3 of 3"),
        ([parts[0], parts[0], *parts[1:]], "is the same part as"),
    ]
    for other in (["--set", "depth=4", "--part", "3/3"], ["--part", "2/4"]):
        done = initlab("sweep", root / "kept.yaml", *other, "--out", tmp_path / "other")
        assert done.exit_code == 0
    cases.append(
        ([*parts[:2], tmp_path / "other/kept.part-3-of-3"], "is of another sweep, or cut otherwise")
    )
    cases.append(([*parts, tmp_path / "other/kept.part-2-of-4"], "cut otherwise"))
    for given, message in cases:
        done = initlab("merge", *given, "--out", tmp_path / "merged")
        assert done.exit_code == 2
        assert message in done.stderr
    assert not (tmp_path / "merged").exists()


def test_parts_of_other_data_are_not_joined(root, tmp_path):
    samples = np.random.default_rng(0).normal(size=(16, 20))
    for part in (1, 2):
        np.save(root / "x.npy", part * samples)
        given = ["--set", f"input={{name: file, path: {root / 'x.npy'}}}", "--part", f"{part}/2"]
        assert initlab("sweep", root / "kept.yaml", *given, "--out", tmp_path).exit_code == 0
    done = initlab("merge", *tmp_path.glob("kept.part-*"), "--out", tmp_path)
    assert done.exit_code == 2
    assert "with another content of" in done.stderr
    rerun = initlab("rerun", tmp_path / "kept.part-1-of-2", 0)
    assert rerun.exit_code == 2
    assert "x.npy: has changed since run 0 was measured" in rerun.stderr


def test_bands_of_the_gradient_are_shared_out_and_joined(root, tmp_path):
    asked = ["--set", "band.gradient=true", "--set", "seeds=1"]
    spec = root / "kept.yaml"
    assert initlab("sweep", spec, *asked, "--out", tmp_path / "whole").exit_code == 0
    parts = []
    for part in (1, 2):
        done = initlab("sweep", spec, *asked, "--part", f"{part}/2", "--out", tmp_path)
        assert done.exit_code == 0
        parts.append(tmp_path / f"kept.part-{part}-of-2")
    bands = [Folder(path).journal() for path in parts]
    names = [{n for (n,) in journal.rows("SELECT name FROM gradient_bands")} for journal in bands]
    assert min(map(len, names)) > 0
    assert not names[0] & names[1]
    for journal in bands:
        journal.close()
    assert initlab("merge", *parts, "--out", tmp_path).exit_code == 0
    assert timeless(tmp_path / "kept") == timeless(tmp_path / "whole/kept")
    assert initlab("verify", tmp_path / "kept").exit_code == 0
