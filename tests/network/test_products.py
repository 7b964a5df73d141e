"""Products of many runs at once: what they are, and that a run's bits do not depend on company."""

import itertools

import pytest
import torch

from initlab.network import products
from initlab.network.products import linear, most_rows, products_of_runs

SIZES = [1, 2, 3, 7, 16, 37, 64, 100, 256, 300]
PAIRS = [*zip(SIZES, SIZES, strict=True), (1, 7), (7, 1), (30, 7), (7, 30), (784, 10), (10, 784)]


def normal(*shape, dtype=torch.float32):
    return torch.empty(shape, dtype=dtype).normal_(generator=torch.Generator().manual_seed(1))


@pytest.fixture(params=[None, "_mkl", "_onednn", "run by run"])
def operator(request, monkeypatch):
    """Whatever is chosen here, each operator, and what is done where none will do."""
    if request.param is not None:
        chosen = getattr(products, request.param, None)
        monkeypatch.setattr(products, "_operator", lambda *_: chosen)
    return request.param


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize(("fan_out", "fan_in"), PAIRS)
@pytest.mark.usefixtures("operator")
def test_a_product_is_that_of_float64(fan_out, fan_in, transposed):
    x, weight = normal(3 * 16, fan_in), normal(fan_out, fan_in)
    given = weight.T.contiguous().T if transposed else weight
    exact = x.double() @ weight.double().T
    # Higham 2002, eq. 3.13: each of fan_in roundings is 2^-24 of the terms' magnitudes at most
    bound = fan_in * 2**-24 * (x.abs().double() @ weight.abs().double().T)
    assert ((linear(x, given, 16).double() - exact).abs() <= bound).all()


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("batch", [1, 2, 5, 16])
@pytest.mark.parametrize(("fan_out", "fan_in"), PAIRS)
def test_rows_do_not_depend_on_company(fan_out, fan_in, batch, transposed):
    runs = most_rows(fan_out * fan_in) // batch + 3  # more than one product's
    x, weight = normal(runs * batch, fan_in), normal(fan_out, fan_in)
    if transposed:
        weight = weight.T.contiguous().T
    together = linear(x, weight, batch).split(batch)
    for run in {0, 1, runs // 2, runs - 1}:
        alone = linear(x.split(batch)[run].clone(), weight, batch)
        assert torch.equal(alone, together[run])
    for first, last in itertools.pairwise([0, 1, 3, runs // 3, runs]):
        some = linear(x[first * batch : last * batch], weight, batch)
        assert torch.equal(some, torch.cat(together[first:last]))


def test_an_operator_whose_rows_depend_on_their_number_is_not_taken(monkeypatch):
    def as_others(x, weight):  # the sum of an odd number of rows is made in another order
        return (x.flip(1) @ weight.flip(1).T) if len(x) % 2 else x @ weight.T

    x, weight = normal(1024, 50), normal(40, 50)
    assert not products._rows_are_independent(as_others, x, weight)


def test_a_torch_without_the_operator_has_another(monkeypatch):
    def missing(*_):
        raise AttributeError("no mkldnn")

    monkeypatch.setattr(products, "_onednn", missing)
    found = products._tried_operator.__wrapped__(300, 300, contiguous=True)
    assert found in (products._mkl, None)


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 16, 256), (16, 256, 16), (3, 5, 7), (16, 16, 10)])
def test_batched_products_do_not_depend_on_company(shape):
    m, k, n = shape
    a, b = normal(40, m, k, dtype=torch.float64), normal(40, k, n, dtype=torch.float64)
    together = products_of_runs(a, b)
    torch.testing.assert_close(together, torch.einsum("rmk,rkn->rmn", a, b), rtol=1e-12, atol=1e-12)
    for first, last in [(0, 1), (3, 5), (7, 40)]:
        assert torch.equal(
            products_of_runs(a[first:last].clone(), b[first:last].clone()), together[first:last]
        )


def test_matrices_that_depend_on_their_number_are_multiplied_one_by_one(monkeypatch):
    monkeypatch.setattr(products, "_batches_are_independent", lambda *_: False)
    a, b = normal(5, 3, 4, dtype=torch.float64), normal(5, 4, 2, dtype=torch.float64)
    assert torch.equal(
        products_of_runs(a, b), torch.stack([x @ y for x, y in zip(a, b, strict=True)])
    )
