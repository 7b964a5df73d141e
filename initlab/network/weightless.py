"""Linear layers of random networks: z = h W^T forward, dL/dh = delta W backward, W of unit draws.

Where W is standard normal or orthogonal, it need not be made. With h^T = Q T (Q orthonormal, T
triangular), z = T^T Z, Z = Q^T W^T: of standard normal W, Z is standard normal, (B, O) numbers in
place of (O, I). What z told of W is W Q = Z^T; off the span of Q, W is as it was before
(Matheron's rule), so that backward

    delta W = delta Z^T Q^T + delta W' (1 - Q Q^T),      delta W' = S^T G,  delta^T = P S

with another standard normal G (B, I), as delta W' has rows of covariance delta delta^T. Both are
exact in law together, for any loss, whatever h and delta are. No Gram matrix is formed: of samples
that have become alike it would lose the digits in which they differ.

Shapes: R networks, B samples, I inputs and O outputs of a layer.
"""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Generator, Tensor

from initlab.catalog.schemes import Draw
from initlab.network.draws import unit_draw


class Numbers:
    """The random numbers of some networks: each has a generator of its own, used in order.

    Args:
        seeds: one for each network.
        dtype: of the numbers.
    """

    def __init__(self, seeds: Sequence[int], dtype: torch.dtype) -> None:
        self.generators = [Generator().manual_seed(seed) for seed in seeds]
        self.dtype = dtype

    def normal(self, *shape: int) -> Tensor:
        """Standard normal numbers of every network, shape (R, *shape)."""
        numbers = torch.empty((len(self.generators), *shape), dtype=self.dtype)
        for own, generator in zip(numbers, self.generators, strict=True):
            own.normal_(generator=generator)
        return numbers

    def uniform(self, *shape: int) -> Tensor:
        """Numbers between 0 and 1 of every network, shape (R, *shape)."""
        numbers = torch.empty((len(self.generators), *shape), dtype=self.dtype)
        for own, generator in zip(numbers, self.generators, strict=True):
            own.uniform_(generator=generator)
        return numbers

    def unit(self, draw: Draw, *shape: int) -> Tensor:
        """A unit draw of every network, shape (R, *shape)."""
        numbers = torch.empty((len(self.generators), *shape), dtype=self.dtype)
        for own, generator in zip(numbers, self.generators, strict=True):
            unit_draw(draw, own, generator)
        return numbers

    def states(self) -> list[Tensor]:
        """Where every generator stands."""
        return [generator.get_state() for generator in self.generators]

    def at(self, states: Sequence[Tensor]) -> "Numbers":
        """The same numbers again, from where the generators stood."""
        again = Numbers([0] * len(states), self.dtype)
        for generator, state in zip(again.generators, states, strict=True):
            generator.set_state(state)
        return again


class Linear(Protocol):
    """One linear layer of every network, without scale, shift and biases. Forward comes first."""

    def forward(self, h_RBI: Tensor, numbers: Numbers) -> Tensor:
        """Z = h U^T, shape (R, B, O)."""

    def backward(self, delta_RBO: Tensor, numbers: Numbers) -> Tensor:
        """Delta U, shape (R, B, I)."""


class Weightless:
    """U is standard normal; it is not made. `outputs` is O."""

    def __init__(self, outputs: int) -> None:
        self.outputs = outputs

    def forward(self, h_RBI: Tensor, numbers: Numbers) -> Tensor:
        """Z = T^T Z."""
        self.q_RIK, t_RKB = factors(h_RBI)
        self.z_RKO = numbers.normal(t_RKB.shape[1], self.outputs)
        return t_RKB.mT @ self.z_RKO

    def backward(self, delta_RBO: Tensor, numbers: Numbers) -> Tensor:
        """Delta Z^T Q^T + S^T G (1 - Q Q^T)."""
        s_RKB = _triangle(delta_RBO)
        fresh_RBI = s_RKB.mT @ numbers.normal(s_RKB.shape[1], self.q_RIK.shape[1])
        known_RBK = delta_RBO @ self.z_RKO.mT - fresh_RBI @ self.q_RIK
        return torch.baddbmm(fresh_RBI, known_RBK, self.q_RIK.mT)


class Orthogonal:
    """U is the upper left part of an orthogonal matrix of the larger fan, Haar distributed.

    Z is an orthonormal frame (B, N) of N = max(I, O). Off the spans of Q and Z, U is again Haar
    distributed between what is left: delta W' is S^T F, F a frame off Q, S the triangle of the
    part of delta off Z. It needs 2 B <= N.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        self.inputs, self.outputs, self.size = inputs, outputs, max(inputs, outputs)

    def forward(self, h_RBI: Tensor, numbers: Numbers) -> Tensor:
        """Z = T^T Z."""
        self.q_RNB, t_RBB = factors(_padded(h_RBI, self.size))
        frame_RNB, _ = factors(numbers.normal(h_RBI.shape[1], self.size), haar=True)
        self.z_RBN = frame_RNB.mT
        return (t_RBB.mT @ self.z_RBN)[..., : self.outputs]

    def backward(self, delta_RBO: Tensor, numbers: Numbers) -> Tensor:
        """Delta Z^T Q^T + S^T F."""
        d_RBN = _padded(delta_RBO, self.size)
        known_RBB = d_RBN @ self.z_RBN.mT
        s_RBB = _triangle(_off(d_RBN, self.z_RBN.mT))
        g_RBN = _off(numbers.normal(delta_RBO.shape[1], self.size), self.q_RNB)
        frame_RNB, _ = factors(g_RBN, haar=True)
        # (rounding leaves a little of Q in the frame, which is nothing beside float32's own)
        result = known_RBB @ self.q_RNB.mT + s_RBB.mT @ frame_RNB.mT
        return result[..., : self.inputs]


class Built:
    """U is drawn, by its scheme's own unit draw.

    Args:
        draw: the unit draw.
        outputs: O.
        kept: whether the weights are kept for the backward pass, or drawn again.
    """

    def __init__(self, draw: Draw, outputs: int, *, kept: bool) -> None:
        self.draw, self.outputs, self.kept = draw, outputs, kept

    def forward(self, h_RBI: Tensor, numbers: Numbers) -> Tensor:
        """H U^T."""
        self.shape = self.outputs, h_RBI.shape[-1]
        self.states = [] if self.kept else numbers.states()
        u_ROI = numbers.unit(self.draw, *self.shape)
        self.u_ROI = u_ROI if self.kept else None
        return h_RBI @ u_ROI.mT

    def backward(self, delta_RBO: Tensor, numbers: Numbers) -> Tensor:
        """Delta U."""
        u_ROI = self.u_ROI
        if u_ROI is None:
            u_ROI = numbers.at(self.states).unit(self.draw, *self.shape)
        return delta_RBO @ u_ROI


def factors(x_RBN: Tensor, *, haar: bool = False) -> tuple[Tensor, Tensor]:
    """Q (R, N, K) and T (R, K, B) with x^T = Q T, K = min(N, B), found in float64.

    `haar`: of a T with a positive diagonal, which makes the Q of normal numbers Haar distributed.
    """
    q_RNK, t_RKB = torch.linalg.qr(x_RBN.mT.double())
    if haar:
        q_RNK = q_RNK * t_RKB.diagonal(dim1=1, dim2=2).sign()[:, None]
    return q_RNK.to(x_RBN.dtype), t_RKB.to(x_RBN.dtype)


def _triangle(x_RBN: Tensor) -> Tensor:
    """T alone, shape (R, K, B)."""
    triangle: Tensor = torch.linalg.qr(x_RBN.mT.double(), mode="r")[1]
    return triangle.to(x_RBN.dtype)


def _off(x_RBN: Tensor, q_RNB: Tensor) -> Tensor:
    """What x has off the span of Q."""
    return x_RBN - (x_RBN @ q_RNB) @ q_RNB.mT


def _padded(x_RBN: Tensor, size: int) -> Tensor:
    return torch.nn.functional.pad(x_RBN, (0, size - x_RBN.shape[-1]))
