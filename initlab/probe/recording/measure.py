"""One run of a model: built from a seed, run forward and backward, all that passed recorded."""

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.graph import Node

from initlab.errors import UserCodeError
from initlab.probe.batch.inputs import batch_size
from initlab.probe.model.forward_errors import check_arguments, with_hint
from initlab.probe.model.user_code import user_code
from initlab.probe.recording.backward import NodeGradient, cotangent, follow, graph_of, leaf_of
from initlab.probe.recording.losses import Loss, LossValue
from initlab.probe.recording.outputs import chosen, differentiable, memory_of, named_tensors
from initlab.probe.recording.record import Call, Op, Recorder, recording
from initlab.probe.recording.torch_interface import tree_map

#: seeds of the forward pass are those of the build, plus this
FORWARD_SEED = 10_000

Batch = tuple[tuple[Any, ...], dict[str, Any]]


@dataclass(frozen=True)
class Setup:
    """What is run, the same in every seed.

    Args:
        make: builds the model, after the global generators were seeded.
        draw: the batch of a seed: positional and keyword arguments.
        loss: of the chosen output; None is the random direction alone.
        output: its name; empty is the first with a gradient.
        train: mode of the model.
        dtype: of the model and its inputs; None leaves both as they are.
        autocast: dtype of torch.autocast; None runs without.
        patch: changes the model after it was built.
    """

    make: Callable[[], nn.Module]
    draw: Callable[[int], Batch]
    loss: Loss | None = None
    output: str = ""
    train: bool = True
    dtype: torch.dtype | None = None
    autocast: torch.dtype | None = None
    patch: Callable[[nn.Module], None] | None = None


@dataclass(eq=False)
class Run:
    """All that one seed has shown. `output` is None where no output has a gradient.

    Args:
        model: with the gradients of the random direction in its parameters.
        inputs: floating point inputs that were followed back; empty if the model forbids it.
        memory: where the user's tensors are stored, of integers too.
        graph: autograd nodes of the output.
        gradients: what passed them.
        used: ids of the parameters on a path to any output.
        value: the loss, if one was asked for.
        loss_gradients: what passed the nodes under it.
        refused: whether the model did not let its floating point inputs be followed.
        opened: matrices of zeros that were drawn, so that what lies behind them was measured.
    """

    seed: int
    model: nn.Module
    batch: int | None
    calls: list[Call]
    ops: list[Op]
    recorder: Recorder
    inputs: list[Tensor] = field(default_factory=list)
    memory: frozenset[int] = frozenset()
    name: str = ""
    output: Tensor | None = None
    graph: dict[Node, list[Node]] = field(default_factory=dict)
    gradients: dict[Node, NodeGradient] = field(default_factory=dict)
    used: frozenset[int] = frozenset()
    value: LossValue | None = None
    loss_gradients: dict[Node, NodeGradient] = field(default_factory=dict)
    opened: tuple[str, ...] = ()
    refused: bool = False


def seed_all(seed: int) -> None:
    """Seed the three global generators that models draw from."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002  # the user's code may draw from it
    torch.manual_seed(seed)


@contextmanager
def untouched() -> Iterator[None]:
    """Within it gradients are on; afterwards generators, modes and defaults are as before."""
    of_python, of_numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
    default, threads = torch.get_default_dtype(), torch.get_num_threads()
    anomaly, checked = torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()
    strict = torch.are_deterministic_algorithms_enabled()
    warns = torch.is_deterministic_algorithms_warn_only_enabled()
    with torch.random.fork_rng(devices=[]), torch.inference_mode(False), torch.enable_grad():
        try:
            yield
        finally:
            random.setstate(of_python)
            np.random.set_state(of_numpy)  # noqa: NPY002
            torch.set_default_dtype(default)
            torch.autograd.set_detect_anomaly(anomaly, checked)
            torch.use_deterministic_algorithms(strict, warn_only=warns)
            if torch.get_num_threads() != threads:
                torch.set_num_threads(threads)


def measure(setup: Setup, seed: int) -> Run:
    """Build the model of a seed and run it forward and backward.

    Raises:
        UserCodeError: its code raised, in build, forward or backward.
    """
    try:
        return _measured(setup, seed, follow_inputs=True)
    except UserCodeError as error:
        # some models set requires_grad of their input, or change it in place
        if "leaf variable" not in str(error).lower():  # in each of torch's messages of this kind
            raise
        return _measured(setup, seed, follow_inputs=False)


def model_of(setup: Setup, seed: int) -> nn.Module:
    """The model of a seed, as it is run."""
    seed_all(seed)
    model = setup.make()
    if setup.dtype is not None:
        model = model.to(setup.dtype)
    model.train(setup.train)
    if setup.patch is not None:
        setup.patch(model)
    model.zero_grad(set_to_none=True)
    return model


def _measured(setup: Setup, seed: int, *, follow_inputs: bool) -> Run:
    model = model_of(setup, seed)
    seed_all(FORWARD_SEED + seed)
    (args, kwargs), inputs = _prepared(setup, seed, follow_inputs)
    given = [t for _, t in named_tensors((args, kwargs))]
    batch = batch_size(args, kwargs)
    with ExitStack() as stack:
        recorder = stack.enter_context(recording(model, batch, given))
        stack.enter_context(
            nullcontext() if setup.autocast is None else torch.autocast("cpu", dtype=setup.autocast)
        )
        check_arguments(model, args, kwargs)
        try:
            with user_code("running the model", lambda: recorder.current):
                output = model(*args, **kwargs)
        except UserCodeError as error:
            raise with_hint(error, args, kwargs) from error.__cause__
    run = Run(seed, model, batch, recorder.calls, recorder.ops, recorder)
    run.inputs = [t for t in inputs if t.requires_grad]
    run.refused = bool(inputs) and not follow_inputs
    run.memory = memory_of(given)
    _back(setup, run, output)
    return run


def _prepared(setup: Setup, seed: int, follow_inputs: bool) -> tuple[Batch, list[Tensor]]:
    """The batch, whose floating point tensors are leaves of the graph."""
    inputs: list[Tensor] = []

    def leaf(value: Any) -> Any:
        if not isinstance(value, Tensor) or not value.is_floating_point():
            return value
        fresh = value.detach().clone().to(setup.dtype or value.dtype)
        inputs.append(fresh.requires_grad_(follow_inputs))
        return fresh

    return tree_map(leaf, setup.draw(seed)), inputs


def _back(setup: Setup, run: Run, returned: Any) -> None:
    """The backward pass of the chosen output, and then that of the loss."""
    found = chosen(returned, setup.output)
    if found is None:
        return
    run.name, output = found
    run.output = output
    run.graph = graph_of([output])
    everything = graph_of(t for _, t in differentiable(returned))
    leaves = (leaf_of(node) for node in everything)
    run.used = frozenset(id(leaf) for leaf in leaves if leaf is not None)
    ends = [call.node for call in run.calls if call.node is not None]
    again = setup.loss is not None
    with user_code("running the model backward"):
        run.gradients = follow(run.graph, output, cotangent(output, run.seed), ends, again=again)
    if setup.loss is not None:
        _under_loss(setup.loss, run, returned, output)


def _under_loss(loss: Loss, run: Run, returned: Any, output: Tensor) -> None:
    """The loss's value, and whether its gradient stays finite; parameters keep their own."""
    kept = {p: p.grad for p in (*run.model.parameters(), *run.inputs)}
    for p in kept:
        p.grad = None
    run.value = loss.of(returned, output, run.seed)
    start = run.value.start
    graph = run.graph if start is output else graph_of([start])
    with user_code("running the model backward from its loss"):
        run.loss_gradients = follow(graph, start, run.value.gradient)
    for p, gradient in kept.items():
        p.grad = gradient


def patched(setup: Setup, patch: Callable[[nn.Module], None]) -> Setup:
    """A setup that also applies this patch, after its own."""
    own = setup.patch

    def both(model: nn.Module) -> None:
        if own is not None:
            own(model)
        with torch.no_grad():
            patch(model)

    return replace(setup, patch=both)
