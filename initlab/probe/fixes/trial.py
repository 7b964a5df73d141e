"""Tries patches: the model is built again, patched, and measured in every seed."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from statistics import median

from initlab.catalog import PROBE_RULES
from initlab.formatting import brief, times
from initlab.probe.fixes.candidates import candidates, likeliest
from initlab.probe.fixes.patch import Patch, together
from initlab.probe.result import Finding, Fix, Summary
from initlab.probe.rules.view import View

#: findings and runs of the model with a patch
Rerun = Callable[[Patch], tuple[Sequence[Finding], Sequence[Summary]]]
FAILING = ("error", "warning")
NO_INITIALISER = (
    "No initialiser helps where batch norm raises the gradient in every layer (Yang et al. 2019);"
    " skip connections do, or fewer layers"
)


def suggested(finding: Finding, view: View) -> Finding:
    """A finding with what may mend it, which was not tried."""
    words = NO_INITIALISER if _no_initialiser(finding) else PROBE_RULES[finding.rule].fix
    patch = None if _no_initialiser(finding) else likeliest(finding.rule, view)
    if patch is None:
        return replace(finding, fix=None if words == "none" else Fix(words))
    return replace(finding, fix=Fix(f"{patch.about} (untried: --fix tries it)", patch.lines))


def _no_initialiser(finding: Finding) -> bool:
    return finding.rule == "gradient-explodes" and bool(finding.evidence.get("batch_norm"))


def tried(
    findings: Sequence[Finding], runs: Sequence[Summary], view: View, rerun: Rerun
) -> tuple[list[Finding], list[str]]:
    """Findings with the smallest patch that clears each, and what all of these do together.

    A patch clears a finding when no seed breaks its rule any more, and no rule is broken that was
    not before.
    """
    known: dict[Patch, tuple[Sequence[Finding], Sequence[Summary]]] = {}

    def remembered(patch: Patch) -> tuple[Sequence[Finding], Sequence[Summary]]:
        if patch not in known:
            known[patch] = rerun(patch)
        return known[patch]

    done, used = [], dict[Patch, None]()
    for finding in findings:
        mended, patch = _mended(finding, findings, runs, view, remembered)
        done.append(mended)
        used |= {patch: None} if patch is not None else {}
    return done, list(_all_together(used, remembered))


def _mended(
    finding: Finding,
    before: Sequence[Finding],
    runs: Sequence[Summary],
    view: View,
    rerun: Rerun,
) -> tuple[Finding, Patch | None]:
    found = candidates(finding.rule, view)
    old = {one.rule for one in before if one.level in FAILING}
    for patch in found:
        after, again = rerun(patch)
        broken = {one.rule for one in after if one.level in FAILING}
        if finding.rule not in {one.rule for one in after} and broken <= old:
            figures = _figure(finding, runs), _figure(finding, again)
            fix = Fix(patch.about, patch.lines, True, *figures)
            return replace(finding, fix=fix), patch
    words = PROBE_RULES[finding.rule].fix
    if not found:
        return replace(finding, fix=None if words == "none" else Fix(words)), None
    names = "; ".join(dict.fromkeys(patch.about for patch in found))
    about = f"tried without success: {names}. "
    about += NO_INITIALISER if _no_initialiser(finding) else f"Left: {words}"
    after, again = rerun(found[0])
    return replace(
        finding,
        fix=Fix(about, (), False, _figure(finding, runs), _figure(finding, again)),
    ), None


def _figure(finding: Finding, runs: Sequence[Summary]) -> str:
    """The number that a rule is about, as the runs have it; empty of other rules."""
    rule = finding.rule
    if rule in ("gradient-explodes", "gradient-vanishes"):
        name = "largest" if rule.endswith("explodes") else "smallest"
        known = [x for run in runs if (x := getattr(run, name)) is not None]
        return f"sensitivity {times(median(known))}" if known else "not finite"
    if rule.startswith("forward-") or rule in ("nonfinite-forward", "half-headroom"):
        ends = [run.last_rms for run in runs if run.last_rms is not None]
        return f"rms of the output {brief(median(ends))}" if ends else "not finite"
    if rule == "initial-loss":
        return f"loss {brief(median(run.loss for run in runs if run.loss is not None))}"
    if rule == "update-amplified":
        known = [run.k for run in runs if run.k is not None]
        return f"K {brief(median(known))}" if known else ""
    return ""


def _all_together(used: Iterable[Patch], rerun: Rerun) -> Iterator[str]:
    """What is left with every patch that cleared something, in a sentence."""
    patches = list(used)
    if not patches:
        return
    after, _ = rerun(together(patches)) if len(patches) > 1 else rerun(patches[0])
    left = [one.rule for one in after if one.level in FAILING]
    count = "the patch" if len(patches) == 1 else f"all {len(patches)} patches"
    rest = f"what is left: {', '.join(left)}" if left else "no error and no warning is left"
    yield f"with {count} {rest}"
