"""The lines of PyTorch that reproduce a loss."""

import torch
from torch import Tensor

from initlab.losslab.call import Call, name, shape, shortest

MOST_VALUES = 200  # beyond it an operand is loaded, not written out


def snippet(call: Call, reduction: str, most: int = MOST_VALUES) -> str:
    """Python that prints the loss as torch computes it, on the operands as they were prepared.

    Operands of more than `most` values are loaded from files that the reader has to provide.
    """
    functional = _functional(call)
    lines = [
        "import torch",
        "from torch.nn import functional as F" if functional else "from torch import nn",
    ]
    for operand in call.loss.operands:
        if operand.name in call.operands:
            x = call.operands[operand.name]
            comment = f"  # {name(x.dtype)} {shape(x)}" if x.numel() > most else ""
            lines.append(f"{operand.name} = {_tensor(operand.name, x, most)}{comment}")
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
    return "\n".join(lines)


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
            given.append(f"{key}={_tensor(key, value)}")
        elif value != defaults.get(key):
            given.append(_DISTANCES[value] if key == "distance" else f"{key}={value!r}")
    return given


_DISTANCES = {
    "squared": "distance_function=lambda a, b: (a - b).pow(2).sum(-1)",
    "manhattan": "distance_function=lambda a, b: (a - b).abs().sum(-1)",
    "cosine": "distance_function=lambda a, b: 1 - torch.cosine_similarity(a, b, dim=-1)",
}


def _tensor(operand: str, value: Tensor, most: int = MOST_VALUES) -> str:
    """Python that makes a tensor, or loads it where it is larger than `most`."""
    if value.numel() > most:
        return f'torch.load("{operand}.pt")'
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
