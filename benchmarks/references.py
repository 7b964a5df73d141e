"""What one would write instead of using initlab. Each returns the statistics that it took.

Every reference builds a network as `draws: script` says (the constructors of the layers draw, then
the initialiser, layer by layer, then the input, then the target), so that initlab can be held to
it. Statistics are lists with one number a layer, named as initlab's columns.
"""

from collections import defaultdict
from collections.abc import Callable

import torch
from torch import Tensor, nn

from benchmarks.workloads import Network

Statistics = dict[str, list[float]]
Reference = Callable[[Network, bool], Statistics]

MODULES: dict[str, Callable[[], nn.Module]] = {
    "identity": nn.Identity,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "sigmoid": nn.Sigmoid,
}


class MLP(nn.Module):
    """The network of a plain script, which notes the std of every layer and stops at nan."""

    def __init__(self, layers: list[nn.Linear], activation: nn.Module) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.activation = activation
        self.stds: list[float] = []

    def forward(self, x: Tensor) -> Tensor:
        """The output of the last layer reached."""
        for layer in self.layers:
            x = self.activation(layer(x))
            std = x.std()
            self.stds.append(std.item())
            if torch.isnan(std):
                break
        return x


def script(network: Network, gradients: bool) -> Statistics:
    """(a) The plain script: the std of every layer and, with gradients, of every dL/dW."""
    torch.manual_seed(network.seed)
    layers = _linear_layers(network)
    model = MLP(layers, MODULES[network.activation]())
    _initialise(layers, network)
    x = torch.randn(network.batch, network.width)
    if not gradients:
        with torch.no_grad():
            model(x)
        return {"std": model.stds}
    _mse(model(x)).backward()
    return {"std": model.stds, "weight_grad_std": _weight_gradients(layers)}


def hooked(network: Network, gradients: bool) -> Statistics:
    """(b) The usual tool: hooks on every module, which take means and stds; autograd behind it."""
    torch.manual_seed(network.seed)
    layers = _linear_layers(network)
    activations = [MODULES[network.activation]() for _ in layers]
    _initialise(layers, network)
    taken: Statistics = defaultdict(list)

    def after_linear(_: nn.Module, __: tuple[Tensor, ...], output: Tensor) -> None:
        taken["pre_std"].append(output.std().item())

    def after_activation(_: nn.Module, __: tuple[Tensor, ...], output: Tensor) -> None:
        taken["mean"].append(output.mean().item())
        taken["std"].append(output.std().item())

    def after_gradient(_: nn.Module, __: object, outputs: tuple[Tensor, ...] | Tensor) -> None:
        taken["grad_std"].append(float(outputs[0].std()))

    for linear, activation in zip(layers, activations, strict=True):
        linear.register_forward_hook(after_linear)
        activation.register_forward_hook(after_activation)
        if gradients:
            activation.register_full_backward_hook(after_gradient)
    model = nn.Sequential(*(m for pair in zip(layers, activations, strict=True) for m in pair))
    x = torch.randn(network.batch, network.width)
    if not gradients:
        with torch.no_grad():
            model(x)
        return dict(taken)
    _mse(model(x)).backward()
    taken["grad_std"].reverse()  # backward, the last layer's hook is called first
    return {**taken, "weight_grad_std": _weight_gradients(layers)}


def loop64(network: Network, gradients: bool) -> Statistics:
    """The plain loop with float64 statistics: most of what initlab has of a layer, as accurate."""
    torch.manual_seed(network.seed)
    layers = _linear_layers(network)
    activation = MODULES[network.activation]()
    _initialise(layers, network)
    h, outputs = torch.randn(network.batch, network.width), []
    taken: Statistics = defaultdict(list)
    with torch.set_grad_enabled(gradients):
        for layer in layers:
            z = layer(h)
            h = activation(z)
            _take64(taken, z.detach(), h.detach())
            if gradients:
                h.retain_grad()
                outputs.append(h)
            if taken["std"][-1] != taken["std"][-1]:  # nan
                break
    if gradients:
        _mse(h).backward()
        taken["grad_std"] = [float(h.grad.double().std()) for h in outputs if h.grad is not None]
        taken["weight_grad_std"] = [
            float(layer.weight.grad.double().std())
            for layer in layers
            if layer.weight.grad is not None
        ]
    return dict(taken)


def _take64(taken: Statistics, z_BN: Tensor, h_BN: Tensor) -> None:
    h64_BN = h_BN.double()
    taken["pre_std"].append(float(z_BN.double().std()))
    taken["mean"].append(float(h64_BN.mean()))
    taken["std"].append(float(h64_BN.std()))
    taken["rms"].append(float(h64_BN.square().mean().sqrt()))
    taken["abs_max"].append(float(h64_BN.abs().max()))
    taken["zero_fraction"].append(float((h64_BN == 0).double().mean()))


def _linear_layers(network: Network) -> list[nn.Linear]:
    width = network.width
    return [nn.Linear(width, width, bias=False) for _ in range(network.depth)]


def _initialise(layers: list[nn.Linear], network: Network) -> None:
    for layer in layers:
        # W ~ N(0, sigma_w^2 / fan_in)
        nn.init.normal_(layer.weight, std=network.sigma_w / network.width**0.5)


def _mse(output: Tensor) -> Tensor:
    return nn.functional.mse_loss(output, torch.randn_like(output))


def _weight_gradients(layers: list[nn.Linear]) -> list[float]:
    return [float(layer.weight.grad.std()) for layer in layers if layer.weight.grad is not None]


REFERENCES: dict[str, Reference] = {"script": script, "hooks": hooked, "loop64": loop64}
