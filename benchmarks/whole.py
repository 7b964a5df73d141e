"""The grid as whole processes, start to end, files included: `initlab sweep`, (a), (d)."""

import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import yaml

from benchmarks import equality
from benchmarks.contenders import JOBS, our_name
from benchmarks.hydra_app import STATISTICS
from benchmarks.references import Statistics
from benchmarks.sweeping import process, sweep_process
from benchmarks.table import Row, times_as_fast
from benchmarks.timing import Contender, side_by_side
from benchmarks.workloads import GRID, Sweep, mode

HYDRA_SWEEP = replace(GRID, seeds=2)  # each job costs the same; its start is shared by fewer
SCRIPT = "(a) python script.py"
HYDRA = f"(d) Hydra, {len(HYDRA_SWEEP.networks)} of the networks"


def rows(rounds: int) -> list[Row]:
    """Forward, and with gradients."""
    check_hydra(equality.shallow(GRID))
    return [row for gradients in (False, True) for row in _rows(min(rounds, 2), gradients)]


def _rows(rounds: int, gradients: bool) -> list[Row]:
    with spec_file(GRID, gradients=gradients) as spec:
        seconds = side_by_side(
            {
                **{our_name(jobs): _sweep(spec, jobs) for jobs in JOBS},
                SCRIPT: Contender(lambda: plain_script(gradients=gradients), len(GRID.networks)),
                HYDRA: Contender(
                    lambda: hydra(HYDRA_SWEEP, gradients=gradients), len(HYDRA_SWEEP.networks)
                ),
            },
            rounds,
            warm_up=False,
        )
    return [
        times_as_fast(f"{mode(gradients)}, process: {name}", taken, seconds[SCRIPT], SCRIPT)
        for name, taken in seconds.items()
    ]


def _sweep(spec: Path, jobs: int) -> Contender:
    return Contender(lambda: sweep_process(spec, jobs), len(GRID.networks))


@contextmanager
def spec_file(sweep: Sweep, *, gradients: bool, band: int = 0) -> Iterator[Path]:
    """A sweep as a YAML file."""
    with tempfile.TemporaryDirectory() as root:
        path = Path(root) / "spec.yaml"
        path.write_text(yaml.safe_dump(sweep.spec(gradients=gradients, band=band)))
        yield path


def plain_script(*options: str, gradients: bool) -> None:
    """(a) as a process."""
    with tempfile.TemporaryDirectory() as root:
        out = str(Path(root) / "stds.csv")
        more = [*options, *(["--gradients"] if gradients else [])]
        process([sys.executable, "-m", "benchmarks.plain_script", out, *more])


def hydra(sweep: Sweep, *, gradients: bool) -> list[Statistics]:
    """(d) as a process, by Hydra's basic launcher; what each job wrote, in the sweep's order."""
    with tempfile.TemporaryDirectory() as root:
        process(
            [
                *(sys.executable, "-m", "benchmarks.hydra_app", "--multirun"),
                f"activation={','.join(sweep.activations)}",
                f"sigma_w={','.join(map(str, sweep.sigmas))}",
                f"seed=range({sweep.seeds})",
                *(f"{name}={getattr(sweep, name)}" for name in ("depth", "width", "batch")),
                f"gradients={str(gradients).lower()}",
                f"hydra.sweep.dir={root}",
            ]
        )
        jobs = [Path(root) / str(number) / STATISTICS for number in range(len(sweep.networks))]
        return [json.loads(path.read_text()) for path in jobs]


def check_hydra(sweep: Sweep) -> None:
    """Hold Hydra's jobs to initlab.

    Raises:
        Unequal: they measure something else.
    """
    equality.compare("(d)", equality.measured(sweep), hydra(sweep, gradients=True))
