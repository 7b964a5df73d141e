"""(a) as a process of its own: a loop over a grid that leaves one CSV file of the stds.

It needs nothing of initlab: python -m benchmarks.plain_script OUT.csv [--gradients] [--small]
"""

import argparse
import csv
from pathlib import Path

import torch

from benchmarks.references import script
from benchmarks.workloads import GRID, SMALL


def main() -> None:
    """Run the grid, or one small network."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--gradients", action="store_true")
    parser.add_argument("--small", action="store_true", help="one network of 10 x 64")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with arguments.out.open("w", newline="") as file:
        writer = csv.writer(file)
        for network in (SMALL if arguments.small else GRID).networks:
            for name, column in script(network, arguments.gradients).items():
                point = (network.activation, network.sigma_w, network.seed, name)
                writer.writerows((*point, layer, value) for layer, value in enumerate(column))


if __name__ == "__main__":
    main()
