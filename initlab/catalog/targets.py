"""What a loss is computed against, where a spec says it. To add a target, add its record and draw.

Without `target:` a loss draws the target of its own record (`Loss.synthetic`). The form of that,
`Loss.target`, also says which of these a loss can take: labels, numbers, bits, signs.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from initlab.catalog.dtypes import DTYPES
from initlab.catalog.losses.record import Loss
from initlab.catalog.table import Parameter, Record, Table, load

if TYPE_CHECKING:
    from torch import Tensor

Parameters = Mapping[str, Any]
LINEAR_CLASSES = 10  # of the linear layer that linear_cross_entropy has of its own
UNIFORM = "uniform"  # shares of classes that are all the same
WITHIN = 1e-6  # of 1, what shares sum to

#: forms of `Loss.target` that hold a number for every output
NUMBERS = ("normal", "unit_normal")
LABELS = ("classes", "linear")
PAIRS = ("pair_signs", "row_signs")
#: why nothing may stand in the place of what a loss draws
NO_TARGET = {
    "none": "compares samples with each other, and has no target",
    "transcript": "reads the batch as one sequence, and draws the transcript itself",
}
OF_PAIRS = "its target is of pairs of samples, a file has a row a sample"


class TargetUse(NamedTuple):
    """What a target is for: a loss with its options, and the last layer."""

    loss: Loss
    options: Parameters
    reduction: str
    batch: int
    outputs: int
    dtype: str

    @property
    def form(self) -> str:
        """What the loss takes, as its record names it."""
        return self.loss.target

    @property
    def classes(self) -> int:
        """How many classes there are, if these are."""
        return LINEAR_CLASSES if self.form == "linear" else self.outputs


@dataclass(frozen=True, kw_only=True, eq=False)
class Target(Record):
    """A target for a batch of samples.

    `draw` names a function of (parameters, use, generator, dtype) that returns the operands of a
    loss beside the last layer's; where a parameter is a file's path, the parameters also hold
    `samples`: what was read there. `law` names a function of (parameters, outputs, low) that
    returns the law of an entry where a loss takes numbers (`theory/target_law.py`). `forms` are
    those of `Loss.target` that it can fill. `check(parameters, use)` returns what is wrong with
    values that are each in range.
    """

    draw: str
    law: str
    forms: tuple[str, ...]
    check: Callable[[Parameters, TargetUse], str | None] = lambda *_: None

    def operands(
        self, parameters: Parameters, use: TargetUse, *random: Any
    ) -> "tuple[Tensor, ...]":
        """The operands of a loss beside the last layer's, from a generator in a dtype."""
        drawn: tuple[Tensor, ...] = load(self.draw)(parameters, use, *random)
        return drawn

    def problem(self, parameters: Parameters, use: TargetUse) -> str | None:
        """What is wrong with this target for a loss; None if nothing is."""
        if use.form not in self.forms:
            return _refused(self.name, use.loss)
        return self.check(parameters, use)


def _refused(target: str, loss: Loss) -> str:
    if loss.target in NO_TARGET:
        return f"{loss.name} {NO_TARGET[loss.target]}; leave target out"
    takes = ", ".join(t.name for t in TARGETS.values() if loss.target in t.forms)
    why = f" ({OF_PAIRS})" if target == "file" and loss.target in PAIRS else ""
    return f"{loss.name} takes no target {target!r}{why}; it takes {takes}"


def shares_of(parameters: Parameters, classes: int) -> tuple[float, ...]:
    """The share of each class, summing to 1."""
    shares = parameters["shares"]
    if shares == UNIFORM:
        return (1 / classes,) * classes
    total = sum(shares)
    return tuple(share / total for share in shares)


def _shared(p: Parameters, use: TargetUse) -> str | None:
    if use.form == "distribution" and use.options["log_target"]:
        return "classes are certain, and the logarithm of 0 is not finite; leave log_target out"
    if p["shares"] == UNIFORM:
        return None
    if len(p["shares"]) != use.classes:
        return (
            f"classes has {len(p['shares'])} shares; {use.loss.name} has {use.classes} classes here"
        )
    if abs((total := sum(p["shares"])) - 1) > WITHIN:
        return f"classes has shares that sum to {total:.9g}; needs 1, to {WITHIN:g}"
    return None


def _constant(p: Parameters, use: TargetUse) -> str | None:
    value, form = p["value"], use.form
    if abs(value) > DTYPES[use.dtype].largest:
        return f"constant is {value:g}, which is beyond {use.dtype}"
    whole = float(value).is_integer()
    if form in LABELS:
        fits, needed = whole and 0 <= value < use.classes, f"a class, 0..{use.classes - 1}"
    elif form == "counts":
        fits, needed = whole and value >= 0, "a count, 0, 1, 2, ..."
    elif form == "bits":
        fits, needed = 0 <= value <= 1, "0, 1 or a probability between"
    elif form in ("signs", *PAIRS):
        fits, needed = abs(value) == 1, "+1 or -1"
    else:
        fits, needed = True, ""
    return None if fits else f"constant is {value:g}; {use.loss.name} needs {needed}"


def _of_file(p: Parameters, use: TargetUse) -> str | None:
    # the loss lab needs torch, which nobody is to wait for who names no file
    problem: str | None = load("initlab.losslab.file_target:problem")(p["samples"].rows, use)
    return problem and f"{p['samples'].path}: {problem}"


TARGETS = Table(
    "target",
    "targets",
    Target(
        name="classes",
        parameters=(
            Parameter(
                "shares",
                "of the classes, one for each output, summing to 1: [0.7, 0.2, 0.1]",
                UNIFORM,
                kind="shares",
            ),
        ),
        formula="P(c) = shares_c; a label, or a one-hot row where a loss takes numbers",
        draw="initlab.network.chosen_targets:classes",
        law="initlab.theory.target_law:classes",
        forms=(*LABELS, *NUMBERS, "bits", "signs", "distribution", "label_lists"),
        check=_shared,
        about="one class a sample, of classes that may be rarer than others",
        source="Johnson & Khoshgoftaar 2019, on imbalanced classes",
        aliases=("labels", "one_hot"),
    ),
    Target(
        name="normal",
        parameters=(
            Parameter("mean", "mean of every target", 0.0),
            Parameter("std", "standard deviation of every target", 1.0, minimum=0),
        ),
        formula="t ~ N(mean, std^2)",
        draw="initlab.network.chosen_targets:normal",
        law="initlab.theory.target_law:normal",
        forms=NUMBERS,
        about="independent normal numbers, one for each output",
        source="Gauss 1809",
        aliases=("gaussian",),
    ),
    Target(
        name="bernoulli",
        parameters=(Parameter("p", "probability of 1", 0.5, minimum=0, maximum=1),),
        formula="t = 1 with probability p, else 0; +1, else -1, where a loss takes signs",
        draw="initlab.network.chosen_targets:bernoulli",
        law="initlab.theory.target_law:bernoulli",
        forms=("bits", "signs", *PAIRS, *NUMBERS, "counts", "label_lists"),
        about="yes or no for each output, or for each pair of samples",
        source="Bernoulli 1713",
        aliases=("bits", "yes_or_no"),
    ),
    Target(
        name="poisson",
        parameters=(Parameter("rate", "the mean count", 1.0, minimum=0, maximum=1e6),),
        formula="P(t = k) = rate^k e^-rate / k!",
        draw="initlab.network.chosen_targets:poisson",
        law="initlab.theory.target_law:poisson",
        forms=("counts", *NUMBERS),
        about="independent counts, one for each output",
        source="Poisson 1837",
        aliases=("counts",),
    ),
    Target(
        name="constant",
        parameters=(Parameter("value", "of every target; a class where a loss takes labels", 0.0),),
        formula="t = value",
        draw="initlab.network.chosen_targets:constant",
        law="initlab.theory.target_law:constant",
        forms=(*NUMBERS, *LABELS, "counts", "bits", "signs", *PAIRS),
        check=_constant,
        about="the same for every sample and output, as for a network that is to learn a mean",
        source="initlab",
        aliases=("fixed",),
    ),
    Target(
        name="file",
        parameters=(Parameter("path", "a .csv or .npy file, a sample a row", kind="text"),),
        formula="t = rows of the file",
        draw="initlab.network.chosen_targets:from_file",
        law="initlab.theory.target_law:from_file",
        forms=(*LABELS, *NUMBERS, "counts", "bits", "signs", "distribution", "label_lists"),
        check=_of_file,
        about="your own targets; `input.target` says it beside the samples that they belong to",
        source="numpy.load, numpy.loadtxt",
    ),
)
