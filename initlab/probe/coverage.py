"""How much of a model was seen, and in words what was not: no gap is silent."""

from collections.abc import Iterator

import torch
from torch import nn

from initlab.probe.model.build import UNWRAPPED
from initlab.probe.recording.torch_interface import is_python_function
from initlab.probe.result import Coverage
from initlab.probe.rows import SILENT
from initlab.probe.rules.view import View
from initlab.probe.theory.expectation import Expected

SMALL_BATCH = 16
REENTRANT = "CheckpointFunctionBackward"


def coverage_of(view: View) -> Coverage:
    """Counts of a run, and a sentence for each thing that it could not show."""
    run = view.run
    unread = sum(run.recorder.unreadable.values())
    return Coverage(
        nodes=view.sites.nodes,
        nodes_labelled=view.sites.labelled,
        ops=len(run.ops),
        ops_without_value=unread,
        blind=tuple(_blind(view)),
    )


def _blind(view: View) -> Iterator[str]:
    run = view.run
    modules = list(run.model.modules())
    script = [m for m in modules if isinstance(m, torch.jit.ScriptModule)]
    if script:
        yield f"ops inside of {len(script)} TorchScript modules"
    names = {node.name() for node in run.graph}
    if any(name.startswith(REENTRANT) for name in names):
        yield "gradients inside of activation checkpoints with use_reentrant=True"
    custom = {node.name() for node in run.graph if is_python_function(node)} - {REENTRANT}
    if custom:
        listed = ", ".join(sorted(name.removesuffix("Backward") for name in custom))
        yield f"ops inside of torch.autograd.Function: {listed}"
    itself = any(getattr(m, "_compiled_call_impl", None) is not None for m in modules)
    if itself or run.model in UNWRAPPED:
        yield "compiled kernels: what torch.compile wraps was run eagerly"
    if any(isinstance(m, nn.DataParallel | nn.parallel.DistributedDataParallel) for m in modules):
        yield "what a parallel wrapper does"
    if any(p.is_quantized for p in run.model.buffers()):
        yield "quantised tensors"
    if unread := run.recorder.unreadable:
        yield f"values of {', '.join(f'{name} ({n})' for name, n in unread.most_common(3))}"
    if run.output is not None and not view.trunk:
        yield "a trunk: no input has a path to the output"
    if view.sites.nodes > view.sites.labelled:
        yield f"the module of {view.sites.nodes - view.sites.labelled} autograd nodes"


def notes_of(view: View, expected: Expected = SILENT) -> Iterator[str]:
    """What a reader should know of how it was measured, and of what theory says beside it."""
    run = view.run
    batch_norm = any("BatchNorm" in type(m).__name__ for m in run.model.modules())
    if batch_norm and run.model.training and run.batch is not None and run.batch < SMALL_BATCH:
        yield (
            f"a batch of {run.batch} makes batch norm noisy: numbers vary from seed to seed;"
            f" give it {SMALL_BATCH} or more"
        )
    if run.batch is None or run.batch < 2:
        yield "without two samples, signal is not measured, and rms stands for it"
    if run.refused and view.trunk:
        yield "the input itself was not followed back: the trunk begins at what first reads it"
    if expected.why and view.trunk:
        yield f"theory is silent of {'a part' if expected.by_site else 'it'}: {expected.why}"
