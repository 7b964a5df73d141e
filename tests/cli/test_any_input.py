"""No input is a bug: whatever a command is given, it ends with a message or a result."""

import json
import os
import shutil

import numpy as np
import pytest
import torch
import typer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from initlab.catalog import ACTIVATIONS, INPUTS, LOSSES, SCHEMES
from initlab.catalog.values import flag
from initlab.cli.app import build

CASES = int(os.environ.get("INITLAB_CASES", "1000"))
APP = build()
COMMANDS = typer.main.get_command(APP).commands
EXIT_CODES = {0, 1, 2, 74}

SPEC = "depth: 2\nwidth: 3\nactivation: tanh\ninit: he\nbatch: 2\nband: 0\n"
RECORD = {"input": [0.2, 0.8], "target": [0, 1]}
#: text that no program expects; some of it is a number, an option, or a command to a terminal
WEIRD = [
    "", " ", "-", "--", "-1", "0", "1", "2", "007", "1_0", "1e3", "1e-400", "1e400", "nan", "-inf",
    "9" * 400, "9" * 5000, "0x1f", "\uff11", "null", "true", "~", "é∞💥", "a" * 300, "\x1b[2J\a",
    "\udcff", "\u202e", "a/b", "../x", ".", "..", "*", "%s%n", "{0}", "'", '"', "=", "a=b", "a=",
    "[", "[]", "[[]]", "[1,[2]]", "[" * 5000, "[.5," * 5000, "{", "{}", '{"a":1}', "1,,2",
    '{"a":1,"a":2}', "[1e999]", "[null]", '["x"]', f"[{'9' * 400}]", f"[{'9' * 5000}]", "1,2",
    "1:2:3", "2:1:3", "0:1:9999999", ":::", "1/2", "0/0", "3/2", "&a [*a]", "!!binary x", "\n",
    "/dev/null", "/dev/full", "/dev/zero", "/proc/self/status", "/proc", "/none", "foo://x",
]  # fmt: skip
FILES = [
    "good.yaml", "bad.yaml", "empty", "bytes", "deep.json", "twice.json", "records.jsonl", "x.npy",
    "x.npz", "x.pt", "huge.npy", "huge.pt", "folder", "results/good", "results/broken", "none",
    "x.npz:input", "x.npz:x", "x.pt:0", "none:x", "twice.json:input.0", "table.csv", "names.txt",
]  # fmt: skip
NUMBERS = [
    "0.2,0.8", "[0.2,0.8]", "[[1,2],[3,4]]", "[0,1]", "1", "0", "[1]", "[-1,1]", "[nan,1]",
    "tensor([0.2, 0.8])", "[1. 2.]", "[1 ... 2]", "(1, 2", "cat,dog",
]  # fmt: skip
SETTINGS = [
    "depth=1", "depth=[1,2]", "depth=0", "width=2", "width=1e9", "seeds=2", "seeds=[0,0]",
    "band=20", "band=1", "name=other", "name=a/b", "about=\x1b[2J", "init.gain=2", "batch=3",
    "init.0.gain=2", "x.y.z=1", "shape=[3,2]", "shape=3", "dtype=float16", "record=forward",
    "draws=script", "bias={std: 1}", "input=correlated", "thresholds={vanishing: 2}", "cases=1",
    "cases=[{depth: 1}, {}]", "activation=[gelu, relu]", "init={scheme: normal, std: 1e300}",
    *(f"input={{name: file, path: {of}}}" for of in ("x.npy", "huge.npy", "folder", "/dev/zero")),
    *(f"loss={name}" for name in LOSSES),
]  # fmt: skip
NAMES = [*ACTIVATIONS, *SCHEMES, *LOSSES, *INPUTS]
OPTIONS = ["margin=0.5", "weight=[1,2]", "delta=-1", "weight=x.npy", "reduction=mean", "p=2"]
#: what an option or argument of this name may be given beside what is weird
POOLS = {
    **dict.fromkeys(("folders", "parts", "folder"), FILES),
    **dict.fromkeys(("name", "names"), NAMES),
    **dict.fromkeys(("p", "q"), NUMBERS),
    "specs": ["good.yaml", "good.yaml", *FILES],
    "set_": SETTINGS,
    "file": [*FILES, "new.yaml"],
    "out": ["results", *FILES],
    "run": ["0", "1", "99"],
    "activation": [*ACTIVATIONS],
    "kind": ["schemes", "losses"],
    "option": OPTIONS,
    "jsonl": ["-", "records.jsonl", *FILES],
    "classes": ["cat,dog", "cat,cat", ",", "0,1"],
    "target_map": ["{0: -1}", "0:1", "{0: 1, 0: 2}"],
    "sigma_w": ["0.5:2:3", "1.5"],
    "sigma_b": ["0:1:2", "0.1"],
    "param": ["negative_slope=0.2", "alpha=1"],
    "fail_on": ["nan", "forward.vanishing,nan", "x"],
    "part": ["1/2", "2/1"],
    "class_dim": ["-1", "0", "7"],
    "reduction": ["all", "sum", "none"],
    "allow": ["non-finite", "shape-broadcast"],
    "width": ["1", "4", "256"],
    "depth": ["1", "3"],
    "engine": ["threads"],
    "input_": ["4x3", "x=4x3", "tokens:5:4x3", "@x.npy", "@x.pt", "@huge.npy", "n=3", "4x0"],
    "kwargs": ["{width: 4}", "{width: x}", "{depth: 1}"],
    "batch": ["batch", "number", "none"],
    "loss": ["cross_entropy", "mse", "model", "none"],
    "loss_target": ["tokens:2:4", "4x2"],
    "select": ["dead-units", "x,dead-units"],
    "seeds": ["1", "2"],
    "checkpoint": ["x.pt", *FILES],
}
#: options that start processes or compute for long, or write where nobody cleans up
LEFT_OUT = {"scheduler", "verify", "install_completion", "show_completion", "help"}
TWICE = '{"input":[1],"target":[1],"input":[5]}\n{}\n'
NET = """\
import torch
from torch import nn
def build(width=3): return nn.Sequential(nn.Linear(3, width), nn.ReLU(), nn.Linear(width, 2))
def batch(): return torch.randn(4, 3)
def raises(): raise ValueError("\\x1b[2J")
number = 3
"""
STDIN = ["", SPEC, json.dumps(RECORD), "[1,2]", "\x00\xff", TWICE, f'{{"input":[{"9" * 5000}]}}']


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A folder of files: sound ones, broken ones, and such as claim to be larger than memory."""
    root = tmp_path_factory.mktemp("world")
    texts = {
        "good.yaml": SPEC, "bad.yaml": "depth: [1\nwidth: \x1b", "empty": "",
        "deep.json": "[" * 100_000, "table.csv": "a b\n.2 .8\n", "names.txt": "dog\ncat\n",
        "net.py": NET, "twice.json": '{"input": [1], "input": [2]}',
        "records.jsonl": f"{json.dumps(RECORD)}\n[\n",
    }  # fmt: skip
    for name, text in texts.items():
        (root / name).write_text(text)
    (root / "bytes").write_bytes(bytes(range(256)))
    np.save(root / "x.npy", np.ones((2, 3)))
    np.savez(root / "x.npz", input=np.ones(2), target=np.ones(2))
    torch.save(torch.ones(2), root / "x.pt")
    torch.save(torch.as_strided(torch.ones(1), (100_000, 100_000), (0, 0)), root / "huge.pt")
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (9999999999,), }"
    padded = header.ljust(117) + b"\n"
    (root / "huge.npy").write_bytes(
        b"\x93NUMPY\x01\x00" + len(padded).to_bytes(2, "little") + padded
    )
    (root / "folder").mkdir()
    done = CliRunner().invoke(
        APP, ["sweep", str(root / "good.yaml"), "--out", str(root / "results")]
    )
    assert done.exit_code == 0
    shutil.copytree(root / "results/good", root / "results/broken")
    (root / "results/broken/journal.sqlite").write_bytes(b"SQLite format 3\x00" + bytes(999))
    return root


def values(parameter):
    """What an option or argument may be given: of its kind, of its name, or anything."""
    choices = [*getattr(parameter.type, "choices", ())]
    if choices and parameter.name != "engine":
        return st.sampled_from([*choices, *choices, "none"])  # others never come to the command
    return some_of(POOLS.get(parameter.name, ("1", "2")))


def some_of(known):
    return st.sampled_from(known) | st.sampled_from(known) | st.sampled_from(WEIRD)


@st.composite
def command_lines(draw, names):
    """A command with some of its options; every command and option is asked for by its record."""
    command = COMMANDS[draw(st.sampled_from(names))]
    given = [p for p in command.params if p.name not in {*LEFT_OUT, *OPERANDS}]
    options = [p for p in given if p.param_type_name == "option"]
    line = [command.name, *draw(NEEDED.get(command.name, st.just([])))]
    some = st.lists(st.sampled_from(options), max_size=3, unique=True) if options else st.just([])
    for option in draw(some):
        line.append(draw(st.sampled_from(option.opts)))
        if not option.is_flag:
            line.append(draw(values(option)))
    for argument in (p for p in given if p.param_type_name == "argument"):
        least, most = (0, 2) if argument.nargs == -1 else (int(argument.required), 1)
        count = 0 if argument.hidden else draw(st.integers(least, most))
        line += [draw(values(argument)) for _ in range(count)]
    return line


@st.composite
def losses(draw):
    """A loss with its operands, and options under any name."""
    record = LOSSES[draw(st.sampled_from([*LOSSES]))]
    line = ["-n", record.name]
    for operand in record.operands:
        if not (operand.optional and draw(st.booleans())):
            line += [flag(operand.name), draw(some_of([*NUMBERS, *NUMBERS, *FILES]))]
    for parameter in record.parameters:
        if draw(st.integers(0, 4)) == 0:
            line += ["-o", f"{parameter.name}={draw(some_of(['0.5', '1', '[1,2]', 'x.npy']))}"]
    return line


OPERANDS = {name for record in LOSSES.values() for name in record.names} | {"input", "inputs"}
TARGETS = ["net.py:build", "net.py:raises", "net.py:number", "net.py:none", "net:build", "net.py"]
#: what a command cannot do without
NEEDED = {
    "loss": losses() | st.just(["-n", "bce", "--jsonl", "-"]) | st.just([]),
    "sweep": st.just(["--no-save"]) | st.just([]),
    "gain": st.just(["tanh"]),  # of all of them takes long
    "recommend": st.just(["--activation", "tanh"]) | st.just([]),
    "entropy": st.just(["--p", "0.5,0.5"]) | st.just([]),
    "probe": st.just(["net.py:build", "--input", "4x3"])
    | st.just(["net.py:build", "--batch", "batch", "--seeds", "1"])
    | some_of([*TARGETS, *FILES]).map(lambda target: [target, "--input", "4x3"]),
}
#: commands, and their share of the cases
GROUPS = {
    "loss": (["loss", "loss", "loss", "entropy"], 0.4),
    "probe": (["probe"], 0.05),
    "sweep": (["sweep", "sweep", "sweep", "predict", "new"], 0.2),
    "folders": (["show", "plot", "report", "status", "verify", "rerun", "export", "merge"], 0.25),
    "catalog": (["list", "describe", "gain", "critical", "phase", "recommend", "schema"], 0.1),
}


def test_every_command_is_in_a_group():
    assert {*COMMANDS} == {name for names, _ in GROUPS.values() for name in names}


@pytest.mark.parametrize("group", GROUPS)
def test_no_input_is_a_bug(world, tmp_path_factory, group):
    names, share = GROUPS[group]

    @settings(
        max_examples=round(share * CASES), deadline=None, derandomize=True, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(command_lines(names), st.sampled_from(STDIN))
    def holds(line, stdin):
        done = CliRunner().invoke(APP, line, input=stdin)
        assert done.exit_code in EXIT_CODES, (line, done.stderr)
        assert "Traceback" not in done.stderr, line
        if done.exit_code == 2:
            assert done.stderr.strip(), line

    copy = tmp_path_factory.mktemp(group) / "world"
    shutil.copytree(world, copy)
    before = os.getcwd()  # noqa: PTH109
    os.chdir(copy)
    try:
        holds()
    finally:
        os.chdir(before)
