"""What runs are fed from files: samples and targets, each file read once, and looked at."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from initlab.catalog import LOSSES, TARGETS
from initlab.catalog.targets import TargetUse
from initlab.errors import InputError
from initlab.spec.run import Choice, Run

if TYPE_CHECKING:
    from initlab.spec.samples import Samples

Place = tuple[str, ...]
Read = Callable[..., "Samples | str"]


def located(choice: Choice, folder: Path) -> Choice:
    """A choice whose relative path, if it has one, starts in this folder."""
    if choice.path is None:
        return choice
    path = str((folder / choice.path).resolve())
    return replace(choice, items=tuple({**choice.parameters, "path": path}.items()))


def parted(input_: Choice) -> tuple[Choice, Choice | None]:
    """An input without the file of targets that it names, and that as a target; None of none."""
    parameters = input_.parameters
    own = parameters.pop("target", "")
    target = Choice("file", (("path", own),)) if own else None
    return replace(input_, items=tuple(parameters.items())), target


class Feeding:
    """Reads files for the runs of a plan, each file and each batch of it once."""

    def __init__(self) -> None:
        read = cache(_read)
        self._input = cache(partial(_input, read))
        self._target = cache(partial(_target, read))
        self._problem = cache(_problem)

    def fed(self, run: Run, place: Place) -> tuple[Run, list[tuple[Place, str]]]:
        """A run with the rows of its files, and what is wrong with those or with its target.

        Args:
            run: its paths are absolute.
            place: where the spec says its target.
        """
        input_, problem = self._input(run.input, run.shape[0], run.batch)
        problems: list[tuple[Place, str]] = [(("input", "path"), problem)] if problem else []
        if input_ is not run.input:
            run = replace(run, input=input_)
        if run.target is None:
            return run, problems
        # targets that stand beside samples belong to them, row by row
        samples = run.input.path if place[0] == "input" and not problem else None
        target, problem = self._target(run.target, samples, run.batch)
        if target is not run.target:
            run = replace(run, target=target)
        batch, outputs = LOSSES[run.loss.name].least
        if not problem and run.batch >= batch and run.shape[-1] >= outputs:  # else the loss says so
            sizes = run.batch, run.shape[-1]
            problem = self._problem(target, run.loss, run.reduction, *sizes, run.dtype) or ""
        return run, [*problems, (place, problem)] if problem else problems


def _read(path: str, *, column: bool = False) -> "Samples | str":
    """What a file holds, or what is wrong with it."""
    from initlab.spec.samples import read_samples

    try:
        path.encode()
    except UnicodeEncodeError:
        return f"{path}: is no UTF-8 text, which results can hold; rename the folder or the file"
    try:
        return read_samples(path, column=column)
    except OSError as error:
        return f"{path}: {error.strerror}"
    except InputError as error:
        return error.message
    except ValueError as error:
        return f"{path} {error}"


def _input(read: Read, input_: Choice, width: int, batch: int) -> tuple[Choice, str]:
    """An input with the samples of its file, if it names one, and what is wrong with those."""
    if input_.path is None:
        return input_, ""
    found = read(input_.path)
    if isinstance(found, str):
        return input_, found
    samples, features = found.rows.shape
    if features != width:
        needed = f"the network takes {width} inputs (see shape:)"
        return input_, f"{found.path} has {features} columns, {needed}"
    if samples < batch:
        return input_, f"{found.path} has {samples} rows, batch: {batch} needs as many"
    return replace(input_, samples=found.first(batch)), ""


def _target(read: Read, target: Choice, samples: str | None, batch: int) -> tuple[Choice, str]:
    """A target with the rows of its file, if it names one, and what is wrong with those."""
    if target.path is None:
        return target, ""
    found = read(target.path, column=True)
    if isinstance(found, str):
        return target, found
    rows = len(found.rows)
    fed = None if samples is None else read(samples)
    if fed is not None and not isinstance(fed, str) and len(fed.rows) != rows:
        needed = f"{fed.path} has {len(fed.rows)}: a row of each belongs to one of the other"
        return target, f"{found.path} has {rows} rows, {needed}"
    if rows < batch:
        return target, f"{found.path} has {rows} rows, batch: {batch} needs as many"
    return replace(target, samples=found.first(batch)), ""


def _problem(
    target: Choice, loss: Choice, reduction: str, batch: int, outputs: int, dtype: str
) -> str | None:
    """What is wrong with a target for a loss."""
    use = TargetUse(LOSSES[loss.name], loss.parameters, reduction, batch, outputs, dtype)
    return TARGETS[target.name].problem(target.arguments, use)
