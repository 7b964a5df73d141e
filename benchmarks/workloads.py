"""The sweeps that are timed, as networks for a reference and as a plan for initlab."""

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from initlab.spec.plan import Plan

ACTIVATIONS = ("identity", "tanh", "relu", "gelu", "sigmoid")
SIGMAS = tuple(round(0.6 + 0.2 * i, 1) for i in range(10))
DEPTH, WIDTH, BATCH = 100, 256, 16


@dataclass(frozen=True)
class Network:
    """One network of weights N(0, sigma_w^2 / width): `depth` layers of `width`, without biases."""

    activation: str
    sigma_w: float
    seed: int
    depth: int = DEPTH
    width: int = WIDTH
    batch: int = BATCH


@dataclass(frozen=True)
class Sweep:
    """Networks of all activations x scales x seeds; by default the grid of 200."""

    activations: tuple[str, ...] = ACTIVATIONS
    sigmas: tuple[float, ...] = SIGMAS
    seeds: int = 4
    depth: int = DEPTH
    width: int = WIDTH
    batch: int = BATCH

    @property
    def networks(self) -> list[Network]:
        """In the order of initlab's runs."""
        grid = itertools.product(self.activations, self.sigmas, range(self.seeds))
        return [Network(*point, self.depth, self.width, self.batch) for point in grid]

    def sample(self, count: int) -> list[Network]:
        """So many networks at most, spread evenly: a loop has no cost that more would share."""
        networks = self.networks
        return networks[:: max(1, len(networks) // count)][:count]

    def spec(self, *, gradients: bool, band: int = 0, draws: str = "layered") -> dict[str, Any]:
        """The same networks as a spec; without bands, which no reference has."""
        return {
            "name": "benchmark",
            "depth": self.depth,
            "width": self.width,
            "batch": self.batch,
            "activation": list(self.activations),
            "init": {"scheme": "scaled_normal", "sigma_w": list(self.sigmas)},
            "record": "both" if gradients else "forward",
            "seeds": self.seeds,
            "draws": draws,
            "band": band,
        }

    def plan(self, *, gradients: bool, band: int = 0, draws: str = "layered") -> "Plan":
        """The same networks as a plan."""
        import initlab

        return initlab.load_plan(self.spec(gradients=gradients, band=band, draws=draws))


GRID = Sweep()
SMALL = Sweep(("tanh",), (1.0,), seeds=1, depth=10, width=64)  # what starting costs
WIDTHS = (8, 10, 64, 256, 1024)


def seeds_only(width: int, seeds: int = 16) -> Sweep:
    """One point, many seeds: no two networks can share their random numbers."""
    return Sweep(("tanh",), (1.0,), seeds, width=width)


def mode(gradients: bool) -> str:
    """What is measured, in a row of the table."""
    return "forward and gradients" if gradients else "forward"
