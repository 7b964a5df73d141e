"""Finite-width bands of any network: which random networks are drawn, how, and how many.

`finite_width.py` follows Gram matrices of independent normal weights, forward. What it cannot do is
done by whole random networks (`network/random_networks.py`), forward and backward, whose layers are
either *weightless* (the weights are never made, only what the batch sees of them) or *built*.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

from initlab.catalog import SCHEMES
from initlab.spec.run import LATER, Choice, Layer, Run

How = Literal["normal", "orthogonal", "built"]

LEAST_INPUTS = 16  # of uniform or truncated weights whose sums are taken to be normal
BUILT = 100  # networks of a band, at most, where many weights have to be drawn
FEW_WEIGHTS = 1 << 18  # built weights of a network that are few
#: multiplications of a band that nobody asked for by `gradient`: half a minute of one core
MOST_PRODUCTS = 1e12
INDEPENDENT = ("normal", "uniform", "truncated")


@dataclass(frozen=True)
class RandomPoint:
    """What a band of whole random networks depends on; runs that agree in it share one.

    `run` is stripped of what changes no band: its seed, its order of draws, what it records and,
    without `gradient`, its loss.
    """

    run: Run
    gradient: bool = False

    @classmethod
    def of(cls, run: Run, *, gradient: bool) -> "RandomPoint":
        """The point of a run. Of low precision its random numbers are float32, and so all of it."""
        own = replace(
            run, seed=0, draws="layered", record="both", dtype=run.draw_dtype,
            saturation=LATER["saturation"],
        )  # fmt: skip
        if not gradient:
            own = replace(own, loss=Choice("mse"), reduction="mean", target=None)
        return cls(own, gradient)

    @property
    def draws(self) -> "tuple[RandomPoint]":
        """Equal for those that are drawn together: nothing but this point."""
        return (self,)

    @property
    def simulated(self) -> "RandomPoint":
        """The point whose networks are drawn."""
        return self

    def networks(self, asked: int) -> int:
        """How many networks are drawn, if so many are asked for: fewer of those that are built."""
        return asked if _built_weights(self.run) <= FEW_WEIGHTS else min(asked, BUILT)

    def layers(self, asked: int) -> int:
        """Layers to be passed, forward and backward."""
        return self.networks(asked) * self.run.depth * (2 if self.gradient else 1)

    def products(self, asked: int) -> float:
        """Multiplications of the products with weights, about: what the networks cost."""
        each = 0.0
        for how, (inputs, outputs) in zip(hows(self.run), pairwise(self.run.shape), strict=True):
            batch = self.run.batch
            if how == "built":
                # a normal number takes as long as 64 multiplications
                each += (batch + 64) * inputs * outputs
            else:
                each += 4 * batch * (batch + 16) * (inputs + outputs)
        return each * self.networks(asked) * (2 if self.gradient else 1)


def hows(run: Run) -> tuple[How, ...]:
    """How each layer's weights are drawn."""
    return tuple(
        how(layer, *fans, run.batch)
        for layer, fans in zip(run.layers, pairwise(run.shape), strict=True)
    )


def how(layer: Layer, fan_in: int, fan_out: int, batch: int) -> How:
    """Without weights where that is right and cheaper than to draw them.

    Without: 2 QR decompositions and 2 batch (fan_in + fan_out) random numbers; three and 3 batch
    max(fans) of orthogonal weights, whose own draw is a QR decomposition of all.
    """
    draw = unit_of(layer.init)
    if draw == "orthogonal":
        return "orthogonal" if 2 * batch <= max(fan_in, fan_out) else "built"
    pays = 2 * batch * (fan_in + fan_out) <= fan_in * fan_out
    normal = draw == "normal" or (draw in INDEPENDENT and fan_in >= LEAST_INPUTS)
    return "normal" if pays and normal else "built"


def unit_of(choice: Choice) -> str:
    """The name of a scheme's unit draw."""
    return str(SCHEMES[choice.name].draw(choice.parameters)[0])


def _built_weights(run: Run) -> int:
    fans = pairwise(run.shape)
    return sum(a * b for kind, (a, b) in zip(hows(run), fans, strict=True) if kind == "built")


Tick = Callable[[int], None]
