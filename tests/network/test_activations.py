"""Activations that write into given memory, against the functions they stand for and autograd."""

import numpy as np
import pytest
import torch

from initlab.catalog import ACTIVATIONS

INTO = [record for record in ACTIVATIONS.values() if record.into]
POINTS = torch.cat([torch.linspace(-20, 20, 4001), torch.tensor([0.0, -0.0, 1e-40, -1e-40, 1e30])])
ULP = 4  # of numpy's tanh, by its documentation


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("record", INTO, ids=lambda record: record.name)
def test_function_and_slope_are_those_of_autograd(record, dtype):
    z = POINTS.to(dtype)
    y, slope = torch.full_like(z, torch.nan), torch.full_like(z, torch.nan)
    record.bind_into(record.defaults)(z, y, slope)
    leaf = z.clone().requires_grad_()
    value = record.bind(record.defaults)(leaf)
    (expected,) = torch.autograd.grad(value, leaf, torch.ones_like(value))
    if record.name == "tanh" and dtype == torch.float32:  # numpy's
        exact = np.tanh(z.double().numpy())
        spacing = np.spacing(np.abs(exact).astype(np.float32))
        assert (np.abs(y.double().numpy() - exact) <= ULP * spacing).all()
        np.testing.assert_allclose(slope, 1 - exact**2, rtol=0, atol=2 * ULP * 2**-24)
    else:
        torch.testing.assert_close(y, value.detach(), rtol=0, atol=0, equal_nan=True)
        torch.testing.assert_close(slope, expected, rtol=0, atol=0, equal_nan=True)


def test_the_activations_of_the_article_need_no_graph():
    assert {record.name for record in INTO} >= {"identity", "tanh", "relu", "gelu", "sigmoid"}
