"""Every command in one list, and the one place that turns an exception into an exit code."""

import functools
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

import initlab
from initlab.cli import catalog, new, schema, show, sweep
from initlab.errors import InitlabError

#: (name, function), in the order in which `--help` lists them
COMMANDS: list[tuple[str, Callable[..., None]]] = [
    ("sweep", sweep.sweep),
    ("show", show.show),
    ("list", catalog.list_),
    ("describe", catalog.describe),
    ("new", new.new),
    ("schema", schema.schema),
]

EPILOG = """\
Start with: initlab new my_sweep.yaml, then initlab sweep my_sweep.yaml

Exit codes: 0 done; 1 finished, but runs failed or a --fail-on check did; 2 the input is wrong;
3 a bug in initlab; 74 the disk said no; 130 interrupted; 141 the pipe closed.
"""


def _version(wanted: bool) -> None:
    if wanted:
        print(f"initlab {initlab.__version__}")
        raise typer.Exit


def _root(
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Will a signal survive this network, and if not, where does it die?

    Builds deep MLPs from a YAML spec and measures every layer forward and backward.
    """


def guarded(command: Callable[..., None]) -> Callable[..., None]:
    """A command that ends with initlab's exit codes and messages, whatever it raises."""

    @functools.wraps(command)
    def wrapper(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
            sys.stdout.flush()
        except InitlabError as error:
            raise typer.Exit(_complain(str(error), error.exit_code)) from None
        except BrokenPipeError:
            # whoever read us has left; nothing may be written any more, not even at shutdown
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(141) from None
        except KeyboardInterrupt:
            raise typer.Exit(_complain("interrupted", 130)) from None
        except OSError as error:
            if error.filename is not None or error.errno is None:
                raise typer.Exit(_bug()) from None
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(_complain(f"stdout: {error.strerror}", 74)) from None
        except Exception as error:
            if isinstance(error, typer.Exit | typer.Abort | typer.BadParameter):
                raise
            raise typer.Exit(_bug()) from None

    return wrapper


def _complain(message: str, code: int) -> int:
    sys.stderr.write(f"initlab: {message}\n")
    return code


def _bug() -> int:
    traceback.print_exc()
    return _complain(
        "this is a bug in initlab, not in your input; please report the lines above", 3
    )


def build() -> typer.Typer:
    """The application with every command of the list."""
    app = typer.Typer(
        name="initlab",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(epilog=EPILOG)(_root)
    for name, command in COMMANDS:
        app.command(name)(guarded(command))
    return app


def main() -> None:
    """Entry point of the `initlab` script."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by the caller, who wants none of it
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115
    # text that the terminal cannot show must not end a command: a locale of C knows ASCII only
    sys.stderr.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    build()()
