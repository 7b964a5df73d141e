"""Which scheduler does `--scheduler` mean, and does one answer there?"""

import importlib.util
import json
import re
import socket
from typing import Any

from initlab.errors import InputError, in_short
from initlab.formatting import cut
from initlab.userfiles import read_file

CONNECT_SECONDS = 10.0  # for a scheduler to answer
INSTALL = "pip install distributed"
LOCAL = "local"
ADDRESS = re.compile(r"(tcp|tls|wss?)://(\[[^\[\]\s]+\]|[^\[\]:/@\s]+):([0-9]{1,5})")
MOST_FILE_BYTES = 16 << 20  # of a scheduler file: it may list thousands of workers
MOST_SHOWN = 80  # characters of what is no address
CERTIFICATES = "distributed.comm.tls.ca-file and .client.cert, in Dask's configuration"


def address_of(scheduler: str) -> str:
    """The address of a scheduler, given as such or as the file that it wrote; `local` is itself.

    Nobody is asked: this is what can be refused before anything is touched.

    Raises:
        InputError: it is neither, Dask is not installed, or TLS has no certificates.
    """
    if importlib.util.find_spec("distributed") is None:
        raise InputError("--engine dask needs the package distributed", INSTALL)
    if scheduler == LOCAL:
        return LOCAL
    address = scheduler if "://" in scheduler else _address_in(scheduler)
    found = ADDRESS.fullmatch(address)
    if found is None or not 0 < int(found[3]) < 1 << 16:
        file = "" if address == scheduler else f"{scheduler}: "
        raise InputError(
            f"--scheduler {file}{cut(address, MOST_SHOWN)}: needs tcp://host:port, with a port"
            " from 1 to 65535 (or tls://, ws://, wss://)",
            "--scheduler tcp://127.0.0.1:8786",
        )
    if found[1] == "tls" and _connection(scheduler)["ssl_context"] is None:
        raise InputError(f"--scheduler {scheduler}: TLS needs {CERTIFICATES}", _tls_fix())
    return address


def _tls_fix() -> str:
    variable = "DASK_DISTRIBUTED__COMM__TLS__"
    return (
        f"export {variable}CA_FILE=ca.pem {variable}CLIENT__CERT=cert.pem"
        f" {variable}CLIENT__KEY=key.pem"
    )


def _address_in(file: str) -> str:
    """What a scheduler file says, of which no more is read than one can hold."""
    fix = "dask scheduler --scheduler-file scheduler.json"
    try:
        found = json.loads(read_file(file, MOST_FILE_BYTES))
        address = found.get("address") if isinstance(found, dict) else None
        if not isinstance(address, str):
            raise ValueError('has no text called "address"')
        return address
    except (OSError, InputError, ValueError, RecursionError) as error:
        if ADDRESS.fullmatch(f"tcp://{file}"):
            fix = f"--scheduler tcp://{file}"
        why = error.message if isinstance(error, InputError) else in_short(error)
        raise InputError(
            f"--scheduler {file}: needs tcp://host:port, local, or the file of a scheduler: {why}",
            fix,
        ) from None


def _connection(scheduler: str) -> dict[str, Any]:
    """How Dask's configuration wants connections to be made: TLS or none."""
    from distributed import Security

    try:
        arguments: dict[str, Any] = Security().get_connection_args("client")
    except Exception as error:  # of a file that is missing or no certificate, or odd versions
        raise InputError(
            f"--scheduler {scheduler}: Dask's configuration of TLS is wrong: {in_short(error)};"
            f" it needs {CERTIFICATES}",
            _tls_fix(),
        ) from None
    return arguments


def ask_identity(scheduler: str, address: str) -> None:
    """Ask whoever listens at an address who it is, over one connection that is closed again.

    A client of Dask would wait for ever where somebody accepts and stays mute, and log.

    Raises:
        InputError: it is no Dask scheduler, or has not answered within CONNECT_SECONDS.
    """
    import asyncio

    host = address.partition("://")[2].rpartition(":")[0].strip("[]")
    try:
        socket.getaddrinfo(host, None)  # here: a thread of asyncio would be waited for at the end
        kind = asyncio.run(asyncio.wait_for(_kind(scheduler, address), CONNECT_SECONDS))
    except InputError:
        raise
    except Exception as error:  # of many kinds, for answers of many kinds
        raise unanswered(scheduler, _why(error)) from None
    if kind != "Scheduler":
        raise unanswered(scheduler, f"what answers is a Dask {cut(str(kind), MOST_SHOWN).lower()}")


def unanswered(scheduler: str, why: str) -> InputError:
    """What to say where there is no scheduler."""
    return InputError(
        f"--scheduler {scheduler}: no Dask scheduler answers within {CONNECT_SECONDS:g} s"
        f"{f': {why}' if why else ''}",
        "dask scheduler, and --scheduler with the address that it prints",
    )


async def _kind(scheduler: str, address: str) -> object:
    """What a Dask server says it is: Scheduler, Worker or Nanny."""
    from distributed.comm.core import connect
    from distributed.core import send_recv

    comm: Any = await connect(address, timeout=CONNECT_SECONDS, **_connection(scheduler))
    try:
        return (await send_recv(comm, op="identity"))["type"]
    finally:
        comm.abort()


def _why(error: BaseException) -> str:
    """What is known beyond that nobody answered."""
    error = first_cause(error)
    if isinstance(error, TimeoutError):
        return ""
    if isinstance(error, OSError | RuntimeError) and str(error):
        return in_short(error)
    return "nothing there speaks as Dask does"


def first_cause(error: BaseException) -> BaseException:
    """What Dask wraps in errors that say less."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error
