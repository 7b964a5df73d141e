"""Packages of the extra `plot`, which pictures and the report need."""

import importlib
import importlib.util
from typing import Any

from initlab.errors import InputError


def extra(module: str) -> Any:
    """A module of the extra `plot`, imported where it is needed.

    Raises:
        InputError: it is not installed.
    """
    require(module)
    return importlib.import_module(module)


def require(*modules: str) -> None:
    """Check that modules of the extra are installed, and import none of them.

    Raises:
        InputError: one is not.
    """
    for module in modules:
        package = module.partition(".")[0]
        try:
            found = importlib.util.find_spec(package) is not None
        except ValueError:  # it is blocked, or half imported
            found = False
        if not found:
            raise InputError(
                f"a picture needs the package {package}, which is not installed",
                "pip install 'initlab[plot]'",
            )
