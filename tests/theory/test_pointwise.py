"""Losses of one output in numpy: they are torch's own, the adapter included."""

import numpy as np
import pytest
import torch

from initlab.catalog import LOSSES
from initlab.catalog.table import load
from initlab.network.targets import ADAPTERS, TARGETS

POINTWISE = [r for r in LOSSES.values() if r.pointwise]
CASES = [
    (record, {})
    for record in POINTWISE
] + [
    (LOSSES["smooth_l1"], {"beta": 0.3}),
    (LOSSES["smooth_l1"], {"beta": 0.0}),
    (LOSSES["huber"], {"delta": 2.5}),
    (LOSSES["poisson_nll"], {"log_input": False, "full": True}),
    (LOSSES["poisson_nll"], {"full": True}),
    (LOSSES["gaussian_nll"], {"full": True, "eps": 3.0}),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("record", "given"), CASES, ids=lambda v: getattr(v, "name", str(v)))
def test_it_is_torch_s(record, given):
    p = {**record.defaults, **given}
    g = torch.Generator().manual_seed(0)
    y = 3 * torch.randn(200, 1, generator=g, dtype=torch.float64)
    target = TARGETS[record.target]((200, 1), p, g, torch.float64)
    operands = (*ADAPTERS[record.adapter](y, p), *target)
    expected = load(record.function)(*operands, reduction="none", **p).numpy().ravel()
    found = load(record.pointwise)(y.numpy().ravel(), target[0].numpy().ravel(), p, 53)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("dtype", "bits"), [("float64", 53), ("float32", 24), ("bfloat16", 8), ("float16", 11)]
)
def test_a_sigmoid_that_rounds_to_1_is_a_certainty(dtype, bits):
    """Of t = 0 torch's bce is then 100, its clamp; the edge is at (bits + 1) ln 2."""
    edge = (bits + 1) * np.log(2)
    bce = load(LOSSES["bce"].pointwise)
    for y, expected in ((edge + 0.5, 100.0), (edge - 1.0, edge - 1.0)):
        rounded = torch.tensor(y, dtype=getattr(torch, dtype)).sigmoid().double()
        torch_s = torch.nn.functional.binary_cross_entropy(rounded, torch.zeros(()).double())
        found = float(bce(np.array(y), np.array(0.0), {}, bits))
        assert found == pytest.approx(expected, rel=2e-3)  # ln(1 + e^y) > y
        # one of the last numbers below 1: its distance from 1 has a bit or two
        assert float(torch_s) == pytest.approx(expected, rel=0.15)
