"""What single ops tell: the ops are torch's own, run under a mode, as in a probe."""

import pytest
import torch
from probe_runs import rows, view
from torch import nn

from initlab.probe.recording.layers import probabilities


def layers(module, x, op, train=True):
    """What the ops of a name tell, in a run of one module."""
    return [s.op.layer for s in view(lambda: module, x, train=train).sites.every
            if s.op is not None and s.op.name == op]  # fmt: skip


def with_rows(values):
    """Rows, each of which has a given variance: v (1, -1, 1, -1)."""
    signs = torch.tensor([1.0, -1.0, 1.0, -1.0])
    return torch.stack([value**0.5 * signs for value in values])


# a variance of 0.99 eps / 100 is starved and 1.01 eps / 100 is not: STARVED_EPS
EPS = 1e-3
AROUND = [0.99e-2 * EPS, 1.01e-2 * EPS, 1.0, 0.0]


def test_layer_norm_counts_rows():
    (layer,) = layers(nn.LayerNorm(4, eps=EPS), with_rows(AROUND), "native_layer_norm")
    assert (layer.starved, layer.eps) == (2 / 4, EPS)


def test_group_norm_counts_groups_of_each_sample():
    # two groups of two channels, of which the second varies in every sample
    x = torch.cat([with_rows(AROUND)[:, :2], with_rows([1.0] * 4)[:, :2]], 1)[..., None]
    (layer,) = layers(nn.GroupNorm(2, 4, eps=EPS), x.expand(4, 4, 3), "native_group_norm")
    assert layer.starved == 2 / 8


def test_batch_norm_counts_channels():
    # with the variance 1/n over the batch, as its forward pass takes it
    x = with_rows(AROUND).T
    (layer,) = layers(nn.BatchNorm1d(4, eps=EPS), x, "native_batch_norm")
    assert (layer.starved, layer.eps) == (2 / 4, EPS)


def test_batch_norm_in_eval_mode_divides_by_what_it_has_learnt():
    x = with_rows(AROUND).T
    (layer,) = layers(nn.BatchNorm1d(4, eps=EPS), x, "native_batch_norm", train=False)
    assert layer.starved is None


def test_instance_norm_counts_channels_of_each_sample():
    x = with_rows([*AROUND, 1.0, 1.0, 1.0, 1.0]).reshape(2, 4, 4)
    (layer,) = layers(nn.InstanceNorm1d(4, eps=EPS), x, "native_batch_norm")
    assert layer.starved == 2 / 8


@pytest.mark.parametrize("eps", [EPS, None])
def test_rms_norm_counts_rows(eps):
    # by default its eps is that of the dtype
    limit = torch.finfo(torch.float32).eps if eps is None else eps
    x = with_rows([0.99e-2 * limit, 1.01e-2 * limit, 1.0, 0.0])
    found = [s for s in view(lambda: nn.RMSNorm(4, eps=eps), x).sites.every if s.op is not None]
    assert [s.op.layer.starved for s in found if s.op.layer.starved is not None] == [2 / 4]
    assert any(s.is_norm for s in found)


def test_no_eps_starves_nothing():
    (layer,) = layers(nn.LayerNorm(4, eps=0.0), with_rows([1.0, 1.0]), "native_layer_norm")
    assert layer.starved == 0


DEAD = torch.tensor([[1.0, -1.0, -1.0, 2.0], [-1.0, -1.0, -1.0, 3.0]])


def test_relu_counts_zeros_and_units_that_are_zero_in_all_rows():
    (layer,) = layers(nn.ReLU(), DEAD, "relu")
    # 5 of 8 are not above 0; units 1 and 2 in both rows
    assert (layer.zero, layer.dead, layer.rows) == (5 / 8, 2 / 4, 2)


@pytest.mark.parametrize(
    ("module", "op"),
    [
        (nn.ReLU(inplace=True), "relu_"),
        (nn.Threshold(0.0, 0.0), "threshold"),
    ],
)
def test_so_do_those_like_it(module, op):
    class Copied(nn.Module):
        def forward(self, x):
            return module(x * 1)

    (layer,) = layers(Copied(), DEAD, op)
    assert (layer.dead, layer.rows) == (2 / 4, 2)


def test_units_of_a_convolution_are_its_channels():
    x = DEAD[:, :, None, None].expand(2, 4, 3, 5)
    (layer,) = layers(nn.ReLU(), x, "relu")
    assert (layer.dead, layer.rows) == (2 / 4, 2 * 3 * 5)


def test_units_of_a_sequence_are_its_last_dimension():
    x = DEAD[:, None, :].expand(2, 3, 4) * torch.tensor([1.0, -1.0, 1.0])[:, None].abs()
    (layer,) = layers(nn.ReLU(), x, "relu")
    # positions are alike, and none is dead in all: the smaller share is that of channels
    assert (layer.dead, layer.rows) == (0.0, 2 * 4)


def test_one_number_a_sample_has_no_units():
    (layer,) = layers(nn.ReLU(), rows(5), "relu")
    assert (layer.dead, layer.rows) == (None, 0)


def test_probabilities_are_not_negative_and_sum_to_one():
    soft = rows(6, 5).softmax(-1)
    assert probabilities(soft)
    assert probabilities(soft.half())
    assert not probabilities(rows(6, 5))
    assert not probabilities(soft * 1.002)  # 2e-3 off: SUM_TO_1 is 1e-3
    assert probabilities(soft * 1.0005)
    assert not probabilities(torch.tensor([[1.5, -0.5]]))
    assert not probabilities(torch.ones(6, 1))  # the sigmoid of one class is no softmax


def test_embeddings_tell_where_their_ids_are():
    ids = torch.arange(4).reshape(2, 2)
    run = view(lambda: nn.Embedding(10, 3), ids)
    (site,) = [s for s in run.sites.every if s.op is not None]
    assert site.op.layer.indices in run.run.memory
    assert [s.name for s in run.trunk] == ["(model)"] or run.trunk[0] is site
