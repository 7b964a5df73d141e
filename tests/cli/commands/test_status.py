"""`initlab status`: of a sweep that is done, under way, and killed."""

import json
import signal

from commands import LONG, RUNS, initlab, ok_of, rows
from processes import Command


def test_status_of_a_sweep_that_is_done(kept):
    done = initlab("status", kept)
    assert done.exit_code == 0
    (row,) = rows(done.stdout)
    assert row == {
        "spec": "kept", "runs": str(RUNS), "ok": str(RUNS), "failed": "0", "todo": "0",
        "bands_todo": "0", "last_ended": "done", "writer": "",
    }  # fmt: skip


def test_status_while_somebody_writes_and_after_that_was_killed(root):
    spec = root / "long.yaml"
    spec.write_text(LONG)
    command = Command("sweep", spec, "--jobs", 2, cwd=root)
    path = root / "results/long"
    assert command.until(lambda: ok_of(path) > 5)
    (row,) = json.loads(initlab("status", path, "--format", "json").stdout)
    assert row["runs"] == 480
    assert 5 < row["ok"] < 480
    assert row["ok"] + row["todo"] == 480
    assert row["last_ended"] is None
    assert row["writer"].startswith(f"process {command.pid} on ")
    assert row["writer"].endswith(f"initlab sweep {spec} --jobs 2")
    # a second driver is told whom to wait for; reading goes on
    second = initlab("sweep", spec, "--out", root / "results")
    assert second.exit_code == 4
    assert f"is being written by process {command.pid} on " in second.stderr
    for name in ("verify", "export"):
        refused = initlab(name, path)
        assert refused.exit_code == 4
        assert f"process {command.pid} on " in refused.stderr
    command.send(signal.SIGKILL)
    command.wait()
    (row,) = json.loads(initlab("status", path, "--format", "json").stdout)
    assert (row["last_ended"], row["writer"]) == ("broke off", None)
    # what is there can be published, and is sound
    assert "initlab export" in initlab("show", path).stderr
    assert initlab("export", path).exit_code == 0
    assert initlab("verify", path).exit_code == 0
    open_published = rows(initlab("show", path).stdout)
    assert len(open_published) == 480
    assert {r["status"] for r in open_published} == {"ok", "interrupted"}
    assert [r["status"] for r in open_published].count("ok") == row["ok"]
