"""Arrays and tensors from NPY, NPZ and PT files, told by their first bytes. No pickle is run."""

import io
import pickle
import warnings
import zipfile
from typing import Any

import torch
from numpy.typing import NDArray

from initlab.errors import InputError
from initlab.losslab.operands import arrays, keys
from initlab.losslab.operands.source import Wanted, quoted

ZIP = b"PK\x03\x04"
PICKLE = tuple(b"\x80" + bytes([protocol]) for protocol in range(2, 6))


def saved(content: bytes, wanted: Wanted) -> tuple[Any, str] | None:
    """What a file holds, and the Python that loads it; None if it is of none of these kinds.

    Raises:
        TooLarge: it takes more than the limit.
        InputError: it is broken, or holds several arrays and none of the operand's name.
    """
    try:
        if content.startswith(arrays.NPY):
            keys.refuse_key(wanted)
            array = arrays.npy(content, wanted.place, wanted.most)
            return array, _numpy(array, f"np.load({quoted(wanted.path)})")
        if content.startswith(ZIP):
            return _zip(content, wanted)
        if content.startswith(PICKLE):
            return _torch(content, wanted)
    except InputError:
        raise
    except Exception as error:  # a broken file breaks its reader in many ways
        first = (str(error).splitlines() or [type(error).__name__])[0]
        message = f"{wanted.place}: cannot be read as an array: {first[:200]}"
        raise InputError(message) from None
    return None


def _zip(content: bytes, wanted: Wanted) -> tuple[Any, str]:
    archive = zipfile.ZipFile(io.BytesIO(content))
    found = arrays.members(archive, wanted.place)
    if found:
        name, index = keys.chosen({name: name for name in found}, wanted)
        array = arrays.member(archive, name, wanted.place, wanted.most)
        return array, _numpy(array, f"np.load({quoted(wanted.path)}){index}")
    arrays.check_unpacked(archive.infolist(), wanted.place, wanted.most)
    return _torch(content, wanted)


def _torch(content: bytes, wanted: Wanted) -> tuple[Any, str]:
    value, index = keys.chosen(_load(content), wanted)
    if not isinstance(value, torch.Tensor):
        return value, ""
    dense = "" if value.layout == torch.strided else ".to_dense()"
    return value, f"torch.load({quoted(wanted.path)}){index}{dense}"


def _load(content: bytes) -> Any:
    # indices of a sparse tensor in a broken file would be followed out of memory
    safely = torch.sparse.check_sparse_tensor_invariants()  # type: ignore[no-untyped-call]
    try:
        with safely, warnings.catch_warnings(action="ignore"):
            return torch.load(io.BytesIO(content), weights_only=True, map_location="cpu")
    except pickle.UnpicklingError:
        raise ValueError("a pickle of something else than tensors, which is not loaded") from None


def _numpy(array: NDArray[Any], code: str) -> str:
    """The tensor of an array; torch takes no bytes in the other order."""
    native = array.dtype.newbyteorder("=")
    other = "" if array.dtype == native else f'.astype("{native.str[1:]}")'
    contiguous = all(stride >= 0 for stride in array.strides)
    return f"torch.from_numpy({code}{other})" if contiguous else ""
