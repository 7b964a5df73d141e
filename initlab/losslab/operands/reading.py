"""Operands from what a user types or pipes: inline JSON, or a JSON, CSV, NPY, NPZ or PT file.

The format of a file is recognised by its first bytes, not by its name, and so that of standard
input. Nothing that is read can run code: arrays without pickles, tensors with `weights_only`.
"""

import io
import pickle
import warnings
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from initlab.errors import InputError
from initlab.losslab.operands import arrays
from initlab.losslab.operands.limits import MOST, OPTION, check_values, in_memory
from initlab.losslab.operands.lists import array_of
from initlab.losslab.operands.text import csv_array, json_value, plain
from initlab.userfiles import read_file, read_stdin

ZIP = b"PK\x03\x04"
PICKLE = tuple(b"\x80" + bytes([protocol]) for protocol in range(2, 6))

#: dtypes whose numbers torch compares and converts; not complex, quantized, of 8 bits or packed
KNOWN = {torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.bool, torch.uint8}
KNOWN |= {torch.int8, torch.int16, torch.int32, torch.int64, torch.uint16, torch.uint32}
KNOWN |= {torch.uint64}


@dataclass(frozen=True)
class Read:
    """A tensor as it was given. `literal` numbers (JSON, CSV, Python) have no dtype of their own:
    they come as int64, bool or float64, and are computed in float32 unless asked otherwise.
    """

    tensor: Tensor
    literal: bool


def read(text: str, where: str, names: Iterable[str] = (), most: int = MOST) -> Read:
    """An operand from an argument of the command line.

    Args:
        text: inline numbers ("[[1, 2]]", "0.5", "1,2"), the name of a file, or "-".
        where: the operand as the user typed it, for messages.
        names: the operand's names, by which it is picked from a file of several arrays.
        most: bytes that it may have, as a file and as float64.

    Raises:
        TooLarge: it has more.
        InputError: neither numbers nor a file that can be read.
    """
    text = text.strip()
    if text == "-":
        return decode(read_stdin(most, where=where, option=OPTION), where, names, most)
    if text[:1] in ("[", "{"):
        return _picked(json_value(text, where, most), where, names, most)
    numbers = plain(text, where)
    if numbers is not None:
        return Read(torch.from_numpy(np.array(numbers)), literal=True)
    if not text:
        raise InputError(f"{where}: is empty", f"{where} '[0.2, 0.8]'")
    try:
        content = read_file(text, most, where=f"{where} {text[:60]!r}", option=OPTION)
    except OSError as error:
        reason = f"cannot be read: {error.strerror}"
        raise InputError(
            f"{where}: {text[:60]!r} is no list of numbers, and as a file {reason}",
            f"{where}{'=' if ' ' in where else ' '}'[0.2, 0.8]'",
        ) from None
    return decode(content, f"{where} {text}", names, most)


def decode(content: bytes, where: str, names: Iterable[str] = (), most: int = MOST) -> Read:
    """An operand from the bytes of a file. Raises InputError if they are none that is known."""
    try:
        if content.startswith(arrays.NPY):
            return _array(arrays.npy(content, where, most), where, most)
        if content.startswith(ZIP):
            return _zip(content, where, names, most)
        if content.startswith(PICKLE):
            return _tensor(_load(content), where, names, most)
    except InputError:
        raise
    except Exception as error:  # a broken file breaks its reader in many ways
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{where}: cannot be read as an array: {first[:200]}") from None
    try:
        text = content.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        raise InputError(
            f"{where}: is neither JSON, CSV, NPY, NPZ nor a tensor saved by torch"
        ) from None
    if not text:
        raise InputError(f"{where}: is empty")
    with in_memory(where):
        if text[0] in "[{":
            return _picked(json_value(text, where, most), where, names, most)
        return Read(torch.from_numpy(csv_array(text, where, most)), literal=True)


def literal(value: Any, where: str, most: int = MOST) -> Read:
    """An operand from Python: a tensor or array keeps its dtype, lists and numbers are literal.

    Raises:
        TooLarge: it takes more than `most` bytes as float64.
        InputError: no numbers, or rows of different lengths; says which.
    """
    if isinstance(value, Read):
        return value
    if isinstance(value, Tensor):
        return _tensor(value, where, (), most)
    if isinstance(value, np.ndarray):
        return _array(value, where, most)

    def unpacked(level: list[Any]) -> list[Any]:
        kept = [x if isinstance(x, Tensor) else np.asarray(x) for x in level]
        tensors = [literal(x, where, most).tensor for x in kept]
        check_values(sum(x.numel() for x in tensors), where, most)
        return [x.tolist() for x in tensors]

    return Read(torch.from_numpy(array_of(value, where, most, unpacked)), literal=True)


def _picked(value: Any, where: str, names: Iterable[str], most: int) -> Read:
    if isinstance(value, Mapping):
        value = value[_key(list(value), where, names)]
    return literal(value, where, most)


def _key(keys: list[str], where: str, names: Iterable[str]) -> str:
    """Which of several arrays is meant: the operand's by name, or the only one."""
    for name in names:
        if name in keys:
            return name
    if len(keys) == 1:
        return keys[0]
    wanted = " or ".join(names) or "one of them"
    raise InputError(f"{where}: holds {', '.join(map(str, keys))[:200] or 'nothing'}, not {wanted}")


def _zip(content: bytes, where: str, names: Iterable[str], most: int) -> Read:
    archive = zipfile.ZipFile(io.BytesIO(content))
    found = arrays.members(archive, where)
    if found:
        array = arrays.member(archive, _key(found, where, names), where, most)
        return _array(array, where, most)
    arrays.check_unpacked(archive.infolist(), where, most)
    return _tensor(_load(content), where, names, most)


def _load(content: bytes) -> Any:
    # indices of a sparse tensor in a broken file would be followed out of memory
    safely = torch.sparse.check_sparse_tensor_invariants()  # type: ignore[no-untyped-call]
    try:
        with safely, warnings.catch_warnings(action="ignore"):
            return torch.load(io.BytesIO(content), weights_only=True, map_location="cpu")
    except pickle.UnpicklingError:
        raise ValueError("a pickle of something else than tensors, which is not loaded") from None


def _array(array: NDArray[Any], where: str, most: int) -> Read:
    if array.dtype.kind not in "iufb" or array.dtype.itemsize > 8:
        raise InputError(f"{where}: holds {array.dtype}, needs real numbers that torch knows")
    check_values(array.size, where, most)  # a view may repeat a few bytes
    native = array.astype(array.dtype.newbyteorder("="), copy=False)
    return Read(torch.from_numpy(np.array(native)), literal=False)


def _tensor(value: Any, where: str, names: Iterable[str], most: int) -> Read:
    if isinstance(value, Mapping):
        value = value[_key(list(value), where, names)]
    if not isinstance(value, Tensor):
        return literal(value, where, most)
    if value.dtype not in KNOWN or value.is_meta or value.is_nested:
        raise InputError(
            f"{where}: holds a tensor of {value.dtype}, needs real numbers in a plain one"
        )
    check_values(value.numel(), where, most)  # of a view of few bytes, too, or a sparse tensor
    dense = value.detach()
    return Read(dense if value.layout == torch.strided else dense.to_dense(), literal=False)
