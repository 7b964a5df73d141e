"""Folders to be written: made, locked, moved aside, mended; nothing of others touched."""

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import contextmanager

import numpy as np
import pytest
from filelock import FileLock
from helpers import swept, timeless

from initlab.errors import FolderError, FolderInUse
from initlab.store.check import problems
from initlab.store.damage import DamagedJournal
from initlab.store.folder import Folder
from initlab.store.opening import open_existing, open_for_writing

FILES = {"runs.csv", "layers.csv", "spec.yaml", "provenance.json", "journal.sqlite"}


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@contextmanager
def opened(root, name="spec", **options):
    folder = open_for_writing(root, name, **options)
    try:
        yield folder
    finally:
        folder.close()


def test_a_folder_is_made_with_all_above_it(tmp_path):
    with opened(tmp_path / "a/b", "c") as folder:
        assert folder.path == tmp_path / "a/b/c"
        # until a sweep begins
        assert {file.name for file in folder.path.iterdir()} == {".lock", ".holder"}
    assert [*folder.path.iterdir()] == []


def test_a_sweep_leaves_five_files(plan_of, tmp_path):
    assert set(contents(swept(plan_of(), tmp_path))) == FILES


@pytest.mark.parametrize("name", ["notes.txt", "runs.csv.bak", "sub", "journal.sqlite.bak"])
def test_foreign_files_are_kept(plan_of, tmp_path, name):
    path = swept(plan_of(), tmp_path)
    (path / name).write_text("mine")
    before = contents(path)
    for fresh in (False, True):
        with pytest.raises(FolderError, match=f"'{name}', which initlab did not write"):
            open_for_writing(tmp_path, "spec", fresh=fresh)
    assert contents(path) == before


def test_results_without_a_journal_are_kept(plan_of, tmp_path):
    path = swept(plan_of(), tmp_path)
    (path / "journal.sqlite").unlink()
    before = contents(path)
    with pytest.raises(FolderError, match="results without a journal") as error:
        open_for_writing(tmp_path, "spec")
    assert "--fresh" in error.value.fix
    assert contents(path) == before


def test_a_database_of_something_else_is_kept(tmp_path):
    (tmp_path / "spec").mkdir()
    file = tmp_path / "spec/journal.sqlite"
    with sqlite3.connect(file) as db:
        db.execute("CREATE TABLE mine (x)")
    db.close()
    before = file.read_bytes()
    with pytest.raises(FolderError, match=r"journal\.sqlite: is no journal of initlab"):
        open_for_writing(tmp_path, "spec")
    assert file.read_bytes() == before


def test_a_journal_of_another_version_is_kept(plan_of, tmp_path):
    path = swept(plan_of(), tmp_path)
    db = sqlite3.connect(path / "journal.sqlite")
    db.execute("PRAGMA user_version = 99")
    db.close()
    before = contents(path)
    with pytest.raises(FolderError, match="is of journal version 99, this initlab has") as error:
        open_for_writing(tmp_path, "spec")
    assert "sweep with --fresh to move it aside" in error.value.fix
    assert contents(path) == before
    with pytest.raises(FolderError, match="version 99"):
        Folder(path).journal()
    swept(plan_of(), tmp_path, fresh=True)
    assert contents(tmp_path / "spec.old-1") == before


def test_hidden_files_do_not_matter_and_half_published_ones_are_removed(plan_of, tmp_path):
    path = swept(plan_of(), tmp_path)
    (path / ".DS_Store").write_text("")
    (path / ".runs.csv.tmp").write_text("run,de")
    swept(plan_of(), tmp_path)
    assert set(contents(path)) == {*FILES, ".DS_Store"}


def test_fresh_moves_everything_aside(plan_of, tmp_path):
    path = swept(plan_of(), tmp_path)
    before = contents(path)
    for number in (1, 2):
        swept(plan_of(), tmp_path, fresh=True)
        assert contents(tmp_path / "spec.old-1") == before
        assert set(contents(tmp_path / f"spec.old-{number}")) == FILES
    assert set(contents(path)) == FILES


def test_fresh_has_nothing_to_move_at_first(tmp_path):
    with opened(tmp_path, fresh=True):
        pass
    assert {path.name for path in tmp_path.iterdir()} == {"spec"}


def test_a_folder_being_written_is_not_handed_out_again(plan_of, tmp_path):
    with opened(tmp_path) as folder:
        folder.begin(plan_of())
        with pytest.raises(FolderInUse, match=f"by process {os.getpid()} on .* since 20") as caught:
            open_for_writing(tmp_path, "spec")
        assert caught.value.exit_code == 4
        assert Folder(folder.path).written_by().startswith(f"process {os.getpid()} on ")
    assert Folder(folder.path).written_by() == ""
    with opened(tmp_path):
        pass


def test_a_holder_that_has_not_said_who_it_is_holds_all_the_same(tmp_path):
    (tmp_path / "spec").mkdir()
    with FileLock(tmp_path / "spec/.lock"), pytest.raises(FolderInUse, match="another process"):
        open_for_writing(tmp_path, "spec")


def test_a_dead_holder_s_lock_does_not_block(tmp_path):
    code = (
        "import os, sys, pathlib; from initlab.store.opening import open_for_writing;"
        "open_for_writing(pathlib.Path(sys.argv[1]), 'spec'); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert done.returncode == -9
    assert Folder(tmp_path / "spec").written_by() == ""
    with opened(tmp_path):
        pass


@pytest.mark.parametrize("root", ["file", "file/below", "dangling", "/proc/none", "/dev/full"])
def test_a_folder_that_cannot_be_is_refused(tmp_path, root):
    (tmp_path / "file").write_text("x")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere/at/all")
    with pytest.raises(FolderError, match="cannot be written") as error:
        open_for_writing(tmp_path / root, "spec")
    assert "--no-save" in error.value.fix


def test_a_file_in_the_folder_s_place_is_kept(tmp_path):
    (tmp_path / "spec").write_text("mine")
    with pytest.raises(FolderError):
        open_for_writing(tmp_path, "spec")
    assert (tmp_path / "spec").read_text() == "mine"


def test_a_refused_folder_is_not_left_locked(tmp_path):
    (tmp_path / "spec").mkdir()
    (tmp_path / "spec/mine").write_text("")
    for _ in range(2):
        with pytest.raises(FolderError, match="'mine'"):
            open_for_writing(tmp_path, "spec")


# damage -----------------------------------------------------------------------------------------

DAMAGE = {
    "zeroed": lambda data: bytes(len(data)),
    "header": lambda data: b"not a database!" + data[15:],
    "cut": lambda data: data[: len(data) // 2],
    "a page": lambda data: data[:8192] + os.urandom(4096) + data[12288:],
    "pages": lambda data: data[:4096] + b"\xff" * (len(data) - 4096),
}


@pytest.fixture(scope="module")
def sound(plan_of, tmp_path_factory):
    """A plan and its results, to be damaged in copies."""
    plan = plan_of(depth=30, seeds=12, init=["he", "xavier_normal"])
    return plan, swept(plan, tmp_path_factory.mktemp("sound"))


@pytest.mark.xdist_group("sound")
@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_journal_is_set_aside_and_what_is_sound_in_it_reused(sound, tmp_path, damage):
    plan, original = sound
    path = tmp_path / original.name
    shutil.copytree(original, path)
    before = timeless(path)
    file = path / "journal.sqlite"
    data = DAMAGE[damage](file.read_bytes())
    file.write_bytes(data)
    said = []
    swept(plan, tmp_path, notify=said.append)
    assert timeless(path) == before
    kept = (path / "journal.damaged-1.sqlite").read_bytes()
    assert kept[100:] == data[100:]  # without SQLite's header, which says how it was opened
    assert "was damaged, and is kept as journal.damaged-1.sqlite" in said[0]
    said.clear()
    swept(plan, tmp_path, notify=said.append)
    assert said == []


def test_a_number_that_was_changed_is_found_and_run_again(plan_of, tmp_path):
    plan = plan_of(depth=3, width=20, seeds=3)
    path = swept(plan, tmp_path)
    before = timeless(path)
    with sqlite3.connect(path / "journal.sqlite") as db:
        db.execute("UPDATE layers SET std = std * 1.0000001 WHERE run = 2 AND layer = 1")
        db.execute("UPDATE predictions SET predicted_std = 1 WHERE layer = 1")
    db.close()
    journal = Folder(path).journal()
    one, two, *_ = (problem for _, problem in problems(path, journal))
    journal.close()
    assert one == "the numbers of run 1 are not those that were written"
    assert two.startswith("the numbers of points ")
    said = []
    swept(plan, tmp_path, notify=said.append)
    assert timeless(path) == before
    assert "2 runs of a damaged journal are sound, and reused" in said[-1]


def test_what_was_set_aside_by_a_sweep_that_was_killed_then_is_reused_by_the_next(
    plan_of, tmp_path
):
    plan = plan_of(seeds=6)
    path = swept(plan, tmp_path)
    before = timeless(path)
    (path / "journal.sqlite").rename(path / "journal.damaged-1.sqlite")
    (path / "runs.csv").unlink()
    (path / "layers.csv").unlink()
    said = []
    swept(plan, tmp_path, notify=said.append)
    assert said == [f"{path}: 6 runs of a damaged journal are sound, and reused"]
    assert timeless(path) == before


def test_a_damaged_journal_is_left_to_the_sweep(plan_of, tmp_path):
    path = swept(plan_of(), tmp_path)
    file = path / "journal.sqlite"
    file.write_bytes(DAMAGE["pages"](file.read_bytes()))
    damaged = file.read_bytes()
    with pytest.raises(DamagedJournal, match="is damaged") as error:
        open_existing(path)
    assert "the same sweep command again" in error.value.fix
    with opened(tmp_path):  # a sweep that is refused for another reason does not begin
        pass
    assert file.read_bytes()[100:] == damaged[100:]
    assert not [*path.glob("journal.damaged*")]


def test_a_folder_in_which_nothing_was_begun_says_so(tmp_path):
    with opened(tmp_path) as folder:
        folder.connect()
    with (
        Folder(folder.path).journal() as journal,
        pytest.raises(FolderError, match="nothing was begun here yet"),
    ):
        journal.plan()


def test_a_link_is_the_folder_that_it_leads_to(plan_of, tmp_path):
    path = swept(plan_of(), tmp_path / "there")
    (tmp_path / "here").mkdir()
    (tmp_path / "here/spec").symlink_to(path)
    with opened(tmp_path / "there"), pytest.raises(FolderInUse):
        open_for_writing(tmp_path / "here", "spec")
    with opened(tmp_path / "here"), pytest.raises(FolderInUse):
        open_for_writing(tmp_path / "there", "spec")


def test_two_files_of_one_content_are_two_runs(plan_of, tmp_path):
    one = np.random.default_rng(0).normal(size=(16, 4))
    for name, samples in (("a", one), ("b", one), ("c", 2 * one)):
        np.save(tmp_path / f"{name}.npy", samples)
    paths = [str(tmp_path / f"{name}.npy") for name in "abc"]
    plan = plan_of(input={"name": "file", "path": paths}, seeds=2)
    runs, _ = timeless(swept(plan, tmp_path))
    stds = [row["std_first"] for row in runs]
    assert len(stds) == 6
    assert stds[:2] == stds[2:4] != stds[4:]
    alone = plan_of(name="alone", input={"name": "file", "path": paths[2]}, seeds=2)
    assert [row["std_first"] for row in timeless(swept(alone, tmp_path))[0]] == stds[4:]


def test_input_data_that_has_changed_is_run_again(plan_of, tmp_path):
    file = tmp_path / "x.npy"
    fields = {"input": {"name": "file", "path": str(file)}}
    tables = []
    for scale in (1.0, 2.0, 1.0):
        np.save(file, scale * np.random.default_rng(0).normal(size=(16, 4)))
        tables.append(timeless(swept(plan_of(**fields), tmp_path))[1])
    assert tables[0] != tables[1]
    assert tables[0] == tables[2]
