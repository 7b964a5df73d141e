"""Files for people and other programs, published from the journal: each replaced by one rename."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TextIO

import yaml

from initlab.errors import DiskError
from initlab.spec.plan import Plan
from initlab.spec.yamlfile import resolve
from initlab.store.disk import sync_folder
from initlab.store.files import LAYERS_CSV, PARQUET, PROVENANCE, RUNS_CSV, SPEC
from initlab.store.journal import Journal
from initlab.store.rows import lines


def publish(path: Path, journal: Journal) -> None:
    """Write spec.yaml, provenance.json, layers.csv and runs.csv; one run is in memory at a time.

    Raises:
        DiskError: the disk is full or broken; files already there stay as they were.
        DamagedJournal: numbers in it are not those that were written.
    """
    plan = journal.plan()
    before = PARQUET.values()  # of what was published before
    with replacing(path, RUNS_CSV, LAYERS_CSV, PROVENANCE, SPEC, removing=before) as files:
        for name, text in lines(plan, journal.outcomes()):
            files[name].write(text)
        files[SPEC].write(spec_text(plan))
        json.dump(provenance(journal), files[PROVENANCE], indent=2)
        files[PROVENANCE].write("\n")


def provenance(journal: Journal) -> dict[str, object]:
    """What provenance.json holds: the last session, and those before it."""
    *earlier, last = journal.sessions() or [{}]
    environments = [{**found, "runs": runs} for found, runs in journal.environments()]
    inputs = journal.inputs()
    return {**last, "environments": environments, "inputs": inputs, "earlier": earlier}


@contextmanager
def replacing(
    folder: Path, *names: str, removing: Iterable[str] = ()
) -> Iterator[Mapping[str, TextIO]]:
    """Files to write; when the block ends well all are on the disk, and take their places.

    Every file is synced before it is renamed, and the folder after that: a loss of power leaves the
    old file or the new one, and the new one once this has ended well.

    Args:
        folder: where they are.
        names: of the files.
        removing: files that are to go when the new ones are there.

    Raises:
        DiskError: the disk refused; what was there before is there still.
    """
    temporary = {name: folder / f".{name}.tmp" for name in names}
    try:
        with ExitStack() as stack:
            files = {
                name: stack.enter_context(path.open("w", encoding="utf-8", newline=""))
                for name, path in temporary.items()
            }
            yield files
            for file in files.values():
                file.flush()
                os.fsync(file.fileno())
        for name, path in temporary.items():
            path.replace(folder / name)
        for name in removing:
            (folder / name).unlink(missing_ok=True)
        sync_folder(folder)
    except OSError as error:
        raise DiskError(
            f"{error.filename or folder}: cannot be written: {error.strerror}; the journal has"
            " everything",
            "make room, then the same command again",
        ) from None
    finally:
        for path in temporary.values():
            with suppress(OSError):  # whoever writes here next removes it
                path.unlink(missing_ok=True)


def spec_text(plan: Plan) -> str:
    """The spec with every default filled in, as YAML that `initlab sweep` reads."""
    return yaml.dump(plan.data, Dumper=_Dumper, sort_keys=False, allow_unicode=True)


class _Dumper(yaml.SafeDumper):
    """Quotes what our own reader would not read as the same text, such as 1e5."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = None if resolve(text) == text else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)
