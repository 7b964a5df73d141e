"""Why the user's file or module cannot be imported, and what helps."""

import pkgutil
import sys
from pathlib import Path
from types import ModuleType

from initlab.errors import InputError, UserCodeError, nearest

LEVELS = 4  # folders above a file in which a missing module is looked for


def no_module(place: str, missing: str, text: str) -> InputError:
    """The error of a module that there is not; `missing` is it, or the package that lacks it."""
    name = text.rpartition(":")[2]
    parent, _, last = missing.rpartition(".")
    if parent:
        package = sys.modules.get(parent)
        if hasattr(package, last) and missing == place:
            fix = f"{parent}:{last}.{name}" if last != name else f"{parent}:{last}"
            return InputError(f"{place}: {last} is no module; {parent} has that name", fix)
        known = [m.name for m in pkgutil.iter_modules(getattr(package, "__path__", ()))]
        close = nearest(last, known)
        hint = f"; did you mean {' or '.join(close)}?" if close else ""
        fix = f"{parent}.{close[0]}:{name}" if close else _as_file(place, name)
        return InputError(f"{place}: there is no module {last!r} in {parent}{hint}", fix)
    close = nearest(missing, (p.stem for p in Path().iterdir() if _is_module(p)))
    hint = f"; did you mean {' or '.join(close)}?" if close else ""
    message = f"{place}: there is no module {missing!r} in {Path.cwd()} or {sys.prefix}{hint}"
    fix = f"{close[0]}{place.removeprefix(missing)}:{name}" if close else _as_file(place, name)
    return InputError(message, fix)


def _as_file(place: str, name: str) -> str:
    """A file instead of a module: one below the current folder, if there is one of that name."""
    path = place.replace(".", "/") + ".py"
    found = sorted(p for p in (*Path().glob(f"*/{path}"), *Path().glob(f"*/*/{path}")))
    return f"{found[0] if found else f'path/to/{path}'}:{name}"


def _is_module(path: Path) -> bool:
    return path.suffix == ".py" or (path / "__init__.py").is_file()


def import_failure(error: UserCodeError, path: Path | None, text: str) -> UserCodeError:
    """What code raised while it was imported, with a fix where one is known.

    Args:
        error: raised by `user_code`.
        path: of the file, if a file was imported.
        text: the target.
    """
    cause = error.__cause__
    fix = error.fix
    if isinstance(cause, ModuleNotFoundError) and cause.name:
        fix = _fix_missing(cause.name, path, text)
    elif isinstance(cause, ImportError) and path and "no known parent package" in str(cause):
        fix = _fix_relative(path, text.rpartition(":")[2])
    return UserCodeError(error.message.splitlines()[0], fix, frames=error.frames)


def _fix_missing(name: str, path: Path | None, text: str) -> str:
    """Where a module that the code imports lies, or that it has to be installed."""
    parts = name.split(".")
    above = [] if path is None else [*path.parents][1 : LEVELS + 1]
    here = Path.cwd()
    for folder in (here / "src", *above, *[*here.parents][:LEVELS]):
        if _is_module(folder / f"{parts[0]}.py") and (folder / f"{parts[0]}.py").is_file():
            return f"PYTHONPATH={folder} initlab probe {text}"
        if (folder / parts[0]).joinpath(*parts[1:]).is_dir():
            return f"PYTHONPATH={folder} initlab probe {text}"
    return f"install the package that has {parts[0]!r} into {sys.prefix}, where initlab is"


def _fix_relative(path: Path, name: str) -> str:
    """The module that a file is within its package, which relative imports need."""
    root = path.parent.parent
    while (root / "__init__.py").is_file() and root != root.parent:
        root = root.parent
    dotted = ".".join(path.relative_to(root).with_suffix("").parts)
    if root == Path.cwd():
        return f"{dotted}:{name}"
    return f"PYTHONPATH={root} initlab probe {dotted}:{name}"


def folder_of(module: ModuleType) -> Path | None:
    """The folder of a package without `__init__.py`, which holds no names; None of any other."""
    if getattr(module, "__file__", None) is None and (paths := [*getattr(module, "__path__", ())]):
        return Path(paths[0])
    return None
