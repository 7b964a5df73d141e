"""What the shell completes, straight from the catalog."""

from collections.abc import Iterable

import typer

from initlab.catalog import ACTIVATIONS, ALLOWABLE, LOSSES, NORMS, TABLES, TASKS
from initlab.catalog.columns import columns
from initlab.errors import nearest


def checks(incomplete: str) -> list[str]:
    """Verdicts of --fail-on; completes the last of a list with commas."""
    from initlab.cli.fail_on import CHECKS

    head, comma, tail = incomplete.rpartition(",")
    return [head + comma + word for word in CHECKS if word.startswith(tail)]


def column_names(incomplete: str) -> list[str]:
    """Columns of --columns, of a table and of the CSV; completes the last of a list with commas."""
    from initlab.report.tables.measures import NAMES

    head, comma, tail = incomplete.rpartition(",")
    known = dict.fromkeys([*NAMES, *columns("runs"), *columns("layers")])
    return [head + comma + name for name in known if name.startswith(tail)]


def kinds(incomplete: str) -> list[str]:
    """The plurals that `initlab list` takes."""
    return [plural for plural in TABLES if plural.startswith(incomplete)]


def losses(incomplete: str) -> list[tuple[str, str]]:
    """Losses, with what they are."""
    return [(r.name, r.about) for r in LOSSES.values() if r.name.startswith(incomplete)]


def norm_names(incomplete: str) -> list[tuple[str, str]]:
    """Norms, with what they are."""
    return [(r.name, r.about) for r in NORMS.values() if r.name.startswith(incomplete)]


def reductions(incomplete: str) -> list[str]:
    """Every reduction that some loss has."""
    known = dict.fromkeys(r for loss in LOSSES.values() for r in loss.reductions)
    return [r for r in (*known, "all") if r.startswith(incomplete)]


def rules(incomplete: str) -> list[str]:
    """Rules of the loss lab whose errors can be made warnings."""
    return [rule for rule in ALLOWABLE if rule.startswith(incomplete)]


def tasks(incomplete: str) -> list[str]:
    """What a loss can be for."""
    return [task for task in TASKS if task.startswith(incomplete)]


def names(incomplete: str) -> list[tuple[str, str]]:
    """Every record's name, with what it is."""
    return [
        (record.name, f"{table.singular}: {record.about}")
        for table in TABLES.values()
        for record in table.values()
        if record.name.startswith(incomplete)
    ]


def activation_names(incomplete: str) -> list[tuple[str, str]]:
    """Activations, with what they are."""
    return [(r.name, r.about) for r in ACTIVATIONS.values() if r.name.startswith(incomplete)]


def layer_columns(incomplete: str) -> list[tuple[str, str]]:
    """What layers.csv has for every layer."""
    from initlab.catalog.columns import COLUMNS, columns

    measured = [COLUMNS[n] for n in columns("layers") if COLUMNS[n].group != "key"]
    return [(c.name, c.about) for c in measured if c.name.startswith(incomplete)]


def fields(incomplete: str) -> list[str]:
    """Fields of a spec that can be axes."""
    known = ("spec", "activation", "init", "init.gain", "bias", "depth", "width", "loss", "dtype")
    return [field for field in known if field.startswith(incomplete)]


def loss_list(incomplete: str) -> list[str]:
    """Losses; completes the last of a list with commas."""
    return _last_of_list(incomplete, LOSSES)


def activation_list(incomplete: str) -> list[str]:
    """Activations; completes the last of a list with commas."""
    return _last_of_list(incomplete, ACTIVATIONS)


def _last_of_list(incomplete: str, known: Iterable[str]) -> list[str]:
    head, comma, tail = incomplete.rpartition(",")
    return [head + comma + name for name in known if name.startswith(tail)]


def settings(incomplete: str) -> list[str]:
    """Of `--set`: fields and their parameters, and after the equals sign what has a name."""
    from initlab.cli.set_completion import paths, values

    path, equals, value = incomplete.partition("=")
    if not equals:
        return [found + "=" for found in paths(inside=bool(path)) if found.startswith(path)]
    return [f"{path}={found}" for found in values(path) if found.startswith(value)]


def specs(ctx: typer.Context, incomplete: str) -> list[str]:
    """Nothing, so that the shell completes files; but bash, which splits words at "=", asks here
    for the value in `--set activation=ge`.
    """
    from initlab.cli.set_completion import values

    settings = ctx.params.get("set_") or ()
    if not settings or "=" in settings[-1]:
        return []
    return [found for found in values(settings[-1]) if found.startswith(incomplete)]


def closest(name: str) -> list[str]:
    """Names of any table near a mistyped one."""
    others = [t for t in TABLES.values() if t is not LOSSES]
    known = [n for t in others for r in t.values() for n in (r.name, *r.aliases)]
    return [*LOSSES.closest(name), *nearest(name, list(dict.fromkeys(known)))][:2]
