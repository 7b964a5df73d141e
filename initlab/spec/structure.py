"""Where residual sums and norms stand in a network. Torch-free.

    layer   = [norm] [dropout] weights [norm] activation [norm]
    block   = `every` layers, the branch F; then h' = skip h + scale F(h), and [norm]

A first or last layer that changes the width, or that the spec sets apart by `first:` or `last:`,
stands outside of the blocks (a stem, a head). Between them come as many whole blocks as there is
room for; what is left over follows them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from initlab.catalog.blocks import ACTIVATION, AFTER, AFTER_SUM, BEFORE, LINEAR, POST, PRE

Path = tuple[str, ...]


class Around(NamedTuple):
    """What stands around the weights of one layer, in this order.

    Attributes:
        opens: its input is what the block's sum adds to.
        norm_in: a norm in front of the weights, inside of a branch.
        norm_z: a norm between weights and activation.
        linear: there is no activation.
        after_sum: the activation stands after the sum that this layer closes.
        norm_h: a norm after the activation.
        closes: the number of the block whose sum it ends, or None.
        norm_sum: a norm after that sum.
        gain: factor on the weights.
    """

    opens: bool = False
    norm_in: bool = False
    norm_z: bool = False
    linear: bool = False
    after_sum: bool = False
    norm_h: bool = False
    closes: int | None = None
    norm_sum: bool = False
    gain: float = 1.0


@dataclass(frozen=True)
class Structure:
    """What stands around all layers.

    Attributes:
        layers: what stands around each.
        blocks: the layers of each branch.
        skip: factor of what comes in, the same for all blocks.
        scale: factor of a branch.
        norm_last: whether the loss reads a norm of what the last layer hands on.
        left_over: layers between the last block and the head that are too few for another one.
        projected: whether what comes in may take weights of its own.
    """

    layers: tuple[Around, ...]
    blocks: tuple[range, ...] = ()
    skip: float = 1.0
    scale: float = 1.0
    norm_last: bool = False
    left_over: int = 0
    projected: bool = False

    @property
    def stream(self) -> list[int]:
        """Layers that hand on what no sum is added to any more: all outside of branches."""
        inside = {layer for block in self.blocks for layer in block[:-1]}
        return [layer for layer in range(len(self.layers)) if layer not in inside]

    def normed(self, shape: Sequence[int]) -> Iterator[int]:
        """How many neurons each norm has."""
        for fan_in, fan_out, around in zip(shape, shape[1:], self.layers, strict=False):
            if around.norm_in:
                yield fan_in
            if around.norm_z or around.norm_h or around.norm_sum:
                yield fan_out
        if self.norm_last:
            yield shape[-1]

    def projections(self, shape: Sequence[int]) -> list[tuple[int, int]]:
        """The first and the last layer of each block whose sum needs weights of its own."""
        return [
            (b[0], b[-1]) for b in self.blocks if self.projected and shape[b[0]] != shape[b[-1] + 1]
        ]


def structure_of(
    shape: tuple[int, ...],
    residual: Mapping[str, Any] | None,
    norm: Mapping[str, Any] | None,
    apart: tuple[bool, bool],
) -> Structure:
    """Where sums and norms stand.

    Args:
        shape: the input's width, then each layer's.
        residual: parameters, if there are sums.
        norm: parameters, if there are norms; its place is said.
        apart: whether the spec sets the first layer apart, and the last.
    """
    depth, place = len(shape) - 1, (norm or {}).get("place")
    stem = apart[0] or shape[0] != shape[1]
    head = depth > 1 and (apart[1] or shape[-2] != shape[-1])
    normed = Around(norm_z=place == BEFORE, norm_h=place == AFTER)
    around = [Around() if head and i == depth - 1 else normed for i in range(depth)]
    if residual is None:
        return Structure(tuple(around))
    every, first = residual["every"], int(stem)
    count = max(0, depth - first - head) // every
    blocks = tuple(range(first + k * every, first + (k + 1) * every) for k in range(count))
    skip, scale, gains = _factors(residual, count)
    end = branch_end(residual)
    for number, block in enumerate(blocks):
        for index, gain in zip(block, gains, strict=True):
            closes = index == block[-1]
            around[index] = around[index]._replace(
                opens=index == block[0],
                norm_in=place == PRE and index == block[0],
                linear=closes and end == LINEAR,
                after_sum=closes and end == AFTER_SUM,
                closes=number if closes else None,
                norm_sum=closes and place == POST,
                gain=gain,
            )
    last = blocks[-1][-1] if blocks else -1
    followed = place == PRE and last >= 0
    if followed and last + 1 < depth:
        around[last + 1] = around[last + 1]._replace(norm_in=True)
    return Structure(
        tuple(around),
        blocks,
        skip,
        scale,
        norm_last=followed and last + 1 == depth,
        left_over=max(0, depth - first - head) - count * every,
        projected=bool(residual.get("project")),
    )


def branch_end(residual: Mapping[str, Any]) -> str:
    """How a branch ends."""
    return str(residual.get("branch") or (LINEAR if residual["every"] > 1 else ACTIVATION))


def _factors(residual: Mapping[str, Any], count: int) -> tuple[float, float, list[float]]:
    """The factors of what comes in, of a branch, and of the weights of each of its layers."""
    every, scale, skip = residual["every"], residual["scale"], float(residual["skip"])
    gains = [1.0] * every
    gains[-1] = _number(residual.get("output_gain", 1.0), count)
    if count and scale == "deepnorm":  # Wang et al. 2022, fig. 2: alpha and beta
        skip, beta = float((2 * count) ** 0.25), float((8 * count) ** -0.25)
        gains = [gain * beta for gain in gains]
    if count and scale == "fixup":  # Zhang et al. 2019, sec. 3.1
        power = -1 / (2 * every - 2) if every > 1 else 0.0
        gains = [count**power] * (every - 1) + [0.0]
    return skip, _number(scale, count), gains


def _number(scale: float | str, count: int) -> float:
    """A factor that may depend on the number of blocks."""
    match scale:
        case "rezero":
            return 0.0
        case "fixup" | "deepnorm":
            return 1.0
        case "1/sqrt(L)":
            return float(max(count, 1) ** -0.5)
        case "1/L":
            return 1 / max(count, 1)
    return float(scale)


def problems(
    shape: tuple[int, ...],
    residual: Mapping[str, Any] | None,
    norm: Mapping[str, Any] | None,
    structure: Structure,
) -> Iterator[tuple[Path, str]]:
    """What is wrong with sums and norms of a network although each value is in range."""
    place = (norm or {}).get("place")
    if residual is None:
        if place in (PRE, POST):
            yield (
                ("norm", "place"),
                f"{place} is a place around a residual branch, which networks without residual do"
                f" not have; needs residual for all, or place: {BEFORE} or {AFTER}",
            )
        return
    every, scale = residual["every"], residual["scale"]
    if not structure.blocks:
        yield (
            ("residual", "every"),
            f"a branch of {_layers(every)} does not fit: {_layers(structure.left_over)} of"
            f" {len(shape) - 1} stand between what is set apart as first and last",
        )
    if scale == "fixup" and every == 1:
        yield ("residual", "scale"), "fixup needs every: 2 or more: its last weights are 0"
    if scale == "deepnorm" and place != POST:
        yield ("residual", "scale"), "deepnorm needs norm: {name: layer, place: post}"
    if scale in ("deepnorm", "fixup") and residual.get("output_gain", 1.0) != 1.0:
        yield ("residual", "output_gain"), f"{scale} sets the weights' factors itself"
    if scale == "deepnorm" and residual["skip"] != 1.0:
        yield ("residual", "skip"), "deepnorm sets it itself"
    if residual.get("project"):
        return
    for block in structure.blocks:
        if shape[block[0]] != shape[block[-1] + 1]:
            yield (
                ("residual",),
                f"{_layers(len(block))} from {block[0]} on go from {shape[block[0]]} to"
                f" {shape[block[-1] + 1]} neurons, which cannot be added; needs project: true, or"
                " equal widths",
            )
            return


def _layers(count: int) -> str:
    return f"{count} layer{'s' if count != 1 else ''}"
