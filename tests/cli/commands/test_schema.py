"""`initlab schema`: JSON Schema that accepts and refuses what the reader does.

The checker below knows the few keywords of JSON Schema that pydantic writes, and refuses others, so
that a keyword it does not know cannot pass unseen.
"""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from initlab.catalog import ACTIVATIONS, INPUTS, LOSSES, SCHEMES
from initlab.cli.app import build
from initlab.errors import InputError
from initlab.spec import expand, reader, yamlfile
from initlab.spec.model import SpecFile

ANNOTATIONS = {"$schema", "$defs", "title", "description", "default", "discriminator"}
TYPES = {
    "object": dict,
    "array": list,
    "string": str,
    "number": (int, float),
    "integer": int,
    "null": type(None),
    "boolean": bool,
}


@pytest.fixture(scope="module")
def schema():
    done = CliRunner().invoke(build(), ["schema"])
    assert done.exit_code == 0
    return json.loads(done.stdout)


def valid(value, part, root):
    """Whether a value meets a schema."""
    return all(KEYWORDS[word](value, part, root) for word in part if word not in ANNOTATIONS)


def of_type(value, part, _):
    if isinstance(value, bool):
        return part["type"] == "boolean"
    whole = part["type"] == "integer" and isinstance(value, float) and value.is_integer()
    return whole or isinstance(value, TYPES[part["type"]])


def number(check):
    return lambda v, part, _: (
        isinstance(v, bool) or not isinstance(v, int | float) or check(v, part)
    )


def properties(value, part, root):
    if not isinstance(value, dict):
        return True
    return all(valid(value[k], p, root) for k, p in part["properties"].items() if k in value)


def additional(value, part, root):
    known = part.get("properties", {})
    others = [v for k, v in value.items() if k not in known] if isinstance(value, dict) else []
    extra = part["additionalProperties"]
    return (
        not others
        if extra is False
        else extra is True or all(valid(v, extra, root) for v in others)
    )


def reference(value, part, root):
    target = root
    for name in part["$ref"].removeprefix("#/").split("/"):
        target = target[name]
    return valid(value, target, root)


KEYWORDS = {
    "$ref": reference,
    "additionalProperties": additional,
    "anyOf": lambda v, p, r: any(valid(v, option, r) for option in p["anyOf"]),
    "oneOf": lambda v, p, r: sum(valid(v, option, r) for option in p["oneOf"]) == 1,
    "const": lambda v, p, _: v == p["const"],
    "enum": lambda v, p, _: v in p["enum"],
    "exclusiveMaximum": number(lambda v, p: v < p["exclusiveMaximum"]),
    "exclusiveMinimum": number(lambda v, p: v > p["exclusiveMinimum"]),
    "items": lambda v, p, r: not isinstance(v, list) or all(valid(i, p["items"], r) for i in v),
    "maxLength": lambda v, p, _: not isinstance(v, str) or len(v) <= p["maxLength"],
    "maximum": number(lambda v, p: v <= p["maximum"]),
    "minItems": lambda v, p, _: not isinstance(v, list) or len(v) >= p["minItems"],
    "minimum": number(lambda v, p: v >= p["minimum"]),
    "pattern": lambda v, p, _: not isinstance(v, str) or bool(re.search(p["pattern"], v)),
    "properties": properties,
    "propertyNames": lambda v, p, r: (
        not isinstance(v, dict) or all(valid(str(key), p["propertyNames"], r) for key in v)
    ),
    "required": lambda v, p, _: not isinstance(v, dict) or set(p["required"]) <= set(v),
    "type": of_type,
}


def test_the_schema_is_json_schema_and_says_which(schema):
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["type"] == "object"
    assert schema["additionalProperties"] is False


def test_every_reference_leads_somewhere(schema):
    text = json.dumps(schema)
    for name in re.findall(r'"\$ref": "#/\$defs/([^"]+)"', text):
        assert name in schema["$defs"]


@pytest.mark.parametrize("field", SpecFile.model_fields)
def test_every_field_is_in_the_schema(schema, field):
    assert field in schema["properties"]


@pytest.mark.parametrize(
    ("field", "key", "record", "name"),
    [
        pytest.param(field, key, record, name, id=f"{field}-{name}")
        for field, key, table in [
            ("init", "scheme", SCHEMES),
            ("activation", "name", ACTIVATIONS),
            ("loss", "name", LOSSES),
            ("input", "name", INPUTS),
        ]
        for record in table.values()
        for name in (record.name, *record.aliases)
    ],
)
def test_every_name_of_the_catalog_is_valid(schema, field, key, record, name):
    part = schema["properties"][field]
    needed = {p.name: "x.npy" if p.kind == "text" else 0.5 for p in record.parameters if p.required}
    assert valid({key: name, **needed}, part, schema)
    assert not valid({key: name + "x", **needed}, part, schema)
    assert needed or valid(name, part, schema)
    assert not valid(name + "x", part, schema)


BASE = {"depth": 3, "width": 4, "activation": "tanh", "init": "kaiming_normal"}

GOOD = [
    {},
    {"name": "a.b-c", "about": "x", "thresholds": {"vanishing": 1e-5}},
    {"depth": [1, 2], "width": {"from": 1, "to": 9, "steps": 3}},
    {"depth": None, "width": None, "shape": [3, 4]},
    {"depth": None, "width": None, "shape": [[3, 4], [5, 6]]},
    {"activation": ["tanh", {"name": "leaky_relu", "negative_slope": [0.1, 0.2]}]},
    {"init": {"scheme": "normal", "std": {"from": 0.1, "to": 1, "steps": 3, "scale": "log"}}},
    {"init": {"scheme": "xavier_uniform", "gain": ["auto", "tanh", 2]}},
    {"init": [{"scheme": "sparse", "sparsity": 0.5}, "orthogonal"]},
    {"bias": "zeros"},
    {"bias": {"scheme": "uniform", "a": -1, "b": 1}},
    {"loss": "cross_entropy", "reduction": ["none", "sum"]},
    {"loss": [{"name": "huber", "delta": {"from": 0.5, "to": 2, "steps": 4}}, "ctc"]},
    {"loss": {"name": "kl_div", "log_target": [True, False]}},
    {"loss": {"name": "ctc", "blank": [0, 2.0]}},
    {"loss": {"name": "multi_margin", "p": {"from": 1, "to": 2, "steps": 2}}},
    {"batch": 8, "input": {"name": "correlated", "correlation": 0.9}},
    {"dtype": ["float64", "bfloat16"], "draws": "script", "record": "forward"},
    {"record": "full"},
    {"record": ["both", "both+gradients+neurons+quantiles", "forward+neurons"]},
    {"record": "both+quantiles+gradients"},
    {"record": {}},
    {"record": {"backward": False, "neurons": True, "gradients": False}},
    {"record": [{"gradients": True}, {"backward": True, "gradients": True}, "both"]},
    {"saturation": 0.5},
    {"saturation": {"from": 0.01, "to": 1, "steps": 3, "scale": "log"}},
    {"seeds": 5},
    {"seeds": [3, 1]},
    {"cases": [{"depth": 5}, {"activation": "relu"}]},
    # short forms
    {"bias": {"std": 0.5}},
    {"bias": "none"},
    {"bias": ["none", "zeros"]},
    {"seeds": {"from": 0, "to": 4, "steps": 5}},
    {"depth": 10.0},
    {"bias": 0.1},
    {"bias": [0, "1/10", "none"]},
    {"bias": {"from": 0, "to": 1, "steps": 3}},
    {"init": {"scheme": "xavier_normal", "gain": "linear"}},
    {"init": {"scheme": "kaiming_normal", "nonlinearity": ["linear", "relu", "logistic"]}},
    {"init": {"scheme": "variance_scaling", "distribution": "untruncated_normal"}},
    {"init": {"scheme": "sparse", "sparsity": 0.5, "gain": ["auto", 2]}},
    {"init": {"scheme": "lecun_normal", "fan": ["in", "geo"]}},
    {"activation": {"name": "sin", "omega": 30}},
    {"first": {"init": "siren_first"}, "last": {"activation": "linear", "bias": "none"}},
    {"layers": {"1": {"init": {"scheme": "normal", "std": "1/sqrt(3)"}}}},
    {"layers": {"0 - 1": {"activation": "relu"}}},
    # expressions
    {"depth": "2*2", "width": ["2**3", "8/2"], "batch": {"from": "1+1", "to": 4, "steps": "9/3"}},
    {"init": {"scheme": "xavier_normal", "gain": ["sqrt(2)", "pi", "5/3", "-(-1)"]}},
    {"init": {"scheme": "normal", "std": {"from": "1/2", "to": "exp(1)", "steps": 3}}},
    {"loss": {"name": "ctc", "blank": "2-1"}, "thresholds": {"vanishing": "1e-3*2"}},
    {"seeds": "2**3", "band": "10*4"},
    {"seeds": ["2**3", 1]},
]
BAD = [
    {"dpeth": 3},
    {"depth": 0},
    {"depth": "3"},
    {"depth": 2.5},
    {"depth": []},
    {"depth": 2_000_000},
    {"depth": True},
    {"width": {"from": 1, "to": 9}},
    {"width": {"from": 1, "to": 9, "steps": 3, "by": 2}},
    {"activation": "tnah"},
    {"activation": {"name": "tanh", "slope": 1}},
    {"activation": {"negative_slope": 1}},
    {"activation": []},
    {"init": {"scheme": "kaiming_normal", "gain": 2}},
    {"init": {"scheme": "sparse"}},
    {"init": "constant"},
    {"init": {"scheme": "normal", "std": -1}},
    {"init": {"scheme": "xavier_normal", "gain": 0}},
    {"init": {"scheme": "xavier_normal", "gain": "gelu"}},
    {"bias": "orthogonal"},
    {"bias": True},
    {"loss": "hinge"},
    {"loss": {"name": "mse", "delta": 1}},
    {"loss": {"name": "cross_entropy", "weight": [1, 2]}},
    {"reduction": "average"},
    {"dtype": "float8"},
    {"record": "none"},
    {"record": "neurons"},
    {"record": "forward+gradients"},
    {"record": "both+"},
    {"record": "full+neurons"},
    {"record": 3},
    {"record": []},
    {"record": {"neuron": True}},
    {"record": {"neurons": 1}},
    {"record": {"neurons": [True, False]}},
    {"record": {"backward": False, "gradients": True}},
    {"saturation": 0},
    {"saturation": "0.1"},
    {"seeds": 0},
    {"seeds": []},
    {"seeds": [-1]},
    {"name": "../x"},
    {"name": 5},
    {"thresholds": {"vanish": 1}},
    {"thresholds": {"vanishing": 0}},
    {"cases": [3]},
    {"cases": []},
    {"shape": [3]},
    {"batch": "many"},
    {"depth": "3 4"},
    {"width": "2^3"},
    {"batch": "sqrt"},
    {"bias": "0.1"},
    {"bias": {"from": 0}},
    {"init": {"scheme": "normal", "std": "srqt(2)"}},
    {"init": {"scheme": "xavier_normal", "gain": "rellu"}},
    {"init": {"scheme": "kaiming_normal", "nonlinearity": "gelu"}},
    {"init": {"scheme": "sparse", "sparsity": 0.5, "gain": None}},
    {"init": {"scheme": "lecun_normal", "fan": "fan_in"}},
    {"thresholds": {"vanishing": "1"}},
    {"last": "identity"},
    {"last": {"depth": 3}},
    {"layers": [{"activation": "relu"}]},
    {"layers": {"-1": {"activation": "relu"}}},
    {"layers": {"all": {"activation": "relu"}}},
]


def accepted(data):
    """Whether the reader takes it."""
    document = yamlfile.Document("spec", dict(data))
    try:
        expand.make(reader.validate(document, fallback="x", folder=Path()))
    except InputError:
        return False
    return True


def spec(changes):
    """The base spec with changes; None takes a field away."""
    return {k: v for k, v in {**BASE, **changes}.items() if v is not None}


@pytest.mark.parametrize("changes", GOOD, ids=str)
def test_what_the_reader_takes_the_schema_takes(schema, changes):
    assert accepted(spec(changes))
    assert valid(spec(changes), schema, schema)


@pytest.mark.parametrize("changes", BAD, ids=str)
def test_what_the_reader_refuses_the_schema_refuses(schema, changes):
    assert not accepted(spec(changes))
    assert not valid(spec(changes), schema, schema)


OPTIONS = [(r.name, p) for r in LOSSES.values() for p in r.parameters]
# of every kind, on both sides of every bound
VALUES = [-(2**63) - 1, -2, -1, -1.0, -0.5, 0, 0.0, 0.5, 1, 1.0, 1.5, 2, 3, 2**63, 1e300]
OTHERS = [True, False, None, "euclidean", "cosin", "1", [], [1, 2], [[1]], {"from": 1}]


@pytest.mark.parametrize(("loss", "option"), OPTIONS, ids=lambda o: getattr(o, "name", o))
def test_schema_and_reader_agree_on_every_option_of_a_loss(schema, loss, option):
    taken = []
    for value in (*VALUES, *OTHERS):
        changes = spec({"loss": {"name": loss, option.name: value}})
        taken.append(accepted(changes))
        assert valid(changes, schema, schema) == taken[-1], value
    assert any(taken) == (option.kind != "tensor")


def test_the_checker_knows_every_keyword_of_the_schema(schema):
    def keywords(part):
        yield from part
        named = [*part.get("properties", {}).values(), *part.get("$defs", {}).values()]
        options = [*part.get("anyOf", []), *part.get("oneOf", [])]
        inner = [
            part[k]
            for k in ("items", "additionalProperties", "propertyNames")
            if isinstance(part.get(k), dict)
        ]
        for below in [*named, *options, *inner]:
            yield from keywords(below)

    assert set(keywords(schema)) <= set(KEYWORDS) | ANNOTATIONS
