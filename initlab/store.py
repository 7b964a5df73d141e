"""A results folder: the only code that writes there.

Holds runs.csv, layers.csv, spec.yaml and provenance.json; results/README.md documents the columns.
Each file is replaced as a whole by a rename, so a reader never sees half of one.
"""

import csv
import io
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import yaml
from filelock import FileLock, Timeout

from initlab.catalog.columns import columns
from initlab.errors import DiskError, FolderError, FolderInUse
from initlab.plan import Plan
from initlab.provenance import input_hashes, provenance
from initlab.rows import layer_lines, run_lines
from initlab.verdicts import Outcome
from initlab.yamlfile import resolve

OURS = ("runs.csv", "layers.csv", "spec.yaml", "provenance.json")


@dataclass(frozen=True)
class Folder:
    """A results folder; with a lock held, ready to be written."""

    path: Path
    lock: FileLock | None = None

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
        try:
            text = self.runs_csv.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return 0
        return sum(row.get("status") == "ok" for row in csv.DictReader(io.StringIO(text)))

    def about(self) -> str:
        """What the sweep's spec said about itself."""
        try:
            spec = yaml.safe_load((self.path / "spec.yaml").read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError):
            return ""
        return str(spec.get("about", "")) if isinstance(spec, dict) else ""

    def publish(self, plan: Plan, outcomes: Sequence[Outcome], started: datetime) -> bool:
        """Write every file, unless a sweep cut short has less than what is there.

        Returns:
            Whether anything was written.

        Raises:
            DiskError: the disk is full or broken; files already there stay as they were.
        """
        done = sum(outcome.status == "ok" for outcome in outcomes)
        cut_short = any(outcome.status == "interrupted" for outcome in outcomes)
        if cut_short and done <= self.finished():
            return False
        files: dict[str, Iterable[str]] = {
            "spec.yaml": [spec_text(plan)],
            "provenance.json": [json.dumps(provenance(plan, started), indent=2), "\n"],
            "layers.csv": layer_lines(plan, outcomes),
            "runs.csv": run_lines(plan, outcomes),
        }
        written = []
        try:
            for name, lines in files.items():
                written.append((self._temporary(name, lines), self.path / name))
            for temporary, final in written:
                temporary.replace(final)
        finally:
            for temporary, _ in written:
                temporary.unlink(missing_ok=True)
        return True

    def _temporary(self, name: str, lines: Iterable[str]) -> Path:
        temporary = self.path / f".{name}.{os.getpid()}"
        try:
            with temporary.open("w", encoding="utf-8", newline="") as file:
                file.writelines(lines)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise DiskError(f"{self.path / name}: cannot be written: {error.strerror}") from None
        return temporary

    def release(self) -> None:
        """Let others write here."""
        if self.lock is not None:
            self.lock.release()


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
    lock = FileLock(root / f".{path.name}.lock")
    try:
        root.mkdir(parents=True, exist_ok=True)
        lock.acquire(blocking=False)
        if path.exists():
            _check_ours(path)
            if fresh:
                path.rename(_unused(path))
            else:
                _check_same(path, plan)
        path.mkdir(exist_ok=True)
        probe = path / f".probe.{os.getpid()}"
        probe.touch()
        probe.unlink()
    except Timeout:
        raise FolderInUse(
            f"{path}: another sweep is writing here", "--out another_folder, or wait for it"
        ) from None
    except OSError as error:
        raise FolderError(
            f"{error.filename or path}: cannot be written: {error.strerror}",
            "--out /tmp/results, or --no-save",
        ) from None
    return Folder(path, lock)


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


def _check_ours(path: Path) -> None:
    """Refuse a path that holds anything that a sweep did not write."""
    names = {entry.name for entry in path.iterdir() if not entry.name.startswith(".")}
    foreign = sorted(names - set(OURS))
    if foreign:
        raise FolderError(
            f"{path}: holds {foreign[0]!r}, which initlab did not write; nothing was changed",
            "--out another_folder",
        )


def _check_same(path: Path, plan: Plan) -> None:
    """Refuse results that this plan's would not equal: of another spec, or of other input files."""
    if not (path / "runs.csv").exists() and not (path / "spec.yaml").exists():
        return
    spec, origin = path / "spec.yaml", path / "provenance.json"
    what = "another spec of this name"
    if spec.exists() and spec.read_bytes() == spec_text(plan).encode():
        try:
            inputs = json.loads(origin.read_text(encoding="utf-8"))["inputs"]
        except (OSError, ValueError, KeyError, TypeError):
            inputs = {}
        if inputs == input_hashes(plan):
            return
        what = "other input data"
    raise FolderError(
        f"{path}: holds results of {what}; nothing was changed",
        "--fresh to move them aside, --set name=another, or --out another_folder",
    )


def _unused(path: Path) -> Path:
    number = 1
    while (aside := path.with_name(f"{path.name}.old-{number}")).exists():
        number += 1
    return aside


def spec_text(plan: Plan) -> str:
    """The spec with every default filled in, as YAML that `initlab sweep` reads."""
    return yaml.dump(plan.spec.resolved(), Dumper=_Dumper, sort_keys=False, allow_unicode=True)


class _Dumper(yaml.SafeDumper):
    """Quotes what our own reader would not read as the same text, such as 1e5."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = None if resolve(text) == text else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)
