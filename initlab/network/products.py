"""Matrix products of many runs at once, where a run's bits do not depend on the others.

Most libraries choose another order of summation for another number of rows or matrices. There are
exceptions: rows of oneDNN's linear operator come out the same in any number from two on, those of
MKL's product from sixteen on, if layers are of more than one neuron; on the processors that we have
seen. So both are tried, for every shape that occurs, on the processor that computes. Where neither
holds, each run has a product of its own.
"""

import threading
from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor

Operator = Callable[[Tensor, Tensor], Tensor]  # (M, I), (O, I) -> (M, O)

TRIED = (1, 2, 3, 5, 8, 15, 16, 17, 31, 33, 50, 100, 256, 511)  # numbers of rows
MATRICES = 64  # that are tried in one batch
_TRYING = threading.Lock()  # what two threads call at once for the first time may go wrong
SMALL = 2**13  # weights for which what oneDNN does before it starts takes longer than the product


def linear(x_MI: Tensor, weight_OI: Tensor, rows_of_a_run: int) -> Tensor:
    """x W^T in float32, shape (M, O); the bits of a run's rows do not depend on other rows."""
    fan_out, fan_in = weight_OI.shape
    operator = _operator(fan_out, fan_in, weight_OI.is_contiguous())
    most = most_rows(fan_out * fan_in)
    if operator is not None and x_MI.shape[0] <= most:
        return operator(x_MI, weight_OI)
    parts = torch.split(x_MI, rows_of_a_run if operator is None else most)
    return torch.cat([(operator or _mkl)(part, weight_OI) for part in parts])


def most_rows(weights: int) -> int:
    """Of one product: what is tried, in less time than many such layers take to be drawn."""
    return max(64, min(1024, 2**28 // weights))


def _mkl(x_MI: Tensor, weight_OI: Tensor) -> Tensor:
    rows = x_MI.shape[0]
    if rows < 16:  # few rows are another operation
        x_MI = torch.cat([x_MI, x_MI.new_zeros(16 - rows, x_MI.shape[1])])
    return torch.mm(x_MI, weight_OI.T)[:rows]


def _onednn(x_MI: Tensor, weight_OI: Tensor) -> Tensor:
    rows = x_MI.shape[0]
    if rows == 1:  # a product with a vector is another operation
        x_MI = x_MI.expand(2, -1).contiguous()
    # the operator to which torch.compile turns nn.Linear
    function = torch.ops.mkldnn._linear_pointwise.default
    product: Tensor = function(x_MI, weight_OI, None, "none", [], "")
    return product[:rows]


def _operator(fan_out: int, fan_in: int, contiguous: bool) -> Operator | None:
    with _TRYING:
        return _tried_operator(fan_out, fan_in, contiguous)


@cache
def _tried_operator(fan_out: int, fan_in: int, contiguous: bool) -> Operator | None:
    """The first whose rows, taken from anywhere in any number, come out the same bit for bit."""
    generator = torch.Generator().manual_seed(0)
    x_MI = torch.empty(most_rows(fan_out * fan_in), fan_in).normal_(generator=generator)
    weight_OI = torch.empty(fan_out, fan_in).normal_(generator=generator)
    if not contiguous:  # as the backward pass has it
        weight_OI = weight_OI.T.contiguous().T
    first = (_mkl, _onednn) if fan_out * fan_in <= SMALL else (_onednn, _mkl)
    for operator in first:
        if _rows_are_independent(operator, x_MI, weight_OI):
            return operator
    return None


def _rows_are_independent(operator: Operator, x_MI: Tensor, weight_OI: Tensor) -> bool:
    try:
        expected = operator(x_MI, weight_OI)
        # from 1 on: of other alignment, too
        rows = x_MI.shape[0]
        parts = [slice(s, s + n) for n in TRIED if n < rows for s in (1, rows - n)]
        return all(torch.equal(operator(x_MI[at], weight_OI), expected[at]) for at in parts)
    except (AttributeError, RuntimeError):  # a torch without oneDNN, or with other operators
        return False


def batched(a_RMK: Tensor, b_RKN: Tensor) -> Tensor:
    """A product of float64 matrices for every run, (R, M, N); its bits do not depend on others."""
    if _batches_are_independent(a_RMK.shape[1:], b_RKN.shape[1:], b_RKN.is_contiguous()):
        return torch.bmm(a_RMK, b_RKN)
    return torch.stack([torch.mm(a, b) for a, b in zip(a_RMK, b_RKN, strict=True)])


@cache
def _batches_are_independent(left: torch.Size, right: torch.Size, contiguous: bool) -> bool:
    """Whether a product of many matrices rounds each as if it were alone."""
    generator = torch.Generator().manual_seed(0)
    a = torch.empty(MATRICES, *left, dtype=torch.float64).normal_(generator=generator)
    b = torch.empty(MATRICES, *right, dtype=torch.float64).normal_(generator=generator)
    if not contiguous:
        b = b.transpose(1, 2).contiguous().transpose(1, 2)
    expected = torch.bmm(a, b)
    return all(
        torch.equal(torch.bmm(a[-count:], b[-count:]), expected[-count:])
        for count in (1, 2, 3, 5, 16, 33)
    )
