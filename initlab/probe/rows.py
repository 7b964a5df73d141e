"""Sites and parameters of a run as rows of plain values."""

import math
from typing import Any

from initlab.probe.recording.parameters import Parameter
from initlab.probe.recording.sites import Site, factors
from initlab.probe.result import PARAMETER_COLUMNS, SITE_COLUMNS, Summary
from initlab.probe.rules.signal import relative_change
from initlab.probe.rules.view import View
from initlab.probe.theory.expectation import Expected

Row = dict[str, Any]
SILENT = Expected()  # of who does not ask theory


def site_rows(view: View, expected: Expected = SILENT) -> list[Row]:
    """A row of SITE_COLUMNS for every site, in the order of the forward pass.

    Args:
        view: of a run.
        expected: what theory says of its trunk.
    """
    changes = {
        id(site): change for site, change in zip(view.trunk, factors(view.trunk), strict=True)
    }
    predicted = expected.by_site
    rows = []
    for order, site in enumerate(view.sites.every):
        row = _row(view.run.seed, order, site, changes.get(id(site)))
        if site.trunk is not None and (theory := predicted.get(site.name)) is not None:
            row |= {
                "predicted_rms": theory.rms,
                "predicted_rms_p10": theory.rms_p10,
                "predicted_rms_p90": theory.rms_p90,
                "predicted_grad": theory.grad,
            }
        rows.append(row)
    return rows


def _row(seed: int, order: int, site: Site, change: float | None) -> Row:
    row: Row = dict.fromkeys(SITE_COLUMNS)
    value, call, op = site.value, site.call, site.op
    given = call.given if site.kind == "module" and call else op.given if op else None
    row |= {
        "seed": seed,
        "order": order,
        "site": site.name,
        "kind": site.kind,
        "path": site.path,
        "module": call.module if call is not None else "",
        "op": op.name if op is not None else "",
        "where": site.where,
        "trunk": site.trunk,
        "zero": op.layer.zero if op is not None else None,
        "grad_norm": site.grad,
        "gain_backward": site.gain,
        "sensitivity": site.sensitivity,
        "d_ln_s": change,
    }
    if value is not None:
        row |= {
            "shape": "x".join(map(str, value.shape)),
            "dtype": value.dtype,
            "rms": value.rms,
            "mean": value.mean,
            "std": value.std,
            "signal": value.signal,
            "absmax": value.absmax,
            "finite": value.finite,
            "gain_forward": value.rms / given if given else None,
            "grad_rms": None if site.grad is None else site.grad / math.sqrt(value.size),
        }
    return row


def parameter_rows(view: View) -> list[Row]:
    """A row of PARAMETER_COLUMNS for every parameter."""
    return [_parameter(view.run.seed, p) for p in view.parameters]


def _parameter(seed: int, p: Parameter) -> Row:
    row: Row = dict.fromkeys(PARAMETER_COLUMNS)
    return row | {
        "seed": seed,
        "name": p.name,
        "shape": "x".join(map(str, p.shape)),
        "fan_in": p.fan_in,
        "fan_out": p.fan_out,
        "std": p.rms,
        "gain": None if p.fan_in is None else p.rms * math.sqrt(p.fan_in),
        "law": p.law,
        "trainable": p.trainable,
        "product": p.product,
        "grad_norm": p.grad,
        "update": None if p.grad is None else p.grad * p.rms,
    }


def summary_of(view: View) -> Summary:
    """A run as a whole."""
    run = view.run
    # places without the batch in front have none
    s = [x for site in view.trunk if (x := site.sensitivity) is not None]
    known = [x for x in s if 0 < x < math.inf]
    whole = len(known) == len(s) and len(s) > 0
    shape = "" if run.output is None else "x".join(map(str, run.output.shape))
    return Summary(
        seed=run.seed,
        output=f"{run.name} {shape}".strip(),
        batch=run.batch,
        trunk=len(view.trunk),
        ln_factor=math.log(known[0] / known[-1]) if whole else None,
        largest=max(known) / known[-1] if whole else None,
        smallest=min(known) / known[-1] if whole else None,
        k=relative_change(view),
        loss=None if run.value is None else run.value.value,
        last_rms=_last_rms(view),
    )


def _last_rms(view: View) -> float | None:
    value = view.trunk[-1].value if view.trunk else None
    return value.rms if value is not None and math.isfinite(value.rms) else None
