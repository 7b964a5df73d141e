"""The rules as a whole: each is in the catalog, and each is asked."""

import ast
from pathlib import Path

import pytest
from probe_runs import of_case, rows, view
from probed.broken import BROKEN
from probed.healthy import HEALTHY
from torch import nn

from initlab.catalog import PROBE_RULES
from initlab.probe import rules
from initlab.probe.result import LEVELS
from initlab.probe.rules.run import RULES, found_in

FOLDER = Path(rules.__file__).parent
IDS = {rule.id for rule in PROBE_RULES.values()}
#: these take a second or more for a seed, and are found as others of their kind are
SLOW = {case.name for case in (*BROKEN, *HEALTHY) if case.slow}


def texts():
    """Every string in the files of rules."""
    for path in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def test_every_rule_of_the_catalog_is_written():
    assert set(texts()) & IDS == IDS


def test_every_function_is_asked_once():
    assert len(set(RULES)) == len(RULES)
    for path in FOLDER.glob("*.py"):
        if "RULES = (" in path.read_text() and path.stem != "run":
            listed = path.read_text().rpartition("RULES = (")[2].strip(" )\n").split(", ")
            assert [f.__name__ for f in RULES if f.__module__.endswith(f".{path.stem}")] == listed


def test_a_healthy_model_breaks_none():
    model = nn.Sequential(nn.Linear(8, 8), nn.LayerNorm(8), nn.GELU(), nn.Linear(8, 4))
    assert found_in(view(lambda: model, rows(32, 8))) == []


def test_rules_that_are_wanted():
    def build():
        model = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 4))
        nn.init.constant_(model[0].weight, 0.1)
        nn.init.constant_(model[0].bias, -100.0)
        return model

    run = view(build, rows(32, 8))
    every = {one.rule for one in found_in(run)}
    assert every >= {"no-symmetry-breaking", "dead-units"}
    assert {one.rule for one in found_in(run, ["dead-units"])} == {"dead-units"}
    assert found_in(run, []) == []


@pytest.mark.parametrize(
    "case", [c for c in BROKEN if c.name not in SLOW], ids=lambda case: case.name
)
def test_what_is_broken_is_found_with_an_id_and_a_level(case):
    found = found_in(of_case(case))
    assert {one.rule for one in found} <= IDS
    assert {one.level for one in found} <= set(LEVELS[:3])
    assert all(one.message for one in found)
    if case.level != "seed-dependent":
        # one of all seeds: that it holds in every one is the job of the tests of whole probes
        assert {one.rule for one in found} & set(case.rules)
