"""What theory says of every layer of a network before it is built; many networks at once."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from initlab.catalog import INPUTS, LOSSES
from initlab.catalog.inputs import InputMoments
from initlab.spec.run import Choice, Run
from initlab.theory import block_prediction, blocks, recursions
from initlab.theory.curves import Curves, curves_of
from initlab.theory.initial_loss import LastLayer
from initlab.theory.layer_curves import LayerCurves
from initlab.theory.meanfield import FixedPoints, fixed_points
from initlab.theory.overflow import Limits, limits, starts_as_known
from initlab.theory.quadrature import Array
from initlab.theory.shifts import Shift
from initlab.theory.variances import LayerLaw, approximation, layer_laws
from initlab.theory.weight_gradients import weight_gradients

AT_ONCE, NETWORKS = 200_000, 500  # layers and networks that are computed together, at most
LARGE = 0.1  # ln E y^2 of outputs from which on softmax(y) knows y


class Layers(NamedTuple):
    """Predictions for every layer of one network, each shape (depth,)."""

    pre_std: Array  # sqrt(q), centred as it is measured
    std: Array  # sqrt(V - E^2): centred, as it is measured
    grad_std: Array  # of dL/dh, relative to the last layer's
    cosine: Array  # mean over pairs of different samples; nan of a batch of one
    weight_grad_std: Array  # of dL/dW, in units of the loss; nan unless asked for, or not known


@dataclass(frozen=True)
class Prediction:
    """What theory says of one network; only `reason` where it says nothing.

    `fixed` holds the fixed points (arrays of one) of its body, the layers that no override is
    about, where these have one activation and the same variances; chi_1 is the gradient's growth a
    layer, with fan_out Var W where fans differ.
    Without `sure_start`, theory does not know the loss's first gradient: `grad_std` is then a
    growth, which may be off by a factor that the last layers make (2.7 was seen). `approximate`
    says why the numbers are not those of infinite width; empty where they are. `last` is the law of
    the last layer, if it was asked for.
    """

    reason: str = ""
    layers: Layers | None = None
    limits: Limits = field(default_factory=Limits)
    fixed: FixedPoints | None = None
    sure_start: bool = True
    approximate: str = ""
    last: LastLayer | None = None

    @property
    def gradient_known(self) -> bool:
        """Whether `grad_std` is a prediction: there is a gradient, and its start is known."""
        return self.sure_start and self.limits.nan_onset is None


#: what the curves of a layer are of
Kind = tuple[Choice, Shift | None]


class _Network(NamedTuple):
    """What theory sees of a run."""

    run: Run
    laws: tuple[LayerLaw, ...]
    moments: InputMoments


def _input_moments(input_: Choice, batch: int) -> InputMoments | None:
    moments = INPUTS[input_.name].moments
    return None if moments is None else moments(input_.arguments, batch)


def predict(
    runs: Sequence[Run],
    *,
    cosines: bool = True,
    more: bool = False,
    tick: Callable[[], None] = lambda: None,
) -> list[Prediction]:
    """A prediction for every run; runs that differ in their seeds only share one.

    Args:
        runs: of any shapes and activations.
        cosines: also follow the correlation of samples, the costlier part.
        more: also `Layers.weight_grad_std`, which needs them, and `Prediction.last`.
        tick: called from time to time; it may raise.
    """
    points = list(dict.fromkeys(run.point for run in runs))
    fed = {of: _input_moments(*of) for of in dict.fromkeys((p.input, p.batch) for p in points)}
    known: dict[Run, Prediction] = {}
    groups: dict[tuple[Kind, ...], list[_Network]] = {}
    built: dict[tuple[object, ...], list[_Network]] = {}  # with norms, dropout or sums
    for run in points:
        laws, moments = layer_laws(run), fed[run.input, run.batch]
        reason = _why_none(run, laws, moments)
        if reason or isinstance(laws, str) or moments is None:
            known[run] = Prediction(reason=reason)
        elif run.has_blocks:
            key = block_prediction.group_of(run, laws)
            built.setdefault(key, []).append(_Network(run, laws, moments))
        else:
            groups.setdefault(_kinds(laws), []).append(_Network(run, laws, moments))
    for kinds, group in groups.items():
        curves = LayerCurves([curves_of(*kind) for kind in kinds])
        for part in _parts(sorted(group, key=lambda network: network.run.depth)):
            with np.errstate(invalid="ignore"):  # nan where the activation cannot be resolved
                known |= _predict(curves, part, cosines, more, tick)
    for group in built.values():
        for part in _parts(group):
            known |= _with_blocks(part, tick)
    return [known[run.point] for run in runs]


def why_none(run: Run) -> str:
    """Why theory says nothing of a run; empty where it does."""
    return _why_none(run, layer_laws(run), _input_moments(run.input, run.batch))


def _why_none(run: Run, laws: tuple[LayerLaw, ...] | str, moments: InputMoments | None) -> str:
    if isinstance(laws, str):
        return laws
    if moments is None:
        return f"theory does not know E x^2 of {run.input.name}"
    return blocks.why_none(run, moments) if run.has_blocks else ""


def _kinds(laws: tuple[LayerLaw, ...]) -> tuple[Kind, ...]:
    """The one of all layers, or that of each: networks that agree in it go side by side."""
    kinds = tuple((law.activation, law.shift) for law in laws)
    return kinds if len(set(kinds)) > 1 else kinds[:1]


def _parts(group: list[_Network]) -> Iterator[list[_Network]]:
    """Networks of similar depth, few enough for memory; `group` is sorted by depth."""
    part: list[_Network] = []
    for network in group:
        # the deepest, which comes last, sets the size of all
        if part and (len(part) == NETWORKS or (len(part) + 1) * network.run.depth > AT_ONCE):
            yield part
            part = []
        part.append(network)
    if part:
        yield part


def _predict(
    curves: LayerCurves,
    group: list[_Network],
    cosines: bool,
    more: bool,
    tick: Callable[[], None],
) -> dict[Run, Prediction]:
    """Predictions for networks of the same laws, side by side: arrays of shape (depth, R)."""
    runs = [network.run for network in group]
    depth = max(run.depth for run in runs)
    laws = [own + (own[-1],) * (depth - len(own)) for _, own, _ in group]
    padded = [[law.variance for law in own] for own in laws]
    w2 = np.array([[layer.sigma_w2 for layer in variances] for variances in padded]).T
    b2 = np.array([[layer.bias_variance for layer in variances] for variances in padded]).T
    inputs = [network.moments for network in group]
    second = np.array([moments[0] for moments in inputs])
    ln_q = recursions.lengths(curves, w2, b2, second)
    at = curves.at(ln_q)
    cosine, weight = np.full((2, *ln_q.shape), np.nan)
    pairs: list[recursions.Pairs] = []
    if cosines or more:
        cosine = recursions.cosines(curves, ln_q, at, w2, b2, inputs, pairs if more else None)
    if more:
        weight = weight_gradients(curves, runs, padded, ln_q, at, inputs, pairs)
    ln_grad = recursions.gradients(runs, padded, ln_q, at)
    fixed = _fixed(curves, runs, w2, b2, tick)
    grad_std, pre_std = recursions.exp(ln_grad / 2), recursions.exp(_spread(laws, ln_q) / 2)
    result = {}
    for index, run in enumerate(runs):
        own, last = (slice(run.depth), index), (run.depth - 1, index)
        layers = Layers(
            pre_std=pre_std[own],
            std=at.std[own],
            grad_std=grad_std[own],
            cosine=cosine[own] if run.batch > 1 else np.full(run.depth, np.nan),
            weight_grad_std=weight[own],
        )
        ends = limits(run, curves, ln_q[own], at.std[own], ln_grad[own])
        sure = _sure(run, float(at.ln_v[last]))
        if not sure or ends.nan_onset is not None or not _plain_start(run):
            layers = layers._replace(weight_grad_std=np.full(run.depth, np.nan))
        words = approximation(group[index].laws)
        end = None
        if more:
            (c,), (share,) = (x[index : index + 1] for x in pairs[run.depth][:2])
            end = _last_layer(laws[index][run.depth - 1], float(ln_q[last]), float(share @ c))
        result[run] = Prediction("", layers, ends, fixed.get(index), sure, words, end)
    return result


def _with_blocks(group: list[_Network], tick: Callable[[], None]) -> dict[Run, Prediction]:
    """Predictions for networks of one structure, of norms, dropout and residual sums."""
    runs, laws, inputs = zip(*group, strict=True)
    result = {}
    for run, own, found in zip(
        runs, laws, block_prediction.predicted(runs, laws, inputs, tick), strict=True
    ):
        unknown = np.full(run.depth, np.nan)
        layers = Layers(found.pre_std, found.std, found.grad_std, found.cosine, unknown)
        if found.unsure:
            result[run] = Prediction(reason=found.unsure)
            continue
        sure = _sure(run, found.ln_output)
        words = "; ".join(filter(None, (approximation(own), found.approximate)))
        result[run] = Prediction("", layers, found.limits, None, sure, words, found.last)
    return result


def _plain_start(run: Run) -> bool:
    """Whether the size of dL/dy is that of the loss without options that take some of it."""
    p = run.loss.parameters
    ignored = 0 <= p.get("ignore_index", -1) < run.shape[-1]
    return not p.get("label_smoothing") and not ignored


def _last_layer(law: LayerLaw, ln_q: float, c: float) -> LastLayer:
    """The law of z there; a bias that is not normal counts as one of its mean and variance.

    Args:
        law: of the layer.
        ln_q: ln of the variance of z without that bias.
        c: correlation of two samples there.
    """
    if law.shift is None:
        return LastLayer(law.activation, ln_q, c)
    mean, variance = law.shift.mean, law.shift.variance
    with np.errstate(over="ignore", divide="ignore"):
        spread = float(np.logaddexp(ln_q, np.log(variance)))
        weights = float(np.exp(ln_q - spread)) if spread > -np.inf else 1.0
    return LastLayer(law.activation, spread, weights * c + 1 - weights, mean)


def _spread(laws: list[tuple[LayerLaw, ...]], ln_q: Array) -> Array:
    """ln of the variance of z, shape (depth, R), to which biases that are not normal add theirs."""
    if not any(law.shift for own in laws for law in own):
        return ln_q
    biases = [[0.0 if law.shift is None else law.shift.variance for law in own] for own in laws]
    with np.errstate(divide="ignore"):
        spread: Array = np.logaddexp(ln_q, np.log(np.array(biases).T))
    return spread


def _sure(run: Run, ln_v: float) -> bool:
    """Whether dL/dy is known: y - t is, and softmax(y) - t while y is small, of an rms of 1."""
    record = LOSSES[run.loss.name]
    if not starts_as_known(run):
        return False
    return record.start is not None and (record.residual or ln_v <= LARGE)


def _fixed(
    curves: LayerCurves, runs: Sequence[Run], w2: Array, b2: Array, tick: Callable[[], None]
) -> dict[int, FixedPoints]:
    """Fixed points of the networks whose bodies have one activation, sigma_w > 0 and sigma_b."""
    bodies: dict[Curves, list[tuple[int, float, float]]] = {}
    for index, run in enumerate(runs):
        body = body_of(run)
        if not body or len({id(curves.of(layer)) for layer in body}) > 1:
            continue
        own_w2, own_b2 = w2[body, index], b2[body, index]
        alike = np.ptp(own_w2) <= 1e-12 * own_w2[0] and np.ptp(own_b2) <= 1e-12 * own_b2[0]
        if alike and own_w2[0] > 0:
            found = index, float(own_w2[0]), float(own_b2[0])
            bodies.setdefault(curves.of(body[0]), []).append(found)
    return {
        index: point._replace(chi_1=point.chi_1 * tapering(runs[index]))
        for own, networks in bodies.items()
        for index, point in _fixed_points(own, networks, tick)
    }


def _fixed_points(
    curves: Curves, networks: list[tuple[int, float, float]], tick: Callable[[], None]
) -> Iterator[tuple[int, FixedPoints]]:
    """Of networks (index, sigma_w^2, sigma_b^2), of which equal ones are looked at once."""
    where, w2, b2 = zip(*networks, strict=True)
    variances, index = np.unique(np.array([w2, b2]), axis=1, return_inverse=True)
    sigma_w, sigma_b = np.sqrt(variances)
    every = fixed_points(curves, sigma_w, sigma_b, tick)
    if curves.shift is not None:  # E z^2, as other q's are
        every = every._replace(q=every.q + curves.shift.mean**2 + curves.shift.variance)
    for at, i in zip(where, index.ravel().tolist(), strict=True):
        yield at, every.one(i)


def body_of(run: Run) -> list[int]:
    """The layers that no override is about."""
    other = {layer for override in run.overrides for layer in override.layers(run.depth)}
    return [layer for layer in range(run.depth) if layer not in other]


def tapering(run: Run) -> float:
    """Geometric mean of fan_out / fan_in over the layers of the body that a gradient passes.

    A gradient is multiplied by fan_out Var W, a signal by fan_in Var W.
    """
    pairs = list(pairwise(run.shape))
    logs = [math.log(pairs[layer][1] / pairs[layer][0]) for layer in body_of(run) if layer]
    return math.exp(sum(logs) / len(logs)) if logs else 1.0
