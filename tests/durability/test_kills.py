"""A sweep killed at any instant and run again ends with the bytes of one never killed."""

import os
import random
import shutil
import signal
import sqlite3
import time

import psutil
import pytest
from helpers import swept, timeless
from processes import Command, run

from initlab import load_plan
from initlab.errors import FolderError
from initlab.store.folder import Folder

pytestmark = pytest.mark.xdist_group("killed")  # the sweep that was never killed is swept once

#: some seconds of small shares, points and bands; with biases, nan and silent theory
SPEC = """\
name: killed
depth: [9, 20]
width: [24, 48]
activation: [tanh, relu, relu_squared]
init: [xavier_normal, {scheme: normal, std: 20}]
bias: [none, {std: 0.1}]
seeds: 4
band: 20
"""
RUNS = 192
KILLS = int(os.environ.get("INITLAB_KILLS", "12"))


@pytest.fixture(scope="module")
def wanted(tmp_path_factory):
    """The tables of a sweep that was never killed."""
    root = tmp_path_factory.mktemp("wanted")
    (root / "killed.yaml").write_text(SPEC)
    return timeless(swept(load_plan(root / "killed.yaml"), root, jobs=2))


@pytest.fixture
def spec(tmp_path):
    (tmp_path / "killed.yaml").write_text(SPEC)
    return tmp_path / "killed.yaml"


def assert_complete(path, wanted, spec):
    """The same command finishes, and nothing is lost, twice or left behind."""
    code, _, stderr = run("sweep", spec, "-q", cwd=spec.parent)
    assert code == 0, stderr
    assert timeless(path) == wanted
    with sqlite3.connect(path / "journal.sqlite") as db:
        ((runs,), (layers,)) = (
            db.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608
            for table in ("runs", "layers")
        )
        (tried,) = db.execute("SELECT count(DISTINCT run) FROM attempts").fetchone()
    db.close()
    assert (runs, tried) == (len(wanted[0]), len(wanted[0]))
    assert layers == wanted[1].count(b"\n") - 1
    assert run("verify", path, cwd=spec.parent)[0] == 0
    left = {file.name for file in path.iterdir()}
    assert left == {"runs.csv", "layers.csv", "spec.yaml", "provenance.json", "journal.sqlite"}


@pytest.mark.slow
def test_random_kills_change_no_byte(spec, wanted):
    path = spec.parent / "results/killed"
    chance = random.Random(KILLS)  # noqa: S311
    pids, killed, done = [], 0, 0

    def known():
        if not (path / "journal.sqlite").exists():
            return 0
        try:
            journal = Folder(path).journal()
        except FolderError:  # it is being made
            return 0
        found = journal.counts()["ok"]
        journal.close()
        return found

    for kill in range(KILLS):
        command = Command("sweep", spec, "--jobs", chance.choice([1, 2]), cwd=spec.parent)
        pids.append(command.pid)
        # every third while it begins, the others somewhere on the way
        share = 1.5 * (RUNS - done) / (KILLS - kill + 1)  # never all that is left
        target = 0 if kill % 3 == 0 else done + chance.uniform(0, share)
        command.until(lambda target=target: known() >= target)
        time.sleep(chance.uniform(0, 0.1 if kill % 3 == 0 else 0.03))
        command.send(signal.SIGKILL)
        killed += command.wait() == -9
        assert known() >= done  # what was committed stays
        done = known()
    assert killed >= KILLS - 1  # one may have come too late
    assert done > RUNS / 4
    assert_complete(path, wanted, spec)
    assert not any(psutil.pid_exists(pid) for pid in pids)


# a killed sweep whose files were damaged as well -------------------------------------------------


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """A results folder as a sweep that was killed left it, with a WAL and with CSV of earlier."""
    root = tmp_path_factory.mktemp("killed")
    (root / "killed.yaml").write_text(SPEC)
    path = swept(load_plan(root / "killed.yaml", ["seeds=1"]), root / "results")
    command = Command("sweep", root / "killed.yaml", "--jobs", 2, cwd=root)
    wal = path / "journal.sqlite-wal"
    # SQLite copies a WAL into the database when it is 4 MB long, and then starts it anew; here it
    # ends with 1 MB or more. What is in it by then need not be computed again by every test
    assert command.until(lambda: wal.exists() and wal.stat().st_size > 400_000)
    command.send(signal.SIGKILL)
    assert command.wait() == -9
    return path


def _changed(name, change):
    def damage(path):
        file = path / name
        file.write_bytes(change(file.read_bytes()))

    return damage


def _nothing(_):
    pass


CUT = {
    "as it was left": _nothing,
    "WAL cut": _changed("journal.sqlite-wal", lambda data: data[: len(data) // 2 + 77]),
    "WAL emptied": _changed("journal.sqlite-wal", lambda data: b""),
    "WAL zeroed": _changed("journal.sqlite-wal", lambda data: bytes(len(data))),
    "WAL zeroed in the middle": _changed(
        "journal.sqlite-wal", lambda data: data[:300_000] + bytes(9000) + data[309_000:]
    ),
    "WAL and garbage": _changed("journal.sqlite-wal", lambda data: data + os.urandom(99_999)),
    "shm garbage": _changed("journal.sqlite-shm", lambda data: os.urandom(len(data))),
    "CSV zeroed": _changed("layers.csv", lambda data: bytes(len(data))),
    "CSV and garbage": _changed("runs.csv", lambda data: data + os.urandom(999)),
    "WAL and CSV gone": lambda path: [
        (path / name).unlink() for name in ("journal.sqlite-wal", "runs.csv", "layers.csv")
    ],
    "clock set back": lambda path: [os.utime(file, (4e9, 4e9)) for file in path.iterdir()],
}


@pytest.mark.parametrize("damage", CUT)
def test_a_damaged_folder_is_continued_to_the_same_bytes(killed, wanted, tmp_path, damage):
    path = tmp_path / "results/killed"
    shutil.copytree(killed.parent, path.parent)
    CUT[damage](path)
    spec = tmp_path / "killed.yaml"
    spec.write_text(SPEC)
    assert_complete(path, wanted, spec)
