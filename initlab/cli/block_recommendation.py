"""`initlab recommend` for networks with residual sums, norms or dropout."""

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from initlab.catalog import NORMS
from initlab.cli import output
from initlab.errors import ChecksFailed, InputError

if TYPE_CHECKING:
    from initlab.spec.run import Choice, Run
    from initlab.theory.recommend_blocks import BlockCandidate

HEADER = (
    "rank", "activation", "depth", "width", "dtype", "every", "scale", "output_gain", "norm",
    "place", "dropout", "scheme", "gain", "std_first", "std_last", "grad_ratio", "cosine_last",
    "forward_verdict", "backward_verdict", "why",
)  # fmt: skip
SHOWN = (
    "rank", "scale", "output_gain", "place", "gain", "std_last", "grad_ratio", "cosine_last",
    "forward_verdict", "backward_verdict",
)  # fmt: skip


class Size(NamedTuple):
    """Of a network: layers, neurons of each, and its dtype."""

    depth: int
    width: int
    dtype: str


class BlocksAsked(NamedTuple):
    """What is asked for: layers in a residual branch, a norm by name, a share that is dropped."""

    residual: int | None
    norm: str
    dropout: float


def show(
    activation: "Choice",
    size: Size,
    asked: BlocksAsked,
    *,
    verify: bool,
    format_: output.Format | None,
) -> None:
    """Print the candidates, the best first, and what to write into a spec for the first.

    Raises:
        UnknownName: no such norm.
        InputError: the depth has no room for a branch.
        ChecksFailed: the first is not steady, by theory or as measured.
    """
    from initlab.theory.recommend_blocks import recommend_blocks

    residual, norm, dropout = asked
    if not math.isfinite(dropout):
        raise InputError(f"--dropout {dropout}: needs a share from 0 to 0.99", "--dropout 0.1")
    if residual is not None and size.depth < residual:
        raise InputError(
            f"--residual {residual}: a network of {size.depth} layers has no room for such a"
            " branch",
            f"--depth {residual * 10}",
        )
    found = recommend_blocks(
        activation,
        residual=residual,
        norm=NORMS[norm].name if norm else None,
        dropout=dropout,
        **size._asdict(),
    )
    best, rows = found[0], [_row(rank, c) for rank, c in enumerate(found, 1)]
    measured = _measured(best.run) if verify and best.steady else {}
    rows[0] |= measured
    header, shown = (*HEADER, *measured), tuple(n for n in (*SHOWN, *measured) if _said(n, rows))
    output.records(
        header, [tuple(row.get(n) for n in header) for row in rows], format_, shown=shown
    )
    if not best.steady:
        why = best.diagnosis.why.partition("; for other scales")[0]
        other = "" if norm else "; a norm holds lengths: --norm layer"
        raise ChecksFailed(f"nothing tried is steady; the best: {why}{other}")
    output.note(_lines(best, [c for c in found if c.steady and not c.silent]))
    if measured and {measured["measured_forward"], measured["measured_backward"]} != {"steady"}:
        raise ChecksFailed(
            f"measured, it is {measured['measured_forward']} forward and"
            f" {measured['measured_backward']} backward"
        )


def _row(rank: int, c: "BlockCandidate") -> dict[str, Any]:
    run, layers = c.run, c.prediction.layers
    residual = {} if run.residual is None else run.residual.parameters
    row: dict[str, Any] = {
        "rank": rank,
        "activation": run.activation.name,
        "depth": run.depth,
        "width": run.shape[0],
        "dtype": run.dtype,
        "every": residual.get("every"),
        "scale": residual.get("scale"),
        "output_gain": residual.get("output_gain", 1.0) if residual else None,
        "norm": None if run.norm is None else run.norm.name,
        "place": None if run.norm is None else run.norm.parameters["place"],
        "dropout": run.dropout or None,
        "scheme": run.init.name,
        "gain": c.gain,
        "forward_verdict": c.diagnosis.forward,
        "backward_verdict": c.diagnosis.backward,
        "why": c.diagnosis.why,
    }
    if layers is not None:
        row |= {
            "std_first": float(layers.std[run.stream_start]),
            "std_last": float(layers.std[-1]),
            "grad_ratio": float(layers.grad_std[run.stream_start]),
            "cosine_last": float(layers.cosine[-1]),
        }
    return {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in row.items()}


def _said(name: str, rows: list[dict[str, Any]]) -> bool:
    return any(row.get(name) is not None for row in rows)


def _measured(run: "Run") -> dict[str, Any]:
    from initlab.cli.commands.recommend import MEASURED, measure_once

    return dict(zip(MEASURED, measure_once(run), strict=True))


def _lines(best: "BlockCandidate", others: "list[BlockCandidate]") -> str:
    """What to write into a spec."""
    words = [best.diagnosis.why]
    if best.silent and others:
        words.append(
            "its branches add nothing before training; the best of those that do is"
            f"\n{_spec(others[0].run)}"
        )
    words.append(f"in a spec:\n{_spec(best.run)}")
    return "\n".join(words)


def _spec(run: "Run") -> str:
    from initlab.spec.blocks import short_mapping

    lines = [f"  init: {{scheme: {run.init.name}, gain: {run.init.parameters['gain']:.6g}}}"]
    if run.residual is not None:
        given = {k: v for k, v in run.residual.items if v != 1.0 or k == "every"}
        lines.append(f"  residual: {short_mapping('residual', given)}")
    if run.norm is not None:
        norm = {"name": run.norm.name, **run.norm.parameters}
        lines.append(f"  norm: {short_mapping('norm', norm)}")
    if run.dropout:
        lines.append(f"  dropout: {run.dropout:.6g}")
    return "\n".join(lines)
