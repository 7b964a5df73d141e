"""Options of losses as flags: every one of the catalog, beside `--option`, in findings and help."""

import json

import pytest
import typer.main
from typer.testing import CliRunner

from initlab.catalog import LOSSES
from initlab.catalog.values import flag
from initlab.cli.app import build
from initlab.cli.loss_options import PREFIX, owners

MARGIN = ["-n", "margin_ranking", "--input1", "[1,2]", "--input2", "[1,1]", "-t", "[1,-1]"]
#: log 0.3, log 0.2, log 0.5
FRAME = [-1.2039728043259361, -1.6094379124341003, -0.6931471805599453]
#: a loss -> operands, and an option with a value that is not its default
EXAMPLES = {
    "huber": (["-i", "[3]", "-t", "[0]"], {"delta": "2", "weight": "[2]"}),
    "smooth_l1": (["-i", "[3]", "-t", "[0]"], {"beta": "2"}),
    "poisson_nll": (
        ["--log-input", "[3]", "-t", "[2]"], {"full": "true", "log_input": "false", "eps": "0.5"},
    ),
    "cross_entropy": (
        ["-i", "[[1,2],[1,3]]", "-t", "[0,1]"],
        {"weight": "[1,2]", "ignore_index": "1", "label_smoothing": "0.1"},
    ),
    "kl_div": (["-i", "[[-0.7,-0.7]]", "-t", "[[-0.7,-0.7]]", "--allow", "not-log-prob"],
               {"log_target": "true"}),
    "bce_with_logits": (["-i", "[3,1]", "-t", "[1,0]"], {"pos_weight": "[3,1]"}),
    "multi_margin": (["-i", "[[1,2]]", "-t", "[0]"], {"p": "2", "margin": "3"}),
    "triplet_margin_with_distance": (
        ["--anchor", "[[1,2]]", "--positive", "[[1,1]]", "--negative", "[[0.5,2]]"],
        {"swap": "true", "distance": "manhattan", "margin": "2"},
    ),
    "ctc": (
        ["--log-probs", f"[[{FRAME}], [{FRAME}]]", "-t", "[[2]]", "--input-lengths", "2",
         "--target-lengths", "1"],
        {"blank": "1", "zero_infinity": "true"},
    ),
}  # fmt: skip
CASES = [
    (loss, name, value) for loss, (_, given) in EXAMPLES.items() for name, value in given.items()
]


def run(*arguments):
    return CliRunner().invoke(build(), ["loss", *map(str, arguments)])


def typed(name, value):
    """An option as a flag: what is true or false has no value."""
    if value == "true":
        return [flag(name)]
    return [flag(f"no_{name}")] if value == "false" else [flag(name), value]


def test_the_examples_have_every_option():
    assert {name for _, name, _ in CASES} == set(owners()[1])


@pytest.mark.parametrize(("loss", "name", "value"), CASES)
def test_a_flag_is_the_option(loss, name, value):
    operands = EXAMPLES[loss][0]
    outputs = [
        run("-n", loss, *operands, *way, "--format", "json")
        for way in (typed(name, value), ["-o", f"{name}={value}"])
    ]
    assert [done.exit_code for done in outputs] == [0, 0], outputs[0].stderr
    assert outputs[0].stdout == outputs[1].stdout
    if name not in ("zero_infinity", "swap", "log_target"):  # no loss of these operands changes
        plain = run("-n", loss, *operands, "--format", "json")
        assert plain.stdout != outputs[0].stdout


@pytest.mark.parametrize(("loss", "name", "value"), CASES)
def test_both_ways_at_once_are_refused(loss, name, value):
    done = run("-n", loss, *EXAMPLES[loss][0], *typed(name, value), "-o", f"{name}={value}")
    assert done.exit_code == 2
    assert "are one option, given twice" in done.stderr
    assert done.stderr.count("fix: ") == 1


@pytest.mark.parametrize("name", owners()[1])
@pytest.mark.parametrize("loss", ["mse", "cross_entropy"])
def test_a_flag_of_another_loss_says_whose_it_is(loss, name):
    record = LOSSES[loss]
    if name in {p.name for p in record.parameters}:
        return
    kind = next(p.kind for r in LOSSES.values() for p in r.parameters if p.name == name)
    way = typed(name, "false" if kind == "flag" else "1")
    done = run("-n", loss, "-i", "[[1,2]]", "-t", "[0]", *way)
    assert done.exit_code == 2
    takes = ", ".join(p.name for p in record.parameters)
    of = ", ".join(r.name for r in LOSSES.values() if name in {p.name for p in r.parameters})
    assert done.stderr == (
        f"error[option-range] {flag(name)}: {record.class_name} has no such option;"
        f" it is one of {of}; it takes {takes}. fix: initlab describe {loss}\n"
    )


def test_no_flag_means_two_things():
    command = typer.main.get_command(build()).commands["loss"]
    flags = [o for p in command.params for o in (*p.opts, *p.secondary_opts) if o.startswith("-")]
    assert len(flags) == len(set(flags))
    hidden = {o for p in command.params if p.hidden for o in p.opts}
    assert {"--no-full", "--no-swap"} <= hidden
    assert all(p.name.startswith(PREFIX) for p in command.params if flag("full") in p.opts)


def test_explain_full_is_not_the_option_full():
    command = ["-n", "gaussian_nll", "-i", "[1,2]", "-t", "[1,1]", "--var", "1", "--explain"]
    assert "full=False" in run(*command, "full").stdout
    assert "full=True" in run(*command, "--full").stdout
    assert "full=True" in run(*command, "full", "--full").stdout


def test_a_word_after_log_input_is_the_option_and_numbers_are_the_operand():
    command = ["-n", "poisson_nll", "--log-input", "[3]", "-t", "[2]", "--format", "json"]
    value = {
        way: json.loads(run(*command, *way).stdout)["value"]
        for way in [(), ("--log-input", "true"), ("--log-input", "false"), ("--no-log-input",)]
    }
    assert value[()] == value["--log-input", "true"] == pytest.approx(14.0855, abs=1e-4)  # e^3 - 6
    assert value["--log-input", "false"] == value["--no-log-input",]
    assert value["--no-log-input",] == pytest.approx(0.8028, abs=1e-4)  # 3 - 2 log 3


@pytest.mark.parametrize("way", [["--margin", "-1"], ["-o", "margin=-1"]], ids=["flag", "option"])
def test_a_fix_is_a_flag_however_the_option_was_given(way):
    fix = "--margin 0"
    done = run(*MARGIN, *way)
    assert done.stderr.strip().endswith(f"fix: {fix}")
    assert "warning[option-range] --margin:" in done.stderr
    followed = run(*MARGIN, *fix.split())
    assert (followed.exit_code, followed.stderr) == (0, "")
    given = json.loads(run(*MARGIN, *way, "--format", "json").stdout)["findings"]
    assert given[0]["fix"] == fix


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--margin", "1", "--margin", "2"], "--margin: given twice"),
        (["--full", "--no-full"], "--full and --no-full are one option, given twice"),
        (["--input1", "1"], "--input1: given twice"),
        (["--margin", "x"], "--margin: needs a finite number"),
        (["--weight", "x"], "--weight: MarginRankingLoss has no such option"),
    ],
)
def test_what_is_given_wrong_is_named_as_it_was_typed(arguments, words):
    done = run(*MARGIN, *arguments)
    assert done.exit_code == 2
    assert words in done.stderr
    assert done.stderr.count("fix: ") == 1


def test_help_lists_the_options_in_one_panel():
    text = CliRunner().invoke(build(), ["loss", "--help"], env={"COLUMNS": "80"}).stdout
    panel = text[text.index("Options of losses") :]
    for name, of in owners()[1].items():
        kind = next(p.kind for r in LOSSES.values() for p in r.parameters if p.name == name)
        assert flag(name) in panel or (kind == "flag" and flag(f"no_{name}") in panel)
        assert of[0] in panel
    assert "…" not in panel
    assert len(panel.splitlines()) < 22


@pytest.mark.parametrize("loss", LOSSES)
def test_describe_lists_the_flags_of_a_loss(loss):
    text = CliRunner().invoke(build(), ["describe", loss]).stdout
    lines = [line for line in text.splitlines() if "as flags of initlab loss" in line]
    command = typer.main.get_command(build()).commands["loss"]
    known = {o for p in command.params for o in p.opts if not p.hidden}
    listed = [part.split()[0] for line in lines for part in line.partition(": ")[2].split(", ")]
    assert len(listed) == len(LOSSES[loss].parameters)
    assert set(listed) <= known
