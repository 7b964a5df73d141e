"""Operands from what a user types, pipes or saves.

Inline numbers and pasted arrays, or a file of JSON, text, NPY, NPZ or PT. The format of a file is
recognised by its first bytes, not by its name, and so that of standard input. Nothing that is read
can run code: arrays without pickles, tensors with `weights_only`, pasted text is never evaluated.
"""

import os
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from initlab.errors import InputError
from initlab.losslab.operands import keys, labels
from initlab.losslab.operands.delimited import table
from initlab.losslab.operands.limits import MOST, OPTION, check_values, in_memory
from initlab.losslab.operands.lists import array_of
from initlab.losslab.operands.pasted import parsed, starts
from initlab.losslab.operands.saved import saved
from initlab.losslab.operands.source import Load, Read, Wanted, quoted
from initlab.losslab.operands.text import plain
from initlab.userfiles import read_file, read_stdin

#: dtypes whose numbers torch compares and converts; not complex, quantized, of 8 bits or packed
KNOWN = {torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.bool, torch.uint8}
KNOWN |= {torch.int8, torch.int16, torch.int32, torch.int64, torch.uint16, torch.uint32}
KNOWN |= {torch.uint64}
BOM = b"\xef\xbb\xbf"

Classes = tuple[str, ...] | None


def read(
    text: str, where: str, names: Iterable[str] = (), most: int = MOST, classes: Classes = None
) -> Read:
    """An operand from an argument of the command line.

    Args:
        text: inline numbers ("[[1, 2]]", "0.5", "1,2", "tensor([1.])"), the name of a file, with a
            key ("batch.pt:logits") or not, or "-".
        where: the operand as the user typed it, for messages.
        names: the operand's names, by which it is picked from a file of several arrays.
        most: bytes that it may have, as a file and as float64.
        classes: names that may stand for class ids; None where the operand holds none.

    Raises:
        TooLarge: it has more.
        InputError: neither numbers nor a file that can be read.
    """
    text, wanted = text.strip(), Wanted(where, tuple(names), most, classes)
    if text == "-":
        return _decoded(read_stdin(most, where=where, option=OPTION), wanted)
    if starts(text) and (text[0] in "[{" or not os.path.lexists(text)):
        return _printed(text, wanted)
    numbers = plain(text, where)
    if numbers is not None:
        return Read(torch.from_numpy(np.array(numbers)), literal=True)
    if not text:
        raise InputError(f"{where}: is empty", f"{where} '[0.2, 0.8]'")
    path, key = keys.split(text)
    if not os.path.lexists(path) and (typed := labels.inline(text, classes)) is not None:
        return literal(typed, where, most, classes)
    try:
        content = read_file(path, most, where=f"{where} {path[:60]!r}", option=OPTION)
    except OSError as error:
        reason = f"cannot be read: {error.strerror}"
        raise InputError(
            f"{where}: {text[:60]!r} is no list of numbers, and as a file {reason}",
            f"{where}{'=' if ' ' in where else ' '}'[0.2, 0.8]'",
        ) from None
    return _decoded(content, replace(wanted, path=path, key=key))


def decode(content: bytes, where: str, names: Iterable[str] = (), most: int = MOST) -> Read:
    """An operand from the bytes of a file. Raises InputError if they are none that is known."""
    return _decoded(content, Wanted(where, tuple(names), most))


def literal(value: Any, where: str, most: int = MOST, classes: Classes = None) -> Read:
    """An operand from Python: a tensor or array keeps its dtype, lists and numbers are literal.

    Raises:
        TooLarge: it takes more than `most` bytes as float64.
        InputError: no numbers, or rows of different lengths; says which. Names of classes where
            the operand holds none, or such as are not in `classes`.
    """
    if isinstance(value, Read):
        return value
    if isinstance(value, Tensor):
        return _tensor(value, where, most)
    if isinstance(value, np.ndarray):
        if value.dtype.kind == "U" and classes is not None:
            check_values(value.size, where, most)
            return _named(value.astype(object), classes, where)
        return _array(value, where, most)

    def unpacked(level: list[Any]) -> list[Any]:
        kept = [x if isinstance(x, Tensor) else np.asarray(x) for x in level]
        tensors = [literal(x, where, most).tensor for x in kept]
        check_values(sum(x.numel() for x in tensors), where, most)
        return [x.tolist() for x in tensors]

    array = array_of(value, where, most, unpacked, names=classes is not None)
    if array.dtype == object:
        return _named(array, classes or (), where)
    return Read(torch.from_numpy(array), literal=True)


def _named(array: NDArray[Any], classes: tuple[str, ...], where: str) -> Read:
    found, said = labels.ids(array.ravel().tolist(), array.shape, classes, where)
    tensor = torch.tensor(found, dtype=torch.int64).reshape(array.shape)
    return Read(tensor, literal=True, findings=(said,))


def _decoded(content: bytes, wanted: Wanted) -> Read:
    found = saved(content, wanted)
    if found is not None:
        value, code = found
        return _loaded(literal(value, wanted.place, wanted.most, wanted.classes), code, wanted)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(
            f"{wanted.place}: is neither JSON, CSV, NPY, NPZ nor a tensor saved by torch"
        ) from None
    if not text.strip():
        raise InputError(f"{wanted.place}: is empty")
    encoding = ', encoding="utf-8-sig"' if content.startswith(BOM) else ""
    with in_memory(wanted.place):
        if starts(text.strip()):
            return _printed(text.strip(), wanted, encoding)
        keys.refuse_key(wanted)
        return _lines(text, wanted, encoding)


def _lines(text: str, wanted: Wanted, encoding: str) -> Read:
    """A file of names, or a table."""
    found = labels.lines(text, wanted.classes)
    if found is not None:
        names, said = found
        read = literal(names, wanted.place, wanted.most, wanted.classes)
        first = f"[{len(said)}:]" if said else ""
        words = f"Path({quoted(wanted.path)}).read_text({encoding[2:]}).split(){first}"
        code = f"torch.tensor([{list(wanted.classes or ())}.index(name) for name in {words}])"
        # where no name has blanks or quotes
        plain = bool(wanted.path) and text.split()[len(said) :] == names
        load = Load(code, torch.int64) if plain else None
        return replace(read, load=load, path=wanted.path, findings=said + read.findings)
    rows = table(text, wanted)
    options = f", delimiter={quoted(rows.delimiter)}" if rows.delimiter else ""
    options += f", skiprows={rows.skipped}" if rows.skipped else ""
    code = f"np.loadtxt({quoted(wanted.path)}{options}, ndmin={rows.array.ndim}{encoding})"
    read = Read(torch.from_numpy(rows.array), literal=True, findings=rows.findings)
    return _loaded(read, f"torch.from_numpy({code})", wanted, torch.float64)


def _printed(text: str, wanted: Wanted, encoding: str = "") -> Read:
    """JSON, or an array as Python prints it; a file of JSON may hold several."""
    value, dtype, is_json = parsed(text, wanted.place, wanted.most)
    value, index = keys.chosen(value, wanted)
    read = literal(value, wanted.place, wanted.most, wanted.classes)
    if dtype:
        return _loaded(_cast(read, dtype, wanted.place), "", wanted)
    code = f"np.array(json.loads(Path({quoted(wanted.path)}).read_text({encoding[2:]})){index})"
    same = is_json and bool(wanted.path) and np.array(value).dtype == read.tensor.numpy().dtype
    return _loaded(read, f"torch.from_numpy({code})" if same else "", wanted)


def _loaded(read: Read, code: str, wanted: Wanted, dtype: torch.dtype | None = None) -> Read:
    """With the Python that loads it, where it came from a file; class names it cannot load."""
    if not wanted.path:
        return read
    named = any(found.rule == "classes" for found in read.findings)
    load = Load(code, dtype or read.tensor.dtype) if code and not named else None
    return replace(read, load=load, path=wanted.path)


def _cast(read: Read, name: str, where: str) -> Read:
    """The dtype that was printed beside the numbers, which all of them must fit."""
    dtype = getattr(torch, name.rpartition(".")[2], None)
    if dtype not in KNOWN:
        raise InputError(f"{where}: dtype={name[:40]} is none of real numbers that torch knows")
    cast = read.tensor.to(dtype)
    exact = not cast.is_floating_point() and (cast.double() != read.tensor.double()).any()
    if exact or (read.tensor.double().isfinite() & ~cast.double().isfinite()).any():
        raise InputError(f"{where}: has numbers that are none of {name}")
    return replace(read, tensor=cast, literal=False)


def _array(array: NDArray[Any], where: str, most: int) -> Read:
    if array.dtype.kind not in "iufb" or array.dtype.itemsize > 8:
        raise InputError(f"{where}: holds {array.dtype}, needs real numbers that torch knows")
    check_values(array.size, where, most)  # a view may repeat a few bytes
    native = array.astype(array.dtype.newbyteorder("="), copy=False)
    return Read(torch.from_numpy(np.array(native)), literal=False)


def _tensor(value: Tensor, where: str, most: int) -> Read:
    if value.dtype not in KNOWN or value.is_meta or value.is_nested:
        raise InputError(
            f"{where}: holds a tensor of {value.dtype}, needs real numbers in a plain one"
        )
    check_values(value.numel(), where, most)  # of a view of few bytes, too, or a sparse tensor
    dense = value.detach()
    return Read(dense if value.layout == torch.strided else dense.to_dense(), literal=False)
