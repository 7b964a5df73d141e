"""Over the probabilities of classes."""

import math

import torch
from torch import Tensor

from initlab.losslab.formulas.numerics import log_softmax, xlogy
from initlab.losslab.formulas.working import Operands, Options, Working


def _dim(x: Tensor) -> int:
    return 0 if x.ndim == 1 else 1


def _weights(p: Options, classes: int) -> Tensor:
    weight = p.get("weight")
    return torch.ones(classes, dtype=torch.float64) if weight is None else weight.double()


def cross_entropy(o: Operands, p: Options) -> Working:
    """The nll of log_softmax(x), smoothed; or -sum_c w_c q_c log softmax(x)_c for a target q.

    input (C) or (N, C, d...) of logits, target () or (N, d...) of class ids, or probabilities like
    input, weight (C); losses () or (N, d...).
    Good 1952; Bridle 1990; label smoothing: Szegedy et al. 2016, sec. 7.
    """
    x, t = o["input"], o["target"]
    log_p = log_softmax(x, _dim(x))
    if t.is_floating_point():
        return _soft(log_p, t, p)
    return _hard(log_p, t, p, p["label_smoothing"])


def nll(o: Operands, p: Options) -> Working:
    """-w_t x_t (Fisher 1922).

    input (C) or (N, C, d...) of log-probabilities, target () or (N, d...) of class ids, weight (C);
    losses () or (N, d...).
    """
    return _hard(o["input"], o["target"], p, 0.0)


def linear_cross_entropy(o: Operands, p: Options) -> Working:
    """cross_entropy of x W^T + b (Wijmans et al. 2024).

    input (D) or (N, D), linear_weight (C, d..., D), linear_bias (C, d...), target () or (N, d...)
    of class ids, or probabilities like the logits (C) or (N, C, d...); losses () or (N, d...).
    """
    return cross_entropy({"input": logits_of(o), "target": o["target"]}, p)


def logits_of(o: Operands) -> Tensor:
    """The input itself, or x W^T + b where a linear layer stands before the softmax.

    input (C) or (N, C, d...); or (D) or (N, D) with linear_weight (C, d..., D) and, if any,
    linear_bias (C, d...). Returns (C) or (N, C, d...).
    """
    x, weight = o["input"], o.get("linear_weight")
    if weight is None:
        return x
    logits = x @ weight.reshape(-1, weight.shape[-1]).T
    logits = logits.reshape(*x.shape[:-1], *weight.shape[:-1])
    return logits + o["linear_bias"] if "linear_bias" in o else logits


def class_row(x: Tensor, at: tuple[int, ...]) -> Tensor:
    """The numbers (C) of one sample, of (C) or (N, C, d...)."""
    return x if x.ndim == 1 else x.movedim(1, -1)[at]


def _hard(log_p: Tensor, t: Tensor, p: Options, smoothing: float) -> Working:
    """-(1 - e) w_t log p_t - e/C sum_c w_c log p_c, 0 where t is ignored; e is the smoothing.

    log_p (C) or (N, C, d...), t () or (N, d...) of class ids; losses like t.
    """
    dim = _dim(log_p)
    classes = log_p.shape[dim]
    weight = _weights(p, classes)
    kept = t != p["ignore_index"]
    safe = torch.where(kept, t, 0)
    picked = log_p.gather(dim, safe.unsqueeze(dim)).squeeze(dim)
    w = torch.where(kept, weight[safe], 0.0)
    losses = torch.where(kept, -weight[safe] * picked, 0.0)
    if smoothing:
        along = weight.reshape([-1] + [1] * (log_p.ndim - dim - 1))
        spread = -xlogy(along.expand_as(log_p), log_p).sum(dim) / classes
        losses = (1 - smoothing) * losses + smoothing * torch.where(kept, spread, 0.0)
    columns = {"class": t, "p(class)": torch.where(kept, picked.exp(), math.nan), "weight": w}
    if smoothing:
        columns["spread"] = spread
    total = w.sum()
    return Working(losses, columns, total, _counted(w, p.get("weight") is not None))


def _counted(w: Tensor, weighted: bool) -> str:
    kept = int((w != 0).sum()) if not weighted else w.numel()
    if not weighted:
        ignored = w.numel() - kept
        return f"{kept} samples" + (f"; {ignored} ignored" if ignored else "")
    terms = " + ".join(f"{v:.4g}" for v in w.flatten()[:8].tolist())
    return f"the weights of the targets, {terms}{' + ...' if w.numel() > 8 else ''}"


def _soft(log_p: Tensor, q: Tensor, p: Options) -> Working:
    """-sum_c w_c q_c log p_c with 0 log 0 = 0; the mean divides by the number of samples.

    log_p and q (C) or (N, C, d...); losses () or (N, d...).
    """
    dim = _dim(log_p)
    classes = log_p.shape[dim]
    smoothing = p["label_smoothing"]
    smoothed = q * (1 - smoothing) + smoothing / classes
    along = _weights(p, classes).reshape([-1] + [1] * (log_p.ndim - dim - 1))
    losses = -xlogy(smoothed * along, log_p).sum(dim)
    entropy = -xlogy(smoothed, smoothed.clamp(min=0).log()).sum(dim)
    columns = {"H(q)": entropy, "KL(q||p)": losses - entropy}
    if p.get("weight") is not None:
        columns = {}  # weighted terms are no entropies
    number = losses.numel()
    return Working(losses, columns, torch.tensor(float(number)).double(), f"{number} samples")


def kl_div(o: Operands, p: Options) -> Working:
    """Each term t (log t - x) with 0 log 0 = 0; t = e^target with log_target.

    input (...) of log-probabilities, target (...) of probabilities or their logarithms, classes
    last; losses (...), a term for each class. Kullback & Leibler 1951.
    """
    x, t = o["input"], o["target"]
    log_t = t if p["log_target"] else t.clamp(min=0).log()
    t = t.exp() if p["log_target"] else t
    # where t = 0 the term is 0, whatever x: t log t = 0 and t x = 0
    losses = xlogy(t, log_t - torch.where(t == 0, 0.0, x))
    working = Working(losses, {"t": t, "q = e^x": x.exp()})
    working.batch = x.shape[0] if x.ndim else 1
    return working
