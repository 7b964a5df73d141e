"""Make the pictures of the documents, by initlab's own commands: `make docs`."""

import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "build/docs"

#: name of docs/images/NAME.svg -> the specs of its results, with options, and what plot is asked
PICTURES: dict[str, tuple[str, str]] = {
    "xavier_tanh": ("configs/xavier_tanh.yaml", "{out}/xavier_tanh"),
    "overflow": (
        "configs/article/01_linear_normal.yaml configs/article/02_relu_normal.yaml",
        "{out}/01_linear_normal {out}/02_relu_normal",
    ),
    "relu_gradient": ("configs/article/07_relu_lecun.yaml", "{out}/07_relu_lecun --y grad_std"),
    "tanh_lecun": ("configs/article/04_tanh_lecun.yaml", "{out}/04_tanh_lecun"),
    "relu_scales": (
        "configs/article/06_relu_xavier.yaml configs/article/07_relu_lecun.yaml"
        " configs/article/08_relu_kaiming.yaml",
        "{out}/06_relu_xavier {out}/07_relu_lecun {out}/08_relu_kaiming",
    ),
    "relu_kaiming": (
        "configs/article/08_relu_kaiming.yaml --set draws=layered --set seeds=20",
        "{out}/08_relu_kaiming",
    ),
    "ten_initialisers": (
        "configs/article/10_ten_initialisers.yaml --set seeds=1 --set band=0",
        "{out}/10_ten_initialisers --facet activation",
    ),
    "gradients": (
        "configs/article/05_tanh_xavier.yaml configs/article/09_sigmoid_gradient.yaml",
        "{out}/05_tanh_xavier {out}/09_sigmoid_gradient --y grad_std",
    ),
    "heat": (
        "configs/article/04_tanh_lecun.yaml --set name=map --set draws=layered --set band=0"
        " --set 'init={scheme: scaled_normal, sigma_w: {from: 0.5, to: 2.5, steps: 21}}'"
        " --set 'depth=[10,20,40,80]'",
        "{out}/map --heat sigma_w,depth --value backward_ratio",
    ),
    "losses": ("", "--loss smooth_l1,l1,mse,huber"),
    "entropy": ("", "--entropy"),
    "activations": ("", "--activation gelu,silu,mish"),
    "phase_tanh": ("", "--phase tanh"),
}


def initlab(arguments: str) -> None:
    """A command, run in the root of the repository; its table is not needed."""
    command = [sys.executable, "-m", "initlab", *shlex.split(arguments)]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def make(name: str) -> Path:
    """Draw docs/images/NAME.svg, from results that are computed for it."""
    specs, options = PICTURES[name]
    out = RESULTS / name
    if specs:
        initlab(f"sweep {specs} --quiet --out {out}")
    picture = ROOT / f"docs/images/{name}.svg"
    initlab(f"plot {options.format(out=out)} -o {picture}")
    return picture


if __name__ == "__main__":
    for name in sys.argv[1:] or PICTURES:
        print(make(name).relative_to(ROOT))
