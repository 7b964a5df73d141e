"""What theory says of every layer of a network before it is built.

A network of infinite width is a recursion on three numbers: the variance q of a pre-activation, the
correlation c of two samples, and the variance of the gradient. Each layer has its own fans, and so
its own sigma_w^2 = fan_in Var W:

    q_0 = sigma_w^2 E x^2 + sigma_b^2       q_l+1 = sigma_w^2 V(q_l) + sigma_b^2
    c_l+1 = (sigma_w^2 K(q_l, c_l) + sigma_b^2) / q_l+1
    E (dL/dh_l-1)^2 = fan_out Var W D(q_l) E (dL/dh_l)^2

(Poole et al. 2016, eq. 3 and 5; Schoenholz et al. 2017, eq. 10.) Lengths are kept as logarithms: a
network that explodes leaves the numbers of float64.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from initlab.catalog import INPUTS, LOSSES
from initlab.plan import Choice, Run
from initlab.samples import read_samples
from initlab.theory.curves import Curves, Point, correlation, curves_of
from initlab.theory.gaussian import Array
from initlab.theory.laws import Law, laws_of
from initlab.theory.meanfield import FixedPoints, fixed_points
from initlab.theory.overflow import Limits, limits

AT_ONCE = 2_000_000  # layers of all networks that are computed together
LEAST_LN = -1e4  # ln of what is 0
MOST_CLASSES = 32  # of pairs of samples that a file's are sorted into


class Layers(NamedTuple):
    """Predictions for every layer of one network, each shape (depth,)."""

    pre_std: Array  # sqrt(q)
    std: Array  # sqrt(V - E^2): centred, as it is measured
    grad_std: Array  # of dL/dh, relative to the last layer's
    cosine: Array  # mean over pairs of different samples; nan of a batch of one


@dataclass(frozen=True)
class Prediction:
    """What theory says of one network; only `reason` where it says nothing.

    `fixed` holds its fixed points (arrays of one), where all of its layers have one law.
    Without `sure_start`, theory does not know the loss's first gradient: `grad_std` is then a
    growth, which may be off by a factor that the last layers make (2.7 was seen).
    """

    reason: str = ""
    layers: Layers | None = None
    limits: Limits = field(default_factory=Limits)
    fixed: FixedPoints | None = None
    sure_start: bool = True


def predict(runs: Sequence[Run], *, cosines: bool = True) -> list[Prediction]:
    """A prediction for every run; runs that differ in their seeds only share one.

    Args:
        runs: of any shapes and activations.
        cosines: also follow the correlation of samples, the costlier part.
    """
    known: dict[Run, Prediction] = {}
    groups: dict[Choice, list[tuple[Run, tuple[Law, ...]]]] = {}
    for run in dict.fromkeys(map(seedless, runs)):
        laws = laws_of(run)
        if isinstance(laws, str):
            known[run] = Prediction(reason=laws)
        else:
            groups.setdefault(run.activation, []).append((run, laws))
    for activation, group in groups.items():
        curves = curves_of(activation)
        for part in _parts(sorted(group, key=lambda pair: pair[0].depth)):
            with np.errstate(invalid="ignore"):  # nan where the activation cannot be resolved
                known |= _predict(curves, part, cosines=cosines)
    return [known[seedless(run)] for run in runs]


def seedless(run: Run) -> Run:
    """The run with seed 0: equal for runs that share a prediction."""
    return run if run.seed == 0 else replace(run, seed=0)


Group = list[tuple[Run, tuple[Law, ...]]]


def _parts(group: Group) -> Iterator[Group]:
    """Networks of similar depth, few enough for memory."""
    start = 0
    while start < len(group):
        size = max(1, AT_ONCE // len(group[min(start + AT_ONCE // 100, len(group) - 1)][1]))
        yield group[start : start + size]
        start += size


def _predict(curves: Curves, group: Group, *, cosines: bool) -> dict[Run, Prediction]:
    """Predictions for networks of one activation, side by side: arrays of shape (depth, R)."""
    depth = max(run.depth for run, _ in group)
    padded = [laws + (laws[-1],) * (depth - len(laws)) for _, laws in group]
    w2 = np.array([[law.sigma_w2 for law in laws] for laws in padded]).T
    b2 = np.array([[law.bias_variance for law in laws] for laws in padded]).T
    inputs = [input_moments(run.input, run.batch, run.shape[0]) for run, _ in group]
    second = np.array([moments[0] for moments in inputs])
    ln_q = _lengths(curves, w2, b2, second)
    point = curves.at(ln_q)
    cosine = (
        _cosines(curves, ln_q, point, w2, b2, inputs) if cosines else np.full_like(ln_q, np.nan)
    )
    ln_grad = _gradients([run for run, _ in group], padded, ln_q, point)
    fixed = _fixed(curves, w2, b2)
    pre_std, std, grad_std = _exp(ln_q / 2), point.std, _exp(ln_grad / 2)
    result = {}
    for at, (run, _) in enumerate(group):
        own = slice(run.depth), at
        layers = Layers(
            pre_std=pre_std[own],
            std=std[own],
            grad_std=grad_std[own],
            cosine=cosine[own] if run.batch > 1 else np.full(run.depth, np.nan),
        )
        ends = limits(run, curves.activation, ln_q[own], point.std[own], ln_grad[own])
        sure = LOSSES[run.loss.name].start is not None
        result[run] = Prediction("", layers, ends, fixed.get(at), sure)
    return result


def _exp(x: Array) -> Array:
    with np.errstate(over="ignore", under="ignore"):
        result: Array = np.exp(x)
    return result


def _ln(x: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        result: Array = np.maximum(np.log(np.maximum(x, 0)), LEAST_LN)
    return result


def _lengths(curves: Curves, w2: Array, b2: Array, second: Array) -> Array:
    """ln q of every layer, shape (depth, R)."""
    ln_q = np.empty_like(w2)
    ln_w2, ln_b2 = _ln(w2), _ln(b2)
    square = _ln(second)
    for layer in range(len(w2)):
        ln_q[layer] = np.logaddexp(ln_w2[layer] + square, ln_b2[layer])
        square = curves.at(ln_q[layer]).ln_v
    return ln_q


def _gradients(
    runs: Sequence[Run], laws: Sequence[Sequence[Law]], ln_q: Array, point: Point
) -> Array:
    """ln Var dL/dh of every layer, relative to the last one's, shape (depth, R).

    Weights backward count as independent of those forward (Schoenholz et al. 2017, sec. 5), so that
    a gradient that knows nothing of h grows by G D(q) a layer, G = fan_out Var W. It does know h
    where the loss's gradient is y - t, as y is the last h. Then g = k h + r at every layer, r
    independent of h; and of W^T u, u = phi'(z) g, the part that z = W h knows is G (E[u z] / q) h:

        k' = k G E[z phi phi'] / q      E r'^2 = G (k^2 E[phi^2 phi'^2] + E r^2 D)

    In a deep linear network whose outputs are large, E g^2 after L layers is then L + 1 times what
    independence would have: the second moment of a product of L Gaussian matrices. An orthogonal W
    keeps lengths, so that what it hands on along h is missing in r'.
    """
    width = _ln(np.array([[law.backward for law in own] for own in laws])).T
    last = np.array([run.depth - 1 for run in runs])
    # of y and of t ~ N(0, 1)
    residual = np.where([LOSSES[run.loss.name].residual for run in runs], 0.0, -np.inf)
    ln_k2, ln_r2 = np.zeros((2, len(runs)))
    ln_g2, ln_variance = np.empty_like(ln_q), 2 * _ln(point.std)
    along = 2 * (width + point.ln_v + np.log(point.growth.clip(min=1e-300)) - ln_q)
    across = width + point.ln_v + point.ln_d + np.log(point.overlap.clip(min=1e-300))
    across += _ln(1 - _exp(along - width + ln_q + _ln(_kept(laws, ln_q)) - across))
    for layer in range(len(ln_q) - 1, -1, -1):
        ln_k2, ln_r2 = np.where(last <= layer, residual, ln_k2), np.where(last <= layer, 0, ln_r2)
        ln_g2[layer] = np.logaddexp(ln_k2 + ln_variance[layer], ln_r2)  # centred, as measured
        ln_r2 = np.logaddexp(ln_k2 + across[layer], ln_r2 + width[layer] + point.ln_d[layer])
        ln_k2 = ln_k2 + along[layer]
    relative: Array = ln_g2 - ln_g2[last, np.arange(len(runs))]
    return relative


def _kept(laws: Sequence[Sequence[Law]], ln_q: Array) -> Array:
    """Share of E z^2 that an orthogonal W^T hands on along h, shape (depth, R); 0 of other W."""
    wide = [[law.orthogonal * min(law.fan_out / law.fan_in, 1) for law in own] for own in laws]
    biases = _ln(np.array([[law.bias_variance for law in own] for own in laws])).T
    share: Array = np.array(wide).T * (1 - _exp(biases - ln_q))  # z = W h + b
    return share


def _cosines(
    curves: Curves, ln_q: Array, point: Point, w2: Array, b2: Array, inputs: Sequence["Moments"]
) -> Array:
    """Mean cosine of h between different samples, shape (depth, R)."""
    most = max(len(classes) for _, classes in inputs)
    c = np.zeros((len(inputs), most))
    share = np.zeros_like(c)
    for at, (_, classes) in enumerate(inputs):
        c[at, : len(classes)], share[at, : len(classes)] = zip(*classes, strict=True)
    ln_second = _ln(np.array([second for second, _ in inputs]))
    cosine, slope_at_1 = np.empty_like(ln_q), curves.slope_at_1(ln_q)
    for layer in range(len(ln_q)):
        # of the variance q, the weights' part and the biases', which all samples share
        weights = _exp(_ln(w2[layer]) + ln_second - ln_q[layer])[:, None]
        c = np.clip(weights * c + _exp(_ln(b2[layer]) - ln_q[layer])[:, None], -1, 1)
        shares = curves.series(ln_q[layer])[:, None, :]
        c = correlation(shares, slope_at_1[layer][:, None], c).value.clip(-1, 1)
        cosine[layer] = (share * c).sum(-1)
        ln_second = point.ln_v[layer]
    return cosine


def _fixed(curves: Curves, w2: Array, b2: Array) -> dict[int, FixedPoints]:
    """Fixed points of the networks whose layers all have one sigma_w > 0 and one sigma_b."""
    alike = (np.ptp(w2, axis=0) <= 1e-12 * w2[0]) & (np.ptp(b2, axis=0) <= 1e-12 * b2[0])
    where = np.flatnonzero(alike & (w2[0] > 0))
    if not len(where):
        return {}
    variances, index = np.unique(
        np.stack([w2[0, where], b2[0, where]]), axis=1, return_inverse=True
    )
    every = fixed_points(curves, *np.sqrt(variances))
    return {at: every.one(i) for at, i in zip(where.tolist(), index.ravel().tolist(), strict=True)}


Moments = tuple[float, tuple[tuple[float, float], ...]]


def input_moments(input_: Choice, batch: int, features: int) -> Moments:
    """E x^2 of an input's features, and its pairs of samples: (cosine, share of the pairs)."""
    known = INPUTS[input_.name].moments
    if batch == 1 or known is not None:
        return known(input_.parameters, batch) if known else (_file(input_, batch, features)[0], ())
    return _file(input_, batch, features)


@lru_cache(maxsize=64)
def _file(input_: Choice, batch: int, features: int) -> Moments:
    """Of the rows of a file; their lengths count as equal, as theory has them."""
    x = read_samples(input_.parameters["path"])[:batch]
    lengths = np.sqrt((x * x).sum(1))
    units = x / np.where(lengths > 0, lengths, 1)[:, None]
    pairs = np.sort((units @ units.T)[np.triu_indices(len(x), 1)])
    parts = np.array_split(pairs, min(MOST_CLASSES, max(len(pairs), 1)))
    classes = tuple((float(p.mean()), len(p) / len(pairs)) for p in parts if len(p))
    return float((x * x).mean()), classes
