"""Which branch scale, norm place and gain keep a deep network with blocks alive: a search.

All combinations that are in use are predicted and ranked; there are some dozens.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from initlab.catalog import NORMS, RESIDUALS
from initlab.catalog.blocks import AFTER, BEFORE, POST, PRE
from initlab.spec.run import Choice, Run
from initlab.theory.diagnosis import Diagnosis, diagnose
from initlab.theory.gains import second_moment
from initlab.theory.predicted import Prediction
from initlab.theory.prediction import predict
from initlab.theory.recommend import STEADY_THRESHOLDS, change, network

#: what is tried of a residual sum: (scale, output_gain)
FACTORS: tuple[tuple[float | str, float | str], ...] = (
    (1.0, 1.0), ("1/sqrt(L)", 1.0), ("1/L", 1.0), (1.0, "1/sqrt(L)"), ("rezero", 1.0),
)  # fmt: skip


@dataclass(frozen=True)
class BlockCandidate:
    """A network with what theory says of it.

    `loss` is the worst change over the network (`recommend.change`); `silent` says that branches
    add nothing before training, so that nothing can change.
    """

    run: Run
    gain: float
    prediction: Prediction
    diagnosis: Diagnosis
    loss: float

    @property
    def silent(self) -> bool:
        """Whether the branches are multiplied by 0."""
        return self.run.residual is not None and self.run.structure.scale == 0

    @property
    def steady(self) -> bool:
        """Whether signal and gradient arrive at infinite width, in this dtype."""
        return (self.diagnosis.forward, self.diagnosis.backward) == ("steady", "steady")


def recommend_blocks(
    activation: Choice,
    *,
    residual: int | None,
    norm: str | None,
    dropout: float,
    depth: int,
    width: int,
    dtype: str,
) -> list[BlockCandidate]:
    """Networks with such blocks, the best first: those that are steady and change least.

    Args:
        activation: of all layers.
        residual: layers in a branch; None without sums.
        norm: by name; None without one.
        dropout: share of each layer's inputs that is dropped.
        depth: linear layers.
        width: neurons of every layer.
        dtype: of the network.
    """
    plain = network(activation, Choice("zeros"), None, depth, width, dtype)
    pairs = [
        (replace(plain, residual=sums, norm=normed, init=_init(gain), dropout=dropout), gain)
        for sums, normed, gain in product(
            _residuals(residual), _norms(norm, residual), _gains(activation, dropout)
        )
        if _makes_sense(sums, normed)
    ]
    predictions = predict([run for run, _ in pairs])
    found = [
        BlockCandidate(
            run,
            gain,
            prediction,
            diagnose(run, prediction, STEADY_THRESHOLDS),
            change(run, prediction),
        )
        for (run, gain), prediction in zip(pairs, predictions, strict=True)
        if prediction.layers is not None  # there is no recursion for some places of batch norm
    ]
    return sorted(found, key=lambda c: (not c.steady, c.silent, round(c.loss, 3)))


def _residuals(every: int | None) -> Iterator[Choice | None]:
    if every is None:
        yield None
        return
    record = RESIDUALS["add"]
    for scale, output_gain in FACTORS:
        given: dict[str, Any] = {"every": every, "scale": scale, "skip": 1.0}
        given["output_gain"] = output_gain
        yield Choice(record.name, tuple(record.settled(given).items()))
    deep = record.settled({**record.defaults, "every": every, "scale": "deepnorm"})
    yield Choice(record.name, tuple(deep.items()))


def _norms(name: str | None, residual: int | None) -> Iterator[Choice | None]:
    if name is None:
        yield None
        return
    places = (BEFORE, AFTER) if residual is None else (PRE, POST, BEFORE)
    for place in places:
        yield Choice(NORMS[name].name, (("place", place),))


def _gains(activation: Choice, dropout: float) -> list[float]:
    """What keeps pre-activations, less what dropout adds to them; and 1."""
    try:
        kept = second_moment(activation.name, activation.parameters) * (1 - dropout) ** 0.5
    except ValueError:  # an activation that is 0 almost everywhere
        return [1.0]
    return list(dict.fromkeys([float(f"{kept:.6g}"), 1.0]))


def _init(gain: float) -> Choice:
    return Choice("lecun_normal", (("gain", gain),))


def _makes_sense(residual: Choice | None, norm: Choice | None) -> bool:
    """Whether a combination is one that can be built: deepnorm is a post-norm."""
    if residual is None or residual.parameters["scale"] != "deepnorm":
        return True
    return norm is not None and norm.parameters["place"] == POST
