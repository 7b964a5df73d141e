"""Rows against the sites and parameters that they are of."""

import math

import pytest
import torch
from probe_runs import Calls, rows, scaled, view
from torch import nn

from initlab.probe.result import PARAMETER_COLUMNS, SITE_COLUMNS
from initlab.probe.rows import parameter_rows, site_rows, summary_of

PLAIN = (int, float, str, bool, type(None))


def model():
    return nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3))


def test_a_row_for_every_site_with_every_column():
    run = view(model, rows(16, 4), 7)
    found = site_rows(run)
    assert len(found) == len(run.sites.every)
    assert all(list(row) == list(SITE_COLUMNS) for row in found)
    assert [row["order"] for row in found] == list(range(len(found)))
    assert {row["seed"] for row in found} == {7}
    assert all(type(value) in PLAIN for row in found for value in row.values())


def test_the_numbers_of_a_row():
    run = view(model, rows(16, 4))
    relu = next(row for row in site_rows(run) if row["op"] == "relu")
    site = next(s for s in run.sites.every if s.op is not None and s.op.name == "relu")
    y = torch.relu(run.run.model[0](rows(16, 4))).detach().double()
    expected = {
        "site": "1",
        "kind": "op",
        "path": "1",
        "module": "ReLU",
        "shape": "16x6",
        "dtype": "float32",
        "trunk": 2,
        "finite": 1.0,
        "where": "",
    }
    assert {key: relu[key] for key in expected} == expected
    assert relu["rms"] == pytest.approx(float(y.square().mean().sqrt()))
    assert relu["mean"] == pytest.approx(float(y.mean()))
    assert relu["std"] == pytest.approx(float(y.std(correction=0)))
    assert relu["signal"] == pytest.approx(float(y.var(0).mean().sqrt()))
    assert relu["absmax"] == pytest.approx(float(y.max()))
    assert relu["zero"] == pytest.approx(float((y == 0).double().mean()))
    assert relu["grad_norm"] == site.grad
    assert relu["grad_rms"] == pytest.approx(site.grad / math.sqrt(16 * 6))
    assert relu["sensitivity"] == pytest.approx(relu["grad_norm"] * relu["signal"])
    before = next(row for row in site_rows(run) if row["op"] == "addmm")
    assert relu["gain_forward"] == pytest.approx(relu["rms"] / before["rms"])
    assert relu["d_ln_s"] == pytest.approx(
        math.log(before["sensitivity"] / relu["sensitivity"]), abs=1e-9
    )


def test_beside_the_trunk_there_is_no_place_and_no_change():
    run = view(
        lambda: Calls(lambda self, x: x + self.a(x), a=nn.Linear(4, 4)),
        rows(16, 4),
    )
    branch = next(row for row in site_rows(run) if row["op"] == "addmm")
    assert (branch["trunk"], branch["d_ln_s"]) == (None, None)
    assert branch["grad_norm"] > 0


def test_a_row_for_every_parameter():
    run = view(model, rows(16, 4), 7)
    found = parameter_rows(run)
    assert [row["name"] for row in found] == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert all(list(row) == list(PARAMETER_COLUMNS) for row in found)
    assert all(type(value) in PLAIN for row in found for value in row.values())
    weight = run.run.model[0].weight.detach().double()
    first = found[0]
    assert (first["shape"], first["fan_in"], first["fan_out"], first["seed"]) == ("6x4", 4, 6, 7)
    assert first["std"] == pytest.approx(float(weight.square().mean().sqrt()))
    assert first["gain"] == pytest.approx(first["std"] * 2)  # sqrt(4)
    assert first["update"] == pytest.approx(first["grad_norm"] * first["std"])
    assert first["grad_norm"] == pytest.approx(float(run.run.model[0].weight.grad.norm()))
    assert (found[1]["fan_in"], found[1]["gain"]) == (None, None)


def test_a_summary_by_hand():
    # x -> 2 x -> 6 x: a multiple of the identity changes no s
    run = view(lambda: nn.Sequential(scaled(4, 2.0), scaled(4, 3.0)), rows(16, 4))
    found = summary_of(run)
    assert (found.seed, found.output, found.batch, found.trunk) == (0, "16x4", 16, 3)
    assert found.ln_factor == pytest.approx(0, abs=1e-6)
    assert (found.largest, found.smallest) == pytest.approx((1, 1), rel=1e-6)
    assert found.last_rms == pytest.approx(6 * float(rows(16, 4).square().mean().sqrt()), rel=1e-6)
    assert found.loss is None
    # K^2 = sum ||dL/dW||^2 rms(W)^2 / rms(y)^2; rms of the identity times a is a / 2
    weights = [p.grad.double().norm() for p in run.run.model.parameters()]
    k = math.hypot(float(weights[0]) * 1.0, float(weights[1]) * 1.5) / found.last_rms
    assert found.k == pytest.approx(k, rel=1e-6)


def test_a_summary_with_a_loss_and_a_name():
    build = lambda: Calls(lambda self, x: {"y": self.a(x)}, a=nn.Linear(4, 3))  # noqa: E731
    run = view(build, rows(16, 4), loss="cross_entropy")
    found = summary_of(run)
    assert found.output == "y 16x3"
    assert found.loss == run.run.value.value


def test_zeros_have_no_factor():
    found = summary_of(view(lambda: nn.Sequential(scaled(4, 0.0), scaled(4, 1.0)), rows(16, 4)))
    assert (found.ln_factor, found.largest, found.smallest, found.k) == (None, None, None, None)


@pytest.mark.parametrize(
    "build",
    [
        lambda: Calls(lambda self, x: self.w * 2, w=nn.Parameter(torch.ones(3))),
        lambda: Calls(lambda self, x: self.a(x).argmax(-1), a=nn.Linear(4, 4)),
    ],
    ids=["no path", "no gradient"],
)
def test_without_a_trunk_there_is_a_summary(build):
    found = summary_of(view(build, rows(16, 4)))
    assert (found.trunk, found.ln_factor, found.k, found.last_rms) == (0, None, None, None)


@pytest.mark.parametrize(
    "build",
    [
        lambda: Calls(lambda self, x: self.w * 2, w=nn.Parameter(torch.ones(3))),
        lambda: Calls(lambda self, x: self.a(x).argmax(-1), a=nn.Linear(4, 4)),
    ],
    ids=["no path", "no gradient"],
)
def test_without_a_trunk_there_are_rows(build):
    found = site_rows(view(build, rows(16, 4)))
    assert {row["trunk"] for row in found} == {None}


def test_what_is_not_finite_stays_out_of_summaries():
    run = view(lambda: Calls(lambda self, x: self.a(x) / 0, a=nn.Linear(4, 4)), rows(16, 4))
    found = summary_of(run)
    assert (found.ln_factor, found.last_rms, found.k) == (None, None, None)
