"""Rules of the loss lab: what its findings are called, and what each one means. Torch-free.

A finding spells a rule with hyphens: error[target-sign].
"""

from dataclasses import dataclass

from initlab.catalog.table import Record, Table


@dataclass(frozen=True, kw_only=True, eq=False)
class Rule(Record):
    """What operands of a loss must fulfil; `formula` is the rule, `source` the file that holds it.

    `allow` says whether `--allow` can turn its errors into warnings: where it cannot, torch could
    compute nothing, or would read memory that is not its own.
    """

    allow: bool = False


def _rule(name: str, source: str, formula: str, about: str, *, allow: bool = False) -> Rule:
    source = f"initlab/losslab/{source}.py"
    return Rule(name=name, source=source, formula=formula, about=about, allow=allow)


RULES = Table(
    "rule",
    "rules",
    # shapes
    _rule(
        "shape_broadcast",
        "checks/shapes",
        "operands have one shape",
        "torch would stretch the operands against each other and average over all combinations",
        allow=True,
    ),
    _rule("shape_mismatch", "checks/shapes", "shapes fit the contract", "the shapes do not fit"),
    _rule(
        "degenerate_shape",
        "checks/shapes",
        "two classes or more, and vectors of one feature or more",
        "the loss would not depend on the input",
    ),
    _rule(
        "padding",
        "checks/label_lists",
        "lists of labels end with -1",
        "zeros are no padding",
        allow=True,
    ),
    _rule(
        "empty_mean",
        "checks/numbers",
        "a mean has something to be a mean of",
        "no values, every target ignored, or every weight 0; torch returns nan",
        allow=True,
    ),
    # numbers
    _rule(
        "non_finite",
        "checks/numbers",
        "no nan and no infinity (but -inf as a log-probability or a masked logit)",
        "one nan makes a mean nan; some losses swallow it in silence",
        allow=True,
    ),
    _rule(
        "overflow",
        "checks/numbers",
        "numbers lie within the range of the dtype",
        "a number is finite in float64 and infinite in the dtype of the computation",
        allow=True,
    ),
    _rule(
        "precision",
        "precision",
        "|torch - float64| <= 1e-5 |float64|",
        "torch's value differs from the textbook's: by rounding, an eps or an approximation",
    ),
    _rule(
        "saturated",
        "checks/probabilities",
        "the loss is finite and its gradient is not lost",
        "a sure prediction that is wrong, a variance below eps, 0 log 0",
    ),
    _rule("zero_vector", "checks/pairs", "vectors have a length", "the angle to 0 is not defined"),
    _rule(
        "negative_distance",
        "checks/pairs",
        "x >= 0",
        "hinge_embedding takes distances; scores make its loss negative",
        allow=True,
    ),
    _rule("variance", "checks/numbers", "var >= 0", "a variance is sigma squared"),
    _rule(
        "rate",
        "checks/numbers",
        "a rate is above 0, a log-rate is its logarithm",
        "poisson_nll was given one for the other",
        allow=True,
    ),
    # probabilities
    _rule(
        "prob_range",
        "checks/probabilities",
        "0 <= p <= 1",
        "logits or logarithms where probabilities belong",
        allow=True,
    ),
    _rule(
        "not_log_prob",
        "checks/probabilities",
        "sum of e^x over the classes = 1",
        "scores or probabilities where log-probabilities belong: torch returns a negative loss",
        allow=True,
    ),
    _rule(
        "not_normalised",
        "checks/probabilities",
        "sum of p over the classes = 1",
        "a target distribution that is none",
        allow=True,
    ),
    _rule(
        "double_softmax",
        "checks/suspicions",
        "logits are not in 0..1 with rows that sum to 1",
        "softmax before cross_entropy, which takes it itself: the loss cannot get near 0",
    ),
    _rule(
        "double_sigmoid",
        "checks/suspicions",
        "logits are not all in 0..1",
        "sigmoid before a loss that takes logits: bce_with_logits, cross_entropy; the loss cannot"
        " get near 0",
    ),
    _rule(
        "mean_is_no_kl",
        "checks/probabilities",
        "KL = sum / batch",
        "mean divides by the classes, too; batchmean is the divergence",
    ),
    # targets
    _rule(
        "dtype_target",
        "operands/convert",
        "class ids and lengths are whole numbers",
        "a cast, or why not",
    ),
    _rule(
        "dtype_input",
        "operands/convert",
        "inputs are floating point numbers",
        "a file's integers were cast",
    ),
    _rule(
        "target_range",
        "checks/targets",
        "class ids are 0..C-1, yes or no is 0..1",
        "labels that count from 1, or +1 and -1 where 0 and 1 belong; ids beyond C never pass",
        allow=True,
    ),
    _rule(
        "target_sign",
        "checks/targets",
        "t = +1 or -1",
        "0 and 1 where +1 and -1 belong: torch computes something else without a word",
        allow=True,
    ),
    _rule(
        "target_onehot",
        "checks/targets",
        "class ids, not one number for each class",
        "one-hot or multi-hot rows where class ids belong",
        allow=True,
    ),
    _rule(
        "duplicate_label",
        "checks/label_lists",
        "a class is listed once",
        "it would count twice",
        allow=True,
    ),
    _rule(
        "count_target",
        "checks/numbers",
        "t = 0, 1, 2, ...",
        "poisson_nll is a likelihood of counts",
        allow=True,
    ),
    # sequences
    _rule(
        "ctc_label",
        "checks/ctc",
        "labels are 0..C-1 without the blank",
        "torch reads outside of its memory for others: garbage, or the process ends",
    ),
    _rule(
        "full_lengths",
        "operands/convert",
        "each sequence has its lengths",
        "they were left out: all frames and all labels are used",
    ),
    _rule("batch_first", "operands/arrange", "frames are (T, N, C)", "dimensions were moved"),
    _rule("ctc_length", "checks/ctc", "lengths lie within frames and labels", "a length is off"),
    _rule(
        "ctc_too_short",
        "checks/ctc",
        "input_length >= labels + repeats",
        "no alignment exists, the loss is infinite; between equal neighbours stands a blank",
        allow=True,
    ),
    # options and conversions
    _rule(
        "option_range",
        "operands/options",
        "options lie in their range",
        "an option that is not allowed",
    ),
    _rule(
        "class_dim", "operands/arrange", "classes are where torch has them", "dimensions were moved"
    ),
    _rule(
        "from",
        "operands/conversions",
        "input and target are what the loss takes",
        "one of them was converted",
    ),
    _rule(
        "temperature",
        "operands/temperature",
        "logits are divided by T",
        "gradients shrink by 1/T^2; Hinton, Vinyals & Dean 2015 multiply the loss by T^2",
    ),
    _rule(
        "weight_dimension",
        "checks/weights",
        "a weight of one dimension is for the classes",
        "torch lets it fall on the last dimension, wherever the classes are",
    ),
    _rule(
        "clamp",
        "operands/mending",
        "probabilities lie in 0..1 up to rounding",
        "values just outside were taken as 0 or 1",
    ),
    _rule(
        "normalise",
        "operands/mending",
        "probabilities sum to 1",
        "they were divided by their sums",
    ),
    _rule(
        "target_map",
        "operands/convert",
        "the target is what the loss takes",
        "values were replaced",
    ),
    _rule(
        "header",
        "operands/delimited",
        "a text table holds numbers alone",
        "a header or a comment was skipped, or a column looks like row numbers",
    ),
    _rule(
        "classes",
        "operands/labels",
        "a name's class id is its place in --classes",
        "names became class ids",
    ),
    _rule("torch", "torch_call", "torch takes the operands", "torch itself refuses them"),
)

#: rules that `--allow` takes, as findings spell them
ALLOWABLE = tuple(sorted(name.replace("_", "-") for name, rule in RULES.items() if rule.allow))
