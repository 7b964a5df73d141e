"""The name of a run: equal for equal runs only, and all that is needed to build it again."""

import hashlib
import json
from dataclasses import fields, replace

import numpy as np
import pytest

from initlab import load_plan
from initlab.catalog import ACTIVATIONS, INPUTS, LOSSES, PRESETS, SCHEMES
from initlab.spec.run import LATER, Choice, Override, Run
from initlab.spec.samples import Samples
from initlab.store.identity import VERSION, band_name, describe, name_of, point_name, rebuilt
from initlab.store.tables import SCHEMA
from initlab.theory.expectation import band_point

SHAPE = {"depth": 3, "width": 24, "activation": "tanh", "init": "he"}
#: parameters that a record needs
GIVEN = {
    "constant": {"value": 0.5},
    "normal": {"std": 2},
    "scaled_normal": {"sigma_w": 1.5},
    "sparse": {"sparsity": 0.5},
}


def plans():
    for name in ACTIVATIONS:
        yield {"activation": name}
    for name in SCHEMES:
        yield {"init": {"scheme": name, **GIVEN.get(name, {})}}
    for name in LOSSES:
        yield {"loss": name, "batch": 32}
    for name in sorted(set(INPUTS) - {"file"}):
        yield {"input": name}
    yield {"bias": {"std": 0.1}}
    yield {"init": {"scheme": "xavier_uniform", "gain": ["tanh", "auto", 1e-300]}}
    yield {
        "last": {"activation": "identity", "init": {"scheme": "orthogonal", "gain": [0.1, 1]}},
        "layers": {1: {"bias": ["none", {"std": 0.1}]}, "0": {"init": "torch_default"}},
    }
    for name in PRESETS:
        yield {"depth": 4, "preset": name}
    yield {"depth": 4, "residual": {"every": [1, 2], "scale": [0.1, "1/L"], "project": True}}
    yield {"residual": {"every": 1, "branch": "after_sum", "output_gain": ["1/sqrt(L)", 0.5]}}
    yield {
        "norm": [{"name": "rms", "eps": 1e-3}, {"name": "batch", "affine": False}, "layer"],
        "dropout": [0, 0.1],
        "residual": ["none", 1],
    }
    yield {"draws": "script", "dtype": ["float64", "bfloat16"], "record": "forward", "seeds": [7]}


@pytest.mark.parametrize("given", [*plans()], ids=str)
def test_a_run_survives_being_described(given):
    for run in load_plan({**SHAPE, **given}).runs:
        again = rebuilt(json.loads(json.dumps(describe(run))))
        assert again == run
        assert hash(again) == hash(run)
        assert again.cells() == run.cells()
        assert name_of(again) == name_of(run)


def test_runs_that_differ_in_anything_have_other_names():
    base = load_plan({**SHAPE, "bias": {"std": 0.5}}).runs[0]
    other = {
        "shape": (24, 24, 24, 25), "activation": Choice("relu"), "bias": None, "seed": 1,
        "init": Choice("he", (("nonlinearity", "relu"),)), "loss": Choice("l1"), "batch": 17,
        "reduction": "sum", "input": Choice("normal", (("mean", 0.0), ("std", 2.0))),
        "dtype": "float64", "draws": "script", "record": "forward",
        "target": Choice("normal"), "saturation": 0.1, "overrides": (Override("last", bias=None),),
        "residual": Choice("add", (("every", 2), ("scale", 1.0), ("skip", 1.0))),
        "norm": Choice("layer", (("place", "before_activation"),)), "dropout": 0.1,
    }  # fmt: skip
    assert set(other) == {field.name for field in fields(Run)}
    changed = [replace(base, **{name: value}) for name, value in other.items()]
    names = {name_of(run) for run in [base, *changed]}
    assert len(names) == 1 + len(other)
    # a point is a run without its seed
    points = [point_name(run) for run in [base, *changed]]
    assert len(set(points)) == len(other)
    assert points[1 + list(other).index("seed")] == points[0]


#: names of runs of before the parameters `fan`, `omega` and `gain` of sparse, made by the code
#: before them: journals of that time are continued
OLDER = {
    "lecun_normal": "88ad286432ae2a798074f78e26288553",
    "sparse": "a481b325a948321de6b2d1b6d06d3c4e",
    "sin": "3482a1dbc310c466e3a340caa0d3551d",
}


@pytest.mark.parametrize("given", [
    {"init": "lecun_normal"}, {"init": {"scheme": "lecun_normal", "fan": "in"}},
    {"init": {"scheme": "sparse", "sparsity": 0.5}},
    {"activation": "sin"}, {"activation": {"name": "sin", "omega": 1}},
], ids=str)  # fmt: skip
def test_a_parameter_that_came_later_leaves_older_runs_their_names(given):
    (run,) = load_plan({**SHAPE, **given}).runs
    name = "sin" if "activation" in given else run.init.name
    assert name_of(run) == OLDER[name]
    assert "omega" not in run.activation.parameters
    assert "fan" not in run.init.parameters


@pytest.mark.parametrize(
    "given",
    [
        {"init": {"scheme": "lecun_normal", "fan": "out"}},
        {"init": {"scheme": "sparse", "sparsity": 0.5, "gain": 1}},
        {"activation": {"name": "sin", "omega": 30}},
    ],
    ids=str,
)
def test_a_parameter_that_came_later_names_a_run_where_it_is_set(given):
    (run,) = load_plan({**SHAPE, **given}).runs
    assert name_of(run) not in OLDER.values()
    assert rebuilt(json.loads(json.dumps(describe(run)))) == run


def test_equal_runs_of_other_specs_have_one_name():
    one = load_plan({**SHAPE, "seeds": 3, "thresholds": {"vanishing": 1e-9}, "about": "x"})
    two = load_plan(
        {"shape": [24] * 4, "activation": "tanh", "init": {"scheme": "kaiming_normal"},
         "loss": ["l1", "mse"], "seeds": [2]}
    )  # fmt: skip
    assert name_of(one.runs[2]) == name_of(two.runs[1])


def test_what_an_older_theory_said_of_a_point_has_another_name(monkeypatch):
    run = load_plan(SHAPE).runs[0]
    now, own = point_name(run), name_of(run)
    assert point_name(replace(run, seed=5)) == now
    monkeypatch.setattr("initlab.store.identity.THEORY", 1)
    assert point_name(run) != now  # so it is predicted again
    assert name_of(run) == own  # and not measured again


@pytest.mark.parametrize(
    "override",
    [
        Override("first"),
        Override("last", activation=Choice("relu")),
        Override("last", init=Choice("he")),
        Override("last", bias=Choice("zeros"), rebiased=True),
        Override("last", bias=None, rebiased=True),
        Override("2-3"),
    ],
)
def test_what_layers_have_of_their_own_is_part_of_a_name(override):
    run = load_plan({**SHAPE, "bias": "zeros"}).runs[0]
    other = replace(run, overrides=(Override("last"),))
    names = {name_of(r) for r in (run, other, replace(run, overrides=(override,)))}
    assert len(names) == 3


def test_names_of_older_runs_are_those_of_older_folders():
    # written down before layers could differ; a folder of then must be continued now
    run = load_plan({**SHAPE, "bias": {"std": 0.5}, "seeds": [3]}).runs[0]
    assert set(describe(run)).isdisjoint(LATER)
    assert name_of(run) == "c2436ff1424a15c04c179e73cc4c84cc"


def test_a_file_is_named_by_its_path_and_what_is_in_it():
    run = load_plan(SHAPE).runs[0]

    def fed(path, digest):
        samples = Samples(path, digest, np.ones((16, 24)), (0, 0, 0))
        return replace(run, input=Choice("file", (("path", path),), samples))

    names = {name_of(fed(*of)) for of in (("a", "1"), ("a", "2"), ("b", "1"))}
    assert len(names) == 3  # two paths are two runs of one spec
    assert name_of(fed("a", "1")) in names
    unread = replace(run, input=Choice("file", (("path", "a"),)))
    with pytest.raises(ValueError, match="a was not read"):
        name_of(unread)


def test_a_target_is_part_of_a_name_and_so_is_what_its_file_holds():
    run = load_plan({**SHAPE, "loss": "l1"}).runs[0]
    assert "target" not in describe(run)

    def compared(path, digest):
        samples = Samples(path, digest, np.ones((16, 24)), (0, 0, 0))
        return replace(run, target=Choice("file", (("path", path),), samples))

    others = [compared("a", "1"), compared("a", "2"), compared("b", "1"),
              replace(run, target=Choice("constant", (("value", 1.0),))),
              replace(run, target=Choice("classes", (("shares", (0.5, 0.5)),)))]  # fmt: skip
    assert len({name_of(r) for r in (run, *others)}) == 6
    shared = json.loads(json.dumps(describe(others[-1])))
    assert rebuilt(shared) == others[-1]
    with pytest.raises(ValueError, match="a was not read"):
        name_of(replace(run, target=Choice("file", (("path", "a"),))))
    # a band is of what a network gives, whatever that is compared with
    assert {band_point(r) for r in others} == {band_point(run)}


def test_bands_are_shared_by_what_they_depend_on():
    runs = load_plan(
        {**SHAPE, "init": ["he", {"scheme": "kaiming_uniform"}], "loss": ["mse", "l1"], "seeds": 2}
    ).runs
    (point,) = {band_point(run) for run in runs}
    names = {band_name(point, networks) for networks in (20, 400)}
    deeper = band_point(load_plan({**SHAPE, "depth": 4}).runs[0])
    assert len({*names, band_name(deeper, 20)}) == 3


def test_the_version_is_raised_with_the_tables():
    # Tables that have changed need another VERSION, so that no journal is read as what it is not:
    # raise it, and put the new hash here.
    known = {1: "84d25b2d9051313a", 2: "84d25b2d9051313a"}
    assert known[VERSION] == hashlib.sha256(SCHEMA.encode()).hexdigest()[:16]


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({}, "2d7b191838bd9c274321ea217b52dee2"),
        (
            {
                "shape": [32, 64, 16], "init": "xavier_uniform", "bias": {"std": 0.1}, "batch": 8,
                "activation": {"name": "leaky_relu", "negative_slope": 0.2},
            },
            "44d0ed1fc80435a196c7429f7d67c558",
        ),
    ],
    ids=str,
)  # fmt: skip
def test_a_band_keeps_the_name_that_it_had(fields, name):
    # as the release before layers could differ named them: its journals are continued
    size = {} if "shape" in fields else {"depth": 3, "width": 32}
    (run,) = load_plan({"activation": "tanh", "init": "he", **size, **fields}).runs
    assert band_name(band_point(run), 400) == name


def test_bands_of_layers_that_differ_have_names_of_their_own():
    last = {"activation": "identity"}
    given = [
        {}, {"last": last}, {"first": last}, {"layers": {"0-2": last}}, {"activation": "identity"},
    ]  # fmt: skip
    points = [band_point(load_plan({**SHAPE, **fields}).runs[0]) for fields in given]
    names = [band_name(point, 400) for point in points]
    assert len(set(names)) == len(set(points)) == 4
    assert names[3] == names[4]  # however it is said that all are the identity


def test_bands_of_whole_networks_are_named_by_what_they_depend_on():
    fields = [{}, {"seeds": [2]}, {"loss": "l1"}, {"init": "orthogonal"}, {"batch": 17}]
    fields += [{"dropout": 0.1}, {"norm": "rms"}, {"residual": 1}, {"residual": {"scale": 0.1}}]
    runs = [load_plan({**SHAPE, **of}).runs[0] for of in fields]
    names = [band_name(band_point(run, True), 400) for run in runs]
    assert len(set(names)) == 8
    assert names[0] == names[1]
    assert names[0] != band_name(band_point(runs[0]), 400)  # the gradient is asked for
    assert names[0] != band_name(band_point(runs[0], True), 20)

    def fed(digest):
        samples = Samples("a", digest, np.ones((16, 24)), (0, 0, 0))
        return replace(runs[0], input=Choice("file", (("path", "a"),), samples))

    assert len({band_name(band_point(fed(of), True), 400) for of in "12"}) == 2
