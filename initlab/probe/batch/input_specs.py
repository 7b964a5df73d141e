"""One `--input`: a shape of random numbers, a plain value or a file."""

import math
import re
from dataclasses import dataclass
from typing import Any

from initlab.errors import InputError, UnknownName, nearest
from initlab.losslab.operands import keys
from initlab.losslab.operands.source import Wanted
from initlab.probe.batch.random_inputs import INTEGERS, KINDS, Random
from initlab.probe.model.saved import MOST, load
from initlab.spec.yamlfile import resolve

EXAMPLE = "--input 16x3x32x32"
MOST_NUMBERS = 2**31
MOST_DIMENSIONS = 64  # that torch has
CONSTANTS = {"true": True, "false": False, "none": None, "null": None}
SHAPE = re.compile(r"[0-9]+([x,][0-9]+)*")


@dataclass(frozen=True)
class Literal:
    """A plain value."""

    value: bool | int | float | None


@dataclass(frozen=True)
class FromFile:
    """What a file holds; `where` is how messages call it."""

    value: Any
    where: str


def read(text: str) -> tuple[str, Random | Literal | FromFile]:
    """The name and the meaning of one `--input`; without a name it is "".

    Raises:
        InputError: it means nothing; says where, and gives one that does.
    """
    name, spec = _named(text)
    where = f"--input {text}"
    if spec.startswith("@"):
        return name, _file(name, spec[1:], where)
    found = _literal(spec)
    if found is not None:
        if not name and isinstance(found.value, int) and not isinstance(found.value, bool):
            message = f"{where}: is a number or a shape of one dimension"
            shape = f"--input randn:{spec}, or " if SHAPE.fullmatch(spec) else ""
            raise InputError(message, f"{shape}--input NAME={spec}")
        return name, found
    return name, _random(spec, where, f"--input {name}=" if name else "--input ")


def _named(text: str) -> tuple[str, str]:
    if text.startswith("@"):
        return "", text
    name, equals, spec = text.partition("=")
    if not equals:
        return "", text.strip()
    name, spec = name.strip(), spec.strip()
    if not name.isidentifier():
        better = re.sub(r"\W", "_", name)
        better = better if better.isidentifier() else "x"
        message = f"--input {text}: {name!r} is no name of an argument"
        raise InputError(message, f"--input {better}={spec or '16x256'}")
    return name, spec


def _literal(spec: str) -> Literal | None:
    if spec.lower() in CONSTANTS:
        return Literal(CONSTANTS[spec.lower()])
    value = resolve(spec)
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    return Literal(value) if plain else None


def _random(spec: str, where: str, start: str) -> Random:
    """A tensor as KIND:SHAPE:DTYPE, tokens:COUNT:SHAPE:DTYPE, SHAPE:DTYPE or SHAPE.

    Args:
        spec: what stands behind the name.
        where: what a message begins with.
        start: what a fix begins with, "--input x=".
    """
    kind, *parts = (part.strip() for part in spec.split(":"))
    if SHAPE.fullmatch(kind):
        kind, parts = "randn", [kind, *parts]
    if kind not in KINDS:
        raise _unknown(kind, where, start)
    count = 0
    if kind == "tokens":
        number = parts.pop(0) if parts else ""
        if not re.fullmatch(r"0*[1-9][0-9]{0,17}", number) or not parts:
            message = f"{where}: needs how many tokens there are, and a shape"
            given = number if SHAPE.fullmatch(number) and not number.isdigit() else "4x128"
            raise InputError(message, f"{start}tokens:50257:{given}")
        count = int(number)
    example = f"{start}{f'tokens:{count}:4x128' if kind == 'tokens' else f'{kind}:16x256'}"
    if not parts or not SHAPE.fullmatch(parts[0]):
        got = f", not {parts[0]!r}" if parts and parts[0] else ""
        raise InputError(f"{where}: needs a shape after {kind}:{got}", example)
    if len(parts) > 2:
        raise InputError(f"{where}: has {parts[2]!r} after its dtype", example)
    shape = _shape(parts[0], where, example)
    dtype = parts[1].removeprefix("torch.") if len(parts) == 2 else KINDS[kind][0]
    _check_dtype(kind, dtype, where, f"{start}{kind}:{f'{count}:' * (count > 0)}{parts[0]}")
    if dtype == "int32" and count > 2**31:
        raise InputError(f"{where}: int32 has no numbers up to {count - 1}", f"{example}:int64")
    return Random(kind, shape, dtype, count)


def _unknown(kind: str, where: str, start: str) -> InputError:
    """The error of what is no kind: a file without @, a shape with something wrong, or a word."""
    suffix = re.search(r"\.(npy|npz|pt|pth|safetensors)(:.*)?$", where)
    if suffix:
        path = where.removeprefix("--input ").rpartition("=")[2]
        return InputError(f"{where}: a file needs @ before it", f"{start}@{path}")
    if re.match(r"[-+]?[0-9(\[]", kind):
        numbers = [n for n in re.findall(r"[0-9]+", kind) if int(n)]
        fix = f"{start}{'x'.join(numbers)}" if len(numbers) > 1 else f"{start}16x256"
        return InputError(f"{where}: {kind!r} is no shape: whole numbers with x between", fix)
    close = nearest(kind, KINDS)
    example = "50257:4x128" if close == ["tokens"] else "16x256"
    fix = f"{start}{close[0]}:{example}" if close else EXAMPLE
    return UnknownName(f"kind of input in {where}:", kind, KINDS, fix)


def _shape(text: str, where: str, example: str) -> tuple[int, ...]:
    shape = tuple(int(n) for n in re.split("[x,]", text) if len(n) < 20)
    if 0 in shape:
        ones = "x".join(str(n or 1) for n in shape)
        message = f"{where}: has a dimension of 0, and so no numbers"
        raise InputError(message, example.replace(example.rpartition(":")[2], ones))
    if len(shape) < len(re.split("[x,]", text)) or math.prod(shape) > MOST_NUMBERS:
        message = f"{where}: is more than {MOST_NUMBERS} numbers, which is the most"
        raise InputError(message, EXAMPLE)
    if len(shape) > MOST_DIMENSIONS:
        raise InputError(f"{where}: has more than {MOST_DIMENSIONS} dimensions", example)
    return shape


def _check_dtype(kind: str, dtype: str, where: str, start: str) -> None:
    known = KINDS[kind]
    if dtype in known:
        return
    if dtype not in KINDS["ones"]:
        close = nearest(dtype, KINDS["ones"], 1)
        best = close[0] if close and close[0] in known else known[0]
        raise UnknownName(f"dtype in {where}:", dtype, known, f"{start}:{best}")
    message = f"{where}: {kind} has no {dtype}, only {', '.join(known)}"
    if kind == "tokens":
        raise InputError(message, f"{start}:int64")
    shape = start.rpartition(":")[2]
    head = start[: -len(f"{kind}:{shape}")]
    fix = f"{head}tokens:2:{shape}" if dtype in INTEGERS else f"{head}ones:{shape}:{dtype}"
    raise InputError(message, fix)


def _file(name: str, text: str, where: str) -> FromFile:
    """What a file holds, or one of its tensors: by its key, or by the name of the argument."""
    if not text:
        fix = f"--input {name}=@batch.pt" if name else "--input @batch.pt"
        raise InputError(f"{where}: needs the name of a file after @", fix)
    path, key = keys.split(text)
    value = load(path, f"--input @{path}")
    shown = f"{name}=@{path}" if name else f"@{path}"
    if key:
        value, _ = keys.chosen(value, Wanted("--input", (), MOST, path=shown, key=key))
    elif name and isinstance(value, dict) and name in value:
        value = value[name]
    return FromFile(value, where)
