"""Rules about the trunk: does the signal keep its scale, its content, and its gradient?"""

import math
from collections.abc import Iterator, Sequence
from typing import Any

from initlab.catalog.probe_rules import (
    FORWARD_ERROR,
    FORWARD_WARNING,
    GRADIENT_ERROR,
    GRADIENT_WARNING,
    SIGNAL_LOST,
    UPDATE_K,
)
from initlab.formatting import brief, times
from initlab.probe.recording.sites import Site, factors
from initlab.probe.result import Finding
from initlab.probe.rules.view import View

SHORTEST = 3  # places of a trunk that rules on it need
TINY = 1e-300


def scale(view: View) -> Iterator[Finding]:
    """The rms along each stretch of the trunk between norm layers, which set it anew."""
    extremes = [found for s in _stretches(_weighted(view)) if (found := _extremes(s)) is not None]
    worst = max(extremes, key=lambda found: found[0], default=None)
    if len(view.trunk) < SHORTEST or worst is None or worst[0] <= FORWARD_WARNING:
        return
    ratio, before, after, first = worst
    start, end = _rms(before), _rms(after)
    name = "forward-explodes" if end > start else "forward-vanishes"
    factor = end / max(start, TINY)
    message = f"rms {brief(start)} at {before.name} becomes {brief(end)} at {after.name}:"
    message += f" {times(factor)}, past {FORWARD_WARNING:g} times from here on"
    evidence: dict[str, Any] = {"factor": factor, "from": start, "to": end}
    evidence |= {"start": before.name, "end": after.name}
    level = "error" if ratio > FORWARD_ERROR else "warning"
    yield Finding(name, level, first.name, message, evidence, where=first.where)


def _weighted(view: View) -> Sequence[Site]:
    """The trunk from the first weight on: what is done to the data before is no initialisation."""
    ops = ((site.order, site.op) for site in view.sites.every if site.op is not None)
    first = min((order for order, op in ops if op.weight or op.layer.indices), default=0)
    return [site for site in view.trunk if site.order >= first]


def _stretches(trunk: Sequence[Site]) -> Iterator[list[Site]]:
    stretch: list[Site] = []
    for site in trunk:
        if site.is_norm and stretch:
            yield stretch
            stretch = []
        stretch.append(site)
    yield stretch


def _extremes(stretch: Sequence[Site]) -> tuple[float, Site, Site, Site] | None:
    """The largest ratio of two rms, the two sites in their order, and where it passes the limit.

    None if any rms is not finite.
    """
    if not stretch or not all(math.isfinite(_rms(site)) for site in stretch):
        return None
    high, low = max(stretch, key=_rms), min(stretch, key=_rms)
    before, after = sorted((high, low), key=stretch.index)
    start = _rms(before)

    def past(site: Site) -> bool:
        rms = _rms(site)
        return max(rms, start) > FORWARD_WARNING * max(min(rms, start), TINY)

    between = stretch[stretch.index(before) : stretch.index(after) + 1]
    first = next((site for site in between if past(site)), after)
    return _rms(high) / max(_rms(low), TINY), before, after, first


def _rms(site: Site) -> float:
    return site.value.rms if site.value is not None else math.nan


def lost(view: View) -> Iterator[Finding]:
    """What differs between samples, as a part of the whole, against that of the first place."""
    known = [(site, part) for site in view.trunk if (part := _part(site)) is not None]
    trunk, parts = [site for site, _ in known], [part for _, part in known]
    if len(trunk) < SHORTEST or not all(map(math.isfinite, parts)) or parts[0] == 0:
        return
    least = min(range(len(parts)), key=parts.__getitem__)
    if parts[least] < SIGNAL_LOST * min(1.0, parts[0]):
        site = trunk[least]
        first = next(i for i, part in enumerate(parts) if part < SIGNAL_LOST * min(1.0, parts[0]))
        message = f"what differs between samples is {brief(parts[least])} of the activation"
        message += f" (at {trunk[0].name} {brief(parts[0])});"
        message += f" below {SIGNAL_LOST:g} from {trunk[first].name} on"
        evidence = {"part": parts[least], "at_input": parts[0], "from": trunk[first].name}
        yield Finding("signal-lost", "error", site.name, message, evidence, where=site.where)


def _part(site: Site) -> float | None:
    """signal / rms; None where it is not known."""
    if site.value is None or site.varying is None:
        return None
    return site.varying / max(site.value.rms, TINY)


def gradient(view: View) -> Iterator[Finding]:
    """s on the trunk over s at the output: largest and smallest."""
    pairs = [(site, s) for site in _weighted(view) if (s := site.sensitivity) is not None]
    trunk, known = [site for site, _ in pairs], [s for _, s in pairs]
    if len(view.trunk) < SHORTEST or not known or not all(map(math.isfinite, known)):
        return
    if known[-1] == 0:
        return
    modules = [site.call.module for site in view.trunk if site.call is not None]
    batch_norm = any("BatchNorm" in module for module in modules)
    for name, ratio, value in (
        ("gradient-explodes", max(known) / known[-1], max(known)),
        ("gradient-vanishes", known[-1] / max(min(known), TINY), min(known)),
    ):
        if ratio <= GRADIENT_WARNING:
            continue
        level = "error" if ratio > GRADIENT_ERROR else "warning"
        if batch_norm and name == "gradient-explodes" and level == "warning":
            level = "note"
        end = trunk[known.index(value)]
        up = value > known[-1]
        at = max(i for i, v in enumerate(known) if _apart(v, known[-1], up=up))
        message = f"from the output back to {end.name} the sensitivity changes"
        message += f" {times(value / known[-1])}, past {GRADIENT_WARNING:g} times from here on"
        message += _shares(trunk, up=up) + (" (batch norm on the trunk)" if batch_norm else "")
        evidence = {
            "factor": value / known[-1],
            "at_output": known[-1],
            "batch_norm": batch_norm,
            "end": end.name,
        }
        yield Finding(name, level, trunk[at].name, message, evidence, where=trunk[at].where)


def _apart(value: float, output: float, *, up: bool) -> bool:
    high, low = (value, output) if up else (output, value)
    return high > GRADIENT_WARNING * max(low, TINY)


def _shares(trunk: list[Site], *, up: bool) -> str:
    """Which modules make most of the factor, by the exact sum of logarithms along the trunk."""
    by_path: dict[str, float] = {}
    for site, change in zip(trunk, factors(trunk), strict=True):
        if change is not None:
            by_path[site.shown_path] = by_path.get(site.shown_path, 0.0) + change
    signed = {path: change if up else -change for path, change in by_path.items()}
    most = sorted((path for path in signed if signed[path] > 0), key=lambda p: -signed[p])
    total = sum(signed[path] for path in most)
    if total <= 0:
        return ""
    large = [path for path in most[:2] if signed[path] >= 0.005 * total]
    parts = [f"{path} ({signed[path] / total:.0%} of it)" for path in large]
    modules = f"{len(most)} modules, most by " if len(most) > 1 else ""
    return f"; {'raised' if up else 'lowered'} by {modules}{', '.join(parts)}"


def amplified(view: View) -> Iterator[Finding]:
    """K of a network with norm layers, but no batch norm, on its trunk."""
    trunk, k = view.trunk, relative_change(view)
    norms = [site for site in trunk if "Norm" in (site.call.module if site.call else "")]
    batch = [site for site in norms if site.call and "BatchNorm" in site.call.module]
    if norms and not batch and k is not None and k > UPDATE_K:
        message = f"K = {brief(k)}: a relative change of all weights changes the output K times"
        yield Finding("update-amplified", "note", trunk[-1].name, message, {"K": k})


def relative_change(view: View) -> float | None:
    """K = sqrt(sum ||dL/dW||^2 rms(W)^2) / rms(y), over matrices; None where it is not known.

    The relative change of the output, root mean square, for a relative change of 1 of every weight,
    in first order, with L a projection of y of unit length (compare Liu et al. 2020, eq. 3).
    """
    if not view.trunk or not view.trunk[-1].value or not view.trunk[-1].value.rms > 0:
        return None
    total = math.hypot(
        *(p.grad * p.rms for p in view.parameters if p.grad is not None and len(p.shape) >= 2)
    )
    found = total / view.trunk[-1].value.rms
    return found if math.isfinite(found) else None


RULES = (scale, lost, gradient, amplified)
