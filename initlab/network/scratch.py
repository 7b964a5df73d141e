"""Memory that is written anew at every layer."""

import math
import threading
from collections.abc import Hashable

import torch
from torch import Tensor

VECTOR = 64  # elements; a multiple of every SIMD width


class Block:
    """One layer of many runs: `flat`, with padded rows, and `RBN`, its view in shape (R, B, N).

    Every run starts on a vector boundary, and no run is computed in the scalar tail of a loop; so
    the bits of a run do not depend on its place in the block.
    """

    def __init__(self, flat: Tensor, batch: int, width: int) -> None:
        self.flat = flat
        self.RBN = flat[:, : batch * width].view(len(flat), batch, width)


class Scratch:
    """Blocks by name. A name asked for again is the same memory, if there is enough of it.

    Fresh memory costs a page fault every 4 KiB, which is more than most of what is done with it.
    """

    def __init__(self) -> None:
        self._buffers: dict[Hashable, Tensor] = {}

    def take(self, name: Hashable, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        """A buffer of undefined content, the caller's until its name is asked for again."""
        count, buffer = math.prod(shape), self._buffers.get(name)
        if buffer is None or len(buffer) < count or buffer.dtype != dtype:
            # zeros: what pads a row is computed with, and is never read
            buffer = self._buffers[name] = torch.zeros(count, dtype=dtype)
        return buffer[:count].view(shape)

    def block(self, name: Hashable, runs: int, batch: int, width: int, dtype: torch.dtype) -> Block:
        """A block of undefined content, the caller's until its name is asked for again."""
        padded = -(-batch * width // VECTOR) * VECTOR
        return Block(self.take(name, (runs, padded), dtype), batch, width)


class _OfThread(threading.local):
    def __init__(self) -> None:  # called in every thread
        self.purpose: Hashable = None
        self.scratch = Scratch()


_of_thread = _OfThread()


def scratch_of_thread(purpose: Hashable) -> Scratch:
    """The memory that this thread had for the same purpose before, or else new memory."""
    if _of_thread.purpose != purpose:
        _of_thread.purpose, _of_thread.scratch = purpose, Scratch()
    return _of_thread.scratch
