"""Probes as models have them: tens to hundreds of sites, some of which grow, vanish or turn nan."""

import math

import numpy as np
from probe_examples import parameter, probe, site

from initlab.probe.result import Finding, Fix, Summary

FIX = Fix(
    "tanh's critical gain, 1, in place of 5/3",
    (
        "for module in model.modules():",
        "    if isinstance(module, nn.Linear):",
        "        nn.init.normal_(module.weight, std=module.in_features**-0.5)",
    ),
    True,
    "s grows x 1.6e4",
    "s grows x 3.1",
)
EXPLODES = Finding(
    "gradient-explodes",
    "error",
    "blocks.2.act",
    "s grows x 1.6e4 from the output to blocks.2.act; blocks.3 to blocks.9 have 61 % of it",
    {"largest": 16123.4, "place": 7, "activation": "tanh", "share": 0.61},
    where="models/deep.py:27",
    seeds=(0, 1, 2),
    of=3,
    fix=FIX,
)
SOMETIMES = Finding(
    "signal-lost", "seed-dependent", "head", "all samples look alike", seeds=(1,), of=3
)
UNUSED = Finding(
    "unused-parameter", "note", "", "no path to any output", parameter="spare.weight", of=3
)


def sites_of(blocks):
    """Names along the trunk: a linear map, an activation and a sum a block."""
    inner = [f"blocks.{k}{part}" for k in range(blocks) for part in (".fc", ".act", " : add")]
    return ["x", *inner, "head"]


def chain(blocks=30, *, seeds=(0, 1, 2), growth=1.0, backward=1.0, nan_from=None, predicted=False):
    """Rows of a trunk and of a branch beside it, in each seed.

    Args:
        blocks: three sites each, and input and head.
        seeds: of the runs.
        growth: of the rms, a site.
        backward: of s from one site to the one before it.
        nan_from: place from which on nothing is finite.
        predicted: whether theory knows the rms.
    """
    names = sites_of(blocks)
    rows = []
    for seed in seeds:
        random = np.random.default_rng(seed)
        noise = np.exp(0.08 * random.standard_normal((2, len(names))).cumsum(axis=1) / 2)
        for place, name in enumerate(names):
            rms = float(growth**place * noise[0, place])
            s = float(backward ** (len(names) - 1 - place) * noise[1, place])
            dead = nan_from is not None and place >= nan_from
            cells = {"rms": rms, "signal": rms * 0.8, "sensitivity": s, "grad_norm": s / rms}
            if dead:
                cells = dict.fromkeys([*cells, "gain_forward"], math.nan) | {"finite": 0.25}
            cells |= {"predicted_rms": float(growth**place)} if predicted else {}
            kind = "input" if place == 0 else "op" if " : " in name else "module"
            module = {"fc": "Linear", "act": "Tanh"}.get(name.rpartition(".")[2], "Block")
            path = name.partition(" : ")[0] if place else ""
            cells |= {"d_ln_s": math.log(backward), "kind": kind, "path": path, "module": module}
            rows.append(site(name, place, seed=seed, **cells))
        for k in range(blocks):
            rows.append(site(f"blocks.{k}.branch", seed=seed, order=3 * k + 1))
    return rows


def modelled(*findings, target="models/deep.py:build", seeds=(0, 1, 2), rows=None, **options):
    """A probe of such a model."""
    parameters = [
        parameter(f"blocks.{k}.fc.{part}", seed=seed, law="normal" if part == "weight" else "zero",
                  shape="256x256" if part == "weight" else "256", activation="tanh", std=0.104,
                  gain=1.66, grad_norm=0.31, update=0.02, fan_in=256, fan_out=256)
        for seed in seeds for k in range(options.get("blocks", 30)) for part in ("weight", "bias")
    ]  # fmt: skip
    rows = chain(seeds=seeds, **options) if rows is None else rows
    length = len({row["site"] for row in rows if row["trunk"] is not None})
    runs = [Summary(s, "logits 64x10", 64, length, 9.7, 16123.0, 0.9, 2.5, None) for s in seeds]
    return probe(*findings, target=target, seeds=seeds, rows=rows, parameter_rows=tuple(parameters),
                 runs=tuple(runs))  # fmt: skip
