"""Loads a checkpoint into the user's model, or says why its names do not fit."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from initlab.errors import InputError
from initlab.probe.model.saved import load
from initlab.probe.model.user_code import user_code

#: where a training script keeps the state dict among other things
WITHIN = ("state_dict", "model_state_dict", "model")
#: what wrappers put before every name
WRAPPERS = {"module.": "DataParallel", "_orig_mod.": "torch.compile"}
LISTED = 3  # names of each kind in a message
MOST = 1 << 40  # bytes of a checkpoint: what memory allows

State = dict[str, Any]


def load_checkpoint(model: nn.Module, path: str) -> list[str]:
    """Load a state dict into a model, in place.

    It may stand alone or under "state_dict", "model_state_dict" or "model", and its names may have
    what DataParallel and torch.compile put before them.

    Args:
        model: whose parameters and buffers are set.
        path: a file of torch.save, or of safetensors.

    Returns:
        What was done on the way, in sentences.

    Raises:
        InputError: it cannot be read, holds no state dict, or its names or shapes do not fit.
        UserCodeError: the model's own code for loading raised.
    """
    where = f"--checkpoint {path}"
    raw, key = _state_dict(load(path, where, MOST), where)
    notes = [f"{where}: its weights are those under {key!r}"] if key else []
    with user_code(f"loading {path}"):
        own: State = model.state_dict(keep_vars=True)
    state, stripped = _stripped(raw, own)
    notes += [
        f"{where}: {prefix!r}, of {WRAPPERS[prefix]}, was taken off its names"
        for prefix in stripped
    ]
    wrong = [_mismatch(name, state[name], own[name]) for name in own if name in state]
    wrong = [text for text in wrong if text]
    if wrong:
        message = f"{where}: other shapes than the model's: {_first(wrong)}"
        raise InputError(message, "--kwargs with the sizes that the checkpoint was made with")
    with user_code(f"loading {path}"):
        result = model.load_state_dict(state, strict=False)
    missing = _untied(list(getattr(result, "missing_keys", ())), own)
    unexpected = list(getattr(result, "unexpected_keys", ()))
    if missing or unexpected:
        raise _names_differ(where, missing, unexpected, _fix(path, key, raw, own))
    return notes


def _state_dict(found: Any, where: str) -> tuple[State, str]:
    """The state dict in a file, and the key under which it was."""
    if isinstance(found, Mapping):
        for key in WITHIN:
            if _is_state(found.get(key)):
                return dict(found[key]), key
        if _is_state(found):
            return dict(found), ""
        held = ", ".join(str(key) for key in list(found)[:8]) or "nothing"
        others = [str(key) for key, value in found.items() if _is_state(value)]
        of = f'checkpoint["{others[0]}"]' if others else "model.state_dict()"
        message = f"{where}: holds no state dict, but {held}"
        raise InputError(message, f"torch.save({of}, 'weights.pt')")
    message = f"{where}: holds something of type {type(found).__name__}, and no state dict"
    raise InputError(message, "torch.save(model.state_dict(), 'weights.pt')")


def _is_state(value: Any) -> bool:
    return (
        isinstance(value, Mapping)
        and all(isinstance(key, str) for key in value)
        and any(isinstance(tensor, Tensor) for tensor in value.values())
    )


def _stripped(state: State, own: State) -> tuple[State, list[str]]:
    """A state dict without what wrappers put into its names, if the model's have none of it."""
    done: list[str] = []
    while True:
        for prefix in WRAPPERS:
            inside = prefix == "_orig_mod."  # parts of a model may be compiled, too
            has = any(prefix in k for k in state) if inside else _all_begin(state, prefix)
            if has and not any(prefix in k if inside else k.startswith(prefix) for k in own):
                state = {
                    k.replace(prefix, "") if inside else k.removeprefix(prefix): v
                    for k, v in state.items()
                }
                done.append(prefix)
                break
        else:
            return state, list(dict.fromkeys(done))


def _all_begin(names: Mapping[str, Any], prefix: str) -> bool:
    return bool(names) and all(name.startswith(prefix) for name in names)


def _mismatch(name: str, given: Any, own: Any) -> str:
    """What differs in the shape of one tensor; empty if nothing does, or it is not known yet."""
    if not isinstance(given, Tensor) or not isinstance(own, Tensor) or is_lazy(own):
        return ""
    if given.shape == own.shape or given.numel() == own.numel() == 1:
        return ""
    return f"{name} is {_shape(given)}, the model's {_shape(own)}"


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "a number"


def _untied(missing: list[str], own: State) -> list[str]:
    """Missing names but those of a tensor that was loaded under another name."""
    loaded = {id(tensor) for name, tensor in own.items() if name not in missing}
    return [name for name in missing if id(own.get(name)) not in loaded]


def _first(texts: list[str]) -> str:
    more = f" and {len(texts) - LISTED} more" if len(texts) > LISTED else ""
    return ", ".join(texts[:LISTED]) + more


def _names_differ(where: str, missing: list[str], unexpected: list[str], fix: str) -> InputError:
    parts = [f"it lacks {_first(missing)}"] if missing else []
    parts += [f"it has {_first(unexpected)}, which the model has not"] if unexpected else []
    return InputError(f"{where}: is not of this model: {'; '.join(parts)}", fix)


def _fix(path: str, key: str, raw: State, own: State) -> str:
    """Python that renames, if a prefix is all that differs; else what may be wrong."""
    state, stripped = _stripped(raw, own)
    off, within = "".join(stripped), f"[{key!r}]" if key else ""
    loaded = f"torch.load({path!r}, weights_only=True)"
    if path.endswith(".safetensors"):
        loaded = f"safetensors.torch.load_file({path!r})"
    saved = str(Path(path).with_name(f"{Path(path).stem}_renamed.pt"))
    for add, prefix in (("", off + _common(state)), (_common(own), off)):
        renamed = {add + name.removeprefix(prefix): None for name in raw}
        if set(_stripped(renamed, own)[0]) == set(own):
            code = (f"{add!r} + " if add else "") + "k"
            code += f".removeprefix({prefix!r})" if prefix else ""
            pairs = f"{code}: v for k, v in {loaded}{within}.items()"
            return f"torch.save({{{pairs}}}, {saved!r})"
    return "the TARGET and --kwargs that the checkpoint was made with"


def _common(names: Mapping[str, Any]) -> str:
    """The first part of names, with its dot, if all have the same."""
    first = {name.partition(".")[0] for name in names}
    prefix = f"{first.pop()}." if len(first) == 1 else ""
    return prefix if prefix and all(name.startswith(prefix) for name in names) else ""
