"""The loss of a network before training, by simulation of its outputs alone."""

import math

import torch
from torch import Generator, Tensor

from initlab.catalog import ACTIVATIONS, LOSSES
from initlab.network.losses import draw_target, loss_value
from initlab.network.targets import samples
from initlab.spec.run import Run
from initlab.theory.initial_loss import InitialLoss, LastLayer

SEED = 0
LEAST, MOST = 64, 1024  # batches
VALUES = 1 << 21  # outputs that are drawn, about
SURE = 0.002  # relative standard error at which it ends
DOUBTFUL = 0.2  # relative standard error beyond which it is no estimate
FEW = 16  # batches between looks


def simulated(run: Run, last: LastLayer) -> InitialLoss:
    """The mean loss of batches of outputs y = phi(z), z ~ N(0, q), from a fixed seed.

    Two samples have the correlation `last.cosine` in every neuron. The target is drawn as a run
    draws it, the loss computed as in a run, in its dtype.
    """
    together = samples(LOSSES[run.loss.name].adapter, run.batch) != run.batch
    if together and math.isnan(last.cosine):
        return InitialLoss(None, reason="the correlation of samples is not known")
    generator, dtype = Generator().manual_seed(SEED), getattr(torch, run.dtype)
    drawn_in = getattr(torch, run.draw_dtype)
    phi = ACTIVATIONS[last.activation.name].bind(last.activation.parameters)
    most = min(max(VALUES // (run.batch * run.shape[-1]), LEAST), MOST)
    values: list[float] = []
    while len(values) < most:
        z = last.mean + math.exp(last.ln_q / 2) * _correlated(run, last.cosine, generator)
        y = phi(z).to(dtype)
        target = draw_target(run.loss, run.batch, run.shape[-1], generator, drawn_in, run.target)
        values.append(loss_value(run.loss, run.reduction, y, target))
        if not math.isfinite(values[-1]):
            reason = f"the loss of simulated batch {len(values)} is {values[-1]}"
            return InitialLoss(None, reason=reason)
        look = len(values) >= LEAST and not len(values) % FEW
        if look and _error(values) < SURE * abs(_mean(values)):
            break
    mean, error = _mean(values), _error(values)
    if error > DOUBTFUL * abs(mean):
        return InitialLoss(None, error, f"batches differ too much: {mean:.4g} +- {error:.2g}")
    if not mean and math.isfinite(last.ln_q):
        return InitialLoss(None, reason=f"all of {len(values)} simulated batches have the loss 0")
    return InitialLoss(mean, error)


def _mean(values: list[float]) -> float:
    return math.fsum(values) / len(values)


def _error(values: list[float]) -> float:
    """Standard error of the mean."""
    mean = _mean(values)
    return math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (len(values) - 1) / len(values))


def _correlated(run: Run, cosine: float, generator: Generator) -> Tensor:
    """N(0, 1) of shape (B, N), two samples of correlation c in every neuron.

    z = sqrt(1 - c) (e - mean e) + sqrt(1 + (B - 1) c) mean e, means over the samples, e ~ N(0, 1).
    """
    e = torch.empty((run.batch, run.shape[-1]), dtype=torch.float64).normal_(generator=generator)
    if run.batch == 1 or not cosine or math.isnan(cosine):
        return e
    c = min(max(cosine, -1 / (run.batch - 1)), 1.0)
    mean = e.mean(0)
    shared = math.sqrt(max(1 + (run.batch - 1) * c, 0.0))
    return math.sqrt(1 - c) * (e - mean) + shared * mean
