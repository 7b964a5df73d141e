"""Files and folders that somebody changes, moves or deletes while a sweep uses them."""

import numpy as np
import pytest
from helpers import swept, timeless
from processes import Command, run

from initlab import load_plan

SPEC = """\
name: used
depth: 30
width: 24
activation: tanh
init: xavier_normal
input: {name: file, path: x.npy}
seeds: 60
band: 20
"""


@pytest.fixture
def root(tmp_path):
    """A folder with a spec and its input file."""
    (tmp_path / "used.yaml").write_text(SPEC)
    np.save(tmp_path / "x.npy", np.random.default_rng(0).standard_normal((16, 24)))
    return tmp_path


def begun(root, *arguments):
    """A sweep that has committed some of its runs."""
    command = Command("sweep", root / "used.yaml", "--jobs", 1, *arguments, cwd=root)
    wal = root / "results/used/journal.sqlite-wal"
    assert command.until(lambda: wal.exists() and wal.stat().st_size > 300_000)
    return command


# an input file ----------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["threads", "dask"])
def test_every_run_is_of_what_was_read_whatever_becomes_of_the_file(root, tmp_path, engine):
    wanted = timeless(swept(load_plan(root / "used.yaml"), tmp_path / "honest", jobs=2))
    held = (root / "x.npy").read_bytes()
    command = begun(root, "--engine", engine)
    np.save(root / "x.npy", np.ones((16, 24)))
    assert command.wait() == 0
    assert f"{root / 'x.npy'}: has changed since it was read" in command.stderr()
    assert timeless(root / "results/used") == wanted
    # the file as it was: nothing is to be done, and nothing is said
    (root / "x.npy").write_bytes(held)
    code, _, stderr = run("sweep", root / "used.yaml", cwd=root)
    assert (code, "60 of them known already" in stderr, "changed" in stderr) == (0, True, False)
    assert timeless(root / "results/used") == wanted
    assert run("verify", "results/used", cwd=root)[0] == 0


def test_another_content_is_measured_anew(root, tmp_path):
    assert run("sweep", root / "used.yaml", "-q", cwd=root)[0] == 0
    before = timeless(root / "results/used")
    np.save(root / "x.npy", np.ones((16, 24)))
    code, _, stderr = run("sweep", root / "used.yaml", cwd=root)
    assert (code, "known already" in stderr) == (0, False)
    assert timeless(root / "results/used") != before
    wanted = timeless(swept(load_plan(root / "used.yaml"), tmp_path / "honest"))
    assert timeless(root / "results/used") == wanted


def test_an_input_file_that_is_gone_is_told_at_the_end(root):
    command = begun(root)
    (root / "x.npy").unlink()
    assert command.wait() == 0
    assert "has changed since it was read" in command.stderr()
    assert (root / "results/used/runs.csv").read_text().count(",ok,") == 60


def test_a_path_that_is_no_text_is_refused_before_anything_is_computed(root):
    folder = root / "caf\udce9"
    folder.mkdir()
    for name in ("used.yaml", "x.npy"):
        (root / name).rename(folder / name)
    code, _, stderr = run("sweep", "used.yaml", cwd=folder)
    assert code == 2
    assert "caf\\udce9" in stderr
    assert "is no UTF-8 text, which results can hold; rename the folder" in stderr
    assert not (folder / "results").exists()
    # without a file that is named in the results, the folder may be called anything
    code, _, stderr = run("sweep", "used.yaml", "-q", "--set", "input=normal", cwd=folder)
    assert (code, stderr) == (0, "")
    for command in ("show", "verify", "status", "export"):
        assert run(command, folder / "results/used", cwd=root)[0] == 0
