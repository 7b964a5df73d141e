"""What stands around linear layers: residual sums, norms, and presets that fill in both.

`spec/structure.py` says where each of them stands in a network, `network/blocks.py` computes them
and `theory/blocks.py` predicts them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from initlab.catalog.table import Parameter, Record, Table

#: factors of a branch, or of its last weights, that depend on the number L of branches
DEPTH_SCALES = ("1/sqrt(L)", "1/L")
#: those of a branch that stand for more than a factor
NAMED_SCALES = ("rezero", "fixup", "deepnorm")
LINEAR, ACTIVATION, AFTER_SUM = "linear", "activation", "after_sum"
PRE, POST = "pre", "post"
BEFORE, AFTER = "before_activation", "after_activation"


@dataclass(frozen=True, kw_only=True, eq=False)
class Residual(Record):
    """A sum of what comes in and what some layers make of it."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Norm(Record):
    """A normalisation, with gains of ones and biases of zeros, as they are before training.

    `over` is "neurons" of one sample, or the "batch" of one neuron; a `centred` one takes the mean
    out. `eps` is added to the mean square that it divides by, unless a spec says another; None is
    the epsilon of the type that it is computed in: float64, else float32.
    """

    over: str
    centred: bool
    eps: float | None


@dataclass(frozen=True, kw_only=True, eq=False)
class Preset(Record):
    """Fields of a spec that are filled in where it does not say them itself."""

    residual: Mapping[str, Any] | None = None
    norm: Mapping[str, Any] | None = None
    init: Mapping[str, Any] = field(default_factory=dict)

    @property
    def fields(self) -> dict[str, Mapping[str, Any]]:
        """What it fills in, by field."""
        filled = {"residual": self.residual, "norm": self.norm, "init": self.init}
        return {name: value for name, value in filled.items() if value}


RESIDUALS = Table(
    "residual",
    "residuals",
    Residual(
        name="add",
        parameters=(
            Parameter("every", "linear layers in a branch", 2, "integer", minimum=1, maximum=1000),
            Parameter(
                "scale",
                "factor of the branch: a number, 1/sqrt(L) or 1/L of L branches, rezero (0), fixup"
                " (its weights are scaled and the last are 0) or deepnorm (skip and weights are"
                " scaled, too)",
                1.0,
                "scale",
                choices=(*DEPTH_SCALES, *NAMED_SCALES),
            ),
            Parameter("skip", "factor of what comes in", 1.0),
            Parameter(
                "branch",
                "how a branch ends: linear, with its activation, or with one after_sum; default:"
                " linear, of one layer with its activation",
                kind="choice",
                choices=(LINEAR, ACTIVATION, AFTER_SUM),
                later=True,
            ),
            Parameter(
                "output_gain",
                "factor of the last weights of every branch: a number, 1/sqrt(L) or 1/L, as GPT-2"
                " has it",
                1.0,
                "scale",
                choices=DEPTH_SCALES,
                later=True,
            ),
            Parameter(
                "project",
                "where a branch changes the width, take what comes in through weights of its own",
                False,
                "flag",
                later=True,
            ),
        ),
        formula="h' = skip h + scale F(h)",
        about="a residual block: a branch of some layers, added to what it began with",
        source="He et al. 2016",
        aliases=("residual", "sum"),
    ),
)

_PLACE = Parameter(
    "place",
    "pre: in front of every branch and after the last; post: after every sum; before_activation or"
    " after_activation: of every layer. Default: pre with residual, before_activation without",
    kind="choice",
    choices=(PRE, POST, BEFORE, AFTER),
    later=True,
)
_AFFINE = Parameter(
    "affine",
    "gains and biases that training changes; before it they are 1 and 0 and change no number",
    True,
    "flag",
    later=True,
)


def _eps(about: str) -> Parameter:
    return Parameter("eps", about, minimum=0, maximum=1, later=True)


NORMS = Table(
    "norm",
    "norms",
    Norm(
        name="layer",
        parameters=(_PLACE, _AFFINE, _eps("added to the variance; default: 1e-5, as in torch")),
        formula="y = (x - mean x) / sqrt(Var x + eps), over the neurons of a sample",
        over="neurons",
        centred=True,
        eps=1e-5,
        about="every sample to mean 0 and variance 1 (1 / n) over its neurons",
        source="Ba et al. 2016",
        aliases=("layer_norm", "layernorm", "ln"),
    ),
    Norm(
        name="rms",
        parameters=(
            _PLACE,
            _AFFINE,
            _eps("added to the mean square; default: float32's epsilon, or float64's, as in torch"),
        ),
        formula="y = x / sqrt(mean x^2 + eps), over the neurons of a sample",
        over="neurons",
        centred=False,
        eps=None,
        about="every sample to a root mean square of 1; its mean stays",
        source="Zhang & Sennrich 2019",
        aliases=("rms_norm", "rmsnorm"),
    ),
    Norm(
        name="batch",
        parameters=(_PLACE, _AFFINE, _eps("added to the variance; default: 1e-5, as in torch")),
        formula="y = (x - mean x) / sqrt(Var x + eps), over the batch of a neuron",
        over="batch",
        centred=True,
        eps=1e-5,
        about="every neuron to mean 0 and variance 1 (1 / n) over the batch, as in training",
        source="Ioffe & Szegedy 2015",
        aliases=("batch_norm", "batchnorm", "bn"),
    ),
)

PRESETS = Table(
    "preset",
    "presets",
    Preset(
        name="deepnorm",
        residual={"name": "add", "every": 2, "scale": "deepnorm"},
        norm={"name": "layer", "place": POST},
        init={"scheme": "xavier_normal"},
        formula="h' = LN((2L)^(1/4) h + F(h)), weights times (8L)^(-1/4)",
        about="post-norm that trains 1,000 layers; L counts blocks, as the paper's N its layers",
        source="Wang et al. 2022, fig. 2",
    ),
    Preset(
        name="fixup",
        residual={"name": "add", "every": 2, "scale": "fixup"},
        init={"scheme": "kaiming_normal"},
        formula="h' = h + F(h), weights times L^(-1/(2m-2)), the last of the m in a branch 0",
        about="no norm: every block begins as the identity",
        source="Zhang et al. 2019, sec. 3.1",
    ),
    Preset(
        name="rezero",
        residual={"name": "add", "every": 2, "scale": "rezero"},
        init={"scheme": "kaiming_normal"},
        formula="h' = h + alpha F(h), alpha = 0",
        about="no norm: a factor a branch, which training takes away from 0",
        source="Bachlechner et al. 2021, eq. 1",
    ),
    Preset(
        name="skipinit",
        residual={"name": "add", "every": 2, "scale": "1/sqrt(L)"},
        init={"scheme": "kaiming_normal"},
        formula="h' = h + alpha F(h), alpha = 1/sqrt(L); the paper's other choice, 0, is rezero's",
        about="no norm: a factor a branch, so small that a length grows by e at most, at any depth",
        source="De & Smith 2020, sec. 3",
    ),
    Preset(
        name="gpt2",
        residual={"name": "add", "every": 2, "output_gain": "1/sqrt(L)"},
        norm={"name": "layer", "place": PRE},
        init={"scheme": "normal", "std": 0.02},
        formula="h' = h + F(LN(h)), the last weights of every branch times 1/sqrt(L)",
        about="pre-norm, weights of std 0.02; of L branches, two of which make a transformer layer",
        source="Radford et al. 2019, sec. 2.3",
    ),
)
