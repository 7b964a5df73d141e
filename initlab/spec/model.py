"""What a YAML spec may say, as pydantic models built from the catalog. Torch-free.

Every field of `Grid` is an axis: one value, a list of values or a range. `reader.py` reads and
validates, `expand.py` turns a `Spec` into runs.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Field,
    GetJsonSchemaHandler,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic_core import CoreSchema, PydanticCustomError

from initlab.catalog import FIELDS
from initlab.catalog.dtypes import DtypeName
from initlab.errors import Problem
from initlab.spec import yamlfile
from initlab.spec.axis import (
    EXPRESSION,
    Axis,
    CalculatedWhole,
    Range,
    Strict,
    as_integer,
    calculated,
)
from initlab.spec.band import BAND, Band
from initlab.spec.blocks import NONE, Dropout, NormField, PresetName, Residual
from initlab.spec.fields import ChoiceAxes, OneOf
from initlab.spec.layers import LARGEST, Bias, LayerGrid, Layers
from initlab.spec.record import BOTH, Record
from initlab.spec.run import LATER
from initlab.spec.thresholds import Threshold, Thresholds

DEFAULT = "default"  # a target in a word: what the loss draws by itself
LAST_SEED = 2**32 - 1  # torch's CPU generator reads 32 bits of a seed


class DefaultSchema:
    """Tells the JSON Schema of the word that leaves a field to what it is without it."""

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """The word, beside what a schema has."""
        return {"anyOf": [{"const": DEFAULT}, *handler(schema)["anyOf"]]}


def _seeds(value: Any) -> Any:
    value = as_integer(calculated(value))
    if isinstance(value, int) and not isinstance(value, bool):
        if not 1 <= value <= LARGEST:
            raise PydanticCustomError("seeds", f"needs 1 to {LARGEST:,} seeds, or a list of them")
        return list(range(value))
    return Axis(whole=True).split(value)


def safe_name(text: str) -> str:
    """The text as a spec's name, which is also a folder's."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", text).lstrip(".-") or "spec"


Count = Annotated[Annotated[int, Field(strict=True, ge=1, le=LARGEST)], CalculatedWhole()]
Counts = Annotated[list[Count], Axis(whole=True)]
Seed = Annotated[Annotated[int, Field(strict=True, ge=0, le=LAST_SEED)], CalculatedWhole()]
SEEDS = {
    "anyOf": [
        {"type": "integer", "minimum": 1, "maximum": LARGEST},
        EXPRESSION,
        {
            "type": "array",
            "items": {
                "anyOf": [{"type": "integer", "minimum": 0, "maximum": LAST_SEED}, EXPRESSION]
            },
            "minItems": 1,
        },
        Range.model_json_schema(),
    ]
}
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]*$", max_length=100)]
Target = Annotated[
    Annotated[ChoiceAxes, OneOf(FIELDS["target"])] | None,
    BeforeValidator(lambda value: None if value == DEFAULT else value),
    DefaultSchema(),
]
Reduction = Literal["none", "sum", "mean"]


class Grid(Strict):
    """The networks of a spec. A list in a field is an axis; axes multiply."""

    depth: Counts | None = Field(None, description="number of layers")
    width: Counts | None = Field(None, description="neurons of every layer, and of the input")
    shape: Annotated[
        list[Annotated[list[Count], Field(min_length=2)]] | None, Axis(nested=True)
    ] = Field(None, description="instead of depth and width: the input, then each layer's neurons")
    activation: Annotated[list[Annotated[ChoiceAxes, OneOf(FIELDS["activation"])]], Axis()] = Field(
        description="after every layer, the last one too"
    )
    init: Annotated[list[Annotated[ChoiceAxes, OneOf(FIELDS["init"])]] | None, Axis()] = Field(
        None, description="how weights are drawn; needed where no preset says it"
    )
    bias: Annotated[list[Bias] | None, Axis()] = Field(
        None, description="how biases are drawn; without it there are none (but for torch_default)"
    )
    residual: Annotated[list[Residual] | None, Axis()] = Field(
        None,
        description="sums around branches of some layers: 2, {every: 2, scale: 0.1}; none without",
    )
    norm: Annotated[list[NormField] | None, Axis()] = Field(
        None, description="layer, rms or batch, {name: rms, place: post}; none without"
    )
    dropout: Annotated[list[Dropout], Axis(numeric=True)] = Field(
        [LATER["dropout"]],
        description="share of each layer's inputs that is 0, as in training; the others are scaled",
    )
    preset: Annotated[list[PresetName] | None, Axis()] = Field(
        None, description="fills in residual, norm and init where they are not said"
    )
    first: LayerGrid | None = Field(None, description="what layer 0 has of its own")
    layers: Layers | None = Field(
        None, description="what some layers have of their own: {3: {...}, 5-9: {...}}"
    )
    last: LayerGrid | None = Field(
        None, description="what the last layer has of its own: {activation: identity} is a head"
    )
    loss: Annotated[list[Annotated[ChoiceAxes, OneOf(FIELDS["loss"])]], Axis()] = Field(
        ["mse"], validate_default=True, description="on the last layer's activations"
    )
    target: Annotated[list[Target] | None, Axis()] = Field(
        None, description="what the loss compares with; default: what it draws by itself"
    )
    reduction: Annotated[list[Reduction], Axis()] = Field(
        ["mean"], description="none: each sample's own loss, whose gradient equals sum's"
    )
    batch: Counts = Field([16], description="samples")
    input: Annotated[list[Annotated[ChoiceAxes, OneOf(FIELDS["input"])]], Axis()] = Field(
        ["normal"], validate_default=True, description="what the network is fed"
    )
    dtype: Annotated[list[DtypeName], Axis()] = Field(
        ["float32"], description="of weights and activations; statistics are always float64"
    )
    draws: Annotated[list[Literal["layered", "script"]], Axis()] = Field(
        ["layered"], description="layered: a seed a layer; script: as a plain PyTorch script draws"
    )
    record: Annotated[list[Record], Axis()] = Field(
        [BOTH],
        description="forward skips the backward pass; {gradients: true, neurons: true, quantiles:"
        " true} measure more of every layer, full all of it",
    )
    saturation: Annotated[list[Threshold], Axis(numeric=True)] = Field(
        [LATER["saturation"]],
        description="a unit whose slope |phi'(z)| is below it counts as saturated",
    )
    seeds: Annotated[
        list[Seed], Field(min_length=1), BeforeValidator(_seeds), WithJsonSchema(SEEDS)
    ] = Field([0], description="how many (from 0), or a list")

    @field_validator("input")
    @classmethod
    def _one_target(cls, fed: list[Any], info: ValidationInfo) -> list[Any]:
        own = any(any(getattr(chosen, "target", ())) for chosen in fed)
        if own and info.data.get("target") is not None:
            raise PydanticCustomError(
                "target", "has a target, which target: says, too; leave one of them out"
            )
        return fed

    @model_validator(mode="after")
    def _drawn(self) -> "Grid":
        if self.init is None and not all(self.preset or [None]):
            raise PydanticCustomError("missing_init", "a spec needs init, or a preset that says it")
        return self

    @model_validator(mode="after")
    def _sized(self) -> "Grid":
        if self.shape is not None and (self.depth is not None or self.width is not None):
            raise PydanticCustomError("size", "give depth and width, or shape, not both")
        if self.shape is None and (self.depth is None or self.width is None):
            lacking = (
                "depth and width"
                if self.depth == self.width
                else ("depth" if self.depth is None else "width")
            )
            raise PydanticCustomError(
                "size", "{lacking} needed: give depth and width, or shape", {"lacking": lacking}
            )
        return self


class Head(Strict):
    """What a spec says beside its networks."""

    name: Name = Field("", description="of the results folder; the file's name by default")
    about: str = Field("", description="one line: the claim and its source")
    thresholds: Thresholds = Field(Thresholds(), description="where a verdict begins")
    band: Band = Field(
        BAND,
        validate_default=True,
        description="networks simulated for the finite-width band of a point; 0: no band;"
        " {gradient: true}: bands of gradient and cosine, too",
    )


class SpecFile(Grid, Head):
    """An initlab spec: families of deep networks to build and measure."""

    cases: list[dict[str, Any]] = Field(
        [],
        min_length=1,
        description="partial specs, each laid over the rest: for grids that are not rectangular",
    )


@dataclass(frozen=True)
class Spec:
    """A validated spec: a head, and a grid for every case (one without cases).

    `folder` is where relative paths start, `document` where places in the file are looked up.
    """

    head: Head
    grids: tuple[Grid, ...]
    document: yamlfile.Document
    folder: Path

    def problem(self, grid: int, path: tuple[Any, ...], message: str) -> Problem:
        """What is wrong with a field of one grid, at its line and column."""
        case = ("cases", grid, *path)
        known = case if case[:3] in self.document.places else path
        return Problem(self.document.where(known), ".".join(map(str, path)), message)

    def resolved(self) -> dict[str, Any]:
        """The spec as plain data with every default filled in; reading it gives the same runs."""
        head = self.head.model_dump()
        grids = [_plain(grid, self.folder) for grid in self.grids]
        shared = {k: v for k, v in grids[0].items() if all(k in g and g[k] == v for g in grids)}
        cases = [{k: v for k, v in g.items() if k not in shared} for g in grids]
        return {**head, **shared, **({"cases": cases} if len(grids) > 1 else {})}


def _plain(grid: Grid, folder: Path) -> dict[str, Any]:
    """A grid as YAML would say it: an axis of one value is that value, a path is absolute."""

    def one(value: Any) -> Any:
        if isinstance(value, dict):  # without what nobody said
            said = {key: item for key, item in value.items() if item is not None and item != []}
            return {key: one(item) for key, item in said.items()}
        if isinstance(value, list):
            items = [one(item) for item in value]
            return items[0] if len(items) == 1 and not isinstance(items[0], list) else items
        return list(value) if isinstance(value, tuple) else value

    data = grid.model_dump()
    for chosen in (*data["input"], *filter(None, data["target"] or ())):
        for key in ("path", "target"):
            if key in chosen:
                chosen[key] = [path and str((folder / path).resolve()) for path in chosen[key]]
    for fed in data["input"]:
        if fed.get("target") == [""]:
            del fed["target"]  # as it has been written since before there was one
    unsaid = {k for k, v in data.items() if v is None or (k in LATER and v == [LATER[k]])}
    if grid.preset is not None:  # which would fill in what is said to be none
        unsaid -= {k for k in ("residual", "norm") if data[k] is not None}
    if data["target"] is not None:
        data["target"] = [DEFAULT if chosen is None else chosen for chosen in data["target"]]
    for field in ("residual", "norm", "preset"):
        if data[field] is not None:
            data[field] = [NONE if chosen is None else chosen for chosen in data[field]]
    plain = {k: one(v) for k, v in data.items() if k not in unsaid}
    return {**plain, "seeds": grid.seeds}
