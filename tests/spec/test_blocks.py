"""What a spec says of residual sums, norms, dropout and presets: forms, problems, axes, hints."""

import itertools
import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import yaml

from initlab import load_plan
from initlab.catalog import ACTIVATIONS, NORMS, PRESETS, RESIDUALS
from initlab.errors import InputError, SpecError
from initlab.spec import expand, reader, yamlfile
from initlab.spec.model import SpecFile
from initlab.spec.run import LATER

BASE = {"depth": 6, "width": 8, "activation": "relu", "init": "he"}
TEXT = "depth: 6\nwidth: 8\nactivation: relu\ninit: he\n"
ADD = {"every": 2, "scale": 1.0, "skip": 1.0}  # what nobody has to say


def plan(*overrides, **fields):
    """The plan of a spec; a field that is None here is left out."""
    said = {key: value for key, value in {**BASE, **fields}.items() if value is not None}
    return load_plan(said, list(overrides))


def one(*overrides, **fields):
    (run,) = plan(*overrides, **fields).runs
    return run


def problems(text, *overrides):
    document = yamlfile.parse(text.encode(), "s.yaml")
    with pytest.raises(SpecError) as error:
        expand.make(reader.validate(document, overrides, fallback="s", folder=Path()))
    return [str(problem) for problem in error.value.problems]


def sums(run):
    return run.residual and run.residual.parameters


def norms(run):
    return run.norm and {"name": run.norm.name, **run.norm.parameters}


# forms ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "parameters"),
    [
        (2, {}), (2.0, {}), ("4/2", {}), ("add", {}), ("sum", {}), ({}, {}), ({"name": "add"}, {}),
        (3, {"every": 3}),
        ({"every": 3}, {"every": 3}),
        ({"scale": 0.1}, {"scale": 0.1}),
        ({"scale": "1/4"}, {"scale": 0.25}),
        ({"scale": -1}, {"scale": -1.0}),
        *(({"scale": text}, {"scale": "1/sqrt(L)"})
          for text in ("1/sqrt(L)", "1 / sqrt(L)", "1/ sqrt( L )")),
        *(({"scale": word}, {"scale": word}) for word in ("1/L", "rezero", "fixup")),
        ({"skip": "sqrt(4)"}, {"skip": 2.0}),
        # what came later is no part of a run at its default
        ({"project": False, "output_gain": 1, "branch": "linear"}, {"branch": "linear"}),
        ({"project": True, "output_gain": "1/sqrt(L)"},
         {"output_gain": "1/sqrt(L)", "project": True}),
        ({"output_gain": 0.5}, {"output_gain": 0.5}),
    ],
    ids=str,
)  # fmt: skip
def test_a_residual_may_be_said_in_any_way(value, parameters):
    run = one(residual=value)
    assert run.residual.name == "add"
    assert sums(run) == {**ADD, **parameters}
    if "scale" not in parameters:
        assert type(sums(run)["scale"]) is float


@pytest.mark.parametrize("value", ["none", False])
def test_there_may_be_no_sum_and_no_norm(value):
    for field in ("residual", "norm"):
        assert plan(**{field: value}).runs == plan().runs
    document = yamlfile.parse((TEXT + "residual: null\nnorm:\ndropout: 0\n").encode(), "s")
    spec = reader.validate(document, fallback="s", folder=Path())
    assert expand.make(spec).runs == plan().runs
    assert not plan().runs[0].has_blocks


@pytest.mark.parametrize(
    ("value", "name"),
    [
        *((alias, record.name) for record in NORMS.values()
          for alias in (record.name, *record.aliases)),
        ("LayerNorm", "layer"), ("batch-norm", "batch"), ({"name": "ln"}, "layer"),
    ],
    ids=str,
)  # fmt: skip
def test_a_norm_has_its_names(value, name):
    assert one(norm=value).norm.name == name


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({}, "before_activation"),
        ({"residual": 2}, "pre"),
        ({"residual": "none"}, "before_activation"),
        ({"residual": 2, "norm": {"name": "rms", "place": "after_activation"}}, "after_activation"),
        ({"residual": 2, "norm": {"name": "rms", "place": "post"}}, "post"),
    ],
)
def test_a_norm_has_a_place_by_default(fields, place):
    assert one(**{"norm": "rms", **fields}).norm.parameters["place"] == place


def test_the_default_place_is_the_run_that_says_it():
    assert one(norm="layer") == one(norm={"name": "layer", "place": "before_activation"})
    assert one(norm="layer", residual=2) == one(norm={"name": "layer", "place": "pre"}, residual=2)


def test_affine_is_said_only_where_there_is_none():
    assert norms(one(norm={"name": "layer", "affine": True})) == norms(one(norm="layer"))
    assert norms(one(norm={"name": "layer", "affine": False}))["affine"] is False


@pytest.mark.parametrize(("value", "share"), [(0.1, 0.1), ("1/4", 0.25), (0, 0.0)])
def test_dropout_is_a_share(value, share):
    assert one(dropout=value).dropout == share


def test_runs_without_blocks_are_what_they_were():
    run = one()
    assert {name: getattr(run, name) for name in LATER} == LATER
    assert [layer.gain for layer in run.layers] == [1.0] * 6


# axes -------------------------------------------------------------------------------------------

AXES = [
    ("residual", [1, 2, "none"], [1, 2, None], "every"),
    ("residual", {"every": [1, 3]}, [1, 3], "every"),
    ("residual", {"every": {"from": 1, "to": 3, "steps": 3}}, [1, 2, 3], "every"),
    ("residual", {"scale": [0.1, "1/L", "rezero", "1/8"]}, [0.1, "1/L", "rezero", 0.125], "scale"),
    ("residual", {"scale": {"from": 0.5, "to": 2, "steps": 3, "scale": "log"}}, [0.5, 1.0, 2.0],
     "scale"),
    ("residual", {"skip": [1, 0.5]}, [1.0, 0.5], "skip"),
    ("residual", {"branch": ["linear", "activation", "after_sum"]},
     ["linear", "activation", "after_sum"], "branch"),
    ("residual", {"output_gain": [1, "1/sqrt(L)", 0.5]}, [1.0, "1/sqrt(L)", 0.5], "output_gain"),
    ("residual", {"project": [True, False]}, [True, False], "project"),
    ("norm", {"name": "rms", "eps": [1e-3, 0]}, [1e-3, 0.0], "eps"),
    ("norm", {"name": "batch", "affine": [True, False]}, [True, False], "affine"),
    ("norm", {"name": "layer", "place": ["before_activation", "after_activation"]},
     ["before_activation", "after_activation"], "place"),
]  # fmt: skip


@pytest.mark.parametrize(("field", "value", "values", "key"), AXES, ids=str)
def test_every_key_is_an_axis_and_a_column(field, value, values, key):
    found = plan(**{field: value})
    assert [cells.get(f"{field}.{key}") for cells in found.cells] == values
    assert f"{field}.{key}" in found.axes


def test_every_key_of_sums_and_norms_is_tried():
    known = {("residual", p.name) for r in RESIDUALS.values() for p in r.parameters}
    known |= {("norm", p.name) for r in NORMS.values() for p in r.parameters}
    assert known == {(field, key) for field, _, _, key in AXES}


def test_norms_and_dropout_are_axes_too():
    found = plan(norm=["none", "layer", "rms"], dropout=[0, 0.1])
    assert [(cells["norm"], cells["dropout"]) for cells in found.cells] == list(
        itertools.product([None, "layer", "rms"], [0.0, 0.1])
    )
    assert plan(dropout={"from": 0, "to": 0.4, "steps": 3}).runs[1].dropout == 0.2


def test_columns_follow_those_of_initialisers():
    (cells,) = plan(residual={"scale": 0.1}, norm="layer", dropout=0.5, batch=9).cells
    names = list(cells)
    start = names.index("residual")
    assert names[start : start + 7] == [
        "residual", "residual.every", "residual.scale", "residual.skip", "norm", "norm.place",
        "dropout",
    ]  # fmt: skip
    assert names[start - 1].startswith(("init", "bias"))
    assert [cells[name] for name in names[start : start + 7]] == [
        "add", 2, 0.1, 1.0, "layer", "pre", 0.5,
    ]  # fmt: skip


def test_the_product_says_what_it_counts():
    found = plan(residual={"scale": [0.1, 1], "every": [1, 2]}, norm=["none", "rms"], dropout=0.1)
    assert len(found.runs) == 8
    assert "4 residual x 2 norm = 8 runs" in found.product


# problems ---------------------------------------------------------------------------------------

WORDS = "1/sqrt(L), 1/L, rezero, fixup, deepnorm"

VALUES = [
    ("residual: 0", "1:1: residual.every: needs a number >= 1, got 0"),
    ("residual: -1", "1:1: residual.every: needs a number >= 1, got -1"),
    ("residual: 2.5", "1:1: residual.every: needs a whole number, got 2.5"),
    ("residual: 1001", "1:1: residual.every: needs a number <= 1000, got 1001"),
    (
        "residual: two",
        "1:1: residual: needs the number of layers in a branch, or a mapping as in"
        " {every: 2, scale: 0.1}; got 'two'",
    ),
    (
        "residual: true",
        "1:1: residual: needs the number of layers in a branch, or a mapping as in"
        " {every: 2, scale: 0.1}; got True",
    ),
    ("residual: 1/0", "1:1: residual: 1/0: it divides by zero"),
    ("residual: [1, 0]", "1:15: residual[1].every: needs a number >= 1, got 0"),
    ("residual: {evry: 2}", "1:12: residual.evry: add has no 'evry'; did you mean every?"),
    ("residual: {every: 2.5}", "1:12: residual.every: needs a whole number, got 2.5"),
    ("residual: {scale: 2/L}", f"1:12: residual.scale: needs a number or one of {WORDS}, got"
     " '2/L'"),
    ("residual: {scale: big}", f"1:12: residual.scale: needs a number or one of {WORDS}, got"
     " 'big'"),
    ("residual: {scale: .nan}", f"1:12: residual.scale: needs a number or one of {WORDS}, got nan"),
    ("residual: {scale: true}", f"1:12: residual.scale: needs a number or one of {WORDS}, got"
     " True"),
    ("residual: {scale: 1/0}", "1:12: residual.scale: 1/0: it divides by zero"),
    ("residual: {skip: .inf}", "1:12: residual.skip: needs a finite number, got inf"),
    ("residual: {output_gain: rezero}", "1:12: residual.output_gain: needs a number or one of"
     " 1/sqrt(L), 1/L, got 'rezero'"),
    ("residual: {branch: relu}", "1:12: residual.branch: needs one of 'linear', 'activation' or"
     " 'after_sum', got 'relu'"),
    ("residual: {project: 1}", "1:12: residual.project: needs true or false, got 1"),
    ("norm: layre", "1:1: norm: unknown norm 'layre'; did you mean layer? (initlab list norms)"),
    ("norm: 5", "1:1: norm: needs a norm by name, got 5"),
    ("norm: {place: pre}", "1:1: norm: needs the key 'name' with a norm by name"),
    ("norm: {name: ln, palce: pre}", "1:18: norm.palce: layer has no 'palce'; did you mean place?"),
    ("norm: {name: ln, eps: -1}", "1:18: norm.eps: needs a number >= 0, got -1"),
    ("norm: {name: ln, eps: 2}", "1:18: norm.eps: needs a number <= 1, got 2"),
    ("norm: {name: ln, affine: 1}", "1:18: norm.affine: needs true or false, got 1"),
    ("norm: {name: ln, place: front}", "1:18: norm.place: needs one of 'pre', 'post',"
     " 'before_activation' or 'after_activation', got 'front'"),
    ("dropout: 1", "1:1: dropout: needs a number < 1, got 1"),
    ("dropout: -0.1", "1:1: dropout: needs a number >= 0, got -0.1"),
    ("dropout: half", "1:1: dropout: needs a number, got 'half'"),
    ("preset: deepnrom", "1:1: preset: unknown preset 'deepnrom'; did you mean deepnorm?"
     " (initlab list presets)"),
    ("preset: 3", "1:1: preset: needs a preset by name, got 3"),
    ("preset: [gpt2, 3]", "1:16: preset[1]: needs a preset by name, got 3"),
    # where a key belongs
    ("every: 2", "1:1: every: 'every' stands inside residual, as in residual: {..., every: ...}"),
    ("place: pre", "1:1: place: 'place' stands inside norm, as in norm: {..., place: ...}"),
    ("last: {norm: rms}", "1:8: last.norm: 'norm' is the same for all layers and stands beside"
     " last, which takes activation, init, bias"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "message"), VALUES)
def test_a_value_that_is_none_is_refused_in_its_place(line, message):
    assert problems(f"{line}\n{TEXT}") == [f"s.yaml:{message}"]


#: what does not fit each other, the problem, and what it advises
MISFITS = [
    (
        {"norm": {"name": "ln", "place": "pre"}}, "norm.place",
        "pre is a place around a residual branch, which networks without residual do not have;"
        " needs residual for all, or place: before_activation or after_activation",
        [{"residual": 2}, *({"norm": {"name": "ln", "place": p}}
                            for p in ("before_activation", "after_activation"))],
    ),
    (
        {"norm": {"name": "ln", "place": "post"}}, "norm.place",
        "post is a place around a residual branch, which networks without residual do not have;"
        " needs residual for all, or place: before_activation or after_activation",
        [{"residual": 2}],
    ),
    (
        {"residual": 7}, "residual.every",
        "a branch of 7 layers does not fit: 6 layers of 6 stand between what is set apart as first"
        " and last",
        [{"depth": 7}, {"residual": 6}],
    ),
    (
        {"residual": {"every": 1, "scale": "fixup"}}, "residual.scale",
        "fixup needs every: 2 or more: its last weights are 0",
        [{"residual": {"every": 2, "scale": "fixup"}}],
    ),
    (
        {"residual": {"scale": "deepnorm"}}, "residual.scale",
        "deepnorm needs norm: {name: layer, place: post}",
        [{"norm": {"name": "layer", "place": "post"}}],
    ),
    (
        {"residual": {"scale": "deepnorm"}, "norm": "layer"}, "residual.scale",
        "deepnorm needs norm: {name: layer, place: post}",
        [{"norm": {"name": "layer", "place": "post"}}],
    ),
    (
        {"residual": {"scale": "deepnorm", "skip": 2}, "norm": {"name": "rms", "place": "post"}},
        "residual.skip", "deepnorm sets it itself",
        [{"residual": {"scale": "deepnorm"}}],
    ),
    *(
        (
            {"residual": {"scale": scale, "output_gain": 0.5},
             "norm": {"name": "rms", "place": "post"}},
            "residual.output_gain", f"{scale} sets the weights' factors itself",
            [{"residual": {"scale": scale}}],
        )
        for scale in ("deepnorm", "fixup")
    ),
    (
        {"shape": [8, 8, 8, 5, 6, 6, 6], "depth": None, "width": None, "residual": 2}, "residual",
        "2 layers from 2 on go from 8 to 6 neurons, which cannot be added; needs project: true,"
        " or equal widths",
        [{"residual": {"every": 2, "project": True}}, {"shape": [8] * 7}],
    ),
    (
        {"norm": "batch", "batch": 1}, "norm", "batch needs a batch of at least 2, it has 1",
        [{"batch": 2}],
    ),
    *(
        (
            {"norm": name, "width": 1}, "norm", f"{name} needs layers of at least 2 neurons",
            [{"width": 2}],
        )
        for name in ("layer", "rms")
    ),
    (
        {"dropout": 0.1, "draws": "script"}, "dropout",
        "masks have no place in the order of a script; leave out draws: script",
        [{"draws": None}],
    ),
    (
        {"shape": [8, 8, 6, 6], "depth": None, "width": None, "draws": "script",
         "residual": {"every": 1, "project": True}},
        "residual.project",
        "projections have no place in the order of a script; leave out draws: script",
        [{"draws": None}],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "path", "message", "fixes"), MISFITS, ids=str)
def test_what_does_not_fit_is_refused_and_fits_as_advised(fields, path, message, fixes):
    with pytest.raises(SpecError) as error:
        plan(**fields)
    assert [(p.path, p.message) for p in error.value.problems] == [(path, message)]
    for fix in fixes:
        assert plan(**{**fields, **fix}).runs


def test_a_head_of_one_neuron_has_no_norm_and_is_fine():
    for norm in ("layer", "rms"):
        assert plan(shape=[8, 8, 8, 1], depth=None, width=None, norm=norm).runs
        assert plan(shape=[1, 8, 8, 8, 1], depth=None, width=None, norm=norm, residual=1).runs
    assert plan(norm="batch", width=1).runs  # it is taken over samples


def test_a_spec_needs_init_or_a_preset():
    (problem,) = problems(TEXT.replace("init: he\n", ""))
    assert problem.endswith("a spec needs init, or a preset that says it")
    for said in ({"init": "he"}, *({"preset": name} for name in PRESETS)):
        assert plan(**{"init": None, **said}).runs


def test_a_problem_of_a_preset_s_stands_where_the_spec_says_the_other_half():
    (problem,) = problems(TEXT + "preset: deepnorm\nnorm: none\n")
    assert problem.endswith("deepnorm needs norm: {name: layer, place: post}")


# presets ----------------------------------------------------------------------------------------

#: what each fills in: parameters of sums, of norms, name and parameters of the initialiser
FILLED = {
    "deepnorm": (
        {**ADD, "scale": "deepnorm"}, {"name": "layer", "place": "post"}, "xavier_normal",
    ),
    "fixup": ({**ADD, "scale": "fixup"}, None, "kaiming_normal"),
    "rezero": ({**ADD, "scale": "rezero"}, None, "kaiming_normal"),
    "skipinit": ({**ADD, "scale": "1/sqrt(L)"}, None, "kaiming_normal"),
    "gpt2": (
        {**ADD, "output_gain": "1/sqrt(L)"}, {"name": "layer", "place": "pre"}, "normal",
    ),
}  # fmt: skip


def test_every_preset_is_known():
    assert list(FILLED) == list(PRESETS)


@pytest.mark.parametrize("preset", FILLED)
def test_a_preset_fills_in_what_is_not_said(preset):
    residual, norm, init = FILLED[preset]
    run = one(preset=preset, init=None)
    assert (sums(run), norms(run), run.init.name) == (residual, norm, init)
    if preset == "gpt2":
        assert run.init.parameters["std"] == 0.02
    # any part that is said stays as it is said
    assert one(preset=preset).init.name == "kaiming_normal"
    assert sums(one(preset=preset, residual=3, init=None)) == {**ADD, "every": 3}
    if preset != "deepnorm":
        other = {"name": "rms", "place": "before_activation"}
        run = one(preset=preset, norm=other)
        assert (sums(run), norms(run)) == (residual, other)
        assert norms(one(preset=preset, norm="none")) is None
        assert sums(one(preset=preset, norm=other, residual="none")) is None


@pytest.mark.parametrize("preset", FILLED)
def test_a_preset_is_the_run_that_says_all_of_it(preset):
    said = {field: dict(value) for field, value in PRESETS[preset].fields.items()}
    (run,) = plan(**{"init": None, **said}).runs
    assert one(preset=preset, init=None) == run


@pytest.mark.parametrize("name", ["DeepNorm", "DEEPNORM"])
def test_a_preset_is_named_in_any_case(name):
    assert one(preset=name) == one(preset="deepnorm")


def test_presets_are_an_axis():
    found = plan(preset=["deepnorm", "fixup", "gpt2"], init=None, seeds=2)
    assert [sums(run)["scale"] for run in found.runs[::2]] == ["deepnorm", "fixup", 1.0]
    assert {run.init.name for run in found.runs} == {"xavier_normal", "kaiming_normal", "normal"}
    assert "3 preset x 2 seeds = 6 runs" in found.product
    # each with every value of what is said
    found = plan(preset=["fixup", "gpt2"], norm=["none", "rms"])
    assert [(sums(run)["scale"], run.norm and run.norm.name) for run in found.runs] == [
        ("fixup", None), ("fixup", "rms"), (1.0, None), (1.0, "rms"),
    ]  # fmt: skip


def test_a_preset_in_a_case_is_that_case_s():
    found = plan(cases=[{"preset": "gpt2"}, {}])
    assert [run.residual is None for run in found.runs] == [False, True]


# resolved ---------------------------------------------------------------------------------------

ROUND_TRIPS = [
    {"residual": 2},
    {"residual": [1, {"every": 2, "scale": [0.1, "1/sqrt(L)"]}, "none"]},
    {"residual": {"every": 2, "branch": "after_sum", "project": True, "output_gain": "1/L"}},
    {"residual": {"scale": "rezero", "skip": 0.5}, "dropout": [0, 0.1]},
    {"norm": ["none", "layer", {"name": "rms", "eps": 1e-3, "affine": False}]},
    {"norm": {"name": "batch", "place": ["before_activation", "after_activation"]}},
    {"norm": "layer", "residual": ["none", 2]},  # of which the default place depends
    {"residual": "none"},
    {"norm": "none", "dropout": 0},
    *({"preset": name, "init": None} for name in PRESETS),
    {"preset": ["deepnorm", "gpt2"], "init": None},
    {"preset": "deepnorm", "residual": 3},
    {"preset": "gpt2", "norm": "none"},
    {"preset": "gpt2", "norm": ["none", "rms"]},
    {"preset": "fixup", "residual": "none"},
    {"cases": [{"residual": 2}, {"norm": "batch"}, {"dropout": 0.1}, {"preset": "skipinit"}, {}]},
    {"preset": "gpt2", "cases": [{"norm": "none"}, {"residual": "none", "norm": "rms"}, {}]},
    {"residual": 2, "cases": [{"residual": "none"}, {}]},
]


@pytest.mark.parametrize("fields", ROUND_TRIPS, ids=str)
def test_a_resolved_spec_gives_the_same_runs(fields):
    first = plan(**fields)
    again = load_plan(yaml.safe_load(yaml.safe_dump(first.data, sort_keys=False)))
    assert again.runs == first.runs
    assert again.data == first.data


def test_a_resolved_spec_says_nothing_of_what_is_not_there():
    assert {"residual", "norm", "dropout", "preset"}.isdisjoint(plan().data)
    assert plan(residual=2).data["residual"] == {"name": "add", **ADD, "output_gain": 1.0,
                                                 "project": False}  # fmt: skip


# settings ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "setting", "parameters"),
    [
        *(
            (said, setting, {"every": 2, **changed})
            for said in ({"residual": 2}, {"residual": "4/2"}, {"residual": "add"}, {},
                         {"residual": {"every": 2}}, {"residual": "none"}, {"residual": False})
            for setting, changed in (
                ("residual.scale=0.1", {"scale": 0.1}),
                ("residual.every=3", {"every": 3}),
                ("residual.scale=1/sqrt(L)", {"scale": "1/sqrt(L)"}),
                ("residual=1", {"every": 1}),
            )
        ),
        ({"residual": {"scale": 3}}, "residual.every=3", {"every": 3, "scale": 3.0}),
        ({"residual": 3}, "residual.scale=0.1", {"every": 3, "scale": 0.1}),
        ({"cases": [{"residual": 3}]}, "residual.scale=0.1", {"every": 3, "scale": 0.1}),
        # of a preset's sum nothing is left: the spec says one of its own
        ({"preset": "deepnorm"}, "residual.scale=0.1", {"scale": 0.1}),
    ],
    ids=str,
)  # fmt: skip
def test_a_setting_of_a_residual_that_is_said_in_short(fields, setting, parameters):
    assert sums(one(setting, **fields)) == {**ADD, **parameters}


def test_a_setting_reaches_one_residual_of_several():
    runs = plan("residual.1.scale=0.1", "residual.2.every=3", residual=[1, 2, "none"]).runs
    assert [sums(run) for run in runs] == [
        {**ADD, "every": 1}, {**ADD, "scale": 0.1}, {**ADD, "every": 3},
    ]  # fmt: skip


@pytest.mark.parametrize("norm", ["layer", "ln", {"name": "layer"}])
def test_a_setting_of_a_norm_that_is_said_by_name(norm):
    run = one("norm.place=post", norm=norm, residual=2)
    assert norms(run) == {"name": "layer", "place": "post"}
    run = one("norm.eps=1e-3", norm=norm)
    assert norms(run) == {"name": "layer", "place": "before_activation", "eps": 1e-3}


def test_settings_of_dropout_and_presets():
    assert one("dropout=0.5").dropout == 0.5
    assert [run.dropout for run in plan("dropout=[0, 0.5]").runs] == [0, 0.5]
    assert one("preset=gpt2", "init=he") == one(preset="gpt2")
    (both,) = {len(plan("preset=[gpt2, fixup]").runs)}
    assert both == 2


@pytest.mark.parametrize(
    ("fields", "setting"),
    [({"residual": True}, "residual.scale=1"), ({"norm": 5}, "norm.place=pre"),
     ({"residual": "two"}, "residual.scale=1"), ({}, "norm.place=pre"),
     ({"residual": 0}, "residual.scale=1"), ({}, "dropout.rate=0.1"), ({}, "preset.name=gpt2")],
    ids=str,
)  # fmt: skip
def test_a_setting_that_does_not_fit_is_refused(fields, setting):
    with pytest.raises(InputError):
        plan(setting, **fields)


# hints ------------------------------------------------------------------------------------------

MEAN = (
    "residual: branches that end in an activation of a mean make the stream's mean grow with every"
    " block, and samples alike; branch: linear ends them without one"
)
TWICE = "residual: the depth is counted twice, by scale: 1/sqrt(L) and by output_gain: 1/L; leave one of them out"  # noqa: E501

OWN = "gives way to the spec's own"

HINTS = [
    ({"residual": 2}, []),
    ({"residual": 1}, [MEAN]),
    ({"residual": 1, "seeds": 3, "norm": ["none", "rms"]}, [MEAN]),  # once
    ({"residual": {"every": 1, "branch": "linear"}}, []),
    ({"residual": {"every": 2, "branch": "activation"}}, [MEAN]),
    ({"residual": {"every": 2, "branch": "after_sum"}}, []),
    *(({"residual": 1, "activation": name}, [])
      for name in ("identity", "tanh", "softsign", "hardtanh", "sin", "erf", "arctan")),
    *(({"residual": 1, "activation": name}, [MEAN]) for name in ("gelu", "sigmoid", "silu")),
    (
        {"residual": 4},
        ["residual: a branch has 4 layers, and 1 blocks fit; layers without a sum after them: 2 of"
         " 6"],
    ),
    ({"residual": 4, "depth": 8}, []),
    ({"residual": 2, "depth": 8, "last": {"bias": 0}, "first": {"bias": 0}}, []),
    (
        {"residual": 2, "last": {"bias": 0}},
        ["residual: a branch has 2 layers, and 2 blocks fit; layers without a sum after them: 1 of"
         " 6"],
    ),
    ({"residual": {"scale": "1/sqrt(L)", "output_gain": "1/L"}}, [TWICE]),
    ({"residual": {"scale": "1/sqrt(L)"}}, []),
    ({"residual": {"output_gain": "1/L"}}, []),
    ({"residual": {"scale": "1/sqrt(L)", "output_gain": 0.5}}, []),
    (
        {"preset": "rezero", "init": None},
        ["preset rezero fills in residual: {every: 2, scale: rezero}, init: kaiming_normal"],
    ),
    (
        {"preset": "gpt2", "init": None},
        ["preset gpt2 fills in residual: {every: 2, output_gain: 1/sqrt(L)}, norm: {name: layer,"
         " place: pre}, init: {scheme: normal, std: 0.02}"],
    ),
    (
        {"preset": ["fixup", "deepnorm"], "residual": 2},
        [f"preset fixup fills in nothing; its residual: {{every: 2, scale: fixup}} {OWN}; its init:"
         f" kaiming_normal {OWN}",
         "preset deepnorm fills in norm: {name: layer, place: post}; its residual: {every: 2,"
         f" scale: deepnorm}} {OWN}; its init: xavier_normal {OWN}"],
    ),
    (
        {"preset": "gpt2", "norm": "none", "residual": 2, "init": None},
        ["preset gpt2 fills in init: {scheme: normal, std: 0.02}; its residual: {every: 2,"
         f" output_gain: 1/sqrt(L)}} {OWN}; its norm: {{name: layer, place: pre}} {OWN}"],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "hints"), HINTS, ids=str)
def test_what_is_strange_is_told(fields, hints):
    assert list(plan(**fields).hints) == hints


@pytest.mark.parametrize("preset", FILLED)
def test_what_a_preset_fills_in_is_told_as_a_spec_says_it(preset):
    found = plan(preset=preset, init=None)
    (hint,) = found.hints
    said = yaml.safe_load("{" + hint.removeprefix(f"preset {preset} fills in ") + "}")
    assert plan(**{"init": None, **said}).runs == found.runs
    (hint,) = plan(**said, preset=preset).hints
    assert hint.startswith(f"preset {preset} fills in nothing; its residual: {{")
    assert hint.count(OWN) == len(said)


def test_advice_of_hints_is_followed_by_none():
    assert plan(residual={"every": 1, "branch": "linear"}).hints == ()  # as MEAN advises
    for kept in ({"scale": "1/sqrt(L)"}, {"output_gain": "1/L"}):  # as TWICE does
        assert plan(residual=kept).hints == ()


# JSON Schema ------------------------------------------------------------------------------------

GOOD = [
    *({"residual": value} for value in (
        2, 2.0, "4/2", "add", "sum", "none", False, {}, {"every": 3}, {"name": "add", "every": 3},
        [1, 2, "none"], [{"every": [1, 2]}, 3], {"scale": "1/sqrt(L)"}, {"scale": [0.1, "rezero"]},
        {"scale": {"from": 0.1, "to": 1, "steps": 3}}, {"branch": ["linear", "after_sum"]},
        {"output_gain": "1/L"}, {"project": [True, False]}, {"skip": "sqrt(2)"},
    )),
    *({"norm": value} for value in (
        "layer", "ln", "none", False, ["none", "rms"], {"name": "bn", "place": "after_activation"},
        {"name": "rms", "eps": 0}, {"name": "rms", "eps": [0.1, 1e-3], "affine": False},
    )),
    *({"dropout": value} for value in (0, 0.5, "1/4", [0, 0.1],
                                       {"from": 0, "to": 0.5, "steps": 2})),
    *({"preset": name} for name in (*PRESETS, ["gpt2", "fixup"])),
    {"preset": "gpt2", "init": None},
]  # fmt: skip
BAD = [
    *({"residual": value} for value in (
        0, -1, 2.5, True, "two", {"evry": 2}, {"name": "mul"}, {"branch": "relu"}, {"project": 1},
        {"every": 0}, {"scale": "2L"}, {"scale": "huge"}, {"scale": True}, [],
        {"output_gain": "rezero"}, {"skip": "x"}, {"from": 1, "to": 2, "steps": 2},
    )),
    *({"norm": value} for value in (
        "layre", 5, True, {"place": "pre"}, {"name": "layer", "eps": -1},
        {"name": "layer", "eps": 2}, {"name": "layer", "plaec": "pre"}, [],
        {"name": "layer", "place": "front"}, {"name": "layer", "affine": 1},
    )),
    *({"dropout": value} for value in (1, -0.1, "half", True, [])),
    *({"preset": value} for value in ("deepnrom", 3, [], ["gpt2", 1])),
]  # fmt: skip


@pytest.fixture(scope="module")
def schema():
    return jsonschema.Draft202012Validator(SpecFile.model_json_schema())


@pytest.mark.parametrize("fields", GOOD, ids=str)
def test_the_reader_and_the_schema_take_the_same(schema, fields):
    plan(**fields)
    said = {key: value for key, value in {**BASE, **fields}.items() if value is not None}
    assert [error.message for error in schema.iter_errors(json.loads(json.dumps(said)))] == []


@pytest.mark.parametrize("fields", BAD, ids=str)
def test_the_reader_and_the_schema_refuse_the_same(schema, fields):
    with pytest.raises(SpecError):
        plan(**fields)
    assert not schema.is_valid({**BASE, **fields})


@pytest.mark.parametrize("fields", ROUND_TRIPS, ids=str)
def test_the_schema_takes_resolved_specs(schema, fields):
    data = json.loads(json.dumps(plan(**fields).data))
    assert [error.message for error in schema.iter_errors(data)] == []


def test_activations_without_a_mean_are_those_that_theory_finds():
    from initlab.spec.blocks import WITHOUT_MEAN
    from initlab.theory.moments import Activation, choice_of

    def mean(name):
        found = Activation(choice_of(name)).moments(np.array([0.5, 2.0]))
        return np.abs(found.mean) / np.sqrt(found.second)

    assert {name for name in ACTIVATIONS if (mean(name) < 1e-9).all()} == set(WITHOUT_MEAN)
