"""`--quiet`: no words on stderr but errors and warnings, of every command, and the same data."""

import inspect

import pytest
import typer.main
from commands import SPEC, initlab

from initlab.cli import output
from initlab.cli.app import COMMANDS, build
from initlab.cli.quiet import quietable

BUILT = typer.main.get_command(build()).commands


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a spec, results and the two parts of others."""
    root = tmp_path_factory.mktemp("quiet")
    (root / "s.yaml").write_text(SPEC.replace("seeds: 4", "seeds: 1"))
    for more in ([], ["--part", "1/2"], ["--part", "2/2"]):
        done = initlab("sweep", root / "s.yaml", "--out", root, *more, "-q")
        assert (done.exit_code, done.stderr) == (0, "")
    return root


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_takes_it(name):
    (found,) = [p for p in BUILT[name].params if p.name == "quiet"]
    assert set(found.opts) == {"--quiet", "-q"}
    shorts = [o for p in BUILT[name].params for o in p.opts if len(o) == 2]
    assert len(set(shorts)) == len(shorts)  # -q is nobody else's


#: commands that say something on stderr though all is well
TALKATIVE = {
    "new": ["{folder}/new{n}.yaml"],
    "sweep": ["{folder}/s.yaml", "--no-save", "--format", "jsonl", "--set", "depth=1"],
    "verify": ["{folder}/kept"],
    "export": ["{folder}/kept"],
    "merge": ["{folder}/kept.part-1-of-2", "{folder}/kept.part-2-of-2", "--out", "{folder}/{n}"],
    "recommend": ["--activation", "relu", "--depth", "10"],
    "gain": ["tanh", "--format", "table"],
    "critical": ["tanh"],
    "loss": ["-n", "mean_squared_error", "-i", "[1,2]", "-t", "[0,0]"],
    "entropy": ["--p", "1,1", "--normalise"],
    "describe": ["mean_squared_error"],
}


@pytest.mark.parametrize("command", TALKATIVE)
def test_it_keeps_words_back_and_no_data(folder, command):
    def said(n, *more):
        values = {"folder": folder, "n": n}
        done = initlab(command, *(a.format(**values) for a in TALKATIVE[command]), *more)
        assert done.exit_code == 0, done.stderr
        return done.stdout.splitlines(), done.stderr

    (usual, words), (data, silence) = said(1), said(2, "--quiet")
    assert words != ""
    assert silence == ""
    assert len(data) == len(usual)
    if command != "sweep":  # whose rows hold wall times
        assert data == usual
    assert said(3)[1].replace("3", "1") == words.replace("3", "1")  # it does not last


ERRORS = {
    "sweep": ["none.yaml"],
    "show": ["none"],
    "loss": ["-n", "nope", "-i", "1", "-t", "1"],
    "describe": ["nope"],
    "entropy": ["--p", "2,3"],
    "predict": ["none.yaml"],
}


@pytest.mark.parametrize("command", ERRORS)
def test_errors_are_told_all_the_same(command):
    usual, quiet = initlab(command, *ERRORS[command]), initlab(command, *ERRORS[command], "-q")
    assert quiet.exit_code == usual.exit_code == 2
    assert quiet.stderr == usual.stderr != ""


def test_runs_that_fail_are_told_all_the_same(monkeypatch):
    from initlab.network import propagate

    def fails(*_, **__):
        raise MemoryError("no more")

    monkeypatch.setattr(propagate, "measure", fails)
    done = initlab(
        "sweep", "-", "--no-save", "-q", stdin="depth: 1\nwidth: 2\nactivation: tanh\ninit: he\n"
    )
    assert done.exit_code == 1
    assert "failed" in done.stderr


def test_a_command_keeps_its_name_words_and_options():
    def greet(name: str, *, loud: bool = False) -> None:
        """Say it."""
        output.note(f"hello {name}{'!' * loud}")

    found = quietable(greet)
    assert (found.__name__, found.__doc__) == ("greet", "Say it.")
    assert list(inspect.signature(found).parameters) == ["name", "loud", "quiet"]
    assert list(inspect.signature(greet).parameters) == ["name", "loud"]


def test_notes_stop_and_problems_do_not(capsys):
    try:
        output.keep_quiet(True)
        output.note("one")
        output.warn("two")
    finally:
        output.keep_quiet(False)
    output.note("three")
    assert capsys.readouterr().err == "two\nthree\n"
