"""From a spec to the runs of a plan: axes multiply, cases add up, impossible runs are refused."""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from initlab.catalog import FIELDS, INPUTS, LOSSES, NORMS, SCHEMES
from initlab.errors import InputError, Problem, SpecError
from initlab.spec import structure
from initlab.spec.blocks import placed, preset_choice
from initlab.spec.feeding import Feeding, located, parted
from initlab.spec.fields import ChoiceAxes
from initlab.spec.hints import hints
from initlab.spec.layers import LayerGrid
from initlab.spec.model import Grid, Spec
from initlab.spec.plan import Plan
from initlab.spec.run import Choice, Override, Run

MAX_RUNS = 10_000
#: fields that are not one axis each
APART = ("depth", "width", "shape", "seeds", "bias", "first", "last", "layers", "residual", "norm",
         "preset")  # fmt: skip


def make(spec: Spec, *, max_runs: int = MAX_RUNS) -> Plan:
    """All runs of a spec; runs that two cases share are kept once.

    Raises:
        InputError: more than `max_runs` runs.
        SpecError: a combination of values that cannot be built.
    """
    counted = [_lengths(grid) for grid in spec.grids]
    total = sum(math.prod(c.values()) for c in counted)
    product = _product(counted, total)
    if total > max_runs:
        raise InputError(
            f"{spec.head.name}: {product}; --max-runs allows {max_runs:,}", f"--max-runs {total}"
        )
    runs: dict[Run, None] = {}
    problems: dict[Problem, None] = {}
    feeding = Feeding()
    for index, grid in enumerate(spec.grids):
        place = ("input", "target") if grid.target is None else ("target",)
        for run in _expand(grid, spec.folder):
            fed, found = feeding.fed(run, place)
            runs[fed] = None
            found = [*_check(run), *found]
            problems |= {spec.problem(index, _said(grid, path), text): None for path, text in found}
    if problems:
        raise SpecError(problems)
    if len(runs) < total:
        product += f", {len(runs):,} of them different"
    said = hints(spec.grids, tuple(runs))
    return Plan(spec.head, tuple(runs), product, spec.resolved(), spec.document.name, hints=said)


def _said(grid: Grid, path: tuple[str, ...]) -> tuple[str, ...]:
    """Where a spec says what is wrong: in a preset, if that filled in the field."""
    filled = grid.preset is not None and path[:1] in (("init",), ("residual",), ("norm",))
    return ("preset",) if filled and getattr(grid, path[0]) is None else path


def _product(counted: Sequence[dict[str, int]], total: int) -> str:
    """As in "3 activation x 5 seeds = 15 runs"."""
    if total == 1:
        return "1 run"
    terms = [" x ".join(f"{n} {field}" for field, n in c.items() if n > 1) or "1" for c in counted]
    return f"{' + '.join(terms)} = {total:,} runs"


def _check(run: Run) -> Iterator[tuple[tuple[str, ...], str]]:
    """What is wrong with a run although each of its fields is in order."""
    yield from _check_schemes((), run.init, run.bias)
    for override in run.overrides:
        path = override.path
        yield from _check_schemes(path, override.init, override.bias)
        if (end := override.layers(run.depth)[-1]) >= run.depth:
            yield path, f"there is no layer {end}: the network has layers 0..{run.depth - 1}"
    yield from _check_loss(run)
    if problem := INPUTS[run.input.name].check(run.input.parameters, run.batch):
        yield ("input",), f"{run.input.name} {problem}"
    yield from _check_blocks(run)
    if run.batch * min(run.shape[1:]) < 2:
        yield ("batch",), "a std needs two values a layer; batch times width is 1"


def _check_blocks(run: Run) -> Iterator[tuple[tuple[str, ...], str]]:
    """What is wrong with residual sums, norms and dropout."""
    residual = None if run.residual is None else run.residual.parameters
    norm = None if run.norm is None else run.norm.parameters
    yield from structure.problems(run.shape, residual, norm, run.structure)
    if run.norm is not None:
        over_batch = NORMS[run.norm.name].over == "batch"
        if over_batch and run.batch < 2:
            yield ("norm",), f"{run.norm.name} needs a batch of at least 2, it has {run.batch}"
        if not over_batch and min(run.structure.normed(run.shape), default=2) < 2:
            yield ("norm",), f"{run.norm.name} needs layers of at least 2 neurons"
    if run.draws == "script":
        if run.dropout:
            yield (
                ("dropout",),
                "masks have no place in the order of a script; leave out draws: script",
            )
        if run.structure.projections(run.shape):
            yield (
                ("residual", "project"),
                "projections have no place in the order of a script; leave out draws: script",
            )


def _check_schemes(
    path: tuple[str, ...], init: Choice | None, bias: Choice | None
) -> Iterator[tuple[tuple[str, ...], str]]:
    for field, choice in (("init", init), ("bias", bias)):
        if choice and (problem := SCHEMES[choice.name].check(choice.parameters)):
            yield (*path, field), f"{choice.name} {problem}"


def _check_loss(run: Run) -> Iterator[tuple[tuple[str, ...], str]]:
    """Enough samples and outputs for what a loss compares."""
    name, outputs = run.loss.name, run.shape[-1]
    batch_needed, outputs_needed = LOSSES[name].least
    if outputs < outputs_needed:
        yield (
            ("loss",),
            f"{name} needs at least {outputs_needed} outputs, the last layer has {outputs}",
        )
    if run.batch < batch_needed:
        yield ("loss",), f"{name} needs a batch of at least {batch_needed}, it has {run.batch}"
    blank = run.loss.parameters.get("blank", 0)
    if blank >= outputs > 0:
        yield ("loss", "blank"), f"the last layer has {outputs} outputs, valid are 0..{outputs - 1}"


def _lengths(grid: Grid) -> dict[str, int]:
    """How many values each field takes, without making them."""
    lengths: dict[str, int] = {}
    for field in Grid.model_fields:
        values = getattr(grid, field)
        if field == "layers":
            for at, layers in (values or {}).items():
                lengths |= _layer_lengths(f"layers.{at}", layers)
        elif isinstance(values, LayerGrid):
            lengths |= _layer_lengths(field, values)
        elif values is not None:
            lengths[field] = sum(_variants(value) for value in values)
    return lengths


def _layer_lengths(name: str, layers: LayerGrid) -> dict[str, int]:
    given = {field: getattr(layers, field) for field in LayerGrid.model_fields}
    return {
        f"{name}.{field}": sum(_variants(value) for value in values)
        for field, values in given.items()
        if values is not None
    }


def _variants(value: Any) -> int:
    if not isinstance(value, ChoiceAxes):
        return 1
    # an empty list is a parameter of which nothing is said
    return math.prod(len(v) for v in value.model_dump().values() if v and isinstance(v, list))


def _expand(grid: Grid, folder: Path) -> Iterator[Run]:
    fields = [f for f in Grid.model_fields if f not in APART]
    shapes = _shapes(grid)
    biases: Sequence[Choice | None] | None = None
    if grid.bias is not None:
        biases = [c for bias in grid.bias for c in (_choices(bias, "bias") if bias else [None])]
    # presets choose an initialiser with what stands around layers: one axis, in its place
    axes: list[list[Any]] = [
        list(_built(grid)) if field == "init" else _values(getattr(grid, field) or [None], field)
        for field in fields
    ]
    overrides = list(
        itertools.product(*(_overrides(at, layers) for at, layers in _differing(grid)))
    )
    for shape, *point in itertools.product(shapes, *axes):
        named = dict(zip(fields, point, strict=True))
        named |= named["init"]
        input_, beside = parted(named["input"])
        named["input"] = located(input_, folder)
        target = named["target"] or beside
        named["target"] = target and located(target, folder)
        for bias in biases if biases is not None else [_default_bias(named["init"])]:
            for differing in overrides:
                own = tuple(_rebiased(o) if biases is None else o for o in differing)
                for seed in grid.seeds:
                    yield Run(shape=shape, bias=bias, seed=seed, overrides=own, **named)


def _built(grid: Grid) -> Iterator[dict[str, Any]]:
    """Every combination of init, residual and norm; presets fill in what is not said."""
    presets: Sequence[str | None] = grid.preset or [None]
    for preset in presets:
        given = {
            field: _values(getattr(grid, field) or [], field) or [preset_choice(preset, field)]
            for field in ("init", "residual", "norm")
        }
        for init, residual, norm in itertools.product(*given.values()):
            yield {"init": init, "residual": residual, "norm": placed(norm, residual)}


def _differing(grid: Grid) -> Iterator[tuple[str, LayerGrid]]:
    """Which layers have something of their own; later ones win over earlier ones."""
    named = {**(grid.layers or {}), "first": grid.first, "last": grid.last}
    for at, layers in named.items():
        if layers is not None and any(layers.model_dump().values()):
            yield at, layers


def _overrides(at: str, layers: LayerGrid) -> list[Override]:
    """Every combination of what some layers have of their own."""
    activations = _values(layers.activation, "activation") if layers.activation else [None]
    inits = _values(layers.init, "init") if layers.init else [None]
    biases: list[tuple[Choice | None, bool]] = [(None, False)]
    if layers.bias is not None:
        biases = [(c, True) for b in layers.bias for c in (_choices(b, "bias") if b else [None])]
    return [
        Override(at, activation, init, bias, rebiased)
        for activation, init, (bias, rebiased) in itertools.product(activations, inits, biases)
    ]


def _rebiased(override: Override) -> Override:
    """With the biases that its own initialiser brings along, where nobody says any."""
    if override.init is None or override.rebiased:
        return override
    return replace(override, bias=_default_bias(override.init), rebiased=True)


def _shapes(grid: Grid) -> list[tuple[int, ...]]:
    if grid.shape is not None:
        return [tuple(shape) for shape in grid.shape]
    return [(w,) * (d + 1) for d, w in itertools.product(grid.depth or (), grid.width or ())]


def _default_bias(init: Choice) -> Choice | None:
    bias = SCHEMES[init.name].bias
    return Choice(bias) if bias else None


def _values(values: Sequence[Any], field: str) -> list[Any]:
    if field not in FIELDS:
        return list(values)
    return [c for value in values for c in (_choices(value, field) if value else [None])]


def _choices(chosen: ChoiceAxes, field: str) -> Iterator[Choice]:
    """Every combination of the parameters of one chosen record."""
    parameters = {name: value for name, value in chosen.model_dump().items() if value != []}
    record = FIELDS[field][parameters.pop(FIELDS[field].key)]
    for values in itertools.product(*parameters.values()):
        settled = record.settled(dict(zip(parameters, values, strict=True)))
        yield Choice(record.name, tuple(settled.items()))
