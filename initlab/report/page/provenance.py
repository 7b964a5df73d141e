"""Facts about a sweep in few words: what its networks share, and where its numbers come from."""

from collections.abc import Iterator, Mapping
from typing import Any

from initlab.report.page.points import Points

SHARED = ("activation", "init", "depth", "width", "shape", "batch", "loss", "dtype")


def facts(points: Points) -> str:
    """As "3 points x 5 seeds · xavier_uniform · depth 100 · width 256"."""
    runs, count = points.runs, len(points)
    if not count:
        return ""
    seeds = runs["seed"].nunique()
    words = [_many(count, "point")]
    words += [_many(seeds, "seed")] if count * seeds == len(runs) else [_many(len(runs), "run")]
    for name in SHARED:
        values = runs[name].drop_duplicates().tolist() if name in runs else []
        value = values[0] if len(values) == 1 else None
        if value is not None and value == value and value != "":
            named = name in ("activation", "init")
            words.append(str(value) if named else f"{name} {value}")
    return " · ".join(words)


def _many(count: int, word: str) -> str:
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def provenance(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Names and values of what provenance.json says, where it says it."""
    environments = found.get("environments")
    for environment in environments if isinstance(environments, list) else []:
        yield from _environment(environment)
    git = found.get("git")
    if isinstance(git, dict):
        dirty = ", with uncommitted changes" if git.get("dirty") else ""
        yield "git", f"{git.get('revision')}{dirty}"
    if found.get("started"):
        yield "swept", f"{found['started']} to {found.get('finished') or 'now'}"
    inputs = found.get("inputs")
    for path, digest in inputs.items() if isinstance(inputs, dict) else ():
        yield "input", f"{path} ({digest})"
    earlier = found.get("earlier")
    if isinstance(earlier, list) and earlier:
        sessions = 1 + len(earlier)
        yield "sessions", f"{sessions}, of which this is the last; known runs were not repeated"


def _environment(environment: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(environment, dict):
        return
    versions = [f"{n} {environment[n]}" for n in ("initlab", "torch", "numpy", "python")
                if environment.get(n)]  # fmt: skip
    machine = [environment.get(n) for n in ("host", "system", "processor", "instructions")]
    cores = environment.get("cores")
    runs = environment.get("runs")
    yield _many(runs, "run") if isinstance(runs, int) else "runs", ", ".join(versions)
    yield (
        "machine",
        ", ".join([str(part) for part in machine if part] + ([f"{cores} cores"] if cores else [])),
    )
    if environment.get("variables"):
        yield "variables", str(environment["variables"])
