"""`initlab plot`: what it draws, what it writes, and what it refuses."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios

import numpy as np
import pytest
from commands import SPEC, initlab

from initlab.cli import figures
from initlab.report.figure import Axis, Figure, Line, Panel

BLOCK = "import sys\nsys.modules[{0!r}] = None\nfrom initlab.cli.app import main\nmain()"


@pytest.fixture(scope="module")
def kept(swept_once):
    """A folder of results, never written to."""
    return swept_once / "results/kept"


def test_in_a_pipe_it_draws_characters_without_escapes(kept):
    done = initlab("plot", kept, "--color", "activation")
    assert done.exit_code == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "kept: std by layer"
    assert "std, log scale" in lines
    assert "+ tanh   x relu_squared" in done.stdout
    assert "\x1b" not in done.stdout
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("option", ["-o", "--out"])
def test_a_file_is_of_the_kind_that_its_ending_says(kept, tmp_path, option):
    done = initlab("plot", kept, option, tmp_path / "std.SVG", "--title", "a title of mine")
    assert done.exit_code == 0, done.stderr
    assert done.stdout == ""
    assert done.stderr == f"wrote {tmp_path}/std.SVG\n"
    text = (tmp_path / "std.SVG").read_text()
    assert text.startswith("<svg ")
    assert "a title of mine" in text
    assert [path.name for path in tmp_path.iterdir()] == ["std.SVG"]


@pytest.mark.parametrize(
    ("arguments", "message", "fix"),
    [
        ([], "needs one of FOLDER, --loss, --entropy, --phase and --activation; none was given",
         "initlab plot results/xavier_tanh"),
        (["{kept}", "--entropy"], "FOLDER and --entropy were given", "initlab plot results"),
        (["--loss", "l1", "--phase", "tanh"], "--loss and --phase were given", "initlab plot"),
        (["--entropy", "--y", "std"], "--y needs a results folder", "initlab plot results/"),
        (["{kept}", "-o", "x.gif"], "-o x.gif: ends in none of png, svg, pdf, html", "-o x.png"),
        (["{kept}", "-o", "x.pgn"], "-o x.pgn: ends in none of", "-o x.png"),
        (["{kept}", "-o", "x.htm"], "-o x.htm: ends in none of", "-o x.html"),
        (["{kept}", "-o", ".png"], "-o .png: ends in none of", "-o std.png"),
        (["{kept}", "-o", "/dev/null"], "-o /dev/null: ends in none of", "-o std.png"),
        (["{kept}", "-o", "x"], "-o x: ends in none of", "-o x.png"),
        (["{kept}", "-o", "-"], "-o -: ends in none of png, svg, pdf, html", "-o std.png"),
        (["{kept}", "-o", "."], "-o .: is a folder", "-o std.png"),
        (["{kept}", "-o", "none/x.png"], "there is no folder none", "mkdir -p none"),
        (["{kept}", "--y", "strd"], "unknown column of layers.csv 'strd'; did you mean std",
         "initlab list statistics"),
        (["{kept}", "--y", "std_last"], "unknown column of layers.csv 'std_last'; did you mean std",
         "--y std"),
        (["{kept}", "--y", "grad_std_first"], "'grad_std_first'; did you mean grad_std?",
         "--y grad_std"),
        (["{kept}", "--y", "forward_ratio"], "unknown column of layers.csv 'forward_ratio'",
         "--heat sigma_w,depth --value forward_ratio"),
        (["{kept}", "--color", "activaton"], "unknown field of the spec 'activaton'; did you",
         "--color activation"),
        (["{kept}", "--heat", "depth,init.std"], "a heat map needs --value, too", "--value"),
        (["{kept}", "--value", "std_last"], "a heat map needs --heat, too", "--heat"),
        (["{kept}", "--heat", "a,b", "--value", "c", "--y", "std"], "--y is of curves", "leave"),
        (["none"], "none: no such folder", "initlab sweep configs/xavier_tanh.yaml"),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn_is_one_message_and_one_fix(kept, arguments, message, fix):
    done = initlab("plot", *(a.format(kept=kept) for a in arguments))
    assert done.exit_code == 2
    assert done.stdout == ""
    assert message in done.stderr
    assert done.stderr.splitlines()[-1].startswith(f"  fix: {fix}")


@pytest.mark.parametrize("option", ["--color", "--facet"])
def test_the_last_part_of_a_field_will_do(kept, option):
    done = initlab("plot", kept, option, "gain")
    assert done.exit_code == 0, done.stderr
    assert done.stdout == initlab("plot", kept, option, "init.gain").stdout


@pytest.mark.parametrize(
    ("module", "arguments"), [("uniplot", ""), ("altair", "-o x.png"), ("vl_convert", "-o x.svg")]
)
def test_without_the_extra_it_says_what_installs_it(kept, tmp_path, module, arguments):
    command = [sys.executable, "-c", BLOCK.format(module), "plot", str(kept), *arguments.split()]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 2
    assert done.stderr == (
        f"initlab: a picture needs the package {module}, which is not installed\n"
        "  fix: pip install 'initlab[plot]'\n"
    )


def test_each_kind_of_theory_is_drawn_by_its_own_function(monkeypatch):
    line = Line("a", np.arange(3.0), np.arange(3.0))
    panel = Panel("", Axis("x"), Axis("y"), (line,))
    for kind, option in (
        ("losses", ["--loss", "l1,mse"]),
        ("entropy", ["--entropy"]),
        ("phase", ["--phase", "tanh"]),
        ("activations", ["--activation", "gelu"]),
    ):
        built = Figure(f"{kind} of test", (panel,))
        monkeypatch.setattr(figures, kind, lambda *_, built=built: built)
        assert initlab("plot", *option).stdout.startswith(f"{kind} of test\n")


def test_sweep_draws_below_its_table(tmp_path):
    (tmp_path / "s.yaml").write_text(SPEC.replace("seeds: 4", "seeds: 1"))
    done = initlab("sweep", tmp_path / "s.yaml", "--no-save", "--format", "table", "--plot")
    assert done.exit_code == 0, done.stderr
    table, picture = done.stdout.split("\nkept: std by layer\n")
    assert "relu_squared" in table
    assert "layer" in picture


@pytest.mark.parametrize("command", ["sweep", "show"])
def test_data_is_not_mixed_with_a_picture(kept, command):
    what = kept if command == "show" else kept.parent.parent / "kept.yaml"
    done = initlab(command, what, "--plot")
    assert done.exit_code == 2
    assert "--plot draws below a table, and the output is csv" in done.stderr
    assert done.stdout == ""


def test_on_a_terminal_it_is_as_wide_and_has_colours_unless_they_are_refused(kept):
    for env, coloured in (({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)):
        text = on_a_terminal(f"plot {kept} --color activation", env | {"COLUMNS": "60"})
        assert ("\x1b[38;2;" in text) is coloured, env
        plain = re.sub(r"\x1b\[[\d;]*m", "", text)
        assert max(map(len, plain.splitlines())) == 60


def test_without_columns_tables_and_pictures_are_as_wide_as_the_terminal(kept):
    text = on_a_terminal(f"show {kept} --plot", {"NO_COLOR": "1"}, width=132)
    table, picture = re.sub(r"\x1b\[[\d;]*m", "", text).split("\nkept: std by layer\n")
    assert max(map(len, picture.splitlines())) == 132
    assert 80 < max(map(len, table.splitlines())) <= 132


def on_a_terminal(arguments, env, width=80):
    """What a command prints on a terminal."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    base = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLUMNS", "LINES")}
    base |= {"TERM": "xterm-256color", "PYTHONUTF8": "1", **env}
    command = [sys.executable, "-m", "initlab", *arguments.split()]
    with subprocess.Popen(command, stdout=theirs, stderr=theirs, env=base) as process:
        os.close(theirs)
        parts = []
        while True:
            try:
                part = os.read(ours, 1 << 16)
            except OSError:  # all that it has printed was read
                break
            if not part:
                break
            parts.append(part)
        assert process.wait() == 0, b"".join(parts)
    os.close(ours)
    return b"".join(parts).decode().replace("\r\n", "\n")


def test_with_ascii_alone_it_draws_ascii(kept):
    env = os.environ | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    command = [sys.executable, "-m", "initlab", "plot", str(kept)]
    done = subprocess.run(command, capture_output=True, env=env, check=False)
    assert done.returncode == 0
    assert done.stdout.isascii()
    assert b"+----" in done.stdout


def test_columns_are_completed():
    from initlab.cli.completion import activation_list, fields, layer_columns, loss_list

    assert [name for name, _ in layer_columns("weight_grad_s")] == ["weight_grad_std"]
    assert "init.gain" in fields("init")
    assert "l1,mse" in loss_list("l1,ms")
    assert activation_list("gelu,si") == ["gelu,sigmoid", "gelu,silu", "gelu,sin"]


@pytest.fixture
def unmeasured(kept, tmp_path):
    """What Ctrl-C before the end of the first run leaves: no layers."""
    folder = tmp_path / "stopped"
    folder.mkdir()
    header, *rows = (kept / "runs.csv").read_text().splitlines()
    names = header.split(",")
    first = names.index("status")
    cells = [[*row.split(",")[:first], "interrupted"] for row in rows]
    lines = [",".join([*row, *[""] * (len(names) - len(row))]) for row in cells]
    (folder / "runs.csv").write_text("\n".join([header, *lines]) + "\n")
    (folder / "layers.csv").write_text((kept / "layers.csv").read_text().splitlines()[0] + "\n")
    return folder


def test_a_sweep_that_was_stopped_at_once_is_drawn_and_reported(kept, unmeasured, tmp_path):
    drawn = initlab("plot", unmeasured)
    assert drawn.exit_code == 0, drawn.stderr
    assert "Nothing was measured to draw" in drawn.stdout
    assert "48 of 48 runs: interrupted." in drawn.stdout
    both = initlab("report", unmeasured, kept, "-o", tmp_path / "both.html")
    assert both.exit_code == 0, both.stderr
    assert initlab("show", unmeasured, "--format", "table").exit_code == 0


@pytest.mark.parametrize("command", ["plot", "report", "show"])
def test_a_table_without_a_run_is_refused(unmeasured, tmp_path, command):
    file = unmeasured / "runs.csv"
    file.write_text(file.read_text().splitlines()[0] + "\n")
    more = ["-o", tmp_path / "x.html"] if command == "report" else ["--format", "table"]
    done = initlab(command, unmeasured, *(more if command != "plot" else []))
    assert done.exit_code == 2
    assert f"{file}: holds no run" in done.stderr


def test_a_recorded_column_is_drawn_and_one_that_is_not_says_how_to(kept, tmp_path):
    spec = tmp_path / "more.yaml"
    spec.write_text(SPEC.replace("kept", "more") + "record: {neurons: true, quantiles: true}\n")
    assert initlab("sweep", spec, "--out", tmp_path).exit_code == 0
    more = tmp_path / "more"
    for y in ("neuron_std", "dead_fraction", "q25"):
        done = initlab("plot", more, "--y", y)
        assert done.exit_code == 0, done.stderr
        assert done.stdout.startswith(f"more: {y} by layer")
    assert "log scale" in initlab("plot", more, "--y", "neuron_std").stdout
    assert "log scale" not in initlab("plot", more, "--y", "q25").stdout
    for folder, y, group in ((kept, "q25", "quantiles"), (more, "grad_norm", "gradients")):
        refused = initlab("plot", folder, "--y", y)
        assert refused.exit_code == 2
        assert f"record: {{{group}: true}} measures it" in refused.stderr
    both = initlab("plot", more, kept, "--y", "q25")  # of the one that has it
    assert both.exit_code == 0, both.stderr
