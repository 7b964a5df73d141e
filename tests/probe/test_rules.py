"""The rules on whole models: silent on healthy ones, and right on broken ones."""

import math
import warnings

import pytest
import torch
from probed.broken import BROKEN
from probed.healthy import HEALTHY
from probed.huggingface import TRANSFORMERS, TRULY_FAULTY
from probed.mutations import mutants
from probed.unseen import UNSEEN

from initlab import probe
from initlab.catalog import PROBE_RULES

FAILING = ("error", "warning")
#: mutants of all models take minutes; these have every kind of layer
MUTATED = ("mlp_he_relu20", "gpt_post6", "resnet20", "lstm2", "unet", "vit_cls", "gat", "vae",
           "mobilenet", "llama_by_hand", "weight_norm", "tcn")  # fmt: skip


def probed(case, **options):
    dtype = getattr(torch, case.dtype) if case.dtype else None
    with warnings.catch_warnings():
        # of the models of the library, which the probe is not to change
        warnings.filterwarnings("ignore", module=r"transformers|huggingface_hub")
        return probe(case.build, case.batch, loss=case.loss, dtype=dtype, **options)


def places(finding):
    """Everything that a finding names: a module, a parameter, or several."""
    return [finding.site, finding.parameter, *map(str, finding.evidence.get("names", ()))]


@pytest.fixture(autouse=True)
def _own_generators():
    with torch.random.fork_rng(devices=[]):
        yield


@pytest.mark.parametrize("case", [*HEALTHY, *UNSEEN, *TRANSFORMERS], ids=lambda case: case.name)
def test_a_healthy_model_has_no_finding_that_fails(case):
    found = probed(case)
    found.assert_healthy()
    # the shares of the trunk's places are the whole factor (telescoping sum of logarithms)
    for run in found.runs:
        if run.ln_factor is None:
            continue
        shares = [r["d_ln_s"] for r in found.trunk_rows() if r["seed"] == run.seed]
        # (places without the batch in front have no s, and are passed over)
        assert sum(share for share in shares if share is not None) == pytest.approx(
            run.ln_factor, abs=1e-9
        )
    assert found.coverage.nodes_labelled == found.coverage.nodes


@pytest.mark.parametrize("case", [*BROKEN, *TRULY_FAULTY], ids=lambda case: case.name)
def test_a_broken_model_is_found_under_the_right_rule_and_module(case):
    found = probed(case)
    if case.level == "seed-dependent":  # the one that may hide, see docs/probe.md
        assert {f.rule for f in found.findings} <= set(case.rules)
        return
    wanted = FAILING if case.level == "error-or-warning" else (case.level,)
    matching = [
        finding
        for finding in found.findings
        if finding.rule in case.rules
        and finding.level in wanted
        and any(case.site in place for place in places(finding))
    ]
    assert matching, "\n".join(map(str, found.findings))


@pytest.mark.parametrize(
    "case",
    [case for case in (*HEALTHY, *UNSEEN) if case.name in MUTATED],
    ids=lambda case: case.name,
)
def test_one_broken_parameter_is_found_and_named(case):
    healthy = probed(case, seeds=1)
    learning = {row["name"] for row in healthy.parameter_rows if row["grad_norm"] is not None}
    several = list(mutants(case.build, names=learning))
    assert several
    for mutant in several:
        found = probe(mutant.build, case.batch, loss=case.loss, seeds=1)
        named = [p for f in found.findings if f.rule == mutant.rule for p in places(f)]
        assert mutant.name in named, (mutant.rule, mutant.name)


def test_every_rule_finds_something():
    found = {rule for case in BROKEN for rule in case.rules}
    # these have tests of their own in tests/probe/rules
    rare = {"half-headroom", "opened-zero-init", "no-gradient", "norm-starved"}
    assert {rule.id for rule in PROBE_RULES.values()} - rare <= found


def test_deep_networks_gain_as_theory_says():
    # tanh with a gain of 5/3: chi = 25/9 E phi'^2 at q*; batch norm: docs/theory.md has 1.493 of
    # the variance of a gradient a ReLU layer at a batch of 64, so e^(60 ln(1.493) / 2) = 1.6e5
    case = next(case for case in BROKEN if case.name == "bn60")
    factors = [run.largest for run in probed(case).runs]
    expected = 60 * math.log(1.493) / 2
    assert sorted(map(math.log, factors))[1] == pytest.approx(expected, rel=0.05)
