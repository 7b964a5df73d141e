"""A probe as it is called from Python: what it returns, leaves behind, and refuses."""

import copy
import dataclasses
import gc
import pickle
import random
import sys
import weakref

import numpy as np
import pytest
import torch
from probe_runs import Calls, of_case, rows
from probed.healthy import HEALTHY
from torch import nn
from torch.nn.modules import module as hooks
from torch.utils._python_dispatch import _get_current_dispatch_mode

import initlab
from initlab.catalog import PROBE_RULES
from initlab.errors import InputError, UnknownName, UserCodeError
from initlab.probe import passes
from initlab.probe.recording.sites import factors
from initlab.probe.run import probe, wanted_rules


def mlp():
    return nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8), nn.Dropout(0.1), nn.Linear(8, 4))


def batch():
    return torch.randn(16, 8)


def quick(*names):
    return [case for case in HEALTHY if case.name in names]


# what it returns ----------------------------------------------------------------------------------


def test_rows_of_every_seed_and_a_summary_of_each():
    found = probe(mlp, batch, seeds=[3, 5])
    assert found.seeds == (3, 5)
    assert {row["seed"] for row in found.site_rows} == {3, 5}
    assert {row["seed"] for row in found.parameter_rows} == {3, 5}
    assert [run.seed for run in found.runs] == [3, 5]
    assert found.target == "mlp"
    assert probe(mlp, batch, seeds=1, name="mine").target == "mine"
    assert probe(mlp(), batch, seeds=1).target == "Sequential"


@pytest.mark.parametrize("case", quick("gpt_pre12", "lstm2", "flow8", "unet"), ids=lambda c: c.name)
def test_the_same_call_gives_the_same_bit_for_bit(case):
    first, again = (probe(case.build, case.batch, loss=case.loss, seeds=1) for _ in range(2))
    assert repr(first) == repr(again)  # where nan equals nan


def test_a_seed_s_rows_depend_on_no_other_seed():
    alone = probe(mlp, batch, seeds=[2])
    among = probe(mlp, batch, seeds=[0, 2, 1])
    assert list(alone.site_rows) == [row for row in among.site_rows if row["seed"] == 2]
    assert alone.runs[0] in among.runs


@pytest.mark.parametrize(
    "case", quick("mlp_he_relu20", "resnet20", "gpt_post6", "siren"), ids=lambda c: c.name
)
def test_the_changes_of_the_trunk_are_those_of_the_summary(case):
    found = probe(case.build, case.batch, seeds=1)
    changes = [row["d_ln_s"] for row in found.trunk_rows()]
    assert changes[0] is None
    assert sum(changes[1:]) == pytest.approx(found.runs[0].ln_factor, abs=1e-9)
    assert changes == factors(of_case(dataclasses.replace(case, loss=None)).trunk)


PLAIN = (int, float, str, bool, type(None))


def plain_values(value):
    """Every value within records, tuples, lists and dictionaries."""
    if dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from plain_values(getattr(value, field.name))
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from plain_values(inner)
    elif isinstance(value, tuple | list):
        for inner in value:
            yield from plain_values(inner)
    else:
        yield value


def test_it_holds_plain_values_alone():
    def build():
        model = mlp()
        nn.init.zeros_(model[3].weight)
        model[0].weight.data[0, 0] = float("nan")
        return model

    found = probe(build, batch, loss="cross_entropy", seeds=2)
    assert found.findings
    assert {type(value) for value in plain_values(found)} <= set(PLAIN)
    assert repr(pickle.loads(pickle.dumps(found))) == repr(found)  # noqa: S301  # our own bytes


def test_no_tensor_and_no_module_is_kept():
    kept = []

    def forward(self, x):
        h = torch.tanh(self.a(x))
        kept.extend([weakref.ref(h), weakref.ref(self), weakref.ref(self.a.weight)])
        return self.b(h)

    def build():
        return Calls(forward, a=nn.Linear(8, 8), b=nn.Linear(8, 4))

    found = probe(build, batch, loss="mse", seeds=2)
    gc.collect()
    assert len(kept) == 6
    assert [ref() for ref in kept] == [None] * 6
    assert found.runs


def test_it_is_called_like_its_package():
    assert repr(initlab.probe(mlp, batch, seeds=1)) == repr(probe(mlp, batch, seeds=1))


# what it leaves behind ----------------------------------------------------------------------------


def state():
    return {
        "python": random.getstate(),
        "numpy": np.random.get_state()[1].tolist(),  # noqa: NPY002  # the global one
        "torch": torch.get_rng_state().tolist(),
        "dtype": torch.get_default_dtype(),
        "grad": torch.is_grad_enabled(),
        "inference": torch.is_inference_mode_enabled(),
        "autocast": torch.is_autocast_enabled("cpu"),
        "autocast dtype": torch.get_autocast_dtype("cpu"),
        "threads": torch.get_num_threads(),
        "hooks": [
            len(getattr(hooks, name))
            for name in dir(hooks)
            if name.startswith("_global") and isinstance(getattr(hooks, name), dict)
        ],
        "mode": _get_current_dispatch_mode(),
        "stance": torch._dynamo.eval_frame._stance.stance,
        "stdout": sys.stdout,
    }


def of_module(model):
    """All that a model holds, and whether it trains."""
    tensors = {name: value.clone() for name, value in model.state_dict().items()}
    grads = {name: p.grad for name, p in model.named_parameters()}
    modes = [module.training for module in model.modules()]
    asks = [p.requires_grad for p in model.parameters()]
    return tensors, grads, modes, asks


def equal(before, after):
    tensors, *rest = before
    others, *same = after
    assert rest == same
    assert tensors.keys() == others.keys()
    return all(torch.equal(tensor, others[name]) for name, tensor in tensors.items())


def disturbs():
    """Draws from all generators and changes what is global."""
    random.random()  # noqa: S311
    np.random.rand()  # noqa: NPY002
    torch.randn(3)
    torch.set_grad_enabled(False)
    torch.set_default_dtype(torch.float64)


@pytest.mark.parametrize("train", [True, False])
def test_a_module_that_is_given_stays_as_it_is(train):
    model = mlp().train(not train)
    model[0].bias.requires_grad_(False)
    model[0].weight.grad = torch.ones(8, 8)
    before = of_module(model)
    grad = model[0].weight.grad.clone()
    for options in ({}, {"loss": "cross_entropy"}, {"dtype": torch.bfloat16}):
        probe(model, batch, train=train, **options)
        assert equal(before, of_module(model))
        assert torch.equal(model[0].weight.grad, grad)
        assert all(not m._forward_hooks and not m._forward_pre_hooks for m in model.modules())


def test_a_batch_that_is_given_stays_as_it_is():
    x = rows(16, 8)
    kept = copy.deepcopy(x)
    model = Calls(lambda self, x: self.a(x.add_(1)), a=nn.Linear(8, 4))
    probe(lambda: model, x, seeds=2)
    assert torch.equal(x, kept)
    assert (x.grad, x.requires_grad) == (None, False)


def fails(error):
    def forward(self, x):
        disturbs()
        raise error

    return lambda: Calls(forward, a=nn.Linear(8, 4))


def fails_in_build(error):
    def build():
        disturbs()
        raise error

    return build


def fails_back(error):
    class Breaks(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, g):
            raise error

    return lambda: Calls(lambda self, x: Breaks.apply(self.a(x)), a=nn.Linear(8, 4))


def fails_in_batch(error):
    def draw():
        disturbs()
        raise error

    return draw


def test_all_is_as_before():
    before = state()
    probe(mlp, batch)
    assert state() == before
    with pytest.raises(UserCodeError, match="returned None"):
        probe(disturbs, batch)
    assert state() == before


@pytest.mark.parametrize(
    ("where", "error"),
    [
        (fails, ValueError("theirs")),
        (fails, KeyboardInterrupt()),
        (fails, SystemExit(3)),
        (fails_in_build, ValueError("theirs")),
        (fails_in_build, KeyboardInterrupt()),
        (fails_back, ValueError("theirs")),
        (fails_back, KeyboardInterrupt()),
    ],
)
def test_all_is_as_before_whatever_the_model_raises(where, error):
    before = state()
    kind = KeyboardInterrupt if isinstance(error, KeyboardInterrupt) else UserCodeError
    with pytest.raises(kind):
        probe(where(error), batch)
    assert state() == before


def test_all_is_as_before_if_the_batch_raises():
    before = state()
    with pytest.raises(UserCodeError, match="theirs"):
        probe(mlp, fails_in_batch(ValueError("theirs")))
    assert state() == before


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
@pytest.mark.parametrize("name", ["found_in", "combined", "site_rows", "suggested", "coverage_of"])
def test_all_is_as_before_if_we_fail(monkeypatch, name, error):
    def broken(*_, **__):
        raise error("ours")

    monkeypatch.setattr(passes, name, broken)
    model = mlp()
    nn.init.constant_(model[0].weight, 0.1)  # a finding, for which a fix is suggested
    before, of = state(), of_module(model)
    for build in (model, lambda: copy.deepcopy(model)):
        with pytest.raises(error):
            probe(build, batch)
        assert state() == before
        assert equal(of, of_module(model))


def test_under_no_grad_and_autocast_of_the_caller():
    with torch.no_grad():
        before = state()
        found = probe(mlp, batch, seeds=1)
        assert state() == before
    assert found.runs[0].trunk > 0


# how it is asked ----------------------------------------------------------------------------------


def test_a_module_keeps_its_weights_and_draws_its_forward_pass():
    model = nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.5))
    found = probe(model, rows(16, 8), seeds=2)
    first, second = ([r for r in found.parameter_rows if r["seed"] == s] for s in (0, 1))
    assert [row["std"] for row in first] == [row["std"] for row in second]
    last = [row["rms"] for row in found.trunk_rows() if row["op"] == "mul"]
    assert len(set(last)) == 2


def test_copies_in_a_module_that_is_given_are_found_if_a_product_uses_them():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(8, 8), nn.Linear(8, 8)
            self.b.load_state_dict(self.a.state_dict())
            self.p = nn.Parameter(torch.randn(16, 8))
            self.q = nn.Parameter(self.p.detach().clone())

        def forward(self, x):
            return self.b(self.a(x + self.p) + self.q)

    (finding,) = probe(Two(), batch).findings
    assert (finding.rule, finding.parameter) == ("identical-parameters", "a.weight")
    (finding,) = probe(Two, batch).findings  # the seeds draw others: both are copies
    assert "(2 in all)" in finding.message


def test_tables_that_no_seed_changes_are_no_copies():
    class Tables(nn.Module):
        def __init__(self):
            super().__init__()
            table = torch.sin(torch.arange(128.0)).reshape(16, 8)
            self.p, self.q = nn.Parameter(table.clone()), nn.Parameter(table.clone())
            self.a = nn.Linear(8, 8)

        def forward(self, x):
            return self.a(x + self.p) + self.q

    assert probe(Tables, batch, seeds=3).findings == ()
    assert probe(Tables, batch, seeds=1).findings == ()  # another is built to compare with


def test_neither_are_they_in_half_precision():
    class Tables(nn.Module):
        def __init__(self):
            super().__init__()
            table = torch.sin(torch.arange(128.0)).reshape(16, 8)
            self.p, self.q = nn.Parameter(table.clone()), nn.Parameter(table.clone())
            self.a = nn.Linear(8, 8)

        def forward(self, x):
            return self.a(x + self.p) + self.q

    assert probe(Tables, batch, seeds=3, dtype=torch.bfloat16).findings == ()
    assert probe(Tables, batch, seeds=1, dtype=torch.bfloat16).findings == ()


def test_a_model_that_seeds_itself_is_told_so():
    def build():
        torch.manual_seed(0)
        return mlp()

    assert [n for n in probe(build, batch).notes if n.startswith("every seed has the same")]
    assert not [n for n in probe(mlp, batch).notes if n.startswith("every seed")]


def test_rules_that_are_wanted():
    every = wanted_rules((), ())
    assert len(every) == len(list(PROBE_RULES))
    assert wanted_rules(["dead-units"], ()) == {"dead-units"}
    assert wanted_rules(["dead_units", "signal-lost"], ["signal-lost"]) == {"dead-units"}
    assert wanted_rules((), ["dead-units"]) == every - {"dead-units"}
    with pytest.raises(UnknownName, match=r"did you mean dead.units"):
        wanted_rules(["dead-unit"], ())


def broken():
    model = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 4))
    nn.init.constant_(model[0].weight, 0.1)
    return model


def test_rules_are_selected_and_ignored():
    assert {f.rule for f in probe(broken, batch).findings} >= {"no-symmetry-breaking"}
    assert probe(broken, batch, ignore=["no-symmetry-breaking"]).findings == ()
    assert probe(broken, batch, select=["dead-units"]).findings == ()
    with pytest.raises(AssertionError, match="no-symmetry-breaking"):
        probe(broken, batch).assert_healthy()


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"seeds": 0}, "a seed or more"),
        ({"seeds": []}, "a seed or more"),
        ({"output": "y"}, "unknown output 'y'"),
        ({"loss": "cross_entropi"}, "cross_entropi"),
        ({"select": ["nothing"]}, "nothing"),
    ],
)
def test_arguments_that_cannot_be_used(options, match):
    with pytest.raises(InputError, match=match):
        probe(mlp, batch, **options)


def test_what_is_no_model():
    with pytest.raises(UserCodeError, match="neither a function"):
        probe(3, batch)
    with pytest.raises(UserCodeError, match=r"not an nn\.Module"):
        probe(lambda: 3, batch)
    with pytest.raises(InputError, match="not a tensor"):
        probe(mlp, 3)


def test_lazy_models():
    found = probe(lambda: nn.Sequential(nn.LazyLinear(8), nn.Tanh(), nn.LazyLinear(4)), batch)
    assert [row["shape"] for row in found.parameter_rows[:2]] == ["8x8", "8"]
    assert found.findings == ()


def test_a_lazy_layer_that_is_not_used():
    model = Calls(lambda self, x: self.a(x), a=nn.Linear(8, 4), lost=nn.LazyLinear(2))
    assert probe(lambda: model, batch).runs


def test_complex_parameters():
    def forward(self, x):
        return torch.fft.irfft(torch.fft.rfft(self.a(x)) * self.w, n=8)

    def build():
        return Calls(forward, a=nn.Linear(8, 8), w=nn.Parameter(torch.randn(5, dtype=torch.cfloat)))

    assert probe(build, batch).runs[0].trunk > 0


def test_a_model_without_a_gradient_is_told_so():
    for build in (
        lambda: Calls(lambda self, x: self.a(x).argmax(-1), a=nn.Linear(8, 4)),
        lambda: Calls(lambda self, x: self.a(x).detach(), a=nn.Linear(8, 4)),
    ):
        found = probe(build, batch)
        assert [f.rule for f in found.findings] == ["no-gradient"]


def test_zeros_at_the_head_are_opened():
    def build():
        model = nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 4))
        nn.init.zeros_(model[2].weight)
        return model

    found = probe(build, batch)
    assert [(f.rule, f.parameter) for f in found.findings] == [("opened-zero-init", "2.weight")]
    assert found.runs[0].ln_factor is not None
    # drawn at fan_in^-1/2: a gain of 1
    gains = [r["gain"] for r in found.parameter_rows if r["name"] == "2.weight"]
    assert gains == pytest.approx([1, 1, 1], rel=0.5)
    assert len(set(gains)) == 3


def test_a_build_that_changes_the_default_dtype():
    def build():
        torch.set_default_dtype(torch.float64)
        return nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 4))

    assert probe(build, batch, seeds=2).runs
    assert torch.get_default_dtype() == torch.float32


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_seeds_that_there_are_not(seed):
    with pytest.raises(InputError):
        probe(mlp, batch, seeds=[seed])
