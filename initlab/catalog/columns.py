"""What is measured: the columns of layers.csv and runs.csv, with unit and estimator.

The writer, `initlab list statistics`, `initlab describe` and results/README.md all read this table.
"""

from dataclasses import dataclass
from typing import Literal

from initlab.catalog.table import Record, Table

Where = Literal["layers", "runs", "both"]
Group = Literal["key", "forward", "backward", "result", "predicted"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Column(Record):
    """One column: `formula` is its estimator, `group` the part of a run that fills it.

    A column of both files holds in runs.csv what layers.csv has at the run's last layer, or, if it
    is about the gradient, at layer 0: where a signal ends.
    """

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
#: what a prediction needs; `describe` says it of every predicted column
NO_THEORY = (
    "empty where theory does not hold: weights of a mean that is not 0, constant or identity"
    " weights"
)
NO_BAND = (
    "empty where theory does not hold, for orthogonal and sparse weights, whose entries are not"
    " independent, for biases of a mean that is not 0, for neurons of fewer than 16 inputs whose"
    " weights are not normal, for batches above 64, and with band: 0"
)

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
    _column("runs", "predicted", "predicted_q", "1",
            "fixed point of q = sigma_w^2 E phi(sqrt(q) z)^2 + sigma_b^2",
            "variance of the pre-activations that lengths run into, 0 and inf among them; empty"
            " also where layers that no override is about differ in sigma_w or sigma_b;"
            f" {NO_THEORY}",
            "Poole et al. 2016, eq. 3"),
    _column("runs", "predicted", "chi_1", "1",
            "fan_out Var W E phi'(sqrt(q) z)^2 at q = predicted_q; where fans differ, its geometric"
            " mean over all layers but the first",
            "growth of the gradient's variance from layer to layer: 1 is the edge of chaos;"
            " empty as predicted_q",
            "Poole et al. 2016, eq. 6"),
    _column("runs", "predicted", "xi_c", "layers",
            "-1 / ln(slope of the correlation map at its fixed point)",
            "how far signals reach: deeper than 6 xi_c is hard to train; inf on the edge of"
            " chaos; empty as predicted_q, and where that is inf",
            "Schoenholz et al. 2017, eq. 9"),
    _column("runs", "predicted", "predicted_nan_onset", "layer index",
            "first layer where phi of the largest of batch x width normal values overflows",
            f"to be compared with nan_onset; empty where nothing overflows, and {NO_THEORY}"),
    _column("both", "predicted", "predicted_pre_std", "1",
            "sqrt(q_l), q_l+1 = sigma_w^2 E phi(sqrt(q_l) z)^2 + sigma_b^2",
            f"pre_std at infinite width; {NO_THEORY}",
            "Poole et al. 2016, eq. 3"),
    _column("both", "predicted", "predicted_std", "1",
            "sqrt(Var phi(sqrt(q_l) z)): centred, as std is; not the rms",
            f"std at infinite width; {NO_THEORY}",
            "Poole et al. 2016, eq. 3"),
    _column("both", "predicted", "predicted_grad_std", "ratio",
            "sqrt of the product of fan_out Var W E phi'^2 over the layers above",
            "grad_std / grad_std of the last layer, at infinite width; for mse with what the"
            " gradient y - t knows of y; empty for losses whose first gradient theory does not"
            " know (all but mse, cross_entropy, nll; of the latter two also for outputs of an rms"
            f" above 1), where the signal overflows, and {NO_THEORY}",
            "Schoenholz et al. 2017, eq. 10"),
    _column("both", "predicted", "predicted_cosine", "-1..1",
            "E phi(x1) phi(x2) / E phi(x)^2 at the correlation of layer l, mean over pairs",
            "cosine at infinite width; empty of one sample, where it may be off by more than 0.01,"
            f" and {NO_THEORY}",
            "Poole et al. 2016, eq. 5"),
    _column("both", "predicted", "predicted_std_p10", "1",
            "10 % quantile of the std of simulated layers of this width",
            f"lower end of the band of 80 % of networks; {NO_BAND}"),
    _column("both", "predicted", "predicted_std_p50", "1",
            "median of the std of simulated layers of this width",
            f"what a network of this width has; {NO_BAND}"),
    _column("both", "predicted", "predicted_std_p90", "1",
            "90 % quantile of the std of simulated layers of this width",
            f"upper end of the band of 80 % of networks; {NO_BAND}"),
    _column("both", "predicted", "surprise", "standard deviations",
            "(ln std - mean of ln std) / std of ln std, over the simulated layers",
            f"beyond 5 or so this network is not what was specified; {NO_BAND}"),
)
# fmt: on


#: columns that hold text
WORDS = ("status", "reason", "forward_verdict", "backward_verdict")


def columns(where: Where, *groups: Group) -> list[str]:
    """Names of the columns of one file, in order, optionally of some groups only."""
    return [
        c.name
        for c in COLUMNS.values()
        if c.where in (where, "both") and (not groups or c.group in groups)
    ]
