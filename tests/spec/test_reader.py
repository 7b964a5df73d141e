"""From YAML to a validated spec: every problem at its place, overrides, cases, resolved specs."""

import copy
import io
import math
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from initlab.catalog import ACTIVATIONS, SCHEMES
from initlab.errors import InputError, SpecError
from initlab.spec import expand, reader, yamlfile
from initlab.spec.model import SpecFile
from initlab.store.publish import spec_text

BASE = {"depth": 3, "width": 4, "activation": "tanh", "init": "kaiming_normal"}
TEXT = "depth: 3\nwidth: 4\nactivation: tanh\ninit: kaiming_normal\n"


def plan(text, *overrides, folder=Path()):
    raw = text if isinstance(text, bytes) else text.encode()
    document = yamlfile.parse(raw, "s.yaml")
    return expand.make(reader.validate(document, overrides, fallback="s", folder=folder))


def runs(text, *overrides):
    return plan(text, *overrides).runs


def problems(text, *overrides):
    with pytest.raises(SpecError) as error:
        plan(text, *overrides)
    return [str(problem) for problem in error.value.problems]


def with_field(name, value):
    """The base spec with one line replaced or added."""
    lines = [line for line in TEXT.splitlines() if not line.startswith(f"{name}:")]
    return "\n".join([f"{name}: {value}", *lines]) + "\n"


# what is wrong, and where -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "where", "words"),
    [
        # wrong type or range
        ("depth", "-3", "1:1: depth", [">= 1", "-3"]),
        ("depth", "0", "1:1: depth", [">= 1"]),
        ("depth", "2.5", "1:1: depth", ["whole number", "2.5"]),
        ("depth", "'3'", "1:1: depth", ["whole number", "'3'"]),
        ("depth", "true", "1:1: depth", ["whole number"]),
        ("depth", ".nan", "1:1: depth", ["whole number", "nan"]),
        ("depth", ".inf", "1:1: depth", ["whole number", "inf"]),
        ("depth", "1e400", "1:1: depth", ["whole number", "inf"]),
        ("depth", "9" * 350, "1:1: depth", ["<= 1e+06"]),
        ("depth", "[3, 4, -1]", "1:15: depth[2]", [">= 1", "-1"]),
        ("depth", "{from: 1, to: 9}", "1:1: depth", ["steps"]),
        ("depth", "{from: 1, to: 9, steps: 1}", "1:1: depth", ["steps"]),
        ("depth", "{from: 0, to: 9, steps: 3, scale: log}", "1:1: depth", ["above 0"]),
        ("width", "1000001", "1:1: width", ["<= 1e+06"]),
        ("shape", "[3, 4]", "1:1", ["depth and width, or shape, not both"]),
        ("batch", "0", "1:1: batch", [">= 1"]),
        ("seeds", "0", "1:1: seeds", ["1 to 1,000,000"]),
        ("seeds", "-1", "1:1: seeds", ["1 to 1,000,000"]),
        ("seeds", "[0, -1]", "1:12: seeds[1]", [">= 0"]),
        ("seeds", "[4294967296]", "1:9: seeds[0]", ["<= "]),
        ("seeds", "many", "1:1: seeds", ["whole number", "'many'"]),
        # nan and inf are no numbers
        ("init", "{scheme: normal, std: .nan}", "1:24: init.std", ["finite number", "nan"]),
        ("init", "{scheme: normal, std: .inf}", "1:24: init.std", ["finite number", "inf"]),
        ("init", "{scheme: xavier_normal, gain: .nan}", "1:31: init.gain", ["above 0", "nan"]),
        ("input", "{name: normal, mean: -.inf}", "1:23: input.mean", ["finite number"]),
        ("thresholds", "{vanishing: .nan}", "1:14: thresholds.vanishing", ["finite number"]),
        # an axis without values
        ("depth", "[]", "1:1: depth", ["at least one value"]),
        ("activation", "[]", "1:1: activation", ["at least one value"]),
        ("seeds", "[]", "1:1: seeds", ["at least one value"]),
        ("dtype", "[]", "1:1: dtype", ["at least one value"]),
        ("init", "{scheme: normal, std: []}", "1:24: init.std", ["at least one value"]),
        ("cases", "[]", "1:1: cases", ["list of partial specs"]),
        # unknown names, with the nearest
        ("activation", "tnah", "1:1: activation", ["'tnah'", "did you mean tanh"]),
        ("activation", "[tanh, rellu]", "1:20: activation[1]", ["did you mean relu"]),
        ("init", "kaimng_normal", "1:1: init", ["did you mean kaiming_normal", "list schemes"]),
        ("loss", "msee", "1:1: loss", ["did you mean mse"]),
        ("input", "nromal", "1:1: input", ["did you mean normal"]),
        ("dtype", "float8", "1:1: dtype", ["'float64'", "'bfloat16'", "float8"]),
        ("reduction", "average", "1:1: reduction", ["'mean'"]),
        ("draws", "scripts", "1:1: draws", ["'script'"]),
        ("record", "backward", "1:1: record", ["'forward'"]),
        ("activation", "5", "1:1: activation", ["an activation by name", "5"]),
        ("activation", "{nam: tanh}", "1:1: activation", ["the key 'name'"]),
        ("init", "[[normal]]", "1:8: init[0]", ["a scheme by name"]),
        # unknown keys, with the nearest
        ("dpeth", "3", "1:1: dpeth", ["did you mean depth"]),
        ("activations", "tanh", "1:1: activations", ["did you mean activation"]),
        ("gain", "2", "1:1: gain", ["stands inside init"]),
        ("negative_slope", "2", "1:1: negative_slope", ["stands inside activation"]),
        ("thresholds", "{vanish: 1}", "1:14: thresholds.vanish", ["did you mean vanishing"]),
        ("init", "{scheme: normal, sdt: 1}", "1:24: init.sdt", ["did you mean std"]),
        ("activation", "{name: tanh, slope: 1}", "1:26: activation.slope", ["no parameters"]),
        ("1", "2", "1:1: 1", ["a spec has no '1'"]),
        ("<<", "{depth: 3}", "1:1: <<", ["a spec has no '<<'"]),
        # parameters
        ("init", "{scheme: kaiming_normal, gain: 2}", "1:32: init.gain", ["has no 'gain'"]),
        ("init", "{scheme: sparse, sparsity: 1}", "1:24: init.sparsity", ["< 1"]),
        ("init", "{scheme: uniform, a: 2, b: 1}", "1:1: init", ["a < b"]),
        ("init", "{scheme: lecun_normal, fan: sideways}", "1:30: init.fan", ["'avg' or 'geo'"]),
        ("init", "{scheme: sparse, sparsity: 0.1, gain: null}", "1:39: init.gain", ["got None"]),
        # expressions
        ("depth", "5/3", "1:1: depth", ["whole number", "1.6666"]),
        ("depth", "[3, 1/0]", "1:12: depth[1]", ["1/0: it divides by zero"]),
        ("width", "2**20", "1:1: width", ["<= 1e+06", "1048576"]),
        ("width", "9**9**9", "1:1: width", ["beyond float64"]),
        ("batch", "{from: 4, to: 2*x, steps: 3}", "1:1: batch", ["2*x: 'x' is not known"]),
        ("seeds", "1-5", "1:1: seeds", ["1 to 1,000,000"]),
        ("init", "{scheme: normal, std: srqt(2)}", "1:24: init.std", ["did you mean sqrt?"]),
        ("init", "{scheme: normal, std: -sqrt(2)}", "1:24: init.std", [">= 0", "-1.414"]),
        ("init", "{scheme: normal, std: '0.5'}", "1:24: init.std", ["leave out the quotes"]),
        ("init", "{scheme: xavier_normal, gain: 1/0}", "1:31: init.gain", ["divides by zero"]),
        ("init", "{scheme: xavier_normal, gain: 1-1}", "1:31: init.gain", ["above 0", "got 0"]),
        ("thresholds", "{vanishing: 1/0}", "1:14: thresholds.vanishing", ["divides by zero"]),
        ("band", "10+9", "1:1: band", ["at least 20"]),
        ("bias", "1/0", "1:1: bias.value", ["1/0: it divides by zero"]),
        ("bias", ".nan", "1:1: bias.value", ["finite number"]),
        # layers of their own
        ("last", "{activaton: relu}", "1:8: last.activaton", ["did you mean activation?"]),
        ("last", "{activation: rellu}", "1:8: last.activation", ["did you mean relu"]),
        ("last", "{init: {scheme: normal, stdd: 1}}", "1:31: last.init.stdd", ["mean std?"]),
        ("last", "{init: {scheme: normal, std: x}}", "1:31: last.init.std", ["a number, got 'x'"]),
        ("last", "{init: [he, {scheme: uniform, a: 3}]}", "1:8: last.init", ["a < b"]),
        ("last", "{init: sparse}", "1:8: last.init.sparsity", ["sparse needs sparsity"]),
        ("last", "identity", "1:1: last", ["needs a mapping, as in {activation: identity}"]),
        ("last", "{depth: 3}", "1:8: last.depth", ["the same for all layers", "takes activation"]),
        ("last", "{gain: 2}", "1:8: last.gain", ["stands inside init"]),
        ("last", "{delta: 2}", "1:8: last.delta", ["last has no 'delta'"]),
        ("first", "{bias: true}", "1:9: first.bias", ["how biases are drawn"]),
        ("layers", "{99: {activation: relu}}", "1:10: layers.99", ["no layer 99", "0..2"]),
        ("layers", "{2-1: {activation: relu}}", "1:10: layers.2-1", ["ends before it begins"]),
        ("layers", "{one: {activation: relu}}", "1:10: layers.one", ["named as 3 or 5-9"]),
        ("layers", "{0-1: {bias: zeros}, 1: {bias: 0}}", "1:30: layers.1", ["named twice"]),
        ("layers", "[relu]", "1:1: layers", ["needs a mapping"]),
        ("layers", "{1: relu}", "1:10: layers.1", ["as in {activation: identity}, got 'relu'"]),
        ("layers", "{1: {bath: 2}}", "1:14: layers.1.bath", ["layers.1 has no 'bath'"]),
        ("layers", "{0 - 1: {init: nomal}}", "1:18: layers.0 - 1.init", ["did you mean normal"]),
        ("init", "{scheme: trunc_normal, mean: 9}", "1:1: init", ["more than 2 std outside"]),
        ("init", "{scheme: kaiming_normal, mode: fan}", "1:32: init.mode", ["'fan_in'"]),
        ("init", "{scheme: xavier_normal, gain: gelu}", "1:31: init.gain", ["no entry for gelu"]),
        ("init", "{scheme: xavier_normal, gain: np.sqrt(2)}", "1:31: init.gain", ["or sqrt(2)"]),
        ("init", "{scheme: xavier_normal, gain: tanhh}", "1:31: init.gain", ["mean tanh or"]),
        ("init", "{scheme: xavier_normal, gain: tahn}", "1:31: init.gain", ["mean tanh"]),
        ("init", "{scheme: xavier_normal, gain: 0}", "1:31: init.gain", ["above 0"]),
        ("bias", "xavier_normal", "1:1: bias", ["unknown scheme 'xavier_normal'"]),
        ("bias", "true", "1:1: bias", ["how biases are drawn"]),
        ("bias", "{std: -1}", "1:8: bias.std", [">= 0"]),
        # the head
        ("name", "../x", "1:1: name", ["letters, digits", "'../x'"]),
        ("name", "..", "1:1: name", ["letters, digits"]),
        ("name", "a/b", "1:1: name", ["letters, digits"]),
        ("name", "''", "1:1: name", ["letters, digits"]),
        ("name", '"a\\n"', "1:1: name", ["letters, digits"]),
        ("name", "x" * 101, "1:1: name", ["at most 100"]),
        ("name", "5", "1:1: name", ["text"]),
        ("about", "[a]", "1:1: about", ["text"]),
        ("thresholds", "3", "1:1: thresholds", ["mapping"]),
        ("band", "-1", "1:1: band", [">= 0"]),
        ("band", "3", "1:1: band", ["needs 0, or at least 20 for its quantiles"]),
        ("band", "100000", "1:1: band", ["<= 10000"]),
        ("band", "2.5", "1:1: band", ["whole number"]),
        ("band", "[20, 40]", "1:1: band", ["whole number"]),
        ("thresholds", "{vanishing: 2, exploding: 1}", "1:1: thresholds", ["lie below"]),
        # fields that do not fit each other
        ("input", "{name: correlated}\nbatch: 3", "1:1: input", ["pairs", "3 is odd"]),
        ("input", "{name: uniform, low: 2}", "1:1: input", ["low < high"]),
        ("input", "{name: file, path: none.csv}", "1:21: input.path", ["none.csv"]),
        # cases
        ("cases", "[3]", "1:9: cases[0]", ["partial spec"]),
        ("cases", "{depth: 3}", "1:1: cases", ["list of partial specs"]),
        ("cases", "[{depth: 3}, {depth: -3}]", "1:22: cases[1].depth", [">= 1"]),
        ("cases", "[{dpeth: 3}]", "1:10: cases[0].dpeth", ["did you mean depth"]),
        ("cases", "[{last: {bath: 3}}]", "1:17: cases[0].last.bath", ["last has no 'bath'"]),
    ],
)
def test_a_problem_names_its_place_and_what_is_needed(name, value, where, words):
    (problem,) = problems(with_field(name, value))
    assert problem.startswith(f"s.yaml:{where}: ")
    for word in words:
        assert word in problem


@pytest.mark.parametrize("field", ["depth", "width", "activation", "init"])
def test_a_missing_field_is_named(field):
    text = "".join(line for line in TEXT.splitlines(True) if not line.startswith(field))
    (problem,) = problems(text)
    assert field in problem
    assert "need" in problem


@pytest.mark.parametrize(
    ("scheme", "parameter"),
    [(s.name, p.name) for s in SCHEMES.values() for p in s.parameters if p.required],
)
def test_a_missing_parameter_is_named(scheme, parameter):
    (problem,) = problems(with_field("init", scheme))
    assert problem.startswith("s.yaml:1:1: init")
    assert parameter in problem


@pytest.mark.parametrize("field", ["name", "about", "thresholds", "band", "cases"])
def test_a_field_of_the_head_cannot_stand_in_a_case(field):
    (problem,) = problems(TEXT + f"cases: [{{{field}: x}}]\n")
    assert f"cases[0].{field}" in problem
    assert f"did you mean {field}" not in problem  # it is what was typed


def test_shapes_are_lists_of_at_least_two():
    rest = "activation: tanh\ninit: normal\n"
    for shape, path in [("[3]", "shape"), ("[[3, 4], 5]", "shape[1]"), ("[[]]", "shape[0]")]:
        (problem,) = problems(f"shape: {shape}\n{rest}")
        assert f": {path}" in problem
        assert "list" in problem or "at least 2" in problem


def test_all_problems_come_at_once_in_the_order_of_lines():
    lines = ["depth: -1", "width: 0", "activation: tnah", "init: {scheme: normal, std: -1, x: 2}"]
    lines += [f"# {i}" for i in range(6)] + ["batch: half", "about: 5"]  # lines 11 and 12
    found = problems("\n".join(lines))
    places = [tuple(map(int, problem.split(":")[1:3])) for problem in found]
    assert places == [(1, 1), (2, 1), (3, 1), (4, 24), (4, 33), (11, 1), (12, 1)]


def test_a_problem_that_every_case_shares_is_told_once():
    text = with_field("depth", "-1") + "cases: [{batch: 2}, {batch: 4}, {batch: 6}]\n"
    assert len(problems(text)) == 1


@pytest.mark.parametrize("text", ["a1²3: 0", "batch: '1²3'", f"x{'9' * 5000}: 1", "batch: ٣"])
def test_digits_of_any_kind_do_not_disturb_the_order(text):
    key = text.partition(":")[0]
    text = f"{text}\n" if len(key) < 1000 else f"? {text.replace(': ', f'{chr(10)}: ')}\n"
    assert problems(TEXT + text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("# only a comment\n", "is empty"),
        ("[1, 2]", "is a list"),
        ("tanh", "is a single value"),
    ],
)
def test_a_document_that_is_no_mapping_is_refused(text, message):
    (problem,) = problems(text)
    assert message in problem


def test_text_that_no_terminal_and_no_file_can_hold_is_refused():
    # half a surrogate pair: UTF-8 cannot write it, so neither the results folder nor a table can
    (problem,) = problems(TEXT + 'about: "\\ud800"\n')
    assert "about" in problem


# what is right ----------------------------------------------------------------------------------


@pytest.mark.parametrize("number", ["1e-3", "0.001", "1.0E-3", ".001"])
def test_a_number_may_be_written_in_any_way(number):
    (run,) = runs(with_field("init", f"{{scheme: normal, std: {number}}}"))
    assert run.init.parameters["std"] == 0.001


@pytest.mark.parametrize("depth", ["10", "1e1", "10.0", "+10", "{from: 10, to: 10, steps: 2}"])
def test_a_count_may_be_written_in_any_way(depth):
    (run,) = runs(with_field("depth", depth))
    assert run.depth == 10


@pytest.mark.parametrize("seeds", ["5", "5.0", "[0, 1, 2, 3, 4]", "{from: 0, to: 4, steps: 5}"])
def test_seeds_are_a_number_of_them_or_a_list(seeds):
    assert [run.seed for run in runs(with_field("seeds", seeds))] == [0, 1, 2, 3, 4]


EXPRESSIONS = [
    ("init", "{scheme: normal, std: 1/sqrt(3)}", "init.std", [1 / math.sqrt(3)]),
    ("init", "{scheme: normal, std: [1e-3*2, pi]}", "init.std", [0.002, math.pi]),
    ("init", "{scheme: normal, mean: -1/2}", "init.mean", [-0.5]),
    ("init", "{scheme: xavier_normal, gain: [5/3, tanh, sqrt(2)]}", "init.gain",
     [5 / 3, "tanh", math.sqrt(2)]),
    ("init", "{scheme: normal, std: {from: 1/2, to: sqrt(4), steps: 2**2-1}}", "init.std",
     [0.5, 1.25, 2.0]),
    ("init", "{scheme: normal, std: '5/3'}", "init.std", [5 / 3]),  # in quotes: the same text
    ("width", "[2**3, 6/2]", "width", [8, 3]),
    ("depth", "{from: 1, to: 2**2, steps: 4}", "depth", [1, 2, 3, 4]),
    ("batch", "4*4", "batch", [16]),
    ("bias", "{std: exp(-1)}", "bias.std", [math.exp(-1)]),
    ("bias", "[0, 1/10]", "bias.value", [0.0, 0.1]),
    ("bias", "{from: 0, to: 1, steps: 3}", "bias.value", [0.0, 0.5, 1.0]),
    ("input", "{name: normal, std: log(2)}", "input.std", [math.log(2)]),
    ("saturation", "[1/20, 1/10]", "saturation", [0.05, 0.1]),
    ("loss", "{name: ctc, blank: 2-1}", "loss.blank", [1]),
    ("last", "{init: {scheme: orthogonal, gain: 1/100}}", "last.init.gain", [0.01]),
]  # fmt: skip


@pytest.mark.parametrize(("field", "value", "column", "numbers"), EXPRESSIONS)
def test_a_number_may_be_an_expression(field, value, column, numbers):
    found = {cells[column]: None for cells in plan(with_field(field, value)).cells}
    assert list(found) == numbers
    assert [type(v) for v in found] == [type(v) for v in numbers]


def test_seeds_thresholds_and_bands_may_be_expressions_too():
    found = plan(TEXT + "seeds: 2**2\nband: 20*2\nthresholds: {vanishing: 1/8, exploding: 10**3}\n")
    assert [run.seed for run in found.runs] == [0, 1, 2, 3]
    assert found.head.band.networks == 40
    assert found.head.thresholds.model_dump() == {"vanishing": 0.125, "exploding": 1000.0}
    assert [run.seed for run in runs(TEXT + "seeds: [2**31, 1+1]\n")] == [2**31, 2]


def test_an_expression_is_the_run_that_its_number_is():
    one = runs(with_field("init", "{scheme: normal, std: 1/8}") + "bias: 1/4\n")
    assert one == runs(with_field("init", "{scheme: normal, std: 0.125}") + "bias: 0.25\n")


@pytest.mark.parametrize("name", ["linear", "identity", "none"])
def test_an_activation_s_other_names_name_its_gain(name):
    (run,) = runs(with_field("init", f"{{scheme: kaiming_normal, nonlinearity: {name}}}"))
    assert run.init.parameters["nonlinearity"] == "identity"
    (run,) = runs(with_field("init", f"{{scheme: xavier_normal, gain: {name}}}"))
    assert run.init.parameters["gain"] == "identity"


@pytest.mark.parametrize("bias", ["0", "0.0", "1-1"])
def test_a_bias_of_0_is_a_constant_and_not_none(bias):
    (run,) = runs(TEXT + f"bias: {bias}\n")
    assert run.bias.name == "constant"
    assert run.bias.parameters == {"value": 0.0}


def test_layers_of_which_nothing_is_said_are_like_the_others():
    assert runs(TEXT + "first: {}\nlast: {}\nlayers: {1: {}}\n") == runs(TEXT)


@pytest.mark.parametrize("bias", ["none", "null", "false", "", "no_bias: 1"])
def test_without_a_bias_there_is_none(bias):
    if bias == "no_bias: 1":
        (run,) = runs(TEXT)
    else:
        (run,) = runs(TEXT + f"bias: {bias}\n")
    assert run.bias is None


def test_a_bias_without_a_scheme_is_normal():
    (run,) = runs(TEXT + "bias: {std: 0.05}\n")
    assert run.bias.name == "normal"
    assert run.bias.parameters == {"mean": 0.0, "std": 0.05}


def test_an_axis_of_biases_may_hold_none():
    assert [run.bias and run.bias.name for run in runs(TEXT + "bias: [none, zeros]")] == [
        None,
        "zeros",
    ]


def test_torch_s_default_brings_its_bias():
    (run,) = runs(with_field("init", "torch_default"))
    assert run.bias.name == "torch_default"


@pytest.mark.parametrize("name", sorted(set(ACTIVATIONS) - {"tanh"}))
def test_every_activation_is_valid_by_name(name):
    (run,) = runs(with_field("activation", name))
    assert run.activation.name == name
    assert run.activation.parameters == ACTIVATIONS[name].defaults


def test_the_name_is_the_file_s_by_default():
    assert plan(TEXT).head.name == "s"
    assert plan(TEXT + "name: mine\n").head.name == "mine"


@pytest.mark.parametrize("name", ["x", "a.b-c_1", "1a", "X" * 100, "'5'", "_x"])
def test_a_name_is_any_plain_word(name):
    assert plan(TEXT + f"name: {name}\n").head.name == name.strip("'")


def test_a_file_of_samples_is_found_from_the_spec_s_folder(tmp_path):
    np.save(tmp_path / "x.npy", np.ones((20, 4)))
    text = TEXT + "input: {name: file, path: x.npy}\n"
    (run,) = plan(text, folder=tmp_path).runs
    assert run.input.parameters["path"] == str(tmp_path / "x.npy")


# overrides --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("override", "field", "value"),
    [
        ("depth=7", "depth", 7),
        ("depth =7", "depth", 7),
        ("batch=32", "batch", 32),
        ("init=xavier_normal", "init", "xavier_normal"),
        ("init.scheme=orthogonal", "init", "orthogonal"),
        ("init.mode=fan_out", "init.mode", "fan_out"),
        ("init={scheme: normal, std: 1e-3}", "init.std", 0.001),
        ("activation.name=relu", "activation", "relu"),
        ("bias.std=0.5", "bias.std", 0.5),
        ("input.std=2", None, None),
        ("loss.name=ce", "loss", "cross_entropy"),
    ],
)
def test_an_override_sets_one_field(override, field, value):
    if field is None:
        # input is left to its default, so there is no name for the parameter to belong to
        (problem,) = problems(TEXT, override)
        assert problem.startswith("--set input.std=2: input")
    else:
        (cells,) = plan(TEXT, override).cells
        assert cells[field] == value


@pytest.mark.parametrize(
    ("text", "override", "column", "value"),
    [
        ("", "last.activation=identity", "last.activation", "identity"),
        ("", "last.activation.name=relu", "last.activation", "relu"),
        ("last: {init: orthogonal}\n", "last.init.gain=0.01", "last.init.gain", 0.01),
        ("last: {init: orthogonal}\n", "last.init.gain=0.01", "last.init", "orthogonal"),
        ("last: {activation: relu}\n", "last.activation=gelu", "last.activation", "gelu"),
        ("layers: {0: {init: normal}}\n", "layers.0.init.std=2", "layers.0.init.std", 2.0),
        ("layers: {0-1: {init: normal}}\n", "layers.0-1.init.std=2", "layers.0-1.init.std", 2.0),
        ("cases: [{layers: {0: {bias: 0}}}]\n", "layers.0.bias=1", "layers.0.bias.value", 1.0),
        # nothing was said of these layers: they begin from what all have
        ("", "last.init.mode=fan_out", "last.init.mode", "fan_out"),
        ("", "last.init.mode=fan_out", "last.init", "kaiming_normal"),
        ("bias: {std: 0.5}\n", "first.bias.mean=3", "first.bias.std", 0.5),
        ("last: {init: }\n", "last.init.a=2", "last.init.a", 2.0),
        ("", "layers.1.init.a=sqrt(4)", "layers.1.init.a", 2.0),
        ("cases: [{last: {activation: relu}}]\n", "last.init.a=2", "last.init.a", 2.0),
    ],
)
def test_an_override_reaches_into_layers_of_their_own(text, override, column, value):
    (cells,) = plan(TEXT + text, override).cells
    assert cells[column] == value


@pytest.mark.parametrize(
    "text", ["init: [normal, he]\n", "init: normal\ncases: [{init: he}, {init: xavier}]\n"]
)
def test_an_override_does_not_choose_among_several_initialisers(text):
    found = problems(TEXT.replace("init: kaiming_normal\n", text), "last.init.std=2")
    assert found == [
        "--set last.init.std=2: last.init: needs the key 'scheme' with a scheme by name"
    ]


def test_an_override_may_be_an_expression():
    (run,) = runs(TEXT, "width=2**8", "init=xavier_normal", "init.gain=sqrt(2)")
    assert run.shape[0] == 256
    assert run.init.parameters["gain"] == math.sqrt(2)
    (problem,) = problems(TEXT, "init.a=1/0")
    assert problem == "--set init.a=1/0: init.a: 1/0: it divides by zero"


def test_an_override_may_hold_an_axis():
    assert [run.depth for run in runs(TEXT, "depth=[1, 2]")] == [1, 2]


def test_later_overrides_win_and_build_on_earlier_ones():
    (run,) = runs(TEXT, "depth=5", "depth=6", "init=sparse", "init.sparsity=0.5")
    assert run.depth == 6
    assert run.init.name == "sparse"


def test_an_override_completes_a_spec():
    (run,) = runs("depth: 3\nactivation: tanh\ninit: normal", "width=2")
    assert run.shape == (2, 2, 2, 2)


def test_a_problem_in_an_override_stands_there():
    (problem,) = problems(TEXT, "init.mode=fan")
    assert problem.startswith("--set init.mode=fan: init.mode: needs one of 'fan_in'")
    (problem,) = problems(TEXT, "dpeth=3")
    assert problem.startswith("--set dpeth=3: dpeth: ")
    assert "did you mean depth" in problem


@pytest.mark.parametrize("override", ["", "=", "=3", "depth", ".=3", "a.=3", ".a=3", "a..b=3"])
def test_an_override_needs_a_path_and_a_value(override):
    with pytest.raises(InputError, match="needs path=value"):
        runs(TEXT, override)


MISFITS = [
    "depth.x=1",
    "name.x=1",
    "activation.name.x=1",
    "cases.9.depth=1",
    "cases.x.depth=1",
    "seeds=[]",
    "cases=[1]",
    "a.b.c=1",
    "depth=[",
    "depth==3",
    "depth=",
    "init=",
    "depth=!!python/name:os.system",
    "<<={depth: 3}",
    "cases=3",
    "thresholds=",
    "name=../x",
    "depth.0=1",
    "init.init.init=1",
]


@pytest.mark.parametrize("override", MISFITS)
def test_an_override_that_does_not_fit_is_refused(override):
    with pytest.raises(InputError):
        runs(TEXT + "name: s\ncases: [{}]\n", override)


def test_an_override_has_the_last_word_in_cases_too():
    text = TEXT + "cases: [{activation: gelu}, {depth: 5}]\n"
    assert {run.activation.name for run in runs(text, "activation=relu")} == {"relu"}
    assert {run.depth for run in runs(text, "depth=2")} == {2}


def test_an_override_reaches_into_a_list():
    text = with_field("init", "[he, {scheme: normal, std: 2}, xavier]")
    found = [run.init for run in runs(text, "init.1.std=7", "init.2.gain=3")]
    assert [init.name for init in found] == ["kaiming_normal", "normal", "xavier_uniform"]
    assert [found[1].parameters["std"], found[2].parameters["gain"]] == [7, 3]


def test_shape_and_depth_set_each_other_aside():
    (run,) = runs(TEXT, "shape=[5, 3]")
    assert run.shape == (5, 3)


def test_an_override_leaves_the_caller_s_data_alone():
    data = copy.deepcopy({**BASE, "init": {"scheme": "normal"}})
    before = copy.deepcopy(data)
    document = yamlfile.Document("spec", data)
    reader.validate(document, ["depth=9", "init.std=2"], fallback="x", folder=Path())
    assert data == before


# cases ------------------------------------------------------------------------------------------


def test_cases_are_laid_over_the_rest():
    text = TEXT + "cases:\n- {depth: 5}\n- {activation: relu, seeds: 2}\n- {}\n"
    assert [(run.depth, run.activation.name, run.seed) for run in runs(text)] == [
        (5, "tanh", 0),
        (3, "relu", 0),
        (3, "relu", 1),
        (3, "tanh", 0),
    ]


def test_a_case_may_replace_depth_and_width_by_a_shape_and_back():
    assert runs(TEXT + "cases: [{shape: [7, 2]}]\n")[0].shape == (7, 2)
    shaped = "shape: [7, 2]\nactivation: tanh\ninit: normal\ncases: [{depth: 1, width: 3}]\n"
    assert runs(shaped)[0].shape == (3, 3)


def test_problems_of_cases_stand_in_their_case():
    text = TEXT + "cases:\n- {depth: 0}\n- {width: 0, init: {scheme: uniform, a: 3}}\n"
    assert [problem.split(": ")[:2] for problem in problems(text)] == [
        ["s.yaml:6:4", "cases[0].depth"],
        ["s.yaml:7:4", "cases[1].width"],
    ]


def test_a_problem_of_a_run_stands_in_its_case():
    text = TEXT + "cases:\n- {depth: 2}\n- {init: {scheme: uniform, a: 3}}\n"
    (problem,) = problems(text)
    assert problem.startswith("s.yaml:7:4: ")


# resolved specs ---------------------------------------------------------------------------------

ROUND_TRIPS = [
    TEXT,
    with_field("init", "[{scheme: xavier_normal, gain: [auto, 2, tanh]}, normal, he]"),
    with_field("activation", "[tanh, {name: leaky_relu, negative_slope: [0.1, 0.3]}]"),
    with_field("depth", "{from: 1, to: 100, steps: 7, scale: log}"),
    "shape: [[3, 4], [5, 6, 7]]\nactivation: tanh\ninit: normal\n",
    "shape: [3, 4]\nactivation: tanh\ninit: normal\n",
    TEXT + "bias: [none, {std: 0.1}, zeros]\n",
    TEXT + "seeds: [7]\n",
    TEXT + "last: {activation: identity}\n",
    TEXT + "first: {bias: none}\nlast: {init: [normal, {scheme: sparse, sparsity: 0.5}]}\n",
    TEXT + "layers: {1: {init: {scheme: sparse, sparsity: 1/3, gain: tanh}}, 2: {bias: [0, 1]}}\n",
    TEXT + "bias: [0, 0.1]\n",
    with_field("init", "[{scheme: lecun_normal, fan: [in, geo]}, {scheme: sparse, sparsity: 0.1}]"),
    TEXT + "seeds: 4\nname: abc\nabout: 'a: b'\nthresholds: {exploding: 1e5}\n",
    TEXT + "cases: [{shape: [3, 4]}, {depth: 9}, {bias: zeros}, {init: torch_default}]\n",
    TEXT + "cases: [{depth: 9}]\n",
    TEXT + "cases: [{bias: none}, {bias: [zeros, none]}]\n",
    TEXT + "last: {activation: identity, bias: none, init: {scheme: orthogonal, gain: [1, 2]}}\n",
    TEXT + "first: {bias: [none, {std: 0.1}]}\nlayers: {0: {bias: none}, 1-2: {init: [he]}}\n",
    with_field("init", "{scheme: normal, std: {from: 0.1, to: 0.3, steps: 3}}"),
    TEXT + "name: '123'\nabout: 'null'\ndtype: [float16, float64]\nrecord: forward\n",
]


@pytest.mark.parametrize("text", ROUND_TRIPS)
def test_a_resolved_spec_gives_the_same_runs(text):
    first = plan(text)
    written = yaml.safe_dump(first.data, sort_keys=False, allow_unicode=True)
    again = plan(written)
    assert again.runs == first.runs
    assert again.head == first.head
    assert again.data == first.data


def test_a_resolved_spec_says_everything():
    resolved = plan(TEXT).data
    unsaid = {"shape", "bias", "cases", "first", "last", "layers", "saturation", "target"}
    unsaid |= {"residual", "norm", "dropout", "preset"}
    assert set(resolved) == set(SpecFile.model_fields) - unsaid
    assert resolved["init"] == {
        "scheme": "kaiming_normal",
        "a": 0.0,
        "mode": "fan_in",
        "nonlinearity": "leaky_relu",
    }


# anything at all --------------------------------------------------------------------------------

KEYS = [*SpecFile.model_fields, "scheme", "name", "std", "gain", "from", "to", "steps", "scale"]
WORDS = [*SCHEMES, *ACTIVATIONS, "auto", "none", "log", "file", "correlated", "float16", "both"]
scalars = st.one_of(
    st.sampled_from(WORDS),
    st.integers(-5, 5),
    st.integers(),
    st.integers(10**300, 10**320),
    st.floats(),
    st.none(),
    st.booleans(),
    st.text(max_size=5),
    st.sampled_from(["²", "1²3", "٣", "\x85", "{m}", "{plural}", "%s", "../x", "a\0b", "[/b]"]),
)
keys = st.one_of(st.sampled_from(KEYS), st.text(max_size=4), st.sampled_from(["1", "<<", "", "²"]))
trees = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(keys, inner, max_size=4)),
    max_leaves=8,
)
ranges = st.fixed_dictionaries(
    {"from": scalars, "to": scalars, "steps": st.integers(0, 5)},
    optional={"scale": st.sampled_from(["log", "linear", "x"])},
)
fields = st.dictionaries(
    st.one_of(st.sampled_from([*SpecFile.model_fields]), keys), trees | ranges, max_size=5
)


def text_of(data):
    return yaml.safe_dump(data, allow_unicode=True, width=10_000)


def validated_or_refused(text, *overrides):
    try:
        spec = reader.validate(
            yamlfile.parse(text.encode(), "s.yaml"), overrides, fallback="s", folder=Path()
        )
        expand.make(spec, max_runs=200)
    except InputError as error:
        refused = error
    else:
        return
    assert str(refused).strip()  # it says something


@given(fields)
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_any_document_is_validated_or_refused(data):
    validated_or_refused(text_of({**BASE, **data}))
    validated_or_refused(text_of(data))


@given(st.sampled_from([*SpecFile.model_fields]), trees | ranges)
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_any_value_of_a_field_is_validated_or_refused(field, value):
    validated_or_refused(text_of({**BASE, field: value}))


@given(
    st.lists(st.one_of(keys, st.sampled_from(["init", "bias", "0"])), max_size=3).map(".".join),
    st.one_of(scalars.map(str), trees.map(text_of), st.text(max_size=8)),
)
@settings(max_examples=150, deadline=None)
def test_any_override_is_taken_or_refused(path, value):
    validated_or_refused(TEXT, f"{path}={value}")


# reading ----------------------------------------------------------------------------------------


def test_a_spec_from_standard_input_has_a_name_of_its_own():
    spec = reader.read("-", stdin=io.BytesIO(TEXT.encode()))
    assert spec.head.name == "stdin"
    with pytest.raises(SpecError) as error:
        reader.read("-", stdin=io.BytesIO(b"dpeth: 3"))
    assert "<stdin>:1:1: dpeth" in str(error.value)


def test_a_spec_from_a_file_is_named_after_it(tmp_path):
    path = tmp_path / "deep.yaml"
    path.write_text(TEXT)
    assert reader.read(str(path)).head.name == "deep"


@pytest.mark.parametrize("name", ["1e5", "2024", "null", "true", "plain"])
def test_a_name_that_looks_like_something_else_survives_being_saved(name):
    spec = reader.validate(
        yamlfile.parse((TEXT + f'name: "{name}"\n').encode(), "s"), fallback="x", folder=Path()
    )
    text = spec_text(expand.make(spec))
    again = reader.validate(yamlfile.parse(text.encode(), "s"), fallback="x", folder=Path())
    assert again.head.name == name


def test_a_saved_spec_finds_its_input_file_from_anywhere(tmp_path):
    np.save(tmp_path / "x.npy", np.ones((16, 4)))
    path = tmp_path / "s.yaml"
    path.write_text(
        "depth: 2\nwidth: 4\nactivation: tanh\ninit: he\ninput: {name: file, path: x.npy}\n"
    )
    plan = expand.make(reader.read(str(path)))
    saved = tmp_path / "results/s/spec.yaml"
    saved.parent.mkdir(parents=True)
    saved.write_text(spec_text(plan))
    assert expand.make(reader.read(str(saved))).runs == plan.runs


# what an override leaves of the claim -----------------------------------------------------------


@pytest.mark.parametrize(
    ("overrides", "about"),
    [
        ([], "relu is steady"),
        (["activation=tanh"], "with activation=tanh; as written: relu is steady"),
        (["width=9", "depth=3"], "with depth=3, width=9; as written: relu is steady"),
        (["depth=9", "depth=[5,10]"], "with depth=[5,10]; as written: relu is steady"),
        (["init.gain=2", "init=he"], "with init=he; as written: relu is steady"),
        (
            ["init=he", "init.mode=fan_out"],
            "with init=he, init.mode=fan_out; as written: relu is steady",
        ),
        (["seeds=3", "band=0", "name=x"], "relu is steady"),
        (["activation=tanh", "about=mine"], "mine"),
    ],
)
def test_a_spec_that_was_overridden_says_so(tmp_path, overrides, about):
    file = tmp_path / "s.yaml"
    file.write_text("about: relu is steady\ndepth: 2\nwidth: 4\nactivation: relu\ninit: he\n")
    assert reader.read(str(file), overrides).head.about == about


@pytest.mark.parametrize(
    ("override", "message", "fix"),
    [
        (
            "activation=[relu, gelu",
            "--set activation: '[relu, gelu' is not a YAML value: expected ',' or ']', but it ends",
            "--set 'activation=[relu, gelu]'",
        ),
        (
            "init.gain=*a",
            "--set init: '*a' is not a YAML value: found undefined alias 'a'",
            "--set init.gain=..., with a number, a name or a list: '[1, 2]'",
        ),
    ],
)
def test_an_override_that_is_not_yaml_is_told_with_what_it_lacks(override, message, fix):
    with pytest.raises(InputError) as error:
        plan(TEXT, override)
    assert (error.value.message, error.value.fix) == (message, fix)


def test_a_long_override_is_cut_and_a_spec_without_a_claim_has_no_quote(tmp_path):
    file = tmp_path / "s.yaml"
    file.write_text("depth: 2\nwidth: 4\nactivation: relu\ninit: he\n")
    about = reader.read(str(file), [f"depth=[{', '.join(map(str, range(1, 99)))}]"]).head.about
    assert about.startswith("with depth=[1, 2")
    assert about.endswith("...")
    assert len(about) < 60
