"""Rules about the loss: what an ignorant head has, and a softmax too many."""

import math
from collections.abc import Iterator

from initlab.catalog.probe_rules import INITIAL_LOSS_ABOVE
from initlab.formatting import brief
from initlab.probe.recording.layers import probabilities
from initlab.probe.result import Finding
from initlab.probe.rules.view import View


def double_softmax(view: View) -> Iterator[Finding]:
    """Probabilities where cross_entropy takes scores, of the loss asked for or of the model's."""
    value = view.run.value
    end = view.trunk[-1].name if view.trunk else ""
    message = "rows are probabilities already; cross_entropy takes scores, and its softmax again"
    if value is not None and value.logits is not None and probabilities(value.logits):
        yield Finding("double-softmax", "error", end, message)
        return
    for site in view.sites.every:
        if site.op is not None and site.op.layer.softmax_again:
            yield Finding("double-softmax", "error", site.name, message, where=site.where)
            return


def initial_loss(view: View) -> Iterator[Finding]:
    """A cross entropy far above ln C, which is confidence in guesses."""
    value = view.run.value
    if value is not None and value.logits is not None and value.ignorant is not None:
        if not probabilities(value.logits):
            end = view.trunk[-1].name if view.trunk else ""
            size = float(value.logits.double().square().mean().sqrt())
            more = f"; rms of the logits {brief(size)}"
            yield from _high(end, value.value, value.logits.shape[1], more)
        return
    for site in view.sites.every:
        if site.op is not None and site.op.layer.classes and site.value is not None:
            yield from _high(site.name, site.value.mean, site.op.layer.classes, "", site.where)


def _high(site: str, loss: float, classes: int, more: str, where: str = "") -> Iterator[Finding]:
    ignorant = math.log(classes)
    if loss > ignorant + INITIAL_LOSS_ABOVE:
        message = f"the loss starts at {brief(loss)}; knowing nothing costs ln {classes} ="
        message += f" {brief(ignorant)}{more}"
        evidence = {"loss": loss, "ln_C": ignorant, "classes": classes}
        yield Finding("initial-loss", "warning", site, message, evidence, where=where)


RULES = (double_softmax, initial_loss)
