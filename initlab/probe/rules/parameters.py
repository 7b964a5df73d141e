"""Rules about single parameters: numbers that are none, memory that nobody wrote, copies."""

import math
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from initlab.catalog.probe_rules import UNINITIALISED_SIZE, UNINITIALISED_SPREAD
from initlab.formatting import brief
from initlab.probe.recording.parameters import SAMPLE, Parameter
from initlab.probe.result import Finding
from initlab.probe.rules.view import View

FEWEST = 16  # values of a tensor whose spread or copies say anything


def nonfinite(view: View) -> Iterator[Finding]:
    """A parameter that holds nan or inf."""
    for p in view.parameters:
        if p.finite < 1:
            bad = round((1 - p.finite) * p.tensor.numel())
            message = f"{bad} of {p.tensor.numel()} values are nan or inf"
            yield _found("parameter-nonfinite", "error", p, message, {"values": bad})


def uninitialised(view: View) -> Iterator[Finding]:
    """Memory that nothing was written to: numbers of all magnitudes, or of an absurd one."""
    for p in view.parameters:
        if p.finite < 1 or p.tensor.numel() < FEWEST:
            continue
        flat = p.tensor.detach().flatten()
        sizes = flat[:: max(len(flat) // SAMPLE, 1)].abs().double()
        sizes = sizes[sizes != 0]
        if len(sizes) < FEWEST:
            continue
        median = float(sizes.median())
        spread = p.absmax / median if median > 0 else math.inf
        if spread > UNINITIALISED_SPREAD or p.absmax > UNINITIALISED_SIZE:
            message = f"|w| from {brief(float(sizes.min()))} to {brief(p.absmax)}"
            message += f", median {brief(median)}: memory that nothing was written to"
            evidence = {"absmax": p.absmax, "median": median}
            yield _found("parameter-uninitialised", "error", p, message, evidence)


def symmetric(view: View) -> Iterator[Finding]:
    """A matrix of a product whose rows are all equal."""
    for p in view.parameters:
        rows = p.tensor.detach()
        several = rows.dim() >= 2 and len(rows) > 1
        if not (several and p.product and p.trainable and p.finite == 1) or p.is_zero:
            continue
        units = rows.transpose(0, 1) if p.input_first else rows
        if len(units) > 1 and bool((units == units[:1]).all()):
            message = f"the weights of all {len(units)} units are equal: they stay copies"
            yield _found("no-symmetry-breaking", "error", p, message, {"units": len(units)})


def identical(view: View) -> Iterator[Finding]:
    """Tensors of two dimensions or more, in memory of their own, that hold the same numbers.

    A frozen copy, as of a teacher, is one on purpose.
    """
    groups: dict[tuple[object, ...], list[Parameter]] = defaultdict(list)
    for p in view.parameters:
        drawn = p.law not in ("zero", "constant") and p.finite == 1 and p.trainable and p.used
        if len(p.shape) >= 2 and p.tensor.numel() >= FEWEST and drawn:
            groups[_print_of(p.tensor)].append(p)
    for group in groups.values():
        first, *others = group
        own = first.tensor.untyped_storage().data_ptr()
        copies = [
            p
            for p in others
            if torch.equal(p.tensor, first.tensor) and p.tensor.untyped_storage().data_ptr() != own
        ]
        if copies:
            names = ", ".join(p.name for p in copies[:3]) + (", ..." if len(copies) > 3 else "")
            message = f"equals {names}: {len(copies) + 1} tensors hold the same numbers"
            evidence = {"tensors": len(copies) + 1, "copies": [p.name for p in copies]}
            evidence["names"] = [first.name, *(p.name for p in copies)]
            yield _found("identical-parameters", "warning", first, message, evidence)


def _print_of(x: Tensor) -> tuple[object, ...]:
    """Equal for equal tensors, and for hardly any others."""
    flat = x.detach().flatten()
    return tuple(x.shape), x.dtype, float(flat[0]), float(flat[-1]), float(flat.sum())


def _found(rule: str, level: str, p: Parameter, message: str, evidence: dict[str, Any]) -> Finding:
    return Finding(rule, level, p.name.rpartition(".")[0], message, evidence, p.name)


RULES = (nonfinite, uninitialised, symmetric, identical)
