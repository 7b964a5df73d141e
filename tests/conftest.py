"""What several tests use."""

import functools
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported: xdist's workers share processors
os.environ.pop("COLUMNS", None)  # xdist's workers have it, and text would wrap to it

import typer.testing
from commands import SPEC, initlab

from initlab import load_plan
from initlab.spec.plan import Plan

# Click's commands are made of typer's once: at each of some thousand calls it is most of the time
typer.testing._get_command = functools.cache(typer.testing._get_command)  # type: ignore[attr-defined]


def pytest_collection_finish(session: pytest.Session) -> None:
    """Refuse to run where groups are not kept: what they share would be made by every worker."""
    if hasattr(session.config, "workerinput"):
        grouped = [item for item in session.items if item.get_closest_marker("xdist_group")]
        lost = [item.nodeid for item in grouped if "@" not in item.nodeid]
        if lost:
            raise pytest.UsageError(f"pytest-xdist does not see the group of {lost[0]}")


@pytest.fixture(scope="session")
def plan_of() -> Callable[..., Plan]:
    """The plan of a spec given as keywords; a small one where they leave it open."""

    def make(**fields: Any) -> Plan:
        size = {} if "shape" in fields else {"depth": 3, "width": 4}
        return load_plan({"activation": "tanh", "init": "xavier_normal", **size, **fields})

    return make


@pytest.fixture(scope="session")
def swept_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small spec and its results, made once and never written to."""
    root = tmp_path_factory.mktemp("kept")
    (root / "kept.yaml").write_text(SPEC)
    assert initlab("sweep", root / "kept.yaml", "--out", root / "results").exit_code == 0
    return root


@pytest.fixture
def root(swept_once: Path, tmp_path: Path) -> Path:
    """A copy of that folder."""
    shutil.copytree(swept_once, tmp_path / "root")
    return tmp_path / "root"


@pytest.fixture
def kept(root: Path) -> Path:
    """The results in the copy."""
    return root / "results/kept"


@pytest.fixture(scope="session")
def parts(swept_once: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The same sweep in three parts, made once and never written to."""
    out = tmp_path_factory.mktemp("parts")
    for k in (1, 2, 3):
        done = initlab("sweep", swept_once / "kept.yaml", "--part", f"{k}/3", "--out", out)
        assert done.exit_code == 0, done.stderr
    return [out / f"kept.part-{k}-of-3" for k in (1, 2, 3)]
