"""The table of losses, which takes a name in any of the ways in which people write it."""

import re
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Literal, NamedTuple

from initlab.catalog.losses.record import Loss
from initlab.catalog.table import Table
from initlab.errors import ForeignName

if TYPE_CHECKING:
    from initlab.catalog.losses.foreign import Foreign

Origin = Literal["", "torch", "elsewhere"]

# compiled on first use: most names have no prefix
TORCH = r"(torch\.|nn\.|functional\.|f\.|modules\.|loss\.)+"
ELSEWHERE = r"(tf|tfa|tensorflow|keras|optax|sklearn|torchvision|losses|metrics)\.(\w+\.)*"
SEPARATORS = str.maketrans("", "", "-_ ")
#: what is shorter is only taken for the same letters in another order
SHORT = 4
LONG = 8  # letters from which two slips are still near


def split(name: str) -> tuple[Origin, str]:
    """Where a name says that it is from, and its letters: "nn.NLLLoss()" is torch's "nllloss"."""
    text = str(name).strip().lower().removesuffix("()")
    if found := "." in text and re.match(TORCH, text):
        return "torch", _letters(text[found.end() :])
    if found := "." in text and re.match(ELSEWHERE, text):
        return "elsewhere", _letters(text[found.end() :])
    return "", _letters(text)


def stem(letters: str) -> str:
    """Letters without "loss": "bcewithlogits"."""
    return letters.replace("loss", "")


def edits(a: str, b: str) -> int:
    """Slips of the pen from one to the other: a letter too many, missing, wrong, or two swapped.

    Source: Damerau 1964, as optimal string alignment.
    """
    before, row = [0] * (len(b) + 1), list(range(len(b) + 1))
    for i, x in enumerate(a):
        last, before, row = before, row, [i + 1]
        for j, y in enumerate(b):
            row.append(min(before[j] + (x != y), before[j + 1] + 1, row[j] + 1))
            if i and j and x == b[j - 1] and a[i - 1] == y:
                row[-1] = min(row[-1], last[j - 1] + 1)
    return row[-1]


class Meant(NamedTuple):
    """A loss, a line to tell whoever named it, and what its input holds by that name."""

    loss: Loss
    note: str = ""
    given: str = ""


class LossTable(Table[Loss]):
    """Losses by name: torch's prefixes, "loss", separators and case do not matter.

    Names of other libraries are looked up, too. Where nothing could be said to the user, only those
    that are the same function in torch are in the table; `meant` is for where something can.

    Raises:
        ForeignName: from a look-up, for another library's loss that torch lacks or has otherwise.
    """

    # what only a look-up needs is made on the first one: completion does without

    @cached_property
    def _foreign(self) -> "tuple[Foreign, ...]":
        from initlab.catalog.losses.foreign import FOREIGN

        return FOREIGN

    @cached_property
    def _elsewhere(self) -> "dict[str, Foreign]":
        """By the letters of every foreign name."""
        found: dict[str, Foreign] = {}
        for record in self._foreign:
            for name in record.names:
                if found.setdefault(_letters(name.lower()), record) is not record:
                    raise ValueError(f"{self.plural}: {name!r} is claimed twice")
        return found

    @cached_property
    def _stems(self) -> "dict[str, Foreign]":
        return {stem(letters): record for letters, record in self._elsewhere.items()}

    @cached_property
    def _listed(self) -> frozenset[str]:
        """Letters of every name of a record, "loss" and all."""
        names = (name for record in self._records.values() for name in self.names_of(record))
        return frozenset(_letters(name.lower()) for name in names)

    @cached_property
    def _own(self) -> frozenset[str]:
        """Keys of the names that torch itself has."""
        return frozenset(
            self.key_of(name)
            for r in self._records.values()
            for name in (r.name, r.class_name, r.function_name)
        )

    def key_of(self, name: object) -> str:
        """The letters that tell one loss from another; none of a name from elsewhere."""
        origin, letters = split(str(name))
        return "" if origin == "elsewhere" else stem(letters)

    def names_of(self, record: Loss) -> Iterator[str]:
        """Its name and aliases, and torch's class and function."""
        yield from (*super().names_of(record), record.class_name, record.function_name)

    def foreign(self, name: str) -> "Foreign | None":
        """What a name means elsewhere; None of torch's own names and of unknown ones."""
        origin, letters = split(name)
        short = stem(letters)
        if origin != "elsewhere" and short in self._own:
            return None
        found = self._elsewhere.get(letters)
        if found is None and (origin == "elsewhere" or short not in self._canonical):
            found = self._stems.get(short)
        return found if origin != "torch" or (found and "torch" in found.libraries) else None

    def meant(self, name: str) -> Meant:
        """The loss of torch that a name stands for, and what to tell its user.

        Raises:
            ForeignName: another library's, and torch has none.
            UnknownName: no such loss.
        """
        found = self.foreign(name)
        if found is None or self._is_ours(name):
            return Meant(self[name])
        if not found.loss:
            raise ForeignName(found.refusal(name), found.fix)
        return Meant(self._records[found.loss], found.note, found.given)

    def canonical(self, name: str) -> str:
        """The record's own name for a name that stands for nothing else."""
        if isinstance(name, str) and name in self._records:  # as all who iterate have it
            return name
        found = self.foreign(name)
        if found is None or self._is_ours(name):
            return super().canonical(name)
        if not found.same:
            command = found.fix or f"initlab describe {found.loss}"
            raise ForeignName(found.refusal(name), command)
        return found.loss

    def __contains__(self, name: object) -> bool:
        found = self.foreign(str(name))
        if found is None or self._is_ours(str(name)):
            return super().__contains__(name)
        return found.same

    def closest(self, name: str) -> list[str]:
        """Names a slip or two away; none where those are losses for different tasks."""
        letters = split(name)[1]
        typed = {letters, stem(letters)}
        most = 2 if len(stem(letters)) >= LONG else 1
        near = []
        for spelling, shown, tasks in self._candidates():
            same_size = [t for t in typed if abs(len(t) - len(spelling)) <= most]
            far = min((edits(t, spelling) for t in same_size), default=most + 1)
            if far <= most:
                near.append((far, spelling, shown, tasks))
        if not near or not frozenset.intersection(*(tasks for *_, tasks in near)):
            return []
        if len(stem(letters)) < SHORT:
            sets = [sorted(t) for t in typed]
            near = [found for found in near if sorted(found[1]) in sets]
        best = sorted(near, key=lambda found: (found[0], found[2] not in self._records, found[2]))
        return list(dict.fromkeys(shown for _, _, shown, _ in best))[:2]

    def _candidates(self) -> Iterator[tuple[str, str, frozenset[str]]]:
        """Letters of a name, the name to show, and what the loss is for."""
        for key, name in self._canonical.items():
            tasks = frozenset(self._records[name].task)
            yield from ((key, name, tasks), (key + "loss", name, tasks))
        for record in self._foreign:
            own = self._records[record.nearest].task if record.nearest else record.names[:1]
            tasks = frozenset(own)
            for name in record.names:
                letters = _letters(name.lower())
                yield from ((key, name, tasks) for key in {letters, stem(letters)})

    def _is_ours(self, name: str) -> bool:
        """Whether a record lists this name among its own, "loss" and all."""
        origin, letters = split(name)
        return origin != "elsewhere" and letters in self._listed


def _letters(text: str) -> str:
    return text.translate(SEPARATORS)
