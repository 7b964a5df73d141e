"""Files that `initlab probe` writes: pages, pictures, JUnit, SARIF and the golden file."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from initlab.cli import output, pictures
from initlab.cli.probe_checks import Failing, check_file
from initlab.errors import InputError

if TYPE_CHECKING:
    from initlab.probe.result import Finding, Probe

PAGES = ("html", "htm")
KINDS = ("html", "png", "svg", "pdf")
MOST_GOLDEN = 64 << 20  # bytes


@dataclass(frozen=True)
class Files:
    """Files that were asked for.

    Args:
        out: pages and pictures, by their endings.
        junit, sarif: of findings.
        golden: what the trunk is compared with, or kept in.
        update: whether it is written.
        tolerance: of the comparison, in ln.
    """

    out: Sequence[Path] = ()
    junit: Path | None = None
    sarif: Path | None = None
    golden: Path | None = None
    update: bool = False
    tolerance: float = 0.1

    def check(self) -> dict[str, Any] | None:
        """Refuse, before anything is computed, what cannot be written; the golden file, if read.

        Raises:
            InputError: one of the files cannot be, or what draws is not installed.
        """
        if self.update and self.golden is None:
            raise InputError("--update-golden needs --golden", "--golden probe.json")
        if not math.isfinite(self.tolerance):
            raise InputError(f"--tolerance {self.tolerance}: needs a number", "--tolerance 0.1")
        for path in self.out:
            pictures.check_file(path, (*KINDS, "htm"), "probe.html")
        written = [("-o", path) for path in self.out]
        written += [("--junit", self.junit)] if self.junit else []
        written += [("--sarif", self.sarif)] if self.sarif else []
        written += [("--golden", self.golden)] if self.golden and self.update else []
        for option, path in written:
            check_file(path, option)
        self._distinct()
        if self.out:
            from initlab.report.extra import require

            require("altair", "vl_convert")
        return None if self.golden is None or self.update else _golden(self.golden)

    def _distinct(self) -> None:
        """Refuse two files of one name."""
        named = [*self.out, *filter(None, (self.junit, self.sarif, self.golden))]
        for at, path in enumerate(named):
            if path.resolve() in [other.resolve() for other in named[:at]]:
                raise InputError(f"{path}: is named twice", "give each file its own name")

    def write(self, probe: "Probe", failing: "Sequence[Finding]") -> None:
        """Write all of them, each whole or not at all."""
        contents = [(path, _drawn(probe, path)) for path in self.out]
        if self.junit is not None:
            from initlab.report.junit import junit

            contents.append((self.junit, junit(probe, failing).encode()))
        if self.sarif is not None:
            from initlab.report.sarif import sarif

            contents.append((self.sarif, sarif(probe).encode()))
        if self.golden is not None and self.update:
            from initlab.probe.golden import dumps, golden_of

            contents.append((self.golden, dumps(golden_of(probe)).encode()))
        from initlab.store.pictures import write_bytes

        for path, content in contents:
            write_bytes(path, content)
            output.note(f"wrote {path}")


def _drawn(probe: "Probe", path: Path) -> bytes:
    """A page or a picture, as the ending says."""
    ending = path.suffix.lower().removeprefix(".")
    if ending in PAGES:
        from initlab.report.page.probe import probe_page

        return probe_page(probe).encode()
    from initlab.report.drawing.charts import picture
    from initlab.report.figures.probe import probe_figure

    return picture(probe_figure(probe), ending)


def _golden(path: Path) -> dict[str, Any]:
    """What a golden file holds."""
    from initlab.userfiles import read_file

    try:
        text = read_file(path, MOST_GOLDEN).decode()
    except FileNotFoundError:
        raise InputError(f"--golden {path}: no such file", "--update-golden writes it") from None
    except UnicodeDecodeError:
        raise InputError(f"--golden {path}: is no text", "--update-golden writes it") from None
    from initlab.probe.golden import loads

    return loads(text, str(path))


def changes(probe: "Probe", golden: dict[str, Any] | None, tolerance: float) -> list[str]:
    """What has changed for the worse since the golden file; the rest is told on stderr."""
    if golden is None:
        return []
    from initlab.probe.golden import differences

    found = differences(golden, probe, tolerance)
    for text in found.notes:
        output.note(text)
    return list(found.worse)


def failures(probe: "Probe", failing: Failing) -> "list[Finding]":
    """The findings that are failures in JUnit: those of --fail-on, else errors and warnings."""
    return failing.of(probe) if failing else probe.failing("warning")
