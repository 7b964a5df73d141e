"""A run: one network with one seed, and everything that determines its numbers. Torch-free."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from initlab.catalog import SCHEMES
from initlab.catalog.columns import OF_BACKWARD, STREAMS
from initlab.catalog.dtypes import DTYPES
from initlab.spec.structure import Structure, structure_of

if TYPE_CHECKING:
    from initlab.spec.samples import Samples


@dataclass(frozen=True)
class Choice:
    """A record of the catalog with its parameters, all single values now.

    `samples` are those of the file that it names, once that was read.
    """

    name: str
    items: tuple[tuple[str, Any], ...] = ()
    samples: "Samples | None" = None

    @property
    def parameters(self) -> dict[str, Any]:
        """Values by name, in a dictionary of the caller's own."""
        return dict(self.items)

    @property
    def arguments(self) -> dict[str, Any]:
        """What a record's functions take: the parameters, and the samples of a file."""
        return {**self.parameters, **({} if self.samples is None else {"samples": self.samples})}

    @property
    def path(self) -> str | None:
        """The file that it reads, which a parameter of that name gives; None if it reads none."""
        return self.parameters.get("path")


IDENTITY = Choice("identity")


class Layer(NamedTuple):
    """What one layer is made of; its weights are those of its initialiser, times `gain`."""

    activation: Choice
    init: Choice
    bias: Choice | None
    gain: float = 1.0


@dataclass(frozen=True)
class Override:
    """What some layers have in place of the run's own; None where they have the same.

    Args:
        at: "first", "last", a layer "3" or several "5-9", both ends included.
        activation: of these layers.
        init: of these layers.
        bias: of these layers, if `rebiased`; None is a layer without biases.
        rebiased: whether their biases are others than the run's own.
    """

    at: str
    activation: Choice | None = None
    init: Choice | None = None
    bias: Choice | None = None
    rebiased: bool = False

    def layers(self, depth: int) -> range:
        """The layers of a network of this depth that it is about."""
        if self.at in ("first", "last"):
            index = 0 if self.at == "first" else depth - 1
            return range(index, index + 1)
        start, _, end = self.at.partition("-")
        return range(int(start), int(end or start) + 1)

    @property
    def path(self) -> tuple[str, ...]:
        """Where a spec says it: ("last",), ("layers", "5-9")."""
        return (self.at,) if self.at in ("first", "last") else ("layers", self.at)

    def over(self, layer: Layer) -> Layer:
        """A layer with what is said here in place of its own."""
        bias = self.bias if self.rebiased else layer.bias
        return Layer(self.activation or layer.activation, self.init or layer.init, bias)

    def cells(self) -> Iterator[tuple[str, Any]]:
        """As flat columns: last.init, layers.5-9.activation, ..."""
        name = ".".join(self.path)
        for field in ("activation", "init", "bias"):
            choice = getattr(self, field)
            if choice is not None:
                yield f"{name}.{field}", choice.name
                yield from ((f"{name}.{field}.{key}", item) for key, item in choice.items)
            elif field == "bias" and self.rebiased:
                yield f"{name}.bias", "none"


#: fields that came later, and what they are where nobody sets them: then they are no columns, and
#: no part of a run's name, so that older results stay what they are
LATER: dict[str, Any] = {
    "target": None,
    "saturation": 0.05,
    "overrides": (),
    "residual": None,
    "norm": None,
    "dropout": 0.0,
}


#: fields in the order of their columns, after depth, width and shape
FIELD_ORDER = ("activation", "init", "bias", "residual", "norm", "dropout", "overrides", "loss",
               "target", "reduction", "batch", "input", "dtype", "draws", "record",
               "saturation")  # fmt: skip


@dataclass(frozen=True)
class Run:
    """One network and one seed: everything that determines its numbers.

    `shape` is the input's width, then each layer's; a uniform shape came from depth and width.
    `activation`, `init` and `bias` are those of all layers that `overrides` do not mention, of
    which later ones win. `record` is a canonical text of spec/record.py: "both" or "forward", and
    then, each after a "+", what is measured beside the usual columns.
    """

    shape: tuple[int, ...]
    activation: Choice
    init: Choice
    bias: Choice | None
    loss: Choice
    reduction: str
    batch: int
    input: Choice
    dtype: str
    draws: str
    record: str
    seed: int
    target: Choice | None = LATER["target"]
    saturation: float = LATER["saturation"]
    overrides: tuple[Override, ...] = LATER["overrides"]
    residual: Choice | None = LATER["residual"]
    norm: Choice | None = LATER["norm"]
    dropout: float = LATER["dropout"]

    @property
    def depth(self) -> int:
        """Number of layers."""
        return len(self.shape) - 1

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """What every layer is made of."""
        layers = [Layer(self.activation, self.init, self.bias)] * self.depth
        for override in self.overrides:
            for index in override.layers(self.depth):
                layers[index] = override.over(layers[index])
        if self.residual is not None:
            for index, around in enumerate(self.structure.layers):
                activation = IDENTITY if around.linear else layers[index].activation
                layers[index] = layers[index]._replace(activation=activation, gain=around.gain)
        return tuple(layers)

    @cached_property
    def structure(self) -> Structure:
        """Where residual sums and norms stand."""
        own = {override.at for override in self.overrides}
        return _structure(self.shape, self.residual, self.norm, ("first" in own, "last" in own))

    @property
    def stream_start(self) -> int:
        """The first layer whose output is on the stream: no block's sum adds to it any more."""
        return 0 if self.residual is None else self.structure.stream[0]

    @cached_property
    def linears(self) -> tuple[tuple[int, int, Layer], ...]:
        """Fan_in, fan_out and make of all weights: the layers', then those of projections.

        A projection is drawn as the layer with which its block begins, without activation.
        """
        plain = tuple(
            (*fans, layer) for fans, layer in zip(pairwise(self.shape), self.layers, strict=True)
        )
        return plain + tuple(
            (self.shape[start], self.shape[end + 1], Layer(IDENTITY, self.layers[start].init, None))
            for start, end in self.structure.projections(self.shape)
        )

    @property
    def has_blocks(self) -> bool:
        """Whether anything stands around its layers: sums, norms or dropout."""
        return self.residual is not None or self.norm is not None or self.dropout > 0

    @property
    def differs(self) -> bool:
        """Whether its layers are not all made alike."""
        return bool(self.overrides) or self.residual is not None

    @property
    def backward(self) -> bool:
        """Whether a gradient is measured."""
        return not self.record.startswith("forward")

    @property
    def extras(self) -> frozenset[str]:
        """What is measured beside the usual columns."""
        named = self.record.split("+")[1:]
        if self.residual is not None:
            named += [g for g in STREAMS if self.backward or g not in OF_BACKWARD]
        return frozenset(named)

    @property
    def draw_dtype(self) -> str:
        """The dtype of its random numbers: those of low precision are rounded float32 ones."""
        return DTYPES[self.dtype].drawn_in

    @cached_property
    def block_key(self) -> tuple[Any, ...]:
        """Equal for runs that can be computed side by side: those of one seed share their draws."""
        return (
            self.shape,
            self.batch,
            self.input,
            self.dtype,
            self.record,
            self.draws,
            self.saturation,
            tuple((self._draw(x.init), x.bias and self._draw(x.bias)) for *_, x in self.linears)
            if self.differs
            else (self._draw(self.init), self.bias and self._draw(self.bias)),
            *((self.surroundings,) if self.has_blocks else ()),
        )

    @property
    def surroundings(self) -> tuple[Any, ...]:
        """What stands around its layers, but for factors."""
        structure = self.structure
        around = tuple(layer._replace(gain=1.0) for layer in structure.layers)
        return around, structure.norm_last, structure.projected, self.norm, self.dropout > 0

    @property
    def point(self) -> "Run":
        """The run with seed 0: equal for runs that share a prediction."""
        return self if self.seed == 0 else replace(self, seed=0)

    def _draw(self, choice: Choice) -> tuple[Any, ...]:
        """A unit draw, and whether a script's constructors have made it already."""
        scheme = SCHEMES[choice.name]
        return scheme.draw(choice.parameters), self.draws == "script" and scheme.in_constructor

    def cells(self) -> dict[str, Any]:
        """The run as flat columns, nested parameters dotted; None where a field does not apply."""
        uniform = len(set(self.shape)) == 1
        cells: dict[str, Any] = {
            "depth": self.depth,
            "width": self.shape[0] if uniform else None,
            "shape": None if uniform else "x".join(map(str, self.shape)),
        }
        for field in FIELD_ORDER:
            if field == "overrides":
                cells.update(cell for override in self.overrides for cell in override.cells())
                continue
            value = getattr(self, field)
            if isinstance(value, Choice):
                cells[field] = value.name
                cells.update({f"{field}.{key}": _cell(item) for key, item in value.items})
            else:
                cells[field] = value
        return cells


@lru_cache(1024)  # runs that differ in seed or scheme only have one
def _structure(
    shape: tuple[int, ...], residual: Choice | None, norm: Choice | None, apart: tuple[bool, bool]
) -> Structure:
    sums, norms = (None if choice is None else choice.parameters for choice in (residual, norm))
    return structure_of(shape, sums, norms, apart)


def _cell(item: Any) -> Any:
    """A parameter as a cell: several numbers with spaces between."""
    return " ".join(map(str, item)) if isinstance(item, tuple) else item
