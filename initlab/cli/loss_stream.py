"""`initlab loss --jsonl`: a result or an error for every line of a stream, and their total."""

import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from initlab.catalog import Loss
from initlab.cli import output
from initlab.cli.loss_options import Given
from initlab.cli.loss_output import tensors
from initlab.errors import ChecksFailed, InputError
from initlab.losslab.operands.limits import OPTION
from initlab.losslab.settings import Settings
from initlab.losslab.stream import results
from initlab.losslab.total import Total
from initlab.userfiles import open_file, open_stdin, read_lines


def stream(
    records: Sequence[Loss], source: str, given: Given, settings: Settings, *, total: bool
) -> None:
    """Write a JSON object for every line, and with `total` those that combine them.

    Args:
        records: the loss of --name, or none.
        source: a file or -.
        given: options for every record that has them.
        settings: for every record that has no others.
        total: whether the records are combined.

    Raises:
        ChecksFailed: at the end, if lines could not be computed.
    """
    loss = records[0].name if records else ""
    shared, where, combined = tensors(given, settings.most), f"--jsonl {source}", Total()
    computed, refused = 0, []
    with ExitStack() as stack:
        if source == "-":
            file = open_stdin(where=where)
        else:
            try:
                file = stack.enter_context(open_file(source, where=where))
            except OSError as error:
                raise InputError(f"{where}: {error.strerror}", "--jsonl -") from None
        lines = read_lines(file, settings.most, where=where, option=OPTION)
        for result in results(loss, lines, shared, settings, combined if total else None):
            computed += 1
            if "error" in result:
                refused.append(result["line"])
            _write(result)
    if total:
        for line in combined.lines():
            _write(line)
        for note in combined.notes():
            output.note(note)
    if refused:
        raise ChecksFailed(
            f"{len(refused)} of {computed} records could not be computed, the first is line"
            f" {refused[0]}; their records say why"
        )


def _write(line: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()  # whoever reads along gets each line as it is done
