"""Sites by two routes: the probe's, and the hooks of modules and tensors that torch documents."""

import math
from pathlib import Path

import pytest
import torch
from probe_runs import Calls, of_case, plain, rows, scaled, view
from probe_traps import COMPILED, TRAPS
from probed.healthy import HEALTHY
from torch import nn

from initlab import probe
from initlab.probe.recording.sites import INPUT, factors
from initlab.probe.rows import summary_of

SLOW = {"gpt_pre48", "resnet56_zero_gamma"}
MODELS = [case for case in HEALTHY if case.name not in SLOW]
EVERY = [*MODELS, *TRAPS, *COMPILED]
names = pytest.mark.parametrize("case", EVERY, ids=lambda case: case.name)


def modules(run):
    """Sites of calls of modules, by path and how often it was called."""
    return {(s.call.path, s.call.again): s for s in run.sites.every if s.kind == "module"}


@names
def test_values_of_modules_are_those_that_forward_hooks_see(case):
    by_probe, by_hooks = modules(of_case(case)), plain(case).values
    assert by_hooks
    for key, value in by_hooks.items():
        assert by_probe[key].value == value, key  # bit for bit
    more = set(by_probe) - set(by_hooks)
    assert all(by_probe[key].value is None for key in more) or case.name == "scripted"


@names
def test_gradients_of_modules_are_those_that_tensor_hooks_see(case):
    by_probe, by_hooks = modules(of_case(case)), plain(case).gradients
    assert by_hooks
    for key, gradient in by_hooks.items():
        assert by_probe[key].grad == gradient, key  # bit for bit
    for key in set(plain(case).values) - set(by_hooks):
        assert by_probe[key].grad is None, key


@names
def test_an_op_that_ends_a_module_has_the_module_s_value_and_gradient(case):
    run = of_case(case)
    ops = {s.node: s for s in run.sites.every if s.kind == "op" and s.node is not None}
    compared = 0
    for site in modules(run).values():
        op = ops.get(site.node)
        if op is not None and site.call.place == 0:
            assert op.value[2:] == site.value[2:]  # a module may return it in another shape
            assert op.grad == site.grad
            compared += 1
    # what ends in a view or an op of no value has none to compare
    assert compared or case.name in ("lstm2",)


@names
def test_the_trunk_has_values_and_gradients_and_ends_at_the_output(case):
    run = of_case(case)
    trunk = run.trunk
    assert [site.trunk for site in trunk] == list(range(len(trunk)))
    assert [site.order for site in trunk] == sorted(site.order for site in trunk)
    assert all(site.value is not None and site.grad is not None for site in trunk)
    # the random direction has the length 1, but for the rounding of its numbers to their dtype
    moved = {"float32": 1e-6, "bfloat16": 1e-2}[trunk[-1].value.dtype]
    if trunk[-1].value.size == run.run.output.numel():
        assert trunk[-1].grad == pytest.approx(1, rel=moved)


@names
def test_logarithms_along_the_trunk_add_up(case):
    run = of_case(case)
    changes = factors(run.trunk)
    assert changes[0] is None
    assert len(changes) == len(run.trunk)
    # LSTMs turn the batch into the second dimension: such places have no signal, and no share
    s = [site.sensitivity for site in run.trunk if site.sensitivity is not None]
    assert len(s) == len(run.trunk) or case.name == "lstm2"
    if all(value > 0 for value in s):
        whole = math.log(s[0] / s[-1])
        shares = [change for change in changes if change is not None]
        assert len(shares) == len(s) - 1
        assert sum(shares) == pytest.approx(whole, abs=1e-9)
        assert summary_of(run).ln_factor == pytest.approx(whole, abs=1e-12)
    else:
        assert case.name in ("gpt_zero_head", "gpt_nanochat_zero")  # opened by `view_of` alone
        assert summary_of(run).ln_factor is None


@names
def test_every_node_has_a_module(case):
    sites = of_case(case).sites
    assert 0 < sites.labelled == sites.nodes


def of_linear(*by):
    """Layers that multiply by a number each."""
    return nn.Sequential(*(scaled(4, factor) for factor in by))


def test_a_product_of_identities_by_hand():
    # x -> 2 x -> 6 x -> 3 x: gradients behind them are 3, 3/2, 1/2 and 1 times c
    run = view(lambda: of_linear(2.0, 3.0, 0.5), rows(16, 4))
    assert [s.name for s in run.trunk] == [INPUT, "0", "1", "2"]
    assert [s.grad for s in run.trunk] == pytest.approx([3.0, 1.5, 0.5, 1.0], rel=1e-6)
    rms = float(rows(16, 4).square().mean().sqrt())
    assert [s.value.rms for s in run.trunk] == pytest.approx(
        [rms, 2 * rms, 6 * rms, 3 * rms], rel=1e-6
    )
    # s is the same everywhere: a linear chain of multiples of the identity changes nothing
    assert factors(run.trunk)[1:] == pytest.approx([0, 0, 0], abs=1e-6)


def test_gains_are_those_of_an_op_alone():
    run = view(lambda: of_linear(2.0, 3.0), rows(16, 4))
    # addmm and mm hand a gradient to their weights, too; t() of the weight only moves it
    _, second = (s for s in run.sites.every if s.kind == "op")
    x = rows(16, 4)
    c = torch.randn(16, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    c = c / c.norm()
    weight = float(((2 * x.double()).T @ c).norm())
    assert second.gain == pytest.approx(math.hypot(3.0, weight), rel=1e-6)


def test_names_say_which_call_and_which_op():
    def forward(self, x):
        return self.a(torch.tanh(self.a(torch.tanh(x))))

    run = view(lambda: Calls(forward, a=nn.Linear(4, 4)), rows(16, 4))
    ops = [s.name for s in run.sites.every if s.kind == "op"]
    assert ops == ["(model) : tanh", "a", "(model) : tanh#1", "a#1"]
    assert [s.name for s in run.sites.every if s.kind == "module"] == ["(model)", "a", "a#1"]
    assert [s.path for s in run.sites.every if s.kind == "op"] == ["", "a", "", "a"]
    assert [s.shown_path for s in run.trunk] == [INPUT, "(model)", "a", "(model)", "a"]


def test_signals_are_compared_with_signals_alone():
    # its batch is turned into the second dimension, and back
    def forward(self, x):
        return torch.tanh(torch.tanh(self.a(x)).transpose(0, 1) * 2).transpose(0, 1) * 3

    run = view(lambda: Calls(forward, a=nn.Linear(4, 4)), rows(16, 5, 4))
    names = [s.name for s in run.trunk]
    assert names == [INPUT, "a", *(f"(model) : {n}" for n in ("tanh", "mul", "tanh#1", "mul#1"))]
    known = [s.sensitivity is not None for s in run.trunk]
    assert known == [True, True, True, False, False, True]
    whole = math.log(run.trunk[0].sensitivity / run.trunk[-1].sensitivity)
    assert sum(f for f in factors(run.trunk) if f is not None) == pytest.approx(whole, abs=1e-9)
    assert summary_of(run).ln_factor == pytest.approx(whole, abs=1e-9)


def test_without_a_batch_the_rms_stands_for_the_signal():
    run = view(lambda: nn.Sequential(nn.Linear(4, 4), nn.Tanh()), rows(1, 4))
    assert [s.sensitivity for s in run.trunk] == [s.grad * s.value.rms for s in run.trunk]


def test_a_residual_stream_is_the_trunk_and_its_branches_are_not():
    def forward(self, x):
        x = x + self.a(x)
        return x + self.b(torch.relu(x))

    run = view(lambda: Calls(forward, a=nn.Linear(4, 4), b=nn.Linear(4, 4)), rows(16, 4))
    assert [s.name for s in run.trunk] == [INPUT, "(model) : add", "(model) : add#1"]


def test_tokens_come_in_by_their_embedding():
    model = nn.Sequential(nn.Embedding(10, 4), nn.Linear(4, 3))
    run = view(lambda: model, torch.arange(8).reshape(4, 2))
    assert [s.name for s in run.trunk] == ["0", "1"]


def test_tokens_beside_numbers_are_two_ways_in():
    def forward(self, ids, x):
        return self.b(self.a(ids) + x)

    model = Calls(forward, a=nn.Embedding(10, 4), b=nn.Linear(4, 3))
    run = view(lambda: model, (torch.arange(8), rows(8, 4)))
    assert [s.name for s in run.trunk] == ["(model) : add", "b"]


def test_an_embedding_of_positions_is_no_way_in():
    def forward(self, ids):
        return self.b(self.a(ids) + self.p(torch.arange(2)))

    parts = {"a": nn.Embedding(10, 4), "p": nn.Embedding(2, 4), "b": nn.Linear(4, 3)}
    run = view(lambda: Calls(forward, **parts), torch.arange(8).reshape(4, 2))
    assert [s.name for s in run.trunk] == ["a", "(model) : add", "b"]


def test_without_a_path_from_the_input_there_is_no_trunk():
    run = view(lambda: Calls(lambda self, x: self.w * 2, w=nn.Parameter(torch.ones(3))), rows(4, 3))
    assert run.trunk == []
    assert run.run.output is not None


def test_batch_norm_sets_the_scale_anew():
    run = view(lambda: nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4)), rows(16, 4))
    assert [s.is_norm for s in run.trunk] == [False, False, True]


def test_where_is_the_line_of_the_model_s_code():
    def forward(self, x):
        return torch.exp(x) * self.w

    run = view(lambda: Calls(forward, w=nn.Parameter(torch.ones(3))), rows(4, 3))
    line = forward.__code__.co_firstlineno + 1
    ops = [s for s in run.sites.every if s.kind == "op"]
    assert [Path(s.where).name for s in ops] == [f"test_sites.py:{line}"] * 2


def test_of_torch_s_modules_alone_there_is_no_line():
    run = view(lambda: nn.Sequential(nn.Linear(3, 3)), rows(4, 3))
    assert [s.where for s in run.sites.every] == ["", "", "", ""]


def wrong_number(self, x):
    """An op without a node, after nodes that no op has made."""
    y = torch.tanh(self.a(x))
    (g,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    with torch.no_grad():
        _ = x * 1000
    return self.b(y) + g


def after_a_view_was_made_anew(self, x):
    h = self.a(x)
    part = h[:, :2]
    h.mul_(2)
    part = self.same(part)  # its grad_fn is made when it is asked for
    with torch.no_grad():
        _ = x * 1000
    return self.b(torch.cat([part, part], 1))


@pytest.mark.parametrize("forward", [wrong_number, after_a_view_was_made_anew])
def test_an_op_without_a_node_has_no_gradient(forward):
    parts = {"a": nn.Linear(4, 4), "b": nn.Linear(4, 4), "same": nn.Identity()}
    run = view(lambda: Calls(forward, **parts), rows(16, 4))
    (site,) = [s for s in run.sites.every if s.value is not None and s.value.rms > 100]
    assert (site.node, site.grad, site.trunk) == (None, None, None)


def test_rows_of_tokens_have_the_numbers_of_the_samples_they_belong_to():
    # nn.Linear flattens (B, T, n) for its product; the signal is that of (B, T, n), about its mean
    # over B, with 1/(B - 1)
    model = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))
    nn.init.constant_(model[2].bias, 50.0)
    x = torch.randn(8, 4, 6)
    found = probe(model, x, seeds=1)
    rows = {row["site"]: row for row in found.trunk_rows()}
    for name, y in (("0", model[0](x)), ("2", model(x))):
        signal = float(y.detach().double().var(0).mean().sqrt())
        assert rows[name]["signal"] == pytest.approx(signal, rel=1e-9)
    assert found.findings == ()  # a large bias of the head is no vanishing gradient
