"""What a spec may ask of finite-width bands."""

import pytest

from initlab import load_plan
from initlab.errors import SpecError
from initlab.spec import reader
from initlab.spec.band import BandAsked
from initlab.spec.model import Head, SpecFile

BASE = {"depth": 2, "width": 20, "activation": "tanh", "init": "he"}
TEXT = "name: s\ndepth: 2\nwidth: 20\nactivation: tanh\ninit: he\n"


@pytest.mark.parametrize(
    ("said", "networks", "gradient", "kept"),
    [
        (400, 400, False, 400),
        (1e3, 1000, False, 1000),
        (0, 0, False, 0),
        ({"networks": 50}, 50, False, 50),
        ({"networks": 0, "gradient": False}, 0, False, 0),
        ({"gradient": True}, 400, True, {"networks": 400, "gradient": True}),
        ({"networks": 20, "gradient": True}, 20, True, {"networks": 20, "gradient": True}),
    ],
    ids=str,
)
def test_a_number_is_that_of_networks(said, networks, gradient, kept):
    plan = load_plan({**BASE, "band": said})
    assert (plan.head.band.networks, plan.head.band.gradient) == (networks, gradient)
    # what is asked for as of old is written as of old
    assert plan.data["band"] == plan.head.model_dump()["band"] == kept
    assert load_plan({**BASE, "band": kept}).head == plan.head
    assert BandAsked.of(kept) == plan.head.band  # as a journal has it


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ({"networks": 3}, "at least 20"),
        ({"networks": 0, "gradient": True}, "needs networks, at least 20"),
        ({"gradient": 1}, "true or false"),
        ({"gradients": True}, "did you mean gradient?"),
        ({"networks": [20, 40]}, "whole number"),
        (None, "whole number"),
        (True, "whole number"),
    ],
    ids=str,
)
def test_what_it_cannot_be(said, word):
    with pytest.raises(SpecError) as refused:
        load_plan({**BASE, "band": said})
    (problem,) = refused.value.problems
    assert word in str(problem)


@pytest.mark.parametrize("line", ["", "band: 400\n", "band: {networks: 400}\n"])
def test_a_setting_asks_for_the_gradient_too(tmp_path, line):
    path = tmp_path / "s.yaml"
    path.write_text(TEXT + line)
    spec = reader.read(path, ["band.gradient=true"])
    assert spec.head.band == BandAsked(networks=400, gradient=True)
    assert reader.read(path, ["band=0"]).head.band.networks == 0


def test_the_default_is_400_networks_of_the_std():
    assert Head().band == BandAsked(networks=400, gradient=False)


def test_the_schema_takes_both_forms():
    schema = SpecFile.model_json_schema()
    options = schema["properties"]["band"]["anyOf"]
    number, mapping = options[0], next(option for option in options if "$ref" in option)
    assert (number["type"], number["minimum"], number["maximum"]) == ("integer", 0, 10_000)
    assert set(schema["$defs"][mapping["$ref"].split("/")[-1]]["properties"]) == {
        "networks",
        "gradient",
    }
