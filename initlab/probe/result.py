"""What a probe found, as records of plain Python, which cli and report read. Torch-free."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

#: levels of findings, the worst first; a finding of some seeds only fails nobody
LEVELS = ("error", "warning", "note", "seed-dependent")

#: columns of a site, a call of a module or an op, and what each means
SITE_COLUMNS = {
    "seed": "seed of the run",
    "order": "when the forward pass met it: 0 first",
    "site": "its name: a module's path, `path : op` of an op in it; `#1` is the second call",
    "kind": "input, module (a call of one) or op",
    "path": "path of the innermost module; empty for the model itself",
    "module": "class of that module",
    "op": "name of the op",
    "shape": "of its value, 4x128x768",
    "dtype": "of its value",
    "where": "file:line of the model's code that called it",
    "trunk": "place in the trunk, from 0 at the input; empty beside the trunk",
    "rms": "root mean square of its value",
    "mean": "mean of its value",
    "std": "standard deviation about the mean, with 1/n",
    "signal": "rms of what differs between the samples: x less its mean over the batch",
    "absmax": "largest absolute value",
    "finite": "share of its values that are finite",
    "zero": "share of its values that are 0, of what may cut off: ReLU and its like",
    "gain_forward": "rms of its value / rms of its first input",
    "grad_norm": "||g||, g = dL/dx, L a random projection of the output of unit length",
    "grad_rms": "||g|| / sqrt(number of values)",
    "gain_backward": "||gradient of its inputs|| / ||gradient of its value||: of this op alone",
    "sensitivity": "s = ||g|| times signal (rms where there is no batch)",
    "d_ln_s": "ln of s at the trunk's place before it, minus ln s: what the gradient gained here",
    "predicted_rms": "by theory, where it knows the network",
    "predicted_rms_p10": "below it lies the rms of 10 % of networks of this width; of plain stacks",
    "predicted_rms_p90": "the same of 90 %",
    "predicted_grad": "||g|| by theory, relative to the measured one at the output",
}
PARAMETER_COLUMNS = {
    "seed": "seed of the run",
    "name": "of the parameter",
    "shape": "of the parameter",
    "fan_in": "inputs that a unit sums over: values per row",
    "fan_out": "rows times the receptive field",
    "std": "standard deviation about 0: root mean square",
    "gain": "std sqrt(fan_in)",
    "law": "constant, zero, uniform, normal, truncated, orthogonal; empty: none of these",
    "trainable": "whether it asks for a gradient",
    "product": "whether a matrix product or convolution used it",
    "activation": "what follows it on the trunk",
    "grad_norm": "||dL/dW||, L a random projection of the output of unit length",
    "update": "||dL/dW|| rms(W): change of L for a relative change of 1",
}


@dataclass(frozen=True)
class Fix:
    """What mends a finding.

    Args:
        about: in words.
        code: lines of Python to paste, where `model` is the model.
        verified: whether a rerun with it cleared the finding; None where it was not tried.
        before, after: the evidence, as the two runs have it; empty where it was not tried.
    """

    about: str
    code: tuple[str, ...] = ()
    verified: bool | None = None
    before: str = ""
    after: str = ""


@dataclass(frozen=True)
class Finding:
    """A rule that was broken, with its evidence: in one seed, or put together of several.

    Args:
        rule: its id, as `initlab describe` knows it: gradient-explodes.
        level: one of LEVELS.
        site: a module's path or a site; empty for the whole model.
        message: what was measured, in words and numbers.
        evidence: the numbers by name, medians over the seeds that have it.
        parameter: name of the parameter that is at fault, if one is.
        where: file:line of the model's code, if it is known.
        seeds: those in which it holds.
        of: how many seeds there were.
        fix: what mends it.
    """

    rule: str
    level: str
    site: str
    message: str
    evidence: dict[str, Any] = field(default_factory=dict)
    parameter: str = ""
    where: str = ""
    seeds: tuple[int, ...] = (0,)
    of: int = 1
    fix: Fix | None = None

    def __str__(self) -> str:
        place = self.parameter or self.site or "the model"
        return f"{self.level}[{self.rule}] {place}: {self.message}"


@dataclass(frozen=True)
class Coverage:
    """How much of the model was seen; `blind` says, a sentence each, what could not be."""

    nodes: int = 0
    nodes_labelled: int = 0
    ops: int = 0
    ops_without_value: int = 0
    blind: tuple[str, ...] = ()


@dataclass(frozen=True)
class Summary:
    """One seed's run as a whole.

    Args:
        seed: of the run.
        output: name and shape of the output that was followed back: "logits 4x10".
        batch: samples; None where no dimension is the batch's.
        trunk: sites on the trunk.
        ln_factor: ln of s at the input minus ln of s at the output; None without a trunk.
        largest, smallest: of s on the trunk, over s at the output.
        k: K, the relative change of the output for a relative change of 1 of every weight.
        loss: value of the loss that was asked for.
        last_rms: rms of the last place of the trunk; None where it is not finite.
    """

    seed: int
    output: str
    batch: int | None
    trunk: int
    ln_factor: float | None
    largest: float | None
    smallest: float | None
    k: float | None
    loss: float | None
    last_rms: float | None = None


@dataclass(frozen=True)
class Probe:
    """All that a probe found; rows are dictionaries of SITE_COLUMNS and PARAMETER_COLUMNS."""

    target: str
    seeds: tuple[int, ...]
    findings: tuple[Finding, ...]
    site_rows: tuple[dict[str, Any], ...]
    parameter_rows: tuple[dict[str, Any], ...]
    runs: tuple[Summary, ...]
    coverage: Coverage
    notes: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()  # those that were asked

    @property
    def sites(self) -> "pd.DataFrame":
        """A row for every call of a module and every op, in each seed."""
        return _frame(self.site_rows, SITE_COLUMNS)

    @property
    def trunk(self) -> "pd.DataFrame":
        """The rows of the trunk: what every path from the input to the output passes."""
        return _frame(self.trunk_rows(), SITE_COLUMNS)

    @property
    def parameters(self) -> "pd.DataFrame":
        """A row for every parameter, in each seed."""
        return _frame(self.parameter_rows, PARAMETER_COLUMNS)

    def trunk_rows(self) -> list[dict[str, Any]]:
        """The same as dictionaries, in the order of the trunk, seed by seed."""
        rows = [row for row in self.site_rows if row["trunk"] is not None]
        return sorted(rows, key=lambda row: (row["seed"], row["trunk"]))

    def at_output(self) -> dict[int, float | None]:
        """s at the last place of the trunk that has one, by seed; None where none has.

        It is what every ratio of s is to.
        """
        found: dict[int, float | None] = {}
        for row in self.trunk_rows():
            s = row["sensitivity"]
            found[row["seed"]] = found.get(row["seed"]) if s is None else s
        return found

    def failing(self, level: str = "warning") -> list[Finding]:
        """Findings of this level or a worse one; those of some seeds only never are."""
        failing = LEVELS[: LEVELS.index(level) + 1]
        return [finding for finding in self.findings if finding.level in failing]

    def assert_healthy(self, level: str = "warning") -> None:
        """Raise AssertionError, which lists them, if there are findings of this level or worse."""
        if found := self.failing(level):
            raise AssertionError(
                "\n".join([f"{self.target}: {len(found)} findings", *_lines(found)])
            )


def _frame(rows: Iterable[dict[str, Any]], columns: dict[str, str]) -> "pd.DataFrame":
    import pandas as pd

    return pd.DataFrame(list(rows), columns=list(columns))


def _lines(findings: Iterable[Finding]) -> list[str]:
    lines = []
    for finding in findings:
        where = f" ({finding.where})" if finding.where else ""
        lines.append(f"  {finding}{where}")
        lines += [f"    {line}" for line in (finding.fix.code if finding.fix else ())]
    return lines
