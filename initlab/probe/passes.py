"""The passes of a probe: one model for each seed, of which plain values are kept."""

from collections.abc import Callable, Collection, Sequence

import torch
from torch import nn
from torch.nn import UninitializedParameter

from initlab.errors import InputError
from initlab.probe.coverage import coverage_of, notes_of
from initlab.probe.fixes.patch import Patch
from initlab.probe.fixes.trial import suggested, tried
from initlab.probe.recording.measure import (
    FORWARD_SEED,
    Setup,
    measure,
    model_of,
    patched,
    untouched,
)
from initlab.probe.recording.outputs import has_memory
from initlab.probe.result import Coverage, Finding, Probe, Summary
from initlab.probe.rows import Row, parameter_rows, site_rows, summary_of
from initlab.probe.rules.layers import closing
from initlab.probe.rules.run import found_in
from initlab.probe.rules.view import View
from initlab.probe.seeds import combined
from initlab.probe.theory.expectation import expect

#: of each parameter a few numbers, which differ where it was drawn anew
Prints = dict[str, tuple[float, ...]]
#: NumPy's generator takes 32 bits, and that of the forward pass comes on top
LARGEST_SEED = 2**32 - FORWARD_SEED
SEEDS_ITSELF = (
    "every seed has the same parameters: the model seeds itself or draws nothing, and seeds differ"
    " in the batch alone"
)


def view_of(setup: Setup, seed: int) -> View:
    """A run of one seed; if zero matrices close it, a second one with these drawn.

    A head of zeros makes every gradient 0. It is opened for the measurement, at fan_in^-1/2.
    """
    view = View(measure(setup, seed))
    names = closing(view)
    if not names:
        return view
    fans = {p.name: p.fan_in or 1 for p in view.parameters}

    def draw(model: nn.Module) -> None:
        for name in names:
            model.get_parameter(name).normal_(std=fans[name] ** -0.5)

    opened = View(measure(patched(setup, draw), seed))
    opened.run.opened = names
    return opened


def prints_of(model: nn.Module) -> Prints:
    """Of each parameter its first, last and summed value."""
    found = {}
    for name, p in model.named_parameters():
        if has_memory(p) and not isinstance(p, UninitializedParameter):
            flat = p.detach().flatten()
            flat = torch.view_as_real(flat).flatten() if p.is_complex() else flat
            found[name] = tuple(x.item() for x in (flat[0], flat[-1], flat.sum()))
    return found


def fixed_of(drawn: Sequence[Prints]) -> frozenset[str]:
    """Names of the parameters that are the same in all models."""
    first, *others = drawn
    alike = {n for n in first if others and all(o.get(n) == first[n] for o in others)}
    return frozenset(alike)


class Passes:
    """The runs of several seeds, of which plain values are kept, and the first as a whole.

    Args:
        setup: what is run.
        rules: ids that are asked.
        keep_rows: whether sites and parameters are kept.
    """

    def __init__(self, setup: Setup, rules: Collection[str], *, keep_rows: bool = False) -> None:
        self.found: list[list[Finding]] = []
        self.rows: list[Row] = []
        self.parameters: list[Row] = []
        self.runs: list[Summary] = []
        self.drawn: list[Prints] = []
        self.notes: dict[str, None] = {}
        self.coverage = Coverage()
        self._setup, self._rules, self._keep = setup, rules, keep_rows
        self._first: View | None = None

    @property
    def first(self) -> View:
        """The run of the first seed."""
        if self._first is None:
            raise ValueError("no seed was run")
        return self._first

    def add(self, seed: int) -> None:
        """Run another seed."""
        view = view_of(self._setup, seed)
        self.found.append(found_in(view, self._rules))
        self.runs.append(summary_of(view))
        if not self._keep:
            return
        expected = expect(view)
        self.rows += site_rows(view, expected)
        self.parameters += parameter_rows(view)
        self.drawn.append(prints_of(view.run.model))
        self.notes |= dict.fromkeys(notes_of(view, expected))
        if self._first is None:
            self._first, self.coverage = view, coverage_of(view)

    def fixed(self, *, varies: bool) -> frozenset[str]:
        """Names of parameters that no seed changes, if another seed draws others."""
        drawn = self.drawn
        if varies and len(drawn) == 1:  # one more, to see what a seed changes
            drawn = [*drawn, prints_of(model_of(self._setup, self.first.run.seed + 1))]
        if varies:
            return fixed_of(drawn)
        return frozenset(p.name for p in self.first.parameters if not p.product)


def run_probe(
    setup: Setup,
    seeds: Sequence[int],
    *,
    rules: Collection[str],
    varies: bool = True,
    fix: bool = False,
    name: str = "",
    notes: Sequence[str] = (),
    tick: Callable[[str], None] = lambda _: None,
) -> Probe:
    """Measure a setup in every seed, and put together what was found.

    Args:
        setup: what is run.
        seeds: one at least.
        rules: ids that are asked.
        varies: whether each seed draws other weights.
        fix: also try what mends the findings.
        name: of the model.
        notes: what is to be told beside.
        tick: called with what is done next.

    Raises:
        InputError: there is no seed.
    """
    if not seeds:
        raise InputError("a probe needs a seed or more", "--seeds 3")
    if not all(0 <= seed < LARGEST_SEED for seed in seeds):
        raise InputError(f"seeds are whole numbers from 0 to {LARGEST_SEED - 1}", "--seeds 3")
    with untouched():
        passes = Passes(setup, rules, keep_rows=True)
        for seed in seeds:
            tick(f"seed {seed}")
            passes.add(seed)
        fixed = passes.fixed(varies=varies)
        told = dict.fromkeys(notes) | passes.notes
        if varies and len(fixed) == len(passes.drawn[0]) > 0:
            told[SEEDS_ITSELF] = None
        findings: Sequence[Finding] = combined(passes.found, seeds, fixed)
        if fix:

            def rerun(patch: Patch) -> tuple[Sequence[Finding], Sequence[Summary]]:
                tick(f"with {patch.about}")
                again = Passes(patched(setup, patch.apply), rules)
                for seed in seeds:
                    again.add(seed)
                return combined(again.found, seeds, fixed), again.runs

            findings, more = tried(findings, passes.runs, passes.first, rerun)
            told |= dict.fromkeys(more)
        else:
            findings = [suggested(finding, passes.first) for finding in findings]
    return Probe(
        target=name,
        seeds=tuple(seeds),
        findings=tuple(findings),
        site_rows=tuple(passes.rows),
        parameter_rows=tuple(passes.parameters),
        runs=tuple(passes.runs),
        coverage=passes.coverage,
        notes=tuple(told),
        rules=tuple(sorted(rules)),
    )
