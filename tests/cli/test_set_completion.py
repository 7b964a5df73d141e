"""What `--set` may say: every path that is offered is one, and every value that is offered fits."""

import pytest
import yaml

from initlab.catalog import ACTIVATIONS, FIELDS, INPUTS, LOSSES, SCHEMES
from initlab.cli.set_completion import paths, values
from initlab.spec.model import SpecFile
from initlab.spec.reader import read

PARAMETERS = sorted(
    {(field, p.name) for field in FIELDS for r in FIELDS[field].values() for p in r.parameters}
)
SPEC = {"depth": 2, "width": 20, "activation": "tanh", "init": "kaiming_normal"}


def accepted(tmp_path, setting, **fields):
    """A spec with these fields, read with a setting."""
    path = tmp_path / "s.yaml"
    path.write_text(yaml.safe_dump({**SPEC, **fields}))
    return read(str(path), [setting])


def test_without_a_letter_there_are_fields_only():
    assert list(paths(inside=False)) == list(SpecFile.model_fields)


@pytest.mark.parametrize(("field", "name"), PARAMETERS)
def test_a_path_to_every_parameter_is_offered_and_taken(tmp_path, field, name):
    assert f"{field}.{name}" in set(paths())
    table = FIELDS[field]
    record, parameter = next((r, p) for r in table.values() for p in r.parameters if p.name == name)
    if parameter.kind == "tensor":
        return  # of losses; a sweep takes none
    given = {p.name: 0.5 for p in record.parameters if p.required and p.kind != "text"}
    given |= {p.name: "x.npy" for p in record.parameters if p.kind == "text"}
    value = given.get(name, parameter.default)
    if value is None:  # left to what depends on the rest
        value = parameter.choices[0] if parameter.choices else 0.5
    chosen = {field: {table.key: record.name, **given}}
    assert accepted(tmp_path, f"{field}.{name}={str(value).lower()}", **chosen)


def test_paths_are_offered_once_and_lead_into_fields():
    found = list(paths())
    assert len(set(found)) == len(found)
    assert {path.partition(".")[0] for path in found} == set(SpecFile.model_fields)
    for path in ("init.scheme", "init.gain", "loss.delta", "thresholds.vanishing", "loss.name",
                 "last.activation", "first.init.gain", "last.bias.scheme"):  # fmt: skip
        assert path in found


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("activation", list(ACTIVATIONS)),
        ("activation.name", list(ACTIVATIONS)),
        ("init", list(SCHEMES)),
        ("init.scheme", list(SCHEMES)),
        ("loss", list(LOSSES)),
        ("input", list(INPUTS)),
        ("dtype", ["float64", "float32", "bfloat16", "float16"]),
        ("draws", ["layered", "script"]),
        ("reduction", ["none", "sum", "mean"]),
        # of kaiming_normal the first two, of variance_scaling all
        ("init.mode", ["fan_in", "fan_out", "fan_avg", "fan_geo_avg"]),
        ("init.fan", ["in", "out", "avg", "geo"]),
        ("last.activation", list(ACTIVATIONS)),
        ("first.init.scheme", list(SCHEMES)),
        ("layers.5-9.activation", list(ACTIVATIONS)),
        ("layers.3.init.mode", ["fan_in", "fan_out", "fan_avg", "fan_geo_avg"]),
        ("last", []),
        ("last.loss", []),
        ("layers", []),
        ("layers.3", []),
        ("loss.full", ["true", "false"]),
        ("record.quantiles", ["true", "false"]),
        ("record.nope", []),
        ("depth", []),
        ("loss.delta", []),
        ("init.nope", []),
        ("nope", []),
        ("a.b.c", []),
    ],
)
def test_values_that_have_names(path, names):
    assert values(path) == names


def test_a_gain_may_be_an_activation_s_or_auto():
    found = values("init.gain")
    assert found[0] == "auto"
    assert "tanh" in found
    assert "gelu" not in found  # torch's table has none
    assert values("bias")[-1] == "none"
    assert "none" not in values("bias.scheme")


@pytest.mark.parametrize(
    "path",
    ["activation", "dtype", "draws", "record", "record.neurons", "record.gradients", "reduction",
     "init.mode", "last.activation", "layers.0.activation", "first.init.mode"],
)  # fmt: skip
def test_every_value_that_is_offered_is_taken(tmp_path, path):
    for value in values(path):
        assert accepted(tmp_path, f"{path}={value}", init="variance_scaling")
