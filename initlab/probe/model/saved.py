"""What a file of tensors holds: NPY, NPZ, PT and safetensors, told by its bytes.

No pickle is run: nothing but tensors and plain values comes out of a file.
"""

import importlib
import io
import pickle
import re
import warnings
import zipfile
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from initlab.errors import InputError
from initlab.losslab.operands import arrays
from initlab.userfiles import TooLarge, read_file

ZIP = b"PK\x03\x04"
PICKLE = tuple(b"\x80" + bytes([protocol]) for protocol in range(2, 6))
MOST = 1 << 34  # bytes of a file, and of its arrays as float64: 2^31 numbers
KINDS = ".npy, .npz, .pt or .safetensors"


def load(path: str, where: str, most: int = MOST) -> Any:
    """All that a file holds, on the CPU: a tensor, or what torch.save was given.

    NPZ and safetensors are dictionaries of tensors.

    Args:
        path: of the file.
        where: what messages begin with.
        most: bytes that it may have.

    Raises:
        InputError: it cannot be read, is too large or of no such kind, or holds more than tensors.
    """
    content = _content(path, where, most)
    try:
        return _loaded(content, path, where, most)
    except TooLarge as error:
        raise InputError(error.message, "a smaller batch") from None
    except InputError:
        raise
    except MemoryError:
        raise InputError(f"{where}: there is not enough memory for it", "a smaller file") from None
    except Exception as error:  # a broken file breaks its reader in many ways
        first = (str(error).splitlines() or [type(error).__name__])[0]
        message = f"{where}: cannot be read: {first[:200]}"
        raise InputError(message, "save it anew: torch.save(tensors, 'batch.pt')") from None


def _content(path: str, where: str, most: int) -> bytes:
    try:
        return read_file(path, most, where=where)
    except FileNotFoundError:
        raise InputError(f"{where}: no such file", f"a file of kind {KINDS}") from None
    except IsADirectoryError:
        raise InputError(f"{where}: is a folder", f"a file of kind {KINDS}") from None
    except TooLarge as error:
        raise InputError(error.message, "a smaller file") from None
    except OSError as error:
        raise InputError(f"{where}: cannot be read: {error.strerror}") from None


def _loaded(content: bytes, path: str, where: str, most: int) -> Any:
    if content.startswith(arrays.NPY):
        return tensor_of(arrays.npy(content, where, most), where)
    if content.startswith(ZIP):
        archive = zipfile.ZipFile(io.BytesIO(content))
        if names := arrays.members(archive, where):
            found = {name: arrays.member(archive, name, where, most) for name in names}
            return {name: tensor_of(array, f"{where}: {name}") for name, array in found.items()}
        arrays.check_unpacked(archive.infolist(), where, most)
        return _torch(content, where)
    if content.startswith(PICKLE):
        return _torch(content, where)
    if content[8:9] == b"{" or path.endswith(".safetensors"):
        return _safetensors(content, where)
    raise InputError(f"{where}: is no file of kind {KINDS}", "torch.save(tensors, 'batch.pt')")


def tensor_of(array: NDArray[Any], where: str) -> Tensor:
    """A tensor of its own memory; torch takes no bytes in the other order."""
    try:
        return torch.from_numpy(np.array(array, array.dtype.newbyteorder("="), order="C"))
    except TypeError:
        message = f"{where}: holds {array.dtype}, of which torch makes no tensor"
        raise InputError(message, "np.save('x.npy', x.astype('float32'))") from None


def _torch(content: bytes, where: str) -> Any:
    # indices of a sparse tensor in a broken file would be followed out of memory
    safely = torch.sparse.check_sparse_tensor_invariants()  # type: ignore[no-untyped-call]
    try:
        with safely, warnings.catch_warnings(action="ignore"):
            return torch.load(io.BytesIO(content), weights_only=True, map_location="cpu")
    except pickle.UnpicklingError as error:
        found = re.search(r"GLOBAL ([\w.]+)", str(error))
        what = f"holds {found[1]}" if found else "is a pickle of something else than tensors"
        message = f"{where}: {what}, which is not loaded: only tensors and plain values are"
        raise InputError(message, "torch.save(model.state_dict(), 'weights.pt')") from None
    except RuntimeError as error:
        if "TorchScript" not in str(error):
            raise
        message = f"{where}: is a TorchScript program, which is not loaded: only tensors are"
        raise InputError(message, "torch.save(model.state_dict(), 'weights.pt')") from None


def _safetensors(content: bytes, where: str) -> dict[str, Tensor]:
    try:
        reader = importlib.import_module("safetensors.torch")
    except ImportError:
        message = f"{where}: the package safetensors is not installed"
        raise InputError(message, "pip install safetensors") from None
    found: dict[str, Tensor] = reader.load(content)
    return found
