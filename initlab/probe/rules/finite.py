"""Rules about numbers that are none: the op that made the first, forward and backward."""

import math
from collections.abc import Iterator, Mapping

from torch.autograd.graph import Node

from initlab.catalog.probe_rules import HEADROOM
from initlab.formatting import brief
from initlab.probe.recording.backward import NodeGradient
from initlab.probe.recording.torch_interface import number_of
from initlab.probe.result import Finding
from initlab.probe.rules.view import View

LARGEST_HALF = 65504.0  # float16


def forward(view: View) -> Iterator[Finding]:
    """The first op that made nan or inf of finite inputs; or that they came in as such."""
    bad = [s for s in view.sites.every if s.value and s.value.finite < 1 and not s.value.masked]
    for site in bad:
        op, value = site.op, site.value
        if op is None or value is None:
            continue
        if op.sound_inputs:
            message = f"{op.name} makes {value.nan} nan and {value.inf} inf"
            message += (
                f" in {value.size} values of {value.dtype}; its inputs have no nan and no inf"
            )
            message += " but -inf"
            evidence = {"nan": value.nan, "inf": value.inf, "values": value.size}
            yield Finding(
                "nonfinite-forward", "error", site.name, message, evidence, where=site.where
            )
            return
    if bad and all(p.finite == 1 for p in view.parameters):
        message = "nan or inf is there from the start: in the batch, in a buffer or in a constant"
        yield Finding("nonfinite-forward", "error", bad[0].name, message, where=bad[0].where)


def backward(view: View) -> Iterator[Finding]:
    """The node, the last of the forward pass, that made nan or inf of a finite gradient."""
    run = view.run
    values = (site.value for site in view.sites.every)
    if any(v is not None and v.finite < 1 and not v.masked for v in values):
        return  # its gradient is what the forward pass made of it
    found = _producer(run.gradients) or _producer(run.loss_gradients)
    if found is None:
        return
    names = {site.node: site for site in view.sites.every if site.node is not None}
    site = names.get(found)
    name = site.name if site is not None else found.name()
    message = f"{found.name()} makes nan or inf of a finite gradient"
    if site is not None and site.value is not None:
        message += f"; its value has an rms of {brief(site.value.rms)}"
    where = site.where if site is not None else ""
    yield Finding("nonfinite-backward", "error", name, message, {"node": found.name()}, where=where)


def _producer(gradients: Mapping[Node, NodeGradient]) -> Node | None:
    made = [
        node
        for node, gradient in gradients.items()
        if not gradient.unread
        and _finite(gradient.outputs)
        and any(n is not None for n in gradient.outputs)
        and not _finite(gradient.inputs)
    ]
    return max(made, key=number_of, default=None)


def _finite(norms: tuple[float | None, ...]) -> bool:
    return all(n is None or math.isfinite(n) for n in norms)


def headroom(view: View) -> Iterator[Finding]:
    """Values of float16 near its end."""
    for site in view.sites.every:
        value = site.value
        if site.kind != "op" or value is None or value.dtype != "float16" or value.finite < 1:
            continue
        if value.absmax > LARGEST_HALF / HEADROOM:
            message = f"the largest value is {brief(value.absmax)}; float16 ends at 65504"
            evidence = {"absmax": value.absmax}
            yield Finding(
                "half-headroom", "warning", site.name, message, evidence, where=site.where
            )
            return


RULES = (forward, backward, headroom)
