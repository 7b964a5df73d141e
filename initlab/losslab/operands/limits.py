"""How much an operand may hold, and what is said where memory ends. Torch-free."""

from collections.abc import Iterator
from contextlib import contextmanager

from initlab.errors import InputError
from initlab.userfiles import MIB, TooLarge, size

OPTION = "--max-mib"  # which raises the limit
MOST_MIB = 1024
MOST = MOST_MIB * MIB
BYTES = 8  # of a float64, in which the formula computes


def check_values(count: int, where: str, most: int, what: str = "") -> None:
    """Refuse more values than a limit allows, before they take memory.

    Args:
        count: of values.
        where: what holds them, for the message.
        most: bytes that they may take as float64.
        what: what they are, if they are not `where` itself ("logits of shape (3, 4)").

    Raises:
        TooLarge: they take more.
    """
    needed = BYTES * count
    if needed > most:
        holds = f"{what or 'holds'} {count} values, {size(needed)} as float64".lstrip()
        raise TooLarge(where, holds, most, needed=needed, option=OPTION)


@contextmanager
def in_memory(what: str) -> Iterator[None]:
    """Raise InputError where numpy, torch or Python get no memory, which each says its own way."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "allocate memory" not in str(error):
            raise  # torch's "can't allocate memory" is the one that is meant
        message = f"{what}: there is not enough memory for it"
        raise InputError(message, "give it less at a time") from None
