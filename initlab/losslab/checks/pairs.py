"""Distances, margins and vectors."""

from collections.abc import Iterator

import torch

from initlab.errors import Finding
from initlab.losslab.call import Call, describe

SHORTEST = 3e-4  # below it torch's 1e-12 changes the cosine by more than 1e-5


def distances(call: Call) -> Iterator[Finding]:
    """A distance is not negative."""
    x = call.input
    bad = x < 0
    if bad.any():
        message = f"{describe(x, bad, 'negative')}; {call.loss.class_name} needs distances"
        fix = "give distances, as torch.pairwise_distance makes them"
        yield call.error("negative-distance", "input", message, fix)


def negative_margin(call: Call) -> Iterator[Finding]:
    """A margin below 0 lets the loser lead."""
    margin = call.options["margin"]
    if margin < 0:
        message = (
            f"{margin:g} is negative: a pair may be in the wrong order by that much at no loss"
        )
        yield call.warning("option-range", call.option("margin"), message, "--margin 0")


def zero_vectors(call: Call) -> Iterator[Finding]:
    """The angle to a vector of no length is not defined."""
    for name in ("input1", "input2"):
        x = call.operands[name]
        norms = torch.linalg.vector_norm(x.double(), dim=-1)
        for bad, what in (
            (norms == 0, "of length 0: it has no direction"),
            ((norms > 0) & (norms < SHORTEST), "so short that torch's 1e-12 changes the cosine"),
        ):
            if bad.any():
                message = describe(norms, bad, what, what="lengths")
                yield call.warning("zero-vector", name, message)


CHECKS = (distances, negative_margin, zero_vectors)
