"""What is known of one name, as text for a terminal, as Markdown or as data."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from initlab.formatting import markdown_text
from initlab.report.tables.listing import INDENT, wrapped


@dataclass(frozen=True)
class Description:
    """A name, its kind ("loss"), a line about it, a formula, and facts as (label, text).

    A text without a label has "". Formula and facts may be missing.
    """

    name: str
    kind: str
    about: str
    formula: str = ""
    facts: tuple[tuple[str, str], ...] = ()

    @property
    def title(self) -> str:
        """The name, and what it is."""
        return f"{self.name} ({self.kind})"

    def text(self, width: int | None = None) -> str:
        """Under its title, indented; of at most `width` characters where words allow it."""
        lines = [self.about, *([self.formula] if self.formula else []), *map(_line, self.facts)]
        inner = None if width is None else width - len(INDENT)
        body = [INDENT + part for line in lines for part in wrapped(line, inner, INDENT)]
        return "\n".join([*wrapped(self.title, width, INDENT), *body]) + "\n"

    def markdown(self) -> Iterator[str]:
        """A heading, the formula as code, a bullet for every fact."""
        yield f"## {markdown_text(self.title)}\n\n{markdown_text(self.about)}\n"
        if self.formula:
            yield f"\n```text\n{self.formula}\n```\n"
        yield "\n" if self.facts else ""
        for label, text in self.facts:
            bold = f"**{markdown_text(label)}**: " if label else ""
            yield f"- {bold}{markdown_text(text)}\n"

    def rows(self) -> Iterator[tuple[str, str, str, str]]:
        """(name, kind, property, text) of everything."""
        for label, text in (("about", self.about), ("formula", self.formula), *self.facts):
            if text:
                yield self.name, self.kind, label or "note", text

    def data(self) -> dict[str, Any]:
        """For JSON: texts by what they are."""
        texts = {label: text for _, _, label, text in self.rows()}
        return {"name": self.name, "kind": self.kind, **texts}


def _line(fact: tuple[str, str]) -> str:
    label, text = fact
    return f"{label}: {text}" if label else text
