"""Large results are published, read and shown in bounded memory."""

import os
import re

import pytest
from processes import Command, run

ROWS = int(os.environ.get("INITLAB_ROWS", "20000"))  # of layers; `make torture` has a million
DEPTH = 10_000 if ROWS > 100_000 else 1000
SPEC = f"""\
name: large
depth: {DEPTH}
width: 2
activation: tanh
init: {{scheme: scaled_normal, sigma_w: {{from: 1, to: 3, steps: {ROWS // DEPTH}}}}}
band: 0
"""


@pytest.mark.slow
def test_a_million_layers_are_published_and_shown_in_less_than_a_gibibyte(tmp_path):
    (tmp_path / "large.yaml").write_text(SPEC)
    assert run("sweep", "large.yaml", "-q", "--jobs", 1, cwd=tmp_path)[0] == 0
    for arguments in (
        ["export", "results/large"],
        ["show", "results/large", "--format", "table"],
        ["show", "results/large", "--layers"],
        ["show", "results/large", "--layers", "--format", "json"],
        ["export", "results/large", "--format", "parquet"],
        ["verify", "results/large"],
    ):
        command = Command(*arguments, cwd=tmp_path, measured=True)
        assert command.wait(600) == 0, command.stderr()
        peak = int(re.search(r"VmHWM: (\d+)", command.stderr())[1])
        assert peak < 1 << 20, arguments  # KiB
        if arguments[-1] == "--layers":
            assert command.out.read_bytes() == (tmp_path / "results/large/layers.csv").read_bytes()
            assert command.out.read_bytes().count(b"\n") == ROWS + 1


@pytest.mark.slow
def test_a_table_of_a_million_rows_is_refused(tmp_path):
    folder = tmp_path / "large"
    spec = "name: large\ndepth: 1\nwidth: 2\nactivation: tanh\ninit: he\n"
    (tmp_path / "s.yaml").write_text(spec)
    assert run("sweep", "s.yaml", "--out", ".", "-q", cwd=tmp_path)[0] == 0
    with (folder / "layers.csv").open("a") as file:
        file.writelines(["0" + "," * 25 + "\n"] * 20_001)
    code, stdout, stderr = run("show", folder, "--layers", "--format", "table", cwd=tmp_path)
    assert (code, stdout) == (2, "")
    assert "20,002 rows are too many for a table" in stderr
    assert "fix: --format csv, json or jsonl" in stderr
