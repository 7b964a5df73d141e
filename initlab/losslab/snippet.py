"""The lines of PyTorch that reproduce a loss."""

import torch
from torch import Tensor

from initlab.losslab.call import Call, shortest
from initlab.losslab.loading import loaded

IMPORTS = {
    "json.loads(": "import json",
    "Path(": "from pathlib import Path",
    "np.": "import numpy as np",
}
MOST_VALUES = 200  # beyond it an operand is loaded, not written out


def snippet(call: Call, reduction: str, most: int = MOST_VALUES) -> str:
    """Python that prints the loss as torch computes it, on the operands as they were prepared.

    Operands of more than `most` values are loaded from the user's files, or, where they came from
    none or a line cannot say how, from files that the reader has to provide.
    """
    functional = _functional(call)
    lines = [
        "import torch",
        "from torch.nn import functional as F" if functional else "from torch import nn",
    ]
    for operand in call.loss.operands:
        if operand.name in call.operands:
            x = call.operands[operand.name]
            if x.numel() > most:
                lines.append(f"{operand.name} = {loaded(call, operand.name, x)}")
            else:
                lines.append(f"{operand.name} = {_tensor(x)}")
    reduction = "mean" if reduction == "all" else reduction
    options = [*_options(call), f'reduction="{reduction}"']
    positional = [o.name for o in call.loss.operands if not o.optional]
    if functional:
        named = [
            f"{o.name}={o.name}"
            for o in call.loss.operands
            if o.optional and o.name in call.operands
        ]
        inside = ", ".join([*positional, *named, *options])
        lines.append(f"print(F.{call.loss.function_name}({inside}))")
    else:
        lines.append(f"loss = nn.{call.loss.class_name}({', '.join(options)})")
        lines.append(f"print(loss({', '.join(positional)}))")
    imports = [line for word, line in IMPORTS.items() if any(word in x for x in lines[2:])]
    return "\n".join([*imports, *lines])


def _functional(call: Call) -> bool:
    """Whether only the function takes what is given: torch's class owns it or lacks it."""
    if any(operand.parameter for operand in call.loss.operands):
        return True
    return "weight" in call.options and "weight" not in call.loss.state


def _options(call: Call) -> list[str]:
    """Options that differ from torch's defaults, as keywords."""
    defaults = call.loss.defaults
    given = []
    for key, value in call.options.items():
        if isinstance(value, Tensor):
            large = value.numel() > MOST_VALUES
            code = loaded(call, key, value).partition("  # ")[0] if large else _tensor(value)
            given.append(f"{key}={code}")
        elif value != defaults.get(key):
            given.append(_DISTANCES[value] if key == "distance" else f"{key}={value!r}")
    return given


_DISTANCES = {
    "squared": "distance_function=lambda a, b: (a - b).pow(2).sum(-1)",
    "manhattan": "distance_function=lambda a, b: (a - b).abs().sum(-1)",
    "cosine": "distance_function=lambda a, b: 1 - torch.cosine_similarity(a, b, dim=-1)",
}


def _tensor(value: Tensor) -> str:
    """Python that makes a tensor."""
    dtype = (
        ""
        if value.dtype in (torch.float32, torch.int64) and value.numel()
        else f", dtype={value.dtype}"
    )
    if 0 in value.shape:
        return f"torch.empty({tuple(value.shape)}{dtype})"
    return f"torch.tensor({_nested(value)}{dtype})"


def _nested(value: Tensor) -> str:
    """A tensor as lists of Python's literals, from which the same tensor can be made."""
    if value.ndim:
        return "[" + ", ".join(_nested(v) for v in value) + "]"
    if not value.is_floating_point():
        return str(value.item())
    number = value.item()
    if number != number or number in (torch.inf, -torch.inf):
        return {"nan": "torch.nan", "inf": "torch.inf", "-inf": "-torch.inf"}[str(number)]
    return shortest(value)
