"""Random networks in plain torch, many at once: what theory says of chance is held to these.

Every network has draws of its own. Shapes: R networks, B samples, fan_in I, fan_out O.
"""

from itertools import pairwise

import numpy as np
import torch

from initlab.catalog import ACTIVATIONS, INPUTS, Fans
from initlab.theory.gains import scale_of


def networks(run, count, *, backward=False, seed=0):
    """The std of each layer's activations, shape (count, depth), of networks like this run.

    Weights and biases are normal. With `backward`, also the std of dL/dh of each layer, where L is
    the cross-entropy of classes drawn evenly, summed over the batch.
    """
    generator = torch.Generator().manual_seed(seed)
    dtype = torch.float64 if run.dtype == "float64" else torch.float32
    phi = ACTIVATIONS[run.activation.name].bind(run.activation.parameters)

    def normal(choice, fans, *shape):
        scale, shift = scale_of(choice, fans, run.activation)
        return torch.empty(count, *shape, dtype=dtype).normal_(generator=generator) * scale + shift

    x_RBI = torch.empty(count, run.batch, run.shape[0], dtype=dtype)
    h_RBO, layers = INPUTS[run.input.name].fill(x_RBI, run.input.parameters, generator), []
    for fan_in, fan_out in pairwise(run.shape):
        fans = Fans(fan_in, fan_out)
        z_RBO = h_RBO @ normal(run.init, fans, fan_in, fan_out)
        if run.bias is not None:
            z_RBO = z_RBO + normal(run.bias, fans, 1, fan_out)
        h_RBO = phi(z_RBO.requires_grad_(backward))
        layers.append(h_RBO)
    stds = np.stack([_std(h_RBO) for h_RBO in layers], axis=1)
    if not backward:
        return stds
    classes = torch.randint(run.shape[-1], (count * run.batch,), generator=generator)
    loss = torch.nn.functional.cross_entropy(h_RBO.flatten(0, 1), classes, reduction="sum")
    gradients = torch.autograd.grad(loss, layers)
    return stds, np.stack([_std(gradient) for gradient in gradients], axis=1)


def _std(x_RBO):
    return x_RBO.detach().double().flatten(1).std(dim=1).numpy()
