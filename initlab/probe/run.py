"""Probes a model: builds it from several seeds, measures each, and asks the rules."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from initlab.catalog import LOSSES, PROBE_RULES
from initlab.errors import InputError
from initlab.probe.batch.inputs import Inputs, parse
from initlab.probe.model.build import built, kwargs_of, make
from initlab.probe.model.checkpoint import load_checkpoint
from initlab.probe.model.target import Target, beside, load_target
from initlab.probe.passes import run_probe
from initlab.probe.recording.losses import OWN, Loss
from initlab.probe.recording.measure import Setup, untouched
from initlab.probe.result import Probe


def probe(
    build: Callable[[], nn.Module] | nn.Module,
    batch: Any,
    *,
    loss: str | None = None,
    target: Any = None,
    output: str = "",
    seeds: int | Sequence[int] = 3,
    train: bool = True,
    dtype: torch.dtype | str | None = None,
    autocast: torch.dtype | str | None = None,
    select: Collection[str] = (),
    ignore: Collection[str] = (),
    fix: bool = False,
    name: str = "",
) -> Probe:
    """Measure a model at initialisation, and say where its signal dies.

    Nothing is left behind: a module that is given is copied; generators, modes and hooks are as
    before, whatever is raised.

    Args:
        build: makes the model, drawing from torch's global generator; or a module, whose weights
            then stay the same and only what is random in its forward pass differs by seed.
        batch: a tensor, a tuple of positional arguments, a dict of keyword arguments, or a function
            that returns one of these, called for each seed.
        loss: "model" for the model's own, or one of the loss lab's, of the chosen output.
        target: a tensor for that loss; drawn by default.
        output: name of the output that is followed back: "logits", "0"; by default the first that
            has a gradient and is more than a number.
        seeds: how many, or which.
        train: mode of the model.
        dtype: of the model and of floating point inputs.
        autocast: dtype of torch.autocast on the CPU.
        select: ids of rules; by default all.
        ignore: rules that are left out.
        fix: also try what mends the findings, and say what does.
        name: of the model, for messages.

    Raises:
        InputError: an argument cannot be used.
        UserCodeError: the model's own code raised.
    """
    given = Inputs.of(batch)
    chosen_loss = None if loss in (None, "none") else Loss(str(loss), target)
    setup = Setup(
        _maker(build), given.draw, chosen_loss, output, train, _dtype(dtype), _dtype(autocast)
    )
    which = range(seeds) if isinstance(seeds, int) else seeds
    return run_probe(
        setup,
        tuple(which),
        rules=wanted_rules(select, ignore),
        varies=not isinstance(build, nn.Module),
        fix=fix,
        name=name or _name_of(build),
    )


def _maker(build: Callable[[], nn.Module] | nn.Module) -> Callable[[], nn.Module]:
    """A function that makes the model: of a module, a copy that shares nothing."""
    return lambda: built(build)


def _name_of(build: Any) -> str:
    return getattr(build, "__qualname__", "") or type(build).__name__


def wanted_rules(select: Iterable[str], ignore: Iterable[str]) -> frozenset[str]:
    """Ids of rules, with hyphens. Raises UnknownName for one that there is not."""
    every = {rule.id for rule in PROBE_RULES.values()}
    chosen = {PROBE_RULES[name].id for name in select} or every
    return frozenset(chosen - {PROBE_RULES[name].id for name in ignore})


def probe_target(
    target: str,
    *,
    inputs: Sequence[str] = (),
    batch: str = "",
    kwargs: str = "",
    loss: str = "none",
    loss_target: str = "",
    output: str = "",
    checkpoint: str = "",
    seeds: int = 3,
    mode: str = "train",
    dtype: str = "",
    autocast: str = "",
    select: Collection[str] = (),
    ignore: Collection[str] = (),
    fix: bool = False,
    tick: Callable[[str], None] = lambda _: None,
) -> Probe:
    """The same of what a command line names; see `initlab probe --help` for the arguments.

    Raises:
        InputError: something named does not exist or cannot be used.
        UserCodeError: the user's code raised.
    """
    rules = wanted_rules(select, ignore)
    with untouched():
        tick(f"importing {target}")
        found = load_target(target)
        given = _inputs(found, inputs, batch)
        notes: dict[str, None] = {}

        def made() -> nn.Module:
            model = make(found, kwargs_of(kwargs))
            if checkpoint:
                notes.update(dict.fromkeys(load_checkpoint(model, checkpoint)))
            return model

        setup = Setup(
            made,
            given.draw,
            _loss(loss, loss_target),
            output,
            mode == "train",
            _dtype(dtype),
            _dtype(autocast),
        )
        probed = run_probe(
            setup,
            tuple(range(seeds)),
            rules=rules,
            varies=not checkpoint and not isinstance(found.value, nn.Module),
            fix=fix,
            name=target,
            tick=tick,
        )
    return replace(probed, notes=(*notes, *probed.notes))


def _inputs(found: Target, inputs: Sequence[str], batch: str) -> Inputs:
    """The batch of --input or --batch, of which there must be one."""
    if inputs and batch:
        raise InputError("--input and --batch: a batch is described by one of them", "--batch NAME")
    if batch:
        return Inputs.of(beside(found, batch))
    if not inputs:
        raise InputError(
            "nothing says what goes in: --input SHAPE, or --batch NAME of a function beside it",
            "--input 16x3x32x32",
        )
    return parse(inputs)


def _loss(name: str, target: str) -> Loss | None:
    if name == "none":
        if target:
            raise InputError("--target is of a loss, and there is none", "--loss cross_entropy")
        return None
    drawn = None
    if target:
        args, kwargs = parse([target]).draw(0)
        drawn = next(iter((*args, *kwargs.values())))
    return Loss(name if name == OWN else LOSSES.canonical(name), drawn)


def _dtype(name: str | torch.dtype | None) -> torch.dtype | None:
    """A dtype by its name. Raises InputError for what is none."""
    if name is None or isinstance(name, torch.dtype):
        return name
    found = getattr(torch, name, None) if name else None
    if name and not isinstance(found, torch.dtype):
        raise InputError(f"{name!r} is no dtype of torch", "float32, float64, bfloat16 or float16")
    return found
