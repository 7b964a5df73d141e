"""The shape of the code: no import points back, no function outgrows a screen."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "initlab"
#: a module may import from its own rank and from those above it
RANKS = [
    ["errors", "cells"],
    ["catalog"],
    ["fields", "yamlfile", "samples"],
    ["spec"],
    ["wording", "reader"],
    ["plan"],
    ["expand"],
    ["theory"],
    ["network"],
    ["losslab"],
    ["forecast"],
    ["stopping", "verdicts", "provenance", "identity"],
    ["tasks", "memory"],
    ["engines"],
    ["flight"],
    ["sweep"],
    ["outlook"],
    ["preview", "recommend"],
    ["rows"],
    ["store"],
    ["conduct", "rerun"],
    ["report"],
    ["api"],
    ["cli"],
    ["__main__"],
]
RANK = {name: rank for rank, names in enumerate(RANKS) for name in names}
MODULES = sorted(path for path in ROOT.rglob("*.py") if path != ROOT / "__init__.py")
SCREEN = 55  # lines, without the docstring


def top(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    """First parts of every initlab module that a file imports anywhere, type checking apart."""
    tree = ast.parse(path.read_text())
    skipped = {
        id(node)
        for guard in ast.walk(tree)
        if isinstance(guard, ast.If) and ast.unparse(guard.test) == "TYPE_CHECKING"
        for node in ast.walk(guard)
    }
    found = set()
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("initlab."):
            found.add(str(node.module).split(".")[1])
        elif isinstance(node, ast.ImportFrom) and node.module == "initlab":
            found |= {alias.name for alias in node.names}
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_import_points_back(path):
    own = RANK[top(path)]
    assert {name for name in imports(path) if RANK.get(name, -1) > own} == set()


def test_the_check_sees_an_import_that_points_back(tmp_path):
    bad = tmp_path / "errors.py"
    bad.write_text("def f():\n    from initlab.cli import app\n")
    assert imports(bad) == {"cli"}


def test_every_module_has_a_rank():
    assert {top(path) for path in MODULES} == set(RANK)


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_functions_fit_a_screen(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef):
            docstring = ast.get_docstring(node, clean=False) or ""
            length = node.end_lineno - node.lineno + 1 - docstring.count("\n")
            assert length <= SCREEN, f"{node.name}: {length} lines"


def test_only_the_store_writes_files():
    # `new` writes the one file that its user names
    calls = ('open("w', 'open("x', "write_text(", "write_bytes(", "to_csv(")
    writers = {
        str(path.relative_to(ROOT))
        for path in MODULES
        for line in path.read_text().splitlines()
        if any(call in line for call in calls) and "devnull" not in line
    }
    assert writers == {"store/publish.py", "store/writable.py", "cli/commands/new.py"}
