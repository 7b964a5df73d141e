"""Arrays from the bytes of NPY and NPZ files, whose headers may claim anything. Torch-free."""

import io
import math
import zipfile
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from initlab.losslab.operands.limits import OPTION, check_values
from initlab.losslab.operands.text import refuse_twice
from initlab.userfiles import TooLarge, size

NPY = b"\x93NUMPY"
SUFFIX = ".npy"  # of the members of an NPZ


def npy(content: bytes, where: str, most: int) -> NDArray[Any]:
    """The array of an NPY file; memory is not taken before its header is believed.

    Raises:
        TooLarge: more than `most` bytes as float64.
        ValueError, or whatever else numpy raises of a broken file.
    """
    file = io.BytesIO(content)
    one = np.lib.format.read_magic(file) == (1, 0)
    header = np.lib.format.read_array_header_1_0 if one else np.lib.format.read_array_header_2_0
    shape, _, dtype = header(file)
    count = math.prod(shape)
    check_values(count, where, most)
    if count * dtype.itemsize > len(content) and not dtype.hasobject:
        raise ValueError(f"holds less than the {count} values of its header")
    array: NDArray[Any] = np.load(io.BytesIO(content), allow_pickle=False)
    return array


def members(archive: zipfile.ZipFile, where: str) -> list[str]:
    """The names of the arrays of an NPZ. Raises InputError for one that stands twice."""
    names = [n.removesuffix(SUFFIX) for n in archive.namelist() if n.endswith(SUFFIX)]
    refuse_twice(names, f"{where}: the array")
    return names


def member(archive: zipfile.ZipFile, name: str, where: str, most: int) -> NDArray[Any]:
    """One array of an NPZ. Raises as `npy` does."""
    info = archive.getinfo(name + SUFFIX)
    check_unpacked([info], where, most)
    with archive.open(info) as file:
        return npy(file.read(info.file_size), where, most)  # no more, whatever comes out


def check_unpacked(infos: Iterable[zipfile.ZipInfo], where: str, most: int) -> None:
    """Refuse what a zip says that it unpacks to. Raises TooLarge."""
    needed = sum(info.file_size for info in infos)
    if needed > most:
        holds = f"unpacks to {size(needed)}"
        raise TooLarge(where, holds, most, needed=needed, option=OPTION)
