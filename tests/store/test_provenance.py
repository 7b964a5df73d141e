"""Where results come from: the revision, asked of a git that runs nothing, and the machine."""

import os
import subprocess
from pathlib import Path

import pytest
from processes import run

from initlab.store import provenance
from initlab.store.provenance import differences, environment, origin


def git(*arguments):
    """What git answers, and leaves behind, when nobody attacks."""
    author = ["-c", "user.name=a", "-c", "user.email=a@b"]
    done = subprocess.run(["git", *author, *arguments], check=True, capture_output=True)
    return done.stdout.decode("ascii", "replace").strip()


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository with one commit, in which the test stands."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.chdir(tmp_path)
    Path("a.txt").write_text("a\n")
    Path("spec.yaml").write_text(
        "name: s\ndepth: 1\nwidth: 2\nactivation: tanh\ninit: he\nband: 0\n"
    )
    git("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "one")
    return tmp_path


def test_the_revision_and_whether_it_is_what_was_committed(repository):
    revision = git("rev-parse", "HEAD")
    assert origin()["git"] == {"revision": revision, "dirty": False}
    Path("a.txt").write_text("b\n")
    assert origin()["git"] == {"revision": revision, "dirty": True}


def test_a_file_whose_name_is_no_text_makes_it_dirty(repository):
    Path(os.fsdecode(b"\xff\n.txt")).write_text("")
    git("config", "core.quotePath", "false")
    assert origin()["git"]["dirty"] is True


def test_no_repository_and_no_commit_have_no_revision(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert origin()["git"] is None
    git("init", "-q")
    assert origin()["git"] is None


#: what a repository's configuration can have git run when it is asked for its status
ATTACKS = {
    "core.fsmonitor": "{}",
    "core.hooksPath": "hooks",  # post-index-change, when the index is refreshed
    "filter.plain.clean": "{}",
    "filter.plain.process": "{}",
    "filter.a.b=c.clean": "{}",  # would be cut at the "=" as an option
    "filter.a.b=c.required": "true",
}


@pytest.fixture
def hostile(repository):
    """A repository whose configuration names a command; the file that the command makes."""
    made, attack = repository / "made", repository / "attack.sh"
    attack.write_text(f"#!/bin/sh\ntouch {made}\ncat\n")
    attack.chmod(0o755)
    Path("hooks").mkdir()
    for hook in ("post-index-change", "fsmonitor-watchman", "query-watchman"):
        Path("hooks", hook).symlink_to(attack)
    Path(".gitattributes").write_text("a.txt filter=plain\nspec.yaml filter=a.b=c\n")
    git("add", ".gitattributes", "attack.sh", "hooks")
    git("commit", "-q", "-m", "two")
    for key, value in ATTACKS.items():
        git("config", key, value.format(attack))
    for name in ("a.txt", "spec.yaml"):
        os.utime(name, (1, 1))  # its content is compared: it looks changed
    return made


@pytest.mark.parametrize("key", [key for key in ATTACKS if not key.endswith("required")])
def test_git_by_itself_would_run_what_a_repository_names(hostile, key):
    for other in set(ATTACKS) - {key}:
        git("config", "--unset", other)
    hostile.unlink(missing_ok=True)
    subprocess.run(["git", "status"], check=False, capture_output=True, stdin=subprocess.DEVNULL)
    assert hostile.exists()


@pytest.mark.parametrize("arguments", [[], ["--no-save"]])
def test_a_sweep_runs_nothing_that_a_repository_names(hostile, arguments):
    hostile.unlink(missing_ok=True)
    code, _, stderr = run("sweep", "spec.yaml", "-q", *arguments, cwd=hostile.parent)
    assert (code, stderr) == (0, "")
    assert not hostile.exists()
    found = origin()["git"]
    assert not hostile.exists()
    assert len(found["revision"]) == 40


def test_a_git_that_does_not_answer_is_not_waited_for(tmp_path, monkeypatch):
    slow = tmp_path / "git"
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(provenance, "GIT_SECONDS", 0.05)
    assert origin()["git"] is None


# the machine ------------------------------------------------------------------------------------


@pytest.fixture
def asked_anew():
    """`environment` remembers what it found."""
    environment.cache_clear()
    yield
    environment.cache_clear()


@pytest.mark.usefixtures("asked_anew")
def test_a_variable_that_changes_instructions_is_a_difference(monkeypatch):
    for name in provenance.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    before = environment()
    assert before["variables"] is None
    environment.cache_clear()
    monkeypatch.setenv("MKL_CBWR", "COMPATIBLE")  # gave other last digits when it was tried
    assert differences(before, environment()) == ["variables was None, is MKL_CBWR=COMPATIBLE"]
    old = {name: value for name, value in before.items() if name != "variables"}
    assert differences(old, before) == []  # a journal of before they were noted
