"""How the last layer of a network and a synthetic target become the operands of a loss.

A record of `catalog/losses/` names one entry of ADAPTERS and one of TARGETS. Shapes: B samples, N
outputs of the last layer.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Generator, Tensor

from initlab.catalog.targets import LINEAR_CLASSES

Parameters = Mapping[str, Any]
Tensors = tuple[Tensor, ...]

# adapters: the last layer's output (B, N) -> operands ---------------------------------------------


def as_is(y_BN: Tensor, _: Parameters) -> Tensors:
    """The outputs themselves."""
    return (y_BN,)


def log_softmax(y_BN: Tensor, _: Parameters) -> Tensors:
    """Log-probabilities of N classes; for CTC of one sequence whose frames are the samples."""
    return (y_BN.log_softmax(1),)


def sigmoid(y_BN: Tensor, _: Parameters) -> Tensors:
    """A probability for each output."""
    return (y_BN.sigmoid(),)


def rates(y_BN: Tensor, p: Parameters) -> Tensors:
    """Log-rates; their exponentials where the loss takes rates."""
    return (y_BN if p["log_input"] else y_BN.exp(),)


def halves(y_BN: Tensor, _: Parameters) -> Tensors:
    """The first half of the batch and the second; an odd sample at the end is left out."""
    n = len(y_BN) // 2
    return y_BN[:n], y_BN[n : 2 * n]


def distances(y_BN: Tensor, p: Parameters) -> Tensors:
    """Euclidean distances between the halves, shape (B // 2)."""
    first, second = halves(y_BN, p)
    return (torch.nn.functional.pairwise_distance(first, second),)


def thirds(y_BN: Tensor, _: Parameters) -> Tensors:
    """Anchors, positives and negatives; up to two samples at the end are left out."""
    n = len(y_BN) // 3
    return y_BN[:n], y_BN[n : 2 * n], y_BN[2 * n : 3 * n]


ADAPTERS: dict[str, Callable[[Tensor, Parameters], Tensors]] = {
    "as_is": as_is,
    "log_softmax": log_softmax,
    "frames": log_softmax,
    "sigmoid": sigmoid,
    "rates": rates,
    "halves": halves,
    "distances": distances,
    "thirds": thirds,
}
#: samples of the batch that make one value of the loss
TOGETHER = {"halves": 2, "distances": 2, "thirds": 3}


def samples(adapter: str, batch: int) -> int:
    """How many values of its own a batch gives: "each sample" of reduction "none"."""
    return 1 if adapter == "frames" else batch // TOGETHER.get(adapter, 1)


# targets: (B, N), parameters, generator, dtype -> operands ----------------------------------------

Shape = tuple[int, int]


def _bits(shape: tuple[int, ...], g: Generator, dtype: torch.dtype) -> Tensor:
    return torch.empty(shape, dtype=dtype).bernoulli_(0.5, generator=g)


def _normal(shape: tuple[int, ...], g: Generator, dtype: torch.dtype) -> Tensor:
    return torch.empty(shape, dtype=dtype).normal_(generator=g)


def normal(shape: Shape, _: Parameters, g: Generator, dtype: torch.dtype) -> Tensors:
    """N(0, 1) for every output."""
    return (_normal(shape, g, dtype),)


def unit_normal(shape: Shape, _: Parameters, g: Generator, dtype: torch.dtype) -> Tensors:
    """The same, and a variance of 1 for every output."""
    return _normal(shape, g, dtype), torch.ones(shape, dtype=dtype)


def classes(shape: Shape, _: Parameters, g: Generator, __: torch.dtype) -> Tensors:
    """One class a sample, uniform over the outputs."""
    return (torch.randint(shape[1], shape[:1], generator=g),)


def counts(shape: Shape, _: Parameters, g: Generator, dtype: torch.dtype) -> Tensors:
    """Poisson(1) for every output."""
    return (torch.poisson(torch.ones(shape, dtype=dtype), generator=g),)


def bits(shape: Shape, _: Parameters, g: Generator, dtype: torch.dtype) -> Tensors:
    """0 or 1 for every output."""
    return (_bits(shape, g, dtype),)


def signs(shape: Shape, _: Parameters, g: Generator, dtype: torch.dtype) -> Tensors:
    """-1 or +1 for every output."""
    return (2 * _bits(shape, g, dtype) - 1,)


def pair_signs(shape: Shape, _: Parameters, g: Generator, dtype: torch.dtype) -> Tensors:
    """-1 or +1 for every output of a pair of samples."""
    return (2 * _bits((shape[0] // 2, shape[1]), g, dtype) - 1,)


def row_signs(shape: Shape, _: Parameters, g: Generator, dtype: torch.dtype) -> Tensors:
    """-1 or +1 for every pair of samples."""
    return (2 * _bits((shape[0] // 2,), g, dtype) - 1,)


def distribution(shape: Shape, p: Parameters, g: Generator, dtype: torch.dtype) -> Tensors:
    """Softmax of N(0, 1) for every sample, or its logarithm where the loss takes that."""
    drawn = _normal(shape, g, dtype)
    return (drawn.log_softmax(1) if p["log_target"] else drawn.softmax(1),)


def label_lists(shape: Shape, _: Parameters, g: Generator, __: torch.dtype) -> Tensors:
    """Each class of a sample is right with probability 1/2: their ids in order, then -1."""
    right = _bits(shape, g, torch.float32).bool()
    ids = torch.where(right, torch.arange(shape[1]), shape[1]).sort(1).values
    return (torch.where(ids < shape[1], ids, -1),)


def transcript(shape: Shape, p: Parameters, g: Generator, _: torch.dtype) -> Tensors:
    """B // 2 labels, uniform over the classes but the blank; the lengths of frames and labels."""
    frames, outputs = shape
    labels = torch.randint(outputs - 1, (frames // 2,), generator=g)
    labels = labels + (labels >= p["blank"])  # the blank is stepped over
    return labels, torch.tensor(frames), torch.tensor(frames // 2)


def linear_weight(outputs: int, g: Generator, dtype: torch.dtype) -> Tensor:
    """The weights of a linear layer to 10 classes, N(0, 1/N)."""
    return _normal((LINEAR_CLASSES, outputs), g, dtype).div(outputs**0.5)


def linear(shape: Shape, _: Parameters, g: Generator, dtype: torch.dtype) -> Tensors:
    """The weights of a linear layer to 10 classes, N(0, 1/N), and one class a sample."""
    weight = linear_weight(shape[1], g, dtype)
    return weight, torch.randint(LINEAR_CLASSES, shape[:1], generator=g)


def none(_: Shape, __: Parameters, ___: Generator, ____: torch.dtype) -> Tensors:
    """Nothing: the outputs are compared with each other."""
    return ()


TARGETS: dict[str, Callable[[Shape, Parameters, Generator, torch.dtype], Tensors]] = {
    target.__name__: target
    for target in (
        normal,
        unit_normal,
        classes,
        counts,
        bits,
        signs,
        pair_signs,
        row_signs,
        distribution,
        label_lists,
        transcript,
        linear,
        none,
    )
}
