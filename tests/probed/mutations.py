"""Healthy models with one parameter broken after they were built."""

import math
import random
from collections.abc import Callable, Collection, Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

Build = Callable[[], nn.Module]
Break = Callable[[Tensor, torch.Generator], None]

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
PRODUCTS = (nn.Linear, *CONVOLUTIONS, nn.ConvTranspose1d, nn.ConvTranspose2d)


class Mutant(NamedTuple):
    """A build whose parameter `name` breaks `rule`."""

    rule: str
    name: str
    build: Build


def mutants(
    build: Build, *, seed: int = 0, names: Collection[str] | None = None
) -> Iterator[Mutant]:
    """Break one parameter in each of six ways; which one is drawn from the seed.

    Args:
        build: makes the healthy model; it is built twice here, and once by each mutant.
        seed: of the choices, the positions and the garbage.
        names: the parameters that may be broken, such as those that get a gradient: a rule that
            asks for a product cannot see an unused layer. Default: all.

    A way for which the model has no candidate is left out.
    """
    choose = random.Random(seed)  # noqa: S311
    first, second = _parameters(build, seed), _parameters(build, seed + 1)
    if names is not None:
        first = {name: parameter for name, parameter in first.items() if name in names}
    large = [name for name, parameter in first.items() if parameter.numel() >= 16]
    drawn = [name for name in large if not torch.equal(first[name], second[name])]
    single: tuple[tuple[str, list[str], Break], ...] = (
        ("parameter-nonfinite", list(first), put_nan),
        ("parameter-nonfinite", list(first), fill_inf),
        ("parameter-uninitialised", large, fill_with_bits),
        ("parameter-uninitialised", drawn, enlarge),
        ("no-symmetry-breaking", _product_weights(build, seed, first), fill_constant),
    )
    for rule, candidates, damage in single:
        if candidates:
            name = choose.choice(candidates)
            yield Mutant(rule, name, _broken(build, name, damage, seed))
    pairs = [
        (one, other)
        for number, one in enumerate(drawn)
        for other in drawn[number + 1 :]
        if first[one].ndim >= 2 and first[one].shape == first[other].shape
    ]
    if pairs:
        source, target = choose.choice(pairs)
        yield Mutant("identical-parameters", target, _copied(build, source, target))


def put_nan(values: Tensor, generator: torch.Generator) -> None:
    """One entry becomes NaN."""
    flat = values.view(-1)
    flat[torch.randint(len(flat), (), generator=generator)] = torch.nan


def fill_inf(values: Tensor, _: torch.Generator) -> None:
    """Every entry becomes inf."""
    values.fill_(torch.inf)


def fill_with_bits(values: Tensor, generator: torch.Generator) -> None:
    """What memory may hold that nobody wrote to, but finite."""
    bits = torch.randint(-(2**31), 2**31, values.shape, generator=generator).to(torch.int32)
    values.copy_(torch.nan_to_num(bits.view(torch.float32), 0.0, 1e30, -1e30))


def enlarge(values: Tensor, _: torch.Generator) -> None:
    """Every entry is 1e12 times as large."""
    values.mul_(1e12)


def fill_constant(values: Tensor, _: torch.Generator) -> None:
    """Every entry is the same, of a usual size."""
    values.fill_(1 / math.sqrt(values[0].numel()))


def _parameters(build: Build, seed: int) -> dict[str, Tensor]:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = build()
    return {
        name: parameter.detach()
        for name, parameter in model.named_parameters()
        if parameter.is_floating_point() and parameter.numel() > 0
    }


def _product_weights(build: Build, seed: int, allowed: Collection[str]) -> list[str]:
    """Weights of linear and convolutional layers with two units or more."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = build()
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    weights = [
        module._parameters.get("weight")
        for module in model.modules()
        if isinstance(module, PRODUCTS)
    ]
    found = [
        names[id(weight)] for weight in weights if weight is not None and min(weight.shape[:2]) > 1
    ]
    return sorted(set(found) & set(allowed))


def _broken(build: Build, name: str, damage: Break, seed: int) -> Build:
    def build_broken() -> nn.Module:
        model = build()
        with torch.no_grad():
            damage(model.get_parameter(name).data, torch.Generator().manual_seed(seed))
        return model

    return build_broken


def _copied(build: Build, source: str, target: str) -> Build:
    def build_copied() -> nn.Module:
        model = build()
        with torch.no_grad():
            model.get_parameter(target).copy_(model.get_parameter(source))
        return model

    return build_copied
