"""Light commands stay light: they load neither torch nor pandas."""

import subprocess
import sys

import pytest

HEAVY = ["torch", "pandas", "altair", "scipy"]
HEAVIER_THAN_HELP = [*HEAVY, "numpy", "pydantic", "yaml"]
RUN = """
import sys
from initlab.cli.app import main
try:
    main()
finally:
    loaded = [name for name in {heavy} if name in sys.modules]
    print("loaded:", *loaded, file=sys.stderr)
"""
SPEC = "depth: 3\nwidth: 4\nactivation: tanh\ninit: kaiming_normal\n"


def loaded(*arguments, stdin="", heavy=HEAVY):
    """The heavy modules that a command has loaded when it ends."""
    command = [sys.executable, "-c", RUN.format(heavy=heavy), *arguments]
    done = subprocess.run(
        command, input=stdin, capture_output=True, text=True, timeout=60, check=False
    )
    *_, last = done.stderr.splitlines()
    head, *names = last.split()
    assert head == "loaded:"
    return names


@pytest.mark.parametrize(
    ("arguments", "stdin"),
    [
        (["--help"], ""),
        (["--version"], ""),
        (["sweep", "--help"], ""),
        (["list"], ""),
        (["list", "schemes", "--format", "json"], ""),
        (["describe", "kaiming_normal", "std"], ""),
        (["schema"], ""),
        (["list", "losses", "--task", "binary"], ""),
        (["describe", "ctc", "target-sign"], ""),
        (["entropy", "--p", "0.5,0.5", "--q", "0.1,0.9"], ""),
        (["loss", "--help"], ""),
        (["loss", "--name", "nope", "-i", "1", "-t", "1"], ""),
        (["loss", "--name", "huber", "-i", "1", "-t", "1", "-o", "delta=0"], ""),
        (["loss", "--name", "huber"], ""),
        (["new"], ""),
        (["show", "none"], ""),
        (["sweep", "none.yaml"], ""),
        (["sweep", "-"], "depth: -3\n"),
        (["sweep", "-"], SPEC + "bias: {std: -1}\n"),
        (["sweep", "-", "--dry-run"], SPEC),
        (["sweep", "-", "--max-runs", "1"], SPEC + "seeds: 2\n"),
        (["sweep", "-", "--set", "width=1000000"], SPEC),  # too large for memory
        (["sweep", "-", "--out", "/dev/null/x"], SPEC),
        (["sweep", "-", "--fail-on", "x"], SPEC),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_light_command_loads_nothing_heavy(arguments, stdin):
    assert loaded(*arguments, stdin=stdin) == []


@pytest.mark.parametrize("argument", ["--help", "--version"])
def test_help_is_there_at_once(argument):
    assert loaded(argument, heavy=HEAVIER_THAN_HELP) == []


@pytest.mark.parametrize(
    ("arguments", "stdin"),
    [
        (["gain", "tanh", "gelu"], ""),
        (["critical", "silu", "--sigma-b", "0.6"], ""),
        (["phase", "relu6", "--sigma-w", "1:2:3", "--sigma-b", "0.1"], ""),
        (["predict", "-"], SPEC.replace("width: 4", "width: 32")),
        (["recommend", "--activation", "tanh"], ""),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_theory_needs_numpy_and_scipy_only(arguments, stdin):
    assert set(loaded(*arguments, stdin=stdin)) <= {"scipy"}


def test_completion_loads_nothing_heavy():
    code = f"""
import sys
import initlab
from initlab.cli import completion
completion.names("x"), completion.kinds("s"), completion.checks("n"), completion.losses("b")
completion.reductions("m"), completion.rules("t"), completion.tasks("b")
completion.activation_names("g")
sys.exit([name for name in {HEAVY} if name in sys.modules] != [])
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_check_sees_what_a_sweep_loads():
    assert loaded("sweep", "-", "--no-save", stdin=SPEC)[0] == "torch"


def test_the_check_sees_an_import_at_the_top_of_a_command(tmp_path):
    (tmp_path / "sitecustomize.py").write_text("import pandas\n")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import sitecustomize\n"
    done = subprocess.run(
        [sys.executable, "-c", code + RUN.format(heavy=HEAVY), "--version"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stderr.splitlines()[-1] == "loaded: pandas"
