"""Records a forward pass: every call of a module, and the value of every op.

Global module hooks tell which module calls which; a dispatch mode sees each op below autograd, the
functional ones between modules, too. Both read the number that the next autograd node will get: the
node of an op was made just before the op runs, and belongs to the innermost call whose range of
numbers holds it. Nothing is put into the graph, and no tensor is kept.
"""

import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import Node
from torch.nn.modules.module import (
    register_module_forward_hook,
    register_module_forward_pre_hook,
)

from initlab.probe.recording import torch_interface as private
from initlab.probe.recording.layers import PRODUCTS, Layer, layer_of, starved
from initlab.probe.recording.outputs import has_memory, memory_of, named_tensors
from initlab.probe.recording.statistics import Statistics
from initlab.probe.recording.values import Values
from initlab.probe.recording.weights import Weights

#: ops that move numbers, make constants or read one: what they return is no new value
MOVING = frozenset(
    f"aten.{name}"
    for name in (
        "_local_scalar_dense", "_reshape_alias", "_unsafe_view", "alias", "arange",
        "as_strided", "bernoulli_", "clone", "copy_", "detach", "detach_", "empty", "empty_like",
        "expand", "fill_", "full", "full_like", "item", "lift_fresh", "new_empty", "new_full",
        "new_ones", "new_zeros", "ones", "ones_like", "permute", "rand", "rand_like", "randint",
        "randn", "randn_like", "reshape", "scalar_tensor", "select", "slice", "split",
        "split_with_sizes", "squeeze", "t", "transpose", "tril", "triu", "unbind", "unsqueeze",
        "view", "view_as_real", "view_as_complex", "zero_", "zeros", "zeros_like",
    )
)  # fmt: skip
ROOT = "aten.rsqrt"  # within an RMSNorm, which torch takes apart on a CPU
CAST = "aten._to_copy"  # of interest where it makes inf
#: folders whose frames are not the model's code
TORCHS = f"{Path(torch.__file__).parent}{os.sep}"
OURS = f"{Path(__file__).parents[1]}{os.sep}"


@dataclass(eq=False, slots=True)
class Call:
    """One call of a module.

    Nodes of its ops have numbers in [first, end). `node` and `place` say which output of which
    autograd node its value is.
    """

    path: str
    module: str
    again: int
    leaf: bool
    order: int
    depth: int
    first: int
    identity: int
    end: int | None = None
    value: Statistics | None = None
    node: Node | None = None
    place: int = 0
    given: float | None = None
    ops: int = 0
    eps: float | None = None


@dataclass(eq=False, slots=True)
class Op:
    """One op; `number` is that of its autograd node, or None if it made none.

    `given` is the rms of its first input, where it is known; `weight` the parameter of a product;
    `arguments` are those that are numbers. Inputs are sound without nan and inf; -inf masks.
    """

    order: int
    name: str
    call: Call | None
    number: int | None
    value: Statistics | None
    where: str
    sound_inputs: bool
    given: float | None = None
    weight: str = ""
    arguments: tuple[float, ...] = ()
    layer: Layer = field(default_factory=Layer)


class Recorder(private.DispatchMode):  # type: ignore[no-untyped-call]
    """The hooks and the mode of one forward pass; `recording` puts them on and takes them off.

    Args:
        model: whose modules have names.
        batch: samples, for signals.
        inputs: the user's tensors.
    """

    def __init__(self, model: nn.Module, batch: int | None, inputs: Iterable[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.calls: list[Call] = []
        self.ops: list[Op] = []
        self.readers: set[int] = set()  # numbers of the nodes that read an input's memory
        self.weights = Weights(model)
        self.unreadable: Counter[str] = Counter()
        self._values = Values(batch)
        self._names: dict[int, str] = {}
        for name, module in model.named_modules(remove_duplicate=False):
            self._names.setdefault(id(module), name)
        self._inputs = set(memory_of(inputs))
        self._made: list[Tensor] = []
        self._error: tuple[BaseException, str] | None = None
        self._stack: list[Call] = []
        self._again: Counter[int] = Counter()
        self._latest = private.next_number() - 1
        self._order = 0

    @property
    def current(self) -> str:
        """Path of the innermost module that raised last, or has not returned yet."""
        if self._error is not None:
            return self._error[1]
        return self._stack[-1].path if self._stack else ""

    def forget(self) -> None:
        """Keep no tensor and no exception when the pass is done."""
        self._made.clear()
        self._values.forget()
        self.weights.forget()
        self._error = None

    # modules

    def enter(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        """A forward pre-hook of every module."""
        if private.recomputing():
            return
        with private.modes_off():
            known = self._names.get(id(module))
            call = Call(
                path=known if known is not None else f"<{type(module).__name__} of no name>",
                module=type(module).__name__,
                again=self._again[id(module)],
                leaf=type(module).__module__.startswith("torch.nn") and not [*module.children()],
                order=self._next_order(),
                depth=len(self._stack),
                first=private.next_number(),
                identity=id(module),
            )
            self._again[id(module)] += 1
            first = next((t for _, t in named_tensors(args) if t.is_floating_point()), None)
            found = None if first is None else self._values.of(first)
            call.given = None if found is None else found.rms
            if isinstance(module, nn.RMSNorm) and first is not None:
                call.eps = module.eps or torch.finfo(first.dtype).eps
            self.calls.append(call)
            self._stack.append(call)

    def leave(self, module: nn.Module, _: tuple[Any, ...], output: Any) -> None:
        """A forward hook of every module."""
        if private.recomputing():
            return
        with private.modes_off():
            while self._stack and self._stack[-1].identity != id(module):
                self._stack.pop()  # calls that an exception ended, which the model caught
            if not self._stack:
                return
            call = self._stack.pop()
            raised = sys.exception()
            if raised is not None and (self._error is None or self._error[0] is not raised):
                self._error = raised, call.path
            call.end = private.next_number()
            floats = (t for _, t in named_tensors(output) if t.is_floating_point())
            if (first := next(floats, None)) is not None:
                call.value = self._values.of(first)
                call.node, call.place = first.grad_fn, first.output_nr
            self._latest = private.next_number() - 1  # views may have been made anew

    # ops

    def __torch_dispatch__(
        self, function: Any, _: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """See torch.utils._python_dispatch."""
        kwargs = kwargs or {}
        if private.recomputing():
            try:
                return function(*args, **kwargs)
            finally:
                self._latest = private.next_number() - 1  # of a gradient taken in forward
        number, name = private.next_number() - 1, private.op_name(function)
        tensors = [t for t in private.tree_leaves((args, kwargs)) if isinstance(t, Tensor)]
        # else the number is that of an op before, or of a view that was made anew
        new = number > self._latest and any(t.requires_grad for t in tensors)
        self._latest = max(self._latest, number)
        if name in MOVING:
            return self._moved(args, function(*args, **kwargs))
        floats = [t for t in tensors if t.is_floating_point() or t.is_complex()]
        sound = not name.endswith("_") or self._values.sound(floats)
        reads = not memory_of(tensors).isdisjoint(self._inputs)
        if new and reads:
            self.readers.add(number)
        given = self._values.known(floats[0]) if floats else None
        output = function(*args, **kwargs)
        first = output[0] if isinstance(output, tuple | list) and output else output
        if reads and not new and isinstance(first, Tensor) and has_memory(first):
            # made of the input without a gradient, as floats are of bytes: the input comes in there
            self._inputs |= memory_of([first])
            self._made.append(first)  # else its place may be another's before the pass is done
        if name == CAST:
            self.weights.follow_cast(args[0], first)
            if self._values.sound([first]):
                return output
        if any(first is t for t in tensors):
            self._values.changed(first)
        if isinstance(first, Tensor) and (first.is_floating_point() or first.is_complex()):
            made = self._values.of_product(first) if name in PRODUCTS else self._values.of(first)
            broken = made is not None and made.finite < 1 and not made.masked
            if broken and not name.endswith("_"):
                sound = self._values.sound(floats)
            op = Op(
                order=self._next_order(),
                name=name.removeprefix("aten."),
                call=self._stack[-1] if self._stack else None,
                number=number if new else None,
                value=made,
                where=_where(),
                sound_inputs=sound,
                given=None if given is None else given.rms,
                weight=self.weights.used_by(name, args, floats),
                arguments=tuple(a for a in (*args, *kwargs.values()) if isinstance(a, int | float)),
            )
            self._keep(op, name, args, kwargs, output)
        return output

    def _moved(self, args: tuple[Any, ...], output: Any) -> Any:
        """What an op returned that only moves numbers: it may show a product's signal."""
        signal = self._values.signal_behind(args, output)
        if signal is not None and (value := self.ops[-1].value) is not None:
            self.ops[-1].value = value._replace(signal=signal)
        return output

    def _keep(
        self, op: Op, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any
    ) -> None:
        """Note an op, with what it tells beside its value."""
        if op.value is None:
            self.unreadable[op.name] += 1
        else:
            op.layer = layer_of(name, args, kwargs, output, op.value)
            if name == ROOT and op.call is not None and op.call.eps is not None:
                op.layer = starved(output, op.call.eps)
        self.ops.append(op)
        if op.call is not None:
            op.call.ops += 1

    def _next_order(self) -> int:
        self._order += 1
        return self._order - 1


def _where() -> str:
    """file:line of the innermost frame of the model's own code; empty of torch's modules alone."""
    frame, model = sys._getframe(1), False
    while frame is not None and frame.f_back is not None:
        name = frame.f_code.co_filename
        ours = name.startswith(OURS)
        if ours and model:
            return ""  # what called the model
        model = model or not ours
        if not ours and not name.startswith(TORCHS) and not name.startswith("<"):
            return f"{name}:{frame.f_lineno}"
        frame = frame.f_back
    return ""


@contextmanager
def recording(model: nn.Module, batch: int | None, inputs: Iterable[Tensor]) -> Iterator[Recorder]:
    """A recorder that is on within; what is compiled runs eagerly, so that its ops are seen."""
    recorder = Recorder(model, batch, inputs)
    with ExitStack() as stack:
        stack.enter_context(torch.compiler.set_stance("force_eager"))
        for handle in (
            register_module_forward_pre_hook(recorder.enter),
            register_module_forward_hook(recorder.leave, always_call=True),
        ):
            stack.callback(handle.remove)
        stack.enter_context(recorder)
        yield recorder
        recorder.forget()
