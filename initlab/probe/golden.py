"""A probe in few numbers, to be kept beside a model and compared with later ones. Torch-free.

It is not compared byte by byte: a seed gives the same numbers only on one machine and version of
torch, and how much a number may change is known from how far its seeds lie apart.
"""

import json
import math
import re
import statistics
from collections.abc import Iterable, Sequence
from importlib import metadata
from typing import Any

from initlab.errors import InputError
from initlab.probe.golden_compare import NONFINITE, ZERO, Differences, compared
from initlab.probe.result import Probe

__all__ = ["Differences", "differences", "dumps", "golden_of", "loads"]

VERSION = 1
KIND = "initlab probe"  # what a golden file says that it is
FIX = "--update-golden writes it"
LARGEST = 1e4  # no ln of a float64 is larger

Row = dict[str, Any]
Golden = dict[str, Any]


def golden_of(probe: Probe) -> Golden:
    """The trunk, the parameters and the findings of a probe, as JSON has them.

    Sites stand in the order of the trunk. Each has the median over seeds of ln rms and ln s, and
    the standard deviation over seeds of each; parameters have ln std. A median is "zero" where the
    number is 0, "not finite" where it is nan or inf in a seed, and None where it was not measured.
    """
    version = re.match(r"\d+\.\d+", metadata.version("torch"))
    findings = {(f.rule, f.level, f.parameter or f.site) for f in probe.findings}
    return {
        "kind": KIND,
        "version": VERSION,
        "target": probe.target,
        "torch": version[0] if version else "",
        "seeds": list(probe.seeds),
        "rules": list(probe.rules),
        "sites": _sites(probe),
        "parameters": [
            {"name": name} | _spread("std", [row["std"] for row in rows])
            for name, rows in sorted(_by(probe.parameter_rows, "name").items())
        ],
        "findings": [
            dict(zip(("rule", "level", "place"), f, strict=True)) for f in sorted(findings)
        ],
    }


def _sites(probe: Probe) -> list[Row]:
    """Those that are on the trunk in most seeds, in its order."""
    by_name = _by(probe.trunk_rows(), "site")
    most = {n: rows for n, rows in by_name.items() if 2 * len(rows) > len(probe.seeds)}
    places = {n: statistics.median(row["trunk"] for row in rows) for n, rows in most.items()}
    return [
        {"name": name}
        | _spread("rms", [row["rms"] for row in most[name]])
        | _spread("s", [row["sensitivity"] for row in most[name]])
        for name in sorted(most, key=lambda name: (places[name], name))
    ]


def _by(rows: Iterable[Row], key: str) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row[key], []).append(row)
    return found


def _spread(name: str, values: Sequence[float | None]) -> Row:
    """Median and standard deviation (with 1/(n - 1)) of ln of a number over seeds."""
    known = [float(v) for v in values if v is not None]
    logs = [math.log(v) for v in known if 0 < v < math.inf]
    median: float | str | None = None
    if any(not math.isfinite(v) for v in known):
        median = NONFINITE
    elif 2 * len(logs) <= len(known):
        median = ZERO if known else None
    else:
        median = six_digits(statistics.median(logs))
    spread = statistics.stdev(logs) if len(logs) > 1 else 0.0
    return {f"ln_{name}": median, f"ln_{name}_sd": six_digits(spread)}


def six_digits(number: float) -> float:
    """A number in six significant digits; 0 has no sign."""
    return float(f"{number:.6g}") + 0.0


def dumps(golden: Golden) -> str:
    """The text of a golden file: sorted, floats in six digits, a newline at its end."""
    return json.dumps(_rounded(golden), indent=1, sort_keys=True, allow_nan=False) + "\n"


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return six_digits(value)
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    return [_rounded(inner) for inner in value] if isinstance(value, list) else value


def loads(text: str, where: str = "golden file") -> Golden:
    """A golden file from its text.

    Args:
        text: of the file.
        where: its name, for messages.

    Raises:
        InputError: it is no JSON, no golden file, one of another version, or a part is missing.
    """
    try:
        found = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        first = str(error).splitlines()[0][:200]
        raise InputError(f"--golden {where}: is no JSON: {first}", FIX) from None
    if not isinstance(found, dict) or found.get("kind") != KIND:
        raise InputError(f"--golden {where}: is no golden file of {KIND}", FIX)
    if found.get("version") != VERSION:
        message = f"--golden {where}: is of version {found.get('version')!r}, not {VERSION}"
        raise InputError(message, f"{FIX} anew")
    if broken := _broken(found):
        raise InputError(f"--golden {where}: is broken: {broken}", f"{FIX} anew")
    return found


def _refuse(word: str) -> None:
    raise ValueError(f"{word} is no number")


def _broken(golden: Golden) -> str:
    """What is missing in a golden file or is of another kind; empty if nothing is."""
    for key, kind in (("target", str), ("torch", str), ("seeds", list), ("rules", list)):
        if not isinstance(golden.get(key), kind):
            return f"{key!r} is missing, or is something else"
    for key, name, numbers in (
        ("sites", "name", ("ln_rms", "ln_s")),
        ("parameters", "name", ("ln_std",)),
        ("findings", "rule", ()),
    ):
        rows = golden.get(key)
        if not isinstance(rows, list):
            return f"{key!r} is missing, or is no list"
        for at, row in enumerate(rows):
            texts = ("rule", "level", "place") if name == "rule" else ("name",)
            if not isinstance(row, dict) or not all(isinstance(row.get(t), str) for t in texts):
                return f"entry {at} of {key!r} lacks its {' or '.join(texts)}"
            for number in numbers:
                if not _is_median(row.get(number, ())) or not _is_number(row.get(f"{number}_sd")):
                    return f"{row[name][:60]}: {number} is no number"
        names = [tuple(row.values()) if name == "rule" else row[name] for row in rows]
        if len(set(names)) < len(names):
            return f"{key!r} has an entry twice"
    return ""


def _is_median(value: Any) -> bool:
    return value is None or value in (ZERO, NONFINITE) or _is_number(value)


def _is_number(value: Any) -> bool:
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    return plain and abs(value) < LARGEST


def differences(golden: Golden, probe: Probe, tolerance: float = 0.1) -> Differences:
    """What has changed since a golden file was made.

    A number differs if its ln has changed by more than the tolerance, and by more than 4 standard
    deviations over the seeds, of the golden file or of the probe, whichever are larger.

    Args:
        golden: as `loads` gives it.
        probe: of the same model, now.
        tolerance: of ln of a number: 0.1 is 10 percent.
    """
    return compared(golden, golden_of(probe), tolerance)
