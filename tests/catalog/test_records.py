"""Every record of the catalog, by a parametrised test: a new record is tested with no new test."""

import ast
import dataclasses
import importlib
import inspect
import math
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

import initlab
from initlab.catalog import ACTIVATIONS, INPUTS, LOSSES, RULES, SCHEMES, TABLES, Fans, Loss
from initlab.catalog.table import load
from initlab.cli.app import build
from initlab.losslab.checks import CHECKS
from initlab.losslab.evaluate import evaluate
from initlab.losslab.explain.tables import WIDTH, laid_out
from initlab.losslab.explain.view import explain
from initlab.losslab.settings import Settings
from initlab.network.targets import ADAPTERS, TARGETS

RECORDS = [(kind, record) for kind, table in TABLES.items() for record in table.values()]
IDS = [f"{kind}-{record.name}" for kind, record in RECORDS]
FIELDS = {
    "schemes": "init", "activations": "activation", "losses": "loss", "inputs": "input",
    "targets": "target",
}  # fmt: skip
CHOICES = [pair for pair in RECORDS if pair[0] in FIELDS]
CHOICE_IDS = [f"{kind}-{record.name}" for kind, record in CHOICES]


def parameters(record):
    """Defaults, and a value inside its bounds for what has none."""
    return {p.name: 0.5 if p.default is None else p.default for p in record.parameters}


@pytest.mark.parametrize(("kind", "record"), RECORDS, ids=IDS)
def test_a_record_says_what_it_is_and_where_it_comes_from(kind, record):
    for text in (record.about, record.formula, record.source):
        assert text.strip() == text
        assert text
        assert "\n" not in text
        assert text.isascii()  # it is shown on any terminal
    assert record.name == record.name.lower()
    assert record.name.isidentifier()


@pytest.mark.parametrize(("kind", "record"), RECORDS, ids=IDS)
def test_a_record_is_found_under_all_its_names(kind, record):
    for name in (record.name, *record.aliases):
        assert TABLES[kind][name] is record
        assert TABLES[kind][name.upper().replace("_", "-")] is record


@pytest.mark.parametrize(("kind", "record"), RECORDS, ids=IDS)
def test_a_record_can_be_described(kind, record):
    done = CliRunner().invoke(build(), ["describe", record.name])
    assert done.exit_code == 0
    assert record.about in done.stdout
    assert record.formula in done.stdout
    assert record.source in done.stdout
    for text in (*record.aliases, *(f"{p.name}: {p.about}" for p in record.parameters)):
        assert text in done.stdout


@pytest.mark.parametrize(("kind", "record"), CHOICES, ids=CHOICE_IDS)
def test_a_record_is_valid_in_a_spec_by_every_name(plan_of, tmp_path, kind, record):
    field, key = FIELDS[kind], "scheme" if kind == "schemes" else "name"
    given = {p.name: 0.5 for p in record.parameters if p.required}
    if record.name == "file":
        given = {"path": str(tmp_path / "x.csv")}
        (tmp_path / "x.csv").write_text("1,2,3,4\n" * 16)
    plans = [plan_of(**{field: {key: name, **given}}) for name in (record.name, *record.aliases)]
    assert len({plan.runs for plan in plans}) == 1
    ((run,),) = {plan.runs for plan in plans}
    assert getattr(run, field).name == record.name
    expected = {**record.defaults, **given}
    if kind == "inputs":
        expected.pop("target", None)  # which becomes the run's own target
    assert getattr(run, field).parameters == expected


@pytest.mark.parametrize("record", [r for _, r in CHOICES if r.parameters], ids=lambda r: r.name)
def test_parameters_are_described_and_their_defaults_lie_within_their_bounds(record):
    assert len({p.name for p in record.parameters}) == len(record.parameters)
    for p in record.parameters:
        assert p.about
        assert (p.kind == "choice") == bool(p.choices)
        if p.kind == "tensor":
            assert p.default is None
        elif p.kind == "flag":
            assert isinstance(p.default, bool)
        elif p.kind == "choice":
            assert p.default in p.choices
        elif not p.required and p.kind in ("number", "integer"):
            assert p.minimum is None or p.default >= p.minimum
            assert p.maximum is None or p.default <= p.maximum
            assert p.above is None or p.default > p.above
            assert p.below is None or p.default < p.below


# activations ------------------------------------------------------------------------------------

POINTS = torch.tensor([-30.0, -3.0, -1.0, -0.1, 0.0, 0.1, 1.0, 3.0, 30.0], dtype=torch.float64)


@pytest.mark.parametrize("record", ACTIVATIONS.values(), ids=lambda r: r.name)
def test_an_activation_is_elementwise_and_finite(record):
    function = record.bind(record.defaults)
    values = function(POINTS)
    assert values.shape == POINTS.shape
    assert values.dtype == torch.float64
    assert torch.isfinite(values).all()
    torch.testing.assert_close(values[3], function(POINTS[3]), rtol=1e-12, atol=0)


@pytest.mark.parametrize("record", ACTIVATIONS.values(), ids=lambda r: r.name)
def test_kinks_are_where_the_slope_or_its_slope_jumps(record):
    """Away from its kinks a function has a bounded third derivative; across one it has none."""
    p = record.defaults
    function = record.bind(p)
    kinks = record.kinks(p)
    assert list(kinks) == sorted(kinks)
    # third differences over a step h are O(h^3) of a smooth function, at least O(h^2) across a jump
    # of the first or the second derivative
    h = 1e-3
    steps = torch.arange(-8, 8, h, dtype=torch.float64) + h / 3
    third = (function(steps).diff(n=3) / h**2).abs()
    rough = steps[:-3][third > 0.1]
    for point in rough.tolist():
        assert any(point - h <= kink <= point + 4 * h for kink in kinks), point
    for kink in kinks:
        if abs(kink) < 8:
            assert any(point - h <= kink <= point + 4 * h for point in rough.tolist()), kink


@pytest.mark.parametrize(
    "record", [r for r in ACTIVATIONS.values() if r.table_gain], ids=lambda r: r.name
)
def test_table_gains_are_torch_s(record):
    name = {"identity": "linear"}.get(record.name, record.name)
    slope = record.defaults.get("negative_slope")
    expected = torch.nn.init.calculate_gain(name, slope)
    assert math.isclose(record.table_gain(record.defaults), expected, rel_tol=1e-12)


# schemes ----------------------------------------------------------------------------------------

DRAWS = {"normal", "uniform", "truncated", "orthogonal", "identity", "sparse", "constant"}


@pytest.mark.parametrize("record", SCHEMES.values(), ids=lambda r: r.name)
def test_a_scheme_is_a_known_draw_with_a_finite_scale(record):
    p = parameters(record)
    assert record.draw(p)[0] in DRAWS
    assert record.check(p) is None
    for fans in (Fans(1, 1), Fans(3, 1000), Fans(1000, 3)):
        scale, shift = record.scale(fans, p)
        assert math.isfinite(scale)
        assert math.isfinite(shift)
        assert scale >= 0


@pytest.mark.parametrize("record", SCHEMES.values(), ids=lambda r: r.name)
def test_a_scheme_s_own_bias_is_a_scheme_for_biases(record):
    if record.bias is not None:
        assert SCHEMES[record.bias].for_bias


# losses and inputs ------------------------------------------------------------------------------

CODE = ("working", "substitution", "verdicts", "details", "slope")
NAMED = [(r, field) for r in LOSSES.values() for field in CODE if getattr(r, field) is not None]


def sample(record):
    """A loss computed from what a sweep would give it: no operands are written here by hand."""
    generator, options = torch.Generator().manual_seed(0), record.defaults
    output = torch.randn(6, 4, generator=generator, dtype=torch.float64)
    target = TARGETS[record.target](output.shape, options, generator, output.dtype)
    tensors = (*ADAPTERS[record.adapter](output, options), *target)
    needed = [o.name for o in record.operands if not o.optional]
    return evaluate(record.name, dict(zip(needed, tensors, strict=True)), {}, Settings(grad=True))


@pytest.mark.parametrize("record", LOSSES.values(), ids=lambda r: r.name)
def test_a_loss_is_torch_s(record):
    """Its class, what that inherits, carries and calls, and the operands."""
    module, function = load(record.module), load(record.function)
    bases = [base.__name__ for base in module.__mro__[1:]]
    assert tuple(bases[: bases.index("Module")]) == record.bases
    owned = [o.name for o in record.operands if o.parameter]
    built = module(3, 2, bias=True) if owned else module()
    assert tuple(built._buffers) == record.state
    trained = [name.replace(".", "_") for name, _ in built.named_parameters()]
    assert trained == owned
    assert f"F.{function.__name__}(" in inspect.getsource(module.forward)
    forward = [name for name in inspect.signature(module.forward).parameters if name != "self"]
    assert [o.name for o in record.operands if not o.parameter] == forward


@pytest.mark.parametrize("record", LOSSES.values(), ids=lambda r: r.name)
def test_the_options_of_a_loss_are_torch_s_with_its_defaults(record):
    theirs = dict(inspect.signature(load(record.function)).parameters)
    for name in ("size_average", "reduce", "reduction", "options"):
        theirs.pop(name, None)
    ours = {p.name: p.default for p in record.parameters}
    if "distance" in ours:  # names what torch takes as a function
        ours["distance_function"] = {"euclidean": None}[ours.pop("distance")]
    assert ours.keys() >= record.torch_defaults.keys()
    ours |= record.torch_defaults
    found = {name: p.default for name, p in list(theirs.items()) if name in ours}
    assert found == ours
    # torch's functions name some operands otherwise; what is left over are operands
    left = [name for name in theirs if name not in ours]
    assert len(left) == len(record.operands)


@pytest.mark.parametrize("record", LOSSES.values(), ids=lambda r: r.name)
def test_the_checks_of_a_loss_exist_and_its_names_are_its_own(record):
    assert set(record.checks) <= set(CHECKS)
    assert len(record.names) == len({n for o in record.operands for n in (o.name, *o.aliases)})
    assert record.names["inputs"] == record.operands[0].name
    assert set(record.reductions) >= {"none", "sum", "mean"}


def test_every_check_belongs_to_a_loss():
    assert {check for record in LOSSES.values() for check in record.checks} == set(CHECKS)


@pytest.mark.parametrize("record", LOSSES.values(), ids=lambda r: r.name)
def test_rules_that_are_harmless_to_torch_exist(record):
    assert {rule.replace("-", "_") for rule in record.harmless or ()} <= set(RULES)


@pytest.mark.parametrize("record", LOSSES.values(), ids=lambda r: r.name)
def test_torch_s_gradient_is_by_the_operand_or_by_the_scores_before_it(record):
    """By scores it sums to 0 over the classes: a constant added to all changes no softmax."""
    first = record.operands[0]
    totals = sample(record).gradients[first.name].sum(-1)
    by_scores = first.holds == "log_probs" and bool((totals.abs() < 1e-12).all())
    assert by_scores == record.gradient_by_scores


@pytest.mark.parametrize(
    ("record", "field"), NAMED, ids=[f"{record.name}-{field}" for record, field in NAMED]
)
def test_the_code_that_a_loss_names_is_public_documented_and_used(monkeypatch, record, field):
    module, _, name = getattr(record, field).partition(":")
    function = load(getattr(record, field))
    assert not name.startswith("_")
    assert function.__doc__
    assert function.__module__ == module  # where it is written, not where it is imported
    calls = []

    def spy(*arguments):
        calls.append(arguments)
        return function(*arguments)

    monkeypatch.setattr(importlib.import_module(module), name, spy)
    text = " ".join(explain(sample(record)).split())
    assert calls
    if field != "working":
        shown = function(*calls[0])
        for line in laid_out([shown] if isinstance(shown, str) else shown, WIDTH, full=False):
            assert " ".join(line.split()) in text


@pytest.mark.parametrize("field", ["working", "substitution", "verdicts"])
def test_a_loss_cannot_be_without_a_formula_a_substitution_or_verdicts(field):
    given = {f.name: getattr(LOSSES["mse"], f.name) for f in dataclasses.fields(Loss)}
    assert dataclasses.asdict(Loss(**given)) == dataclasses.asdict(LOSSES["mse"])
    del given[field]
    with pytest.raises(TypeError, match=f"'{field}'"):
        Loss(**given)


def test_every_explanation_of_a_loss_is_named_by_one():
    named = {getattr(record, field) for record, field in NAMED}
    written = {
        f"{module}:{name}"
        for module in {target.partition(":")[0] for target in named}
        for name, function in vars(importlib.import_module(module)).items()
        if name.startswith(("substitute_", "judge_")) or name.endswith("_table")
        if function.__module__ == module
    }
    assert len(written) > len(LOSSES)
    assert written <= named


# names of losses --------------------------------------------------------------------------------

ROOT = Path(initlab.__file__).parent
LOSS_NAMES = {name for r in LOSSES.values() for name in (r.name, r.class_name, r.function_name)}
#: file -> what may stand there: a default or an example, which has to be some loss
EXCEPTIONS = {
    "catalog/words.py": {"bce_with_logits", "cross_entropy", "kl_div"},  # what words point to
    "cli/loss_request.py": {"bce"},  # the example in a message
    # what these would make of the same residuals
    "losslab/explain/regression.py": {"l1", "mse", "smooth_l1", "huber"},
    "report/drawing/colors.py": {
        "l1",
        "mse",
        "smooth_l1",
        "huber",
    },  # those with a colour of their own
    "spec/model.py": {"mse"},  # the default of a spec
    "theory/recommend.py": {"cross_entropy"},  # what a recommendation measures with
}


def losses_in(source):
    """Names of losses that stand in quotes, and torch's own losses that are used."""
    nodes = list(ast.walk(ast.parse(source)))
    quoted = {node.value for node in nodes if isinstance(node, ast.Constant)}
    used = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    return LOSS_NAMES & (quoted | used)


def test_no_loss_is_known_by_name_outside_of_its_record():
    files = [path for path in ROOT.rglob("*.py") if ROOT / "catalog/losses" not in path.parents]
    found = {path.relative_to(ROOT).as_posix(): losses_in(path.read_text()) for path in files}
    assert {name: losses for name, losses in found.items() if losses} == EXCEPTIONS


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ('if call.loss.name == "ctc": pass', {"ctc"}),
        ('JUDGES = {"mse": 1, "l1": 2}', {"mse", "l1"}),
        ("torch.nn.CTCLoss()", {"CTCLoss"}),
        ("functional.nll_loss(x, t)", {"nll_loss"}),
        ('"""The mse of a call; kl_div."""', set()),
        ('Finding("ctc-label")', set()),
        ("def mse(o, p): return mse", set()),
    ],
)
def test_the_check_sees_a_loss_known_by_name(line, found):
    assert losses_in(line) == found


@pytest.mark.parametrize("record", INPUTS.values(), ids=lambda r: r.name)
def test_an_input_has_text_only_where_a_file_is_named(record):
    assert all(p.kind == ("text" if record.name == "file" else "number") for p in record.parameters)
