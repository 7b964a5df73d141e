"""Disks that are full, read-only or slow to say so, and readers who leave: nothing is lost."""

import os
import random
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest
from helpers import swept, timeless
from processes import Command, run

from initlab import load_plan
from initlab.store.folder import Folder

# ten shares, as networks of other depths are not computed side by side
SPEC = """\
name: disk
depth: [8, 9, 10, 11, 12, 13, 14, 15, 16, 17]
width: 24
activation: [tanh, relu]
init: [xavier_normal, {scheme: normal, std: 20}]
seeds: 1
band: 20
"""


@pytest.fixture(scope="module")
def wanted(tmp_path_factory):
    root = tmp_path_factory.mktemp("wanted")
    (root / "disk.yaml").write_text(SPEC)
    path = swept(load_plan(root / "disk.yaml"), root)
    return timeless(path), sum(file.stat().st_size for file in path.iterdir()), path


@pytest.fixture
def spec(tmp_path):
    (tmp_path / "disk.yaml").write_text(SPEC)
    return tmp_path / "disk.yaml"


def assert_continues(path, wanted):
    root = path.parents[1]
    code, _, stderr = run("sweep", root / "disk.yaml", "-q", cwd=root)
    assert code == 0, stderr
    assert timeless(path) == wanted[0]


@pytest.mark.parametrize("chance", range(3))
def test_a_file_that_may_not_grow_ends_in_74_and_is_continued(spec, wanted, chance):
    largest = max(len(wanted[0][1]), wanted[1] // 3)
    most = random.Random(chance).randrange(20_000, largest)  # noqa: S311
    path = spec.parent / "results/disk"
    code, stdout, stderr = run("sweep", spec, "--jobs", 2, cwd=spec.parent, most_bytes=most)
    assert (code, stdout) == (74, "")
    assert "Traceback" not in stderr
    assert "disk: cannot be" in stderr or "cannot be written" in stderr
    assert "fix: make room, then the same command again" in stderr
    assert_continues(path, wanted)


def mounted(folder, size):
    """A file system of its own of so many KiB; skips where we may not mount one."""
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}k", "tmpfs", str(folder)],
        capture_output=True, check=False,
    )  # fmt: skip
    if done.returncode:
        pytest.skip("a file system can be mounted by root only")


def unmount(folder):
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize("share", [0.06, 0.4, 0.9])
def test_a_full_disk_ends_in_74_and_is_continued_where_there_is_room(spec, wanted, share, tmp_path):
    small = tmp_path / "small"
    mounted(small, int(wanted[1] * share) // 1024)
    try:
        code, _, stderr = run("sweep", spec, "--out", small, "--jobs", 2, cwd=tmp_path)
        assert code == 74, stderr
        assert "Traceback" not in stderr
        known = Folder(small / "disk").journal().counts()["ok"] if share > 0.1 else 0
        shutil.copytree(small, tmp_path / "results")
    finally:
        unmount(small)
    copied = Folder(tmp_path / "results/disk").journal() if share > 0.1 else None
    assert copied is None or copied.counts()["ok"] == known
    assert_continues(tmp_path / "results/disk", wanted)


NOBODY = 65534


@pytest.fixture
def open_to_all():
    """A folder that everybody may look into; pytest's own are not."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
def test_somebody_else_may_read_everything_and_write_nothing(open_to_all, wanted):
    spec, path = open_to_all / "disk.yaml", open_to_all / "results/disk"
    spec.write_text(SPEC)
    assert_continues(path, wanted)
    before = {file.name: file.read_bytes() for file in path.iterdir()}
    outside = open_to_all / "nobody"
    outside.mkdir()
    outside.chmod(0o777)
    for arguments, code in (
        (["status", path], 0),
        (["show", path], 0),
        (["verify", path], 0),
        (["sweep", spec, "--out", path.parent], 2),
        (["export", path], 2),
    ):
        found, _, stderr = run(*arguments, cwd=outside, user=NOBODY)
        assert (found, "Traceback" in stderr) == (code, False), stderr
        if code:
            assert "cannot be written: Permission denied" in stderr
    assert {file.name: file.read_bytes() for file in path.iterdir()} == before


def test_a_disk_that_is_mounted_read_only_is_refused_and_can_be_read(spec, wanted, tmp_path):
    out = tmp_path / "results"
    mounted(out, 9000)
    try:
        assert_continues(out / "disk", wanted)
        subprocess.run(["mount", "-o", "remount,ro", str(out)], check=True)
        code, _, stderr = run("sweep", spec, cwd=tmp_path)
        assert code == 2
        assert "cannot be written: Read-only file system" in stderr
        assert "--out /tmp/results" in stderr
        for command in ("status", "verify", "show"):
            code, _, stderr = run(command, out / "disk", cwd=tmp_path)
            assert code == 0, stderr
    finally:
        unmount(out)


def test_a_journal_that_was_left_by_a_kill_can_be_read_where_nothing_can_be_written(spec, tmp_path):
    out = tmp_path / "results"
    mounted(out, 9000)
    try:
        command = Command("sweep", spec, cwd=tmp_path)
        wal = out / "disk/journal.sqlite-wal"
        assert command.until(lambda: wal.exists() and wal.stat().st_size > 100_000)
        command.send(signal.SIGKILL)
        command.wait()
        subprocess.run(["mount", "-o", "remount,ro", str(out)], check=True)
        code, stdout, stderr = run("status", out / "disk", "--format", "json", cwd=tmp_path)
        assert code == 0, stderr
        assert '"last_ended": "broke off"' in stdout
    finally:
        unmount(out)


# readers who leave ------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["sweep", "status", "verify", "show", "rerun"])
def test_a_full_disk_behind_stdout_ends_in_74_and_loses_nothing(spec, wanted, command):
    path = spec.parent / "results/disk"
    arguments = {"sweep": [spec], "rerun": [path, 3]}.get(command, [path])
    if command != "sweep":
        shutil.copytree(wanted[2], path)
    if command == "verify":  # says nothing on stdout unless something is wrong
        (path / "runs.csv").write_text("")
    code, _, stderr = run(command, *arguments, cwd=spec.parent, stdout="/dev/full")
    assert code == 74
    assert "No space left" in stderr
    assert "Traceback" not in stderr
    assert_continues(path, wanted)
