"""What theory says of every layer of a network before it is built; many networks at once."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from initlab.catalog import INPUTS
from initlab.catalog.inputs import InputMoments
from initlab.spec.run import Choice, Run
from initlab.theory import block_prediction, blocks, recursions
from initlab.theory.bodies import fixed_of_bodies
from initlab.theory.curves import curves_of
from initlab.theory.initial_loss import LastLayer
from initlab.theory.layer_curves import LayerCurves
from initlab.theory.overflow import limits
from initlab.theory.predicted import Layers, Prediction, sure_start
from initlab.theory.quadrature import Array
from initlab.theory.shifts import Shift
from initlab.theory.variances import LayerLaw, layer_laws
from initlab.theory.weight_gradients import weight_gradients

AT_ONCE, NETWORKS = 200_000, 500  # layers and networks that are computed together, at most


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
            alike, laws_of_runs, inputs = zip(*part, strict=True)
            found = block_prediction.predicted(alike, laws_of_runs, inputs, tick)
            known |= zip(alike, found, strict=True)
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
    fixed = fixed_of_bodies(curves, runs, w2, b2, tick)
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
        sure = sure_start(run, float(at.ln_v[last]))
        if not sure or ends.nan_onset is not None or not _plain_start(run):
            layers = layers._replace(weight_grad_std=np.full(run.depth, np.nan))
        words = blocks.why_approximate(run, group[index].laws)
        end = None
        if more:
            (c,), (share,) = (x[index : index + 1] for x in pairs[run.depth][:2])
            end = _last_layer(laws[index][run.depth - 1], float(ln_q[last]), float(share @ c))
        result[run] = Prediction("", layers, ends, fixed.get(index), sure, words, end)
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
