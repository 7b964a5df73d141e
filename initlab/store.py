"""A results folder: the only code that writes there.

Holds runs.csv, layers.csv, spec.yaml and provenance.json; results/README.md documents the columns.
Each file is replaced as a whole by a rename, so a reader never sees half of one.
"""

import csv
import io
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

import initlab
from initlab.catalog.columns import columns
from initlab.errors import DiskError, FolderError
from initlab.plan import Plan
from initlab.verdicts import Outcome, result_cells

OURS = ("runs.csv", "layers.csv", "spec.yaml", "provenance.json")


@dataclass(frozen=True)
class Folder:
    """A results folder, ready to be written."""

    path: Path

    @property
    def runs_csv(self) -> Path:
        """A row for every run."""
        return self.path / "runs.csv"

    @property
    def layers_csv(self) -> Path:
        """A row for every run and layer."""
        return self.path / "layers.csv"

    def finished(self) -> int:
        """How many runs of an earlier sweep are complete in here."""
        if not self.runs_csv.exists():
            return 0
        with self.runs_csv.open(newline="", encoding="utf-8") as file:
            return sum(row.get("status") == "ok" for row in csv.DictReader(file))

    def about(self) -> str:
        """What the sweep's spec said about itself."""
        try:
            spec = yaml.safe_load((self.path / "spec.yaml").read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError):
            return ""
        return str(spec.get("about", "")) if isinstance(spec, dict) else ""

    def publish(self, plan: Plan, outcomes: Sequence[Outcome], started: datetime) -> None:
        """Write every file.

        Raises:
            DiskError: the disk is full or broken; files already there stay as they were.
        """
        self._write("layers.csv", layer_lines(plan, outcomes))
        self._write("runs.csv", run_lines(plan, outcomes))
        self._write("spec.yaml", [spec_text(plan)])
        self._write("provenance.json", [json.dumps(_provenance(started), indent=2), "\n"])

    def _write(self, name: str, lines: Iterable[str]) -> None:
        temporary = self.path / f".{name}.{os.getpid()}"
        try:
            with temporary.open("w", encoding="utf-8", newline="") as file:
                file.writelines(lines)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self.path / name)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise DiskError(f"{self.path / name}: cannot be written: {error.strerror}") from None


def prepare(root: Path, plan: Plan, *, fresh: bool = False) -> Folder:
    """Make or check a results folder before anything is computed.

    Results of the same spec may be replaced (they come out the same); anything else is kept.

    Args:
        root: the folder of all results.
        plan: its spec's name is the folder's.
        fresh: move what is there aside first.

    Raises:
        FolderError: it cannot be written, or holds files or results that would be lost.
    """
    path = root / plan.spec.head.name
    try:
        if path.exists() and fresh:
            path.rename(_unused(path))
        if path.is_dir():
            _check_replaceable(path, plan)
        path.mkdir(parents=True, exist_ok=True)
        probe = path / f".probe.{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise FolderError(
            f"{error.filename or path}: cannot be written: {error.strerror}",
            "--out /tmp/results, or --no-save",
        ) from None
    return Folder(path)


def open_folder(path: Path) -> Folder:
    """A folder of earlier results, to be read.

    Raises:
        FolderError: there is none.
    """
    folder = Folder(path)
    if not folder.runs_csv.is_file() or not folder.layers_csv.is_file():
        missing = "no such folder" if not path.is_dir() else "holds no runs.csv and layers.csv"
        raise FolderError(f"{path}: {missing}", "initlab sweep configs/xavier_tanh.yaml")
    for file, needed in (
        (folder.runs_csv, {"run", "seed", *columns("runs")}),
        (folder.layers_csv, {"run", "seed", *columns("layers")}),
    ):
        lacking = needed - _header(file)
        if lacking:
            raise FolderError(
                f"{file}: is not a table of this initlab; it has no column {min(lacking)!r}",
                "initlab sweep configs/xavier_tanh.yaml",
            )
    return folder


def _header(file: Path) -> set[str]:
    with file.open("rb") as opened:
        line = opened.readline(1 << 16)
    return set(next(csv.reader([line.decode("utf-8", "replace")]), []))


def _check_replaceable(path: Path, plan: Plan) -> None:
    names = {entry.name for entry in path.iterdir() if not entry.name.startswith(".")}
    foreign = sorted(names - set(OURS))
    if foreign:
        raise FolderError(
            f"{path}: holds {foreign[0]!r}, which initlab did not write; nothing was changed",
            "--out another_folder",
        )
    spec = path / "spec.yaml"
    if names and (not spec.exists() or spec.read_bytes() != spec_text(plan).encode()):
        raise FolderError(
            f"{path}: holds results of another spec of this name; nothing was changed",
            "--fresh to move them aside, --set name=another, or --out another_folder",
        )


def _unused(path: Path) -> Path:
    number = 1
    while (aside := path.with_name(f"{path.name}.old-{number}")).exists():
        number += 1
    return aside


def spec_text(plan: Plan) -> str:
    """The spec with every default filled in, as YAML that `initlab sweep` reads."""
    return yaml.safe_dump(plan.spec.resolved(), sort_keys=False, allow_unicode=True)


def run_lines(plan: Plan, outcomes: Sequence[Outcome]) -> Iterator[str]:
    """runs.csv, line by line: a row for every run, failed ones too."""
    results = columns("runs", "result")
    yield csv_line(["run", *plan.fields, "seed", *results])
    for index, (run, outcome) in enumerate(zip(plan.runs, outcomes, strict=True)):
        cells = result_cells(outcome, plan.spec.head.thresholds)
        yield csv_line(
            [index, *plan.cells[index].values(), run.seed, *(cells[name] for name in results)]
        )


def layer_lines(plan: Plan, outcomes: Sequence[Outcome]) -> Iterator[str]:
    """layers.csv, line by line: a row for every layer that was reached."""
    forward, backward = columns("layers", "forward"), columns("layers", "backward")
    key = columns("layers", "key")
    yield csv_line(["run", "seed", *plan.axes, *key, *forward, *backward])
    unmeasured = "," * (len(backward) - 1)
    for index, (run, outcome) in enumerate(zip(plan.runs, outcomes, strict=True)):
        m = outcome.measurement
        if m is None:
            continue
        prefix = csv_line([index, run.seed, *(plan.cells[index][axis] for axis in plan.axes)])[:-1]
        gradients = [unmeasured] * len(m.forward)
        if m.backward is not None:
            gradients = [_numbers(row, biased=run.bias is not None) for row in m.backward.tolist()]
        for layer, (row, gradient) in enumerate(zip(m.forward.tolist(), gradients, strict=True)):
            fans = f"{run.shape[layer]},{run.shape[layer + 1]}"
            yield f"{prefix},{layer},{fans},{_numbers(row)},{gradient}\n"


def _numbers(row: Sequence[float], *, biased: bool = True) -> str:
    # repr is the shortest text that reads back as the same float; it writes nan and inf as such
    text = map(repr, row if biased else row[:-1])
    return ",".join(text) if biased else ",".join(text) + ","


def csv_line(cells: Sequence[Any]) -> str:
    """One line of CSV: None is an empty cell, floats round-trip, nan and inf are words."""
    line = io.StringIO()
    texts = ["" if c is None else repr(c) if isinstance(c, float) else c for c in cells]
    csv.writer(line, lineterminator="\n").writerow(texts)
    return line.getvalue()


def _provenance(started: datetime) -> dict[str, Any]:
    import numpy
    import torch

    return {
        "command": sys.argv,
        "started": started.isoformat(timespec="seconds"),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {
            "initlab": initlab.__version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": numpy.__version__,
        },
        "machine": {
            "system": platform.platform(),
            "processor": torch.backends.cpu.get_cpu_capability(),
            "cores": os.cpu_count(),
        },
        "git": _git(),
    }


def _git() -> dict[str, Any] | None:
    """Revision of the working folder and whether it has uncommitted changes; None outside git."""
    try:
        revision, status = (
            subprocess.run(["git", *args], capture_output=True, text=True, check=True).stdout
            for args in (["rev-parse", "HEAD"], ["status", "--porcelain"])
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return {"revision": revision.strip(), "dirty": bool(status.strip())}
