"""Losses over the probabilities of classes."""

import math

from initlab.catalog.losses.record import (
    IGNORE_INDEX,
    SMOOTHING,
    WEIGHT,
    Loss,
    Operand,
    first,
    target,
)
from initlab.catalog.table import Parameter

SCORES = "(C), (N, C) or (N, C, d...)"
IDS = "(), (N) or (N, d...)"
CLASSES = "one class a sample, uniform over the outputs"
KEPT = "the sum of the weights of the kept targets, not the number of samples"


def _start(outputs: int, _: float) -> float:
    """Of softmax(y) - onehot(t), small y: of C outputs one is near -1, the others near 1/C."""
    return math.sqrt((1 - 1 / outputs) / outputs)


RECORDS = (
    Loss(
        name="cross_entropy",
        module="torch.nn:CrossEntropyLoss",
        function="torch.nn.functional:cross_entropy",
        working="initlab.losslab.formulas.classes:cross_entropy",
        substitution="initlab.losslab.explain.classes:substitute_cross_entropy",
        verdicts="initlab.losslab.explain.certainty:judge_cross_entropy",
        details="initlab.losslab.explain.classes:softmax_table",
        slope="initlab.losslab.explain.slopes:cross_entropy_slope",
        operands=(
            first("input", SCORES, "logits"),
            target(f"{IDS}, or the input's shape", "classes_or_probs"),
        ),
        parameters=(WEIGHT, IGNORE_INDEX, SMOOTHING),
        task=("multi_class",),
        checks=(
            "class_shapes",
            "class_weight",
            "finite",
            "class_targets",
            "kept_targets",
            "masked_logits",
            "double_softmax",
        ),
        class_dim=1,
        unit="sample",
        bases=("_WeightedLoss", "_Loss"),
        state=("weight",),
        formula="-w_t log softmax(x)_t; for a target q: -sum_c w_c q_c log softmax(x)_c",
        gradient="w_t (softmax(x) - onehot(t)); smoothed or for a target q:"
        " softmax(x) sum_c w_c q_c - w q",
        mean=f"{KEPT}; with probabilities as target, the number of samples",
        about="one class of many, from logits: log_softmax and nll in one",
        source="Good 1952; Bridle 1990; label smoothing: Szegedy et al. 2016, sec. 7",
        aliases=("ce", "cross_entropy_loss", "crossentropyloss", "crossentropy"),
        target="classes",
        synthetic=f"the outputs are logits; {CLASSES}",
        least=(1, 2),
        start=_start,
    ),
    Loss(
        name="nll",
        module="torch.nn:NLLLoss",
        function="torch.nn.functional:nll_loss",
        working="initlab.losslab.formulas.classes:nll",
        substitution="initlab.losslab.explain.classes:substitute_nll",
        verdicts="initlab.losslab.explain.certainty:judge_log_probs",
        operands=(first("input", SCORES, "log_probs"), target(IDS, "classes")),
        parameters=(WEIGHT, IGNORE_INDEX),
        task=("multi_class",),
        checks=(
            "class_shapes",
            "class_weight",
            "finite",
            "class_targets",
            "kept_targets",
            "log_probs",
            "certain_targets",
        ),
        class_dim=1,
        unit="sample",
        bases=("_WeightedLoss", "_Loss"),
        state=("weight",),
        formula="-w_t x_t",
        gradient="-w_t onehot(t)",
        mean=KEPT,
        about="one class of many, from log-probabilities: cross_entropy without its softmax",
        source="Fisher 1922",
        aliases=("nll_loss", "nllloss", "nll2d", "nllloss2d"),
        adapter="log_softmax",
        target="classes",
        synthetic=f"log_softmax of the outputs; {CLASSES}",
        least=(1, 2),
        start=_start,
    ),
    Loss(
        name="linear_cross_entropy",
        module="torch.nn:LinearCrossEntropyLoss",
        function="torch.nn.functional:linear_cross_entropy",
        working="initlab.losslab.formulas.classes:linear_cross_entropy",
        substitution="initlab.losslab.explain.classes:substitute_cross_entropy",
        verdicts="initlab.losslab.explain.certainty:judge_cross_entropy",
        slope="initlab.losslab.explain.slopes:linear_cross_entropy_slope",
        operands=(
            first("input", "(D) or (N, D)", "embeddings"),
            Operand("linear_weight", "(C, D) or (C, d..., D)", "values", parameter=True),
            target(f"{IDS}, or the logits' shape", "classes_or_probs"),
            Operand("linear_bias", "(C) or (C, d...)", "values", optional=True, parameter=True),
        ),
        parameters=(WEIGHT, IGNORE_INDEX, SMOOTHING),
        task=("multi_class",),
        checks=("linear_shapes", "class_weight", "finite", "class_targets", "kept_targets"),
        torch_defaults={"ignore_index": None},  # which probabilities as target need
        class_dim=1,
        unit="sample",
        bases=("_WeightedLoss", "_Loss"),
        state=("weight",),
        formula="cross_entropy(x W^T + b, t)",
        gradient="g W, for W: g x^T, for b: g; g = cross_entropy's by the logits",
        mean=f"{KEPT}; with probabilities as target, the number of samples",
        about="a last linear layer and cross_entropy in one; the class owns W and b as parameters",
        source="Wijmans et al. 2024, Cut Your Losses",
        aliases=("linear_cross_entropy_loss", "linearcrossentropyloss", "lce"),
        adapter="as_is",
        target="linear",
        synthetic="10 classes, uniform, from a linear layer with W ~ N(0, 1/D) of its own",
    ),
    Loss(
        name="kl_div",
        module="torch.nn:KLDivLoss",
        function="torch.nn.functional:kl_div",
        working="initlab.losslab.formulas.classes:kl_div",
        substitution="initlab.losslab.explain.classes:substitute_divergence",
        verdicts="initlab.losslab.explain.certainty:judge_divergence",
        details="initlab.losslab.explain.classes:divergence_table",
        operands=(
            first("input", "(...), classes last", "log_probs"),
            target("as input", "distribution"),
        ),
        parameters=(
            Parameter("log_target", "the target holds log-probabilities, too", False, "flag"),
        ),
        task=("distribution",),
        checks=("same_shape", "finite", "some_values", "log_probs", "distribution", "support"),
        class_dim=-1,
        broadcasts=True,
        unit="class",
        formula="t (log t - x); with log_target e^t (t - x)",
        gradient="-t, or -e^t with log_target",
        reductions=("none", "sum", "mean", "batchmean"),
        mean="the number of values, N C; batchmean divides by N, as the divergence does",
        departs="0 log 0 comes as nan where both are given as logarithms",
        mean_warns=True,
        about="KL(t || e^x) of the target from the prediction; in nats, not symmetric",
        source="Kullback & Leibler 1951",
        aliases=("kl_div_loss", "kldivloss", "kld", "kl", "kldiv"),
        adapter="log_softmax",
        target="distribution",
        synthetic="log_softmax of the outputs; t = softmax of N(0, 1) for every sample",
    ),
)
