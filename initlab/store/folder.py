"""Results folders to be read: where they are, what they say of themselves, who writes there."""

import csv
import json
import shlex
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import yaml
from filelock import FileLock, Timeout

from initlab.catalog.columns import columns
from initlab.errors import FolderError
from initlab.store.files import JOURNAL, LAYERS_CSV, RUNS_CSV, SPEC
from initlab.store.journal import Journal


@dataclass
class Folder:
    """A results folder to be read."""

    path: Path

    @property
    def runs_csv(self) -> Path:
        """A row for every run."""
        return self.path / RUNS_CSV

    @property
    def layers_csv(self) -> Path:
        """A row for every run and layer."""
        return self.path / LAYERS_CSV

    @property
    def lock_file(self) -> Path:
        """Locked by whoever writes here. It lies outside, as the folder may be moved aside."""
        real = self.path.resolve()
        return real.with_name(f".{real.name}.lock")

    def about(self) -> str:
        """What the sweep's spec said about itself."""
        try:
            spec = yaml.safe_load((self.path / SPEC).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError):
            return ""
        return str(spec.get("about", "")) if isinstance(spec, dict) else ""

    def journal(self) -> Journal:
        """The folder's journal, to be read.

        Raises:
            FolderError: there is none, or none that can be read.
        """
        file = self.path / JOURNAL
        if not file.is_file():
            missing = "no such folder" if not self.path.is_dir() else f"holds no {JOURNAL}"
            raise FolderError(f"{self.path}: {missing}", "initlab sweep configs/xavier_tanh.yaml")
        return Journal(file)

    @property
    def holder_file(self) -> Path:
        """Says who holds the lock."""
        return self.lock_file.with_suffix(".holder")

    def written_by(self) -> str:
        """Who writes here now, as far as it is known; "" if nobody does."""
        lock = FileLock(self.lock_file)
        try:
            if self.lock_file.exists():
                lock.acquire(blocking=False)
                lock.release()
            return ""
        except Timeout:
            return self.holder()
        except OSError:
            return ""  # where we may not write: whether others do cannot be seen

    def holder(self) -> str:
        """Who took the lock last: "process 4711 on ada since 12:00: initlab sweep ..."."""
        try:
            held = json.loads(self.holder_file.read_text(encoding="utf-8"))
            since = datetime.fromisoformat(held["started"]).astimezone()
            command = shlex.join(["initlab", *held["command"][1:]])
            at = since.strftime("%Y-%m-%d %H:%M:%S")
            return f"process {held['pid']} on {held['host']} since {at}: {command}"
        except (OSError, ValueError, KeyError, TypeError):
            return "another process"


def open_published(path: Path) -> Folder:
    """A folder of published results, to be read.

    Raises:
        FolderError: there is none.
    """
    folder = Folder(path)
    if not folder.runs_csv.is_file() or not folder.layers_csv.is_file():
        if (path / JOURNAL).is_file():
            raise FolderError(
                f"{path}: its {RUNS_CSV} and {LAYERS_CSV} are not published yet",
                f"initlab export {shlex.quote(str(path))}",
            )
        holds_none = f"holds no {RUNS_CSV} and {LAYERS_CSV}"
        missing = "no such folder" if not path.is_dir() else holds_none
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
