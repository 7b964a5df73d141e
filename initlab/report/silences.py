"""Why theory says nothing, or has another band than was asked for: what stands below a table."""

from collections import Counter
from collections.abc import Callable, Sequence

from initlab.spec.model import Head
from initlab.spec.run import Run
from initlab.theory import blocks
from initlab.theory.expectation import band_point, why_no_band
from initlab.theory.prediction import why_none
from initlab.theory.random_point import RandomPoint
from initlab.theory.variances import layer_laws

MOST = 3  # reasons of one kind; more are counted


def silences(points: Sequence[Run], head: Head) -> tuple[str, ...]:
    """A line for every reason, the most frequent first; none where nothing is missing.

    Args:
        points: one run of every point of a sweep.
        head: what its spec says beside its networks.
    """

    def no_exact_one(run: Run) -> str:
        found = layer_laws(run)
        if isinstance(found, str) or why_none(run):
            return ""
        return blocks.why_approximate(run, found)

    def fewer(run: Run) -> str:
        asked = head.band.networks
        point = band_point(run, head.band.gradient)
        drawn = point.networks(asked) if isinstance(point, RandomPoint) else asked
        return f"{drawn} whole networks, not {asked}" if drawn < asked else ""

    lines = _told("no prediction at infinite width", why_none, points)
    lines += _told("prediction is approximate", no_exact_one, points)
    if head.band.networks:  # else nobody asked for a band
        lines += _told("no band", lambda run: why_no_band(run, head), points)
        lines += _told("band", fewer, points)
    return tuple(lines)


def _told(what: str, reason_of: Callable[[Run], str], points: Sequence[Run]) -> list[str]:
    reasons = Counter(filter(None, map(reason_of, points)))
    lines = []
    for reason, count in reasons.most_common(MOST):
        of = "" if count == len(points) else f" for {count:,} of {len(points):,} points"
        lines.append(f"{what}{of}: {reason}.")
    more = len(reasons) - MOST
    return lines + ([f"{what}: and for {more} other reasons."] if more > 0 else [])
