"""What in a file or module may build a model, to be suggested."""

import ast
import warnings
from pathlib import Path
from typing import Any

from torch import nn

from initlab.errors import InputError

#: names that functions which build a model often have, the likeliest first
OFTEN = ("build", "build_model", "make_model", "create_model", "get_model", "model", "Model")


def names_of(value: Any) -> list[str]:
    """The names of a module or class that may be of a model; its own, if it has some."""
    every = vars(value) if hasattr(value, "__dict__") else {}
    kinds = (classmethod, staticmethod)
    known = {n: v for n, v in every.items() if not n.startswith("_")}
    found = {n: v for n, v in known.items() if callable(v) or isinstance(v, kinds)}
    name = getattr(value, "__name__", None)
    own = [n for n, v in found.items() if getattr(v, "__module__", None) == name]
    models = [n for n, v in found.items() if isinstance(v, nn.Module)]
    return list(dict.fromkeys([*own, *models])) or list(found)


def names_in(path: Path) -> list[str]:
    """The functions and classes of a file, which is read but not run."""
    try:
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(path.read_bytes() if path.is_file() else b"")
    except (OSError, SyntaxError, ValueError):
        return []
    kinds = ast.FunctionDef | ast.ClassDef
    return [n.name for n in tree.body if isinstance(n, kinds) and not n.name.startswith("_")]


def likely(names: list[str]) -> str:
    """Which of these builds a model: by its name, or else the last, which may use the others."""
    return next((name for name in OFTEN if name in names), names[-1] if names else "build")


def folder_error(place: str) -> InputError:
    """The error of a folder, and a file in it."""
    folder = Path(place)
    files = sorted(p for p in folder.glob("*.py") if p.name != "__init__.py" or names_in(p))
    best = [p for p in files if set(OFTEN) & set(names_in(p))] or files
    at = best[0] if best else folder / "model.py"
    return InputError(f"{place}: is a folder, and a file is needed", f"{at}:{likely(names_in(at))}")
