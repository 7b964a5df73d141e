"""Finds what TARGET names. The only file that imports the user's code, by which it is run."""

import importlib
import importlib.util
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from initlab.errors import InputError, UnknownName, UserCodeError, nearest
from initlab.probe.model.imports import folder_of, import_failure, no_module
from initlab.probe.model.names import folder_error, likely, names_in, names_of
from initlab.probe.model.user_code import shown, user_code

#: endings of files that hold weights, and not the code that they belong to
WEIGHTS = frozenset({".pt", ".pth", ".bin", ".ckpt", ".safetensors"})

#: files that were imported, with their time of change
_imported: dict[Path, tuple[int, ModuleType]] = {}


@dataclass(frozen=True)
class Target:
    """What a TARGET names.

    Args:
        text: as it was typed: "model.py:build".
        value: a callable that makes the model, or the model itself.
        file: the Python file, if one was named; empty for a module.
        name: what follows the colon.
        module: where it was found.
    """

    text: str
    value: Any
    file: str
    name: str
    module: ModuleType


def load_target(text: str) -> Target:
    """Import a file or a module, and find a name in it.

    The current folder is put first on `sys.path`, and before it the folder of a file, so that both
    import what lies beside them; they stay there, for what is imported later. A file that was
    imported before, and has not changed since, is not run again.

    Args:
        text: "path/to/file.py:build", "pkg.mod:Class" or "file.py:obj.attr".

    Raises:
        InputError: there is no such file, folder or module, or it cannot be read.
        UnknownName: it has no such name.
        UserCodeError: it raised while it was imported, or the name is of no model.
    """
    place, colon, name = text.rpartition(":")
    if not (colon and place and all(part.isidentifier() for part in name.split("."))):
        raise _without_name(text)
    _put_on_path(Path.cwd())
    dotted = all(part.isidentifier() for part in place.split("."))
    if place.endswith(".py") or not dotted or Path(place).is_file():
        module, file = _import_file(place, text), place
    else:
        module, file = _import_module(place, text), ""
    value = _found(module, name, place)
    if not callable(value) and not isinstance(value, nn.Module):
        what = (
            f"is of type {type(value).__name__}, neither a function that builds a model nor a model"
        )
        raise UserCodeError(f"{text}: {what}", f"{place}:{likely(names_of(module))}")
    return Target(text, value, file, name, module)


def beside(target: Target, name: str) -> Any:
    """What `--batch` names in the file or module of a target. Raises UnknownName."""
    place = target.text.rpartition(":")[0]
    try:
        return _found(target.module, name, place)
    except UnknownName as error:
        close = error.nearest
        fix = f"--batch {close[0]}" if close else f"def {name}() in {place}, to return the inputs"
        raise UnknownName(f"name in {place}:", name, close=close, fix=fix) from None


def _put_on_path(folder: Path) -> None:
    """Make a folder the first of `sys.path`."""
    text = str(folder.resolve())
    if text in sys.path:
        sys.path.remove(text)
    sys.path.insert(0, text)


def _without_name(text: str) -> InputError:
    """The error of a target that has no colon, or nothing that could be a name behind it."""
    place, colon, name = text.rpartition(":")
    if colon and place and name:
        return InputError(f"{text}: {name!r} is no name of Python", f"{place}:build")
    message = f"{text!r}: needs a file or module, a colon, and the name of what builds the model"
    place = text.strip(":")
    head, dot, tail = place.rpartition(".")
    if place.endswith(".py") or not dot or "/" in place:
        path = Path(place or "model.py")
        if path.is_dir():
            return folder_error(place)
        return InputError(message, f"{place or 'model.py'}:{likely(names_in(path))}")
    return InputError(message, f"{head}:{tail}")


def _import_file(place: str, text: str) -> ModuleType:
    path = Path(place)
    _check_file(path, place, text)
    path = path.resolve()
    changed = path.stat().st_mtime_ns
    if path in _imported and _imported[path][0] == changed:
        return _imported[path][1]
    _put_on_path(path.parent)
    taken = path.stem in sys.modules or path.stem in sys.stdlib_module_names
    name = f"initlab_target_{path.stem}" if taken or not path.stem.isidentifier() else path.stem
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:  # of no file that ends in .py
        raise InputError(f"{place}: cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and what lies beside it look it up there
    try:
        with user_code(f"importing {place}"):
            spec.loader.exec_module(module)
    except UserCodeError as error:
        del sys.modules[name]
        raise import_failure(error, path, text) from error.__cause__
    except BaseException:
        del sys.modules[name]
        raise
    _imported[path] = changed, module
    return module


def _check_file(path: Path, place: str, text: str) -> None:
    """Refuse what is no file of Python."""
    name = text.rpartition(":")[2]
    if path.is_dir():
        raise folder_error(place)
    if not path.exists():
        folder = path.parent if path.parent.is_dir() else Path()
        near = nearest(path.name, (p.name for p in folder.glob("*.py")), 1)
        near = [str(folder / near[0])] if near else []
        hint = f"; did you mean {near[0]}?" if near else ""
        fix = f"{near[0]}:{name}" if near else f"a file that exists: path/to/model.py:{name}"
        raise InputError(f"{place}: no such file in {Path.cwd()}{hint}", fix)
    if path.suffix in WEIGHTS:
        message = f"{place}: holds weights; TARGET is the code that builds the model"
        raise InputError(message, f"model.py:{name} --checkpoint {place}")
    if path.suffix == ".ipynb":
        message = f"{place}: is a notebook, and a file of Python is needed"
        raise InputError(message, f"jupyter nbconvert --to script {place}")
    if path.suffix != ".py" or not path.is_file():
        raise InputError(
            f"{place}: is no file of Python, whose name ends in .py", f"model.py:{name}"
        )
    if not os.access(path, os.R_OK):
        raise InputError(f"{place}: may not be read", f"chmod u+r {place}")


def _import_module(place: str, text: str) -> ModuleType:
    try:
        with user_code(f"importing {place}"):
            module = importlib.import_module(place)
    except UserCodeError as error:
        cause = error.__cause__
        missing = cause.name if isinstance(cause, ModuleNotFoundError) else None
        if missing and not error.frames and f"{place}.".startswith(f"{missing}."):
            raise no_module(place, missing, text) from None
        raise import_failure(error, None, text) from cause
    if folder := folder_of(module):
        raise folder_error(shown(folder))
    return module


def _found(module: ModuleType, name: str, place: str) -> Any:
    value: Any = module
    for part in name.split("."):
        try:
            with user_code(f"reading {place}:{name}"):
                value = getattr(value, part)
        except UserCodeError as error:
            if not isinstance(error.__cause__, AttributeError) or part in dir(value):
                raise
            raise _unknown(value, part, name, place) from None
    return value


def _unknown(value: Any, part: str, name: str, place: str) -> UnknownName:
    """The error of a name that there is not, with the nearest, whatever their case."""
    known = {n.lower(): n for n in names_of(value)}
    close = [known[n] for n in nearest(part, known)]
    best = close[0] if close else likely(list(known.values()))
    fix = f"{place}:{name.replace(part, best, 1)}" if best else None
    return UnknownName(f"name in {place}:", part, close=close, fix=fix)
