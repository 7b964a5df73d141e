"""What a run is, as plain data, and the name that follows from it: equal runs have equal names.

A journal keeps runs under these names, so that a sweep finds again what was computed already.
"""

import hashlib
import json
from collections.abc import Mapping
from itertools import groupby
from typing import Any

from initlab.catalog import FIELDS
from initlab.spec.run import LATER, Choice, Override, Run
from initlab.theory.finite_width import BandPoint
from initlab.theory.random_point import RandomPoint

#: Of the journal's tables and of the numbers in them. It grows whenever a run's numbers or the
#: meaning of a column change: journals of another version are not continued.
VERSION = 2
#: Of predictions: it grows whenever theory says something else of a run.
THEORY = 2


def describe(run: Run) -> dict[str, Any]:
    """A run as JSON can have it, every default filled in; `rebuilt` turns it back."""
    return {
        name: _plain(getattr(run, name))
        for name in Run.__dataclass_fields__
        if name not in LATER or getattr(run, name) != LATER[name]
    }


def _plain(value: Any) -> Any:
    """A choice as [name, parameters], an override as a mapping of what it says."""
    if isinstance(value, Choice):
        return [value.name, value.parameters]
    if isinstance(value, Override):
        said = {name: _plain(getattr(value, name)) for name in Override.__dataclass_fields__}
        return {name: item for name, item in said.items() if item is not None and item is not False}
    if isinstance(value, tuple) and value and isinstance(value[0], Override):
        return [_plain(item) for item in value]
    return value


def rebuilt(description: Mapping[str, Any]) -> Run:
    """The run that was described."""
    fields = {name: _rebuilt(name, value) for name, value in description.items()}
    if "overrides" in fields:
        parts = [{name: _rebuilt(name, value) for name, value in part.items()}
                 for part in description["overrides"]]  # fmt: skip
        fields["overrides"] = tuple(Override(**part) for part in parts)
    return Run(**fields)


def _rebuilt(name: str, value: Any) -> Any:
    if name not in FIELDS or value is None:
        return _frozen(value)
    return Choice(value[0], tuple((key, _frozen(item)) for key, item in value[1].items()))


def _frozen(value: Any) -> Any:
    """JSON has lists only; what a run holds are tuples."""
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


def name_of(run: Run) -> str:
    """A hash of the run's description, the content of its files, and the journal's version.

    The file's path counts, too: two files that hold the same are two runs of a spec.

    Raises:
        ValueError: its file was not read.
    """
    described = describe(run)
    if run.input.path is not None:
        described["contents"] = _content(run.input)
    if run.target is not None and run.target.path is not None:
        described["target_contents"] = _content(run.target)
    return _hash(described)


def point_name(run: Run) -> str:
    """The same for runs that differ in their seeds only, and so share a prediction.

    What an older theory said has another name, and is said anew where a folder is continued.
    """
    return _hash([THEORY, name_of(run.point)])


def band_name(point: BandPoint | RandomPoint, networks: int) -> str:
    """The same for a finite-width band, simulated with so many networks."""
    if isinstance(point, RandomPoint):
        described = describe(point.run)
        if point.run.input.path is not None:
            described["input"] = [point.run.input.name, _content(point.run.input)]
        if point.run.target is not None and point.run.target.path is not None:
            described["target"] = [point.run.target.name, _content(point.run.target)]
        return _hash(["random networks", described, point.gradient, point.networks(networks)])
    input_: Any = [point.input.name, point.input.parameters]
    if point.input.path is not None:
        input_ = [point.input.name, _content(point.input)]
    activation: list[Any] = [point.activation.name, point.activation.parameters]
    if point.differing:
        runs = groupby(point.differing)
        activation = [[len(list(alike)), of.name, of.parameters] for of, alike in runs]
    variances = [
        [len(list(alike)), v.fan_in, v.fan_out, v.weight_variance, v.bias_variance, v.orthogonal]
        for v, alike in groupby(point.variances)
    ]
    return _hash([activation, variances, input_, point.batch, point.double, networks])


def _content(read: Choice) -> str:
    if read.samples is None:
        raise ValueError(f"{read.path} was not read")
    return read.samples.digest


def _hash(description: Any) -> str:
    text = json.dumps([VERSION, description], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]
