"""Linear layers without weights, against layers whose weights are drawn: one law, both ways."""

import numpy as np
import pytest
import torch
from scipy import stats

from initlab.network.weightless import Built, Numbers, Orthogonal, Weightless

COUNT = 2_000
UNLIKELY = 1e-4  # a p-value; the draws are fixed, so a test that passes once always does


def numbers(count=COUNT, start=0, dtype=torch.float64):
    return Numbers(range(start, start + count), dtype)


def through(linear, h_BI, outputs, drawn):
    """Forward, and back from a delta that knows z: z, dL/dh for delta = z^2 and for another one."""
    h_RBI = h_BI.expand(COUNT, *h_BI.shape)
    z_RBO = linear.forward(h_RBI, drawn)
    delta_RBO = z_RBO.square() + torch.linspace(-1, 2, outputs, dtype=h_BI.dtype)
    return z_RBO, linear.backward(delta_RBO, drawn)


def features(z_RBO, gradient_RBI, h_BI):
    """Numbers in which a wrong joint law would show."""
    yield "z", z_RBO[:, 0, 0]
    yield "difference of samples", (z_RBO[:, 0] - z_RBO[:, -1]).norm(dim=1)
    yield "length of z", z_RBO.flatten(1).norm(dim=1)
    yield "gradient", gradient_RBI[:, -1, -1]
    yield "length of the gradient", gradient_RBI.flatten(1).norm(dim=1)
    # <h, delta W> = <delta, z>: the part that the forward pass has told
    yield "along h", (gradient_RBI * h_BI).sum((1, 2))
    yield "z and gradient", z_RBO[:, 0, 0] * gradient_RBI[:, 0, 0]
    yield "gradients of two samples", (gradient_RBI[:, 0] * gradient_RBI[:, -1]).sum(1)


SIZES = [(3, 7, 7), (3, 12, 5), (2, 4, 9), (1, 2, 2), (6, 4, 3), (2, 5, 4)]
#: orthogonal weights of more samples are built
FEW_SAMPLES = [size for size in SIZES if 2 * size[0] <= max(size[1:])]


@pytest.mark.parametrize(
    ("draw", "batch", "inputs", "outputs"),
    [("normal", *size) for size in SIZES] + [("orthogonal", *size) for size in FEW_SAMPLES],
)
def test_the_joint_law_is_that_of_weights(draw, batch, inputs, outputs):
    h_BI = torch.randn(batch, inputs, generator=torch.Generator().manual_seed(3)).double()
    linear = Weightless(outputs) if draw == "normal" else Orthogonal(inputs, outputs)
    without = through(linear, h_BI, outputs, numbers())
    built = through(Built((draw,), outputs, kept=True), h_BI, outputs, numbers(start=COUNT))
    pairs = zip(features(*without, h_BI), features(*built, h_BI), strict=True)
    for (name, found), (_, expected) in pairs:
        # (an orthogonal matrix keeps lengths: these differ by rounding only)
        pair = found.numpy().round(9), expected.numpy().round(9)
        assert stats.ks_2samp(*pair).pvalue > UNLIKELY, name


@pytest.mark.parametrize("linear", [Weightless(6), Orthogonal(9, 6)], ids=["normal", "orthogonal"])
def test_what_the_forward_pass_told_is_kept(linear):
    # <h_a, delta_b W> = <delta_b, z_a> for every pair of samples, in every network
    h_RBI = torch.randn(50, 3, 9, generator=torch.Generator().manual_seed(1)).double()
    drawn = numbers(50)
    z_RBO = linear.forward(h_RBI, drawn)
    delta_RBO = torch.randn(50, 3, 6, generator=torch.Generator().manual_seed(2)).double()
    gradient_RBI = linear.backward(delta_RBO, drawn)
    torch.testing.assert_close(h_RBI @ gradient_RBI.mT, z_RBO @ delta_RBO.mT)


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize("draw", [("normal",), ("sparse", 0.5), ("truncated", -1.0, 2.0)])
def test_built_weights_are_one_draw_both_ways(kept, draw):
    h_RBI, delta_RBO = torch.randn(4, 3, 5).double(), torch.randn(4, 3, 6).double()
    linear, drawn = Built(draw, 6, kept=kept), numbers(4)
    z_RBO = linear.forward(h_RBI, drawn)
    drawn.normal(3)  # what other layers draw in between
    gradient_RBI = linear.backward(delta_RBO, drawn)
    u_ROI = numbers(4).unit(draw, 6, 5)
    torch.testing.assert_close(z_RBO, h_RBI @ u_ROI.mT)
    torch.testing.assert_close(gradient_RBI, delta_RBO @ u_ROI)


@pytest.mark.parametrize("linear", [Weightless(24), Orthogonal(32, 24)], ids=["normal", "haar"])
@pytest.mark.parametrize("apart", [0.0, 1e-5, 1e-3])
def test_samples_that_are_nearly_alike_keep_their_difference(linear, apart):
    # |z_1 - z_2| / |h_1 - h_2| is of the order of 1, however small both are
    h_RBI = torch.randn(20, 1, 32).expand(20, 2, 32).clone()
    h_RBI[:, 1] += apart * torch.randn(20, 32)
    drawn = numbers(20, dtype=torch.float32)
    z_RBO = linear.forward(h_RBI, drawn)
    between, before = (x[:, 0] - x[:, 1] for x in (z_RBO, h_RBI))
    size = linear.forward(h_RBI, drawn).norm(dim=2).mean() / h_RBI.norm(dim=2).mean()
    ratio = between.norm(dim=1) / before.norm(dim=1).clamp_min(1e-6) / size
    assert ratio.max() < 3
    if apart:
        assert ratio.min() > 0.3
    assert linear.backward(z_RBO, drawn).isfinite().all()


def test_signals_of_zero_stay_zero():
    for linear in (Weightless(8), Orthogonal(8, 8), Built(("normal",), 8, kept=True)):
        drawn = numbers(3)
        assert not linear.forward(torch.zeros(3, 2, 8).double(), drawn).any()
        assert not linear.backward(torch.zeros(3, 2, 8).double(), drawn).any()


def test_a_network_s_numbers_are_its_own():
    many, few = numbers(5).normal(4, 3), numbers(2, start=3).normal(4, 3)
    np.testing.assert_array_equal(many[3:], few)
