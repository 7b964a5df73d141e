"""Results folders: found, made, locked and moved aside, before anything is computed."""

import csv
import errno
import re
import shlex
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import yaml
from filelock import FileLock, Timeout

from initlab.catalog.columns import columns
from initlab.errors import DiskError, FolderError, FolderInUse, InitlabError
from initlab.plan import Plan
from initlab.provenance import origin
from initlab.store.journal import DamagedJournal, Journal
from initlab.store.writer import Writer

JOURNAL = "journal.sqlite"
OURS = re.compile(
    r"(runs|layers)\.(csv|parquet)|spec\.yaml|provenance\.json"
    r"|journal(\.damaged-\d+)?\.sqlite(-wal|-shm|-journal)?"
)
EARLIER = (
    "runs that were swept here before are not of this spec; they leave the CSV files and stay in"
    " the journal"
)
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EIO)
WAIT = 0.5  # seconds for a lock: `status` looks whether it can be had


@dataclass
class Folder:
    """A results folder to be read."""

    path: Path

    @property
    def runs_csv(self) -> Path:
        """A row for every run."""
        return self.path / "runs.csv"

    @property
    def layers_csv(self) -> Path:
        """A row for every run and layer."""
        return self.path / "layers.csv"

    @property
    def lock_file(self) -> Path:
        """Locked by whoever writes here. It lies outside, as the folder may be moved aside."""
        real = self.path.resolve()
        return real.with_name(f".{real.name}.lock")

    def about(self) -> str:
        """What the sweep's spec said about itself."""
        try:
            spec = yaml.safe_load((self.path / "spec.yaml").read_text(encoding="utf-8"))
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

    def written_by(self) -> str:
        """Who writes here now, as far as it is known; "" if nobody does."""
        lock = FileLock(self.lock_file)
        try:
            if self.lock_file.exists():
                lock.acquire(blocking=False)
                lock.release()
            return ""
        except Timeout:
            return _last_writer(self.path)
        except OSError:
            return ""  # where we may not write: whether others do cannot be seen

    def open(self) -> "OpenFolder":
        """The same, to be written.

        Raises:
            FolderError: it cannot be; FolderInUse: somebody else writes there.
        """
        self.journal().close()  # there is one
        real = self.path.resolve()
        return prepare(real.parent, real.name)


@dataclass
class OpenFolder(Folder):
    """A results folder that this process alone writes to, until it is closed.

    `damaged` is a journal that was set aside when the folder was opened.
    """

    lock: FileLock = field(kw_only=True)
    writer: Writer = field(kw_only=True)
    damaged: Path | None = None

    def begin(self, plan: Plan, *, retry_failed: bool = False) -> list[str]:
        """Say what is to be swept; what the user should know of the journal, in words."""
        before = self.writer.numbered()
        self.writer.begin(plan, origin(), retry_failed=retry_failed)
        dropped = len(before - self.writer.numbered())
        if self.damaged is None:
            return [f"{self.path}: {dropped} {EARLIER}"] if dropped else []
        reused = 0
        with suppress(FolderError), Journal(self.damaged) as old:
            reused = self.writer.adopt(old)
        return [
            f"{self.path / JOURNAL} was damaged and is kept as {self.damaged.name};"
            f" {reused} of its runs are sound and reused, the others are run again"
        ]

    def set_journal_aside(self) -> None:
        """Start another journal; `begin` takes over what is sound in the old one."""
        self.writer.close()
        self.damaged = _set_aside(self.path / JOURNAL)
        self.writer = Writer(self.path / JOURNAL)

    def close(self) -> None:
        """Let others write here."""
        self.writer.close()
        self.lock.release()


def prepare(root: Path, name: str, *, fresh: bool = False) -> OpenFolder:
    """Make or open a results folder before anything is computed.

    Args:
        root: the folder of all results.
        name: of the spec, and so of the folder.
        fresh: move what is there aside first.

    Raises:
        FolderInUse: somebody else writes there.
        FolderError: it cannot be written, holds what initlab did not write, or is of another
            version.
        DiskError: the disk is full.
    """
    folder = Folder(root / name)
    path, lock = folder.path, FileLock(folder.lock_file)
    try:
        root.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=WAIT)
    except Timeout:
        raise FolderInUse(
            f"{path}: is being written by {_last_writer(path)}",
            "--out another_folder, or wait for it",
        ) from None
    except OSError as error:
        raise _unwritable(error, path) from None
    try:
        if path.exists():
            _check_ours(path)
            if fresh:
                path.rename(_unused(path))
        path.mkdir(exist_ok=True)
        for left in path.glob(".*.tmp"):  # by a process that was killed while it published
            left.unlink()
        probe = path / ".probe.tmp"
        probe.touch()
        probe.unlink()
        return _opened(path, lock)
    except BaseException as error:
        lock.release()
        if isinstance(error, OSError):
            raise _unwritable(error, path) from None
        raise


def _unwritable(error: OSError, path: Path) -> InitlabError:
    if error.errno in FULL:
        message = f"{error.filename or path}: cannot be written: {error.strerror}"
        return DiskError(message, "make room, then the same command again")
    return FolderError(
        f"{error.filename or path}: cannot be written: {error.strerror}",
        "--out /tmp/results, or --no-save",
    )


def _opened(path: Path, lock: FileLock) -> OpenFolder:
    """With its journal. A damaged one is set aside, and what is sound in it taken over."""
    file = path / JOURNAL
    if not file.exists() and (path / "runs.csv").exists():
        raise FolderError(
            f"{path}: holds results without a journal, which cannot be continued; nothing was"
            " changed",
            "--fresh to move them aside, or --out another_folder",
        )
    damaged = None
    try:
        writer = Writer(file)
        writer.check()
    except DamagedJournal:
        damaged = _set_aside(file)
        writer = Writer(file)
    return OpenFolder(path, lock=lock, writer=writer, damaged=damaged)


def _set_aside(file: Path) -> Path:
    """Rename a journal, with what SQLite keeps beside it."""
    number = 1
    while (aside := file.with_name(f"journal.damaged-{number}.sqlite")).exists():
        number += 1
    for end in ("", "-wal", "-shm", "-journal"):
        if (part := Path(f"{file}{end}")).exists():
            part.rename(f"{aside}{end}")
    return aside


def _last_writer(path: Path) -> str:
    """Whose session in a journal has not ended: "process 4711 on ada since 12:00 (initlab ...)"."""
    try:
        with Folder(path).journal() as journal:
            last = journal.sessions()[-1]
    except (FolderError, DiskError, IndexError, KeyError, ValueError):
        return "another process"
    since = datetime.fromisoformat(last["started"]).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    command = shlex.join(["initlab", *last["command"][1:]])
    return f"process {last['pid']} on {last['host']} since {since}: {command}"


def open_folder(path: Path) -> Folder:
    """A folder of published results, to be read.

    Raises:
        FolderError: there is none.
    """
    folder = Folder(path)
    if not folder.runs_csv.is_file() or not folder.layers_csv.is_file():
        if (path / JOURNAL).is_file():
            raise FolderError(
                f"{path}: its runs.csv and layers.csv are not published yet",
                f"initlab export {shlex.quote(str(path))}",
            )
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
    """Refuse a path that holds anything that initlab did not write."""
    names = {entry.name for entry in path.iterdir() if not entry.name.startswith(".")}
    foreign = sorted(name for name in names if not OURS.fullmatch(name))
    if foreign:
        raise FolderError(
            f"{path}: holds {foreign[0]!r}, which initlab did not write; nothing was changed",
            "--out another_folder",
        )


def _unused(path: Path) -> Path:
    number = 1
    while (aside := path.with_name(f"{path.name}.old-{number}")).exists():
        number += 1
    return aside
