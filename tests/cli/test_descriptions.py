"""From a name to what the catalog says of it."""

import pytest
import yaml

from initlab.catalog import FIELDS, PRESETS, TABLES
from initlab.cli.descriptions import described, joined, of_record
from initlab.errors import InputError

RECORDS = [(t.singular, record) for t in TABLES.values() for record in t.values()]


@pytest.mark.parametrize(("kind", "record"), RECORDS, ids=[f"{k}-{r.name}" for k, r in RECORDS])
def test_no_label_of_a_record_comes_twice(kind, record):
    labels = [label for _, _, label, _ in of_record(kind, record).rows()]
    assert len(set(labels)) == len(labels)
    assert not {"name", "kind"} & set(labels)  # of JSON, which has them, too


def test_a_field_comes_before_records_of_its_name():
    assert [d.title for d in described("seed")] == ["seed (statistic)", "seed (word)"]
    assert [d.title for d in described("loss")] == ["loss (field of a spec)", "loss (word)"]


def test_nothing_of_a_name_is_refused_with_the_nearest():
    with pytest.raises(InputError, match="did you mean objective") as error:
        described("objektive")
    assert error.value.fix == "initlab list"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (["edge", "of", "chaos"], ["edge_of_chaos"]),
        (["fan", "mode"], ["fan_mode"]),
        (["relu", "tanh"], ["relu", "tanh"]),
        (["edge of chaos"], ["edge of chaos"]),
        (["gain"], ["gain"]),
    ],
)
def test_names_of_several_words(typed, meant):
    assert joined(typed) == meant


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_says_what_it_fills_in_as_a_spec_would(name):
    facts = dict(described(name)[0].facts)
    for field, said in PRESETS[name].fields.items():
        value = yaml.safe_load(facts[field])
        value = {FIELDS[field].key: value} if isinstance(value, str) else value
        named = {"name": "add", **value} if field == "residual" else value
        assert named == said
