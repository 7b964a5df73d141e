"""Light commands stay light: they load neither torch nor pandas."""

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.xdist_group("loaded")  # every command is run once, for all of these

HEAVY = ["torch", "pandas", "altair", "scipy"]
HEAVIER_THAN_HELP = [*HEAVY, "numpy", "pydantic", "yaml"]
WATCHED = [*HEAVIER_THAN_HELP, "rich"]  # which typer draws help with
#: runs commands, each in a fork of a process that has loaded the application and no more
RUN = """
import json, os, sys
from initlab.cli.app import main
for arguments, stdin in json.loads(sys.argv[1]):
    if os.fork():
        os.wait()
        continue
    answer, (source, sink) = os.dup(1), os.pipe()
    os.write(sink, stdin.encode())
    os.close(sink)
    os.dup2(source, 0)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.argv = ["initlab", *arguments]
    try:
        main()
    finally:
        loaded = [name for name in HEAVY if name in sys.modules]
        os.write(answer, (json.dumps(loaded) + "\\n").encode())
        os._exit(0)
"""
SPEC = "depth: 3\nwidth: 4\nactivation: tanh\ninit: kaiming_normal\n"
LIGHT = [
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
    (["plot", "--help"], ""),
    (["plot"], ""),
    (["plot", "none", "-o", "x.gif"], ""),
    (["sweep", "none.yaml"], ""),
    (["sweep", "-"], "depth: -3\n"),
    (["sweep", "-"], SPEC + "bias: {std: -1}\n"),
    (["sweep", "-", "--dry-run"], SPEC),
    (["sweep", "-", "--max-runs", "1"], SPEC + "seeds: 2\n"),
    (["sweep", "-", "--set", "width=1000000"], SPEC),  # too large for memory
    (["sweep", "-", "--out", "/dev/null/x"], SPEC),
    (["sweep", "-", "--fail-on", "x"], SPEC),
]
THEORY = [
    (["gain", "tanh", "gelu"], ""),
    (["critical", "silu", "--sigma-b", "0.6"], ""),
    (["phase", "relu6", "--sigma-w", "1:2:3", "--sigma-b", "0.1"], ""),
    (["predict", "-"], SPEC.replace("width: 4", "width: 32")),
    (["recommend", "--activation", "tanh"], ""),
]
SWEEP = (["sweep", "-", "--no-save"], SPEC)


def loaded(commands, before=""):
    """The heavy modules that each command has loaded when it ends."""
    code = f"{before}HEAVY = {WATCHED}\n{RUN}"
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(commands)],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(found) == len(commands), done.stderr
    return found


@pytest.fixture(scope="module")
def modules():
    """What every command here loads, by its arguments and what it reads."""
    commands = [*LIGHT, *THEORY, SWEEP]
    return {
        (*arguments, stdin): names
        for (arguments, stdin), names in zip(commands, loaded(commands), strict=True)
    }


@pytest.mark.parametrize(
    ("arguments", "stdin"),
    LIGHT,
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_light_command_loads_nothing_heavy(modules, arguments, stdin):
    assert set(modules[*arguments, stdin]).isdisjoint(HEAVY)


@pytest.mark.parametrize("argument", ["--help", "--version"])
def test_help_is_there_at_once(modules, argument):
    assert {*modules[argument, ""]}.isdisjoint(HEAVIER_THAN_HELP)


@pytest.mark.parametrize(
    ("arguments", "stdin"),
    THEORY,
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_theory_needs_numpy_and_scipy_only(modules, arguments, stdin):
    assert {*modules[*arguments, stdin]} & {*HEAVY} <= {"scipy"}


def test_completion_loads_nothing_heavy():
    code = f"""
import sys
import initlab
from initlab.cli import completion
completion.names("x"), completion.kinds("s"), completion.checks("n"), completion.losses("b")
completion.reductions("m"), completion.rules("t"), completion.tasks("b")
completion.activation_names("g"), completion.settings("init."), completion.settings("dtype=")
sys.exit([name for name in {HEAVY} if name in sys.modules] != [])
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_check_sees_what_a_sweep_loads(modules):
    arguments, stdin = SWEEP
    assert modules[*arguments, stdin][0] == "torch"


def test_a_sweep_into_a_pipe_needs_nothing_that_draws_tables(modules):
    arguments, stdin = SWEEP
    assert {"pandas", "altair", "rich"}.isdisjoint(modules[*arguments, stdin])


def test_the_check_sees_an_import_at_the_top_of_a_command():
    ((*names,),) = loaded([(["--version"], "")], before="import pandas\n")
    assert "pandas" in names
