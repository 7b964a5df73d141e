"""The Python API: what the command line does, returning pandas tables."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from initlab.network.weights import layers_of as layers_of
from initlab.report.predictions import COLUMNS, prediction_rows
from initlab.spec import reader, yamlfile
from initlab.spec.expand import MAX_RUNS, make
from initlab.spec.plan import Plan
from initlab.store.folder import open_published
from initlab.store.opening import open_for_writing
from initlab.store.read import read_table
from initlab.store.temporary import temporary_folder
from initlab.sweep import cost
from initlab.sweep.engines.threads import Threads
from initlab.sweep.session import run_session
from initlab.sweep.signals import listening
from initlab.theory.gain_table import Gains, four_gains
from initlab.theory.moments import choice_of


@dataclass(frozen=True)
class Results:
    """Measurements of a sweep: `runs` has a row for every run, `layers` one for every layer."""

    runs: pd.DataFrame
    layers: pd.DataFrame


def load_plan(
    source: str | Path | dict[str, Any], overrides: Sequence[str] = (), *, max_runs: int = MAX_RUNS
) -> Plan:
    """The runs of a spec.

    Args:
        source: a YAML file, or the spec itself as a dictionary.
        overrides: "path=value", as `--set` takes them: "init.gain=2".
        max_runs: refuse more.

    Raises:
        SpecError: with every problem found.
        InputError: the file cannot be read, or the grid is too large.
    """
    if isinstance(source, dict):
        document = yamlfile.Document("spec", source)
        validated = reader.validate(document, overrides, fallback="spec", folder=Path())
    else:
        validated = reader.read(str(source), overrides)
    return make(validated, max_runs=max_runs)


def run_plan(plan: Plan, *, jobs: int = 1, out: str | Path | None = None) -> Results:
    """Build and measure every network of a plan.

    Args:
        plan: from `load_plan`.
        jobs: shares computed at a time; it changes no number.
        out: keep the results in a folder of the spec's name in here; a journal in it makes that
            the same call continues an earlier one, and reuses equal runs.

    Raises:
        InputError: more memory is needed than there is, or `out` cannot be used.
        KeyboardInterrupt: on Ctrl-C; with `out`, what was finished is saved.
    """
    cost.check_memory(plan, jobs)
    with temporary_folder() as temporary, ExitStack() as stack:
        folder = open_for_writing(Path(out or temporary), plan.head.name)
        stack.callback(folder.close)
        with listening() as stop:
            run_session(plan, folder, lambda: _threads(jobs, stack), stop)
        if stop.signal:
            raise KeyboardInterrupt
        return read_results(folder.path)


def _threads(jobs: int, stack: ExitStack) -> Threads:
    engine = Threads(jobs)
    stack.callback(engine.close)
    return engine


def predict_plan(plan: Plan) -> pd.DataFrame:
    """What theory says of every point of a plan, as `initlab predict` prints it; none is built."""
    return pd.DataFrame(prediction_rows(plan)).reindex(
        columns=[*plan.fields, "run", "runs", *COLUMNS]
    )


def gains(activation: str, **parameters: float) -> Gains:
    """The four gains of an activation: table, second_moment, variance and critical; or None each.

    Raises:
        UnknownName: no such activation.
        InputError: it has no such parameter.
    """
    return four_gains(choice_of(activation, **parameters))


def read_results(folder: str | Path) -> Results:
    """Results saved earlier. Empty cells (not measured) and nan both come as nan.

    Raises:
        FolderError: the folder holds no results.
    """
    opened = open_published(Path(folder))
    return Results(read_table(opened.runs_csv), read_table(opened.layers_csv))
