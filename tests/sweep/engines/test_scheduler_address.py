"""Which scheduler is meant, and whether one answers: everything else is refused in one message."""

import json
import os
import socket
import subprocess
import sys
import threading
from contextlib import ExitStack, closing

import dask
import pytest
from typer.testing import CliRunner

from initlab.cli.app import build
from initlab.errors import InputError
from initlab.sweep.engines import scheduler_address
from initlab.sweep.engines.scheduler_address import CONNECT_SECONDS, address_of

ADDRESSES = ["tcp://10.0.0.1:8786", "tls://node7:1", "ws://localhost:65535", "tcp://[fe80::1]:8786"]
NO_ADDRESSES = [
    "foo://x", "foo://127.0.0.1:8786", "inproc://x", "tcp://", "tcp://host", "tcp://:8786",
    "tcp://host:", "tcp://127.0.0.1:0", "tcp://127.0.0.1:99999", "tcp://::1:8786", "tcp://a b:1",
    "tcp://host:8786/path", "tcp://host:-1", "tcp://host:٣", "tcp://tcp://host:1",
]  # fmt: skip
#: what is no scheduler file, and what is said of it
NO_FILES = {
    '{"address": 5}': 'has no text called "address"',
    "[]": 'has no text called "address"',
    "{}": 'has no text called "address"',
    "name: no json": "JSONDecodeError",
    "[" * 100_000: "RecursionError",
    '{"address": "10.0.0.1"}': "10.0.0.1: needs tcp://host:port",
    '{"address": "inproc://x"}': "inproc://x: needs tcp://host:port",
}
TLS = "distributed.comm.tls"


@pytest.fixture(autouse=True)
def certificates():
    """Dask's configuration says nothing of TLS, but for what a test says."""
    with dask.config.set({f"{TLS}.ca-file": None, f"{TLS}.client.cert": None}):
        yield


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_is_taken_as_it_is_given_or_as_its_file_has_it(address, tmp_path, monkeypatch):
    monkeypatch.setattr(scheduler_address, "_connection", lambda _: {"ssl_context": "one"})
    file = tmp_path / "scheduler.json"
    file.write_text(json.dumps({"type": "Scheduler", "address": address}))
    assert address_of(address) == address_of(str(file)) == address


@pytest.mark.parametrize("address", NO_ADDRESSES)
def test_what_is_no_address_is_refused_by_its_text(address):
    with pytest.raises(InputError, match="needs tcp://host:port") as refused:
        address_of(address)
    assert address_of(refused.value.fix.removeprefix("--scheduler "))  # the fix is an address


@pytest.mark.parametrize("text", NO_FILES, ids=range(len(NO_FILES)))
def test_what_is_no_scheduler_file_is_refused(text, tmp_path):
    file = tmp_path / "scheduler.json"
    file.write_text(text)
    with pytest.raises(InputError) as refused:
        address_of(str(file))
    assert NO_FILES[text] in refused.value.message
    assert str(file) in refused.value.message
    assert len(refused.value.message) < 300 + len(str(file))


def test_what_may_never_end_is_not_read_as_a_scheduler_file(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe")
    for endless in ("/dev/zero", tmp_path / "pipe", tmp_path):
        with pytest.raises(InputError, match=r"device, not a file|pipe that|directory"):
            address_of(str(endless))
    monkeypatch.setattr(scheduler_address, "MOST_FILE_BYTES", 1 << 20)
    (tmp_path / "large.json").write_bytes(b" " * ((1 << 20) + 1))
    with pytest.raises(InputError, match="1 MiB"):
        address_of(str(tmp_path / "large.json"))


def test_an_address_without_its_protocol_is_told_which():
    with pytest.raises(InputError) as refused:
        address_of("10.0.0.1:8786")
    assert refused.value.fix == "--scheduler tcp://10.0.0.1:8786"


def test_tls_without_certificates_is_refused_and_told_which_are_missing(tmp_path):
    with pytest.raises(InputError, match=r"TLS needs distributed\.comm\.tls\.ca-file"):
        address_of("tls://10.0.0.1:8786")
    nothing = str(tmp_path / "ca.pem")
    with (
        dask.config.set({f"{TLS}.ca-file": nothing, f"{TLS}.client.cert": nothing}),
        pytest.raises(InputError, match="configuration of TLS is wrong: FileNotFoundError"),
    ):
        address_of("tls://10.0.0.1:8786")


def test_without_dask_the_package_is_named_before_anything_is_touched(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    found = CliRunner().invoke(build(), ["sweep", str(tmp_path / "s.yaml"), "--engine", "dask"])
    assert (found.exit_code, "pip install distributed" in found.stderr) == (2, True), found.stderr


def test_help_says_how_long_a_scheduler_has():
    found = CliRunner().invoke(build(), ["sweep", "--help"], env={"COLUMNS": "200"})
    assert f"has {CONNECT_SECONDS:g} s to answer" in found.stdout


def server(stack, says):
    """The port of a server that says something to whoever comes, and keeps the line open."""
    listening = stack.enter_context(closing(socket.create_server(("127.0.0.1", 0))))
    lines = stack.enter_context(ExitStack())

    def serve():
        while True:
            try:
                line = lines.enter_context(listening.accept()[0])
            except OSError:  # closed at the end
                return
            line.sendall(says)

    threading.Thread(target=serve, daemon=True).start()
    return listening.getsockname()[1]


@pytest.fixture(scope="module")
def others():
    """Addresses where no Dask scheduler answers, and a reason that is given."""
    with ExitStack() as stack:
        mute = server(stack, b"")
        deaf = stack.enter_context(closing(socket.socket()))
        deaf.bind(("127.0.0.1", 0))  # ours, so that nobody else listens there
        nobody = deaf.getsockname()[1]
        ssh = server(stack, b"SSH-2.0-9.6" + bytes(9))
        web = server(stack, b"HTTP/1.1 404 Not Found\r\n\r\n")
        yield {
            f"tcp://127.0.0.1:{mute}": "within",
            f"ws://127.0.0.1:{mute}": "within",
            # (refused; but the time may be over while it is asked once more)
            f"tcp://127.0.0.1:{nobody}": "no Dask scheduler answers",
            f"tcp://127.0.0.1:{ssh}": "nothing there speaks as Dask does",
            f"tcp://127.0.0.1:{web}": "nothing there speaks as Dask does",
            f"ws://127.0.0.1:{web}": "nothing there speaks as Dask does",
        }


# every server once: in a process that ends as any, for what is logged at its end
ALL = """
import sys
from initlab.cli.app import build
from initlab.sweep.engines import dask_cluster, scheduler_address
from typer.testing import CliRunner
dask_cluster.CONNECT_SECONDS = scheduler_address.CONNECT_SECONDS = 0.5
for address in sys.argv[2:]:
    options = ["--scheduler", address, "-q"]
    found = CliRunner().invoke(build(), ["sweep", sys.argv[1], *options])
    print(found.exit_code, found.stderr.replace("\\n", "|"))
"""


def test_whoever_is_no_scheduler_is_refused_soon_in_one_message_and_nothing_after(others, tmp_path):
    spec = tmp_path / "s.yaml"
    spec.write_text("name: s\ndepth: 2\nwidth: 4\nactivation: tanh\ninit: xavier_normal\nband: 0\n")
    done = subprocess.run(
        [sys.executable, "-c", ALL, spec, *others],
        capture_output=True, text=True, timeout=60, cwd=tmp_path,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert not (tmp_path / "results").exists()  # nothing was touched
    said = done.stdout.splitlines()
    for (address, reason), line in zip(others.items(), said, strict=True):
        message, fix, end = line.split("|")
        wanted = f"2 initlab: --scheduler {address}: no Dask scheduler answers within 0.5 s"
        assert message.startswith(wanted)
        assert reason in message
        assert (fix.split(":")[0], end) == ("  fix", "")
