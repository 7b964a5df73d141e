"""Everything initlab raises on purpose: exit code, who is at fault, and what has happened.

    InitlabError                3  initlab      never raised as such
    |-- InputError              2  the user     what was typed, or a file, cannot be used
    |   |-- UnknownName         2  the user     a name that no table holds; carries the nearest
    |   |   `-- ForeignName     2  the user     what another library calls so is none of torch's
    |   |-- SpecError           2  the user     one or more problems in a spec, all listed
    |   |-- LossError           2  the user     operands that a loss must refuse, all listed
    |   |-- UserCodeError       2  the user     their own code raised, or makes no model
    |   `-- FolderError         2  the user     a results folder cannot be read or replaced
    |       `-- FolderInUse     4  nobody       another sweep is writing there
    |-- ChecksFailed            1  nobody       finished, but runs, checks or lines failed
    |-- WorkersLost             1  the machine  a cluster has gone before the sweep was done
    |-- DiskError              74  the machine  the disk refused a write
    `-- Interrupted           130  nobody       Ctrl-C (SIGTERM: 143, SIGHUP: 129)

A file that the system refuses (OSError), and more memory than there is (MemoryError), end a command
with 2, a disk that is full or broken with 74; so does a stdout that cannot be written, but a pipe
that closed with 141. What is said on stderr never decides. Any other exception is a bug in initlab
(3). `cli/app.py` is the one place that turns an exception into a message and an exit code. This
module imports no other of ours.
"""

import difflib
import errno
from collections.abc import Iterable
from dataclasses import dataclass

#: of an OSError whose cause is the disk: it is full, a quota is, or it is broken
DISK_ERRNOS = (errno.ENOSPC, errno.EDQUOT, errno.EIO)


class InitlabError(Exception):
    """Root of the tree. `message` says what is wrong and where, `fix` one thing to do about it.

    `fault` says whose it is: the user's, the machine's, nobody's, or initlab's.
    """

    exit_code = 3
    fault = "initlab"
    prefix = "initlab: "

    def __init__(self, message: str, fix: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix

    def __str__(self) -> str:
        return self.message if self.fix is None else f"{self.message}\n  fix: {self.fix}"


class InputError(InitlabError):
    """What the user typed cannot be used."""

    exit_code = 2
    fault = "the user"


class UnknownName(InputError):
    """A name that no table holds.

    Args:
        kind: what the name should have been, in the singular ("scheme").
        name: what was typed.
        known: the names that would have worked.
        fix: a command that lists them.
        close: names to suggest, where nearness in spelling alone would mislead.
    """

    def __init__(
        self,
        kind: str,
        name: str,
        known: Iterable[str] = (),
        fix: str | None = None,
        close: list[str] | None = None,
    ) -> None:
        self.nearest = nearest(name, known) if close is None else close
        hint = f"; did you mean {' or '.join(self.nearest)}?" if self.nearest else ""
        super().__init__(f"unknown {kind} {name!r}{hint}", fix)


class ForeignName(UnknownName):
    """A name that stands for another function than torch's; says which, and what to use."""

    def __init__(self, message: str, fix: str) -> None:
        self.nearest = []
        InputError.__init__(self, message, fix)


@dataclass(frozen=True, order=True)
class Problem:
    """One thing wrong in a spec: `where` is file:line:column or an option, `path` the field."""

    where: str
    path: str
    message: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.where, self.path, self.message) if part)


class SpecError(InputError):
    """One or more problems in a spec, all found in one pass."""

    def __init__(self, problems: Iterable[Problem], fix: str | None = None) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems), fix)


@dataclass(frozen=True)
class Finding:
    """What a check of a loss's operands found.

    Args:
        rule: a stable name ("target-sign"); `initlab describe target-sign` says what it means.
        level: "error" (refused), "warning" (computed all the same) or "info".
        operand: where, as the user wrote it ("--target").
        message: what is, and what this loss needs.
        fix: one change of the command line that mends it.
        torch: what torch does with such input.
    """

    rule: str
    level: str
    operand: str
    message: str
    fix: str = ""
    torch: str = ""

    def __str__(self) -> str:
        parts = [_sentence(f"{self.level}[{self.rule}] {self.operand}: {self.message}")]
        parts += [_sentence(f"torch: {self.torch}")] if self.torch else []
        parts += [f"fix: {self.fix}"] if self.fix else []
        return " ".join(parts)


def _sentence(text: str) -> str:
    return text if text.endswith((".", "?")) else text + "."


class LossError(InputError):
    """Operands or options that a loss must refuse. `findings` has warnings, too."""

    prefix = ""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__("\n".join(map(str, self.findings)))


class UserCodeError(InputError):
    """The user's own code raised, or does not give what is needed.

    Args:
        message: what happened, in one line.
        fix: one thing to do about it.
        frames: where, as "file:line in function: source line", the innermost last.
        module: path of the module of torch that was running ("blocks.3.attn").
    """

    def __init__(
        self, message: str, fix: str | None = None, *, frames: Iterable[str] = (), module: str = ""
    ) -> None:
        self.frames = tuple(frames)
        self.module = module
        first = f"{message} (in {module})" if module else message
        super().__init__("\n".join([first, *(f"  {frame}" for frame in self.frames)]), fix)


class FolderError(InputError):
    """A results folder that cannot be read, written or replaced."""


class FolderInUse(FolderError):
    """Another sweep is writing this results folder."""

    exit_code = 4
    fault = "nobody"


class ChecksFailed(InitlabError):
    """The command finished, but some runs, a `--fail-on` check or lines of a stream failed."""

    exit_code = 1
    fault = "nobody"


class WorkersLost(InitlabError):
    """The scheduler or all workers of a cluster have gone. What was done is kept."""

    exit_code = 1
    fault = "the machine"


class DiskError(InitlabError):
    """The disk refused a write: full, read-only or broken."""

    exit_code = 74
    fault = "the machine"


class Interrupted(InitlabError):
    """Ctrl-C or SIGTERM. What was finished before it is kept."""

    exit_code = 130
    fault = "nobody"

    def __init__(self, message: str, fix: str | None = None, *, exit_code: int = 130) -> None:
        super().__init__(message, fix)
        self.exit_code = exit_code


class Terminated(KeyboardInterrupt):
    """SIGTERM, where nothing is to be finished."""

    exit_code = 143


def nearest(name: str, known: Iterable[str], most: int = 2) -> list[str]:
    """The known names closest in spelling to `name`, best first; empty when none is close."""
    return difflib.get_close_matches(str(name).lower(), list(known), n=most, cutoff=0.6)


def in_short(error: BaseException) -> str:
    """An exception in one line."""
    return f"{type(error).__name__}: {error}".splitlines()[0]
