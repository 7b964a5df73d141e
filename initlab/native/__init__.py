"""What is compiled from C, where a compiler was at hand when initlab was installed.

The sources stand beside this file. Who calls a function of the library keeps its signature, and
computes the same with torch, but for last digits, where there is no library.
"""

import ctypes
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from typing import Any

INTERFACE = 3  # of the sources; a library that was compiled from older ones is not used
FUNCTIONS = (
    "initlab_forward_sums", "initlab_backward_sums",
    "initlab_pre_activations", "initlab_layers",
)  # fmt: skip
LANES = 8  # numbers that are taken at a time: rows of work memory are multiples of it


@cache
def _library() -> ctypes.CDLL | None:
    spec = find_spec("initlab.native._native")
    if spec is None or spec.origin is None:
        return None
    try:
        library = ctypes.CDLL(spec.origin)
        fits = library.initlab_interface() == INTERFACE
        for name in FUNCTIONS:
            getattr(library, name)
    except (OSError, AttributeError):  # of another system, or none of ours
        return None
    return library if fits else None


def available() -> bool:
    """Whether there is a library."""
    return _library() is not None


def compiler() -> str:
    """Which compiler made the library: "gcc 12.2.0", as it says itself; empty without one."""
    library = _library()
    if library is None:
        return ""
    library.initlab_compiler.restype = ctypes.c_char_p
    said = library.initlab_compiler().decode("ascii", "replace")
    return said if "clang" in said.lower() else f"gcc {said}"


def function(name: str, *arguments: Any) -> Callable[..., None]:
    """A function of the library, given the ctypes of its arguments. It lets other threads run.

    Raises:
        AttributeError: there is no library.
    """
    found = getattr(_library(), name)
    found.argtypes, found.restype = arguments, None
    called: Callable[..., None] = found
    return called


def padded(count: int) -> int:
    """The next multiple of LANES."""
    return -(-count // LANES) * LANES
