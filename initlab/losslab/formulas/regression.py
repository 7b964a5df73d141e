"""Squared, absolute and in between; Poisson and normal likelihoods.

Operands have one shape or broadcast to it; losses have that shape, (...).
"""

import math

import torch
from torch import Tensor

from initlab.losslab.formulas.numerics import xlogy
from initlab.losslab.formulas.working import Operands, Options, Working


def _residual(o: Operands) -> Tensor:
    return o["input"] - o["target"]


def _weighted(losses: Tensor, columns: dict[str, Tensor], p: Options, *, by_sum: bool) -> Working:
    """The working of losses (...) times a weight (...), if there is one.

    The mean divides by the sum of the weights where `by_sum` is set, else by their number.
    """
    weight = p.get("weight")
    if weight is None:
        return Working(losses, columns)
    weight = weight.to(torch.float64)
    columns["weight"] = weight
    if not by_sum:
        return Working(weight * losses, columns)
    total = weight.sum()
    return Working(weight * losses, columns, total, f"weights that sum to {total:.6g}")


def mse(o: Operands, p: Options) -> Working:
    """Squared error: w (x - t)^2 (Legendre 1805; Gauss 1809).

    input, target and weight (...); losses (...).
    """
    r = _residual(o)
    return _weighted(r**2, {"x - t": r}, p, by_sum=True)


def l1(o: Operands, p: Options) -> Working:
    """Absolute error: w |x - t| (Laplace 1774).

    input, target and weight (...); losses (...).
    """
    r = _residual(o)
    return _weighted(r.abs(), {"x - t": r}, p, by_sum=True)


def smooth_l1(o: Operands, p: Options) -> Working:
    """(x - t)^2 / (2 beta) where |x - t| < beta, |x - t| - beta/2 elsewhere; beta = 0 is l1.

    input and target (...); losses (...). Girshick 2015, Fast R-CNN, eq. 3.
    """
    r, beta = _residual(o), p["beta"]
    inside = r.abs() < beta
    losses = torch.where(inside, r**2 / (2 * beta or 1), r.abs() - beta / 2)
    return Working(losses, {"x - t": r, "quadratic": inside.double()})


def huber(o: Operands, p: Options) -> Working:
    """Squared: w (x - t)^2 / 2 where |x - t| <= delta, else w delta (|x - t| - delta/2).

    input, target and weight (...); losses (...). Huber 1964.
    """
    r, delta = _residual(o), p["delta"]
    inside = r.abs() <= delta
    losses = torch.where(inside, r**2 / 2, delta * (r.abs() - delta / 2))
    return _weighted(losses, {"x - t": r, "quadratic": inside.double()}, p, by_sum=False)


def poisson_nll(o: Operands, p: Options) -> Working:
    """e^x - t x, or x - t log x for rates; full adds log t!, exactly.

    log_input (...) of log-rates or rates, target (...) of counts; losses (...).
    McCullagh & Nelder 1989, sec. 6.2.
    """
    x, t = o["log_input"], o["target"]
    rate = x.exp() if p["log_input"] else x
    log_rate = x if p["log_input"] else x.clamp(min=0).log()
    losses = rate - xlogy(t, log_rate)
    columns = {"rate": rate, "t": t}
    if p["full"]:
        # torch takes Stirling's t log t - t + log(2 pi t)/2, and 0 for t <= 1
        factorial = torch.lgamma(t.clamp(min=0) + 1)
        stirling = xlogy(t, t.clamp(min=0).log()) - t + 0.5 * (2 * math.pi * t.clamp(min=1)).log()
        columns |= {"log t!": factorial, "Stirling": torch.where(t > 1, stirling, 0.0)}
        losses = losses + factorial
    return Working(losses, columns)


def gaussian_nll(o: Operands, p: Options) -> Working:
    """(log v + (x - t)^2 / v) / 2, and log(2 pi) / 2 with full (Nix & Weigend 1994).

    input (..., D), target (..., D), var (..., D), (..., 1) or (...); losses (..., D).
    """
    r, x, v = _residual(o), o["input"], o["var"]
    if v.shape != x.shape and v.shape == x.shape[:-1]:
        v = v.unsqueeze(-1)  # one variance for each row
    losses = (v.log() + torch.where(r == 0, 0.0, r**2 / v)) / 2
    if p["full"]:
        losses = losses + math.log(2 * math.pi) / 2
    return Working(losses, {"x - t": r, "sigma": v.sqrt(), "z": r / v.sqrt()})
