"""What the shell completes, straight from the catalog."""

from initlab.catalog import TABLES
from initlab.errors import nearest


def checks(incomplete: str) -> list[str]:
    """Verdicts of --fail-on; completes the last of a list with commas."""
    from initlab.verdicts import CHECKS

    head, comma, tail = incomplete.rpartition(",")
    return [head + comma + word for word in CHECKS if word.startswith(tail)]


def kinds(incomplete: str) -> list[str]:
    """The plurals that `initlab list` takes."""
    return [plural for plural in TABLES if plural.startswith(incomplete)]


def names(incomplete: str) -> list[tuple[str, str]]:
    """Every record's name, with what it is."""
    return [
        (record.name, f"{table.singular}: {record.about}")
        for table in TABLES.values()
        for record in table.values()
        if record.name.startswith(incomplete)
    ]


def closest(name: str) -> list[str]:
    """Names of any table near a mistyped one."""
    known = [n for t in TABLES.values() for r in t.values() for n in (r.name, *r.aliases)]
    return nearest(name, known)
