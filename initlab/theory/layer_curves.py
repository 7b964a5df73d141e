"""The curves of a network's layers, each of which may have an activation of its own.

Networks whose layers have one law are followed side by side, whatever their depths: then there are
curves for all layers. Of others, every layer is followed with its own.

Shapes: L layers, R networks.
"""

from collections.abc import Callable, Sequence

import numpy as np

from initlab.theory.curves import Curves, CurveValues
from initlab.theory.quadrature import Array


class LayerCurves:
    """The curves of every layer.

    Args:
        laws: one for all layers, or one for each, in their order.
    """

    def __init__(self, laws: Sequence[Curves]) -> None:
        self.laws = tuple(laws)
        distinct = dict.fromkeys(self.laws)
        self.rows = {law: [i for i, own in enumerate(self.laws) if own is law] for law in distinct}

    def of(self, layer: int) -> Curves:
        """The curves of a layer."""
        return self.laws[0] if len(self.rows) == 1 else self.laws[layer]

    def each(
        self, function: Callable[[Curves, Array], Array], values: Array, first: int = 0
    ) -> Array:
        """A function of a layer's curves and its row of values, for layers from `first` on.

        Args:
            function: takes values (n, ...) of n layers, returns results (n, ...).
            values: shape (L, ...).
            first: the layer of the first row.
        """
        if len(self.rows) == 1:
            return function(self.laws[0], values)
        parts: list[tuple[list[int], Array]] = []
        for law, layers in self.rows.items():
            at = [layer - first for layer in layers if 0 <= layer - first < len(values)]
            if at:
                parts.append((at, function(law, values[at])))
        result = np.empty((len(values), *parts[0][1].shape[1:]), dtype=parts[0][1].dtype)
        for at, part in parts:
            result[at] = part
        return result

    def at(self, ln_q: Array) -> CurveValues:
        """Moments at ln q of every layer, shape (L, R)."""
        if len(self.rows) == 1:
            return self.laws[0].at(ln_q)
        values = self.each(lambda law, own: np.stack(law.at(own), axis=-1), ln_q)
        return CurveValues(*np.moveaxis(values, -1, 0))
