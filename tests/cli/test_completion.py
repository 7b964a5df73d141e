"""Completion of `--set`, as shells ask for it."""

import os
import shutil
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from initlab.cli import completion
from initlab.cli.app import build


def test_a_setting_is_completed_up_to_its_equals_sign():
    assert completion.settings("ini")[:3] == ["init=", "init.scheme=", "init.gain="]
    assert completion.settings("loss.d") == ["loss.delta=", "loss.distance="]
    assert all(found.count("=") == 1 and "." not in found for found in completion.settings(""))
    assert completion.settings("x") == []


def test_after_the_equals_sign_come_the_names():
    assert completion.settings("activation=ge") == ["activation=gelu", "activation=gelu_tanh"]
    assert completion.settings("dtype=f") == ["dtype=float64", "dtype=float32", "dtype=float16"]
    assert completion.settings("depth=") == []


def asked(*words):
    """What typer answers to bash, which gives the words of the line; the last is incomplete."""
    env = {"COMP_WORDS": "\n".join(words), "COMP_CWORD": str(len(words) - 1)}
    done = CliRunner().invoke(build(), [], env={**env, "_INITLAB_COMPLETE": "complete_bash"})
    return done.stdout.split()


@pytest.mark.parametrize("command", ["sweep", "predict"])
def test_bash_splits_at_the_equals_sign_and_is_answered(command):
    line = ("initlab", command, "s.yaml", "--set")
    assert asked(*line, "activation", "=", "ge") == ["gelu", "gelu_tanh"]
    assert asked(*line, "draws", "=") == ["layered", "script"]
    assert asked(*line, "dra") == ["draws="]
    assert asked(*line, "draws", "=", "script", "--set", "reduction", "=", "m") == ["mean"]


def test_specs_are_files_which_the_shell_completes():
    assert asked("initlab", "sweep", "s") == []
    assert asked("initlab", "sweep", "--set", "depth=2", "s") == []


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_itself(tmp_path):
    program = tmp_path / "initlab"
    start = "import sys; sys.argv[0] = 'initlab'; from initlab.cli.app import main; main()"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{start}" "$@"\n')
    program.chmod(0o755)
    script = """
eval "$(_INITLAB_COMPLETE=source_bash initlab)"
COMP_WORDS=(initlab sweep s.yaml --set activation = gelu_)
COMP_CWORD=6
_initlab_completion initlab
printf '%s\\n' "${COMPREPLY[@]}"
"""
    env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", script], env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "gelu_tanh\n", done.stderr
