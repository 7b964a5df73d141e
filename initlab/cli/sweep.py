"""`initlab sweep`: specs in, measured networks out."""

import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from initlab.cli import output
from initlab.cli.complete import checks
from initlab.errors import ChecksFailed, InputError, Interrupted

if TYPE_CHECKING:
    from initlab.plan import Plan
    from initlab.store import Folder
    from initlab.verdicts import Outcome

MOST_COMPLAINTS = 10

Specs = Annotated[
    list[str], typer.Argument(help="YAML specs; - reads standard input.", show_default=False)
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="PATH=VALUE", help="Override a field: --set init.gain=2."),
]
Out = Annotated[Path, typer.Option(help="Folder of all results; each spec gets one in here.")]
NoSave = Annotated[bool, typer.Option("--no-save", help="Print only, leave no files.")]
Fresh = Annotated[bool, typer.Option("--fresh", help="Move earlier results of this name aside.")]
Jobs = Annotated[
    int | None, typer.Option(min=1, help="Shares at a time; all processors by default.")
]
FormatOption = Annotated[
    output.Format | None,
    typer.Option("--format", help="table on a terminal and csv in a pipe by default."),
]
Layers = Annotated[bool, typer.Option("--layers", help="Print a row for every layer, not run.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and its cost.")]
MaxRuns = Annotated[int, typer.Option(min=1, help="Refuse a grid of more runs.")]
FailOn = Annotated[
    str,
    typer.Option(
        metavar="VERDICTS",
        autocompletion=checks,
        help="Exit 1 if a run is one of these: nan, exploding, vanishing; "
        "forward.vanishing looks one way only.",
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")]


def sweep(
    specs: Specs,
    set_: Set = None,
    out: Out = Path("results"),
    no_save: NoSave = False,
    fresh: Fresh = False,
    jobs: Jobs = None,
    format_: FormatOption = None,
    layers: Layers = False,
    dry_run: DryRun = False,
    max_runs: MaxRuns = 10_000,
    fail_on: FailOn = "",
    quiet: Quiet = False,
) -> None:
    """Build the networks of one or more specs and measure every layer.

    Results go to results/NAME/ (runs.csv, layers.csv); a table goes to the terminal, or CSV into a
    pipe.

    Examples:
    initlab sweep configs/xavier_tanh.yaml

    initlab sweep configs/article/*.yaml --set seeds=3 --jobs 2

    cat spec.yaml | initlab sweep - --no-save --layers --format jsonl

    initlab sweep spec.yaml --fail-on nan,exploding && ./train.sh
    """
    from initlab import store
    from initlab.expand import make
    from initlab.reader import read
    from initlab.sweep import check_memory, default_jobs
    from initlab.verdicts import parse_checks

    jobs = jobs or default_jobs()
    wanted = parse_checks(fail_on)
    plans = [make(read(source, set_ or ()), max_runs=max_runs) for source in specs]
    _distinct(plans)
    if dry_run:
        _dry_run(plans, jobs, format_)
        return
    for plan in plans:
        check_memory(plan, jobs)
    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory())) if no_save else out
        folders = []
        for plan in plans:
            folders.append(store.prepare(root, plan, fresh=fresh))
            stack.callback(folders[-1].release)
        outcomes = []
        for plan, folder in zip(plans, folders, strict=True):
            outcomes.append(_run(plan, folder, jobs, quiet=quiet, saved=not no_save))
        named = [
            (p.spec.head.name, p.spec.head.about, f.path)
            for p, f in zip(plans, folders, strict=True)
        ]
        output.results(named, format_, layers=layers)
    _judge(plans, outcomes, wanted)


def _distinct(plans: "list[Plan]") -> None:
    """Refuse two specs that would write one folder."""
    files: dict[str, str] = {}
    for plan in plans:
        name, file = plan.spec.head.name, plan.spec.document.name
        if name in files:
            raise InputError(
                f"{files[name]} and {file} are both named {name!r}",
                "run them one by one, the second with --set name=another",
            )
        files[name] = file


def _dry_run(plans: "list[Plan]", jobs: int, wanted: output.Format | None) -> None:
    from initlab.report.estimate import HEADER, estimate

    rows = [estimate(plan, jobs) for plan in plans]
    for plan in plans:
        output.words(f"{plan.spec.head.name}: {plan.product}")
    output.records(HEADER, rows, wanted)


def _run(plan: "Plan", folder: "Folder", jobs: int, *, quiet: bool, saved: bool) -> "list[Outcome]":
    """Run one plan and publish it; after Ctrl-C too, with what was finished."""
    from initlab.cli.progress import progress
    from initlab.sweep import run

    started = datetime.now(UTC)
    with progress(plan, quiet=quiet) as on_layer:
        outcomes, interrupted = run(plan, jobs=jobs, on_layer=on_layer)
    done = sum(outcome.status == "ok" for outcome in outcomes)
    written = folder.publish(plan, outcomes, started)
    if interrupted:
        kept = "not saved"
        if saved:
            kept = f"kept in {folder.path}" if written else f"{folder.path} is left as it was"
        raise Interrupted(f"interrupted: {done} of {len(outcomes)} runs were finished, {kept}")
    if saved and not quiet:
        runs = "1 run" if done == 1 else f"{done} runs"
        output.words(f"{plan.spec.head.name}: {runs} in {folder.path}/")
    return outcomes


def _judge(plans: "list[Plan]", outcomes: "list[list[Outcome]]", wanted: list[str]) -> None:
    """Raise ChecksFailed if runs failed or a --fail-on check is met, saying which."""
    from initlab.verdicts import failing, result_cells

    complaints = []
    for plan, results in zip(plans, outcomes, strict=True):
        for index, outcome in enumerate(results):
            point = [f"{axis}={plan.cells[index][axis]}" for axis in plan.axes]
            point.append(f"seed={plan.runs[index].seed}")
            where = f"{plan.spec.head.name} run {index} ({', '.join(point)})"
            if outcome.status == "failed":
                complaints.append(f"{where} failed: {outcome.reason}")
            met = failing(result_cells(outcome, plan.spec.head.thresholds), wanted)
            if met:
                complaints.append(f"{where} is {', '.join(met)}")
    if complaints:
        shown = complaints[:MOST_COMPLAINTS]
        more = len(complaints) - len(shown)
        raise ChecksFailed("\n".join(shown + ([f"... and {more} more"] if more else [])))
