"""Folders to be read: what is none, what is not published yet, what they say of themselves."""

import os

import pytest
from commands import initlab
from helpers import swept

from initlab.errors import FolderError
from initlab.store.folder import Folder, open_published


def test_a_folder_without_results_is_refused(plan_of, tmp_path):
    with pytest.raises(FolderError, match="no such folder"):
        open_published(tmp_path / "none")
    with pytest.raises(FolderError, match=r"holds no runs\.csv"):
        open_published(tmp_path)
    for missing in ("no such folder", r"holds no journal\.sqlite"):
        with pytest.raises(FolderError, match=missing):
            Folder(tmp_path / "none" if "such" in missing else tmp_path).journal()
    path = swept(plan_of(), tmp_path)
    (path / "layers.csv").unlink()
    with pytest.raises(FolderError, match="not published yet") as error:
        open_published(path)
    assert error.value.fix == f"initlab export {path}"


@pytest.mark.parametrize("command", ["status", "verify", "export", "rerun", "merge"])
def test_what_is_no_results_folder_is_refused(tmp_path, command):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("x")
    (tmp_path / "garbage").mkdir()
    (tmp_path / "garbage/journal.sqlite").write_bytes(os.urandom(9000))
    more = ["0"] if command == "rerun" else []
    for name in ("none", "empty", "file", "garbage"):
        done = initlab(command, tmp_path / name, *more)
        assert done.exit_code == 2, (name, done.stderr)
        assert str(tmp_path / name) in done.stderr
        assert "fix: " in done.stderr
        assert done.stdout == ""


@pytest.mark.parametrize("command", ["show", "plot", "report", "status"])
def test_what_was_meant_is_told(plan_of, tmp_path, command):
    path = swept(plan_of(), tmp_path)
    (tmp_path / "spec.yml").write_text("depth: 2")
    for given, message, fix in (
        (tmp_path, f"its folders do, {path.name} for one", f"{tmp_path}/*/"),
        (path / "runs.csv", "is a file; needs a results folder", str(path)),
        (tmp_path / "spec.yml", "is a file; needs", f"initlab sweep {tmp_path}/spec.yml"),
    ):
        done = initlab(command, given)
        assert (done.exit_code, done.stdout) == (2, "")
        assert f"{given}: " in done.stderr
        assert message in done.stderr
        assert done.stderr.endswith(f"fix: {fix}\n")


@pytest.mark.parametrize("text", [b"", b"[1]", b"about: [", b"\xff", b"name: x"])
def test_a_folder_without_a_readable_spec_is_about_nothing(plan_of, tmp_path, text):
    path = swept(plan_of(about="something"), tmp_path)
    assert open_published(path).about() == "something"
    (path / "spec.yaml").write_bytes(text)
    assert open_published(path).about() == ""
