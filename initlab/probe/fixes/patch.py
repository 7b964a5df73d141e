"""A patch: lines of Python that change a model after it was built, as printed and as run."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import nn

INDENT = "    "
LINE = 88


@dataclass(frozen=True)
class Patch:
    """Lines to paste behind the line that builds `model`, where torch and nn are imported.

    The lines that are shown are those that are tried. They hold numbers and names of parameters,
    the latter quoted: nothing of the user's runs as code.

    Args:
        about: what they do, in words.
        code: the lines, but the first, which all patches have.
    """

    about: str
    code: tuple[str, ...]

    @property
    def lines(self) -> tuple[str, ...]:
        """All lines, as they are pasted."""
        return ("with torch.no_grad():", *(INDENT + line for line in self.code))

    def apply(self, model: nn.Module) -> None:
        """Run the lines."""
        program = compile("\n".join(self.lines), "<patch>", "exec")
        exec(program, {"model": model, "torch": torch, "nn": nn})  # noqa: S102


def together(patches: Iterable[Patch]) -> Patch:
    """Several patches as one, each line block once."""
    kept = list(dict.fromkeys(patches))
    about = ", and ".join(patch.about for patch in kept)
    return Patch(about, tuple(line for patch in kept for line in patch.code))


def for_each(names: Sequence[str], body: Sequence[str]) -> tuple[str, ...]:
    """Lines that take the parameters of these names in turn, as `p`."""
    if len(names) == 1:
        return (f"p = model.get_parameter({names[0]!r})", *body)
    lines, line = ["for name in ("], INDENT
    for name in names:
        item = f"{name!r}, "
        if len(line) + len(item) > LINE:
            lines.append(line.rstrip())
            line = INDENT
        line += item
    listed = [*lines, line.rstrip(), "):"]
    if len(listed) == 3 and len(lines[0]) + len(line) < LINE:
        listed = [f"for name in ({line.strip().rstrip(',')}):"]
    return (
        *listed,
        f"{INDENT}p = model.get_parameter(name)",
        *(f"{INDENT}{one}" for one in body),
    )


def for_modules(classes: Sequence[str], body: Sequence[str]) -> tuple[str, ...]:
    """Lines that take the modules of these classes of torch.nn in turn, as `m`."""
    kinds = ", ".join(f"nn.{name}" for name in classes)
    kinds = kinds if len(classes) == 1 else f"({kinds})"
    return (
        "for m in model.modules():",
        f"{INDENT}if type(m) is {kinds}:"
        if len(classes) == 1
        else f"{INDENT}if type(m) in {kinds}:",
        *(f"{INDENT * 2}{one}" for one in body),
    )
