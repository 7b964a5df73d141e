"""How the explain view shows hinges over the scores of classes, pair by pair."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from initlab.formatting import bracketed, four_decimals, fraction_or_whole
from initlab.losslab.evaluate import Evaluation
from initlab.losslab.explain.substitution import MOST_TERMS, Value
from initlab.losslab.explain.tables import At, Grid, Line, label_of, ranked

FEW_PAIRS, MOST_PAIRS = 6, 200  # of the short view, and of the full one


@dataclass(frozen=True)
class Pairs:
    """Every right class of a sample against every wrong one.

    `right` (R) and `wrong` (W) are class ids, in order, `x` (C) the scores; `gaps` (R, W) are
    margin - x_j + x_i, whose positive part is the hinge.
    """

    x: Tensor
    right: Tensor
    wrong: Tensor
    gaps: Tensor

    def first(self, most: int) -> list[tuple[int, int]]:
        """Rows and columns of `gaps`: of all pairs in order, or of the largest if they are more."""
        flat = self.gaps.flatten().nan_to_num(nan=torch.inf)
        places = flat.topk(most).indices if len(flat) > most else torch.arange(len(flat))
        return [divmod(place, len(self.wrong)) for place in places.tolist()]


def _pairs(operands: Mapping[str, Tensor], at: At, margin: float) -> Pairs:
    """The pairs of the sample at an index, of class ids or of lists of them that end at -1."""
    x = operands["input"].double()
    x = x if x.ndim == 1 else x[at[0]]
    t = operands["target"]
    t = (t[at[0]] if t.ndim and at else t).reshape(-1)
    right = t[(t >= 0).cumprod(0).bool()]
    wrong = torch.tensor([c for c in range(len(x)) if c not in set(right.tolist())]).long()
    return Pairs(x, right, wrong, margin - x[right][:, None] + x[wrong])


def substitute_multi_margin(v: Value) -> str:
    """w (max(0, margin - x_t + x_i)^p + ...) / C, of every i or of the largest."""
    margin, power = v.call.options["margin"], "^2" if v.call.options["p"] == 2 else ""
    pairs = _pairs(v.operands, v.at, margin)
    right, shown = v.column("x_t"), pairs.first(MOST_TERMS)
    terms = [
        f"max(0, {margin:g} - {right} + {bracketed(float(pairs.x[pairs.wrong[i]]))}){power}"
        for _, i in shown
    ]
    more = " + ..." if pairs.gaps.numel() > len(shown) else ""
    return f"{v.weight}({' + '.join(terms) or '0'}{more}) / {len(pairs.x)}"


def substitute_multilabel_margin(v: Value) -> str:
    """((1 - (x_j - x_i)) + ...) / C, of the violated pairs."""
    pairs = _pairs(v.operands, v.at, 1.0)
    active = int((pairs.gaps > 0).sum())
    terms = [
        f"(1 - ({bracketed(float(pairs.x[pairs.right[j]]))}"
        f" - {bracketed(float(pairs.x[pairs.wrong[i]]))}))"
        for j, i in pairs.first(pairs.gaps.numel() if active <= MOST_TERMS else MOST_TERMS)
        if pairs.gaps[j, i] > 0
    ]
    more = " + ..." if active > len(terms) else ""
    return f"({' + '.join(terms) or '0'}{more}) / {len(pairs.x)}"


def multi_margin_table(e: Evaluation) -> list[Line]:
    """The worst sample's right class against every other; what the textbook's hinge would be."""
    at, p = ranked(e.working.losses)[0], e.call.options["p"]
    pairs = _pairs(e.call.operands, at, e.call.options["margin"])
    lines = _grid(pairs, at, f"{e.call.options['margin']:g}", p)
    total = float((pairs.gaps.clamp(min=0) ** p).sum())
    name = "squared hinge" if p == 2 else "plain hinge"
    weight = ", and weighs" if "weight" in e.call.options else ""
    return [
        *lines,
        f"their sum {four_decimals(total)} is the {name} (Weston & Watkins);"
        f" torch divides by C = {len(pairs.x)}{weight}",
    ]


def multilabel_margin_table(e: Evaluation) -> list[Line]:
    """The worst sample's right classes against its wrong ones."""
    at = ranked(e.working.losses)[0]
    pairs = _pairs(e.call.operands, at, 1.0)
    total = four_decimals(float(pairs.gaps.clamp(min=0).sum()))
    return [*_grid(pairs, at, "1", 1), f"their sum {total} is divided by C = {len(pairs.x)}"]


def _grid(pairs: Pairs, at: At, margin: str, p: int) -> list[Line]:
    rows = []
    for j, i in pairs.first(MOST_PAIRS):
        right, wrong, gap = int(pairs.right[j]), int(pairs.wrong[i]), pairs.gaps[j, i]
        numbers = (fraction_or_whole(float(x)) for x in (pairs.x[right], pairs.x[wrong], gap))
        active = "active" if gap > 0 else ""
        hinge = four_decimals(float(gap.clamp(min=0) ** p))
        rows.append([f"{right}, {wrong}", *numbers, hinge, active])
    header = [
        "right, wrong",
        "x_j",
        "x_i",
        f"{margin} - x_j + x_i",
        "hinge^2" if p == 2 else "hinge",
    ]
    grid = Grid([*header, ""], rows, FEW_PAIRS, pairs.gaps.numel())
    return ["", f"the worst, {label_of(at)}: right class j against wrong class i", grid]
