"""Over pairs and triplets."""

from collections.abc import Callable

import torch
from torch import Tensor

from initlab.losslab.formulas.working import Operands, Options, Working

Distance = Callable[[Tensor, Tensor], Tensor]


def cosine(a: Tensor, b: Tensor) -> Tensor:
    """a.b / (|a| |b|) of vectors (..., D), each scaled by its largest entry first: (...).

    0 with a zero vector.
    """
    return (_unit(a) * _unit(b)).sum(-1).clamp(-1, 1)


def one_minus_cosine(a: Tensor, b: Tensor) -> Tensor:
    """1 - cos as |u - v|^2 / 2 of the unit vectors, which keeps the digits of small angles.

    a and b (..., D). Returns (...): 1 with a zero vector, whose cosine counts as 0.
    """
    zero = (a == 0).all(-1) | (b == 0).all(-1)
    return torch.where(zero, 1.0, ((_unit(a) - _unit(b)) ** 2).sum(-1) / 2)


def _unit(a: Tensor) -> Tensor:
    """Vectors (..., D) divided by their lengths, which may be too large or small to be squared."""
    largest = a.detach().abs().amax(-1, keepdim=True)
    scaled = a / torch.where(largest > 0, largest, 1.0)
    norm = (scaled**2).sum(-1, keepdim=True).clamp(min=torch.finfo(torch.float64).tiny).sqrt()
    return scaled / norm


def norm(order: float) -> Distance:
    """The p-norm of the difference of vectors (..., D), without an eps: (...)."""
    return lambda a, b: torch.linalg.vector_norm(a - b, ord=order, dim=-1)


#: as the option `distance` names them
DISTANCES: dict[str, Distance] = {
    "euclidean": norm(2.0),
    "squared": lambda a, b: ((a - b) ** 2).sum(-1),
    "manhattan": norm(1.0),
    "cosine": one_minus_cosine,
}


def margin_ranking(o: Operands, p: Options) -> Working:
    """max(0, -t (x1 - x2) + margin) (Herbrich, Graepel & Obermayer 2000).

    input1 and input2 (...) of scores, target (...) of +1 and -1; losses (...).
    """
    difference = o["input1"] - o["input2"]
    losses = (p["margin"] - o["target"] * difference).clamp(min=0)
    return Working(losses, {"x1 - x2": difference, "t": o["target"], "active": losses > 0})


def hinge_embedding(o: Operands, p: Options) -> Working:
    """Distance x if t = 1, max(0, margin - x) if t = -1 (Hadsell, Chopra & LeCun 2006).

    input (...) of distances, target (...) of +1 and -1; losses (...).
    """
    x, t = o["input"], o["target"]
    # for a target that is neither, where that is allowed, torch adds both branches
    losses = torch.where(t != -1, x, 0.0) + torch.where(t != 1, (p["margin"] - x).clamp(min=0), 0.0)
    return Working(losses, {"distance": x, "t": t, "active": losses > 0})


def cosine_embedding(o: Operands, p: Options) -> Working:
    """1 - cos if t = 1, max(0, cos - margin) if t = -1 (Bromley et al. 1993).

    input1 and input2 (D) or (N, D), target () or (N) of +1 and -1; losses () or (N).
    """
    x, y, t = o["input1"], o["input2"], o["target"]
    cos = cosine(x, y)
    apart = one_minus_cosine(x, y)
    unlike = torch.where(t == -1, (cos - p["margin"]).clamp(min=0), 0.0)  # 0 for no sign at all
    losses = torch.where(t == 1, apart, unlike)
    lengths = [torch.linalg.vector_norm(v, dim=-1) for v in (x, y)]
    columns = {"|x1|": lengths[0], "|x2|": lengths[1], "cos": cos}
    columns["degrees"] = 2 * (apart / 2).clamp(max=1).sqrt().asin().rad2deg()
    return Working(losses, {**columns, "t": t})


def triplet_margin(o: Operands, p: Options) -> Working:
    """max(0, |a - p| - |a - n| + margin) in p-norms.

    anchor, positive and negative (..., D); losses (...).
    Schroff, Kalenichenko & Philbin 2015 (there squared).
    """
    return _triplet(o, p, norm(p["p"]))


def triplet_margin_with_distance(o: Operands, p: Options) -> Working:
    """max(0, d(a, p) - d(a, n) + margin).

    anchor, positive and negative (..., D); losses (...).
    Schroff, Kalenichenko & Philbin 2015.
    """
    return _triplet(o, p, DISTANCES[p["distance"]])


def _triplet(o: Operands, p: Options, distance: Distance) -> Working:
    """Both triplet losses, of vectors (..., D); swap: Balntas et al. 2016."""
    near, far = distance(o["anchor"], o["positive"]), distance(o["anchor"], o["negative"])
    columns = {"d(a, p)": near, "d(a, n)": far}
    if p["swap"]:
        columns["d(p, n)"] = distance(o["positive"], o["negative"])
        far = torch.minimum(far, columns["d(p, n)"])
    losses = (near - far + p["margin"]).clamp(min=0)
    return Working(losses, columns)
