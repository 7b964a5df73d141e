"""Results to make pages of."""

import pytest
from commands import initlab, rows

from initlab.cli.report_sources import read_source

ABOUT = (
    "</script><script>window.hacked = 1</script><img src=x onerror='window.hacked = 2'> \u2028 &"
)
SPEC = f"""\
name: shown
about: "{ABOUT}"
depth: 12
width: 20
activation: [tanh, relu, relu_squared]
init: {{scheme: normal, std: [0.1, 3]}}
seeds: 3
band: 40
"""


class Swept:
    """A results folder: what a report reads of it, and its CSV files as csv reads them."""

    def __init__(self, path):
        self.path = path
        self.source = read_source(path)
        self.runs, self.layers = (
            rows((path / name).read_text(encoding="utf-8")) for name in ("runs.csv", "layers.csv")
        )


@pytest.fixture(scope="session")
def swept(tmp_path_factory):
    """Three activations, two scales, three seeds: some vanish, some turn nan."""
    root = tmp_path_factory.mktemp("page")
    (root / "shown.yaml").write_text(SPEC)
    assert initlab("sweep", root / "shown.yaml", "--out", root).exit_code == 0
    return Swept(root / "shown")


@pytest.fixture(scope="session")
def swept_of(tmp_path_factory):
    """A results folder of any small spec."""

    def make(name, **fields):
        root = tmp_path_factory.mktemp(name)
        fields = {"depth": 3, "width": 20, "activation": "tanh", "init": "xavier_normal"} | fields
        lines = [f"{key}: {value}\n" for key, value in {"name": name, **fields}.items()]
        (root / "spec.yaml").write_text("".join(lines))
        assert initlab("sweep", root / "spec.yaml", "--out", root).exit_code == 0
        return Swept(root / name)

    return make
