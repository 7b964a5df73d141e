"""Between which rms 80 % of random networks of this width lie, for plain stacks.

As in `theory.simulation`, the networks are drawn without their weights, layer by layer, from the
Gram matrix G = h h^T / n of the rows: z ~ N(0, K), K = sigma_w^2 G + sigma_b^2. They are fed the
run's own input. Given K, mean z^2 over n neurons and B rows has the mean tr K / B and the relative
variance 2 tr K^2 / (n (tr K)^2); that of h is read off the next G.

Shapes: R networks, B rows, M neurons drawn of a layer.
"""

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Generator
from torch.autograd.graph import Node

from initlab import native
from initlab.catalog import ACTIVATIONS
from initlab.probe.recording.parameters import Parameter
from initlab.probe.theory.laws import Law
from initlab.probe.theory.recursion import Recursion
from initlab.spec.run import IDENTITY, Choice
from initlab.theory import compiled_layers, layers
from initlab.theory.curves import curves_of
from initlab.theory.gram import gram_curves_of
from initlab.theory.quadrature import Array
from initlab.theory.random_walk import kurtoses
from initlab.theory.simulation import MOST_KURTOSIS, NEURONS
from initlab.theory.variances import LayerVariance

NETWORKS = 100
ROWS = 16, compiled_layers.MOST_SAMPLES  # of a batch, at most: of deep stacks, and of others
ROWS_OF_LAYERS = 1280  # rows times layers, of which deep stacks have more
MOST_LAYERS = 200  # of deeper stacks a band takes too long
SEED = 2019
#: rms that float32 holds with room for all that deviates
LEAST, LARGEST = 1e-15, 1e15

Ends = tuple[float, float]


class Stage(NamedTuple):
    """A layer of a plain stack: where z and h stand, and what they are made of."""

    z: Node
    h: Node
    weight: Parameter
    bias_square: float
    activation: Choice


def bands_of(recursion: Recursion) -> dict[Node, Ends]:
    """The 10 and 90 % quantiles of the rms of every value; empty where none are simulated."""
    stages = stack_of(recursion)
    if not 0 < len(stages) <= MOST_LAYERS or not all(_drawn(recursion, s) for s in stages):
        return {}
    with torch.no_grad():
        return _simulated(recursion, stages)


def stack_of(recursion: Recursion) -> list[Stage]:
    """The layers of a network that is nothing but products, biases and activations, else []."""
    nodes = []
    node = recursion.ops.root
    while node is not None and node not in recursion.ops.inputs:
        shares = recursion.shares.get(node, [])
        if len(shares) != 1 or node not in recursion.steps:
            return []
        nodes.append(node)
        node = shares[0].to
    stages: list[Stage] = []
    for node in reversed(nodes):
        step = recursion.steps[node]
        if step.weight is not None:
            stages.append(Stage(node, node, step.weight, 0.0, IDENTITY))
        elif not stages or stages[-1].h is not stages[-1].z:
            return []
        elif step.activation is not None:
            stages[-1] = stages[-1]._replace(h=node, activation=step.activation)
        if step.bias is not None:
            stages[-1] = stages[-1]._replace(z=node, h=node, bias_square=step.bias.rms**2)
    return stages


def _drawn(recursion: Recursion, stage: Stage) -> bool:
    """Whether its weights are independent and its biases, if any, normal around 0."""
    z, h = recursion.laws.get(stage.z), recursion.laws.get(stage.h)
    if not isinstance(z, Law) or not isinstance(h, Law) or stage.weight.law == "orthogonal":
        return False
    rms = [math.sqrt(recursion.share @ law.second) for law in (z, h)]
    return not z.mean.any() and all(LEAST < value < LARGEST for value in rms)


def _simulated(recursion: Recursion, stages: list[Stage]) -> dict[Node, Ends]:
    generator = Generator().manual_seed(SEED)
    layer, found = _fed(recursion, len(stages)), {}
    for stage in stages:
        z = recursion.laws[stage.z]
        if not isinstance(z, Law):
            break
        fan_in = stage.weight.tensor.numel() // z.width
        law = LayerVariance(fan_in, z.width, stage.weight.rms**2, stage.bias_square)
        found[stage.z] = _quantiles(_pre_activations(layer, law, generator))
        curves = gram_curves_of(stage.activation)
        size = NEURONS if _light_tailed(stage.activation) else z.width
        shape = NETWORKS, min(size, z.width), layer.gram_RBB.shape[1]
        normal_RMB = torch.empty(shape, dtype=torch.float32)  # whatever the model made the default
        normal_RMB.normal_(generator=generator)
        phi = ACTIVATIONS[stage.activation.name].bind(stage.activation.parameters)
        passed = compiled_layers.passed if native.available() else layers.passed
        layer, known = passed(layer, law, False, normal_RMB, phi, curves)
        if not known:
            break
        if stage.h is not stage.z:
            square_R = layer.gram_RBB.diagonal(dim1=1, dim2=2).mean(1).numpy()
            found[stage.h] = _quantiles(square_R * np.exp2(2.0 * layer.exponent_R))
    return {node: ends for node, ends in found.items() if all(map(math.isfinite, ends))}


def _fed(recursion: Recursion, depth: int) -> layers.Layer:
    """Some of the input's rows, evenly taken, of the mean square that all have."""
    ((node, x),) = recursion.ops.inputs.items()
    law = recursion.laws[node]
    width = law.width if isinstance(law, Law) else x.shape[-1]
    rows = x.detach().double().reshape(-1, width)
    count = min(max(ROWS_OF_LAYERS // depth, ROWS[0]), ROWS[1], len(rows))
    chosen = rows[torch.linspace(0, len(rows) - 1, count).round().long()]
    gram_BB = chosen @ chosen.T / width
    gram_BB *= rows.square().mean() / gram_BB.diagonal().mean()
    nothing = np.zeros(NETWORKS)
    gram_RBB = gram_BB.expand(NETWORKS, -1, -1).contiguous()
    return layers.Layer(gram_RBB, nothing, nothing, nothing.astype(np.int_))


def _pre_activations(layer: layers.Layer, law: LayerVariance, generator: Generator) -> Array:
    """Mean z^2 of every network, (R,)."""
    unit_R11 = torch.from_numpy(np.exp2(2.0 * layer.exponent_R))[:, None, None]
    k_RBB = law.sigma_w2 * unit_R11 * layer.gram_RBB + law.bias_variance
    trace_R = k_RBB.diagonal(dim1=1, dim2=2).sum(1)
    relative_R = 2 * k_RBB.square().sum((1, 2)) / (law.fan_out * trace_R.square())
    # a gamma law of this mean and variance, which a sum of squares nearly has
    shape_R = 1 / relative_R
    seed = int(torch.randint(1 << 31, (), generator=generator))
    drawn_R = np.random.default_rng(seed).gamma(shape_R.numpy()) / shape_R.numpy()
    mean_R: Array = drawn_R * (trace_R / k_RBB.shape[1]).numpy()
    return mean_R


def _light_tailed(activation: Choice) -> bool:
    """Whether some neurons stand for all, as in `theory.simulation`."""
    kurtosis: Array = kurtoses(curves_of(activation).activation)(np.zeros(1))
    return bool(kurtosis[0, 0] <= MOST_KURTOSIS)


def _quantiles(square_R: Array) -> Ends:
    low, high = np.sqrt(np.quantile(square_R, [0.1, 0.9]))
    return float(low), float(high)
