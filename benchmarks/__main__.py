"""Run the benchmark, or parts of it, and print one table."""

import argparse
import ast
import sys
import time
from importlib import import_module
from pathlib import Path

from benchmarks import machine
from benchmarks.table import Row, markdown

PARTS = (
    "limit", "grid", "seeds", "scaling", "whole", "startup",
    "blocks", "bands", "predictions", "losslab", "probe", "bookkeeping", "memory",
)  # fmt: skip
ROUNDS = 5


def main() -> None:
    """What is asked for, part by part; the table at the end goes to stdout, words to stderr."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=f"{__doc__} `make bench` installs what initlab is compared with.",
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; or all")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="how often each is timed")
    parser.add_argument("--list", action="store_true", help="say what each part measures")
    arguments = parser.parse_args()
    unknown = set(arguments.parts) - set(PARTS)
    if unknown or arguments.rounds < 1:
        parser.error(f"no such part: {', '.join(sorted(unknown))}" if unknown else "no round")
    chosen = [part for part in PARTS if part in arguments.parts or not arguments.parts]
    if arguments.list:
        for part in chosen:  # read and not imported: what they compare with may not be installed
            source = Path(__file__).with_name(f"{part}.py").read_text(encoding="utf-8")
            print(f"{part:<12} {(ast.get_docstring(ast.parse(source)) or '').splitlines()[0]}")
        return
    where, found = machine.description(), list[tuple[str, Row]]()
    print(where, file=sys.stderr)
    try:
        for part in chosen:
            start = time.perf_counter()
            rows = import_module(f"benchmarks.{part}").rows(arguments.rounds)
            for row in rows:
                print("  ".join([part, *filter(None, row.cells)]), file=sys.stderr)
            print(f"{part}: {time.perf_counter() - start:.0f} s", file=sys.stderr)
            found += [(part, row) for row in rows]
    finally:  # a part that fails, or Ctrl-C, does not take the others with it
        print(
            f"{where}\nof {arguments.rounds} rounds, fewer where one is long\n\n{markdown(found)}"
        )


if __name__ == "__main__":
    main()
