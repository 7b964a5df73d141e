"""A run: one network with one seed, and everything that determines its numbers. Torch-free."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from initlab.catalog import SCHEMES
from initlab.catalog.dtypes import DTYPES

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


@dataclass(frozen=True)
class Run:
    """One network and one seed: everything that determines its numbers.

    `shape` is the input's width, then each layer's; a uniform shape came from depth and width.
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

    @property
    def depth(self) -> int:
        """Number of layers."""
        return len(self.shape) - 1

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
            self._draw(self.init),
            self.bias and self._draw(self.bias),
        )

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
        for field in ("activation", "init", "bias", "loss", "reduction", "batch", "input"):
            value = getattr(self, field)
            if isinstance(value, Choice):
                cells[field] = value.name
                cells.update({f"{field}.{key}": item for key, item in value.items})
            else:
                cells[field] = value
        return cells | {"dtype": self.dtype, "draws": self.draws, "record": self.record}
