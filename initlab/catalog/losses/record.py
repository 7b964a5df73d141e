"""What a loss is, in data: its operands, options, checks and the sources of its formula."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from initlab.catalog.table import Parameter, Record

Holds = Literal[
    "classes",
    "classes_or_probs",
    "counts",
    "distances",
    "distribution",
    "embeddings",
    "label_lists",
    "labels",
    "lengths",
    "log_probs",
    "log_rates",
    "logits",
    "probs",
    "scores",
    "signs",
    "values",
    "variances",
    "zero_one",
]

#: what an operand may hold, in the words of help and messages
MEANING: Mapping[Holds, str] = {
    "classes": "class ids 0..C-1",
    "classes_or_probs": "class ids 0..C-1, or a probability for each class",
    "counts": "counts 0, 1, 2, ...",
    "distances": "distances, none negative",
    "distribution": "probabilities that sum to 1 over the last dimension",
    "embeddings": "vectors, features last",
    "label_lists": "class ids of each sample, then -1",
    "labels": "class ids 0..C-1 without the blank",
    "lengths": "lengths",
    "log_probs": "log-probabilities",
    "log_rates": "logarithms of rates",
    "logits": "logits: any numbers",
    "probs": "probabilities, 0 to 1",
    "scores": "scores: any numbers",
    "signs": "+1 or -1",
    "values": "any numbers",
    "variances": "variances, none negative",
    "zero_one": "0 or 1, or a probability between",
}

#: what holds whole numbers; everything else is taken as floating point
INTEGERS: frozenset[Holds] = frozenset(
    {"classes", "classes_or_probs", "label_lists", "labels", "lengths"}
)


@dataclass(frozen=True)
class Operand:
    """One tensor that a loss is computed from, named as torch's forward names it.

    `parameter` marks one that only torch's function takes; its class owns it, to be trained.
    `filled` marks one that torch needs and preparation makes where the user leaves it out.
    """

    name: str
    shape: str
    holds: Holds
    aliases: tuple[str, ...] = ()
    optional: bool = False
    parameter: bool = False
    filled: bool = False

    @property
    def needed(self) -> bool:
        """Whether the user must give it."""
        return not (self.optional or self.filled)

    def __str__(self) -> str:
        return f"{self.name} {self.shape}"


@dataclass(frozen=True, kw_only=True, eq=False)
class Loss(Record):
    """A loss of torch, as the loss lab and the head of a network use it.

    `module` and `function` name torch's class and the function that its forward calls, `bases` the
    classes between it and Module, `state` the buffers it carries. `checks` name those of
    `losslab/checks/` that inputs must pass, in order. `unit` is what one value of reduction "none"
    belongs to. `class_dim` is the input's dimension that runs over classes, where there is one (0
    of an input without a batch). `broadcasts` says whether `--allow-broadcast` may let operands of
    different shapes broadcast. `departs` says where torch's own arithmetic leaves the textbook's.

    Five fields name functions of ours, as "module:function": `working` the formula, in float64 and
    unreduced; `substitution` the formula with the numbers of one value in it, as text; `verdicts`
    what a value says about a model; `details` a closer look at the worst value, None where there
    is none; `slope` the gradient of one value as text that fits the options, None where `gradient`
    does. `section` names what the loss is drawn over in a picture, of `report/figures/sections.py`.

    `torch_defaults` are the defaults that torch spells otherwise than we do, by option.
    `mean_warns` says that torch warns of its reduction mean. `gradient_by_scores` says that torch's
    gradient is that by the scores before log_softmax, not by the operand given. `harmless` are the
    rules whose errors torch can be called with, to show what it makes of them; with others it would
    read outside of its memory. None is every rule.

    `adapter` and `target` say how the last layer of a network and a synthetic target become the
    operands (`network/targets.py`), `synthetic` says it in words; `least` is the smallest (batch,
    outputs) that allow it. `half` says that torch computes it in 16 bits; else a network does so in
    float32. Where theory knows it, `start(outputs, Var y)` is the std of dL/dy
    before training, reduction sum; `residual` says that the loss is (y - t)^2.
    `pointwise` names a function of one output and one target (`theory/pointwise.py`), `softmax`
    says that the loss is -sum_c t_c log softmax(y)_c up to what does not depend on y: theory then
    knows the loss of a network before training.
    """

    module: str
    function: str
    working: str
    substitution: str
    verdicts: str
    section: str
    details: str | None = None
    slope: str | None = None
    operands: tuple[Operand, ...]
    task: tuple[str, ...]
    checks: tuple[str, ...]
    unit: str
    gradient: str
    bases: tuple[str, ...] = ("_Loss",)
    state: tuple[str, ...] = ()
    reductions: tuple[str, ...] = ("none", "sum", "mean")
    mean: str = "the number of values"
    departs: str = ""
    class_dim: int | None = None
    broadcasts: bool = False
    torch_defaults: Mapping[str, Any] = field(default_factory=dict)
    mean_warns: bool = False
    gradient_by_scores: bool = False
    harmless: frozenset[str] | None = None
    adapter: str = "as_is"
    target: str
    synthetic: str
    least: tuple[int, int] = (1, 1)
    half: bool = True
    start: Callable[[int, Any], Any] | None = None
    residual: bool = False
    pointwise: str | None = None
    softmax: bool = False

    @property
    def class_name(self) -> str:
        """Torch's class: "CrossEntropyLoss"."""
        return self.module.rpartition(":")[2]

    @property
    def function_name(self) -> str:
        """Torch's function: "cross_entropy"."""
        return self.function.rpartition(":")[2]

    @property
    def names(self) -> dict[str, str]:
        """Every name that an operand may be given under, to its own."""
        return {n: o.name for o in self.operands for n in (o.name, *o.aliases)}

    @property
    def by_name(self) -> dict[str, Operand]:
        """Operands by their own names."""
        return {o.name: o for o in self.operands}


def first(name: str, shape: str, holds: Holds) -> Operand:
    """The first operand, which every loss also takes as `input` or `inputs`."""
    aliases = tuple(alias for alias in ("inputs", "input") if alias != name)
    return Operand(name, shape, holds, aliases)


def target(shape: str, holds: Holds, name: str = "target") -> Operand:
    """The target, which is also taken as `target` or `targets`."""
    return Operand(name, shape, holds, ("targets",) if name == "target" else ("target",))


WEIGHT = Parameter("weight", "a weight for each class", kind="tensor")
IGNORE_INDEX = Parameter("ignore_index", "class id whose samples are left out", -100, "integer")
SMOOTHING = Parameter(
    "label_smoothing", "mass spread evenly over all classes", 0.0, minimum=0, maximum=1
)
FULL_HELP = "add the terms that do not depend on the input"
