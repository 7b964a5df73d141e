"""`initlab loss`: any loss of torch on operands from the command line, files or a stream."""

from typing import Annotated, Any, Literal

import typer

from initlab.catalog import Loss
from initlab.catalog.dtypes import DtypeName
from initlab.cli import loss_options, output
from initlab.cli.arguments import MaxMib
from initlab.cli.completion import losses, reductions, rules
from initlab.cli.loss_options import Given
from initlab.cli.loss_request import Way, allowed, check_ways, named
from initlab.losslab.operands import labels
from initlab.losslab.operands.limits import MOST_MIB
from initlab.losslab.operands.options import mapping
from initlab.losslab.settings import Settings

Names = Annotated[
    list[str] | None,
    typer.Option(
        "--name",
        "-n",
        help="A loss, needed: initlab list losses. Several are computed side by side.",
        autocompletion=losses,
        show_default=False,
    ),
]
Options = Annotated[
    list[str] | None,
    typer.Option(
        "--option",
        "-o",
        metavar="NAME=VALUE",
        help="An option of the loss: margin=0.5. So is --margin 0.5.",
    ),
]
Reduction = Annotated[
    str,
    typer.Option(
        "--reduction", "-r", autocompletion=reductions,
        help="none, sum, mean, batchmean (kl_div), or all for every one.",
    ),
]  # fmt: skip
Grad = Annotated[bool, typer.Option("--grad", "-g", help="Also the gradient by every operand.")]
Explain = Annotated[
    bool,
    typer.Option("--explain", "-e", help="Show the working; --explain full shows every value."),
]
Full = Annotated[str, typer.Argument(hidden=True, metavar="[full]", show_default=False)]
Dtype = Annotated[
    DtypeName | None,
    typer.Option(help="Compute in it; by default the input file's, or float32."),
]
From = Annotated[
    Literal["logits", "probs", "log-probs"] | None,
    typer.Option("--from", help="What the input holds, if not what the loss takes."),
]
TargetFrom = Annotated[
    Literal["logits", "probs", "log-probs"] | None,
    typer.Option("--target-from", help="The same of the target: teacher logits."),
]
Temperature = Annotated[
    float, typer.Option(metavar="T", help="Divide logits by it first, as in distillation.")
]
BatchFirst = Annotated[
    bool, typer.Option("--batch-first", help="Frames of ctc are (N, T, C), not (T, N, C).")
]
ClassDim = Annotated[
    int | None, typer.Option(help="Dimension of the classes, if not torch's: -1 for the last.")
]
TargetMap = Annotated[
    str,
    typer.Option(
        metavar="MAP", help="Replace values of the target: '{0: -1}'.", show_default=False
    ),
]
Classes = Annotated[
    str,
    typer.Option(
        metavar="NAMES", help="Names in the target, in the order of the class ids: cat,dog.",
        show_default=False,
    ),
]  # fmt: skip
AllowBroadcast = Annotated[
    bool, typer.Option("--allow-broadcast", help="Let shapes broadcast, as torch does.")
]
Allow = Annotated[
    list[str] | None,
    typer.Option(metavar="RULE", autocompletion=rules, help="Make errors of this rule warnings."),
]
Clamp = Annotated[
    bool, typer.Option("--clamp", help="Take probabilities just outside 0..1 as 0 or 1.")
]
Normalise = Annotated[
    bool, typer.Option("--normalise", help="Divide probabilities by their sums over the classes.")
]
Strict = Annotated[bool, typer.Option("--strict", help="Make warnings errors.")]
Jsonl = Annotated[
    str,
    typer.Option(
        "--jsonl", metavar="FILE", show_default=False,
        help="A record a line, operands and options by name, from a file or -; JSONL comes out.",
    ),
]  # fmt: skip
Total = Annotated[
    bool, typer.Option("--total", help="After --jsonl, the value of all records as one batch.")
]


def loss(
    name: Names = None,
    full: Full = "",
    option: Options = None,
    reduction: Reduction = "mean",
    grad: Grad = False,
    explain: Explain = False,
    from_: From = None,
    target_from: TargetFrom = None,
    temperature: Temperature = 1.0,
    class_dim: ClassDim = None,
    batch_first: BatchFirst = False,
    target_map: TargetMap = "",
    classes: Classes = "",
    dtype: Dtype = None,
    clamp: Clamp = False,
    normalise: Normalise = False,
    allow_broadcast: AllowBroadcast = False,
    allow: Allow = None,
    strict: Strict = False,
    jsonl: Jsonl = "",
    total: Total = False,
    max_mib: MaxMib = MOST_MIB,
    format_: output.FormatOption = None,
    **values: Any,
) -> None:
    """Compute a loss of torch, check its inputs better than torch does, and show the working.

    An operand is a list of numbers, a pasted tensor, a file (JSON, text, NPY, NPZ, PT), FILE:KEY,
    or - for standard input.

    Examples:
    initlab loss --name bce --inputs '[0.2, 0.8]' --target '[0, 1]'

    initlab loss -n ce -i '[[1,2],[1,3],[1,3]]' -t '[0,1,1]' --weight '[1,2]' -r all

    initlab loss -n smooth_l1 -n l1 -i '[0.5, 3]' -t '[0, 0]'

    initlab loss -n kl_div -i q.npy -t p.npy --from probs -r batchmean --grad

    initlab loss -n ce -i batch.pt:logits -t cat,dog,cat --classes cat,dog

    initlab loss -n triplet_margin --anchor a.csv --positive p.csv --negative n.csv --explain

    cat batches.jsonl | initlab loss -n cross_entropy --jsonl - | jq .value
    """
    given = loss_options.given(values, option or ())
    way = Way(jsonl, total, format_, explain, bool(full))
    named_as = named(name or (), full, explain=explain, stream=bool(jsonl))
    records = list(named_as)
    check_ways(records, given, reduction, way)
    settings = Settings(
        reduction=reduction,
        grad=grad or explain,
        dtype=dtype,
        given=from_ or next(iter(named_as.values()), ""),
        target_given=target_from or "",
        temperature=temperature,
        class_dim=class_dim,
        batch_first=batch_first,
        target_map=mapping(target_map),
        classes=labels.named(classes),
        allow=allowed(allow or (), records, broadcast=allow_broadcast),
        clamp=clamp,
        normalise=normalise,
        strict=strict,
        max_mib=max_mib,
        typed={} if jsonl else loss_options.flags_of(records, given),
    )
    _compute(records, given, settings, way)


def _compute(records: list[Loss], given: Given, settings: Settings, way: Way) -> None:
    """With torch, which is loaded once what was typed is sound."""
    if way.stream:
        from initlab.cli.loss_stream import stream

        stream(records, way.stream, given, settings, total=way.total)
    else:
        from initlab.cli.loss_output import show

        show(records, given, settings, way)


loss_options.declare(loss)
