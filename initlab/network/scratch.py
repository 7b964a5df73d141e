"""Memory that is written anew at every layer."""

from collections.abc import Hashable

import torch
from torch import Tensor

VECTOR = 64  # elements; a multiple of every SIMD width


class Scratch:
    """Buffers by name. A name asked for again is the same memory, if shape and type are the same.

    Fresh memory costs a page fault every 4 KiB, which is more than most of what is done with it.
    """

    def __init__(self) -> None:
        self._buffers: dict[Hashable, Tensor] = {}

    def take(self, name: Hashable, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        """A buffer of undefined content, the caller's until its name is asked for again."""
        buffer = self._buffers.get(name)
        if buffer is None or buffer.shape != shape or buffer.dtype != dtype:
            buffer = self._buffers[name] = torch.empty(shape, dtype=dtype)
        return buffer


class Block:
    """One layer of many runs: `flat`, with padded rows, and `RBN`, its view in shape (R, B, N).

    Every run starts on a vector boundary, and no run is computed in the scalar tail of a loop; so
    the bits of a run do not depend on its place in the block.
    """

    def __init__(self, flat: Tensor, batch: int, width: int) -> None:
        self.flat = flat
        self.RBN = flat[:, : batch * width].view(len(flat), batch, width)

    @staticmethod
    def flat_shape(runs: int, batch: int, width: int) -> tuple[int, int]:
        """Shape of the memory that a block of so many runs needs."""
        return runs, -(-batch * width // VECTOR) * VECTOR
