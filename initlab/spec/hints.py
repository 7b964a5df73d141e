"""What a spec may have meant otherwise: a list that looks as if it were per layer. Torch-free."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from initlab.catalog import FIELDS, PRESETS
from initlab.spec.blocks import remarks, short_mapping
from initlab.spec.fields import ChoiceAxes
from initlab.spec.model import Grid
from initlab.spec.run import Run

LAYER_FIELDS = ("activation", "init", "bias")


def hints(grids: Sequence[Grid], runs: Sequence[Run]) -> tuple[str, ...]:
    """A sentence for everything that the user may not have meant, each once.

    A list that has as many values as a `shape` has layers, what a preset fills in, and what is
    strange about residual blocks.
    """
    texts = [text for grid in grids for text in (*_of_grid(grid), *_of_presets(grid))]
    return tuple(dict.fromkeys([*texts, *(text for run in runs for text in remarks(run))]))


def _of_presets(grid: Grid) -> Iterator[str]:
    """As in "preset rezero: residual: {every: 2, scale: rezero}, init: kaiming_normal"."""
    for name in filter(None, grid.preset or ()):
        fields = PRESETS[name].fields
        own = [field for field in fields if getattr(grid, field) is not None]
        said = ", ".join(f"{f}: {short_mapping(f, v)}" for f, v in fields.items() if f not in own)
        replaced = [
            f"its {f}: {short_mapping(f, fields[f])} gives way to the spec's own" for f in own
        ]
        yield "; ".join([f"preset {name} fills in {said or 'nothing'}", *replaced])


def _of_grid(grid: Grid) -> Iterator[str]:
    depths = {len(shape) - 1 for shape in grid.shape or ()}
    for field in LAYER_FIELDS:
        values = getattr(grid, field) or ()
        if len(values) > 1 and len(values) in depths:
            yield (
                f"{field}: a list is an axis, of {len(values)} values here, each for all layers of"
                " networks of its own. For one value a layer:"
                f" layers: {{{_by_layer(field, values)}}}"
            )


def _by_layer(field: str, values: Sequence[Any]) -> str:
    """As in "0-1: {activation: relu}, 2: {activation: identity}"."""
    texts = [_text(field, value) for value in values]
    parts, start = [], 0
    for text, group in groupby(texts):
        end = start + len(list(group)) - 1
        at = f"{start}" if start == end else f"{start}-{end}"
        parts.append(f"{at}: {{{field}: {text}}}")
        start = end + 1
    return ", ".join(parts)


def _text(field: str, value: Any) -> str:
    """A choice as YAML would say it, without what is at its default."""
    if not isinstance(value, ChoiceAxes):
        return "none"
    table = FIELDS[field]
    said = value.model_dump()
    name = said.pop(table.key)
    defaults = table[name].every_default
    said = {k: v for k, v in said.items() if v != [] and v != [defaults.get(k)]}
    given = {k: v[0] if len(v) == 1 else v for k, v in said.items()}
    if not given:
        return str(name)
    return f"{{{table.key}: {name}, {', '.join(f'{k}: {v}' for k, v in given.items())}}}"
