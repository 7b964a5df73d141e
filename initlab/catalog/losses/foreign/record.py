"""What a loss of another library is, in data."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Foreign:
    """A name from elsewhere.

    Args:
        names: as they are written there, the first is the one that messages show.
        libraries: where; none for what papers call so.
        loss: the name of torch's record, or "" where torch has no such loss.
        line: what differs or, without a loss, what it is; may be "" of the same function.
        same: torch's gives the same value for the same numbers.
        fix: without a loss, a command that computes it or what is nearest in meaning.
        given: what their input holds, where it is not what torch's loss takes: "probs".
    """

    names: tuple[str, ...]
    libraries: tuple[str, ...]
    loss: str
    line: str
    same: bool = False
    fix: str = ""
    given: str = ""

    @property
    def whose(self) -> str:
        """The name with its libraries: "Keras's and optax's log_cosh"."""
        if not self.libraries:
            return self.names[0]
        *others, last = (f"{library}'s" for library in self.libraries)
        owners = f"{', '.join(others)} and {last}" if others else last
        return f"{owners} {self.names[0]}"

    @property
    def nearest(self) -> str:
        """Torch's loss, or the one that the command in its place computes; "" where it is none."""
        return self.loss or "".join(re.findall(r"(?<=loss -n )\w+", self.fix))

    @property
    def note(self) -> str:
        """What to tell whoever used the name, where torch's loss is computed."""
        if not self.same:
            return f"note: {self.loss} is computed for {self.whose}: {self.line}"
        return f"note: {self.whose} is {self.loss}" + (f"; {self.line}" if self.line else "")

    def refusal(self, typed: str) -> str:
        """Why the name, as it was typed, cannot stand for a loss of torch."""
        if not self.loss:
            return f"torch has no {typed}: {self.line}"
        return f"{self.whose} is not the same as {self.loss}: {self.line}"


def same(names: str, libraries: str, loss: str, line: str = "") -> Foreign:
    """The same function in torch; names and libraries are separated by blanks."""
    return Foreign(tuple(names.split()), tuple(libraries.split()), loss, line, same=True)


def differs(names: str, libraries: str, loss: str, line: str, given: str = "") -> Foreign:
    """Torch has it, but not for the same numbers; `line` says how to get from one to the other."""
    return Foreign(tuple(names.split()), tuple(libraries.split()), loss, line, given=given)


def none(names: str, libraries: str, line: str, fix: str) -> Foreign:
    """What torch has not; `fix` is a command of initlab, without that word."""
    names_ = tuple(names.split())
    return Foreign(names_, tuple(libraries.split()), "", line, fix=f"initlab {fix}")
