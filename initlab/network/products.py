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

TRIED = (1, 2, 3, 5, 15, 16, 17, 33, 100, 511)  # numbers of rows
MATRICES = 64  # that are tried in one batch
LARGE = 2**18  # multiplications of a matrix that is better multiplied by itself
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
    """Of one product: as many as are tried, which takes a few times as long as to draw weights."""
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
        rows = x_MI.shape[0]
        # from anywhere: of other alignment, too
        parts = [slice(s, s + n) for n in TRIED if n < rows for s in {1, (rows - n) // 2, rows - n}]
        return all(torch.equal(operator(x_MI[at], weight_OI), expected[at]) for at in parts)
    except (AttributeError, RuntimeError):  # a torch without oneDNN, or with other operators
        return False


def products_of_runs(a_RMK: Tensor, b_RKN: Tensor) -> Tensor:
    """A product of float64 matrices for every run, (R, M, N); its bits do not depend on others."""
    with _TRYING:
        together = _batches_are_independent(
            tuple(a_RMK.shape[1:]),
            a_RMK.is_contiguous(),
            tuple(b_RKN.shape[1:]),
            b_RKN.is_contiguous(),
        )
    if together:
        return torch.bmm(a_RMK, b_RKN)
    return torch.stack([torch.mm(a, b) for a, b in zip(a_RMK, b_RKN, strict=True)])


@cache
def _batches_are_independent(
    left: tuple[int, int], left_contiguous: bool, right: tuple[int, int], right_contiguous: bool
) -> bool:
    """Whether a product of many matrices rounds each as if it were alone; False of large ones."""
    if left[0] * left[1] * right[1] > LARGE:
        return False
    generator = torch.Generator().manual_seed(0)

    def matrices(shape: tuple[int, int], contiguous: bool) -> Tensor:
        x = torch.empty(MATRICES, *shape, dtype=torch.float64).normal_(generator=generator)
        return x if contiguous else x.transpose(1, 2).contiguous().transpose(1, 2)

    a, b = matrices(left, left_contiguous), matrices(right, right_contiguous)
    expected = torch.bmm(a, b)
    return all(
        torch.equal(torch.bmm(a[-count:], b[-count:]), expected[-count:])
        for count in (1, 2, 3, 5, 16, 33)
    )
