"""Options of a loss as torch's functions take them."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from initlab.catalog import LOSSES


def loss_arguments(loss: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Options of a loss, by its record's name, as torch's function takes them."""
    record, arguments = LOSSES[loss], dict(options)
    if "distance" in arguments:
        arguments["distance_function"] = distance_function(arguments.pop("distance"))
    for option, default in record.torch_defaults.items():
        if arguments[option] == record.defaults[option]:
            arguments[option] = default
    return arguments


def distance_function(name: str) -> Callable[[Tensor, Tensor], Tensor] | None:
    """What the option `distance` of a triplet loss names, over the last dimension.

    None is torch's default, `pairwise_distance`: Euclidean, with 1e-6 added to each difference.

    Raises:
        ValueError: no such distance.
    """
    match name:
        case "euclidean":
            return None
        case "squared":
            return lambda a, b: (a - b).square().sum(-1)
        case "manhattan":
            return lambda a, b: (a - b).abs().sum(-1)
        case "cosine":
            return lambda a, b: 1 - torch.cosine_similarity(a, b, dim=-1)
    raise ValueError(f"unknown distance {name!r}; known are euclidean, squared, manhattan, cosine")
