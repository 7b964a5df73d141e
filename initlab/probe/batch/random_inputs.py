"""Inputs that are drawn: their kinds, and the random numbers of a seed."""

import hashlib
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

FLOATS = ("float32", "float64", "float16", "bfloat16", "complex64")
INTEGERS = ("int64", "int32")
#: what an input is filled with, and the dtypes that it may have, its own first
KINDS = {
    "randn": FLOATS,
    "rand": FLOATS,
    "zeros": (*FLOATS, *INTEGERS, "bool"),
    "ones": (*FLOATS, *INTEGERS, "bool"),
    "tokens": INTEGERS,
}


@dataclass(frozen=True)
class Random:
    """A tensor that is drawn, or is constant.

    Args:
        kind: one of KINDS.
        shape: of any number of dimensions, none of which is 0.
        dtype: by torch's name.
        count: whole numbers run from 0 to one less; of tokens alone.
    """

    kind: str
    shape: tuple[int, ...]
    dtype: str
    count: int = 0

    def draw(self, seed: int, place: int) -> Tensor:
        """The tensor of a seed, where it is the input of this place.

        Half precision is drawn in float32 and rounded, so that formats can be compared.
        """
        dtype: torch.dtype = getattr(torch, self.dtype)
        if self.kind == "zeros":
            return torch.zeros(self.shape, dtype=dtype)
        if self.kind == "ones":
            return torch.ones(self.shape, dtype=dtype)
        generator = Generator().manual_seed(seed_of(seed, place))
        if self.kind == "tokens":
            return torch.randint(self.count, self.shape, generator=generator, dtype=dtype)
        function = torch.randn if self.kind == "randn" else torch.rand
        wide = dtype if self.dtype in ("float64", "complex64") else torch.float32
        return function(self.shape, generator=generator, dtype=wide).to(dtype)


def seed_of(seed: int, place: int) -> int:
    """The seed of one input's generator; torch's on the CPU reads 32 bits of it."""
    digest = hashlib.blake2b(f"input {seed} {place}".encode(), digest_size=4).digest()
    return int.from_bytes(digest)
