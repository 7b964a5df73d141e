"""What `initlab probe` refuses at once, and what ends it with 1."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from initlab.catalog import PROBE_RULES
from initlab.errors import InputError, UnknownName
from initlab.probe.result import LEVELS as RESULT_LEVELS

if TYPE_CHECKING:
    from initlab.probe.result import Finding, Probe

LEVELS = RESULT_LEVELS[:-1]  # that --fail-on takes, the worst first
LIST_RULES = "initlab list probe-rules"


def rule_ids() -> list[str]:
    """Every rule, as findings spell it."""
    return [rule.id for rule in PROBE_RULES.values()]


def rules_of(texts: Sequence[str] | None, option: str) -> tuple[str, ...]:
    """Rules of --select or --ignore, as findings spell them.

    Raises:
        UnknownName: no such rule.
        InputError: none is named.
    """
    words = [word for text in texts or () for word in _words(text)]
    if texts and not words:
        raise InputError(f"{option}: needs the name of a rule", LIST_RULES)
    return tuple(dict.fromkeys(PROBE_RULES[word].id for word in words))


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


@dataclass(frozen=True)
class Failing:
    """Which findings end the command with 1: those of a level or a worse one, or of some rules."""

    level: str = ""
    rules: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.level or self.rules)

    def of(self, probe: "Probe") -> "list[Finding]":
        """Those of a probe; what only some seeds have is none of them."""
        bad = probe.failing(self.level) if self.level else []
        named = [f for f in probe.failing(LEVELS[-1]) if f.rule in self.rules]
        return [f for f in probe.findings if f in bad or f in named]


def failing_of(text: str) -> Failing:
    """What --fail-on says: levels, of which the mildest counts, and rules.

    Raises:
        UnknownName: a word is neither.
    """
    words = _words(text)
    levels = [word for word in LEVELS if word in words]
    named = [word for word in words if word not in levels]
    for word in named:
        if word not in PROBE_RULES:
            raise UnknownName("rule or level", word, [*LEVELS, *rule_ids()], LIST_RULES)
    return Failing(levels[-1] if levels else "", rules_of(named, "--fail-on"))


def check_file(path: Path, option: str) -> None:
    """Refuse a file that cannot be written.

    Raises:
        InputError: it is a folder or a device, lies in no folder, or in one that is read-only.
    """
    if path.is_dir() or not path.name:
        raise InputError(f"{option} {path}: is a folder", f"{option} {path / 'probe.out'}")
    if str(path) == "-" or (path.exists() and not path.is_file()):
        raise InputError(f"{option} {path}: is no file", f"{option} probe.out")
    if not path.parent.is_dir():
        raise InputError(f"{option} {path}: there is no folder {path.parent}", "make it first")
    if not os.access(path.parent, os.W_OK):
        raise InputError(f"{option} {path}: nothing may be written to {path.parent}")
