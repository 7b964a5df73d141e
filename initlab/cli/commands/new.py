"""`initlab new`: a spec to start from."""

from pathlib import Path
from typing import Annotated

import typer

from initlab.cli.output import note
from initlab.errors import FolderError, InputError

TEMPLATE = """\
# What this spec claims, and where the claim comes from.
name: {name}
depth: 50                          # layers; or shape: [784, 512, 10] instead of depth and width
width: 256                         # neurons of every layer, and of the input
activation: [tanh, relu]           # a list is an axis (initlab list activations)
init:                              # (initlab list schemes)
  - {{scheme: xavier_uniform, gain: auto}}
  - kaiming_normal
seeds: 3                           # 0, 1, 2; or a list

# What follows has these values when left out.
# bias: none                       # {{std: 0.05}}, zeros, torch_default
# residual: none                   # sums around branches: 2, {{every: 2, scale: 1/sqrt(L)}}
# norm: none                       # layer, rms or batch: {{name: rms, place: post}}
# dropout: 0                       # share of each layer's inputs
# preset: none                     # deepnorm, ...: fills in the above (initlab list presets)
# last: {{}}                         # a head of logits: {{activation: identity}}
# first: {{}}                        # what layer 0 has of its own: {{init: lecun_normal}}
# layers: {{}}                       # and any others: {{3: {{bias: zeros}}, 5-9: {{init: he}}}}
# loss: mse                        # (initlab list losses)
# target: default                  # {{name: classes, shares: [0.7, 0.3]}} (initlab list targets)
# reduction: mean                  # none, sum
# batch: 16
# input: normal                    # (initlab list inputs)
# dtype: float32                   # float64, bfloat16, float16
# draws: layered                   # script: the order of draws of a plain PyTorch script
# record: both                     # forward: no backward pass; full: more columns
# saturation: 0.05                 # a unit of a smaller slope counts as saturated
# thresholds: {{vanishing: 1e-3, exploding: 1e3}}
# band: 400                        # networks simulated for the finite-width band; 0: none, faster
"""

File = Annotated[
    Path | None,
    typer.Argument(help="File to write; without it, or -, standard output.", show_default=False),
]


def new(file: File = None) -> None:
    """Write a commented spec to start from; an existing file is left alone.

    Examples:
    initlab new my_sweep.yaml

    initlab new | initlab sweep - --no-save
    """
    if file is None or str(file) == "-":
        print(TEMPLATE.format(name="my_sweep"), end="")
        return
    from initlab.spec.model import safe_name

    try:
        with file.open("x", encoding="utf-8") as opened:
            opened.write(TEMPLATE.format(name=_quoted(safe_name(file.stem))))
    except FileExistsError:
        raise InputError(
            f"{file}: exists already; nothing was changed", "initlab new another.yaml"
        ) from None
    except OSError as error:
        raise FolderError(f"{file}: cannot be written: {error.strerror}") from None
    note(f"wrote {file}; next: initlab sweep {file}")


def _quoted(name: str) -> str:
    """A name as YAML has it: quoted if it could be read as a number or null."""
    from initlab.spec import yamlfile

    plain = yamlfile.value(name)
    return name if plain == name else f'"{name}"'
