"""Patches that give weights another scale: critical gains, biases of 0, smaller branches."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cache

from torch import nn

from initlab.formatting import number
from initlab.probe.fixes.patch import INDENT, Patch, for_each, for_modules, together
from initlab.probe.recording.parameters import Parameter
from initlab.probe.recording.torch_interface import number_of
from initlab.probe.rules.view import View
from initlab.probe.theory.operands import Ops
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
    groups: dict[tuple[float, bool], list[str]] = defaultdict(list)
    names: dict[tuple[float, bool], set[str]] = defaultdict(set)
    for p in drawable(view):
        if p.product:
            activation = following.get(p.name)
            key = 1.0 if activation is None else gain_for(activation), p.input_first
            groups[key].append(p.name)
            names[key] |= set() if activation is None else {activation.name}
    if not groups:
        return
    lines: list[str] = []
    ordered = sorted(groups, key=lambda key: -len(groups[key]))
    for place, key in enumerate(ordered):
        gain, input_first = key
        of = f"  # the critical gain of {', '.join(sorted(names[key]))}" if names[key] else ""
        classes = _owners(view, groups[key], input_first=input_first) if place == 0 else ()
        if classes and len(groups[key]) > 1:
            # the rest, which has other gains, comes after
            std = std_of("m.weight", gain, input_first=input_first)
            lines += for_modules(classes, [f"nn.init.normal_(m.weight, std={std}){of}"])
        else:
            std = std_of("p", gain, input_first=input_first)
            lines += for_each(groups[key], [f"p.normal_(std={std}){of}"])
    every = sorted(set().union(*names.values()))
    about = f"the critical gain of {', '.join(every)}" if every else "weights of std fan_in^-1/2"
    yield Patch(about, tuple(lines))


def std_of(name: str, gain: float, *, input_first: bool) -> str:
    """gain / sqrt(fan_in) in Python, of a weight that goes by this name there."""
    return f"{number(gain)} / {name}[{':, 0' if input_first else '0'}].numel() ** 0.5"


def gains_and_biases(view: View) -> Iterator[Patch]:
    """The same with biases of 0, where one is not."""
    for patch in gains(view):
        for zero in zero_biases(view):
            yield together([patch, zero])


def _owners(view: View, weights: Sequence[str], *, input_first: bool) -> tuple[str, ...]:
    """Classes of torch.nn that these weights belong to, if all weights of theirs may be drawn so.

    A loop over their modules then says in a few lines what a list of names would.
    """
    alike = {p.name for p in drawable(view) if p.product and p.input_first == input_first}
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
    return tuple(sorted(kind.__name__ for kind in kinds)) if theirs <= alike else ()


def zero_biases(view: View) -> Iterator[Patch]:
    """All biases 0, where one is not."""
    biases = [p for p in view.parameters if _is_bias(p) and p.trainable and not p.is_zero]
    if not biases:
        return
    every = all(p.trainable and len(p.shape) == 1 for p in view.parameters if _ends_as_bias(p))
    code = (
        "for name, p in model.named_parameters():",
        f'{INDENT}if name.rpartition(".")[2] == "bias":',
        f"{INDENT * 2}p.zero_()",
    )
    yield Patch("biases of 0", code if every else for_each([p.name for p in biases], ["p.zero_()"]))


def _is_bias(p: Parameter) -> bool:
    return _ends_as_bias(p) and len(p.shape) == 1


def _ends_as_bias(p: Parameter) -> bool:
    return p.name.rpartition(".")[2] == "bias"


def drawable(view: View) -> list[Parameter]:
    """Matrices that may be drawn anew: not what is frozen, nor what was zero on purpose."""
    opened = view.run.opened
    return [p for p in view.parameters if p.trainable and p.name not in opened and p.fan_in]


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
    weight, ops = "", Ops(view)
    for node in sorted(ops.sites, key=number_of):
        op = ops.sites[node].op
        if op is not None and op.weight:
            weight = op.weight
        elif weight and (made := ops.activation(node)) is not None:
            found.setdefault(weight, ops.activations[made[1]])
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
