"""Finite-width bands of any network: which random networks are drawn, how, and how many.

`finite_width.py` follows Gram matrices of independent normal weights, forward. What it cannot do is
done by whole random networks (`network/random_networks.py`), forward and backward, whose layers are
either *weightless* (the weights are never made, only what the batch sees of them) or *built*.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal, TypeVar

from initlab.catalog import SCHEMES, Fans
from initlab.catalog.dtypes import DTYPES
from initlab.spec.run import LATER, Choice, Layer, Run
from initlab.theory.finite_width import MOST_SAMPLES
from initlab.theory.gains import scale_of
from initlab.theory.variances import LEAST_WIDTH, LayerLaw, LayerVariance, layer_laws

T = TypeVar("T")
How = Literal["normal", "orthogonal", "built"]

BLOCK_BYTES = 64 << 20  # of networks that are drawn at once, about
KEPT_BYTES = 256 << 20  # of weights kept for the backward pass; beyond, they are drawn twice
BUILT = 100  # networks of a band, at most, where many weights have to be drawn
FEW_WEIGHTS = 1 << 18  # built weights of a network that are few
#: multiplications of a band that nobody asked for by `gradient`: half a minute of one core
MOST_PRODUCTS = 1e12
INDEPENDENT = ("normal", "uniform", "truncated")
DRAWN = f"band: {{networks: {BUILT}, gradient: true}} draws whole networks"


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
            own = replace(own, loss=Choice("none"), reduction="none", target=LATER["target"])
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
        """How many networks are drawn, if so many are asked for: fewer of those that are built.

        And fewer where only the std is wanted, of which others are simulated in a tenth of the
        time.
        """
        few = not self.gradient or _built_weights(self.run) > FEW_WEIGHTS
        return min(asked, BUILT) if few else asked

    def layers(self, asked: int) -> int:
        """Layers to be passed, forward and backward."""
        return self.networks(asked) * self.run.depth * (2 if self.gradient else 1)

    def products(self, asked: int) -> float:
        """Multiplications of the products with weights, about: what the networks cost."""
        batch, each = self.run.batch, 0.0
        for kind, (inputs, outputs, _) in zip(hows(self.run), self.run.linears, strict=True):
            # a normal number takes as long as 64 multiplications
            if kind == "built":
                each += (batch + 64) * inputs * outputs
            else:
                each += 4 * batch * (batch + 16) * (inputs + outputs)
        return each * self.networks(asked) * (2 if self.gradient else 1)


def hows(run: Run) -> list[How]:
    """How each layer's weights are drawn."""
    return _of_layers(run, lambda layer, fans: how(layer, *fans, run.batch))


def how(layer: Layer, fan_in: int, fan_out: int, batch: int) -> How:
    """Without weights where that is right and cheaper than to draw them.

    Without: 2 QR decompositions and 2 batch (fan_in + fan_out) random numbers; three and 3 batch
    max(fans) of orthogonal weights, whose own draw is a QR decomposition of all.
    """
    draw = unit_of(layer.init)
    if draw == "orthogonal":
        return "orthogonal" if 2 * batch <= max(fan_in, fan_out) else "built"
    pays = 4 * batch * (fan_in + fan_out) <= fan_in * fan_out
    normal = draw == "normal" or (draw in INDEPENDENT and fan_in >= LEAST_WIDTH)
    return "normal" if pays and normal else "built"


def network_bytes(run: Run, backward: bool) -> int:
    """Memory of one network while it is drawn, about."""
    around = sum((run.residual is not None, run.norm is not None, run.dropout > 0))
    held = (5 + 2 * around) * run.batch * (sum(run.shape) if backward else 2 * max(run.shape))
    built = [a * b for kind, (a, b, _) in zip(hows(run), run.linears, strict=True)
             if kind == "built"]  # fmt: skip
    weights = sum(built) if backward and keeps_weights(run) else max(built, default=0)
    return DTYPES[run.draw_dtype].bytes * (held + weights)


def keeps_weights(run: Run) -> bool:
    """Whether all weights that a network builds find room."""
    return 8 * sum(a * b for a, b, _ in run.linears) <= KEPT_BYTES


def unit_of(choice: Choice) -> str:
    """The name of a scheme's unit draw."""
    return str(SCHEMES[choice.name].draw(choice.parameters)[0])


def _built_weights(run: Run) -> int:
    kinds = zip(hows(run), run.linears, strict=True)
    return sum(a * b for kind, (a, b, _) in kinds if kind == "built")


def _of_layers(run: Run, function: Callable[[Layer, tuple[int, int]], T]) -> list[T]:
    """Function(layer, (fan_in, fan_out)) of each layer, called once for those that are alike."""
    known: dict[tuple[int, tuple[int, int]], T] = {}
    found = []
    for *pair, layer in run.linears:
        fans = (pair[0], pair[1])
        key = id(layer), fans  # layers that are alike mostly are one object, which is quickly told
        if key not in known:
            known[key] = function(layer, fans)
        found.append(known[key])
    return found


def no_band(run: Run, gradient: bool) -> str:
    """Why no whole networks are drawn of a run; empty where they are."""
    for problem in _of_layers(run, lambda layer, fans: _problem(layer, fans, gradient)):
        if problem:
            return problem
    point = RandomPoint.of(run, gradient=gradient)
    if not gradient and (products := point.products(BUILT)) > MOST_PRODUCTS:
        return f"{BUILT} networks take {products:.0e} multiplications; {DRAWN}"
    return ""


def _problem(layer: Layer, fans: tuple[int, int], gradient: bool) -> str:
    """What stands against drawing a layer."""
    draw = unit_of(layer.init)
    if draw in ("constant", "identity") and not gradient:
        return f"{layer.init.name} weights are not random; {DRAWN}"
    if draw == "sparse" and not gradient:
        return f"sparse weights: entries are not independent; {DRAWN}"
    for choice in filter(None, (layer.init, layer.bias)):
        if not all(map(math.isfinite, scale_of(choice, Fans(*fans), layer.activation))):
            return f"{choice.name}: its scale is beyond float64"
    return ""


def normal_variances(run: Run) -> tuple[LayerVariance, ...] | None:
    """The variances of every layer, if Gram matrices tell all that the next layer depends on.

    They do where weights are normal, or uniform or truncated with many inputs, and biases are
    normal, all of mean 0. None also for large batches.
    """
    laws = layer_laws(run)
    if run.has_blocks or run.batch > MOST_SAMPLES or isinstance(laws, str):
        return None
    if any(law.shift is not None or law.few is not None for law in laws):
        return None
    if not all(_of_layers(run, lambda layer, _: unit_of(layer.init) in INDEPENDENT)):
        return None
    return tuple(map(_rounded, laws))


@cache
def _rounded(law: LayerLaw) -> LayerVariance:
    """Two schemes of one variance come to it by other roundings; they are to share a band."""
    variance = law.variance
    return replace(variance, weight_variance=float(f"{variance.weight_variance:.12g}"))
