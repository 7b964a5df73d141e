"""What the user can do where their forward does not take the batch, or breaks on it."""

import inspect
import re
from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from initlab.errors import UserCodeError
from initlab.probe.recording.outputs import named_tensors

LABELS = (
    "give what forward takes, and no labels: those are for --target, or for a forward that takes"
    " them by name (a batch may be a dict of arguments)"
)
#: what torch says, and what helps
HINTS = (
    (r"argument #1 'indices'", "ids below the size of the table: --input tokens:1000:4x64"),
    (r"index out of range", "ids below the number of rows of that table: --input tokens:ROWS:4x64"),
    (
        r"same dtype|Input type",
        "one dtype for model and inputs: --dtype float32, --input of floats",
    ),
    (r"FakeTensor|HigherOrderOp", "an if of Python: torch.cond and its like cannot be followed"),
    (r"CUDA|cuda", "initlab runs on the CPU: a device as an argument, --kwargs '{device: cpu}'"),
)


def check_arguments(model: nn.Module, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    """Refuse a batch that does not fit the signature of forward. Raises UserCodeError."""
    try:
        signature = inspect.signature(model.forward)
    except (TypeError, ValueError):  # of TorchScript, or of C
        return
    try:
        signature.bind(*args, **kwargs)
    except TypeError as error:
        name, many = type(model).__name__, "too many positional" in str(error)
        fix = LABELS if many else f"an --input for each argument of forward{signature}"
        raise UserCodeError(f"forward of {name} does not take the batch: {error}", fix) from None


def with_hint(
    error: UserCodeError, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> UserCodeError:
    """The same error, with what went in, and what helps where that is known."""
    first, *_ = error.message.splitlines()
    tensors = named_tensors([list(args), dict(kwargs)])
    shapes = [
        f"{str(t.dtype).removeprefix('torch.')} {'x'.join(map(str, t.shape))}" for _, t in tensors
    ]
    frames = [*error.frames, f"the batch: {', '.join(shapes)}"] if shapes else error.frames
    fix = next((words for pattern, words in HINTS if re.search(pattern, first)), error.fix)
    found = UserCodeError("", fix, frames=frames)
    found.message = "\n".join([first, *(f"  {frame}" for frame in frames)])
    found.args, found.module = (found.message,), error.module
    return found
