"""Matrix products x W^T of many rows at once, where a row's bits do not depend on the others.

The rows of a block belong to many runs, and a run's numbers must not depend on its company. Most
libraries choose another order of summation for another number of rows. oneDNN's linear operator
does not, from two rows on: not on the processors that we have seen. So it is tried, for every shape
of weights that occurs, on the processor that computes; where it fails, or is lacking, each run has
a product of its own.
"""

from functools import cache

import torch
from torch import Tensor

MOST_ROWS = 1024  # of one product: what was tried
TRIED = (2, 3, 5, 8, 16, 17, 31, 33, 64, 100, 256, 511)  # numbers of rows, beside MOST_ROWS


def linear(x_MI: Tensor, weight_OI: Tensor, rows_of_a_run: int) -> Tensor:
    """x W^T in float32, shape (M, O); the bits of a run's rows do not depend on other rows."""
    if not _rows_are_independent(*weight_OI.shape, weight_OI.is_contiguous()):
        parts = [torch.mm(own, weight_OI.T) for own in x_MI.split(rows_of_a_run)]
    else:
        parts = [_onednn(part, weight_OI) for part in x_MI.split(MOST_ROWS)]
    return parts[0] if len(parts) == 1 else torch.cat(parts)


def _onednn(x_MI: Tensor, weight_OI: Tensor) -> Tensor:
    if len(x_MI) == 1:  # a single row is another operation: a product with a vector
        return _onednn(x_MI.expand(2, -1).contiguous(), weight_OI)[:1]
    # the operator of torch.compile; torch's own matrix products are another library's
    product: Tensor = torch.ops.mkldnn._linear_pointwise(x_MI, weight_OI, None, "none", [], "")
    return product


@cache
def _rows_are_independent(fan_out: int, fan_in: int, contiguous: bool) -> bool:
    """Whether rows, taken from anywhere in any number, come out the same bit for bit."""
    generator = torch.Generator().manual_seed(0)
    x_MI = torch.empty(MOST_ROWS, fan_in).normal_(generator=generator)
    weight_OI = torch.empty(fan_out, fan_in).normal_(generator=generator)
    if not contiguous:  # as the backward pass has it
        weight_OI = weight_OI.T.contiguous().T
    try:
        expected = _onednn(x_MI, weight_OI)
        alone = _onednn(x_MI[:1], weight_OI)
        if not torch.equal(alone, expected[:1]):
            return False
        for count in TRIED:
            for start in (1, MOST_ROWS - count):  # of other alignment, too
                rows = slice(start, start + count)
                if not torch.equal(_onednn(x_MI[rows], weight_OI), expected[rows]):
                    return False
    except (AttributeError, RuntimeError):  # a torch without oneDNN, or with other operators
        return False
    return True


def grams(x_RBN: Tensor) -> Tensor:
    """x x^T of every run in float64, shape (R, B, B); a run's bits do not depend on others."""
    if _batches_are_independent(*x_RBN.shape[1:]):
        return torch.bmm(x_RBN, x_RBN.transpose(1, 2))
    return torch.stack([torch.mm(x_BN, x_BN.T) for x_BN in x_RBN])


@cache
def _batches_are_independent(batch: int, width: int) -> bool:
    """Whether a product of many matrices rounds each as if it were alone."""
    generator = torch.Generator().manual_seed(0)
    x_RBN = torch.empty(64, batch, width, dtype=torch.float64).normal_(generator=generator)
    expected = torch.bmm(x_RBN, x_RBN.transpose(1, 2))
    for count in (1, 2, 3, 5, 16, 33):
        part = x_RBN[-count:]
        if not torch.equal(torch.bmm(part, part.transpose(1, 2)), expected[-count:]):
            return False
    return True
