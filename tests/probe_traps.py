"""Models that break naive hooks and tracers: each is written in a way that models are."""

import warnings

import torch
from probe_runs import Calls
from probed.case import Case
from torch import nn
from torch.utils.checkpoint import checkpoint

WIDTH, BATCH = 8, 16


def linear():
    return nn.Linear(WIDTH, WIDTH)


def two(forward, **parts):
    """A build of two linear layers `a` and `b`, used by `forward(self, x)`."""
    return lambda: Calls(forward, a=linear(), b=linear(), **parts)


def batch():
    return torch.randn(BATCH, WIDTH)


class Double(torch.autograd.Function):
    """2 tanh(x), with a backward pass of its own."""

    @staticmethod
    def forward(ctx, x):
        y = torch.tanh(x)
        ctx.save_for_backward(y)
        return 2 * y

    @staticmethod
    def backward(ctx, g):
        (y,) = ctx.saved_tensors
        return 2 * g * (1 - y * y)


class AsModule(nn.Module):
    def forward(self, x):
        return Double.apply(x)


def shared():
    layer = linear()
    return nn.Sequential(layer, nn.Tanh(), layer)


def loops(self, x):
    steps = 0
    while float(x.detach().abs().mean()) > 0.1 and steps < 5:
        x, steps = torch.tanh(self.a(x)), steps + 1
    return self.b(x)


def frozen(self, x):
    with torch.no_grad():
        h = self.a(x)
    return self.b(x + h)


def mixed(self, x):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        h = torch.relu(self.a(x))
    return self.b(h.float())


def energy(self, x):
    y = torch.tanh(self.a(x))
    (g,) = torch.autograd.grad(y.square().sum(), x, create_graph=True)
    return self.b(y) + g


def views(self, x):
    h = self.a(x)
    h[:, 0].mul_(3)
    h[:, 1:3] = h[:, 3:5] * 2
    return self.b(h)


def in_place(self, x):
    h = self.a(x)
    h += x
    return self.b(nn.functional.relu_(h))


def checkpointed(*, reentrant):
    return two(
        lambda self, x: self.b(checkpoint(self.body, x, use_reentrant=reentrant)), body=body()
    )


def body():
    return nn.Sequential(linear(), nn.Tanh())


class Halves(nn.Module):
    """Hands on the second of two outputs of one node first."""

    def forward(self, x):
        first, second = x.chunk(2, 1)
        return second, first


def halves(self, x):
    second, first = self.split(torch.tanh(self.a(x)))
    return self.b(torch.cat([first, 3 * second], 1))


def scripted():
    with warnings.catch_warnings(action="ignore"):  # torch.jit is deprecated, and still met
        part = torch.jit.script(body())
    return nn.Sequential(part, linear())


def compiled():
    return torch.compile(body(), backend="eager")


def named(self, *, inputs):
    return {"y": self.b(torch.tanh(self.a(inputs["x"]))), "n": 3}


def mapped(self, x):
    return self.b(torch.vmap(lambda row: torch.tanh(self.a(row)))(x))


def bare():
    model = Calls(lambda self, x: torch.tanh(x @ self.w) * self.scale)
    model.w = nn.Parameter(torch.randn(WIDTH, WIDTH) / WIDTH**0.5)
    model.scale = nn.Parameter(torch.tensor(1.5))
    return model


TRAPS = (
    Case("twice", two(lambda self, x: self.b(self.a(torch.tanh(self.a(x))))), batch),
    Case("shared", shared, batch),
    Case("named", two(named), lambda: {"inputs": {"x": batch()}}),
    Case("frozen", two(frozen), batch),
    Case("checkpoint_reentrant", checkpointed(reentrant=True), batch),
    Case("checkpoint", checkpointed(reentrant=False), batch),
    Case("loop", two(loops), batch),
    Case("function", lambda: nn.Sequential(linear(), AsModule(), linear()), batch),
    Case("autocast", two(mixed), batch),
    Case("bare", bare, batch),
    Case("forward_called", two(lambda self, x: self.b(torch.tanh(self.a.forward(x)))), batch),
    Case("lazy", lambda: nn.Sequential(nn.LazyLinear(WIDTH), nn.Tanh(), linear()), batch),
    Case(
        "weight_norm",
        lambda: nn.Sequential(nn.utils.parametrizations.weight_norm(linear()), nn.Tanh(), linear()),
        batch,
    ),
    Case("scripted", scripted, batch),
    Case("grad_inside", two(energy), batch),
    Case("vmap", two(mapped), batch),
    Case("bfloat16", lambda: nn.Sequential(linear(), nn.GELU(), linear()), batch, dtype="bfloat16"),
    Case(
        "pass_through",
        lambda: nn.Sequential(linear(), nn.Identity(), nn.Dropout(0.0), nn.Tanh(), linear()),
        batch,
    ),
    Case("dropout", lambda: nn.Sequential(linear(), nn.Dropout(0.5), linear()), batch),
    Case("views", two(views), batch),
    Case("in_place", two(in_place), batch),
    Case("second_output", two(halves, split=Halves()), batch),
)
#: compiled models lose their wrapper: they are compared with what they wrap
COMPILED = (
    Case("whole", compiled, batch),
    Case("part", lambda: nn.Sequential(compiled(), linear()), batch),
)
