"""Runs the user's code: what it raises is shown as theirs, and what it prints goes to stderr."""

import contextlib
import linecache
import sys
import sysconfig
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

from initlab.errors import InitlabError, UserCodeError
from initlab.formatting import cut

MOST_FRAMES = 4
MOST_LETTERS = 500  # of the message of an exception
OURS = (str(Path(__file__).parents[2]),)
#: folders of Python itself
PYTHON = tuple({sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")})
#: parts of a path below which packages are installed, which the user has not written
INSTALLED = frozenset({"site-packages", "dist-packages"})


@contextlib.contextmanager
def user_code(doing: str, module: Callable[[], str] = lambda: "") -> Iterator[None]:
    """Around every call of the user's code.

    Within it `sys.stdout` is `sys.stderr`, so that what the code prints does not mix with a table
    or JSON. That is all that is redirected: what a library of C or another process writes to file
    descriptor 1 still arrives there.

    Args:
        doing: what is done, for messages: "running the model".
        module: tells the path of the module that is running, asked only if something is raised.

    Raises:
        UserCodeError: the code raised any Exception, or left by sys.exit.
        InitlabError: as it was raised. KeyboardInterrupt passes, too.
    """
    with contextlib.redirect_stdout(sys.stderr):
        try:
            yield
        except InitlabError:
            raise
        except (Exception, SystemExit) as error:
            if _is_ours(error):
                raise
            frames, path = frames_of(error), module()
            message = f"{doing}: your code raised {in_one_line(error)}"
            fix = None
            if isinstance(error, SystemExit):
                message = f"{doing}: your code called sys.exit({_code(error)})"
                fix = 'what is run as a script belongs under `if __name__ == "__main__":`'
            raise UserCodeError(message, fix, frames=frames, module=path) from error


def _is_ours(error: BaseException) -> bool:
    """Whether a hook of initlab within their code raised it: that is a bug, and not theirs."""
    files = [frame.f_code.co_filename for frame, _ in traceback.walk_tb(error.__traceback__)]
    ours = [any(Path(file).is_relative_to(folder) for folder in OURS) for file in files]
    return ours[-1] and not all(ours)


def in_one_line(error: BaseException) -> str:
    """Type and message of an exception of others, whose own code may fail at that."""
    name = type(error).__name__
    try:
        text = " ".join(str(error).split())
    except Exception:
        return name
    return cut(f"{name}: {text}" if text else name, MOST_LETTERS)


def _code(error: SystemExit) -> str:
    if error.code is None:
        return ""
    return cut(" ".join(repr(error.code).split()), MOST_LETTERS)


def frames_of(error: BaseException) -> list[str]:
    """The last frames in the user's files, "net.py:12 in forward: x = self.f(x)", innermost last.

    Files of Python, torch, initlab and installed packages are left out; if there is no other, as of
    a model from a package, those of packages but torch are shown.
    """
    every = [
        (Path(frame.f_code.co_filename), line, frame.f_code.co_name)
        for frame, line in traceback.walk_tb(error.__traceback__)
        if not _is_hidden(frame.f_code.co_filename)
    ]
    own = [frame for frame in every if not INSTALLED & set(frame[0].parts)]
    lines = [
        _frame(path, line, f" in {name}" if name.isidentifier() else "")
        for path, line, name in (own or every)[-MOST_FRAMES:]
    ]
    if isinstance(error, SyntaxError) and error.filename and not _is_hidden(error.filename):
        lines.append(_frame(Path(error.filename), error.lineno or 1, ""))
    return lines[-MOST_FRAMES:]


def _is_hidden(file: str) -> bool:
    """Whether a file is of Python, torch or initlab, or is none at all ("<string>")."""
    path = Path(file)
    if file.startswith("<"):
        return True
    parts = path.parts
    for at, part in enumerate(parts[:-1]):
        if part in INSTALLED:
            return parts[at + 1] in ("torch", "initlab")
    return any(path.is_relative_to(folder) for folder in (*OURS, *PYTHON))


def _frame(path: Path, line: int, function: str) -> str:
    linecache.checkcache(str(path))
    source = cut(linecache.getline(str(path), line).strip(), 160)
    return f"{shown(path)}:{line}{function}" + (f": {source}" if source else "")


def shown(path: Path) -> str:
    """A file as a message names it: from the current folder if it lies there."""
    with contextlib.suppress(OSError, ValueError):
        return str(path.resolve().relative_to(Path.cwd().resolve()))
    return str(path)
