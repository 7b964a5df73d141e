"""How every command behaves in a shell: pipes, terminals, locales, signals, full disks, bugs."""

import contextlib
import csv
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from processes import Command, read_from, run
from typer.testing import CliRunner

from initlab.cli.app import COMMANDS, build

SPEC = """\
name: small
depth: 3
width: 4
activation: [tanh, relu, {name: leaky_relu, negative_slope: 0.25}]
init: [xavier_normal, {scheme: normal, mean: 0.5, std: 2}]
seeds: 2
"""
HELPS = [[], *([name] for name in COMMANDS)]
INITLAB = [sys.executable, "-m", "initlab"]


def process(*arguments, env=None, **options):
    """A command as a process of its own; `env` is laid over this one's environment."""
    return subprocess.run(
        [*INITLAB, *map(str, arguments)],
        **{"capture_output": True, "text": True, "timeout": 120, "check": False, **options},
        env=environment(**(env or {})),
    )


def environment(**changes):
    plain = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLUMNS", "LINES")}
    return {**plain, "TERM": "xterm-256color", **changes}


def bash(script, **options):
    """A line of shell in which $initlab is the command."""
    return subprocess.run(
        ["bash", "-c", script.replace("initlab", " ".join(INITLAB))],
        **{"capture_output": True, "text": True, "timeout": 120, "check": False, **options},
    )


def on_a_terminal(*arguments, columns=80, **env):
    """What a command writes on a terminal of that width, escapes and all, and its exit code."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    started = Command(
        *arguments, cwd=Path.cwd(), terminal=os.ttyname(slave), env=environment(**env)
    )
    chunks = []
    while (ready := select.select([master], [], [], 0.02)[0]) or started.process.is_alive():
        if ready:
            chunks.append(os.read(master, 65536))
    os.close(slave)
    os.close(master)
    return b"".join(chunks).decode().replace("\r\n", "\n"), started.wait()


def plain(text):
    """Text without colours; nothing else may be left of escapes."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


@pytest.fixture
def spec(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "small.yaml"
    path.write_text(SPEC)
    return path


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """A results folder, made once."""
    root = tmp_path_factory.mktemp("shell")
    path = root / "small.yaml"
    path.write_text(SPEC)
    done = CliRunner().invoke(build(), ["sweep", str(path), "--out", str(root), "-q"])
    assert done.exit_code == 0
    return root / "small"


# help -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", HELPS, ids=lambda c: c[0] if c else "initlab")
def test_help_has_an_example_and_fits_80_columns(command):
    done = CliRunner().invoke(build(), [*command, "--help"], env={"COLUMNS": "80"})
    assert (done.exit_code, done.stderr) == (0, "")
    assert max(map(len, done.stdout.splitlines())) <= 80
    examples = [line for line in done.stdout.splitlines() if "Usage:" not in line]
    assert re.search(rf"initlab {command[0] if command else '[a-z]+'}\b", "\n".join(examples))


@pytest.mark.parametrize("command", HELPS, ids=lambda c: c[0] if c else "initlab")
def test_every_line_of_help_survives_a_narrow_terminal(command):
    done = CliRunner().invoke(build(), [*command, "-h"], env={"COLUMNS": "40"})
    assert done.exit_code == 0
    assert max(map(len, done.stdout.splitlines())) <= 40


def test_help_explains_every_exit_code():
    text = process("--help").stdout
    for code in ("0", "1", "2", "3", "74", "130", "141"):
        assert re.search(rf"\b{code}\s+[a-z]", text)


def test_a_command_without_arguments_shows_help():
    done = CliRunner().invoke(build(), [])
    assert "Usage:" in done.output


def test_the_version_is_one_line():
    import initlab

    done = process("--version")
    assert (done.returncode, done.stdout) == (0, f"initlab {initlab.__version__}\n")


def test_an_unknown_command_is_refused():
    done = process("swep")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


# pipes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command",
    ["list", "schema", "list --format json", "describe $(yes tanh | head -3000)", "new", "--help"],
)
def test_a_reader_that_leaves_early_is_no_error(command):
    done = bash(f'initlab {command} | head -1 >/dev/null; echo "${{PIPESTATUS[0]}}"')
    assert done.stdout.strip() in ("0", "141")
    assert done.stderr == ""


def test_a_sweep_whose_reader_leaves_early_is_complete(spec, tmp_path):
    # 1200 rows of layers, each of more than 100 bytes, do not fit the pipe's 64 KiB
    options = ["--set", "depth=100", "--layers", "-q"]
    with read_from() as (pipe, line):
        started = Command("sweep", spec, *options, cwd=tmp_path, stdout=pipe)
        assert line().startswith("run,seed,activation,")
    assert started.wait() == 141
    assert started.stderr() == ""
    assert (tmp_path / "results/small/runs.csv").exists()


def test_a_pipe_gets_csv_and_no_escapes(results, tmp_path):
    _, text, _ = run("show", results, cwd=tmp_path)
    assert text == (results / "runs.csv").read_text()
    _, table, _ = run("show", results, "--format", "table", cwd=tmp_path)
    assert "\x1b" not in table
    assert "leaky_relu(negative_slope=0.25)" in table


@pytest.mark.parametrize("command", ["list", "schema", "new", "describe tanh", "--version", "-h"])
def test_a_full_disk_behind_stdout_ends_in_74(command):
    done = bash(f"initlab {command} >/dev/full")
    assert done.returncode == 74
    assert "No space left" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["list", "schema", "new", "describe tanh", "--version", "-h"])
def test_a_closed_stdout_is_no_bug(command):
    done = bash(f"initlab {command} >&-")
    assert done.returncode == 0
    assert done.stderr == ""


def test_a_closed_stderr_does_not_end_a_command():
    done = bash("initlab list schemes 2>&-")
    assert done.returncode == 0
    assert done.stdout.startswith("kind,name,")
    assert bash("initlab sweep none.yaml 2>&-").returncode == 2


# what is said, and cannot be --------------------------------------------------------------------

WORDLESS = [
    ("list schemes", 0), ("sweep none.yaml", 2), ("sweep small.yaml -q --set depth=x", 2),
    ("swep", 2), ("list --nosuch", 2), ("loss -n bce -i 2 -t 1", 2), ("sweep small.yaml", 0),
    ("sweep small.yaml --fail-on nan,steady", 2), ("sweep small.yaml --fail-on vanishing", 1),
]  # fmt: skip


@pytest.mark.parametrize(("command", "code"), WORDLESS, ids=[c for c, _ in WORDLESS])
def test_words_that_cannot_be_said_change_no_exit_code(spec, command, code):
    spec.write_text(SPEC + "thresholds: {vanishing: 0.9}\n")
    found, stdout, _ = run(*command.split(), cwd=spec.parent, stderr="/dev/full")
    assert found == code
    assert found == run(*command.split(), cwd=spec.parent)[0]
    if command.startswith("sweep") and code != 2:
        runs = (spec.parent / "results/small/runs.csv").read_text()
        assert stdout == runs
        assert runs.count(",ok,") == 12


def halted(command, path):
    """The command, stopped when its sweep has a journal."""
    assert command.until(lambda: (path / "journal.sqlite-wal").exists())
    command.send(signal.SIGSTOP)
    return command


def test_a_reader_of_stderr_that_leaves_changes_nothing(spec, tmp_path):
    path = tmp_path / "results/small"
    with read_from() as (pipe, _):
        started = halted(Command("sweep", spec, cwd=tmp_path, stderr=pipe), path)
    started.send(signal.SIGCONT)  # the progress line comes when nobody reads any more
    assert started.wait() == 0
    assert started.stdout() == (path / "runs.csv").read_text()


def test_a_terminal_that_vanishes_loses_nothing(spec, tmp_path):
    master, slave = pty.openpty()
    command = Command("sweep", spec, cwd=tmp_path, terminal=os.ttyname(slave))
    started = halted(command, tmp_path / "results/small")
    os.close(slave)
    os.close(master)  # it is not the session's controlling terminal: nobody sends SIGHUP
    started.send(signal.SIGCONT)
    assert started.wait() == 74  # the table could not be shown
    assert (tmp_path / "results/small/runs.csv").read_text().count(",ok,") == 12


def test_a_hangup_is_heard_and_what_is_done_is_published(spec, tmp_path):
    spec.write_text(LONG)
    path = tmp_path / "results/small"
    started = halted(Command("sweep", spec, "--jobs", 1, cwd=tmp_path), path)
    started.send(signal.SIGHUP)
    started.send(signal.SIGCONT)
    assert started.wait() == 129
    assert "stopped by SIGHUP" in started.stderr()
    runs = (path / "runs.csv").read_text()
    assert runs.count(",interrupted,") > 0
    assert runs.count("\n") == 601


# what others wrote --------------------------------------------------------------------------------

CONTROL = "\x1b]0;T\a\x1b[2J\x9b31m\u202e"  # a title, an empty screen, red, and backwards
IN_YAML = r'"\e]0;T\a\e[2J\x9b31m\u202E"'


def assert_harmless(text):
    hidden = [c for c in text if not c.isprintable() and c not in "\n"]
    assert not hidden
    assert "\\x1b[2J" in re.sub(r"\\([^\w\s])", r"\1", text)  # shown, but for Markdown's escapes


@pytest.mark.parametrize("format_", ["table", "md"])
def test_what_a_spec_says_cannot_command_a_terminal(spec, format_):
    spec.write_text(SPEC + f"about: {IN_YAML}\n")
    done = CliRunner().invoke(build(), ["sweep", str(spec), "-q", "--format", format_])
    assert done.exit_code == 0
    folders = ["results/small"] * 2  # Markdown has titles where there are several
    shown = CliRunner().invoke(build(), ["show", *folders, "--format", format_])
    assert_harmless(shown.stdout)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["sweep", "x.yaml"], SPEC + f"{IN_YAML}: 3\n"),
        (["sweep", "x.yaml"], SPEC + f"loss: {IN_YAML}\n"),
        (["sweep", "x.yaml"], SPEC + f"input: {{name: file, path: {IN_YAML}}}\n"),
        (["sweep", f"{CONTROL}.yaml"], ""),
        (["sweep", "x.yaml", "--set", f"{CONTROL}=3"], SPEC),
        (["sweep", "x.yaml", "--out", f"x.yaml/{CONTROL}"], SPEC),
        (["show", CONTROL], ""),
        (["list", CONTROL], ""),
        (["describe", CONTROL], ""),
        ([CONTROL], ""),
        (["list", f"--{CONTROL}"], ""),
        (["list", "schemes", CONTROL], ""),
        (["new", f"none/{CONTROL}"], ""),
        (["loss", "-n", "bce", "-i", CONTROL, "-t", "1"], ""),
        (["loss", "-n", "bce", "-i", "x.yaml", "-t", "1"], json.dumps({CONTROL: 1, "b": 2})),
        (["loss", "-n", "bce", "-i", "1", "-t", "1", "-o", f"{CONTROL}=3"], ""),
        (["loss", "-n", CONTROL], ""),
    ],
)
def test_no_message_can_command_a_terminal(spec, arguments, text):
    Path("x.yaml").write_text(text)
    done = CliRunner().invoke(build(), arguments)
    assert done.exit_code == 2
    assert_harmless(done.stderr)


# terminals --------------------------------------------------------------------------------------

CELLS = [
    "leaky_relu(negative_slope=0.25)",
    "normal(mean=0.5, std=2)",
    "xavier_normal",
    "relu",
    "tanh",
]


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_a_table_fits_the_terminal_and_cuts_no_cell(results, columns):
    text, code = on_a_terminal("show", results, columns=columns)
    assert code == 0
    shown = plain(text)
    assert "\x1b" not in shown
    assert max(map(len, shown.splitlines())) <= columns
    assert "…" not in shown
    for cell in CELLS:
        for part in re.split(r"(?=\()|(?<=,) ", cell):  # parameters may stand below the name
            assert part in shown
    words = " ".join(shown.split())
    remarks = len(re.findall(r"xavier_normal\S* seed \d", words))  # below the table
    assert words.count("xavier_normal") - remarks == 3


def test_columns_decides_over_the_terminal(results):
    text, _ = on_a_terminal("show", results, columns=200, COLUMNS="40")
    assert max(map(len, plain(text).splitlines())) <= 40


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_a_list_fits_the_terminal_and_cuts_no_name(columns):
    text, code = on_a_terminal("list", "schemes", columns=columns)
    assert code == 0
    shown = plain(text)
    assert max(map(len, shown.splitlines())) <= columns
    assert "…" not in shown
    for name in ("kaiming_uniform", "torch_default", "nonlinearity=leaky_relu"):
        assert name in shown


@pytest.mark.parametrize(("columns", "env", "width"), [(40, {}, 40), (100, {"COLUMNS": "60"}, 60)])
def test_a_description_fits_the_terminal_under_a_title_in_colour(columns, env, width):
    text, code = on_a_terminal("describe", "gain", columns=columns, **env)
    assert code == 0
    title, *lines = text.rstrip("\n").splitlines()
    assert (plain(title), title[:1]) == ("gain (word)", "\x1b")
    assert "\x1b" not in "".join(lines)
    assert max(map(len, lines)) in range(width - 12, width + 1)
    assert all(line.startswith("  ") for line in lines)


def test_a_terminal_shows_colours_unless_told_not_to(results):
    colours = r"\x1b\[[0-9;]*3[0-9][;m]"
    assert re.search(colours, on_a_terminal("show", results)[0])
    assert not re.search(colours, on_a_terminal("show", results, NO_COLOR="1")[0])


def test_a_dumb_terminal_gets_no_escapes(results):
    text, code = on_a_terminal("show", results, TERM="dumb")
    assert code == 0
    assert "\x1b" not in text
    assert "xavier_normal" in text


EXPLAINED = ("loss", "-n", "ce", "-i", "[[1,2,3],[3,1,2]]", "-t", "[0,2]", "--explain")


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_an_explained_loss_fits_the_terminal_and_its_titles_are_coloured(columns):
    text, code = on_a_terminal(*EXPLAINED, columns=columns)
    assert code == 0
    # the longest word of a view is a line of Python
    wide = [line for line in plain(text).splitlines() if len(line) > min(columns, 80)]
    assert all(re.match("  (loss|input) = ", line) for line in wide)
    coloured = [line for line in text.splitlines() if "\x1b" in line]
    assert [plain(line) for line in coloured] == [
        line for line in plain(text).splitlines() if not line.startswith(" ")
    ]
    assert "CONTRACT" in map(plain, coloured)


def test_a_process_of_its_own_explains_as_wide_as_its_terminal():
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 40, 0, 0))
    command = [sys.executable, "-m", "initlab", *EXPLAINED]
    with subprocess.Popen(command, stdin=slave, stdout=slave, env=environment()) as started:
        os.close(slave)
        written = b""
        while select.select([master], [], [], 60)[0]:
            try:
                written += os.read(master, 65536)
            except OSError:  # the other end is closed
                break
    os.close(master)
    lines = plain(written.decode().replace("\r\n", "\n")).splitlines()
    assert started.returncode == 0
    assert lines[0] == "CONTRACT"
    assert all(len(line) <= 40 or line.startswith("  loss = ") for line in lines)


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_an_explained_loss_without_colours_is_that_of_a_pipe(env):
    text, code = on_a_terminal(*EXPLAINED, **env)
    done = CliRunner().invoke(build(), EXPLAINED)
    assert code == done.exit_code == 0
    assert text == done.stdout


def test_a_sweep_on_a_terminal_cleans_up_its_progress(spec):
    text, code = on_a_terminal("sweep", spec, "--no-save")
    assert code == 0
    # transient: what is left under the progress bar is the table
    assert "small: 3 activation x 2 init x 2 seeds = 12 runs" in text
    assert re.search(r"\d % .*━", text)
    assert "xavier_normal" in text.rpartition("━ ")[2]


def test_a_sweep_on_a_dumb_terminal_is_readable(spec):
    text, code = on_a_terminal("sweep", spec, "--no-save", TERM="dumb")
    assert code == 0
    assert "\x1b" not in text


# locales ----------------------------------------------------------------------------------------

ASCII = [
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    {"PYTHONIOENCODING": "ascii"},
]


@pytest.mark.parametrize("env", ASCII, ids=["LC_ALL=C", "PYTHONIOENCODING=ascii"])
@pytest.mark.parametrize(
    "command",
    [["sweep", "-h"], ["list", "--format", "table"], ["describe", "tanh", "gelu"], ["schema"]],
    ids=lambda c: c[0],
)
def test_everything_of_our_own_can_be_said_in_ascii(command, env):
    done = process(*command, env=env)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.isascii()


def test_results_are_shown_in_ascii(results):
    table = process("show", results, "--format", "table", env=ASCII[1]).stdout
    assert table.isascii()
    assert "xavier_normal" in table


def test_text_of_the_user_is_shown_as_well_as_ascii_can(spec):
    spec.write_text(SPEC + "about: café ∞\n", encoding="utf-8")
    for command in (
        ["sweep", spec, "-q", "--format", "table"],
        ["show", "results/small", "--format", "md"],
        ["show", "results/small"],
    ):
        done = process(*command, env=ASCII[1])
        assert done.returncode == 0, done.stderr
        assert "xavier_normal" in done.stdout


@pytest.mark.parametrize("env", ASCII, ids=["LC_ALL=C", "PYTHONIOENCODING=ascii"])
def test_an_error_about_other_letters_is_told_in_ascii(spec, env):
    spec.write_text("größe: 3\n", encoding="utf-8")
    done = process("sweep", spec, env=env)
    assert done.returncode == 2
    assert done.stderr.isascii()
    assert ":1:1: gr\\xf6\\xdfe: " in done.stderr


# Ctrl-C -----------------------------------------------------------------------------------------

LONG = SPEC.replace("seeds: 2", "seeds: 100").replace("depth: 3", "depth: 200")


def interrupted(*arguments):
    """A sweep that gets Ctrl-C when its progress on a terminal is past 1 %."""
    master, slave = pty.openpty()
    tty = os.ttyname(slave)
    started = Command("sweep", *arguments, "--jobs", 1, cwd=Path.cwd(), stderr=tty)
    words, sent = b"", False
    while not sent and select.select([master], [], [], 60)[0]:
        words += os.read(master, 65536)
        if re.search(rb"\b[1-9][0-9]? %", words):
            started.send(signal.SIGINT)
            sent = True
    assert sent
    os.close(slave)
    with contextlib.suppress(OSError):  # EIO: nobody has the terminal open any more
        while select.select([master], [], [], 60)[0]:
            words += os.read(master, 65536)
    os.close(master)
    return started.wait(), started.stdout(), words.decode()


def test_ctrl_c_keeps_what_is_done_and_exits_130(spec, tmp_path):
    spec.write_text(LONG)
    code, stdout, words = interrupted(spec)
    assert code == 130
    assert stdout == ""
    assert "Traceback" not in words
    with (tmp_path / "results/small/runs.csv").open(newline="") as file:
        runs = list(csv.DictReader(file))
    done = [run for run in runs if run["status"] == "ok"]
    assert len(runs) == 600
    assert 0 < len(done) < 600
    assert {run["status"] for run in runs} == {"ok", "interrupted"}
    assert all(run["std_last"] for run in done)
    assert not any(run["std_last"] for run in runs if run["status"] == "interrupted")
    assert f"{len(done)} of 600 runs were finished, kept in results/small" in plain(words)
    with (tmp_path / "results/small/layers.csv").open(newline="") as file:
        assert len({row["run"] for row in csv.DictReader(file)}) == len(done)


def test_ctrl_c_without_saving_leaves_nothing(spec, tmp_path):
    spec.write_text(LONG)
    code, stdout, words = interrupted(spec, "--no-save")
    assert (code, stdout) == (130, "")
    assert "not saved" in plain(words)
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".out"] == ["small.yaml"]


def test_ctrl_c_in_any_command_exits_130(monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("initlab.cli.descriptions.described", stop)
    done = CliRunner().invoke(build(), ["describe", "tanh"])
    assert done.exit_code == 130
    assert done.stderr == "initlab: interrupted\n"


# bugs -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error", [RuntimeError("boom"), KeyError("boom"), RecursionError("boom"), ValueError("boom")]
)
def test_a_bug_exits_3_and_shows_where(spec, monkeypatch, error):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr("initlab.spec.expand.make", fail)
    done = CliRunner().invoke(build(), ["sweep", str(spec)])
    assert done.exit_code == 3
    assert "Traceback" in done.stderr
    assert "boom" in done.stderr
    assert "a bug in initlab" in done.stderr


def test_an_unreadable_file_inside_a_command_is_not_blamed_on_stdout(spec, monkeypatch):
    def fail(*_, **__):
        raise FileNotFoundError(2, "No such file or directory", "some/file")

    monkeypatch.setattr("initlab.spec.expand.make", fail)
    done = CliRunner().invoke(build(), ["sweep", str(spec)])
    assert done.exit_code == 2
    assert "some/file: No such file" in done.stderr.splitlines()[-1]
