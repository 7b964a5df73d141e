"""Patches: what is printed is what was run, and pasting it clears the finding."""

import pytest
import torch
from probed.broken import BROKEN
from torch import nn

from initlab import probe
from initlab.probe.fixes.patch import Patch

#: rules that a patch clears, of the broken models that are fast
CURED = ("sigmoid30", "relu_n002_30", "relu_default30", "normal1_40", "tanh53_100",
         "residual_gain3", "vgg_n001", "constant_hidden", "tied_init", "enc_copies",
         "missing_bias", "nan_weight",
         "dead_bias", "zero_token_vit", "tied_emb_n01", "head_n01", "fp16_overflow")  # fmt: skip
FAILING = ("error", "warning")


def patched(build, lines):
    """A build with the lines pasted behind it, as a user would."""

    def build_patched():
        model = build()
        exec("\n".join(lines), {"model": model, "torch": torch, "nn": nn})  # noqa: S102
        return model

    return build_patched


def rules(found):
    return {finding.rule for finding in found.findings if finding.level in FAILING}


def options(case):
    return {"loss": case.loss, "dtype": case.dtype, "seeds": 2}


@pytest.mark.parametrize("case", [c for c in BROKEN if c.name in CURED], ids=lambda case: case.name)
def test_a_fix_that_was_tried_clears_the_finding_when_it_is_pasted(case):
    found = probe(case.build, case.batch, fix=True, **options(case))
    failing = [f for f in found.findings if f.level in FAILING]
    assert failing
    assert all(finding.fix.verified for finding in failing)
    for finding in failing:
        again = probe(patched(case.build, finding.fix.code), case.batch, **options(case))
        assert finding.rule not in rules(again)
        assert rules(again) <= rules(found)


def test_what_no_initialiser_mends_is_said():
    case = next(case for case in BROKEN if case.name == "bn60")
    (finding,) = probe(case.build, case.batch, seeds=1, fix=True).findings
    assert finding.fix.verified is False
    assert finding.fix.code == ()
    assert "skip connections" in finding.fix.about


def test_a_fix_that_was_not_tried_says_so():
    case = next(case for case in BROKEN if case.name == "tanh53_100")
    (finding,) = probe(case.build, case.batch, seeds=1).findings
    assert finding.fix.verified is None
    assert "untried" in finding.fix.about


def tower(first=None, last=None):
    layers = [first or nn.Linear(64, 64)]
    for _ in range(100):
        linear = nn.Linear(64, 64)
        nn.init.xavier_normal_(linear.weight, gain=5 / 3)
        layers += [linear, nn.Tanh()]
    return nn.Sequential(*layers, last or nn.Linear(64, 10))


def test_frozen_weights_and_zero_heads_are_not_drawn():
    def build():
        model = tower()
        model[0].requires_grad_(False)
        nn.init.zeros_(model[-1].weight)
        return model

    found = probe(build, torch.randn(32, 64), seeds=1, fix=True)
    fix = next(f.fix for f in found.findings if f.rule == "gradient-explodes")
    model = build()
    frozen = model[0].weight.clone()
    exec("\n".join(fix.code), {"model": model, "torch": torch, "nn": nn})  # noqa: S102
    assert torch.equal(model[0].weight, frozen)
    assert not model[-1].weight.any()


class Product(nn.Module):
    """x @ W: the weight is stored (in, out)."""

    def __init__(self, weight):
        super().__init__()
        self.weight = nn.Parameter(weight)

    def forward(self, x):
        return x @ self.weight


@pytest.mark.parametrize("dtype", [None, "bfloat16"])
def test_fans_of_a_weight_that_is_stored_input_first(dtype):
    found = probe(
        lambda: Product(torch.randn(512, 16)), torch.randn(8, 512), autocast=dtype, seeds=1
    )
    (row,) = found.parameter_rows
    assert (row["fan_in"], row["fan_out"]) == (512, 16)  # W of x @ W is (in, out)


def test_units_of_a_weight_that_is_stored_input_first():
    def build(weight):
        return lambda: nn.Sequential(Product(weight()), nn.ReLU(), nn.Linear(64, 3))

    x = torch.randn(32, 64)
    equal = probe(build(lambda: torch.randn(64, 1).repeat(1, 64) / 8), x, seeds=1)
    assert "no-symmetry-breaking" in rules(equal)
    apart = probe(build(lambda: torch.randn(1, 64).repeat(64, 1) / 8), x, seeds=1)
    assert "no-symmetry-breaking" not in rules(apart)


def test_the_lines_of_a_patch_are_those_that_run():
    patch = Patch("zeros", ("model.weight.zero_()",))
    model = nn.Linear(2, 2)
    patch.apply(model)
    assert not model.weight.any()
    assert patch.lines == ("with torch.no_grad():", "    model.weight.zero_()")
