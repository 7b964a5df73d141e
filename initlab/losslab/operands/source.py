"""An operand as it was read, and how Python's users would load it. Imports nothing that reads."""

from dataclasses import dataclass

import torch
from torch import Tensor

from initlab.errors import Finding


@dataclass(frozen=True)
class Load:
    """Python that loads an operand from the user's own file, and the dtype that it has then."""

    code: str
    dtype: torch.dtype


@dataclass(frozen=True)
class Read:
    """A tensor as it was given. `literal` numbers (JSON, CSV, Python) have no dtype of their own:
    they come as int64, bool or float64, and are computed in float32 unless asked otherwise.

    `path` is the file that they came from, `load` says how to load them, if that can be said in a
    line. `findings` say what was done on the way; their operand is filled in by `prepare`.
    """

    tensor: Tensor
    literal: bool
    load: Load | None = None
    path: str = ""
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Wanted:
    """What is to be read.

    Args:
        where: the operand as the user typed it ("--input"), for messages and fixes.
        names: the operand's names, by which it is picked from a file of several arrays.
        most: bytes that it may have, as a file and as float64.
        classes: names whose places are class ids; none given is (), None where the operand holds
            no class ids.
        path: of the file, if it is one.
        key: of the array within the file, if the user named one.
    """

    where: str
    names: tuple[str, ...]
    most: int
    classes: tuple[str, ...] | None = None
    path: str = ""
    key: str = ""

    @property
    def place(self) -> str:
        """How a message begins."""
        key = f":{self.key}" if self.key else ""
        return f"{self.where} {self.path}{key}" if self.path else self.where

    def instead(self, text: str) -> str:
        """The operand given as something else, as a fix has it."""
        return f"{self.where} {text}"


def quoted(text: str) -> str:
    """A text as a literal of Python, in double quotes where it has none itself."""
    literal = repr(text)
    return literal if '"' in text or "'" in text else f'"{literal[1:-1]}"'
