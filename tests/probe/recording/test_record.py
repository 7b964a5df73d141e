"""What is recorded of a forward pass, and that recording leaves nothing behind."""

import gc
import math
import weakref

import pytest
import torch
from probe_runs import Calls, rows, view
from torch import nn
from torch.nn.modules import module as hooks
from torch.utils._python_dispatch import _get_current_dispatch_mode
from torch.utils.checkpoint import checkpoint

from initlab import probe
from initlab.errors import UserCodeError
from initlab.probe.recording.measure import untouched
from initlab.probe.recording.record import recording


def recorded(model, *inputs, batch=None):
    with untouched(), recording(model, batch, inputs) as recorder:
        model(*inputs)
    return recorder


def two(forward, **parts):
    return Calls(forward, a=nn.Linear(4, 4), b=nn.Linear(4, 4), **parts)


def ops(recorder):
    return [op.name for op in recorder.ops]


def calls(recorder):
    return [(call.path, call.again, call.depth) for call in recorder.calls]


def installed():
    return (
        len(hooks._global_forward_hooks),
        len(hooks._global_forward_pre_hooks),
        _get_current_dispatch_mode(),
        torch._dynamo.eval_frame._stance.stance,
    )


# modules ------------------------------------------------------------------------------------------


def test_calls_in_their_order_with_their_depth():
    model = nn.Sequential(nn.Sequential(nn.Linear(4, 4)), nn.Tanh())
    assert calls(recorded(model, rows(8, 4))) == [
        ("", 0, 0),
        ("0", 0, 1),
        ("0.0", 0, 2),
        ("1", 0, 1),
    ]


def test_a_module_that_is_called_again_and_one_with_two_names():
    layer = nn.Linear(4, 4)
    found = calls(recorded(nn.Sequential(layer, nn.Tanh(), layer), rows(8, 4)))
    assert found == [("", 0, 0), ("0", 0, 1), ("1", 0, 1), ("0", 1, 1)]


def test_a_module_that_the_model_does_not_hold():
    outside = nn.Tanh()
    recorder = recorded(two(lambda self, x: outside(self.a(x))), rows(8, 4))
    assert recorder.calls[-1].path == "<Tanh of no name>"


def test_numbers_of_a_call_hold_those_of_its_ops():
    recorder = recorded(two(lambda self, x: self.b(torch.tanh(self.a(x)))), rows(8, 4))
    whole, a, b = recorder.calls
    assert whole.first <= a.first < a.end <= b.first < b.end <= whole.end
    by_call = {op.name: op for op in recorder.ops}
    assert [op.call for op in recorder.ops] == [a, whole, b]
    assert a.end <= by_call["tanh"].number < b.first
    assert (a.ops, b.ops, whole.ops) == (1, 1, 1)


def test_only_modules_of_torch_without_children_are_leaves():
    recorder = recorded(two(lambda self, x: self.a(x)), rows(8, 4))
    assert [(call.module, call.leaf) for call in recorder.calls] == [
        ("Calls", False),
        ("Linear", True),
    ]


def test_what_goes_into_a_module_is_known_by_its_scale():
    recorder = recorded(two(lambda self, x: self.b(3 * self.a(x))), rows(8, 4))
    whole, a, b = recorder.calls
    assert whole.given == a.given == pytest.approx(float(rows(8, 4).square().mean().sqrt()))
    assert b.given == pytest.approx(3 * a.value.rms)


def caught():
    """A model that catches what one of its modules raises."""

    def fails(self, x):
        self.a(x)
        raise ValueError

    def forward(self, x):
        try:
            self.broken(x)
        except ValueError:
            x = self.b(x)
        return torch.tanh(x)

    return two(forward, broken=Calls(fails, a=nn.Linear(4, 4)))


def test_calls_that_an_exception_ended_and_the_model_caught():
    recorder = recorded(caught(), rows(8, 4))
    by_path = {call.path: call for call in recorder.calls}
    assert by_path["broken"].value is None
    assert by_path["b"].value is not None
    assert by_path[""].value.rms == recorder.ops[-1].value.rms
    assert recorder.current == ""


def test_what_follows_them_is_their_caller_s():
    recorder = recorded(caught(), rows(8, 4))
    assert recorder.ops[-1].call.path == ""


def test_the_innermost_module_is_known_while_it_runs():
    seen = []

    def forward(self, x):
        seen.append(recorder.current)
        return x

    inner = Calls(forward)
    with recording(nn.Sequential(nn.Sequential(inner)), None, []) as recorder:
        assert recorder.current == ""
        nn.Sequential(inner)(rows(2, 2))
        assert recorder.current == ""
    assert seen == [""] or seen == ["0.0"]


# ops ----------------------------------------------------------------------------------------------


def test_ops_of_functions_are_seen_and_our_own_are_not():
    def forward(self, x):
        return torch.tanh(self.a(x)).relu() * 2

    assert ops(recorded(two(forward), rows(8, 4), batch=8)) == ["addmm", "tanh", "relu", "mul"]


def test_what_only_moves_numbers_is_none():
    def forward(self, x):
        y = x.view(4, 8).T.reshape(8, 4).contiguous()[:, :2].unsqueeze(0).expand(2, 8, 2).clone()
        return y.sum() + torch.zeros(2).sum() + torch.rand(3)[0].item()

    assert ops(recorded(Calls(forward), rows(8, 4))) == ["sum", "sum", "add", "add"]


def test_a_cast_is_seen_only_if_it_breaks_something():
    def forward(self, x):
        x.half().float()
        return (x * 1e5).half()

    recorder = recorded(Calls(forward), rows(8, 4) + 3)
    assert ops(recorder) == ["mul", "_to_copy"]
    assert recorder.ops[-1].sound_inputs
    assert recorder.ops[-1].value.inf > 0


@pytest.mark.parametrize(
    ("forward", "sound"),
    [
        (lambda self, x: torch.log(x - x), True),  # -inf
        (lambda self, x: 1 / (x - x), False),  # the reciprocal times 1
        (lambda self, x: (x - x) * math.inf, True),  # the number is no tensor
        (lambda self, x: (1 / (x - x)) * 0, False),
        (lambda self, x: (x - x).reciprocal_(), True),
        (lambda self, x: x.mul(math.inf).mul_(0), False),
        (lambda self, x: x.masked_fill(x > 0, -math.inf) * 0, True),  # a mask is sound
    ],
)
def test_whether_inputs_were_sound(forward, sound):
    recorder = recorded(Calls(forward), rows(8, 4))
    assert recorder.ops[-1].sound_inputs is sound
    assert recorder.ops[-1].value.finite < 1


def test_ops_without_a_node_have_no_number():
    def forward(self, x):
        with torch.no_grad():
            h = torch.tanh(x) + 1
        return self.a(x) + h.exp()

    recorder = recorded(two(forward), rows(8, 4))
    numbers = {op.name: op.number for op in recorder.ops}
    assert numbers["tanh"] is numbers["exp"] is None
    assert isinstance(numbers["addmm"], int)


def test_products_are_known_with_their_weights():
    def forward(self, x):
        h = nn.functional.linear(x, self.w.T) + self.scale
        return self.conv(self.a(h)[None]).sum()

    parts = {
        "w": nn.Parameter(torch.randn(4, 4)),
        "scale": nn.Parameter(torch.ones(4)),
        "conv": nn.Conv1d(8, 2, 3),
    }
    recorder = recorded(two(forward, **parts), rows(8, 4))
    found = {op.name: op.weight for op in recorder.ops}
    assert found == {
        "mm": "w",
        "add": "",
        "addmm": "a.weight",
        "convolution": "conv.weight",
        "sum": "",
    }


def test_gains_are_known_of_what_was_just_measured():
    recorder = recorded(two(lambda self, x: torch.tanh(self.a(x))), rows(8, 4))
    addmm, tanh = recorder.ops
    assert tanh.given == addmm.value.rms


def test_values_are_those_when_the_op_ran():
    def forward(self, x):
        h = self.a(x)
        h *= 0
        return h + 1

    recorder = recorded(two(forward), rows(8, 4))
    addmm, mul, add = recorder.ops
    assert recorder.calls[1].value == addmm.value
    assert addmm.value.rms > 0
    assert (mul.value.rms, add.value.rms) == (0, 1)


def test_a_tensor_that_was_changed_in_place_is_read_again():
    def forward(self, x):
        h = self.a(x)
        with torch.no_grad():
            h.fill_(7)
        return self.same(h)

    recorder = recorded(two(forward, same=nn.Identity()), rows(8, 4))
    assert recorder.calls[-1].value.rms == pytest.approx(7)


def test_a_checkpoint_is_recorded_once():
    def forward(self, x):
        return self.b(checkpoint(self.a, x, use_reentrant=False))

    run = view(lambda: two(forward), rows(8, 4)).run
    assert [call.path for call in run.calls] == ["", "a", "b"]
    assert [op.name for op in run.ops] == ["addmm", "addmm"]


def test_compiled_code_runs_op_by_op():
    compiled = []

    def backend(graph, _):
        compiled.append(graph)
        return graph

    def forward(self, x):
        return self.a(self.part(x))

    part = torch.compile(lambda x: torch.tanh(x).exp(), backend=backend)
    model = two(forward)
    model.part = part
    assert ops(recorded(model, rows(8, 4))) == ["tanh", "exp", "addmm"]
    assert compiled == []
    model(rows(8, 4))  # and compiles again afterwards
    assert len(compiled) == 1


def test_what_reads_whole_numbers_is_where_they_come_in():
    model = two(lambda self, ids: self.a(self.table[ids]), table=nn.Parameter(torch.randn(8, 4)))
    run = view(lambda: model, torch.arange(8))
    assert [site.name for site in run.trunk] == ["(model) : index", "a"]


def test_pictures_of_bytes_come_in_where_they_are_made_to_floats():
    model = two(lambda self, x: self.b(torch.tanh(self.a(x.float() / 255))))
    run = view(lambda: model, torch.arange(32, dtype=torch.uint8).reshape(8, 4))
    assert [site.name for site in run.trunk] == ["a", "(model) : tanh", "b"]


# what is left behind ------------------------------------------------------------------------------


def test_hooks_and_modes_are_off_after_it():
    before = installed()
    with recording(nn.Linear(4, 4), None, []):
        assert installed()[:2] == (before[0] + 1, before[1] + 1)
        assert installed() != before
    assert installed() == before


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_whatever_is_raised(error):
    before = installed()

    def forward(self, x):
        self.a(x)
        raise error

    with pytest.raises(error), recording(two(forward), None, []):
        two(forward)(rows(8, 4))
    assert installed() == before


def test_no_tensor_is_kept():
    kept = []

    def forward(self, x):
        h = torch.tanh(self.a(x))
        kept.append(weakref.ref(h))
        return (h * 2).detach()

    recorder = recorded(two(forward), rows(8, 4))
    gc.collect()
    assert kept[0]() is None
    assert len(recorder.ops) == 3


def test_nested_tensors_have_no_values():
    nested = torch.nested.nested_tensor([rows(3, 4), rows(5, 4)], layout=torch.jagged)
    model = nn.Linear(4, 4)
    model(nested)  # it runs
    recorder = recorded(model, nested)
    assert all(op.value is None for op in recorder.ops)


def test_a_branch_of_torch_s_own_is_refused_and_says_what_can_be_followed():
    # torch traces both branches with tensors that have no numbers
    def forward(self, x):
        return torch.cond(x.sum() > 0, lambda y: self.a(y), lambda y: self.b(y), (x,))

    model = two(forward)
    model(rows(8, 4))  # it runs
    with pytest.raises(UserCodeError) as error:
        probe(model, rows(8, 4), seeds=1)
    assert "torch.cond and its like cannot be followed" in error.value.fix
