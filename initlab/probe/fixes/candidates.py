"""Which patches might mend a finding, the smallest first."""

from collections.abc import Callable, Iterator

from initlab.probe.fixes.patch import Patch
from initlab.probe.fixes.redraw import draw_again, draw_copies, draw_tokens, smaller_head
from initlab.probe.fixes.scale import (
    branches,
    gains,
    gains_and_biases,
    gains_and_branches,
    zero_biases,
)
from initlab.probe.rules.view import View

Maker = Callable[[View], Iterator[Patch]]

SCALE: tuple[Maker, ...] = (gains, gains_and_biases, branches, gains_and_branches)
BRANCHES_FIRST: tuple[Maker, ...] = (branches, gains, gains_and_biases, gains_and_branches)
#: what to try for each rule, in this order
MAKERS: dict[str, tuple[Maker, ...]] = {
    "parameter-nonfinite": (draw_again,),
    "parameter-uninitialised": (draw_again,),
    "no-symmetry-breaking": (draw_again,),
    "identical-parameters": (draw_copies,),
    "nonfinite-forward": (draw_again, *BRANCHES_FIRST),
    "nonfinite-backward": (draw_again, *BRANCHES_FIRST),
    "half-headroom": BRANCHES_FIRST,
    "forward-explodes": (draw_again, *BRANCHES_FIRST),
    "forward-vanishes": (zero_biases, *SCALE),
    "signal-lost": (draw_again, zero_biases, *SCALE),
    "gradient-explodes": (draw_tokens, *SCALE),
    "gradient-vanishes": SCALE,
    "update-amplified": (branches,),
    "norm-starved": (draw_tokens, gains),
    "dead-units": (zero_biases, gains, gains_and_biases),
    "initial-loss": (smaller_head,),
}


def candidates(rule: str, view: View) -> list[Patch]:
    """Patches that may mend a finding of this rule in this model; none where only words help."""
    return [patch for maker in MAKERS.get(rule, ()) for patch in maker(view)]


def likeliest(rule: str, view: View) -> Patch | None:
    """The patch to suggest where none is tried: biases, if there are any, go with the gains."""
    makers = MAKERS.get(rule, ())
    for maker in makers:
        with_biases = gains_and_biases if maker is gains and gains_and_biases in makers else maker
        for patch in (*with_biases(view), *maker(view)):
            return patch
    return None
