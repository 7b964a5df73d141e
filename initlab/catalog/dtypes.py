"""The number formats that a network and a loss can be computed in. To add one, add a record."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal


@dataclass(frozen=True)
class Dtype:
    """A floating-point format, by torch's name.

    Attributes:
        bytes: of one number.
        largest: finite number.
        smallest: positive number, a subnormal; half of it and less rounds to 0.
        epsilon: the distance from 1 to the next number, 2^(1 - p).
        drawn_in: the dtype of the random numbers behind its weights. Formats that share one are
            compared on equal weights, each rounded.
    """

    name: str
    bytes: int
    largest: float
    smallest: float
    epsilon: float
    drawn_in: str


#: every format by its name. IEEE 754-2019, table 3.5: with p bits of precision and exponents up to
#: emax, largest = (2 - 2^(1 - p)) 2^emax and smallest = 2^(2 - emax - p)
DTYPES: Mapping[str, Dtype] = MappingProxyType(
    {
        dtype.name: dtype
        for dtype in (
            Dtype(
                "float64", 8, (2 - 2.0**-52) * 2.0**1023, 2.0**-1074, 2.0**-52, drawn_in="float64"
            ),
            Dtype("float32", 4, (2 - 2.0**-23) * 2.0**127, 2.0**-149, 2.0**-23, drawn_in="float32"),
            # Kalamkar et al. 2019: p = 8, and the exponents of float32
            Dtype("bfloat16", 2, (2 - 2.0**-7) * 2.0**127, 2.0**-133, 2.0**-7, drawn_in="float32"),
            Dtype("float16", 2, (2 - 2.0**-10) * 2.0**15, 2.0**-24, 2.0**-10, drawn_in="float32"),
        )
    }
)

#: their names as a type: what pydantic validates, and typer completes
if TYPE_CHECKING:
    DtypeName = str
else:
    DtypeName = Literal[tuple(DTYPES)]
