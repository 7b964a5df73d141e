"""The shape of the code: eleven rooms that tests mirror, no import points back, short functions."""

import ast
from collections.abc import Iterable
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
ROOT = TESTS.parent / "initlab"
#: a module may import from its own room and from those of the ranks above it
RANKS = [
    ["errors", "formatting", "native", "version"],
    ["userfiles"],
    ["catalog"],
    ["losslab", "spec"],
    ["theory"],
    ["network"],
    ["probe"],
    ["report"],
    ["store"],
    ["sweep"],
    ["api", "cli"],
    ["__main__"],
]
#: rooms that do not know each other, though one stands above the other: a report needs no network
APART = {"report": {"network"}}
RANK = {name: rank for rank, names in enumerate(RANKS) for name in names}
MODULES = sorted(path for path in ROOT.rglob("*.py") if path != ROOT / "__init__.py")
SCREEN = 55  # lines, without the docstring
#: tests that are of no single module, and what they are of instead
CROSS_CUTTING = {
    "test_blocks_configs.py": "the claims of configs/blocks",
    "catalog/test_records.py": "every record of every table",
    "cli/test_any_input.py": "every command, on any input",
    "cli/test_shell.py": "every command on pipes, terminals, locales and full disks",
    "durability/test_changes.py": "files and folders that change under a sweep",
    "durability/test_disk.py": "sweeps, on disks that are full or read-only",
    "durability/test_faults.py": "sweeps, whose system calls fail or kill them",
    "durability/test_kills.py": "sweeps, killed at any instant",
    "durability/test_large.py": "memory, from sweep to show",
    "losslab/test_bad_inputs.py": "what is refused, from the operands to the message",
    "losslab/test_extremes.py": "numbers at the edge of a dtype, in all of the loss lab",
    "losslab/test_fuzz.py": "random operands, in all of the loss lab",
    "losslab/test_torch_suite.py": "torch's own samples, in all of the loss lab",
    "losslab/test_worked_examples.py": "a course chapter, in all of the loss lab",
    "network/test_invariance.py": "a run's numbers, however and beside whatever it is run",
    "report/page/test_browser.py": "the page, in a real browser",
    "store/test_forged.py": "journals that somebody edited, by way of what reads them",
    "test_architecture.py": "the shape of the package",
    "test_benchmarks.py": "what the benchmark compares initlab with",
    "test_article.py": "the article's experiments, from spec to layers",
    "test_configs.py": "every spec that ships",
    "test_course.py": "the course: its commands are run, its numbers compared",
    "test_docs.py": "what the documents say",
    "test_probe_pages.py": "what the documents say of the probe",
    "test_lazy.py": "what light commands load",
}


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
            # what is no module of the package comes from api.py, by way of __init__.py
            found |= {a.name if a.name in RANK else "api" for a in node.names}
        elif isinstance(node, ast.Import):
            names = [alias.name.split(".") for alias in node.names]
            found |= {parts[1] for parts in names if parts[0] == "initlab" and len(parts) > 1}
    return found


def imports_back(path: Path) -> set[str]:
    """What a file imports from a rank below its own, or from a neighbour of its own rank."""
    own = top(path)
    return {
        n
        for n in imports(path)
        if n in RANK and n != own and (RANK[n] >= RANK[own] or n in APART.get(own, ()))
    }


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_import_points_back(path):
    assert imports_back(path) == set()


@pytest.mark.parametrize(
    ("module", "line", "found"),
    [
        ("errors.py", "from initlab.cli import app", {"cli"}),
        ("theory/gains.py", "import initlab.store.rows", {"store"}),
        ("network/draws.py", "from initlab import api, catalog", {"api"}),
        ("spec/plan.py", "from initlab import load_plan", {"api"}),
        ("report/tables/summary.py", "from initlab.network.draws import draws_of", {"network"}),
        ("sweep/run.py", "from initlab.sweep.tasks import tasks_of", set()),
        ("sweep/run.py", "from initlab.store.rows import lines", set()),
    ],
)
def test_the_check_sees_an_import_that_points_back(tmp_path, monkeypatch, module, line, found):
    bad = tmp_path / module
    bad.parent.mkdir(parents=True, exist_ok=True)
    bad.write_text(f"def f():\n    {line}\n")
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    assert imports_back(bad) == found


def test_every_room_has_a_rank_and_they_are_eleven():
    assert {top(path) for path in MODULES} == set(RANK)
    rooms = {path for path in ROOT.iterdir() if path.is_dir() and path.name != "__pycache__"}
    files = set(ROOT.glob("*.py"))
    assert (len(rooms), len(files)) == (11, 7)


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_functions_fit_a_screen(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef):
            docstring = ast.get_docstring(node, clean=False) or ""
            length = node.end_lineno - node.lineno + 1 - docstring.count("\n")
            assert length <= SCREEN, f"{node.name}: {length} lines"


def test_only_the_store_writes_files():
    # `new` writes the one file that its user names
    calls = ('open("w', 'open("x', ".write_text(", ".write_bytes(", ".to_csv(")
    writers = {
        str(path.relative_to(ROOT))
        for path in MODULES
        for line in path.read_text().splitlines()
        if any(call in line for call in calls) and "devnull" not in line
    }
    assert writers == {
        "store/publish.py",
        "store/lock.py",
        "store/pictures.py",
        "cli/commands/new.py",
    }


def without_module(tests: Iterable[str]) -> set[str]:
    """Test files whose name is that of no module or package in the room that they stand in."""
    found = set()
    for test in tests:
        path = ROOT / test
        module = path.with_name(path.name.removeprefix("test_"))
        if not module.is_file() and not (module.with_suffix("") / "__init__.py").is_file():
            found.add(test)
    return found


def test_tests_stand_where_their_modules_do():
    tests = {path.relative_to(TESTS).as_posix() for path in TESTS.rglob("test_*.py")}
    assert without_module(tests) == set(CROSS_CUTTING)


def test_the_check_sees_a_test_that_stands_elsewhere():
    at_home = {"test_api.py", "theory/test_gains.py", "cli/commands/test_gain.py"}
    packages = {"losslab/test_formulas.py", "sweep/test_engines.py", "test_theory.py"}
    strays = {
        "test_gains.py",  # not in its room
        "network/test_gains.py",  # in another one
        "cli/test_gain.py",  # a room too high
        "theory/test_gain.py",  # of no module there
        "durability/test_disk.py",  # of no room
    }
    assert without_module(at_home | packages | strays) == strays
