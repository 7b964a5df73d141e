"""initlab: will a signal survive this network, and if not, where does it die?

The public Python API; each name is imported on first use, so that `import initlab` is cheap.

    plan = initlab.load_plan("configs/xavier_tanh.yaml", ["seeds=2"])
    results = initlab.run_plan(plan)
    results.layers.groupby("layer")["std"].median()

    initlab.predict_plan(plan)[["q", "chi_1", "why"]]
    initlab.gains("gelu").second_moment

    initlab.evaluate_loss("bce", {"input": [0.2, 0.8], "target": [0, 1]}).values["mean"]

    initlab.probe(build, batch).assert_healthy()
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from initlab.version import __version__ as __version__

if TYPE_CHECKING:
    from initlab.api import Results as Results
    from initlab.api import gains as gains
    from initlab.api import layers_of as layers_of
    from initlab.api import load_plan as load_plan
    from initlab.api import predict_plan as predict_plan
    from initlab.api import read_results as read_results
    from initlab.api import run_plan as run_plan
    from initlab.losslab.evaluate import evaluate_loss as evaluate_loss
    from initlab.probe.run import probe as probe

__all__ = [
    "Results",
    "evaluate_loss",
    "gains",
    "layers_of",
    "load_plan",
    "predict_plan",
    "probe",
    "read_results",
    "run_plan",
]


def __dir__() -> list[str]:
    return [*__all__, "__version__"]


def __getattr__(name: str) -> Any:
    if name == "probe":  # the room itself, which is called
        return import_module("initlab.probe")
    if name in __all__:
        module = "initlab.losslab.evaluate" if name == "evaluate_loss" else "initlab.api"
        return getattr(import_module(module), name)
    raise AttributeError(f"module 'initlab' has no attribute {name!r}")
