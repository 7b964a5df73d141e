"""Rules about single layers: starved norms, dead units, gradients that are 0 or not there."""

from collections.abc import Iterator

from initlab.catalog.probe_rules import DEAD_ROWS, DEAD_SHARE
from initlab.formatting import brief
from initlab.probe.recording.parameters import Parameter
from initlab.probe.result import Finding
from initlab.probe.rules.view import View


def starved(view: View) -> Iterator[Finding]:
    """A norm of rows that are constant, but for less than its eps."""
    worst = [s for s in view.sites.every if s.op is not None and s.op.layer.starved]
    if worst and worst[0].op is not None:
        site, layer = worst[0], worst[0].op.layer
        message = f"{layer.starved:.0%} of what it normalises has a variance below eps / 100 ="
        message += f" {layer.eps / 100:.0e}: gradients grow up to x {brief(layer.eps**-0.5)}"
        message += f"; so in {len(worst)} places" if len(worst) > 1 else ""
        evidence = {"share": layer.starved, "eps": layer.eps, "places": len(worst)}
        yield Finding("norm-starved", "warning", site.name, message, evidence, where=site.where)


def dead(view: View) -> Iterator[Finding]:
    """A ReLU whose units are 0 whatever comes in."""
    found = []
    for site in view.sites.every:
        layer = site.op.layer if site.op is not None else None
        if layer is not None and layer.dead is not None and layer.rows >= DEAD_ROWS:
            found += [(site, layer)] if layer.dead > DEAD_SHARE else []
    if found:
        site, layer = found[0]
        message = f"{layer.dead:.0%} of its units are 0 in all {layer.rows} rows"
        message += f"; so in {len(found)} layers" if len(found) > 1 else ""
        evidence = {"dead": layer.dead, "rows": layer.rows, "layers": len(found)}
        yield Finding("dead-units", "error", site.name, message, evidence, where=site.where)


def no_gradient(view: View) -> Iterator[Finding]:
    """A model whose outputs depend on nothing that learns."""
    if view.run.output is None:
        message = "no output has a gradient: under no_grad, detached, or without parameters"
        yield Finding("no-gradient", "error", "", message)


def unused(view: View) -> Iterator[Finding]:
    """Parameters that no output depends on."""
    if view.run.output is None:
        return
    found = [p for p in view.parameters if p.trainable and not p.used]
    if found:
        names = ", ".join(p.name for p in found[:3]) + (", ..." if len(found) > 3 else "")
        message = f"no output depends on {names}" + (f" ({len(found)})" if len(found) > 3 else "")
        yield Finding(
            "unused-parameter", "note", found[0].name.rpartition(".")[0], message,
            {"parameters": len(found), "names": [p.name for p in found]}, found[0].name,
        )  # fmt: skip


def zero_gradient(view: View) -> Iterator[Finding]:
    """Matrices with a gradient of exactly 0 that nothing known explains."""
    if any(True for rule in (dead, no_gradient) for _ in rule(view)) or _vanished(view):
        return
    zero = [p for p in view.parameters if p.trainable and len(p.shape) >= 2 and p.gets_zero]
    scales = [p for p in view.parameters if p.is_zero and p.grad and "bias" not in p.name]
    if not zero or scales:  # what stands behind a zero scale or matrix learns after it
        return
    first = zero[0]
    message = "its gradient is exactly 0"
    message += f"; so is that of {len(zero) - 1} other matrices" if len(zero) > 1 else ""
    yield Finding(
        "zero-gradient", "warning", first.name.rpartition(".")[0], message,
        {"matrices": len(zero), "names": [p.name for p in zero]}, first.name,
    )  # fmt: skip


def _vanished(view: View) -> bool:
    """Whether the signal dies on the trunk, which another rule tells."""
    return any(site.grad == 0 or (site.value and site.value.rms == 0) for site in view.trunk)


def zero_matrices(view: View) -> list[Parameter]:
    """Matrices of zeros that products use: as a rule on purpose."""
    return [p for p in view.parameters if p.is_zero and len(p.shape) >= 2 and p.product]


def closing(view: View) -> tuple[str, ...]:
    """Zero matrices that learn, but let no gradient through to what lies behind them.

    Only where one is on the trunk: there the gradient is 0. Those at the end of residual branches
    close nothing.
    """
    closed = [p for p in zero_matrices(view) if p.grad]
    hidden = [p for p in view.parameters if p.gets_zero and len(p.shape) >= 2]
    blocked = not view.trunk or any(site.grad == 0 for site in view.trunk)
    return tuple(p.name for p in closed) if hidden and blocked else ()


def opened(view: View) -> Iterator[Finding]:
    """That zero matrices were drawn, so that what lies behind them could be measured."""
    if names := view.run.opened:
        listed = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
        message = f"zeros in {listed} stop all gradients; the rest was measured with them drawn"
        yield Finding(
            "opened-zero-init", "note", names[0].rpartition(".")[0], message,
            {"matrices": len(names), "names": list(names)}, names[0],
        )  # fmt: skip


RULES = (starved, dead, no_gradient, unused, zero_gradient, opened)
