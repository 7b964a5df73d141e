"""`--quiet`, which every command takes: words that are no errors or warnings stay away."""

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

from initlab.cli import output

Quiet = Annotated[
    bool,
    typer.Option("--quiet", "-q", help="On stderr only errors and warnings, no progress."),
]


def quietable(command: Callable[..., None]) -> Callable[..., None]:
    """The command with `--quiet` as its last option."""

    @functools.wraps(command)
    def wrapper(*args: Any, quiet: bool = False, **kwargs: Any) -> None:
        output.keep_quiet(quiet)
        command(*args, **kwargs)

    own = inspect.signature(command)
    option = inspect.Parameter(
        "quiet", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Quiet
    )
    signature = own.replace(parameters=[*own.parameters.values(), option])
    wrapper.__signature__ = signature  # type: ignore[attr-defined]
    wrapper.__annotations__ = {**command.__annotations__, "quiet": Quiet}
    return wrapper
