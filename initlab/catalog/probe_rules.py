"""Rules of the probe: what its findings are called, from which numbers on, and why. Torch-free.

A finding spells a rule with hyphens: error[gradient-explodes]. The thresholds stand here, for the
rules of `initlab/probe/rules/` and for what is said of them.
"""

from dataclasses import dataclass

from initlab.catalog.table import Record, Table

#: largest and smallest s on the trunk over s at the output, and their inverses
GRADIENT_WARNING, GRADIENT_ERROR = 100.0, 1000.0
#: largest rms over the smallest, on a stretch of the trunk without a norm layer
FORWARD_WARNING, FORWARD_ERROR = 1e3, 1e4
#: signal / rms on the trunk, relative to that of the input
SIGNAL_LOST = 1e-3
#: largest nonzero |w| over the median, and the largest |w| itself
UNINITIALISED_SPREAD, UNINITIALISED_SIZE = 1e6, 1e6
#: share of units that are 0 in every row, and the fewest rows that say so
DEAD_SHARE, DEAD_ROWS = 0.9, 32
#: variance of a norm's input over its eps, below which the eps decides
STARVED_EPS = 0.01
#: nats above ln C
INITIAL_LOSS_ABOVE = 1.0
#: part of the largest number of a half precision
HEADROOM = 8
#: K, relative change of the output for a relative change of 1 of every weight
UPDATE_K = 8.0


@dataclass(frozen=True, kw_only=True, eq=False)
class ProbeRule(Record):
    """What holds of a healthy model; `formula` is what breaks it, `source` the file that looks.

    Args:
        level: "error", "warning" or "note"; "warning or error" where the size decides.
        fix: what mends it, in words.
    """

    level: str
    fix: str

    @property
    def id(self) -> str:
        """Its name as findings spell it: gradient-explodes."""
        return self.name.replace("_", "-")


def _rule(name: str, source: str, level: str, formula: str, about: str, fix: str) -> ProbeRule:
    return ProbeRule(
        name=name,
        about=about,
        formula=formula,
        source=f"initlab/probe/rules/{source}.py",
        level=level,
        fix=fix,
    )


PROBE_RULES: Table[ProbeRule] = Table(
    "rule of the probe",
    "probe-rules",
    # parameters
    _rule(
        "parameter_nonfinite",
        "parameters",
        "error",
        "a parameter holds nan or inf",
        "every output and every gradient behind it will be nan",
        "initialise it",
    ),
    _rule(
        "parameter_uninitialised",
        "parameters",
        "error",
        f"max |w| > {UNINITIALISED_SPREAD:.0e} median |w| (of those not 0), or"
        f" > {UNINITIALISED_SIZE:.0e}",
        "memory of torch.empty that nothing was written to: other numbers on every machine",
        "nn.init.zeros_ for a bias, a normal of std fan_in^-1/2 for a weight",
    ),
    _rule(
        "no_symmetry_breaking",
        "parameters",
        "error",
        "all rows of a matrix in a product are equal, and not 0",
        "all units compute the same, get the same gradient, and stay the same for ever",
        "draw it: Kaiming's or Xavier's",
    ),
    _rule(
        "identical_parameters",
        "parameters",
        "warning",
        "two drawn tensors of two dimensions or more, in memory of their own, are equal",
        "a layer was copied after it was drawn: copy.deepcopy and nn.TransformerEncoder do so",
        "reset_parameters() of each copy",
    ),
    # numbers that are none
    _rule(
        "nonfinite_forward",
        "finite",
        "error",
        "finite inputs, and an output with nan or inf (but masks of -inf)",
        "the op that made it, not those that hand it on",
        "whatever made its input so large, or 0",
    ),
    _rule(
        "nonfinite_backward",
        "finite",
        "error",
        "a finite gradient of the output, and one of the inputs with nan or inf",
        "the slope is infinite there: sqrt or log at 0, a norm of a zero vector",
        "an eps within the root or logarithm",
    ),
    _rule(
        "half_headroom",
        "finite",
        "warning",
        f"|x| > {65504 / HEADROOM:.0f} in float16, which ends at 65504",
        "a few steps of training, and it overflows",
        "scale it down, or bfloat16, whose range is float32's",
    ),
    # the signal on the trunk
    _rule(
        "forward_explodes",
        "signal",
        "warning or error",
        f"max rms > {FORWARD_WARNING:.0e} (error: {FORWARD_ERROR:.0e}) min rms before it, between"
        " norm layers of the trunk",
        "the scale grows layer by layer",
        "the critical gain of the activation; a factor L^-1/2 on L residual branches",
    ),
    _rule(
        "forward_vanishes",
        "signal",
        "warning or error",
        f"min rms < max rms before it / {FORWARD_WARNING:.0e} (error: {FORWARD_ERROR:.0e})",
        "the scale falls layer by layer",
        "the critical gain of the activation",
    ),
    _rule(
        "signal_lost",
        "signal",
        "error",
        f"signal / rms < {SIGNAL_LOST:.0e} of that at the input",
        "all samples look alike: what differs between them is rounding away",
        "the critical gain of the activation, and biases of 0",
    ),
    _rule(
        "gradient_explodes",
        "signal",
        "warning or error",
        f"max s / s(output) > {GRADIENT_WARNING:.0f} (error: {GRADIENT_ERROR:.0f}; a note up to"
        " there where batch norm is on the trunk)",
        "s = ||g|| rms(x - mean over the batch): what a relative change of x does to the output",
        "the critical gain of the activation; for batch norm skip connections, no initialiser",
    ),
    _rule(
        "gradient_vanishes",
        "signal",
        "warning or error",
        f"min s / s(output) < 1/{GRADIENT_WARNING:.0f} (error: 1/{GRADIENT_ERROR:.0f})",
        "what lies before it hardly learns",
        "the critical gain of the activation, skip connections, norm layers",
    ),
    _rule(
        "update_amplified",
        "signal",
        "note",
        f"K > {UPDATE_K:.0f}, K^2 = sum ||dL/dW||^2 rms(W)^2 / rms(y)^2, where norm layers but no"
        " batch norm are on the trunk",
        "a step changes the output by more than it changes the weights: post-norm transformers",
        "warm-up, norms in front of branches, or branches times L^-1/2 (Liu et al. 2020)",
    ),
    # layers
    _rule(
        "norm_starved",
        "layers",
        "warning",
        f"rows of a layer norm, or channels of a batch or group norm, whose variance is below"
        f" {STARVED_EPS} eps",
        "a constant row is divided by sqrt(eps): its gradient grows up to eps^-1/2 times",
        "draw the token, table or position that is constant: a normal of std 0.02",
    ),
    _rule(
        "dead_units",
        "layers",
        "error",
        f"> {DEAD_SHARE:.0%} of a ReLU's units are 0 in all of {DEAD_ROWS} rows or more",
        "they get no gradient, and stay dead",
        "biases of 0",
    ),
    _rule(
        "zero_gradient",
        "layers",
        "warning",
        "a matrix on a path to the output gets a gradient of exactly 0, and no zero"
        " initialisation or other finding explains it",
        "it does not learn: an output is read at a place that it does not reach",
        "read all of the output",
    ),
    _rule(
        "unused_parameter",
        "layers",
        "note",
        "a parameter that asks for a gradient is on no path to any output",
        "it is left out of forward, or cut off by detach(), .data or no_grad()",
        "remove it, or use it",
    ),
    _rule(
        "opened_zero_init",
        "layers",
        "note",
        "a matrix of zeros on the trunk stops every gradient",
        "meant, as a rule: it learns first. What lies behind it was measured with that matrix"
        " drawn at fan_in^-1/2",
        "none",
    ),
    _rule(
        "no_gradient",
        "layers",
        "error",
        "no output has a gradient",
        "the model ran under no_grad, detached its output, or has no parameters",
        "return the tensor that was computed",
    ),
    # the head and the loss
    _rule(
        "double_softmax",
        "head",
        "error",
        "outputs for cross_entropy lie in 0..1 and sum to 1",
        "cross_entropy takes the softmax itself: of probabilities, the loss cannot get near 0",
        "drop the softmax",
    ),
    _rule(
        "initial_loss",
        "head",
        "warning",
        f"cross_entropy > ln C + {INITIAL_LOSS_ABOVE:g}",
        "a head that knows nothing has ln C; more is confidence in guesses, which training must"
        " first undo",
        "draw the last layer smaller",
    ),
)
