"""Which parameter a product multiplies by, told by where it is stored."""

from collections.abc import Iterable
from typing import Any

from torch import Tensor, nn
from torch.nn import UninitializedParameter

from initlab.probe.recording.layers import PRODUCTS
from initlab.probe.recording.outputs import has_memory

CONVOLUTION = "aten.convolution"


class Weights:
    """The matrices of a model, during a forward pass.

    `in_products` are those that a product used, `input_first` those of them whose first dimension
    it sums over: of shape (in, out), as in x @ W.
    """

    def __init__(self, model: nn.Module) -> None:
        self.in_products: set[str] = set()
        self.input_first: set[str] = set()
        self._model = model
        self._cast: list[Tensor] = []
        self._named, self._lazy = self._names_now()

    def used_by(self, name: str, args: tuple[Any, ...], floats: Iterable[Tensor]) -> str:
        """Name of the weight of an op; empty if it is no product, or has none."""
        if name not in PRODUCTS:
            return ""
        if self._lazy:  # what was made since has memory now
            self._named, self._lazy = self._names_now()
        memory = (t.untyped_storage().data_ptr() for t in floats if has_memory(t))
        used = [self._named.get(place, "") for place in memory]
        self.in_products.update(filter(None, used))
        found = next(filter(None, reversed(used)), "")
        if found and _sums_over_rows(name, args, self._model.get_parameter(found)):
            self.input_first.add(found)
        return found

    def follow_cast(self, source: Tensor, copy: Tensor) -> None:
        """Know a weight in another dtype, which autocast makes of it, by the same name."""
        if has_memory(source) and has_memory(copy):
            name = self._named.get(source.untyped_storage().data_ptr())
            if name is not None:
                self._named[copy.untyped_storage().data_ptr()] = name
                self._cast.append(copy)  # else its place may be another's

    def forget(self) -> None:
        """Keep no tensor when the pass is done."""
        self._cast.clear()

    def _names_now(self) -> tuple[dict[int, str], bool]:
        """Names of matrices by where they are stored, and whether some are still to be made."""
        named = dict(self._model.named_parameters())
        lazy = any(isinstance(p, UninitializedParameter) for p in named.values())
        found = {
            p.untyped_storage().data_ptr(): name
            for name, p in named.items()
            if has_memory(p) and p.dim() >= 2
        }
        return found, lazy


def _sums_over_rows(name: str, args: tuple[Any, ...], weight: Tensor) -> bool:
    """Whether a product sums over the first dimension of a weight, as it is stored."""
    if name == CONVOLUTION:
        return bool(args[6])  # a transposed one
    last = next((t for t in reversed(args) if isinstance(t, Tensor)), None)
    # nn.Linear hands over the transposed view of what it stores
    return last is not None and last.shape == weight.shape and last.stride() == weight.stride()
