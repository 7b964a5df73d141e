"""Random numbers of a network: unit draws, and the order in which layers draw them."""

from itertools import pairwise
from typing import Protocol

import numpy as np
import torch
from torch import Generator, Tensor, nn

from initlab.catalog import SCHEMES
from initlab.catalog.schemes import Draw
from initlab.network.inputs import draw_input
from initlab.spec.run import Choice, Run

Drawn = tuple[
    Tensor, Tensor | None
]  # a layer's unit weights (fan_out, fan_in) and biases (fan_out,)
ROLES = {"weight": 0, "bias": 1, "input": 2, "target": 3, "mask": 4}


def unit_draw(draw: Draw, unit: Tensor, generator: Generator) -> Tensor:
    """One unit draw (see catalog/schemes.py), with the same random numbers as `torch.nn.init`.

    Args:
        draw: its name, then its parameters in units of the draw.
        unit: what is filled, shape (fan_out, fan_in), or (fan_out,) for a bias; float32 or
            float64, as torch draws differently in each.
        generator: the only source of randomness.
    """
    name, *parameters = draw
    match name:
        case "normal":
            return unit.normal_(generator=generator)
        case "uniform":
            return unit.uniform_(-1, 1, generator=generator)
        case "truncated":
            lower, upper = (float(p) for p in parameters)
            return nn.init.trunc_normal_(unit, a=lower, b=upper, generator=generator)
        case "orthogonal":
            return nn.init.orthogonal_(unit, generator=generator)
        case "identity":
            return nn.init.eye_(unit)
        case "constant":
            return unit.fill_(1)
        case "sparse":
            return _sparse(unit, float(parameters[0]), generator)
    raise ValueError(f"unknown draw {name!r}; known are those of catalog/schemes.py")


def _unit_of(choice: Choice) -> Draw:
    return SCHEMES[choice.name].draw(choice.parameters)


def _sparse(unit: Tensor, sparsity: float, generator: Generator) -> Tensor:
    # torch.nn.init.sparse_ ignores its generator when it picks the zeros, so its steps stand here
    rows, columns = unit.shape
    zeros = int(np.ceil(sparsity * rows))
    unit.normal_(generator=generator)
    for column in range(columns):
        unit[torch.randperm(rows, generator=generator)[:zeros], column] = 0
    return unit


class Draws(Protocol):
    """The random numbers of one network; weights and biases of `dtype`."""

    dtype: torch.dtype
    keeps: bool  # whether a layer is to have memory of its own, and is drawn once

    def layer(self, index: int, memory: Tensor | None = None) -> Drawn:
        """Unit weights and biases of a layer; the same at every call.

        `memory` is for the weights, shape (fan_out, fan_in), which else have new memory.
        """

    def generator(self, role: str, layer: int = 0) -> Generator:
        """A generator in the state from which `input`, `target` or a layer's `mask` is drawn."""


class LayeredDraws:
    """A generator for every layer, seeded from (seed, layer), so that layers can be streamed."""

    keeps = False

    def __init__(self, run: Run) -> None:
        self.seed = run.seed
        self.shapes = [(fan_in, fan_out) for fan_in, fan_out, _ in run.linears]
        self.dtype = getattr(torch, run.draw_dtype)
        self.draws = [
            (_unit_of(layer.init), layer.bias and _unit_of(layer.bias)) for *_, layer in run.linears
        ]
        self._generator = Generator()

    def layer(self, index: int, memory: Tensor | None = None) -> Drawn:
        """Unit weights and biases of a layer, from the layer's own generators."""
        fan_in, fan_out = self.shapes[index]
        if memory is None:
            memory = torch.empty((fan_out, fan_in), dtype=self.dtype)
        draw, bias_draw = self.draws[index]
        weights = unit_draw(draw, memory, self._seeded(index, "weight"))
        if not bias_draw:
            return weights, None
        bias = torch.empty(fan_out, dtype=self.dtype)
        return weights, unit_draw(bias_draw, bias, self._seeded(index, "bias"))

    def generator(self, role: str, layer: int = 0) -> Generator:
        """A generator in a state of its own for input and target, and for each layer's masks."""
        return self._seeded(layer, role)

    def _seeded(self, layer: int, role: str) -> Generator:
        # torch's CPU generator reads 32 bits of its seed; SeedSequence hashes ours into them
        words = np.array((self.seed, layer, ROLES[role]), dtype=np.uint32)
        entropy = np.random.SeedSequence(words)
        # (one generator for all: making one takes as long as a hundred numbers)
        return self._generator.manual_seed(int(entropy.generate_state(1)[0]))


class ScriptDraws:
    """The order of draws of a plain PyTorch script after `torch.manual_seed(seed)`.

    First what the `nn.Linear` constructors of all layers draw (weight, then bias), then the
    initialisers layer by layer (weight, then bias), then the input, then the target. torch_default
    is what the constructors drew. The generator's state is noted before each draw, so that any
    layer can be drawn again.
    """

    keeps = False

    def __init__(self, run: Run) -> None:
        self.shapes = list(pairwise(run.shape))
        self.dtype = getattr(torch, run.draw_dtype)
        self.schemes = [(layer.init, layer.bias) for layer in run.layers]
        self._generator = Generator().manual_seed(run.seed)
        self._states: dict[tuple[int, int], Tensor] = {}
        self._ends: dict[str, Tensor] = {}
        for constructing in (True, False):
            for index in range(len(self.shapes)):
                self._pass(index, constructing)
        self._ends["input"] = self._generator.get_state()
        draw_input(run, self._generator)
        self._ends["target"] = self._generator.get_state()

    def layer(self, index: int, memory: Tensor | None = None) -> Drawn:
        """Unit weights and biases of a layer, drawn again from the noted states."""
        init, bias = self.schemes[index]
        weights = self._again(index, 0, init, memory)
        return weights, self._again(index, 1, bias) if bias else None

    def generator(self, role: str, layer: int = 0) -> Generator:
        """The script's one generator, as it stands before the input or the target is drawn."""
        self._generator.set_state(self._ends[role])
        return self._generator

    def _pass(self, index: int, constructing: bool) -> None:
        for part, scheme in enumerate(self.schemes[index]):
            if scheme is None:
                continue
            kept = SCHEMES[scheme.name].in_constructor
            if constructing == kept:
                self._states[index, part] = self._generator.get_state()
            if constructing:
                unit_draw(("uniform",), self._empty(index, part), self._generator)
            elif not kept:
                self._draw(index, part, scheme)

    def _again(self, index: int, part: int, scheme: Choice, memory: Tensor | None = None) -> Tensor:
        self._generator.set_state(self._states[index, part])
        return self._draw(index, part, scheme, memory)

    def _draw(self, index: int, part: int, scheme: Choice, memory: Tensor | None = None) -> Tensor:
        unit = self._empty(index, part) if memory is None else memory
        return unit_draw(_unit_of(scheme), unit, self._generator)

    def _empty(self, index: int, part: int) -> Tensor:
        fan_in, fan_out = self.shapes[index]
        return torch.empty((fan_out,) if part else (fan_out, fan_in), dtype=self.dtype)


class Kept:
    """Draws whose layers are kept in memory after the first time."""

    keeps = True

    def __init__(self, draws: Draws) -> None:
        self.draws = draws
        self.dtype = draws.dtype
        self.layers: dict[int, Drawn] = {}

    def layer(self, index: int, memory: Tensor | None = None) -> Drawn:
        """Unit weights and biases of a layer, drawn once; the memory is kept."""
        if index not in self.layers:
            self.layers[index] = self.draws.layer(index, memory)
        return self.layers[index]

    def generator(self, role: str, layer: int = 0) -> Generator:
        """As the draws that are kept have it."""
        return self.draws.generator(role, layer)


def draws_of(run: Run, *, keep: bool) -> Draws:
    """The random numbers that a run uses, kept in memory or drawn again at every call."""
    draws = LayeredDraws(run) if run.draws == "layered" else ScriptDraws(run)
    return Kept(draws) if keep else draws
