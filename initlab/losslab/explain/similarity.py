"""How the explain view shows losses over pairs and triplets."""

from collections.abc import Iterator

import torch

from initlab.formatting import bracketed
from initlab.losslab.evaluate import Evaluation
from initlab.losslab.explain.substitution import Value
from initlab.losslab.explain.verdicts import count_active, no_gradient


def substitute_margin_ranking(v: Value) -> str:
    """max(0, -t (x1 - x2) + margin)."""
    return f"max(0, -{v.column('t')} * {v.column('x1 - x2')} + {v.call.options['margin']:g})"


def substitute_hinge_embedding(v: Value) -> str:
    """x or max(0, margin - x), x the distance."""
    x = v.column("distance")
    return x if v.columns["t"] == 1 else f"max(0, {v.call.options['margin']:g} - {x})"


def substitute_cosine(v: Value) -> str:
    """1 - cos or max(0, cos - margin)."""
    cos = v.column("cos")
    return f"1 - {cos}" if v.columns["t"] == 1 else f"max(0, {cos} - {v.call.options['margin']:g})"


def substitute_triplet(v: Value) -> str:
    """max(0, d(a, p) - d(a, n) + margin), or d(p, n) where swap takes it."""
    far = min(v.columns["d(a, n)"], v.columns.get("d(p, n)", v.columns["d(a, n)"]))
    margin = v.call.options["margin"]
    return f"max(0, {v.column('d(a, p)')} - {bracketed(far)} + {margin:g})"


def judge_cosine(e: Evaluation) -> Iterator[str]:
    """How many similar pairs are orthogonal or have no direction; how many have a gradient."""
    columns, similar = e.working.columns, e.call.target == 1
    empty = (columns["|x1|"] == 0) | (columns["|x2|"] == 0)
    orthogonal = int(((columns["cos"].abs() < 1e-6) & similar & ~empty).sum())
    if orthogonal:
        yield f"{orthogonal} similar pairs have cos = 0: orthogonal"
    if (empty & similar).any():
        yield f"{int((empty & similar).sum())} similar pairs have a vector of length 0"
    yield from count_active(e)


def judge_triplets(e: Evaluation) -> Iterator[str]:
    """How many triplets are easy (loss 0), hard (the negative is nearer) and semi-hard (between).

    Schroff, Kalenichenko & Philbin 2015, sec. 3.2.
    """
    near, far = e.working.columns["d(a, p)"], e.working.columns["d(a, n)"]
    far = torch.minimum(far, e.working.columns.get("d(p, n)", far))
    margin = e.call.options["margin"]
    easy, hard = int((far > near + margin).sum()), int((far <= near).sum())
    middle = near.numel() - easy - hard
    yield f"{easy} easy, {middle} semi-hard, {hard} hard of {near.numel()} triplets"
    if not (near.any() or far.any()):
        yield f"every distance is 0, the loss is the margin {margin:g}: embeddings collapsed"
    elif no_gradient(e):
        yield "no triplet is active: no gradient"
