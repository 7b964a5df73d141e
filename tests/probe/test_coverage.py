"""What was not seen is said, and nothing is said of what was."""

import warnings

import pytest
import torch
from probe_runs import Calls, of_case, rows, view
from probe_traps import COMPILED, TRAPS
from probed.healthy import HEALTHY
from torch import nn
from torch.utils.checkpoint import checkpoint

from initlab.probe.coverage import SMALL_BATCH, coverage_of, notes_of

BLIND = {
    "checkpoint_reentrant": "gradients inside of activation checkpoints with use_reentrant=True",
    "function": "ops inside of torch.autograd.Function: Double",
    "scripted": "ops inside of 3 TorchScript modules",
    "whole": "compiled kernels: what torch.compile wraps was run eagerly",
    "part": "compiled kernels: what torch.compile wraps was run eagerly",
}
QUICK = [case for case in HEALTHY if case.name in ("mlp_default_relu3", "flow8", "lstm2", "unet")]


@pytest.mark.parametrize("case", [*QUICK, *TRAPS, *COMPILED], ids=lambda case: case.name)
def test_every_gap_has_its_sentence(case):
    found = coverage_of(of_case(case))
    assert found.blind == ((BLIND[case.name],) if case.name in BLIND else ())
    assert found.nodes == found.nodes_labelled > 0
    assert found.ops_without_value == 0


def test_a_vmap_hides_nothing_that_has_values():
    case = next(case for case in TRAPS if case.name == "vmap")
    ops = [site.op.name for site in of_case(case).sites.every if site.kind == "op"]
    assert "tanh" in ops


def test_values_that_cannot_be_read_are_counted():
    def forward(self, x):
        return self.a(x) + self.w.to_sparse().mul(2).to_dense()

    model = Calls(forward, a=nn.Linear(4, 4), w=nn.Parameter(torch.ones(4, 4)))
    run = view(lambda: model, rows(4, 4))
    found = coverage_of(run)
    assert found.ops_without_value == sum(run.run.recorder.unreadable.values()) > 0
    (text,) = [text for text in found.blind if text.startswith("values of ")]
    assert "mul" in text


def test_parallel_wrappers():
    run = view(lambda: nn.DataParallel(nn.Linear(4, 4)), rows(4, 4))
    assert coverage_of(run).blind == ("what a parallel wrapper does",)


def test_no_trunk():
    run = view(lambda: Calls(lambda self, x: self.w * 2, w=nn.Parameter(torch.ones(3))), rows(4, 3))
    assert coverage_of(run).blind == ("a trunk: no input has a path to the output",)


def test_no_output():
    run = view(lambda: Calls(lambda self, x: x.argmax()), rows(4, 3))
    found = coverage_of(run)
    assert (found.nodes, found.blind) == (0, ())


def test_nodes_that_no_module_made_are_counted():
    scale = torch.ones(4, requires_grad=True)
    outside = scale * 2  # its node is older than the run
    run = view(lambda: Calls(lambda self, x: x * outside), rows(4, 4))
    found = coverage_of(run)
    assert (found.nodes, found.nodes_labelled) == (2, 1)
    assert found.blind == ("the module of 1 autograd nodes",)


def batch_norm(batch, train=True):
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4))
    return list(notes_of(view(lambda: model, rows(batch, 4), train=train)))


def test_small_batches_make_batch_norm_noisy():
    (note,) = batch_norm(SMALL_BATCH - 1)
    assert note.startswith(f"a batch of {SMALL_BATCH - 1} makes batch norm noisy")
    assert batch_norm(SMALL_BATCH) == []
    assert batch_norm(SMALL_BATCH - 1, train=False) == []  # it uses no batch


def test_one_sample_has_no_signal():
    (note,) = notes_of(view(lambda: nn.Linear(4, 4), rows(1, 4)))
    assert "signal is not measured" in note
    assert list(notes_of(view(lambda: nn.Linear(4, 4), rows(2, 4)))) == []


def test_an_input_that_cannot_be_followed():
    model = Calls(lambda self, x: self.a(x.mul_(2)), a=nn.Linear(4, 4))
    (note,) = notes_of(view(lambda: model, rows(4, 4)))
    assert "was not followed back" in note


def test_both_checkpoints_and_a_function_in_one_model():
    def forward(self, x):
        h = checkpoint(self.a, x, use_reentrant=True)
        return checkpoint(self.b, h, use_reentrant=False)

    run = view(lambda: Calls(forward, a=nn.Linear(4, 4), b=nn.Linear(4, 4)), rows(4, 4))
    assert coverage_of(run).blind == (BLIND["checkpoint_reentrant"],)


def test_quantised_buffers():
    model = Calls(lambda self, x: self.a(x) + self.q.dequantize(), a=nn.Linear(4, 4))
    with warnings.catch_warnings(action="ignore"):  # deprecated, and still met
        model.register_buffer("q", torch.quantize_per_tensor(rows(4), 0.1, 0, torch.qint8))
        found = coverage_of(view(lambda: model, rows(4, 4)))
    assert "quantised tensors" in found.blind


def test_a_module_that_compiles_itself():
    def build():
        model = nn.Sequential(nn.Linear(4, 4), nn.Tanh())
        model.compile(backend="eager")
        return model

    assert coverage_of(view(build, rows(4, 4))).blind == (BLIND["whole"],)
