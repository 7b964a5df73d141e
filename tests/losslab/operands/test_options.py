"""Options of a loss as text or as JSON has them: kinds, ranges, names; and the map of a target."""

import json
import math
import subprocess
import sys

import pytest

from initlab.catalog import LOSSES
from initlab.catalog.values import flag, parse, split
from initlab.errors import InputError, LossError
from initlab.losslab.operands.options import mapping, with_defaults

SCALARS = [
    (loss, p) for loss in LOSSES.values() for p in loss.parameters if p.kind != "tensor"
]  # fmt: skip
NUMBERS = [(loss, p) for loss, p in SCALARS if p.kind in ("number", "integer")]
TENSORS = [(loss, p) for loss in LOSSES.values() for p in loss.parameters if p.kind == "tensor"]


def of(pair):
    loss, p = pair
    return f"{loss.name}-{p.name}"


def refusal(loss, given):
    """The findings that a loss has for its options."""
    with pytest.raises(LossError) as caught:
        with_defaults(LOSSES[loss], given)
    for finding in caught.value.findings:
        assert (finding.rule, finding.level) == ("option-range", "error")
        assert finding.fix
    return [f"{f.operand}: {f.message}" for f in caught.value.findings]


# every option of every loss ----------------------------------------------------------------------


@pytest.mark.parametrize("loss", LOSSES)
def test_what_is_left_out_has_torchs_default(loss):
    import inspect

    import torch

    record = LOSSES[loss]
    options = with_defaults(record, {})
    names = {p.name for p in record.parameters}
    assert set(options) == {p.name for p in record.parameters if p.kind != "tensor"}
    signature = inspect.signature(getattr(torch.nn, record.class_name)).parameters
    for name in names - {"weight", "pos_weight", "distance"}:
        expected = -100 if signature[name].default is None else signature[name].default
        assert options[name] == expected, name


@pytest.mark.parametrize("pair", SCALARS, ids=of)
def test_text_and_json_are_the_same(pair):
    loss, p = pair
    typed = with_defaults(loss, {p.name: str(p.default)})[p.name]
    assert typed == with_defaults(loss, {p.name: p.default})[p.name] == p.default
    assert type(typed) is type(parse(p, p.default))


@pytest.mark.parametrize("pair", NUMBERS, ids=of)
def test_a_number_lies_within_its_bounds(pair):
    loss, p = pair
    bounds = [("minimum", -1, "at least"), ("maximum", 1, "at most"), ("above", 0, "above"),
              ("below", 0, "below")]  # fmt: skip
    for name, beyond, words in bounds:
        bound = getattr(p, name)
        if bound is None:
            continue
        (said,) = refusal(loss.name, {p.name: bound + beyond})
        assert words in said
        assert f"got {bound + beyond:g}" in said
        if name in ("minimum", "maximum"):
            assert with_defaults(loss, {p.name: bound})[p.name] == bound
        else:
            nearly = math.nextafter(bound, math.inf if name == "above" else -math.inf)
            assert with_defaults(loss, {p.name: nearly})[p.name] == nearly
    if p.minimum is None and p.above is None:
        assert with_defaults(loss, {p.name: -5})[p.name] == -5


@pytest.mark.parametrize(
    "value",
    ["", "x", "1,5", "0x10", "1_0", "\u0661", "\uff11", None, [], [1], {}, True, False,
     math.nan, math.inf, -math.inf, "nan", "inf", "1e999", 10**400, 10**5000, 1j, object(),
     "1" * 5000],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
@pytest.mark.parametrize("pair", NUMBERS, ids=of)
def test_what_is_no_number_is_refused(pair, value):
    loss, p = pair
    (said,) = refusal(loss.name, {p.name: value})
    assert said.startswith(f"{flag(p.name)}: needs a ")
    assert len(said) < 150


@pytest.mark.parametrize("pair", [x for x in NUMBERS if x[1].kind == "integer"], ids=of)
def test_whole_numbers(pair):
    loss, p = pair
    good = 1
    for value in (good, str(good), f"{good}.0", float(good), f" {good} "):
        found = with_defaults(loss, {p.name: value})[p.name]
        assert found == good
        assert type(found) is int
    for value in (1.5, "1.5", 2.0**53, str(2**62)):
        (said,) = refusal(loss.name, {p.name: value})
        assert "needs a whole number" in said or "at most" in said


@pytest.mark.parametrize("pair", [x for x in SCALARS if x[1].kind == "flag"], ids=of)
def test_truth_values(pair):
    loss, p = pair
    for truth, words in (
        (True, [True, "true", "True", "TRUE", "yes", "on", "1"]),
        (False, [False, "false", "no", "off", "0"]),
    ):
        for word in words:
            assert with_defaults(loss, {p.name: word})[p.name] is truth
    for value in ("", "maybe", 2, 0.5, None, [], "truee"):
        (said,) = refusal(loss.name, {p.name: value})
        assert "needs true or false, got" in said


@pytest.mark.parametrize("pair", [x for x in SCALARS if x[1].kind == "choice"], ids=of)
def test_choices(pair):
    loss, p = pair
    for choice in p.choices:
        assert with_defaults(loss, {p.name: choice})[p.name] == choice
    for value in ("", "cosin", None, 1, [], {}, ["cosine"]):
        (said,) = refusal(loss.name, {p.name: value})
        assert f"needs one of {', '.join(p.choices)}, got" in said


@pytest.mark.parametrize("pair", TENSORS, ids=of)
def test_tensors_stay_as_they_were_given(pair):
    loss, p = pair
    for value in ("[1, 2]", [1, 2], 1.0, "file.npy"):
        assert with_defaults(loss, {p.name: value})[p.name] is value


# names -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("loss", "name", "said"),
    [
        ("huber", "delt", "did you mean delta?"),
        ("cross_entropy", "weigth", "did you mean weight?"),
        ("cross_entropy", "ignore_idx", "did you mean ignore_index?"),
        ("bce_with_logits", "posweight", "did you mean pos_weight"),
        ("triplet_margin", "margins", "did you mean margin?"),
        ("huber", "gamma", "it takes delta, weight"),
        ("soft_margin", "margin", "it takes none"),
        ("mse", "", "it takes weight"),
        ("mse", "reduction", "MSELoss has no such option"),
    ],
)
def test_an_unknown_option_names_the_nearest(loss, name, said):
    (found,) = refusal(loss, {name: 1})
    assert found.startswith(f"{flag(name)}: ")
    assert said in found


def test_every_problem_comes_at_once():
    found = refusal("triplet_margin", {"margin": 0, "p": "x", "epss": 1, "swap": "perhaps"})
    assert [line.partition(":")[0] for line in found] == [
        "--margin", "--p", "--epss", "--swap",
    ]  # fmt: skip


# NAME=VALUE --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pairs", "options"),
    [
        ([], {}),
        (["a=1"], {"a": "1"}),
        (["a=1", "b=2"], {"a": "1", "b": "2"}),
        ([" a = 1 "], {"a": "1"}),
        (["log-target=true"], {"log_target": "true"}),
        (["a=b=c"], {"a": "b=c"}),
        (["a="], {"a": ""}),
        (["weight=[1, 2]"], {"weight": "[1, 2]"}),
    ],
)
def test_names_and_values(pairs, options):
    assert split(pairs) == options


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        (["margin"], "--option margin: needs a value"),
        ([""], "needs a value"),
        (["margin 0.5"], "--option margin 0.5: needs a value"),
        (["a=1", "a=2"], "--option a: given twice, as 1 and 2"),
        (["log-target=1", "log_target=0"], "--option log_target: given twice, as 1 and 0"),
    ],
)
def test_what_is_no_name_and_value(pairs, said):
    with pytest.raises(InputError, match=said):
        split(pairs)


# --target-map ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("", ()),
        ("{0: -1}", ((0, -1),)),
        ("{0:-1}", ((0, -1),)),
        ("0:-1", ((0, -1),)),
        ("0: -1, 2: 1", ((0, -1), (2, 1))),
        (" { 0 : -1 , 2 : 1 } ", ((0, -1), (2, 1))),
        ("{0: -1,}", ((0, -1),)),
        ("{0.5: 1e3}", ((0.5, 1000),)),
        ("{1: 0, 0: 1}", ((1, 0), (0, 1))),
    ],
)
def test_a_map(text, pairs):
    assert mapping(text) == pairs


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0", "'0' needs OLD: NEW"),
        ("0=1", "'0=1' needs OLD: NEW"),
        ("{a: 1}", "'a: 1' needs numbers"),
        ("{0: }", "'0:' needs numbers"),
        ("{0: 1: 2}", "'0: 1: 2' needs numbers"),
        ("{0: 1, 0: 2}", "replaces a value twice, or none"),
        ("{0: 1, -0: 2}", "replaces a value twice, or none"),
        ("{}", "replaces a value twice, or none"),
        (" ", "replaces a value twice, or none"),
        ('{"0": 1}', "needs numbers"),
        ("[0: 1]", "needs numbers"),
        ("{0: 1_0}", "'0: 1_0' needs numbers"),
        ("{0_1: 1}", "'0_1: 1' needs numbers"),
        ("{\u0660: 1}", "needs numbers"),
    ],
)
def test_what_is_no_map(text, said):
    with pytest.raises(InputError) as caught:
        mapping(text)
    assert caught.value.message.startswith("--target-map: ")
    assert said in caught.value.message


# lightness ---------------------------------------------------------------------------------------

LIGHT = """
import json, sys
from typer.testing import CliRunner
from initlab.cli.app import build
for arguments in json.load(sys.stdin):
    done = CliRunner().invoke(build(), ["loss", *arguments])
    loaded = [name for name in ("torch", "numpy", "pandas") if name in sys.modules]
    print(json.dumps([done.exit_code, loaded, done.stderr]))
"""


def test_what_is_typed_wrong_is_refused_before_torch_is_loaded():
    operands = ["-i", "[1]", "-t", "[1]"]
    commands = [
        ["-n", "nope", *operands],
        operands,
        ["-n", "huber"],
        ["-n", "huber", *operands, "-o", "delta=0"],
        ["-n", "huber", *operands, "-o", "delta"],
        ["-n", "huber", *operands, "-o", "delt=1"],
        ["-n", "huber", *operands, "--allow", "nope"],
        ["-n", "huber", *operands, "--target-map", "x"],
        ["-n", "huber", "-i", "-", "-t", "-"],
        ["-n", "huber", *operands, "--jsonl", "-"],
        ["-n", "huber", *operands, "--explain", "--format", "csv"],
        ["-n", "huber", *operands, "--dtype", "int8"],
        ["-n", "huber", *operands, "--class-dim", "x"],
    ]
    done = subprocess.run(
        [sys.executable, "-c", LIGHT], input=json.dumps(commands), capture_output=True, text=True,
        timeout=60, check=True,
    )  # fmt: skip
    for command, line in zip(commands, done.stdout.splitlines(), strict=True):
        code, loaded, said = json.loads(line)
        assert (code, loaded) == (2, []), command
        assert said.strip()
        assert "Traceback" not in said
