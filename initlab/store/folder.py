"""Results folders to be read: where they are, what they say of themselves, who writes there."""

import csv
import shlex
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from initlab.catalog.columns import always
from initlab.errors import FolderError, InputError
from initlab.spec import yamlfile
from initlab.store.files import JOURNAL, LAYERS_CSV, LOCK, RUNS_CSV, SPEC
from initlab.store.journal import Journal
from initlab.store.lock import read_holder

EXAMPLE = "initlab sweep configs/xavier_tanh.yaml"  # what makes a results folder


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

    def about(self) -> str:
        """What the sweep's spec said about itself."""
        try:
            raw = yamlfile.read_bytes(str(self.path / SPEC), None)
            spec = yamlfile.parse(raw, SPEC).data
        except InputError:
            return ""
        about = spec.get("about") if isinstance(spec, dict) else None
        return "" if about is None else str(about)

    def journal(self) -> Journal:
        """The folder's journal, to be read.

        Raises:
            FolderError: there is none, or none that can be read.
        """
        file = self.path / JOURNAL
        if not file.is_file():
            raise _no_results(self.path, JOURNAL)
        return Journal(file)

    def written_by(self) -> str:
        """Who writes here now, as far as it is known; "" if nobody does."""
        lock = FileLock(self.path / LOCK)
        try:
            if (self.path / LOCK).exists():
                lock.acquire(blocking=False)
                lock.release()
        except Timeout:
            return str(read_holder(self.path) or "another process")
        except OSError:
            pass  # where we may not write; what others say of themselves may be read
        holder = read_holder(self.path)
        return str(holder) if holder is not None and holder.alive() else ""


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
        raise _no_results(path, RUNS_CSV, LAYERS_CSV)
    for file, needed in (
        (folder.runs_csv, {"run", "seed", "depth", *always("runs")}),
        (folder.layers_csv, {"run", "seed", *always("layers")}),
    ):
        lacking = needed - _header(file)
        if lacking:
            raise FolderError(
                f"{file}: is not a table of this initlab; it has no column {min(lacking)!r}",
                EXAMPLE,
            )
    return folder


def _no_results(path: Path, *files: str) -> FolderError:
    """What a path is that lacks these files of a results folder, and what was meant perhaps."""
    if path.is_file():
        spec = path.suffix.lower() in (".yaml", ".yml")
        within = (path.parent / files[0]).is_file()
        fix = f"initlab sweep {shlex.quote(str(path))}" if spec else EXAMPLE
        fix = shlex.quote(str(path.parent)) if within else fix
        return FolderError(f"{path}: is a file; needs a results folder", fix)
    if not path.is_dir():
        return FolderError(f"{path}: no such folder", EXAMPLE)
    if inside := next(path.glob(f"*/{files[0]}"), None):
        message = f"{path}: holds no results; its folders do, {inside.parent.name} for one"
        return FolderError(message, f"{shlex.quote(str(path))}/*/")
    return FolderError(f"{path}: holds no {' and '.join(files)}", EXAMPLE)


def _header(file: Path) -> set[str]:
    with file.open("rb") as opened:
        line = opened.readline(1 << 16)
    return set(next(csv.reader([line.decode("utf-8", "replace")]), []))
