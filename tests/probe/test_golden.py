"""Golden files: what is kept, what is a change, and how much is none."""

import dataclasses
import json
import math
import subprocess
import sys

import probe_examples as example
import pytest

from initlab.errors import InputError
from initlab.probe.golden import VERSION, differences, dumps, golden_of, loads


def changed(old, new, tolerance=0.1):
    """What has changed from one probe to another, whose golden file went through its text."""
    return differences(loads(dumps(golden_of(old))), new, tolerance)


def with_rows(change, *findings, seeds=(0, 1, 2), depth=3):
    """A probe whose rows of the trunk are changed by a function."""
    rows = [dict(row) for row in example.trunk(depth, seeds=seeds)]
    for row in rows:
        change(row)
    return example.probe(*findings, rows=rows, seeds=seeds)


def scaled(site, column, factor):
    def change(row):
        if row["site"] == site:
            row[column] *= factor

    return with_rows(change)


def same(row):
    pass


def set_to(site, column, value, seed=None):
    def change(row):
        if row["site"] == site and seed in (None, row["seed"]):
            row[column] = value

    return with_rows(change)


BASE = with_rows(same)


def test_what_is_kept():
    golden = golden_of(BASE)
    assert golden["version"] == VERSION
    assert golden["target"] == "net.py:build"
    assert golden["seeds"] == [0, 1, 2]
    assert golden["torch"].count(".") == 1
    names = ["x", *(f"blocks.{k}{op}" for k in range(3) for op in (" : tanh", "")), "head"]
    assert [site["name"] for site in golden["sites"]] == names
    logs = [math.log(1 + 0.01 * seed) for seed in range(3)]
    spread = math.sqrt(sum((x - sum(logs) / 3) ** 2 for x in logs) / 2)
    assert golden["sites"][0] == {
        "name": "x",
        "ln_rms": float(f"{logs[1]:.6g}"),
        "ln_rms_sd": float(f"{spread:.6g}"),
        "ln_s": float(f"{math.log(0.25):.6g}"),
        "ln_s_sd": 0.0,
    }
    assert golden["parameters"] == [
        {"name": "blocks.0.weight", "ln_std": float(f"{math.log(0.1):.6g}"), "ln_std_sd": 0.0}
    ]


def test_findings_are_kept_with_their_place():
    golden = golden_of(example.probe(example.EXPLODES, example.COPIES))
    assert golden["findings"] == [
        {"rule": "gradient-explodes", "level": "error", "place": "blocks.3"},
        {"rule": "identical-parameters", "level": "warning", "place": "blocks.1.weight"},
    ]


@pytest.mark.parametrize("probe", [BASE, example.probe(example.EXPLODES), example.broken()])
def test_it_is_the_same_through_its_text(probe):
    text = dumps(golden_of(probe))
    assert loads(text) == golden_of(probe)
    assert dumps(loads(text)) == text
    assert text.endswith("}\n")
    assert "NaN" not in text
    assert json.loads(text) == json.loads(text, parse_constant=pytest.fail)
    keys = list(json.loads(text))
    assert keys == sorted(keys)


def test_numbers_have_six_digits():
    text = dumps({"a": [math.pi * 1e-9, -0.0, 3, 1 / 3, True]})
    assert text == '{\n "a": [\n  3.14159e-09,\n  0.0,\n  3,\n  0.333333,\n  true\n ]\n}\n'


@pytest.mark.parametrize("probe", [BASE, example.probe(example.EXPLODES), example.broken()])
def test_nothing_has_changed(probe):
    found = changed(probe, probe)
    assert (found.worse, found.notes) == ([], [])


def test_it_loads_neither_torch_nor_pandas():
    code = "import sys, initlab.probe.golden; print({'torch', 'pandas'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


# numbers -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("column", ["rms", "sensitivity"])
@pytest.mark.parametrize("tolerance", [0.05, 0.1, 1.0])
def test_the_edge_of_the_tolerance(column, tolerance, sign):
    inside = scaled("head", column, math.exp(sign * 0.99 * tolerance))
    outside = scaled("head", column, math.exp(sign * 1.01 * tolerance))
    assert changed(BASE, inside, tolerance).worse == []
    (told,) = changed(BASE, outside, tolerance).worse
    assert told.startswith(f"head: {'rms' if column == 'rms' else 's'} was ")


def test_a_tolerance_of_0_is_four_spreads():
    # the rms of seeds 0, 1 and 2 is 1, 1.01 and 1.02, so that sd of ln is about 0.0099
    golden = golden_of(BASE)
    spread = golden["sites"][-1]["ln_rms_sd"]
    assert changed(BASE, scaled("head", "rms", math.exp(3.99 * spread)), 0.0).worse == []
    assert len(changed(BASE, scaled("head", "rms", math.exp(4.01 * spread)), 0.0).worse) == 1
    assert changed(BASE, BASE, 0.0).worse == []


@pytest.mark.parametrize("wide_is_old", [True, False])
def test_the_wider_of_both_spreads_counts(wide_is_old):
    def spread(row):
        if row["site"] == "head":
            row["rms"] = math.exp(0.3 * (row["seed"] - 1))  # sd of ln: 0.3

    wide = with_rows(spread)
    near, far = (scaled("head", "rms", math.exp(x) / 1.01) for x in (1.19, 1.21))
    for narrow, count in ((near, 0), (far, 1)):
        old, new = (wide, narrow) if wide_is_old else (narrow, wide)
        assert len(changed(old, new).worse) == count


def test_a_single_seed_has_the_tolerance_alone():
    one = with_rows(same, seeds=(0,))
    other = with_rows(lambda row: row.update(rms=1.2), seeds=(0,))
    assert golden_of(one)["sites"][0]["ln_rms_sd"] == 0
    assert len(changed(one, other, 0.1).worse) == 8
    assert changed(one, other, 0.2).worse == []


def test_what_is_told_has_the_numbers():
    found = changed(BASE, scaled("blocks.1", "rms", 2))
    assert found.worse == ["blocks.1: rms was 1.01, is 2.02 (x 2; x 1.11 is allowed)"]


def test_many_changes_are_counted():
    grown = with_rows(lambda row: row.update(rms=row["rms"] * 3), depth=20)
    found = changed(with_rows(same, depth=20), grown).worse
    assert len(found) == 11  # 42 sites
    assert found[-1] == "32 more changes of rms, as the last"


@pytest.mark.parametrize("value", [0.0, math.nan, math.inf])
@pytest.mark.parametrize("column", ["rms", "sensitivity"])
def test_what_vanishes_or_is_no_number(column, value):
    (told,) = changed(BASE, set_to("head", column, value)).worse
    assert told.endswith("is 0" if value == 0 else "is not finite")


def test_a_number_that_is_none_in_one_seed():
    assert len(changed(BASE, set_to("head", "rms", math.nan, seed=2)).worse) == 1
    # of three, one zero: the median is a number
    assert changed(BASE, set_to("head", "rms", 0.0, seed=0)).worse == []


def test_what_was_zero_and_is_not_is_a_change_what_was_nan_is_mended():
    (told,) = changed(set_to("head", "rms", 0.0), BASE).worse
    assert told == "head: rms was 0, is 1.01"
    found = changed(set_to("head", "rms", math.nan), BASE)
    assert (found.worse, found.notes) == ([], ["head: rms was not finite, is 1.01"])
    assert len(changed(set_to("head", "rms", math.nan), set_to("head", "rms", 0.0)).worse) == 1


def test_what_is_not_measured_any_more():
    gone = set_to("head", "sensitivity", None)
    assert changed(BASE, gone).worse == ["head: s was 0.25, is not measured"]
    assert changed(gone, BASE) == dataclasses.replace(
        changed(gone, BASE), worse=[], notes=["head: s was not measured, is 0.25"]
    )
    assert len(changed(gone, set_to("head", "sensitivity", math.nan)).worse) == 1


def test_extreme_numbers_are_compared():
    small, large = set_to("head", "rms", 5e-324), set_to("head", "rms", 1.7e308)
    (told,) = changed(small, large).worse
    assert told.startswith("head: rms was 4.9e-324, is 1.7e308 (")


def test_the_std_of_a_parameter():
    def probe(std):
        return example.probe(
            parameter_rows=tuple(example.parameter(seed=s, std=std) for s in range(3))
        )

    assert changed(probe(0.1), probe(0.109)).worse == []
    assert changed(probe(0.1), probe(0.112)).worse == [
        "blocks.0.weight: std was 0.1, is 0.112 (x 1.12; x 1.11 is allowed)"
    ]
    assert changed(probe(0.1), probe(0.0)).worse == ["blocks.0.weight: std was 0.1, is 0"]
    assert changed(probe(0.0), probe(0.1)).worse == ["blocks.0.weight: std was 0, is 0.1"]
    assert changed(probe(0.0), probe(0.0)).worse == []


# sites -------------------------------------------------------------------------------------------


def renamed(old, new, **options):
    def change(row):
        if row["site"] == old:
            row["site"] = new

    return with_rows(change, **options)


def test_a_site_that_was_renamed_is_compared_under_its_new_name():
    assert changed(BASE, renamed("head", "lm_head")).worse == ["site head is now lm_head"]
    grown = renamed("blocks.1", "layers.1")
    for row in grown.site_rows:
        row["rms"] *= 3 if row["site"] == "layers.1" else 1
    found = changed(BASE, grown).worse
    assert found[0] == "site blocks.1 is now layers.1"
    assert found[1].startswith("layers.1: rms was 1.01, is 3.03")
    assert len(found) == 2


def test_sites_that_are_new_or_gone():
    deeper = with_rows(same, depth=4)
    told = ["site blocks.3 : tanh is", "site blocks.3 is"]
    assert changed(BASE, deeper).worse == [f"{text} new" for text in told]
    assert changed(deeper, BASE).worse == [f"{text} gone" for text in told]


def test_a_rename_is_seen_behind_a_new_site():
    after = renamed("head", "lm_head", depth=4)
    # blocks.3 and lm_head stand where head stood: which of them it was cannot be told
    assert changed(BASE, after).worse == [
        "site head is gone",
        "site blocks.3 : tanh is new",
        "site blocks.3 is new",
        "site lm_head is new",
    ]
    first = with_rows(lambda row: None, depth=4)
    for row in first.site_rows:
        row["site"] = {"x": "input"}.get(row["site"], row["site"])
    assert changed(BASE, first).worse[0] == "site x is now input"


def test_sites_in_another_order():
    def swap(row):
        names = {"blocks.0": "blocks.1", "blocks.1": "blocks.0"}
        row["site"] = names.get(row["site"], row["site"])

    found = changed(BASE, with_rows(swap)).worse
    assert found
    assert all(text.endswith("is at another place") for text in found)


def test_a_site_of_fewer_than_half_of_the_seeds_is_none():
    once = set_to("head", "trunk", None, seed=0)
    assert changed(BASE, once).worse == []
    twice = with_rows(lambda r: r.update(trunk=None) if r["site"] == "head" and r["seed"] else None)
    assert changed(BASE, twice).worse == ["site head is gone"]


def test_a_parameter_that_is_new():
    more = example.probe(parameter_rows=(example.parameter(), example.parameter("spare.weight")))
    assert "parameter spare.weight is new" in changed(example.probe(), more).worse


# findings ----------------------------------------------------------------------------------------


def test_a_new_finding_is_worse_and_one_that_is_gone_a_note():
    healthy, broken = with_rows(same), with_rows(same, example.EXPLODES)
    found = changed(healthy, broken)
    assert found.worse == ["error[gradient-explodes] blocks.3: is new"]
    found = changed(broken, healthy)
    assert found.worse == []
    assert found.notes == ["error[gradient-explodes] blocks.3: is gone"]


def test_the_level_of_a_finding():
    warning = with_rows(same, dataclasses.replace(example.EXPLODES, level="warning"))
    error = with_rows(same, example.EXPLODES)
    assert changed(warning, error).worse == ["error[gradient-explodes] blocks.3: was warning"]
    found = changed(error, warning)
    assert (found.worse, found.notes) == ([], ["warning[gradient-explodes] blocks.3: was error"])


def test_a_limit_that_is_passed_at_another_site_is_told():
    there = with_rows(same, dataclasses.replace(example.EXPLODES, site="head"))
    found = changed(with_rows(same, example.EXPLODES), there)
    assert found.worse == []
    assert found.notes == ["error[gradient-explodes] head: was at blocks.3"]


def test_a_finding_of_another_parameter_is_new():
    copies = dataclasses.replace(example.COPIES, parameter="blocks.0.weight")
    found = changed(with_rows(same, example.COPIES), with_rows(same, copies))
    assert found.worse == ["warning[identical-parameters] blocks.0.weight: is new"]
    assert found.notes == ["warning[identical-parameters] blocks.1.weight: is gone"]


def test_rules_that_were_not_asked_are_not_missed():
    asked = dataclasses.replace(BASE, rules=("dead-units",))
    assert changed(with_rows(same, example.EXPLODES), asked).notes == []
    assert changed(asked, with_rows(same, example.EXPLODES)).worse == []


def test_what_some_seeds_have_never_fails():
    found = changed(BASE, with_rows(same, example.SOMETIMES))
    assert found.worse == []
    assert found.notes == ["seed-dependent[signal-lost] head: is new"]


def test_another_target_torch_or_seeds_are_told():
    golden = golden_of(BASE) | {"torch": "1.0", "target": "old.py:build", "seeds": [7]}
    found = differences(golden, BASE)
    assert found.worse == []
    assert len(found.notes) == 3
    assert "golden file: TARGET was old.py:build, is net.py:build" in found.notes


# files of others ---------------------------------------------------------------------------------

GOOD = golden_of(example.probe(example.EXPLODES))


def without(key):
    return {k: v for k, v in GOOD.items() if k != key}


SITE = GOOD["sites"][0]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ([], "is no golden file of initlab probe"),
        ({"name": "package"}, "is no golden file of initlab probe"),
        (3, "is no golden file of initlab probe"),
        (GOOD | {"version": VERSION + 1}, f"is of version {VERSION + 1}, not {VERSION}"),
        (without("version"), "is of version None"),
        *[(without(key), f"'{key}' is missing") for key in ("target", "torch", "seeds")],
        *[(without(key), f"'{key}' is missing") for key in ("sites", "parameters", "findings")],
        (GOOD | {"sites": {}}, "'sites' is missing, or is no list"),
        (GOOD | {"sites": [3]}, "entry 0 of 'sites' lacks its name"),
        (GOOD | {"sites": [{}]}, "entry 0 of 'sites' lacks its name"),
        (GOOD | {"sites": [SITE, SITE]}, "'sites' has an entry twice"),
        (GOOD | {"sites": [SITE | {"ln_rms": "none"}]}, "x: ln_rms is no number"),
        (GOOD | {"sites": [SITE | {"ln_rms": True}]}, "x: ln_rms is no number"),
        (GOOD | {"sites": [SITE | {"ln_rms": 10**400}]}, "x: ln_rms is no number"),
        (GOOD | {"sites": [SITE | {"ln_rms": [1]}]}, "x: ln_rms is no number"),
        (GOOD | {"sites": [{"name": "x"}]}, "x: ln_rms is no number"),
        (GOOD | {"sites": [SITE | {"ln_s_sd": None}]}, "x: ln_s is no number"),
        (GOOD | {"findings": [{"rule": "a", "level": "b"}]}, "lacks its rule or level or place"),
    ],
)
def test_a_file_of_something_else(value, said):
    refused(json.dumps(value), said)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is no JSON"),
        ("kind: initlab probe", "is no JSON"),
        ('{"a": NaN}', "is no JSON: NaN is no number"),
        ('{"a": -Infinity}', "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        (dumps(GOOD)[:-10], "is no JSON"),
    ],
)
def test_a_text_of_something_else(text, said):
    refused(text, said)


def refused(text, said):
    with pytest.raises(InputError) as error:
        loads(text, "probe.json")
    assert error.value.message.startswith("--golden probe.json: ")
    assert said in error.value.message
    assert error.value.fix.startswith("--update-golden writes it")
