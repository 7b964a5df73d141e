"""One run again, from what its journal says of it, compared bit for bit."""

from dataclasses import dataclass, replace

import numpy as np

from initlab.catalog.columns import MORE
from initlab.errors import InputError
from initlab.network.measurement import BACKWARD, FORWARD, Measurement, recorded
from initlab.spec.run import Choice, Run
from initlab.spec.samples import read_samples
from initlab.spec.shares import Share
from initlab.store.journal import Journal
from initlab.store.provenance import differences, environment
from initlab.theory.quadrature import Array


@dataclass(frozen=True)
class Comparison:
    """A run measured again beside what was kept of it.

    So many numbers were compared, and so many differ in any bit, by up to `largest` of their size;
    `first` says where. `changed` says which versions or what of the machine is another now.
    """

    was: str
    compared: int
    differing: int
    largest: float
    first: str
    changed: tuple[str, ...]


class RunFails(Exception):
    """The run fails again; the cause says how."""


def rerun(journal: Journal, number: int) -> Comparison:
    """Measure a run again, and compare every number.

    Raises:
        InputError: there is no such run, or its input file is another now.
        RunFails: whatever it failed with is the cause.
    """
    import torch

    from initlab.network.propagate import measure

    plan = journal.plan()
    if number not in plan.numbers:
        raise InputError(
            f"{journal.path}: has no run {number}, only {plan.numbers[0]} to {plan.numbers[-1]}"
        )
    run = plan.runs[plan.numbers.index(number)]
    (kept,) = journal.outcomes(number)
    if run.input.path is not None:
        run = replace(run, input=_fed(run.input, journal, number))
    if run.target is not None and run.target.path is not None:
        run = replace(run, target=_fed(run.target, journal, number, column=True))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        (again,) = measure(Share(((0, run),))).values()
    except Exception as error:  # whatever torch raises
        raise RunFails from error
    finally:
        torch.set_num_threads(threads)
    then = journal.environment_of(number)
    changed = tuple(differences(then, environment())) if then else ()
    if kept.measurement is None:
        return Comparison(kept.status, 0, 0, 0.0, "", changed)
    return _compared(run, kept.measurement, again, changed)


def _fed(read: Choice, journal: Journal, number: int, *, column: bool = False) -> Choice:
    """An input or a target with the rows of its file, if that holds what it held."""
    path = str(read.path)
    changed = InputError(f"{path}: has changed since run {number} was measured")
    try:
        samples = read_samples(path, column=column)
    except ValueError:
        raise changed from None
    if samples.digest != journal.inputs().get(path):
        raise changed
    return replace(read, samples=samples)


def _compared(
    run: Run, kept: Measurement, again: Measurement, changed: tuple[str, ...]
) -> Comparison:
    parts: list[tuple[list[str], Array | None, Array | None]] = [
        (FORWARD, kept.forward, again.forward)
    ]
    if kept.backward is not None or again.backward is not None:
        biased = any(layer.bias is not None for layer in run.layers)
        names = BACKWARD if biased else BACKWARD[:-1]
        parts.append((names, kept.backward, again.backward))
    more = recorded(run.extras, kept) or recorded(run.extras, again)
    for m in (kept, again):
        m.more = None if m.more is None else m.more[:, [n in more for n in MORE]]
    if more:
        parts.append((more, kept.more, again.more))
    compared, differing, largest, first = 0, 0, 0.0, ""
    for names, old, new in parts:
        a, b = (np.empty((0, 0)) if x is None else x[:, : len(names)] for x in (old, new))
        if a.shape != b.shape:
            return Comparison("ok", compared, max(a.size, b.size), np.inf, "layers", changed)
        same = (a == b) & (np.signbit(a) == np.signbit(b)) | (np.isnan(a) & np.isnan(b))
        compared += a.size
        if not same.all():
            layer, column = np.argwhere(~same)[0]
            first = first or f"{names[column]} of layer {layer}"
            differing += int((~same).sum())
            with np.errstate(all="ignore"):
                relative = np.abs(a - b)[~same] / np.abs(a)[~same]
            largest = max(largest, float(np.nanmax(np.where(np.isnan(relative), np.inf, relative))))
    loss = (kept.loss_value, again.loss_value)
    compared += 1
    if repr(loss[0]) != repr(loss[1]):
        differing, first, largest = differing + 1, first or "loss_value", max(largest, np.inf)
    return Comparison("ok", compared, differing, largest, first, changed)
