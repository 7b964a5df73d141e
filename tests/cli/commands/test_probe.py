"""`initlab probe`: what it prints and writes, when it fails, and what it refuses."""

import csv
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest
from commands import initlab, rows
from probe_examples import COPIES, EXPLODES, LOST, SOMETIMES, UNUSED, broken, probe, trunk

from initlab.cli import probe_options
from initlab.probe.result import SITE_COLUMNS

INITLAB = [sys.executable, "-m", "initlab"]

MODELS = """\
import sys, torch
from torch import nn

def build():
    layers = [m for _ in range(6) for m in (nn.Linear(16, 16), nn.Tanh())]
    return nn.Sequential(*layers, nn.Linear(16, 4))

def dead():
    model = nn.Sequential(*[m for _ in range(30) for m in (nn.Linear(16, 16), nn.Sigmoid())])
    return model.append(nn.Linear(16, 4))

def weak():
    model = nn.Sequential(*[m for _ in range(20) for m in (nn.Linear(64, 64), nn.Tanh())])
    for parameter in model.parameters():
        parameter.data *= 0.1
    return model

def batch():
    return torch.randn(32, 16)

def no_batch():
    return None

class Loud(nn.Linear):
    def forward(self, x):
        print("I am in the way")
        print("so am I", file=sys.stderr)
        return super().forward(x)

def loud():
    print("building")
    return Loud(16, 4)

def seeded():
    torch.manual_seed(0)
    return build()

def sized(width):
    return nn.Linear(16, width)

class Frozen(nn.Linear):
    def forward(self, x):
        with torch.no_grad():
            return super().forward(x)

def frozen():
    return Frozen(16, 4)

def raises():
    raise RuntimeError("no model for you")

def embedding():
    return nn.Sequential(nn.Embedding(10, 16), nn.Linear(16, 4))

not_a_module = 3
ready = build()
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working directory with models in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.py").write_text(MODELS)
    return tmp_path


@pytest.fixture
def found(monkeypatch, folder):
    """Makes the command find what is given, whatever it is asked to probe."""
    asked = []

    def finds(*findings, **fields):
        result = fields.pop("result", None) or probe(*findings, **fields)

        def probe_target(target, **options):
            asked.append((target, options))
            return result

        instead = SimpleNamespace(probe_target=probe_target)
        monkeypatch.setitem(sys.modules, "initlab.probe.run", instead)
        return asked

    return finds


def run(*arguments, code=0):
    """The command, which must end with this exit code."""
    done = initlab("probe", *arguments)
    assert done.exit_code == code, done.stderr
    return done


# what is printed ---------------------------------------------------------------------------------


def test_in_a_pipe_rows_are_csv_and_findings_are_told_beside_them(found):
    found(EXPLODES, UNUSED)
    done = run("net.py:build")
    lines = rows(done.stdout)
    assert list(lines[0]) == list(SITE_COLUMNS)
    assert len(lines) == 3 * 22  # of each seed the trunk's sites
    assert (lines[1]["site"], lines[1]["rms"], lines[1]["predicted_rms"]) == (
        "blocks.0 : tanh", "1.0", "",
    )  # fmt: skip
    assert done.stderr.splitlines() == [
        "net.py:build (3 seeds): 2 findings: 1 error, 1 note",
        f"{EXPLODES} (net.py:12)",
        str(UNUSED),
        "note: a batch of 4 is small for batch norm",
    ]
    assert run("net.py:build", "-q").stderr == f"{EXPLODES} (net.py:12)\n"


@pytest.mark.parametrize(("level", "count"), [("trunk", 22), ("modules", 12), ("ops", 23)])
def test_a_level_chooses_the_rows_in_every_format(found, level, count):
    found()
    assert len(rows(run("net.py:build", "--level", level).stdout)) == 3 * count
    document = json.loads(run("net.py:build", "--level", level, "--format", "json").stdout)
    assert len(document["sites"]) == 3 * count
    title = {"trunk": "trunk of", "modules": "calls of modules", "ops": "modules and ops"}[level]
    assert title in run("net.py:build", "--level", level, "--format", "table").stdout
    assert title in run("net.py:build", "--level", level, "--format", "md").stdout


def test_json_is_one_object_with_all_of_it(found):
    found(LOST, EXPLODES)
    document = json.loads(run("net.py:build", "--format", "json").stdout)
    assert list(document) == [
        "target", "seeds", "findings", "sites", "parameters", "runs", "coverage", "notes",
    ]  # fmt: skip
    assert document["target"] == "net.py:build"
    assert len(document["sites"]) == 3 * 23  # on and beside the trunk
    assert [finding["rule"] for finding in document["findings"]] == [
        "gradient-explodes", "signal-lost",
    ]  # fmt: skip
    assert document["findings"][0]["fix"]["code"][0] == "for m in model.modules():"
    assert document["findings"][1]["fix"] is None
    assert document["runs"][0]["ln_factor"] == 1.25
    assert document["coverage"]["blind"] == ["inside TorchScript: head"]


def test_jsonl_is_an_object_a_line_which_says_what_it_is(found):
    found(LOST)
    lines = [json.loads(line) for line in run("x:y", "--format", "jsonl").stdout.splitlines()]
    kinds = [line["record"] for line in lines]
    assert kinds == [
        "probe", "finding", *["site"] * 69, *["parameter"] * 3, *["run"] * 3, "coverage", "note",
    ]  # fmt: skip
    assert lines[0] == {"record": "probe", "target": "net.py:build", "seeds": [0, 1, 2]}


@pytest.mark.parametrize("format_", ["json", "jsonl"])
def test_json_has_words_for_numbers_that_are_none(found, format_):
    found(result=broken())
    text = run("x:y", "--format", format_).stdout
    parsed = [json.loads(line, parse_constant=pytest.fail) for line in text.splitlines()]
    assert '"rms": "nan"' in text
    assert '"signal": "inf"' in text
    assert parsed


@pytest.mark.parametrize("columns", ["60", "80", "120"])
@pytest.mark.parametrize("format_", ["table"])
def test_a_table_fits_its_width(found, monkeypatch, columns, format_):
    monkeypatch.setenv("COLUMNS", columns)
    found(EXPLODES, LOST, COPIES, SOMETIMES, rows=trunk(40))
    lines = run("net.py:build", "--format", format_).stdout.splitlines()
    assert max(map(len, lines)) <= int(columns)
    assert "(70)" in " ".join(lines)


def test_a_table_in_a_pipe_is_80_characters_wide(found):
    found(EXPLODES, LOST, rows=trunk(40))
    done = run("net.py:build", "--format", "table")
    lines = done.stdout.splitlines()
    assert lines[0] == "net.py:build (3 seeds): 2 findings: 1 error, 1 warning"
    assert max(map(len, lines)) <= 80
    assert "\x1b" not in done.stdout
    assert done.stderr == ""
    assert lines[-1] == "  a batch of 4 is small for batch norm"


def test_markdown_has_findings_and_the_whole_table(found):
    found(EXPLODES, rows=trunk(40))
    text = run("net.py:build", "--format", "md").stdout
    assert text.startswith("**net.py:build (3 seeds): 1 finding: 1 error**\n\n- **error\\[")
    assert "\n|  | site | shape | rms | signal | s/s_out | ln gain |\n" in text
    assert "\ncoverage:\n\n- 210 of 212 autograd nodes" in text


@pytest.mark.parametrize("format_", ["table", "md"])
def test_text_of_the_model_cannot_command_a_terminal(found, format_):
    found(result=broken())
    done = run("x:y", "--format", format_)
    assert not [c for c in done.stdout if not c.isprintable() and c != "\n"]


def test_csv_keeps_names_with_commas_and_lines_in_one_cell(found):
    found(result=broken('a,"b"\nc'))
    done = run("x:y")
    parsed = list(csv.DictReader(io.StringIO(done.stdout)))
    assert parsed[0]["site"] == 'a,"b"\nc'
    assert (parsed[0]["rms"], parsed[0]["signal"], parsed[1]["rms"]) == ("nan", "inf", "")
    assert len(done.stderr.splitlines()) == 3  # the verdict, a finding and a note, a line each


# exit codes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fail_on", "code", "named"),
    [
        ("", 0, ()),
        ("error", 1, ("gradient-explodes",)),
        ("warning", 1, ("gradient-explodes", "identical-parameters")),
        ("note", 1, ("gradient-explodes", "identical-parameters", "unused-parameter")),
        ("unused-parameter", 1, ("unused-parameter",)),
        ("unused_parameter,error", 1, ("gradient-explodes", "unused-parameter")),
        ("note,error", 1, ("gradient-explodes", "identical-parameters", "unused-parameter")),
        ("dead-units", 0, ()),
        ("signal-lost", 0, ()),  # in some seeds only
    ],
)
def test_fail_on_ends_with_1_after_all_is_printed(found, fail_on, code, named):
    found(EXPLODES, COPIES, UNUSED, SOMETIMES)
    done = run("net.py:build", "-q", *(["--fail-on", fail_on] if fail_on else []), code=code)
    assert len(rows(done.stdout)) == 66
    told = done.stderr.partition("initlab: ")[2]
    assert tuple(re.findall(r"\w+\[([a-z-]+)\]", told)) == named


def test_what_is_asked_is_handed_on(found):
    asked = found()
    run("net.py:build", "--input", "16x3", "--input", "n=2", "--batch", "b", "--kwargs", "{a: 1}",
        "--loss", "model", "--target", "4", "--output", "y", "--checkpoint", "c.pt", "--seeds", "2",
        "--mode", "eval", "--dtype", "float64", "--autocast", "bfloat16", "--fix",
        "--select", "signal_lost,dead-units", "--select", "no-gradient", "--ignore", "dead-units",
        )  # fmt: skip
    ((target, options),) = asked
    assert target == "net.py:build"
    assert callable(options.pop("tick"))
    assert options == {
        "inputs": ["16x3", "n=2"], "batch": "b", "kwargs": "{a: 1}", "loss": "model",
        "loss_target": "4", "output": "y", "checkpoint": "c.pt", "seeds": 2, "mode": "eval",
        "dtype": "float64", "autocast": "bfloat16", "fix": True,
        "select": ("signal-lost", "dead-units", "no-gradient"), "ignore": ("dead-units",),
    }  # fmt: skip


# files -------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("folder")
def test_junit_and_sarif_are_written_and_a_line_says_so():
    done = run("net.py:dead", "--batch", "batch", "--seeds", "1", "--junit", "j.xml", "--sarif",
               "s.sarif", "--select", "gradient-explodes,dead-units,signal-lost",
               "--ignore", "dead-units")  # fmt: skip
    assert "wrote j.xml\nwrote s.sarif\n" in done.stderr
    cases = ElementTree.parse("j.xml").getroot().iter("testcase")  # noqa: S314
    assert [case.get("name") for case in cases] == ["gradient-explodes", "signal-lost"]
    (sarif,) = json.loads(Path("s.sarif").read_text())["runs"]
    assert [result["ruleId"] for result in sarif["results"]] == ["signal-lost"]


@pytest.mark.parametrize(("fail_on", "count"), [(None, "2"), ("error", "1"), ("note", "3")])
def test_failures_in_junit_are_those_of_fail_on(found, fail_on, count):
    found(EXPLODES, COPIES, UNUSED)
    given = ["--fail-on", fail_on] if fail_on else []
    run("net.py:build", "--junit", "j.xml", *given, code=1 if fail_on else 0)
    assert ElementTree.parse("j.xml").getroot().get("failures") == count  # noqa: S314


def test_files_are_written_also_where_the_command_fails(found):
    found(EXPLODES)
    run("net.py:build", "--fail-on", "error", "--junit", "j.xml", "--sarif", "s.json", code=1)
    assert {path.name for path in Path().iterdir()} == {"net.py", "j.xml", "s.json"}


@pytest.mark.parametrize(
    ("arguments", "message", "fix"),
    [
        (["-o", "x.gif"], "-o x.gif: ends in none of html, png, svg, pdf", "-o x.html"),
        (["-o", "."], "-o .: is a folder", "-o probe.html"),
        (["-o", "none/x.png"], "there is no folder none", "mkdir -p none"),
        (["-o", "x.png", "-o", "x.pdq"], "-o x.pdq: ends in none of", "-o x.pdf"),
        (["-o", "x.png", "-o", "./x.png"], "x.png: is named twice", "give each"),
        (["--junit", "none/x.xml"], "--junit none/x.xml: there is no folder none", "make it"),
        (["--sarif", "."], "--sarif .: is a folder", "--sarif probe.out"),
        (["--sarif", "-"], "--sarif -: is no file", "--sarif probe.out"),
        (["--junit", "/dev/null"], "--junit /dev/null: is no file", "--junit probe.out"),
        (["--junit", "x", "--sarif", "x"], "x: is named twice", "give each"),
        (["--golden", "none.json"], "--golden none.json: no such file", "--update-golden"),
        (["--golden", "net.py"], "net.py: ", ""),
        (["--update-golden"], "--update-golden needs --golden", "--golden probe.json"),
        (["--tolerance", "nan"], "--tolerance nan: needs a number", "--tolerance 0.1"),
        (["--fail-on", "warnings"], "unknown rule or level 'warnings'; did you mean warning?",
         "initlab list probe-rules"),
        (["--fail-on", "dead-unit"], "did you mean dead-units?", "initlab list probe-rules"),
        (["--select", "ded-units"], "did you mean dead_units?", "initlab list probe-rules"),
        (["--ignore", ","], "--ignore: needs the name of a rule", "initlab list probe-rules"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_before_the_model_is_loaded(found, arguments, message, fix):
    asked = found()
    done = run("net.py:build", *arguments, code=2)
    assert done.stdout == ""
    assert asked == []
    assert message in done.stderr
    if fix:
        assert done.stderr.splitlines()[-1].startswith(f"  fix: {fix}")


def test_a_folder_that_is_read_only_is_refused(found, tmp_path, monkeypatch):
    asked = found()
    (tmp_path / "locked").mkdir()
    monkeypatch.setattr(os, "access", lambda path, _: path.name != "locked")  # root may write
    assert "nothing may be written" in run("x:y", "--junit", "locked/x", code=2).stderr
    assert asked == []


def test_without_what_draws_it_says_what_installs_it(folder):
    block = "import sys\nsys.modules['altair'] = None\nfrom initlab.cli.app import main\nmain()"
    command = [sys.executable, "-c", block, "probe", "net.py:build", "-o", "x.html"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.endswith("  fix: pip install 'initlab[plot]'\n")


def test_the_kinds_of_inputs_are_those_that_there_are():
    from initlab.probe.batch.random_inputs import KINDS

    assert set(probe_options.INPUT_KINDS) == set(KINDS)


# real models -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        ["net.py:build", "--input", "32x16"],
        ["net:build", "--batch", "batch", "--loss", "cross_entropy"],
        ["net.py:ready", "--batch", "batch", "--loss", "mse", "--target", "32x4"],
        ["net.py:sized", "--input", "input=32x16", "--kwargs", "{width: 3}", "--mode", "eval"],
        ["net.py:embedding", "--input", "tokens:10:8x5", "--seeds", "1"],
        ["net.py:build", "--input", "32x16", "--autocast", "bfloat16", "--dtype", "float32"],
    ],
)
def test_a_healthy_model_is_said_to_be(folder, arguments):
    done = run(*arguments, "--fail-on", "warning")
    assert done.stderr.startswith(f"{arguments[0]}")
    assert "healthy: nothing found" in done.stderr
    found = rows(done.stdout)
    assert found[0]["trunk"] == "0"
    assert {row["trunk"] for row in found if row["seed"] == "0"} == {
        str(place) for place in range(len(found) // len({row["seed"] for row in found}))
    }
    assert all(0 < float(row["rms"]) < 10 for row in found)


def test_a_model_whose_signal_dies_fails_and_the_view_shows_where(folder):
    done = run("net.py:dead", "--batch", "batch", "--format", "table", "--fail-on", "error", code=1)
    assert done.stdout.splitlines()[0].startswith("net.py:dead (3 seeds): ")
    assert "error[signal-lost]" in done.stdout
    assert "initlab: error[signal-lost]" in done.stderr
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_the_signal_of_a_linear_layer_is_what_torch_computes(folder):
    import torch

    torch.save({"weight": torch.eye(16)[:4] * 3.0, "bias": torch.zeros(4)}, "w.pt")
    torch.save(torch.arange(32.0).reshape(2, 16), "x.pt")
    done = run("net.py:sized", "--kwargs", "{width: 4}", "--checkpoint", "w.pt", "--input",
               "@x.pt", "--seeds", "1", "--level", "modules")  # fmt: skip
    # three times columns 0 to 3 of the input: rows (0, 3, 6, 9) and 48 more; squares sum to
    # 126 and 11070 (48^2 + 51^2 + 54^2 + 57^2); all differ by 24 from their mean over the two
    # rows, a variance of 2 24^2 with 1/(B - 1)
    by_site = {row["site"]: row for row in rows(done.stdout)}
    assert float(by_site["(model)"]["rms"]) == pytest.approx(((126 + 11070) / 8) ** 0.5)
    assert float(by_site["(model)"]["signal"]) == pytest.approx(24 * 2**0.5)


@pytest.mark.parametrize(
    ("arguments", "message", "fix"),
    [
        (["none.py:build", "--input", "4x16"], "none.py: no such file", "net.py:build"),
        (["nett:build", "--input", "4x16"], "there is no module 'nett'", "net:build"),
        (["net.py", "--input", "4x16"], "the name of what builds the model", "net.py:build"),
        (["net.py:buidl", "--input", "4x16"], "'buidl'", "net.py:build"),
        (["net.py:not_a_module", "--input", "4x16"], "neither a function that builds", "net.py:"),
        (["net.py:no_batch", "--input", "4x16"], "returned None, not an nn.Module", "return"),
        (["net.py:sized", "--input", "4x16"], "needs values for width", "--kwargs '{width: "),
        (["net.py:build"], "nothing says what goes in", "--input"),
        (["net.py:build", "--batch", "no_batch"], "NoneType, not a tensor", ""),
        (["net.py:build", "--batch", "bach"], "'bach'; did you mean batch", "--batch batch"),
        (["net.py:build", "--input", "4x15"], "shapes cannot be multiplied (4x15", ""),
        (["net.py:embedding", "--input", "4x16"], "got torch.FloatTensor instead", ""),
        (["net.py:build", "--input", "tokens:9:4x16"], "must have the same dtype", ""),
        (["net.py:build", "--input", "4xx16"], "--input 4xx16", "--input 4x16"),
        (["net.py:raises", "--input", "4x16"], "RuntimeError: no model for you", ""),
        (["net.py:build", "--input", "4x16", "--loss", "msee"], "did you mean mse", "initlab list"),
        (["net.py:build", "--input", "4x16", "--loss", "model"], "returned no loss", ""),
        (["net.py:build", "--input", "4x16", "--output", "y"], "unknown output 'y'", ""),
        (["net.py:build", "--input", "4x16", "--checkpoint", "n.pt"], "n.pt: no such file", ""),
    ],
)  # fmt: skip
def test_what_cannot_be_probed_is_one_message(folder, arguments, message, fix):
    done = run(*arguments, "--sarif", "s.sarif", code=2)
    assert done.stdout == ""
    assert message in done.stderr
    if fix:
        assert done.stderr.splitlines()[-1].startswith(f"  fix: {fix}")
    assert not Path("s.sarif").exists()


def test_an_error_of_the_model_names_the_module_and_the_line(folder):
    assert "(in 0)" in run("net.py:build", "--input", "4x15", code=2).stderr
    line = MODELS.splitlines().index('    raise RuntimeError("no model for you")') + 1
    assert f"net.py:{line} in raises" in run("net.py:raises", "--input", "4x16", code=2).stderr


def test_a_model_without_any_gradient_is_a_finding(folder):
    done = run("net.py:frozen", "--input", "4x16", "--fail-on", "no-gradient", code=1)
    assert "error[no-gradient]" in done.stderr


def test_a_model_that_seeds_itself_is_told_of(folder):
    assert "the model seeds itself" in run("net.py:seeded", "--input", "4x16").stderr


def test_what_a_model_prints_is_not_among_the_rows(folder):
    done = process("net.py:loud --input 4x16")
    assert done.returncode == 0, done.stderr
    assert next(row["site"] for row in rows(done.stdout)) == "(input)"
    assert "in the way" not in done.stdout
    assert "building" in done.stderr
    assert "I am in the way" in done.stderr
    assert json.loads(process("net.py:loud --input 4x16 --format json").stdout)["target"]


def process(arguments, after=""):
    """The command as a process of its own, by way of bash."""
    line = f"{' '.join(INITLAB)} probe {arguments}{after}"
    return subprocess.run(
        ["bash", "-c", line], capture_output=True, text=True, timeout=120, check=False
    )


def test_a_reader_that_leaves_early_is_no_error(folder):
    done = process(
        "net.py:dead --batch batch --level ops --seeds 20 -q",
        ' | head -1; echo "${PIPESTATUS[0]}"',
    )
    header, code = done.stdout.splitlines()
    assert header.startswith("seed,order,site,")
    assert code in ("0", "141")
    assert "Traceback" not in done.stderr


def test_a_closed_stdout_leaves_the_files_whole(folder):
    done = process("net.py:dead --batch batch --seeds 1 --junit j.xml --fail-on error", " >&-")
    assert done.returncode == 1
    assert ElementTree.parse("j.xml").getroot().get("failures") != "0"  # noqa: S314


def test_the_exit_code_of_a_process_is_that_of_the_findings(folder):
    done = process("net.py:dead --batch batch --seeds 1 --fail-on signal-lost --format table")
    assert done.returncode == 1
    assert done.stderr.count("signal-lost") == 1
    assert process("net.py:dead --batch batch --seeds 1").returncode == 0


def test_pages_and_pictures_are_written(folder):
    files = ["p.html", "p.svg", "p.PNG"]
    given = [part for name in files for part in ("-o", name)]
    done = run("net.py:build", "--input", "32x16", "--seeds", "2", *given)
    assert all(f"wrote {name}\n" in done.stderr for name in files)
    starts = [Path(name).read_bytes()[:5] for name in files]
    assert [start.lower() for start in starts] == [b"<!doc", b"<svg ", b"\x89png\r"]


def test_a_golden_file_is_kept_compared_and_updated(folder):
    probed = ["--input", "32x16", "--seeds", "2", "-q", "--golden", "g.json"]
    assert "--update-golden writes it" in run("net.py:build", *probed, code=2).stderr
    run("net.py:build", *probed, "--update-golden")
    kept = Path("g.json").read_bytes()
    assert json.loads(kept)
    run("net.py:build", *probed)
    done = run("net.py:dead", *probed, code=1)
    assert "signal-lost" in done.stderr
    assert len(rows(done.stdout)) == 2 * 62
    assert Path("g.json").read_bytes() == kept
    run("net.py:dead", *probed, "--update-golden", "--fail-on", "error", code=1)
    assert Path("g.json").read_bytes() != kept
    run("net.py:dead", *probed)


def test_fixes_are_tried_and_said_to_help(folder):
    done = run("net.py:weak", "--input", "32x64", "--fix", "--seeds", "2", "--format", "table")
    assert "error[signal-lost]" in done.stdout
    assert "  tried: clears it" in done.stdout
    assert "            nn.init.normal_(m.weight, " in done.stdout


# completion --------------------------------------------------------------------------------------


def test_rules_levels_and_losses_are_completed():
    assert probe_options.rules("dead-units,grad") == [
        "dead-units,gradient-explodes", "dead-units,gradient-vanishes",
    ]  # fmt: skip
    assert probe_options.levels_and_rules("e") == ["error"]
    assert probe_options.levels_and_rules("note,dea") == ["note,dead-units"]
    assert [name for name, _ in probe_options.losses("mo")] == ["model"]
    assert [word for word, _ in probe_options.inputs("ra")] == ["randn:", "rand:"]
    assert [word for word, _ in probe_options.inputs("mask=o")] == ["mask=ones:"]
    assert "mse" in [name for name, _ in probe_options.losses("m")]
