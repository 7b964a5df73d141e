"""Builds the user's model: arguments are checked before, what it returns after."""

import copy
import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from torch import nn

from initlab.errors import InputError, UnknownName, UserCodeError, nearest
from initlab.probe.model.user_code import user_code
from initlab.spec import yamlfile

if TYPE_CHECKING:
    from initlab.probe.model.target import Target

KWARGS = "--kwargs"
EXAMPLE = f"{KWARGS} '{{n_layer: 48}}'"
#: models that lost wrappers of `torch.compile`
UNWRAPPED: WeakSet[nn.Module] = WeakSet()
#: what stands for a value in a fix, by the name of the type that an argument asks for
VALUES = {"int": "2", "float": "0.1", "bool": "true", "str": "NAME"}


def make(target: "Target", kwargs: Mapping[str, Any]) -> nn.Module:
    """The model of a target; as `built`, with fixes for the command line."""
    return built(target.value, kwargs, name=target.text, option=KWARGS)


def built(
    build: Any, kwargs: Mapping[str, Any] | None = None, *, name: str = "", option: str = ""
) -> nn.Module:
    """The model that a function or class makes, or a copy of a model.

    What `torch.compile` has made of it or of a part is taken off: it is measured op by op.

    Args:
        build: called with `kwargs`, or a module, which is copied with all that it holds.
        kwargs: arguments for `build`.
        name: what messages call it; by default its own name.
        option: the option that gave `kwargs`; empty if it was called from Python.

    Raises:
        InputError: `kwargs` are given for a model that is built already, or are not those that
            `build` takes.
        UserCodeError: it raised, or made no model.
    """
    kwargs = dict(kwargs or {})
    name = name or getattr(build, "__qualname__", "") or type(build).__name__
    if isinstance(build, nn.Module):
        if kwargs:
            raise InputError(
                f"{name}: is a model that is built already, and takes no {', '.join(kwargs)}",
                f"leave out {option}" if option else "give what builds it",
            )
        return eager(_copied(build, name))
    if not callable(build):
        raise UserCodeError(
            f"{name}: is of type {type(build).__name__}, neither a function that builds a model nor"
            " a model",
            "a function without arguments that returns an nn.Module",
        )
    _check_arguments(build, kwargs, name, option)
    with user_code(f"building {name}"):
        model = build(**kwargs)
    if not isinstance(model, nn.Module):
        raise _no_model(model, name)
    return eager(model)


def _copied(model: nn.Module, name: str) -> nn.Module:
    try:
        with user_code(f"copying {name}"):
            return copy.deepcopy(model)
    except UserCodeError as error:
        fix = "give a function that builds it instead: def build(): ..."
        message = error.message.splitlines()[0]
        raise UserCodeError(message, fix, frames=error.frames) from error.__cause__


def eager(model: nn.Module) -> nn.Module:
    """A model without the wrappers of `torch.compile`, which it loses in place."""
    whole, model = model, _unwrapped(model)
    wrapped = whole is not model
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if (inner := _unwrapped(child)) is not child:
                setattr(parent, name, inner)
                wrapped = True
    if wrapped:
        UNWRAPPED.add(model)
    return model


def _unwrapped(model: nn.Module) -> nn.Module:
    while isinstance(inner := dict(model.named_children()).get("_orig_mod"), nn.Module):
        model = inner
    return model


def _check_arguments(build: Any, kwargs: Mapping[str, Any], name: str, option: str) -> None:
    """Refuse a call that Python would refuse, before any code runs."""
    try:
        parameters = inspect.signature(build).parameters.values()
    except (TypeError, ValueError):  # of C, or a class that hides it
        return
    by_place = [p for p in parameters if p.kind is p.POSITIONAL_ONLY]
    known = [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    if any(p.default is p.empty for p in by_place):
        names = ", ".join(p.name for p in by_place)
        raise UserCodeError(f"{name}: takes {names} by place alone", _as_function(name, "..."))
    if not any(p.kind is p.VAR_KEYWORD for p in parameters):
        for given in kwargs:
            if given not in known:
                raise _unknown(given, known, name, option)
    needed = [p for p in parameters if p.name in known and p.default is p.empty]
    if lacking := [p for p in needed if p.name not in kwargs]:
        pairs = [f"{p.name}: {_example(p)}" for p in lacking]
        pairs = [*(f"{key}: {_as_yaml(value)}" for key, value in kwargs.items()), *pairs]
        words = ", ".join(p.name for p in lacking)
        called = ", ".join(f"{p.name}=..." for p in lacking)
        fix = f"{option} '{{{', '.join(pairs)}}}'" if option else _as_function(name, called)
        raise UserCodeError(f"{name}: needs values for {words}", fix)


def _as_function(name: str, arguments: str) -> str:
    called = name.rpartition(":")[2]
    return f"a function without arguments: def build(): return {called}({arguments})"


def _example(parameter: inspect.Parameter) -> str:
    annotated = parameter.annotation
    return VALUES.get(getattr(annotated, "__name__", str(annotated)), "VALUE")


def _as_yaml(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return str(value)


def _unknown(given: str, known: list[str], name: str, option: str) -> InputError:
    if not known:
        fix = f"leave out {option}" if option else f"{name}()"
        return InputError(f"{name}: takes no arguments, and {given} was given", fix)
    close = nearest(given, known)
    best = close[0] if close else known[0]
    fix = f"{option} '{{{best}: VALUE}}'" if option else f"{name}({best}=...)"
    return UnknownName(f"argument of {name}:", given, known, fix)


def _no_model(made: Any, name: str) -> UserCodeError:
    """The error of what is no module, with what it may have been meant to be."""
    kind = type(made).__name__
    if inspect.iscoroutine(made):
        made.close()  # else Python warns that nobody awaited it
    if made is None:
        return UserCodeError(f"{name}: returned None, not an nn.Module", "return the model")
    if inspect.isclass(made):
        fix = f"return an instance: {made.__name__}(...)"
        return UserCodeError(f"{name}: returned the class {made.__name__}, not a model", fix)
    fix = "return an nn.Module"
    if isinstance(made, tuple | list):
        kinds = [type(part).__name__ for part in made]
        kind = f"{kind} ({', '.join(kinds[:4])}{', ...' if len(kinds) > 4 else ''})"
        if any(isinstance(part, nn.Module) for part in made):
            fix = "return the model alone"
    return UserCodeError(f"{name}: returned something of type {kind}, not an nn.Module", fix)


def kwargs_of(text: str) -> dict[str, Any]:
    """The arguments of `--kwargs`, a mapping of YAML: "{n_layer: 48, bias: false}".

    It is read as data: nothing is imported or run, and tags are refused. Empty is none.

    Raises:
        InputError: it is something else, or a key is no name of Python.
    """
    if not text.strip():
        return {}
    try:
        found = yamlfile.value(text)
    except InputError as error:
        raise InputError(f"{KWARGS}: {error.message}", EXAMPLE) from None
    if not isinstance(found, dict):
        key, equals, value = text.partition("=")
        plain = equals and key.strip().isidentifier() and "," not in value
        fix = f"{KWARGS} '{{{key.strip()}: {value.strip()}}}'" if plain else EXAMPLE
        raise InputError(f"{KWARGS} {text}: is no mapping of names to values", fix)
    for key, value in found.items():
        if value is None and ":" in key:
            name, _, rest = key.partition(":")
            fix = f"{KWARGS} '{{{name}: {rest}}}'"
            raise InputError(f"{KWARGS} {text}: needs a space after the colon of {key}", fix)
        if not key.isidentifier():
            raise InputError(f"{KWARGS} {text}: {key!r} is no name of an argument", EXAMPLE)
    return found
