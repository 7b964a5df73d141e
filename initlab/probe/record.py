"""Records a forward pass: every call of a module, and the value of every op.

Global module hooks tell which module calls which; a dispatch mode sees each op below autograd, the
functional ones between modules, too. Both read the number that the next autograd node will get: the
node of an op was made just before the op runs, and belongs to the innermost call whose range of
numbers holds it. Nothing is put into the graph, and no tensor is kept.
"""

import os
import sys
import weakref
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import Node
from torch.nn import UninitializedParameter
from torch.nn.modules.module import (
    register_module_forward_hook,
    register_module_forward_pre_hook,
)

from initlab.probe import torch_interface as private
from initlab.probe.layers import PRODUCTS, Layer, layer_of, starved
from initlab.probe.outputs import has_memory, memory_of, named_tensors
from initlab.probe.statistics import Statistics, readable, statistics

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
CONVOLUTION = "aten.convolution"
ROOT = "aten.rsqrt"  # within an RMSNorm, which torch takes apart on a CPU
CAST = "aten._to_copy"  # of interest where it makes inf
#: folders whose frames are not the model's code
TORCHS, OURS = (f"{Path(file).parent}{os.sep}" for file in (torch.__file__, __file__))


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
        self.in_products: set[str] = set()
        self.input_first: set[str] = set()  # weights of shape (in, out), as of x @ W
        self.unreadable: Counter[str] = Counter()
        self._batch = batch
        self._names: dict[int, str] = {}
        for name, module in model.named_modules(remove_duplicate=False):
            self._names.setdefault(id(module), name)
        self._model = model
        self._weights, self._lazy = self._weights_now()
        self._inputs = set(memory_of(inputs))
        self._rows: tuple[weakref.ref[Tensor], Op | None, float | None] | None = None
        self._made: list[Tensor] = []
        self._error: tuple[BaseException, str] | None = None
        self._stack: list[Call] = []
        self._again: Counter[int] = Counter()
        self._latest = private.next_number() - 1
        self._order = 0
        self._known: dict[int, tuple[weakref.ref[Tensor], int, Statistics | None]] = {}

    @property
    def current(self) -> str:
        """Path of the innermost module that raised last, or has not returned yet."""
        if self._error is not None:
            return self._error[1]
        return self._stack[-1].path if self._stack else ""

    def forget(self) -> None:
        """Keep no tensor and no exception when the pass is done."""
        self._made.clear()
        self._known.clear()
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
            found = None if first is None else self._statistics(first)
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
                call.value = self._statistics(first)
                call.node, call.place = first.grad_fn, first.output_nr

    # ops

    def __torch_dispatch__(
        self, function: Any, _: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """See torch.utils._python_dispatch."""
        kwargs = kwargs or {}
        if private.recomputing():
            return function(*args, **kwargs)
        number = private.next_number() - 1
        tensors = [t for t in private.tree_leaves((args, kwargs)) if isinstance(t, Tensor)]
        # else the number is that of an op before, or of a view that was made anew
        new = number > self._latest and any(t.requires_grad for t in tensors)
        self._latest = max(self._latest, number)
        name = private.op_name(function)
        if name in MOVING:
            output = function(*args, **kwargs)
            self._seen_again(args, output)
            return output
        floats = [t for t in tensors if t.is_floating_point() or t.is_complex()]
        sound_before = not name.endswith("_") or self._sound(floats)
        reads = not memory_of(tensors).isdisjoint(self._inputs)
        if new and reads:
            self.readers.add(number)
        given = self._looked_up(floats[0]) if floats else None
        output = function(*args, **kwargs)
        first = output[0] if isinstance(output, tuple | list) and output else output
        if reads and not new and isinstance(first, Tensor) and has_memory(first):
            # made of the input without a gradient, as floats are of bytes: the input comes in there
            self._inputs |= memory_of([first])
            self._made.append(first)  # else its place may be another's before the pass is done
        if name == CAST:
            self._follow_weight(args[0], first)
            if self._sound([first]):
                return output
        if any(first is t for t in tensors):  # changed in place, and its version not yet counted
            self._known.pop(id(first), None)
        if isinstance(first, Tensor) and (first.is_floating_point() or first.is_complex()):
            value = self._of_rows(first) if name in PRODUCTS else self._statistics(first)
            broken = value is not None and value.finite < 1 and not value.masked
            sound = sound_before and (name.endswith("_") or not broken or self._sound(floats))
            op = Op(
                order=self._next_order(),
                name=name.removeprefix("aten."),
                call=self._stack[-1] if self._stack else None,
                number=number if new else None,
                value=value,
                where=_where(),
                sound_inputs=sound,
                given=None if given is None else given.rms,
                weight=self._weight_of(name, args, floats),
                arguments=tuple(a for a in (*args, *kwargs.values()) if isinstance(a, int | float)),
            )
            if self._rows is not None and self._rows[1] is None:
                self._rows = self._rows[0], op, self._rows[2]
            if value is None:
                self.unreadable[op.name] += 1
            else:
                op.layer = layer_of(name, args, kwargs, output, value)
                if name == ROOT and op.call is not None and op.call.eps is not None:
                    op.layer = starved(first, op.call.eps)
            self.ops.append(op)
            if op.call is not None:
                op.call.ops += 1
        return output

    def _weight_of(self, name: str, args: tuple[Any, ...], floats: Iterable[Tensor]) -> str:
        """The parameter that a product multiplies by; notes which way round it is stored."""
        if name not in PRODUCTS:
            return ""
        if self._lazy:  # what was made since has memory now
            self._weights, self._lazy = self._weights_now()
        memory = (t.untyped_storage().data_ptr() for t in floats if has_memory(t))
        used = [self._weights.get(place, "") for place in memory]
        self.in_products.update(filter(None, used))
        found = next(filter(None, reversed(used)), "")
        if found and _sums_over_rows(name, args, self._model.get_parameter(found)):
            self.input_first.add(found)
        return found

    def _follow_weight(self, source: Tensor, copy: Tensor) -> None:
        """Know a weight in another dtype, which autocast makes of it, by the same name."""
        if has_memory(source) and has_memory(copy):
            name = self._weights.get(source.untyped_storage().data_ptr())
            if name is not None:
                self._weights[copy.untyped_storage().data_ptr()] = name
                self._made.append(copy)

    def _weights_now(self) -> tuple[dict[int, str], bool]:
        """Names of matrices by where they are stored, and whether some are still to be made."""
        named = dict(self._model.named_parameters())
        lazy = any(isinstance(p, UninitializedParameter) for p in named.values())
        found = {
            p.untyped_storage().data_ptr(): name
            for name, p in named.items()
            if has_memory(p) and p.dim() >= 2
        }
        return found, lazy

    def _next_order(self) -> int:
        self._order += 1
        return self._order - 1

    def _statistics(self, x: Tensor) -> Statistics | None:
        """Of a tensor; a module returns what its last op made, which is not read again."""
        known = self._known.get(id(x))
        if known is not None and known[0]() is x and known[1] == _version(x):
            return known[2]
        found = statistics(x, self._batch)
        self._known[id(x)] = weakref.ref(x), _version(x), found
        return found

    def _looked_up(self, x: Tensor) -> Statistics | None:
        known = self._known.get(id(x))
        same = known is not None and known[0]() is x and known[1] == _version(x)
        return known[2] if same and known is not None else None

    def _of_rows(self, x: Tensor) -> Statistics | None:
        """Of a product, which torch computes of (B T, n) where (B, T, n) was asked for.

        Its signal is known only if the batch is the first dimension of the view that follows.
        """
        self._rows = None
        batch = self._batch
        if batch is None or x.dim() != 2 or len(x) == batch or len(x) % batch:
            return self._statistics(x)
        found = statistics(x.detach().reshape(batch, -1), batch)
        if found is not None:
            self._rows = weakref.ref(x), None, found.signal
            found = found._replace(shape=tuple(x.shape), signal=None)
        self._known[id(x)] = weakref.ref(x), _version(x), found
        return found

    def _seen_again(self, args: tuple[Any, ...], output: Any) -> None:
        """The view of a product with the batch in front: its signal was what it was taken for."""
        if self._rows is None or not args or args[0] is not self._rows[0]():
            return
        _, op, signal = self._rows
        batched = isinstance(output, Tensor) and output.dim() > 2 and len(output) == self._batch
        if op is not None and op.value is not None and batched:
            op.value = op.value._replace(signal=signal)
        self._rows = None

    def _sound(self, tensors: Iterable[Tensor]) -> bool:
        """Whether there is no nan and no inf, -inf apart, in tensors that can be read."""
        return not any(
            found is not None and found.finite < 1 and not found.masked
            for found in (self._looked_up(t) or statistics(t) for t in tensors if readable(t))
        )


def _sums_over_rows(name: str, args: tuple[Any, ...], weight: Tensor) -> bool:
    """Whether a product sums over the first dimension of a weight, as it is stored."""
    if name == CONVOLUTION:
        return bool(args[6])  # a transposed one
    last = next((t for t in reversed(args) if isinstance(t, Tensor)), None)
    # nn.Linear hands over the transposed view of what it stores
    return last is not None and last.shape == weight.shape and last.stride() == weight.stride()


def _version(x: Tensor) -> int:
    """How often a tensor was changed in place; tensors of inference mode do not count."""
    return -1 if x.is_inference() else x._version


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
