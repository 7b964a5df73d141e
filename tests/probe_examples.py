"""Probes made by hand, for tests of what shows them."""

import math

from initlab.catalog import PROBE_RULES
from initlab.probe.result import (
    PARAMETER_COLUMNS,
    SITE_COLUMNS,
    Coverage,
    Finding,
    Fix,
    Probe,
    Summary,
)

EXPLODES = Finding(
    "gradient-explodes",
    "error",
    "blocks.3",
    "s grows x 1.6e4 from the output to blocks.3, most of it in blocks.2",
    {"largest": 1.6e4, "place": 7, "activation": "tanh"},
    where="net.py:12",
    seeds=(0, 1, 2),
    of=3,
    fix=Fix(
        "tanh's critical gain",
        (
            "for m in model.modules():",
            "    if isinstance(m, nn.Linear):",
            "        critical(m)",
        ),
    ),
)
LOST = Finding(
    "signal-lost", "warning", "head", "all samples look alike", {"share": 2e-8}, seeds=(1,), of=3
)
COPIES = Finding(
    "identical-parameters",
    "warning",
    "",
    "equal to blocks.0.weight",
    parameter="blocks.1.weight",
    seeds=(0, 1, 2),
    of=3,
)
UNUSED = Finding("unused-parameter", "note", "", "is on no path", parameter="spare.weight")
SOMETIMES = Finding("signal-lost", "seed-dependent", "head", "alike", seeds=(1,), of=3)


def row(columns, **cells):
    """A row of a table, None where nothing is given."""
    assert set(cells) <= set(columns)
    return {**dict.fromkeys(columns), **cells}


def site(name, place=None, **cells):
    """A call of a module, or an op if the name says so."""
    path, _, op = name.partition(" : ")
    known = {
        "seed": 0, "order": place or 0, "site": name, "kind": "op" if op else "module",
        "path": path.partition("#")[0], "module": "Linear", "op": op or "addmm", "shape": "4x8",
        "dtype": "float32", "where": "net.py:12", "trunk": place, "rms": 1.0, "signal": 0.5,
        "absmax": 3.0, "finite": 1.0, "gain_forward": 1.0, "grad_norm": 1.0, "grad_rms": 0.1,
        "gain_backward": 1.0, "sensitivity": 0.25, "d_ln_s": 0.0,
    }  # fmt: skip
    return row(SITE_COLUMNS, **(known | cells))


def trunk(depth=10, *, seeds=(0, 1, 2), **cells):
    """Rows of blocks.0, an op in it, blocks.1, ... and a head, in each seed."""
    names = [f"blocks.{k}{op}" for k in range(depth) for op in (" : tanh", "")]
    names = ["x", *names, "head"]
    rows = []
    for seed in seeds:
        for place, name in enumerate(names):
            rows.append(site(name, place, seed=seed, rms=1 + 0.01 * seed, **cells))
        rows.append(site("blocks.0 : view", seed=seed, order=99, kind="op"))
    return tuple(rows)


def parameter(name="blocks.0.weight", **cells):
    """A row of a parameter."""
    known = {"seed": 0, "name": name, "shape": "8x8", "std": 0.1, "gain": 0.3, "trainable": True}
    return row(PARAMETER_COLUMNS, **(known | cells))


def probe(*findings, rows=None, seeds=(0, 1, 2), target="net.py:build", **fields):
    """A probe with these findings; healthy without."""
    runs = tuple(Summary(s, "logits 4x8", 4, 22, 1.25, 3.5, 0.9, 2.5, None) for s in seeds)
    given = {
        "site_rows": trunk(seeds=seeds) if rows is None else tuple(rows),
        "parameter_rows": tuple(parameter(seed=seed) for seed in seeds),
        "runs": runs,
        "coverage": Coverage(212, 210, 400, 3, ("inside TorchScript: head",)),
        "notes": ("a batch of 4 is small for batch norm",),
        "rules": tuple(rule.id for rule in PROBE_RULES.values()),
    }
    return Probe(target, tuple(seeds), tuple(findings), **(given | fields))


#: a probe of which nothing is finite, and nothing is as it should be
def broken(text="\x1b[2J\na|b"):
    """Text of others everywhere, numbers that are none."""
    finding = Finding(
        "nonfinite-forward", "error", text, text, {text: math.nan, "inf": -math.inf, "t": text},
        parameter=text, where=f"{text}.py:3", fix=Fix(text, (text,), True, text, text),
    )  # fmt: skip
    rows = [
        site(text, 0, rms=math.nan, signal=math.inf, sensitivity=math.nan, d_ln_s=math.nan),
        site("empty", 1, rms=None, signal=None, sensitivity=None, d_ln_s=None, shape=None),
    ]
    runs = (Summary(0, text, None, 2, None, math.inf, math.nan, None, math.nan),)
    coverage = Coverage(blind=(text,))
    return probe(
        finding, rows=rows, seeds=(0,), target=text, runs=runs, coverage=coverage, notes=(text,)
    )
