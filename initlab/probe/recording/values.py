"""Statistics of the tensors of a forward pass, each read once."""

import weakref
from collections.abc import Iterable
from typing import Any

from torch import Tensor

from initlab.probe.recording.statistics import Statistics, readable, statistics


class Values:
    """What tensors were measured to be, as long as they live and are not changed in place.

    Args:
        batch: samples, for signals.
    """

    def __init__(self, batch: int | None) -> None:
        self._batch = batch
        self._known: dict[int, tuple[weakref.ref[Tensor], int, Statistics | None]] = {}
        self._rows: tuple[weakref.ref[Tensor], float | None] | None = None

    def of(self, x: Tensor) -> Statistics | None:
        """Of a tensor; a module returns what its last op made, which is not read again."""
        known = self._entry(x)
        return self._keep(x, statistics(x, self._batch)) if known is None else known[2]

    def known(self, x: Tensor) -> Statistics | None:
        """The same, if it was measured before."""
        known = self._entry(x)
        return None if known is None else known[2]

    def changed(self, x: Tensor) -> None:
        """Forget a tensor that is changed in place, which its version does not count yet."""
        self._known.pop(id(x), None)

    def of_product(self, x: Tensor) -> Statistics | None:
        """Of a product, which torch computes of (B T, n) where (B, T, n) was asked for.

        Its signal is known only when the batch is the first dimension of the view that follows.
        """
        self._rows = None
        batch = self._batch
        if batch is None or x.dim() != 2 or len(x) == batch or len(x) % batch:
            return self.of(x)
        found = statistics(x.detach().reshape(batch, -1), batch)
        if found is not None:
            self._rows = weakref.ref(x), found.signal
            found = found._replace(shape=tuple(x.shape), signal=None)
        return self._keep(x, found)

    def signal_behind(self, args: tuple[Any, ...], view: Any) -> float | None:
        """The signal of the last product, if this is its view with the batch in front."""
        if self._rows is None or not args or args[0] is not self._rows[0]():
            return None
        signal, self._rows = self._rows[1], None
        batched = isinstance(view, Tensor) and view.dim() > 2 and len(view) == self._batch
        return signal if batched else None

    def sound(self, tensors: Iterable[Tensor]) -> bool:
        """Whether there is no nan and no inf, -inf apart, in tensors that can be read."""
        return not any(
            found is not None and found.finite < 1 and not found.masked
            for found in (self.known(t) or statistics(t) for t in tensors if readable(t))
        )

    def forget(self) -> None:
        """Everything."""
        self._known.clear()
        self._rows = None

    def _entry(self, x: Tensor) -> tuple[weakref.ref[Tensor], int, Statistics | None] | None:
        known = self._known.get(id(x))
        same = known is not None and known[0]() is x and known[1] == _version(x)
        return known if same else None

    def _keep(self, x: Tensor, found: Statistics | None) -> Statistics | None:
        self._known[id(x)] = weakref.ref(x), _version(x), found
        return found


def _version(x: Tensor) -> int:
    """How often a tensor was changed in place; tensors of inference mode do not count."""
    return -1 if x.is_inference() else x._version
