"""Torch's own samples of its losses, through the loss lab: value, float64 value and gradients."""

import warnings
from functools import cache

import pytest
import torch

from initlab.catalog import LOSSES
from initlab.catalog.rules import ALLOWABLE
from initlab.errors import LossError
from initlab.losslab.evaluate import evaluate
from initlab.losslab.settings import Settings

BY_CLASS = {loss.class_name: loss for loss in LOSSES.values()}
#: torch's suite has no samples of them
WITHOUT = {"TripletMarginLoss", "TripletMarginWithDistanceLoss"}
NO_OPTION = {"reduction", "device", "dtype", "bias", "out_features", "options"}
MOST = 200  # samples of a loss: of the 857 of linear_cross_entropy, every fifth

#: how far the textbook's float64 value may be from torch's in float64 on the same numbers, and why:
#: relative, absolute for each value. Elsewhere they are the same formula, up to rounding.
ROUNDING = (1e-11, 1e-12)
TOLERANCE = {
    # eps = 1e-8 under the logarithm: t 1e-8 / x for counts below 10 and rates above 0.001
    ("PoissonNLLLoss", "log_input"): (1e-4, 1e-4),
    # Stirling's formula is short by 1/(12 t) where t >= 2
    ("PoissonNLLLoss", "full"): (0, 1 / 24),
    # 1e-12 beside squared norms of some hundred
    ("CosineEmbeddingLoss", ""): (1e-10, 1e-12),
}

pytestmark = [
    pytest.mark.xdist_group("torch_suite"),  # its import takes seconds
    pytest.mark.filterwarnings("ignore:reduction. 'mean' divides the total loss"),  # kl_div
    pytest.mark.filterwarnings("ignore:linear_cross_entropy. ``options`` ignored"),
]


def test_the_catalog_has_every_loss_of_torch():
    from torch.nn.modules import loss

    # NLLLoss2d is an alias of NLLLoss from before there were more dimensions
    assert set(loss.__all__) - {"NLLLoss2d"} == set(BY_CLASS)


@cache
def infos():
    """What torch's suite knows of each loss; not at import, which every worker would pay for."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's test code imports much that is deprecated
        from torch.testing._internal.common_modules import module_db
    names = {info.module_cls.__name__: info for info in module_db}
    return {name: names[name] for name in BY_CLASS if name in names}


def test_every_loss_has_samples():
    assert set(BY_CLASS) - set(infos()) == WITHOUT


def samples(info, dtype):
    torch.manual_seed(0)
    made = info.module_inputs_func(
        info, device="cpu", dtype=dtype, requires_grad=False, training=False
    )
    step = 1 + len(made) // MOST
    for index, sample in list(enumerate(made))[::step]:
        given, forward = sample.constructor_input, sample.forward_input
        yield f"sample {index}, {sample.desc}", given.args, dict(given.kwargs), forward.args


def doubled(value):
    return (
        value.double() if isinstance(value, torch.Tensor) and value.is_floating_point() else value
    )


def operands_of(loss, module, args):
    """Arguments of forward by the names of operands; a linear layer's own parameters are some."""
    if loss.name != "linear_cross_entropy":
        return dict(zip([o.name for o in loss.operands], args, strict=True))
    shape = (module.num_classes, *module.out_features)
    operands = {"input": args[0], "target": args[1]}
    operands["linear_weight"] = module.linear.weight.detach().reshape(*shape, -1)
    if module.linear.bias is not None:
        operands["linear_bias"] = module.linear.bias.detach().reshape(shape)
    return operands


def slopes_of(loss, module, operands, wanted):
    """Autograd through the module itself, by the operands asked for."""
    dtype = operands[loss.operands[0].name].dtype  # 0 and 1 as integers are cast, as the lab does
    leaves = {n: x.to(dtype).clone().requires_grad_() for n, x in operands.items() if n in wanted}
    leaves = {n: leaves.get(n, x) for n, x in operands.items()}
    forward = [x for n, x in leaves.items() if not n.startswith("linear_")]
    module.zero_grad()
    module(*forward).sum().backward()
    if loss.name == "linear_cross_entropy":
        leaves["linear_weight"].grad = module.linear.weight.grad.view(
            operands["linear_weight"].shape
        )
        if "linear_bias" in operands:
            leaves["linear_bias"].grad = module.linear.bias.grad.view(operands["linear_bias"].shape)
    return {n: leaves[n].grad for n in wanted}


def close(got, expected, where, rtol=0.0, atol=0.0):
    torch.testing.assert_close(
        got, expected, rtol=rtol, atol=atol, equal_nan=True, msg=lambda m: f"{where}: {m}"
    )


def exactly(loss, options, operands, where, module, evaluation):
    """Our float64 value against the module's on the same numbers as float64."""
    if options.get("full") and loss.class_name == "PoissonNLLLoss":
        key = (loss.class_name, "full")
    elif not options.get("log_input", True):
        key = (loss.class_name, "log_input")
    else:
        key = (loss.class_name, "")
    rtol, atol = TOLERANCE.get(key, ROUNDING)
    forward = [doubled(x) for n, x in operands.items() if not n.startswith("linear_")]
    expected = module.double()(*forward).detach()
    got = evaluation.exact[evaluation.reductions[0]]
    if loss.name == "kl_div" and not options.get("log_target"):
        # the suite's targets are logarithms: a negative probability has no divergence, and torch's
        # nan is as good as ours; sums with one among them compare nothing
        legal = operands["target"] >= 0
        if expected.ndim == 0 and not legal.all():
            return
        got, expected = got[legal], expected[legal]
    if evaluation.reductions == ["sum"]:
        atol *= got.numel() or 1
    close(got, expected, where, rtol, atol)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("class_name", [name for name in BY_CLASS if name not in WITHOUT])
def test_samples_of_torch(class_name, dtype):
    loss, info, count = BY_CLASS[class_name], infos()[class_name], 0
    for where, args, kwargs, forward in samples(info, dtype):
        options = {k: v for k, v in kwargs.items() if k not in NO_OPTION and v is not None}
        settings = Settings(
            reduction=kwargs.get("reduction", "mean"), grad=True, allow=frozenset(ALLOWABLE)
        )
        weight = options.get("weight")
        if weight is not None and (weight < 0).any():
            # random ones of the suite; initlab takes no negative weight, here or anywhere
            module = info.module_cls(*args, **kwargs)
            with pytest.raises(LossError, match="option-range"):
                evaluate(loss.name, operands_of(loss, module, forward), options, settings)
            options["weight"] = kwargs["weight"] = weight.abs()
        module = info.module_cls(*args, **kwargs)
        operands = operands_of(loss, module, forward)
        evaluation = evaluate(loss.name, operands, options, settings)

        expected = module(*forward).detach()
        # chunks of linear_cross_entropy are added in another order; all else is one code path
        eps = torch.finfo(dtype).eps if kwargs.get("options") is not None else 0.0
        close(evaluation.values[settings.reduction], expected, where, 16 * eps, 16 * eps)

        assert loss.operands[0].name in evaluation.gradients, where
        slopes = slopes_of(loss, module, operands, evaluation.gradients)
        for name, slope in evaluation.gradients.items():
            close(slope, slopes[name], f"{where}, d/d {name}", 64 * eps, 64 * eps)

        exactly(loss, options, operands, where, module, evaluation)
        count += 1
    assert count >= 4  # the suite has that many of each
