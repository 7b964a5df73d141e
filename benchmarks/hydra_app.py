"""(d) The script as an application of Hydra, whose multirun sweeps over the grid.

Each job writes the statistics of its network into the folder that Hydra gives it:
python -m benchmarks.hydra_app -m activation=tanh,relu sigma_w=0.8,1.0 'seed=range(0,4)'
"""

import json
from pathlib import Path

import hydra
import torch
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from benchmarks.references import script
from benchmarks.workloads import BATCH, DEPTH, WIDTH, Network

STATISTICS = "statistics.json"

ConfigStore.instance().store(
    name="network",
    node={
        "activation": "tanh",
        "sigma_w": 1.0,
        "seed": 0,
        "depth": DEPTH,
        "width": WIDTH,
        "batch": BATCH,
        "gradients": False,
    },
)


@hydra.main(version_base="1.3", config_path=None, config_name="network")
def main(config: DictConfig) -> None:
    """One job: build, run and measure one network."""
    torch.set_num_threads(1)
    sizes = (config.depth, config.width, config.batch)
    network = Network(config.activation, config.sigma_w, config.seed, *sizes)
    out = Path(HydraConfig.get().runtime.output_dir) / STATISTICS
    out.write_text(json.dumps(script(network, config.gradients)))


if __name__ == "__main__":
    main()
