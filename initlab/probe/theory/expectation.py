"""Theory beside measurement: what the rms and the gradient of a run's trunk should be.

The rms of a network of infinite width, with the second moments that its input and its weights have
been measured to have; and between which values the rms of 80 % of networks of this width lies.
"""

import math
from dataclasses import dataclass, field

import numpy as np

from initlab.probe.recording.sites import Site
from initlab.probe.rules.view import View
from initlab.probe.theory.expected_band import bands_of
from initlab.probe.theory.laws import Law
from initlab.probe.theory.operands import Ops
from initlab.probe.theory.recursion import Recursion


@dataclass(frozen=True)
class SiteExpectation:
    """What theory says of a site; None where it is silent.

    Args:
        rms: root mean square of its value.
        grad: ||dL/dx||, from the measured one at the output back.
        rms_p10: below it lies the rms of 10 % of networks of this width.
        rms_p90: the same of 90 %.
    """

    rms: float | None = None
    grad: float | None = None
    rms_p10: float | None = None
    rms_p90: float | None = None


@dataclass(frozen=True)
class Expected:
    """What theory says of the trunk, by the names of sites; `why` says where and why it is silent.

    `why` is empty where all of the trunk is known.
    """

    by_site: dict[str, SiteExpectation] = field(default_factory=dict)
    why: str = ""


def expect(view: View) -> Expected:
    """What theory says of a run; nothing where it knows no more than what went in."""
    trunk, run = view.trunk, view.run
    if run.output is None or not trunk:
        return Expected(why="there is no path from an input to an output with a gradient")
    ops = Ops(view)
    if len(ops.inputs) != 1:
        count = len(ops.inputs)
        words = f"there are {count} floating point inputs" if count else "no input is a number"
        return Expected(why=f"{words}; theory follows one")
    with np.errstate(all="ignore"):  # of what leaves float64, theory is silent
        recursion = Recursion(ops)
        bands = bands_of(recursion)
    found, why = {}, ""
    for site in trunk:
        if site.node is None:
            continue
        law = recursion.laws.get(site.node)
        if not isinstance(law, Law):
            why = why or law or f"theory does not follow {site.name}"
            continue
        low, high = bands.get(site.node, (None, None))
        found[site.name] = SiteExpectation(_rms(recursion, law), _grad(recursion, site), low, high)
    return Expected(found if len(found) > 1 else {}, why)


def _rms(recursion: Recursion, law: Law) -> float | None:
    return _finite(float(recursion.share @ law.second))


def _grad(recursion: Recursion, site: Site) -> float | None:
    found = None if site.node is None else recursion.gradients.get(site.node)
    return None if found is None else _finite(float(found.sum()))


def _finite(square: float) -> float | None:
    """The root of a mean square; None where float64 does not hold it."""
    return math.sqrt(square) if math.isfinite(square) else None
