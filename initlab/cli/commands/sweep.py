"""`initlab sweep`: specs in, measured networks out."""

from contextlib import ExitStack, suppress
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from initlab.catalog.values import to_int
from initlab.cli import output, pictures
from initlab.cli.arguments import MaxRuns, Set, Specs
from initlab.cli.completion import checks
from initlab.cli.results_output import Columns, Layer, Layers, Shown, Wide, check_shown, results
from initlab.cli.specs import read_plans
from initlab.errors import ChecksFailed, InputError
from initlab.sweep.engines.scheduler_address import CONNECT_SECONDS, address_of

if TYPE_CHECKING:
    from initlab.spec.plan import Plan
    from initlab.store.writable import WritableFolder


class EngineName(StrEnum):
    """What `--engine` takes."""

    threads = "threads"
    dask = "dask"


Out = Annotated[Path, typer.Option(help="Folder of all results; each spec gets one in here.")]
NoSave = Annotated[bool, typer.Option("--no-save", help="Print only, leave no files.")]
Fresh = Annotated[bool, typer.Option("--fresh", help="Move earlier results of this name aside.")]
Jobs = Annotated[
    int | None,
    typer.Option(min=1, help="Shares at a time; all processors by default. Changes no number."),
]
EngineOption = Annotated[
    EngineName | None,
    typer.Option("--engine", help="threads of this process, or workers of a Dask cluster."),
]
Scheduler = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="Of a Dask cluster: tcp://host:port (tls, ws), a scheduler file, or local: "
        f"--jobs processes. It has {CONNECT_SECONDS:g} s to answer.",
    ),
]
PartOption = Annotated[
    str,
    typer.Option("--part", metavar="K/N", help="Only this part, as for one job of an array of N."),
]
MaxFailures = Annotated[
    int | None, typer.Option(min=1, help="Start nothing more after so many failed runs.")
]
FailFast = Annotated[bool, typer.Option("--fail-fast", help="The same as --max-failures 1.")]
RetryFailed = Annotated[bool, typer.Option("--retry-failed", help="Run again what failed before.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and its cost.")]
FailOn = Annotated[
    str,
    typer.Option(
        metavar="VERDICTS",
        autocompletion=checks,
        help="Exit 1 if a run is one of these: nan, exploding, vanishing; "
        "forward.vanishing looks one way only.",
    ),
]


def sweep(
    specs: Specs,
    set_: Set = None,
    out: Out = Path("results"),
    no_save: NoSave = False,
    fresh: Fresh = False,
    jobs: Jobs = None,
    engine: EngineOption = None,
    scheduler: Scheduler = None,
    part: PartOption = "",
    max_failures: MaxFailures = None,
    fail_fast: FailFast = False,
    retry_failed: RetryFailed = False,
    format_: output.FormatOption = None,
    layers: Layers = False,
    layer: Layer = "",
    columns: Columns = None,
    wide: Wide = False,
    plot: pictures.Plot = False,
    dry_run: DryRun = False,
    max_runs: MaxRuns = 10_000,
    fail_on: FailOn = "",
) -> None:
    """Build the networks of one or more specs and measure every layer.

    Results go to results/NAME/ (runs.csv, layers.csv); a table goes to the terminal, or CSV into a
    pipe. What is computed is safe at once: after Ctrl-C or a crash, the same command continues.

    Examples:
    initlab sweep configs/xavier_tanh.yaml

    initlab sweep configs/xavier_tanh.yaml --plot

    initlab sweep configs/article/*.yaml --set seeds=3 --jobs 2

    cat spec.yaml | initlab sweep - --no-save --layers --format jsonl

    initlab sweep spec.yaml --fail-on nan,exploding && ./train.sh

    initlab sweep spec.yaml --engine dask --scheduler tcp://10.0.0.1:8786
    """
    from initlab.cli.fail_on import parse_checks
    from initlab.cli.run_plans import SweepOptions, check_resources, run_all
    from initlab.store.temporary import temporary_folder
    from initlab.sweep.cost import default_jobs

    pictures.check_below(format_, plot)
    scheduler = _cluster(engine, scheduler)
    jobs = jobs or default_jobs()
    wanted, cut = parse_checks(fail_on), _part(part)
    plans = read_plans(specs, set_ or (), max_runs)
    _distinct(plans)
    plans = [plan.cut(*cut) for plan in plans] if cut else plans
    shown = Shown(format_, layers, layer, columns, wide)
    check_shown(shown, plans)
    if dry_run:
        _dry_run(plans, jobs, format_)
        return
    check_resources(plans, jobs, scheduler)  # before anything is moved aside
    most = 1 if fail_fast else max_failures
    options = SweepOptions(jobs, scheduler, most, retry_failed, saved=not no_save)
    with ExitStack() as stack:
        root = stack.enter_context(temporary_folder()) if no_save else out
        folders = _folders(plans, root, stack, fresh=fresh)
        complaints = run_all(plans, folders, options, wanted)
        named = [(p.head.name, p.head.about, f.path) for p, f in zip(plans, folders, strict=True)]
        results(named, shown)
        pictures.show_below([path for _, _, path in named], plot)
    if complaints:
        raise ChecksFailed("\n".join(complaints))


def _cluster(engine: EngineName | None, scheduler: str | None) -> str | None:
    """The scheduler of the cluster that is asked for; None for threads."""
    if engine is EngineName.threads and scheduler is not None:
        raise InputError(f"--scheduler {scheduler} is for --engine dask", "--engine dask")
    if engine is EngineName.dask and scheduler is None:
        scheduler = "local"
    if scheduler is not None:
        address_of(scheduler)  # what is none is refused at once
    return scheduler


def _folders(
    plans: "list[Plan]", root: Path, stack: ExitStack, *, fresh: bool
) -> "list[WritableFolder]":
    """Folders open for writing, all before anything is computed."""
    from initlab.store.opening import open_for_writing

    folders = []
    for plan in plans:
        folders.append(open_for_writing(root, plan.head.name, fresh=fresh))
        stack.callback(folders[-1].close)
    return folders


def _part(text: str) -> tuple[int, int] | None:
    """(3, 10) of "3/10"."""
    if not text:
        return None
    number, _, parts = text.partition("/")
    with suppress(ValueError, OverflowError):
        if number.isdecimal() and parts.isdecimal() and 1 <= to_int(number) <= to_int(parts):
            return to_int(number), to_int(parts)
    raise InputError(f"--part {text}: needs K/N with K from 1 to N", "--part 1/10")


def _distinct(plans: "list[Plan]") -> None:
    """Refuse two specs that would write one folder."""
    files: dict[str, str] = {}
    for plan in plans:
        name, file = plan.head.name, plan.source
        if name in files:
            raise InputError(
                f"{files[name]} and {file} are both named {name!r}",
                "run them one by one, the second with --set name=another",
            )
        files[name] = file


def _dry_run(plans: "list[Plan]", jobs: int, wanted: output.Format | None) -> None:
    from initlab.sweep.cost import HEADER, estimate

    rows = [estimate(plan, jobs) for plan in plans]
    for plan in plans:
        output.note(f"{plan.head.name}: {plan.product}")
    output.records(HEADER, rows, wanted)
