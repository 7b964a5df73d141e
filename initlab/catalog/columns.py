"""What is measured: the columns of layers.csv and runs.csv, with unit and estimator.

The writer, `initlab list statistics`, `initlab describe` and results/README.md all read this table.
"""

from dataclasses import dataclass
from typing import Literal

from initlab.catalog.table import Record, Table

Where = Literal["layers", "runs"]
Group = Literal["key", "forward", "backward", "result"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Column(Record):
    """One column: `formula` is its estimator, `group` the part of a run that fills it."""

    where: Where
    group: Group
    unit: str


def _column(
    where: Where,
    group: Group,
    name: str,
    unit: str,
    formula: str,
    about: str,
    source: str = "initlab",
) -> Column:
    return Column(
        name=name, where=where, group=group, unit=unit, formula=formula, about=about, source=source
    )


_TORCH_STD = "torch.std: centred, unbiased (n - 1), over batch and neurons"

# fmt: off
COLUMNS = Table(
    "statistic",
    "statistics",
    _column("layers", "key", "layer", "index",
            "0, 1, 2, ...",
            "the first hidden layer is 0; the input is no layer"),
    _column("layers", "key", "fan_in", "neurons",
            "columns of W",
            "inputs of the layer"),
    _column("layers", "key", "fan_out", "neurons",
            "rows of W",
            "outputs of the layer"),
    _column("layers", "forward", "pre_mean", "1",
            "mean of z = W h + b",
            "mean pre-activation, over batch and neurons"),
    _column("layers", "forward", "pre_std", "1",
            _TORCH_STD,
            "standard deviation of the pre-activations"),
    _column("layers", "forward", "mean", "1",
            "mean of h = phi(z)",
            "mean activation, over batch and neurons"),
    _column("layers", "forward", "std", "1",
            _TORCH_STD,
            "standard deviation of the activations: the signal this tool is about"),
    _column("layers", "forward", "rms", "1",
            "sqrt(mean of h^2), not centred",
            "root mean square activation; its square is mean-field theory's V(q)",
            "Poole et al. 2016"),
    _column("layers", "forward", "abs_max", "1",
            "max |h|",
            "largest absolute activation"),
    _column("layers", "forward", "zero_fraction", "0..1",
            "share of h == 0",
            "activations that are exactly zero: inactive ReLUs, or underflow"),
    _column("layers", "forward", "saturated_fraction", "0..1",
            "share of |phi'(z)| < 0.05",
            "units that let less than a twentieth of the gradient through; inactive ReLUs count",
            "after Glorot & Bengio 2010, sec. 3"),
    _column("layers", "forward", "finite_fraction", "0..1",
            "share of h neither inf nor nan",
            "below 1 the layer's std is nan and the run stops"),
    _column("layers", "forward", "cosine", "-1..1",
            "mean over pairs of different samples of h_i . h_j / (|h_i| |h_j|)",
            "1: all samples look alike to this layer; samples that are all zero are left out",
            "Schoenholz et al. 2017"),
    _column("layers", "backward", "grad_std", "loss / 1",
            _TORCH_STD,
            "standard deviation of dL/dh at the layer's output"),
    _column("layers", "backward", "weight_grad_std", "loss / 1",
            "torch.std of dL/dW: centred, unbiased, over all weights of the layer",
            "standard deviation of the weight gradient"),
    _column("layers", "backward", "bias_grad_std", "loss / 1",
            "torch.std of dL/db: centred, unbiased, over neurons",
            "standard deviation of the bias gradient; empty without a bias"),
    _column("runs", "key", "run", "index",
            "0, 1, 2, ... in the order of the spec",
            "one network: one point of the spec and one seed"),
    _column("runs", "key", "seed", "integer",
            "as in the spec",
            "seeds weights, input and target"),
    _column("runs", "result", "status", "word",
            "ok, failed or interrupted",
            "a network that turns nan is ok: that is a finding"),
    _column("runs", "result", "reason", "text",
            "why the run failed or stopped",
            "empty when the run measured all it was asked"),
    _column("runs", "result", "nan_onset", "layer index",
            "first layer with std nan",
            "first layer that holds a non-finite activation; empty when none does"),
    _column("runs", "result", "forward_verdict", "steady, vanishing, exploding, nan",
            "std_last / std_first against `thresholds`",
            "what becomes of the signal"),
    _column("runs", "result", "backward_verdict", "steady, vanishing, exploding, nan",
            "grad_std_first / grad_std_last against `thresholds`",
            "what becomes of the gradient on its way to layer 0; empty when it was not measured"),
    _column("runs", "result", "std_first", "1",
            "std at layer 0",
            "where the signal starts"),
    _column("runs", "result", "std_last", "1",
            "std at the last layer measured",
            "where the signal ends; nan when the run stopped"),
    _column("runs", "result", "grad_std_first", "loss / 1",
            "grad_std at layer 0",
            "where the gradient ends"),
    _column("runs", "result", "grad_std_last", "loss / 1",
            "grad_std at the last layer",
            "where the gradient starts"),
    _column("runs", "result", "loss_value", "loss",
            "the loss as reduced; for reduction none, the mean over samples of each one's own loss",
            "loss of the untrained network on its synthetic target"),
    _column("runs", "result", "seconds", "s",
            "wall time of the share / runs in it",
            "runs that share their weights are computed together"),
)
# fmt: on


def columns(where: Where, *groups: Group) -> list[str]:
    """Names of the columns of one file, in order, optionally of some groups only."""
    return [
        c.name for c in COLUMNS.values() if c.where == where and (not groups or c.group in groups)
    ]
