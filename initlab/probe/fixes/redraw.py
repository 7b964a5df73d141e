"""Patches that draw single parameters again: constants, garbage, copies, tokens of zeros."""

from collections import defaultdict
from collections.abc import Iterator

from torch import nn

from initlab.formatting import number
from initlab.probe.fixes.patch import Patch, for_each
from initlab.probe.fixes.scale import activations_behind, gain_for, std_of
from initlab.probe.recording.parameters import Parameter
from initlab.probe.rules import parameters as about_parameters
from initlab.probe.rules.view import View

#: of tokens, positions and tied embeddings (Radford et al. 2018)
TOKEN_STD = 0.02


def draw_tokens(view: View) -> Iterator[Patch]:
    """Tokens and tables of zeros, as N(0, 0.02)."""
    names = [p.name for p in view.parameters if p.is_zero and len(p.shape) >= 2 and not p.product]
    if names:
        code = for_each(names, [f"p.normal_(std={TOKEN_STD})"])
        yield Patch(f"zero tokens and tables drawn, std {TOKEN_STD}", code)


def smaller_head(view: View) -> Iterator[Patch]:
    """The weight that makes the output, as N(0, 0.02): of a tied embedding the table too."""
    used = [s.op.weight for s in view.trunk if s.op is not None and s.op.weight]
    if used:
        patch = for_each(used[-1:], [f"p.normal_(std={TOKEN_STD})"])
        yield Patch(f"the last layer drawn smaller, std {TOKEN_STD}", patch)


def draw_again(view: View) -> Iterator[Patch]:
    """Parameters that hold garbage or constants, drawn as is usual."""
    rules = (
        about_parameters.nonfinite,
        about_parameters.uninitialised,
        about_parameters.symmetric,
    )
    bad = {found.parameter for rule in rules for found in rule(view)}
    parameters = [p for p in view.parameters if p.name in bad]
    norms = [p.name for p in parameters if _is_norm_weight(view, p)]
    vectors = [p.name for p in parameters if len(p.shape) < 2 and p.name not in norms]
    matrices = [p.name for p in parameters if len(p.shape) >= 2]
    following = activations_behind(view)
    first = {p.name: p.input_first for p in parameters}
    groups: dict[tuple[float, bool], list[str]] = defaultdict(list)
    for name in matrices:
        gain = gain_for(following[name]) if name in following else 1.0
        groups[gain, first[name]].append(name)
    lines: list[str] = []
    for (gain, input_first), names in groups.items():
        lines += for_each(names, [f"p.normal_(std={std_of('p', gain, input_first=input_first)})"])
    lines += for_each(vectors, ["p.zero_()"]) if vectors else ()
    lines += for_each(norms, ["p.fill_(1)"]) if norms else ()
    if lines:
        yield Patch("draw them", tuple(lines))


def draw_copies(view: View) -> Iterator[Patch]:
    """Copies drawn anew, each with the law and scale that it has."""
    lines: list[str] = []
    by_name = {p.name: p for p in view.parameters}
    for found in about_parameters.identical(view):
        p = by_name[found.parameter]
        lines += for_each(found.evidence["copies"], [_redrawn(p)])
    if lines:
        yield Patch("draw each copy anew", tuple(lines))


def _redrawn(p: Parameter) -> str:
    if p.law == "orthogonal":
        return (
            f"nn.init.orthogonal_(p, {number(p.rms * max(p.shape[0], p.tensor[0].numel()) ** 0.5)})"
        )
    if p.law == "uniform":
        bound = number(p.rms * 3**0.5)  # Var U(-b, b) = b^2 / 3
        return f"p.uniform_(-{bound}, {bound})"
    return f"p.normal_(std={number(p.rms)})"


def _is_norm_weight(view: View, p: Parameter) -> bool:
    module, _, name = p.name.rpartition(".")
    owner: nn.Module = view.run.model.get_submodule(module)
    return name == "weight" and "Norm" in type(owner).__name__
