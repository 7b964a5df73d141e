"""What is measured: the columns of layers.csv and runs.csv, with unit and estimator.

The writer, `initlab list statistics`, `initlab describe` and results/README.md all read this table.
"""

from dataclasses import dataclass
from typing import Literal

from initlab.catalog.table import Record, Table

Where = Literal["layers", "runs", "both"]
Group = Literal[
    "key",
    "forward",
    "backward",
    "result",
    "predicted",
    "gradients",
    "neurons",
    "quantiles",
    "stream",
    "stream_gradient",
    "gradient_band",
    "extra",
]
#: groups of layers.csv that a run has where its `record` names them, in their order
RECORDED: tuple[Group, ...] = ("gradients", "neurons", "quantiles")
#: groups of layers.csv that a run has if its network has residual sums, the latter with gradients
STREAMS: tuple[Group, ...] = ("stream", "stream_gradient")
STREAM_RMS = "stream_rms"  # of these, the column that tells at which layers blocks end
#: groups of which nothing is measured without a backward pass
OF_BACKWARD: tuple[Group, ...] = ("gradients", "stream_gradient")


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
    " weights, an activation after a residual sum, some places of batch norm"
)
NO_BAND = (
    "empty for sparse, constant and identity weights, for networks that take more than half a"
    " minute to draw, and with band: 0"
)
GRADIENT_BAND = "a column with band: {gradient: true}, which draws networks of any kind"

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
            "standard deviation of the activations: the signal this tool is about; at the end of a"
            " residual block, of the sum that it hands on"),
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
            "share of |phi'(z)| < saturation, which is 0.05 where the spec does not set it",
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
    _column("layers", "gradients", "grad_rms", "loss / 1",
            "sqrt(mean of (dL/dh)^2), not centred, over batch and neurons",
            "root mean square of the gradient at the layer's output"),
    _column("layers", "gradients", "grad_norm", "loss / 1",
            "sqrt(sum of (dL/dh)^2) over batch and neurons: the Frobenius norm",
            "size of the gradient at the layer's output"),
    _column("layers", "gradients", "pre_grad_norm", "loss / 1",
            "sqrt(sum of (dL/dz)^2) over batch and neurons: the Frobenius norm",
            "size of the gradient at the pre-activations; of one sample it is that of dL/db, the"
            " speed at which the layer learns",
            "Nielsen 2015, ch. 5"),
    _column("layers", "gradients", "weight_grad_norm", "loss / 1",
            "sqrt(sum of (dL/dW)^2) over all weights of the layer: the Frobenius norm",
            "size of the weight gradient, which clipping by norm compares"),
    _column("layers", "gradients", "weight_rms", "1",
            "sqrt(mean of W^2), not centred, over all weights of the layer as they are used",
            "size of a weight"),
    _column("layers", "gradients", "update_ratio", "loss / 1",
            "sqrt(mean of (dL/dW)^2) / sqrt(mean of W^2)",
            "size of a step of plain gradient descent at learning rate 1, relative to the weights;"
            " inf where all weights are 0",
            "Karpathy 2016, CS231n notes"),
    _column("layers", "neurons", "neuron_std", "1",
            "median over neurons of torch.std over the batch: centred, unbiased",
            "how much a typical neuron tells samples apart; of an even number of neurons the mean"
            " of the middle two; nan for a batch of one, and below a finite_fraction of 1"),
    _column("layers", "neurons", "dead_fraction", "0..1",
            "share of neurons with h == 0 for every sample of the batch",
            "neurons that say nothing about this batch: dead ReLUs, or underflow"),
    _column("layers", "quantiles", "q01", "1",
            "1 % quantile of h over batch and neurons, linear between values as in torch.quantile",
            "nearly the least activation; nan below a finite_fraction of 1"),
    _column("layers", "quantiles", "q25", "1",
            "25 % quantile, likewise",
            "a quarter of the activations lie below; nan below a finite_fraction of 1"),
    _column("layers", "quantiles", "q50", "1",
            "median, likewise",
            "half of the activations lie below; nan below a finite_fraction of 1"),
    _column("layers", "quantiles", "q75", "1",
            "75 % quantile, likewise",
            "three quarters of the activations lie below; nan below a finite_fraction of 1"),
    _column("layers", "quantiles", "q99", "1",
            "99 % quantile, likewise",
            "nearly the largest activation; nan below a finite_fraction of 1"),
    _column("layers", "stream", "stream_rms", "1",
            "sqrt(mean of h^2), not centred, of what a residual block hands on",
            "size of the stream after each block, its norm included where that stands after the"
            " sum; empty inside of a branch"),
    _column("layers", "stream", "branch_ratio", "ratio",
            "rms of scale F(h) / rms of skip h",
            "what a branch adds, relative to what came in; inf where skip is 0; empty inside of a"
            " branch"),
    _column("layers", "stream_gradient", "stream_grad_rms", "loss / 1",
            "sqrt(mean of (dL/dh)^2), not centred, at what a residual block hands on",
            "size of the gradient on the stream; empty inside of a branch"),
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
            "std at layer 0; with residual blocks at the first layer that hands on a sum",
            "where the signal starts"),
    _column("runs", "result", "std_last", "1",
            "std at the last layer measured",
            "where the signal ends; nan when the run stopped"),
    _column("runs", "result", "grad_std_first", "loss / 1",
            "grad_std at layer 0; with residual blocks at the first layer that hands on a sum",
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
            f" and with norms, dropout or residual blocks; {NO_THEORY}",
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
    _column("runs", "extra", "predicted_loss", "loss",
            "E of the loss over outputs y = phi(z), z ~ N(0, predicted_pre_std^2), and its target",
            "to be compared with loss_value: expected of the untrained network at infinite width;"
            " a column with record: {gradients: true}; a last bias that is not normal counts as if"
            " it were;"
            " by simulation for losses that compare samples or classes by margins, and for ctc;"
            f" {NO_THEORY}, and where the mean tells nothing of a batch",
            "Gumbel 1954 for softmax losses"),
    _column("both", "extra", "predicted_weight_grad_std", "loss / 1",
            "sqrt of the sum over samples b, b' of E[dL/dz_b dL/dz_b'] E[h_b h_b'], less the mean",
            "weight_grad_std at infinite width, in the loss's own units; a column with record:"
            " {gradients: true}; empty as predicted_grad_std, for targets of the spec's own, and"
            " with norms, dropout or residual blocks",
            "Schoenholz et al. 2017, eq. 10"),
    _column("both", "gradient_band", "predicted_grad_std_p10", "ratio",
            "10 % quantile of grad_std / grad_std of the last layer, over random networks",
            f"lower end of the band of 80 % of networks; {GRADIENT_BAND}"),
    _column("both", "gradient_band", "predicted_grad_std_p50", "ratio",
            "median of grad_std / grad_std of the last layer, over random networks",
            f"what a network of this width has; {GRADIENT_BAND}"),
    _column("both", "gradient_band", "predicted_grad_std_p90", "ratio",
            "90 % quantile of grad_std / grad_std of the last layer, over random networks",
            f"upper end of the band of 80 % of networks; {GRADIENT_BAND}"),
    _column("both", "gradient_band", "predicted_cosine_p10", "-1..1",
            "10 % quantile of cosine, over random networks",
            f"lower end of the band of 80 % of networks; {GRADIENT_BAND}"),
    _column("both", "gradient_band", "predicted_cosine_p50", "-1..1",
            "median of cosine, over random networks",
            f"what a network of this width has; {GRADIENT_BAND}"),
    _column("both", "gradient_band", "predicted_cosine_p90", "-1..1",
            "90 % quantile of cosine, over random networks",
            f"upper end of the band of 80 % of networks; {GRADIENT_BAND}"),
)
# fmt: on


#: measured columns that a run has where its `record` names their group
MORE = tuple(
    c.name for group in (*RECORDED, *STREAMS) for c in COLUMNS.values() if c.group == group
)
#: columns of the group "extra" are written where a run records this
EXTRA_WITH: Group = "gradients"
#: columns that hold text
WORDS = ("status", "reason", "forward_verdict", "backward_verdict")


def columns(where: Where, *groups: Group) -> list[str]:
    """Names of the columns of one file, in order, optionally of some groups only."""
    return [
        c.name
        for c in COLUMNS.values()
        if c.where in (where, "both") and (not groups or c.group in groups)
    ]


def how_to_record(name: str) -> str | None:
    """What a spec says to have a column, "record: {neurons: true}"; None of one that all have."""
    group = COLUMNS[name].group if name in COLUMNS else "key"
    if group == "gradient_band":
        return "band: {gradient: true}"
    if group in STREAMS:
        return "residual: 2"
    group = EXTRA_WITH if group == "extra" else group
    return f"record: {{{group}: true}}" if group in RECORDED else None


def always(where: Where) -> list[str]:
    """Names of the columns that a file has whatever its spec asks for, in order."""
    return [name for name in columns(where) if how_to_record(name) is None]
