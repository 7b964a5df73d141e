"""A read-only table of named records: the mechanism behind everything a spec can name."""

import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Generic, Literal, TypeVar

from initlab.errors import UnknownName, nearest

#: what the value of a parameter may be: "gain" is a number, an activation's name or `auto`; a
#: "tensor" may always be left out; "shares" are "uniform" or numbers, one for each class; a "scale"
#: is a number or one of the choices
Kind = Literal["number", "integer", "flag", "gain", "choice", "text", "tensor", "shares", "scale"]


@dataclass(frozen=True)
class Parameter:
    """One option of a record, with the range that its value may have.

    `default=None` makes it required, unless it is a tensor or came later. Bounds are inclusive,
    `above` and `below` exclusive. `also` are other names of some choices.

    A parameter that came `later` than its record must leave older results what they are: at its
    default it is no part of a run, and so neither a column nor in the run's name. Functions of a
    record get it only where it has another value; without a default it is just left out.
    """

    name: str
    about: str
    default: float | str | bool | None = None
    kind: Kind = "number"
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    above: float | None = None
    below: float | None = None
    also: Mapping[str, str] = field(default_factory=dict, hash=False)
    later: bool = False

    @property
    def required(self) -> bool:
        """Whether a spec must give it."""
        return self.default is None and self.kind != "tensor" and not self.later

    def __str__(self) -> str:
        return self.name if self.default is None else f"{self.name}={self.default}"


@dataclass(frozen=True, kw_only=True, eq=False)
class Record:
    """What every record has: names, a one-line description, its formula and where it comes from."""

    name: str
    about: str
    formula: str
    source: str
    aliases: tuple[str, ...] = ()
    parameters: tuple[Parameter, ...] = ()

    @property
    def defaults(self) -> dict[str, Any]:
        """Values of the parameters that have one, but of those that came later."""
        return {p.name: p.default for p in self.parameters if p.default is not None and not p.later}

    @property
    def later(self) -> dict[str, Any]:
        """Values of the parameters that came later, where nobody sets them."""
        return {p.name: p.default for p in self.parameters if p.later}

    @property
    def every_default(self) -> dict[str, Any]:
        """What each parameter is where nobody sets it; None where it is then left out."""
        return {**self.defaults, **self.later}

    def settled(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Parameters without those that came later and are at their default."""
        later = self.later
        return {k: v for k, v in parameters.items() if k not in later or v != later[k]}


R = TypeVar("R", bound=Record, covariant=True)


class Table(Mapping[str, R], Generic[R]):
    """Records by name. Looking up an alias works, and case and hyphens do not matter.

    Args:
        singular: what one record is called.
        plural: what they are called, as `initlab list` takes it.
        records: all of them.
        key: of a record's name, where a spec gives it with parameters: {scheme: normal, std: 1}.

    Raises:
        UnknownName: from a look-up, naming the nearest records.
        ValueError: at construction, if two records claim one name.
    """

    def __init__(self, singular: str, plural: str, *records: R, key: str = "name") -> None:
        self.singular, self.plural, self.key = singular, plural, key
        self._records = MappingProxyType({record.name: record for record in records})
        spelled = [name for record in records for name in (record.name, *record.aliases)]
        keys: dict[str, str] = {}
        for record in records:
            for name in self.names_of(record):
                key = self.key_of(name)
                if spelled.count(name) > 1 or keys.setdefault(key, record.name) != record.name:
                    raise ValueError(f"{plural}: {name!r} is claimed twice")
        self._canonical = MappingProxyType(keys)

    def key_of(self, name: object) -> str:
        """The letters by which names are compared."""
        return str(name).lower().replace("-", "_")

    def names_of(self, record: R) -> Iterator[str]:  # type: ignore[misc]  # the table is read-only
        """Every name that a record may be looked up by."""
        yield from (record.name, *record.aliases)

    def closest(self, name: str) -> list[str]:
        """Names to suggest for an unknown one, at most two, best first."""
        return nearest(name, sorted(self._canonical))

    def canonical(self, name: str) -> str:
        """The record's own name for a name or alias."""
        key = self.key_of(name)
        if key not in self._canonical:
            close = self.closest(name)
            raise UnknownName(self.singular, name, fix=f"initlab list {self.plural}", close=close)
        return self._canonical[key]

    def __getitem__(self, name: str) -> R:
        return self._records[self.canonical(name)]

    def __contains__(self, name: object) -> bool:
        return self.key_of(name) in self._canonical

    def __iter__(self) -> Iterator[str]:
        return iter(self._records)

    def __len__(self) -> int:
        return len(self._records)

    __hash__ = object.__hash__  # read-only, so identity will do


def load(target: str) -> Any:
    """What "module:attribute" names; the module is imported on first use."""
    module, _, attribute = target.partition(":")
    return getattr(importlib.import_module(module), attribute)
