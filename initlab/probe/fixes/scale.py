"""Patches that give weights another scale: critical gains, biases of 0, smaller branches."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cache

from torch import nn

from initlab.formatting import number
from initlab.probe.activations import activation_of
from initlab.probe.fixes.patch import INDENT, Patch, for_each, for_modules, together
from initlab.probe.rules.view import View
from initlab.spec.run import Choice
from initlab.theory.gain_table import four_gains

ADDITIONS = ("add", "add_")


@cache
def gain_for(activation: Choice) -> float:
    """The critical gain; where there is none the one that keeps the second moment, or 1."""
    gains = four_gains(activation)
    return gains.critical or gains.second_moment or 1.0


def gains(view: View) -> Iterator[Patch]:
    """Every weight of a product at the critical gain of the activation behind it."""
    following = activations_behind(view)
    groups: dict[float, list[str]] = defaultdict(list)
    names: dict[float, set[str]] = defaultdict(set)
    for p in view.parameters:
        if p.product and len(p.shape) >= 2:
            activation = following.get(p.name)
            gain = 1.0 if activation is None else gain_for(activation)
            groups[gain].append(p.name)
            names[gain] |= set() if activation is None else {activation.name}
    if not groups:
        return
    lines: list[str] = []
    ordered = sorted(groups, key=lambda gain: -len(groups[gain]))
    for place, gain in enumerate(ordered):
        of = f"  # the critical gain of {', '.join(sorted(names[gain]))}" if names[gain] else ""
        std = f"std={number(gain)} / {{}}[0].numel() ** 0.5"
        classes = _owners(view, groups[gain]) if place == 0 else ()
        if classes and len(groups[gain]) > 1:
            # the rest, which has other gains, comes after
            lines += for_modules(classes, [f"nn.init.normal_(m.weight, {std.format('m.weight')})"])
            lines[-1] += of
        else:
            lines += for_each(groups[gain], [f"p.normal_({std.format('p')}){of}"])
    every = sorted(set().union(*names.values()))
    about = f"the critical gain of {', '.join(every)}" if every else "weights of std fan_in^-1/2"
    yield Patch(about, tuple(lines))


def gains_and_biases(view: View) -> Iterator[Patch]:
    """The same with biases of 0, where one is not."""
    for patch in gains(view):
        for zero in zero_biases(view):
            yield together([patch, zero])


def _owners(view: View, weights: Sequence[str]) -> tuple[str, ...]:
    """Classes of torch.nn that these weights belong to, if products use all weights of theirs.

    A loop over their modules then says in a few lines what a list of names would.
    """
    used = {p.name for p in view.parameters if p.product}
    owners = [view.run.model.get_submodule(name.rpartition(".")[0]) for name in weights]
    kinds = {type(owner) for owner in owners}
    plain = all(getattr(nn, kind.__name__, None) is kind for kind in kinds)
    if not plain or not all(name.endswith("weight") for name in weights):
        return ()
    theirs = {
        f"{name}.weight" if name else "weight"
        for name, module in view.run.model.named_modules()
        if type(module) in kinds
    }
    return tuple(sorted(kind.__name__ for kind in kinds)) if theirs <= used else ()


def zero_biases(view: View) -> Iterator[Patch]:
    """All biases 0, where one is not."""
    biases = [p for p in view.parameters if p.name.endswith("bias") and not p.is_zero]
    if biases:
        code = (
            "for name, p in model.named_parameters():",
            f'{INDENT}if name.endswith("bias"):',
            f"{INDENT * 2}p.zero_()",
        )
        yield Patch("biases of 0", code)


def branches(view: View) -> Iterator[Patch]:
    """The last weight of each of L residual branches times L^-1/2."""
    last = _ends_of_branches(view)
    if len(last) > 1:
        code = for_each(last, [f"p.mul_({len(last)} ** -0.5)"])
        yield Patch(f"the last weight of each of {len(last)} branches times L^-1/2", code)


def gains_and_branches(view: View) -> Iterator[Patch]:
    """All of it."""
    for scaled in branches(view):
        for patch in (*gains_and_biases(view), *gains(view)):
            yield together([patch, scaled])
            return


def activations_behind(view: View) -> dict[str, Choice]:
    """The activation that follows each product, before the next one, by the weight's name."""
    found: dict[str, Choice] = {}
    weight = ""
    ops = [site for site in view.sites.every if site.kind == "op"]
    for site, following in zip(ops, [*ops[1:], None], strict=True):
        if site.op is not None and site.op.weight:
            weight = site.op.weight
        elif weight and (activation := activation_of(site, following)) is not None:
            found.setdefault(weight, activation)
            weight = ""
    return found


def _ends_of_branches(view: View) -> Sequence[str]:
    """For each sum on the trunk the last weight before it that is not on the trunk itself."""
    on_trunk = {id(site) for site in view.trunk}
    ends, last = dict[str, None](), ""
    for site in view.sites.every:
        op = site.op
        if op is None:
            continue
        if op.name in ADDITIONS and id(site) in on_trunk:
            ends |= {last: None} if last else {}
            last = ""
        elif op.weight and id(site) not in on_trunk:
            last = op.weight
    return tuple(ends)
