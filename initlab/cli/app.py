"""Every command in one list, and the one place that turns an exception into an exit code."""

import functools
import gc
import inspect
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from initlab.cli import collector, streams
from initlab.cli.quiet import quietable
from initlab.cli.streams import complain
from initlab.errors import DISK_ERRNOS, DiskError, InitlabError, Interrupted, Terminated, nearest
from initlab.formatting import visible
from initlab.sweep.signals import THREAD_PREFIX
from initlab.version import __version__

#: commands by the panel of `--help` that lists them, in its order
GROUPS: dict[str, list[str]] = {
    "Sweeps and results": [
        "new", "sweep", "show", "status", "verify", "rerun", "export", "merge",
    ],
    "Your own model": ["probe"],
    "Pictures": ["plot", "report"],
    "Theory": ["predict", "recommend", "gain", "critical", "phase"],
    "Loss lab": ["loss", "entropy"],
    "Look up": ["list", "describe", "schema"],
}  # fmt: skip
COMMANDS: list[str] = [name for names in GROUPS.values() for name in names]
#: commands that are not the one function of their name in the one module of their name
ELSEWHERE = {"list": ("catalog", "list_"), "describe": ("catalog", "describe")}

EPILOG = """\
Start with: initlab new my_sweep.yaml, then initlab sweep my_sweep.yaml

Exit codes: 0 done; 1 finished, but runs failed, a --fail-on check or verify did, workers were \
lost or a line of --jsonl could not be computed; 2 the input is wrong; 3 a bug in initlab; \
4 the results folder is in use; 74 the disk said no; 129 hung up; 130 interrupted; \
141 the pipe closed; 143 terminated.
"""


def _version(wanted: bool) -> None:
    if wanted:
        print(f"initlab {__version__}")
        raise typer.Exit


def _root(
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Will a signal survive this network, and if not, where does it die?

    Builds deep MLPs from a YAML spec and measures every layer forward and backward.

    Beside it, computes any loss of torch, checks its inputs and shows the working.
    """


def guarded(command: Callable[..., None]) -> Callable[..., None]:
    """A command that ends with initlab's exit codes and messages, whatever it raises."""

    @functools.wraps(command)
    def wrapper(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
            sys.stdout.flush()
        except InitlabError as error:
            raise typer.Exit(complain(str(error), error.exit_code, error.prefix)) from None
        except KeyboardInterrupt as interrupt:
            code = getattr(interrupt, "exit_code", Interrupted.exit_code)
            raise typer.Exit(complain("interrupted", code)) from None
        except OSError as error:
            what = f"{error.filename}: {error.strerror}" if error.filename else str(error)
            code = DiskError.exit_code if error.errno in DISK_ERRNOS else 2
            raise typer.Exit(complain(what, code)) from None
        except MemoryError as error:
            raise typer.Exit(complain(f"not enough memory: {error}".rstrip(": "), 2)) from None
        except Exception as error:
            if isinstance(error, typer.Exit | typer.Abort | typer.BadParameter):
                raise
            raise typer.Exit(_bug()) from None

    return wrapper


def _bug() -> int:
    traceback.print_exc()
    return complain("this is a bug in initlab, not in your input; please report the lines above", 3)


class Group(TyperGroup):
    """All commands; what the command line gets wrong is shown with control characters visible."""

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        """As typer does."""
        with _visible():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: Any) -> Any:
        """As typer does."""
        with _visible(ctx):
            return super().invoke(ctx)


@contextmanager
def _visible(group: Any = None) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        message = getattr(error, "message", None)
        if hasattr(error, "format_message") and isinstance(message, str):
            error.message = visible(message)  # type: ignore[attr-defined]
        if hasattr(error, "option_name"):  # no such flag, or one without its value
            name = group.invoked_subcommand if group else None
            command = f"initlab {name}" if name else "initlab"
            raise typer.Exit(complain(_wrong_flag(error, command), 2)) from None
        raise


def _wrong_flag(error: Any, command: str) -> str:
    """A message and one fix: the flag that was meant, or the command's help."""
    message, fix = error.format_message().rstrip("."), f"{command} --help"
    if hasattr(error, "possibilities"):  # else a flag lacks its value
        message = f"no such option: {error.option_name}"
        flags = [o for p in error.ctx.command.params for o in p.opts] if error.ctx else []
        known = {name.lstrip("-"): name for name in flags}
        for near in nearest(error.option_name.lstrip("-"), known, 1):
            message, fix = f"{message}; did you mean {known[near]}?", known[near]
    return f"{message}\n  fix: {fix}"


def function_of(name: str) -> Callable[..., None]:
    """The function of a command, whose module is loaded."""
    module, function = ELSEWHERE.get(name, (name, name))
    found: Callable[..., None] = getattr(import_module(f"initlab.cli.commands.{module}"), function)
    return found


@functools.cache
def build(only: str | None = None) -> typer.Typer:
    """The application with every command of the list, or with one of them."""
    app = typer.Typer(
        name="initlab",
        cls=Group,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(epilog=EPILOG)(_root)
    for group, names in GROUPS.items():
        for name in [name for name in names if only in (None, name)]:
            command = function_of(name)
            shown = _flowing(command.__doc__ or "")
            app.command(name, help=shown, rich_help_panel=group)(guarded(quietable(command)))
    return app


def _flowing(docstring: str) -> str:
    """Paragraphs in one line each, for help to break where the terminal ends."""
    paragraphs = inspect.cleandoc(docstring).split("\n\n")
    return "\n\n".join(p if ":\n" in p else " ".join(p.split()) for p in paragraphs)


def main() -> None:
    """Entry point of the `initlab` script."""
    collector.spare_loading()
    streams.install()
    signal.signal(signal.SIGTERM, _terminated)
    first = sys.argv[1] if len(sys.argv) > 1 else ""
    try:
        # the other commands are loaded where help, completion or an error may name them
        build(first if first in COMMANDS else None)()
    except SystemExit as end:
        sys.stdout.flush()
        if any(thread.name.startswith(THREAD_PREFIX) for thread in threading.enumerate()):
            # they are in the middle of a layer that nobody waits for any more
            sys.stderr.flush()
            os._exit(end.code if isinstance(end.code, int) else 1)
        raise
    finally:
        sys.stdout.flush()
        gc.freeze()  # else the interpreter searches all that was loaded when it ends


def _terminated(*_: object) -> None:
    raise Terminated
