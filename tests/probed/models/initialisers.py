"""Weight laws, as functions of one tensor."""

from collections.abc import Callable

from torch import Tensor, nn

Initialiser = Callable[[Tensor], object]


def he(weight: Tensor) -> None:
    """Normal, std sqrt(2 / fan_in)."""
    nn.init.kaiming_normal_(weight)


def lecun(weight: Tensor) -> None:
    """Normal, std sqrt(1 / fan_in)."""
    nn.init.kaiming_normal_(weight, nonlinearity="linear")


def normal(std: float) -> Initialiser:
    """Normal, the same std whatever the width."""
    return lambda weight: nn.init.normal_(weight, std=std)


def constant(value: float) -> Initialiser:
    """Every weight the same."""
    return lambda weight: nn.init.constant_(weight, value)


def xavier(gain: float) -> Initialiser:
    """Xavier normal."""
    return lambda weight: nn.init.xavier_normal_(weight, gain)


def initialise(model: nn.Module, weights: Initialiser, *kinds: type[nn.Module]) -> None:
    """Draw the weight of every layer of these kinds, and zero its bias."""
    for layer in model.modules():
        if isinstance(layer, kinds):
            weights(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
