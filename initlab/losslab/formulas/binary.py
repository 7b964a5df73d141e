"""Over yes or no; `weight` and `pos_weight` broadcast to the input where no shape is given."""

from torch import Tensor

from initlab.losslab.formulas.numerics import softplus, xlogy
from initlab.losslab.formulas.working import Operands, Options, Working


def _times(weight: Tensor | None, losses: Tensor) -> Tensor:
    return losses if weight is None else weight.double() * losses


def _weights(p: Options) -> dict[str, Tensor]:
    return {name: p[name] for name in ("weight", "pos_weight") if name in p}


def bce(o: Operands, p: Options) -> Working:
    """-w (t log x + (1 - t) log(1 - x)) with 0 log 0 = 0 (Cox 1958).

    input (...) of probabilities, target (...) in 0..1; losses (...).
    """
    x, t = o["input"], o["target"]
    yes, no = -xlogy(t, x.log()), -xlogy(1 - t, (-x).log1p())
    losses = _times(p.get("weight"), yes + no)
    columns = {"x": x, "t": t, "-t log x": yes, "-(1-t) log(1-x)": no}
    return Working(losses, {**columns, **_weights(p)})


def bce_with_logits(o: Operands, p: Options) -> Working:
    """Weighted: w (pw t softplus(-x) + (1 - t) softplus(x)) (Cox 1958; pw: King & Zeng 2001).

    input (...) of logits, target (...) in 0..1; losses (...).
    """
    x, t = o["input"], o["target"]
    yes, no = _times(p.get("pos_weight"), t * softplus(-x)), (1 - t) * softplus(x)
    losses = _times(p.get("weight"), yes + no)
    columns = {"s(x)": x.sigmoid(), "t": t, "yes part": yes, "no part": no}
    return Working(losses, {**columns, **_weights(p)})


def soft_margin(o: Operands, _: Options) -> Working:
    """log(1 + e^(-t x)) = softplus(-t x) (Friedman, Hastie & Tibshirani 2000).

    input (...) of scores, target (...) of +1 and -1; losses (...).
    """
    margin = o["target"] * o["input"]
    return Working(softplus(-margin), {"x": o["input"], "t": o["target"], "t x": margin})


def multilabel_soft_margin(o: Operands, p: Options) -> Working:
    """The mean over the last dimension of w (t softplus(-x) + (1 - t) softplus(x)).

    input (..., C) of logits, target (..., C) of 0 and 1, weight (C); losses (...).
    PyTorch, torch.nn.MultiLabelSoftMarginLoss.
    """
    x, t = o["input"], o["target"]
    cells = _times(p.get("weight"), t * softplus(-x) + (1 - t) * softplus(x))
    worst = cells.argmax(-1)
    columns = {"worst class": worst, "its loss": cells.amax(-1)}
    working = Working(cells.mean(-1), columns)
    working.counted = (
        f"{working.losses.numel()} samples, each already divided by {x.shape[-1]} classes"
    )
    return working
