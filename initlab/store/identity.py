"""What a run is, as plain data, and the name that follows from it: equal runs have equal names.

A journal keeps runs under these names, so that a sweep finds again what was computed already.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import astuple
from itertools import groupby
from typing import Any

from initlab.catalog import FIELDS
from initlab.spec.run import Choice, Run
from initlab.theory.finite_width import BandPoint

#: Of the journal's tables and of the numbers in them. It grows whenever a run's numbers or the
#: meaning of a column change: journals of another version are not continued.
VERSION = 2


def describe(run: Run) -> dict[str, Any]:
    """A run as JSON can have it, every default filled in; `rebuilt` turns it back."""
    described = {name: getattr(run, name) for name in Run.__dataclass_fields__}
    for field in FIELDS:
        choice = described[field]
        described[field] = choice and [choice.name, choice.parameters]
    return described


def rebuilt(description: Mapping[str, Any]) -> Run:
    """The run that was described."""
    fields = {name: _frozen(value) for name, value in description.items() if name not in FIELDS}
    for field in FIELDS:
        choice = description[field]
        fields[field] = choice and Choice(
            choice[0], tuple((name, _frozen(value)) for name, value in choice[1].items())
        )
    return Run(**fields)


def _frozen(value: Any) -> Any:
    """JSON has lists only; what a run holds are tuples."""
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


def name_of(run: Run) -> str:
    """A hash of the run's description, the content of its input file, and the journal's version.

    The file's path counts, too: two files that hold the same are two runs of a spec.

    Raises:
        ValueError: its file was not read.
    """
    described = describe(run)
    if run.input.path is not None:
        described["contents"] = _content(run.input)
    return _hash(described)


def point_name(run: Run) -> str:
    """The same for runs that differ in their seeds only, and so share a prediction."""
    return name_of(run.point)


def band_name(point: BandPoint, networks: int) -> str:
    """The same for a finite-width band, simulated with so many networks."""
    input_: Any = [point.input.name, point.input.parameters]
    if point.input.path is not None:
        input_ = [point.input.name, _content(point.input)]
    activation = [point.activation.name, point.activation.parameters]
    variances = [[len(list(alike)), *astuple(layer)] for layer, alike in groupby(point.variances)]
    return _hash([activation, variances, input_, point.batch, point.double, networks])


def _content(input_: Choice) -> str:
    if input_.samples is None:
        raise ValueError(f"{input_.path} was not read")
    return input_.samples.digest


def _hash(description: Any) -> str:
    text = json.dumps([VERSION, description], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]
