"""System calls that fail, and kills at a system call: what they end in, and that nothing is lost.

What a loss of power leaves is reasoned about beside the code, in `initlab/store/writer.py` and
`initlab/store/disk.py`; here it is played where the disk has said that pages are not on it.
"""

import errno
import os
import random
import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
from faults import SIGKILL, Fault
from helpers import timeless

from initlab.errors import FolderError
from initlab.store.folder import Folder

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("faults")]

# three shares, as networks of other depths are not computed side by side
SPEC = """\
name: disk
depth: [5, 6, 7]
width: 8
activation: relu
init: [xavier_normal, {scheme: normal, std: 20}]
seeds: 1
band: 20
"""
FAULTS = int(os.environ.get("INITLAB_FAULTS", "6"))
DISK, JOURNAL = "{root}/results/disk", "{root}/results/disk/journal.sqlite"
PAGE = 4096  # bytes of a page of SQLite
KINDS = ("write", "fsync", "fdatasync", "rename", "mkdir", "unlink", "open", "ftruncate")


@dataclass
class Start:
    """What a command finds: a folder to copy, and the calls that it makes then, in order."""

    root: Path
    calls: list[str]

    def copy(self, root):
        if (self.root / "results").exists():
            shutil.copytree(self.root / "results", root / "results")
        return sweep_of(root)


def sweep_of(root):
    (root / "disk.yaml").write_text(SPEC)
    return ["sweep", root / "disk.yaml"]


@pytest.fixture(scope="module")
def starts(faulty, tmp_path_factory):
    """Nothing; a sweep that was killed on the way, one that is done, and one that was damaged."""
    nothing, killed = tmp_path_factory.mktemp("nothing"), tmp_path_factory.mktemp("killed")
    fault = Fault(f"fdatasync {JOURNAL}-wal\n", SIGKILL, 7)
    code, stderr = faulty(*sweep_of(killed), "--jobs", 1, cwd=killed, fault=fault)
    assert code == -9, stderr
    found = {}
    done = tmp_path_factory.mktemp("done")  # what is copied into it first is nothing
    damaged = tmp_path_factory.mktemp("damaged")
    named = {"nothing": nothing, "killed": killed, "done": done, "damaged": damaged}
    for name, root in named.items():
        again = done if root is nothing else tmp_path_factory.mktemp("again")
        if root is damaged:
            Start(done, []).copy(damaged)
            journal = damaged / "results/disk/journal.sqlite"
            pages = journal.read_bytes()
            journal.write_bytes(pages[: 9 * PAGE] + bytes(PAGE) + pages[10 * PAGE :])
        start = found[name] = Start(root, [])
        code, stderr = faulty(*start.copy(again), "--jobs", 1, cwd=again, log=again / "log")
        assert code == 0, stderr
        lines = (again / "log").read_text().replace(str(again), "{root}").splitlines(keepends=True)
        start.calls = [line for line in lines if "results" in line or line.startswith("fsync")]
    # the shim hears SQLite and Python
    assert {line.split()[0] for start in found.values() for line in start.calls} == set(KINDS)
    return found


def kept(path):
    """(run, session) of what is committed in a sound journal, without touching it."""
    copied = path.with_name("copied")
    shutil.copytree(path, copied)
    try:
        with Folder(copied).journal() as journal:
            if journal.rows("PRAGMA quick_check(1)") != [("ok",)]:
                return set()
            return set(
                journal.rows(
                    "SELECT runs.name, sessions.name FROM attempts"
                    " JOIN runs ON runs.id = run JOIN sessions ON sessions.id = session"
                )
            )
    except FolderError:  # there is no journal yet
        return set()
    finally:
        shutil.rmtree(copied)


def assert_continues(faulty, root, starts):
    """The same command ends as if nothing had been: equal bytes, nothing lost, nothing left."""
    path = root / "results/disk"
    before = kept(path) if path.exists() else set()
    code, stderr = faulty("sweep", root / "disk.yaml", "-q", cwd=root)
    assert code == 0, stderr
    assert timeless(path) == timeless(starts["done"].root / "results/disk")
    assert before <= kept(path)
    code, stderr = faulty("verify", path, cwd=root)
    assert (code, "sound" in stderr) == (0, True), stderr
    left = {file.name for file in path.iterdir() if "damaged" not in file.name}
    assert left == {"runs.csv", "layers.csv", "spec.yaml", "provenance.json", "journal.sqlite"}


def drawn(chance, starts):
    """A start, and a fault of one of the calls that follow."""
    start = starts[chance.choice(sorted(starts))]
    counts = Counter(start.calls)
    kind = chance.choice(sorted({line.split()[0] for line in counts}))
    line = chance.choice(sorted(line for line in counts if line.startswith(f"{kind} ")))
    k = chance.randint(1, counts[line])
    if chance.random() < 0.2 and "results" in line:  # any file of the folder
        line = line.partition("results")[0] + "results"
    if chance.random() < 0.3:
        return start, Fault(line, SIGKILL, k)
    error = chance.choice([errno.EIO, errno.ENOSPC, errno.EDQUOT])
    return start, Fault(line, error, k, chance.random() < 0.5)


@pytest.mark.parametrize("seed", range(FAULTS))
def test_any_fault_ends_in_74_or_in_nothing_and_changes_no_byte(seed, faulty, starts, tmp_path):
    chance = random.Random(seed)  # noqa: S311
    start, fault = drawn(chance, starts)
    command = [*start.copy(tmp_path), "--jobs", chance.choice([1, 2])]
    code, stderr = faulty(*command, cwd=tmp_path, fault=fault)
    # a call that is never made, as the number of commits is a matter of time, ends in 0; so does
    # one that need not succeed
    allowed = (0, -9) if fault.error == SIGKILL else (0, 74)
    assert code in allowed, f"{fault}: {stderr}"
    assert "Traceback" not in stderr, fault
    assert "bug in initlab" not in stderr, fault
    if code == 0:
        assert (tmp_path / "results/disk/runs.csv").exists(), fault
    assert_continues(faulty, tmp_path, starts)


# one moment after the other ----------------------------------------------------------------------

WAL, BACK = f"{JOURNAL}-wal", f"{JOURNAL}-journal"
#: (what the command finds, call, k) that end a command with 74: what it was to keep, or to say, is
#: not certain any more
REFUSED = [
    ("nothing", "fsync {root}", 1),  # the name of the folder of all results
    ("nothing", "fsync {root}/results", 1),  # the name of this one
    ("nothing", f"fdatasync {BACK}", 1),  # the tables are made
    ("nothing", f"fdatasync {JOURNAL}", 1),
    ("nothing", f"fdatasync {BACK}", 3),  # the journal gets a WAL
    ("nothing", f"fdatasync {JOURNAL}", 2),
    ("nothing", f"fsync {DISK}", 1),  # the names of the journal and of its WAL
    ("killed", f"fdatasync {WAL}", 1),  # a WAL that was left is copied
    ("killed", f"fdatasync {JOURNAL}", 1),
    ("done", f"fdatasync {WAL}", 1),  # the first page of a WAL
    ("done", f"fdatasync {WAL}", 2),  # commits: what is swept, and by whom
    ("done", f"fdatasync {WAL}", 3),
    ("done", f"fdatasync {WAL}", 6),  # how it ended
    (
        "done",
        f"fsync {DISK}/.layers.csv.tmp",
        1,
    ),  # and so for every file: tests/store/test_publish.py
    ("done", f"fsync {DISK}", 2),  # their renames
    # SQLite says "unable to open" of these, whatever the reason
    ("nothing", f"open {JOURNAL}", 1),
    ("nothing", f"open {WAL}", 1),
    ("nothing", f"open {JOURNAL}-shm", 1),
    ("killed", f"open {JOURNAL}", 1),
    ("done", f"open {BACK}", 1),
    ("done", "open results/disk/runs.csv", 1),  # to be printed
    ("done", "unlink results/disk/runs.parquet", 1),
]
#: (what the command finds, call, k) that may fail for ever: it ends with 0, and nothing is lost
HARMLESS = [
    ("nothing", f"fdatasync {DISK}", 1),  # SQLite does not mind; we sync the folder after it
    # a WAL of a few pages is copied, and kept: see `Writer.close`, also for what follows
    ("done", f"fdatasync {JOURNAL}", 2),
    ("done", f"fdatasync {WAL}", 7),  # the journal is closed: the WAL is copied
    ("done", f"fdatasync {JOURNAL}", 3),
    ("done", f"unlink {WAL}", 1),
    ("done", f"open {BACK}", 2),  # and the journal gets none any more
    ("done", f"fdatasync {BACK}", 3),
    ("done", f"fdatasync {DISK}", 3),
    ("done", f"fdatasync {BACK}", 4),
    ("done", f"fdatasync {JOURNAL}", 4),
    ("done", f"unlink {BACK}", 2),
    ("done", "unlink results/disk/.runs.csv.tmp", 1),  # which is not there any more
]


@pytest.mark.parametrize(("start", "call", "k"), REFUSED)
def test_a_refusal_of_the_disk_ends_in_74(start, call, k, faulty, starts, tmp_path):
    command = [*starts[start].copy(tmp_path), "--jobs", 1]
    code, stderr = faulty(*command, cwd=tmp_path, fault=Fault(f"{call}\n", errno.EIO, k))
    assert code == 74, stderr
    assert "Traceback" not in stderr


@pytest.mark.parametrize(("start", "call", "k"), HARMLESS)
def test_a_refusal_where_all_is_kept_elsewhere_ends_in_0(start, call, k, faulty, starts, tmp_path):
    assert starts[start].calls.count(f"{call}\n") >= k
    command = [*starts[start].copy(tmp_path), "--jobs", 1]
    fault = Fault(f"{call}\n", errno.EIO, k, forever=True)
    code, stderr = faulty(*command, cwd=tmp_path, fault=fault)
    assert code == 0, stderr
    assert timeless(tmp_path / "results/disk") == timeless(starts["done"].root / "results/disk")


# what is gone when the power fails --------------------------------------------------------------


def frames(wal):
    """(offset, page number, whether it ends a commit) of the frames of a WAL.

    A header of 32 bytes with a salt at 16, then frames: page number, size of the database after a
    commit or 0, the salt, 8 bytes of checksum, and the page (sqlite.org/fileformat2.html, 4.1).
    """
    for at in range(32, len(wal) - PAGE, 24 + PAGE):
        page, size = (int.from_bytes(wal[at + i : at + i + 4], "big") for i in (0, 4))
        if wal[at + 8 : at + 16] == wal[16:24]:
            yield at, page, size > 0


def test_a_database_that_was_never_synced_is_whole_again_from_its_wal(faulty, starts, tmp_path):
    path = tmp_path / "results/disk"
    fault = Fault(f"fdatasync {JOURNAL}\n", errno.EIO, 3, forever=True)  # every copy of the WAL
    code, stderr = faulty(*sweep_of(tmp_path), "--jobs", 1, cwd=tmp_path, fault=fault)
    assert code == 0, stderr
    before = kept(path)
    pages = {page for _, page, _ in frames((path / "journal.sqlite-wal").read_bytes())}
    database = bytearray((path / "journal.sqlite").read_bytes())
    for page in pages:  # is in memory only
        database[(page - 1) * PAGE : page * PAGE] = os.urandom(PAGE)
    (path / "journal.sqlite").write_bytes(database)
    assert len(pages) > 10
    assert kept(path) == before
    assert len(before) == 6  # runs
    assert_continues(faulty, tmp_path, starts)


def test_nothing_is_committed_after_pages_that_a_disk_refused(faulty, starts, tmp_path):
    path, wal = tmp_path / "results/disk", tmp_path / "results/disk/journal.sqlite-wal"
    command = [*sweep_of(tmp_path), "--jobs", 1]
    fault = Fault(f"fdatasync {WAL}\n", errno.EIO, 3, forever=True)  # all but the first commit
    code, stderr = faulty(*command, cwd=tmp_path, fault=fault, pages=1000)
    assert code == 74, stderr
    refused = wal.read_bytes()
    synced = min(at for at, _, ends in frames(refused) if ends) + 24 + PAGE
    fault = Fault(f"fdatasync {WAL}\n", SIGKILL, 8)  # the disk is well again
    code, stderr = faulty(*command, cwd=tmp_path, fault=fault, pages=1000)
    assert code == -9, stderr
    before = kept(path)
    assert before
    now = bytearray(wal.read_bytes())
    for at in range(synced + -synced % PAGE, len(refused), PAGE):
        page = slice(at, min(at + PAGE, len(refused)))
        if now[page] == refused[page]:  # the system holds it for written, and did not do it again
            now[page] = bytes(page.stop - at)
    wal.write_bytes(now)
    assert before <= kept(path)
    assert_continues(faulty, tmp_path, starts)
