"""Commands in this process, and the small sweep that several tests run them on."""

import csv
import io
import json
import sqlite3
import subprocess
import sys

from typer.testing import CliRunner

from initlab.cli.app import build

SPEC = """\
name: kept
depth: 3
width: 20
activation: [tanh, relu_squared]
init: [{scheme: normal, std: 2}, {scheme: xavier_normal, gain: [1, tanh]}]
bias: [none, {std: 0.5}]
seeds: 4
band: 20
"""
RUNS = 48
LONG = (
    SPEC.replace("kept", "long").replace("seeds: 4", "seeds: 40").replace("depth: 3", "depth: 300")
)


def initlab(*arguments, stdin=None):
    """A command in this process, which may refuse and fail, but not break."""
    done = CliRunner().invoke(build(), [*map(str, arguments)], input=stdin)
    assert "Traceback" not in done.stderr, done.stderr
    return done


def process(arguments, **options):
    """A real process, by way of a shell."""
    command = f"{sys.executable} -m initlab {arguments}"
    options |= {"shell": True, "capture_output": True, "text": True, "timeout": 60, "check": False}
    return subprocess.run(command, **options)


def rows(text):
    """The rows of a CSV text."""
    return list(csv.DictReader(io.StringIO(text)))


def printed(done):
    """The rows that a command printed, which ended well."""
    assert done.exit_code == 0, done.stderr
    return rows(done.stdout)


def ok_of(path):
    """How many runs are in the journal of a sweep that goes on."""
    if not (path / "journal.sqlite-wal").exists():
        return 0
    try:
        (row,) = json.loads(initlab("status", path, "--format", "json").stdout)
    except ValueError:  # the journal is being made
        return 0
    return row["ok"]


def change(path, statement):
    """Change a journal behind its back."""
    with sqlite3.connect(path / "journal.sqlite") as db:
        db.execute(statement)
    db.close()
