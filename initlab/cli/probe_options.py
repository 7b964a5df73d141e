"""Options of `initlab probe`: what typer reads, and what shells complete."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal

import typer

from initlab.catalog import LOSSES
from initlab.catalog.dtypes import DtypeName
from initlab.cli.probe_checks import LEVELS, rule_ids

OWN_LOSSES = (
    ("none", "a random direction of the output, and no loss"),
    ("model", "the output's own .loss, or the one number that it returns"),
)
#: how an input begins that is drawn, and what it is
INPUT_KINDS = {
    "randn": "normal numbers of mean 0 and variance 1: randn:16x3x32x32, or 16x3x32x32",
    "rand": "uniform numbers from 0 to 1: rand:16x8",
    "tokens": "whole numbers below a count: tokens:50257:4x128",
    "ones": "ones, such as a mask: ones:4x128:bool",
    "zeros": "zeros: zeros:4x128:int64",
}


# what shells complete ----------------------------------------------------------------------------


def _last_of_list(incomplete: str, known: Iterable[str]) -> list[str]:
    head, comma, tail = incomplete.rpartition(",")
    return [head + comma + name for name in known if name.startswith(tail)]


def rules(incomplete: str) -> list[str]:
    """Rules; completes the last of a list with commas."""
    return _last_of_list(incomplete, rule_ids())


def levels_and_rules(incomplete: str) -> list[str]:
    """What --fail-on takes; completes the last of a list with commas."""
    return _last_of_list(incomplete, [*LEVELS, *rule_ids()])


def inputs(incomplete: str) -> list[tuple[str, str]]:
    """Kinds of inputs, after the name of an argument too; with what they are."""
    name, equals, kind = incomplete.rpartition("=")
    known = ((f"{name}{equals}{one}:", about) for one, about in INPUT_KINDS.items())
    return [(word, about) for word, about in known if word.startswith(f"{name}{equals}{kind}")]


def losses(incomplete: str) -> list[tuple[str, str]]:
    """What --loss takes, with what it is."""
    known = [*OWN_LOSSES, *((record.name, record.about) for record in LOSSES.values())]
    return [(name, about) for name, about in known if name.startswith(incomplete)]


# what typer reads --------------------------------------------------------------------------------

FEED, VIEW, GATE = "Input and loss", "What is shown", "Checks, and files"

Target = Annotated[
    str,
    typer.Argument(
        metavar="TARGET", show_default=False,
        help="model.py:build or pkg.mod:build: what returns the model, or the model itself. Your"
        " code is run.",
    ),
]  # fmt: skip
Inputs = Annotated[
    list[str] | None,
    typer.Option(
        "--input", metavar="SPEC", autocompletion=inputs, rich_help_panel=FEED, show_default=False,
        help="An input of forward, by place or as NAME=SPEC: 16x3x32x32, tokens:50257:4x128,"
        " ones:4x128:bool, true, @x.npy. Once for each.",
    ),
]  # fmt: skip
Batch = Annotated[
    str,
    typer.Option(
        metavar="NAME", rich_help_panel=FEED, show_default=False,
        help="Instead, a function beside TARGET that returns the inputs.",
    ),
]  # fmt: skip
Kwargs = Annotated[
    str,
    typer.Option(
        metavar="YAML", show_default=False,
        help="Arguments of TARGET: '{depth: 12, norm: layer}'.",
    ),
]  # fmt: skip
Loss = Annotated[
    str,
    typer.Option(
        metavar="NAME", autocompletion=losses, rich_help_panel=FEED,
        help="none, model (its output's own .loss), or one of initlab list losses.",
    ),
]  # fmt: skip
LossTarget = Annotated[
    str,
    typer.Option(
        "--target", metavar="SPEC", rich_help_panel=FEED, show_default=False,
        help="Target of the loss, as an input; by default what fits it.",
    ),
]  # fmt: skip
Output = Annotated[
    str,
    typer.Option(
        "--output", metavar="NAME", rich_help_panel=FEED, show_default=False,
        help="Which output: logits, or 0; the first with a gradient by default.",
    ),
]  # fmt: skip
Checkpoint = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", show_default=False,
        help="Load this state dict (weights only); seeds then draw the input alone.",
    ),
]  # fmt: skip
Seeds = Annotated[int, typer.Option(min=1, max=100, help="Models drawn and measured.")]
Mode = Annotated[Literal["train", "eval"], typer.Option(help="Mode of the model.")]
Dtype = Annotated[
    DtypeName | None, typer.Option(help="Of the model and its inputs; its own by default.")
]
Autocast = Annotated[
    Literal["bfloat16", "float16"] | None,
    typer.Option(help="Run the forward pass under torch.autocast."),
]
Level = Annotated[
    Literal["trunk", "modules", "ops"] | None,
    typer.Option(
        rich_help_panel=VIEW,
        show_default=False,
        help="Rows: what every path from input to output passes (by default; JSON has all), calls"
        " of modules, or ops too.",
    ),
]
Select = Annotated[
    list[str] | None,
    typer.Option(
        metavar="RULES", autocompletion=rules, rich_help_panel=VIEW, show_default=False,
        help="Only these rules: signal-lost,dead-units.",
    ),
]  # fmt: skip
Ignore = Annotated[
    list[str] | None,
    typer.Option(
        metavar="RULES", autocompletion=rules, rich_help_panel=VIEW, show_default=False,
        help="All rules but these.",
    ),
]  # fmt: skip
Fix = Annotated[
    bool,
    typer.Option(
        "--fix", rich_help_panel=VIEW,
        help="Try what each finding suggests, and say which of it helps.",
    ),
]  # fmt: skip
Out = Annotated[
    list[Path] | None,
    typer.Option(
        "--out", "-o", metavar="FILE", rich_help_panel=GATE, show_default=False,
        help="Also a page (.html) or a picture (.png, .svg, .pdf). Several are written.",
    ),
]  # fmt: skip
FailOn = Annotated[
    str,
    typer.Option(
        metavar="LEVEL|RULES", autocompletion=levels_and_rules, rich_help_panel=GATE,
        show_default=False,
        help="Exit 1 if something of this level or a worse one is found: error, warning, note; or"
        " of these rules. What only some seeds have does not count.",
    ),
]  # fmt: skip
Golden = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", rich_help_panel=GATE, show_default=False,
        help="Exit 1 if the trunk has changed from what this file holds.",
    ),
]  # fmt: skip
UpdateGolden = Annotated[
    bool, typer.Option("--update-golden", rich_help_panel=GATE, help="Write that file.")
]
Tolerance = Annotated[
    float,
    typer.Option(
        min=0.0, rich_help_panel=GATE,
        help="What ln of a number may change by, or 4 standard deviations over seeds.",
    ),
]  # fmt: skip
Junit = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", rich_help_panel=GATE, show_default=False,
        help="Findings as JUnit XML. Failures are those of --fail-on, else errors and warnings.",
    ),
]  # fmt: skip
Sarif = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", rich_help_panel=GATE, show_default=False, help="Findings as SARIF 2.1.0."
    ),
]  # fmt: skip
