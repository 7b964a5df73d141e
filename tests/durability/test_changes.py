"""Files and folders that somebody changes, moves or deletes while a sweep uses them."""

import shutil
import signal
import sqlite3
import subprocess
import time
from contextlib import closing

import numpy as np
import pytest
from helpers import swept, timeless
from processes import Command, run

from initlab import load_plan
from initlab.store.folder import Folder
from initlab.store.opening import open_for_writing

# ten shares, as networks of other depths are not computed side by side
SPEC = """\
name: used
depth: [100, 101, 102, 103, 104, 105, 106, 107, 108, 109]
width: 24
activation: tanh
init: xavier_normal
seeds: 4
band: 20
"""
FED = SPEC + "input: {name: file, path: x.npy}\n"


pytestmark = pytest.mark.xdist_group("changes")  # the sweep that nobody disturbed is swept once


@pytest.fixture
def root(tmp_path):
    """A folder with a spec."""
    (tmp_path / "used.yaml").write_text(SPEC)
    return tmp_path


@pytest.fixture
def fed(root):
    """The same, whose networks are fed from a file."""
    (root / "used.yaml").write_text(FED)
    np.save(root / "x.npy", np.random.default_rng(0).standard_normal((16, 24)))
    return root


@pytest.fixture(scope="module")
def wanted(tmp_path_factory):
    """The tables of a sweep that nobody disturbed."""
    root = tmp_path_factory.mktemp("undisturbed")
    (root / "used.yaml").write_text(SPEC)
    return timeless(swept(load_plan(root / "used.yaml"), root, jobs=2))


def begun(root, *arguments):
    """A sweep that has committed some of its runs, and is halted; `ended` lets it go on."""
    command = Command("sweep", root / "used.yaml", "--jobs", 1, *arguments, cwd=root)
    wal = root / "results/used/journal.sqlite-wal"
    assert command.until(lambda: wal.exists() and wal.stat().st_size > 150_000)
    command.send(signal.SIGSTOP)
    while command.process.is_alive() and not free(
        root / "results/used/journal.sqlite"
    ):  # halted in the middle of a commit
        command.send(signal.SIGCONT)
        time.sleep(0.005)
        command.send(signal.SIGSTOP)
    return command


def free(journal):
    """Whether nobody writes a journal just now."""
    with closing(sqlite3.connect(journal, timeout=0, isolation_level=None)) as db:
        try:
            db.execute("BEGIN IMMEDIATE")
            db.execute("ROLLBACK")
        except sqlite3.OperationalError:
            return False
    return True


def ended(command):
    """Its exit code, once it went on."""
    command.send(signal.SIGCONT)
    return command.wait()


# an input file ----------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["threads", "dask"])
def test_every_run_is_of_what_was_read_whatever_becomes_of_the_file(fed, tmp_path, engine):
    wanted = timeless(swept(load_plan(fed / "used.yaml"), tmp_path / "honest", jobs=2))
    held = (fed / "x.npy").read_bytes()
    command = begun(fed, "--engine", engine)
    np.save(fed / "x.npy", np.ones((16, 24)))
    assert ended(command) == 0
    assert f"{fed / 'x.npy'}: has changed since it was read" in command.stderr()
    assert timeless(fed / "results/used") == wanted
    # the file as it was: nothing is to be done, and nothing is said
    (fed / "x.npy").write_bytes(held)
    code, _, stderr = run("sweep", fed / "used.yaml", cwd=fed)
    assert (code, "40 of them known already" in stderr, "changed" in stderr) == (0, True, False)
    assert timeless(fed / "results/used") == wanted
    assert run("verify", "results/used", cwd=fed)[0] == 0


def test_another_content_is_measured_anew(fed, tmp_path):
    assert run("sweep", fed / "used.yaml", "-q", cwd=fed)[0] == 0
    before = timeless(fed / "results/used")
    np.save(fed / "x.npy", np.ones((16, 24)))
    code, _, stderr = run("sweep", fed / "used.yaml", cwd=fed)
    assert (code, "known already" in stderr) == (0, False)
    assert timeless(fed / "results/used") != before
    wanted = timeless(swept(load_plan(fed / "used.yaml"), tmp_path / "honest"))
    assert timeless(fed / "results/used") == wanted


def test_an_input_file_that_is_gone_is_told_at_the_end(fed):
    command = begun(fed)
    (fed / "x.npy").unlink()
    assert ended(command) == 0
    assert "has changed since it was read" in command.stderr()
    assert (fed / "results/used/runs.csv").read_text().count(",ok,") == 40


def test_a_path_that_is_no_text_is_refused_before_anything_is_computed(fed):
    folder = fed / "caf\udce9"
    folder.mkdir()
    for name in ("used.yaml", "x.npy"):
        (fed / name).rename(folder / name)
    code, _, stderr = run("sweep", "used.yaml", cwd=folder)
    assert code == 2
    assert "caf\\udce9" in stderr
    assert "is no UTF-8 text, which results can hold; rename the folder" in stderr
    assert not (folder / "results").exists()
    # without a file that is named in the results, the folder may be called anything
    code, _, stderr = run("sweep", "used.yaml", "-q", "--set", "input=normal", cwd=folder)
    assert (code, stderr) == (0, "")
    for command in ("show", "verify", "status", "export"):
        assert run(command, folder / "results/used", cwd=fed)[0] == 0


# two drivers of one folder ------------------------------------------------------------------------


def linked(root):
    (root / "results/link").symlink_to("used")
    return ["--set", "name=link"]


def linked_above(root):
    (root / "other").symlink_to("results")
    return ["--out", "other"]


def mounted(root):
    (root / "other").mkdir()
    bound = ["mount", "--bind", str(root / "results"), str(root / "other")]
    if subprocess.run(bound, capture_output=True, check=False).returncode:
        pytest.skip("a folder can be mounted elsewhere by root only")
    return ["--out", "other"]


def unlocked(root):
    (root / "results/used/.lock").unlink()
    return []


WAYS = {"its name": lambda _: [], "a link": linked, "a link above": linked_above,
        "another mount": mounted, "a removed lock": unlocked}  # fmt: skip


@pytest.mark.parametrize("fresh", [[], ["--fresh"]], ids=["", "fresh"])
@pytest.mark.parametrize("way", WAYS)
def test_a_second_driver_is_refused_by_whatever_way_it_comes(root, way, fresh):
    first = begun(root)
    other = WAYS[way](root)
    try:
        code, stdout, stderr = run("sweep", root / "used.yaml", *other, *fresh, cwd=root)
        assert (code, stdout) == (4, "")
        assert f"is being written by process {first.pid} on " in stderr
        assert ended(first) == 0
        assert (root / "results/used/runs.csv").read_text().count(",ok,") == 40
        assert run("verify", "results/used", cwd=root)[0] == 0
    finally:
        if way == "another mount":
            subprocess.run(["umount", "-l", str(root / "other")], check=True)


@pytest.mark.parametrize("change", [[], ["--set", "seeds=10"]], ids=["", "another spec"])
def test_a_driver_whose_folder_was_taken_over_stops_and_says_so(root, tmp_path, change):
    first = begun(root)
    for name in (".lock", ".holder"):
        (root / "results/used" / name).unlink()
    code, _, stderr = run("sweep", root / "used.yaml", *change, cwd=root)
    assert code == 0, stderr
    assert ended(first) == 4, first.stderr()
    assert "another sweep has taken over, on " in first.stderr()
    assert "Traceback" not in first.stderr()
    assert first.stdout() == ""
    wanted = timeless(swept(load_plan(root / "used.yaml", change[1:]), tmp_path / "alone"))
    assert timeless(root / "results/used") == wanted
    assert run("verify", "results/used", cwd=root)[0] == 0


# a folder that is moved or deleted ----------------------------------------------------------------


def moved(path):
    path.rename(path.with_name("elsewhere"))
    return path.with_name("elsewhere"), "was moved while it was written"


def moved_away(path):
    path.parent.rename(path.parents[1] / "away")
    return path.parents[1] / "away/used", "was moved while it was written"


def deleted(path):
    shutil.rmtree(path)
    return path.with_name("used.rescued-1"), "was deleted while it was written"


def deleted_with_all_above(path):
    shutil.rmtree(path.parent)
    return path.with_name("used.rescued-1"), "was deleted while it was written"


def without_a_journal(path):
    (path / "journal.sqlite").unlink()
    return path, "its journal was deleted while it was written"


def without_any_file(path):
    for file in path.iterdir():
        file.unlink()
    return path, "its journal was deleted while it was written"


def replaced(path):
    """Deleted, and swept anew by somebody else."""
    shutil.rmtree(path)
    spec = path.parents[1] / "used.yaml"
    assert run("sweep", spec, "-q", "--set", "seeds=2", cwd=spec.parent)[0] == 0
    return path.with_name("used.rescued-1"), "was deleted while it was written"


FATES = [
    moved, moved_away, deleted, deleted_with_all_above, without_a_journal, without_any_file,
    replaced,
]  # fmt: skip


@pytest.mark.parametrize("fate", FATES)
def test_results_are_written_wherever_their_folder_is_by_now(root, wanted, fate):
    command = begun(root)
    where, happened = fate(root / "results/used")
    assert ended(command) == 1
    words = " ".join(command.stderr().split())
    shown = where.relative_to(root)
    assert f"initlab: results/used: {happened}; everything is in {shown}/" in words
    assert "Traceback" not in words
    assert timeless(where) == wanted
    assert command.stdout() == (where / "runs.csv").read_text()
    left = {file.name for file in where.iterdir()}
    assert left == {"runs.csv", "layers.csv", "spec.yaml", "provenance.json", "journal.sqlite"}
    assert run("verify", where, cwd=root)[0] == 0
    if fate is replaced:
        assert (root / "results/used/runs.csv").read_text().count(",ok,") == 20
        assert run("verify", "results/used", cwd=root)[0] == 0


def test_what_sqlite_has_beside_the_journal_of_another_is_left_alone(root):
    """A sweep that goes on where another's folder was deleted: neither loses what is in its WAL."""
    first = begun(root)
    shutil.rmtree(root / "results/used")
    second = begun(root, "--set", "init=kaiming_normal")
    assert ended(first) == 1
    assert (root / "results/used/journal.sqlite-wal").exists()
    assert (root / "results/used/journal.sqlite-shm").exists()
    assert ended(second) == 0
    for where in ("used", "used.rescued-1"):
        assert run("verify", f"results/{where}", cwd=root)[0] == 0
        assert (root / "results" / where / "runs.csv").read_text().count(",ok,") == 40


def test_a_folder_that_was_moved_after_its_plan_was_done_lets_go_of_another_s_wal(root):
    folder = open_for_writing(root / "results", "used")
    folder.begin(load_plan(root / "used.yaml")).finish("done")
    folder.path.rename(root / "results/elsewhere")
    second = begun(root)
    folder.close()
    assert (root / "results/used/journal.sqlite-wal").exists()
    assert (root / "results/used/journal.sqlite-shm").exists()
    second.send(signal.SIGKILL)
    second.wait()
    with Folder(root / "results/used").journal() as journal:
        assert journal.counts()["ok"] > 0


@pytest.mark.parametrize("out", ["/proc", "/proc/self", "/sys", "/dev/null", "/dev/full/x"])
def test_a_place_where_no_folder_can_be_is_no_folder_in_use(root, out):
    code, _, stderr = run("sweep", root / "used.yaml", "--out", out, cwd=root)
    assert code == 2
    assert "cannot be written: " in stderr
    assert "fix: --out" in stderr
    assert "another process" not in stderr
