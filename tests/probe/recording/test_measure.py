"""A run of a model: measuring changes nothing in it, and leaves nothing behind."""

import random

import numpy as np
import pytest
import torch
from probe_runs import Calls, of_case, plain, rows, setup_of, view
from probe_traps import COMPILED, TRAPS
from probed.healthy import HEALTHY
from torch import nn

from initlab.errors import InputError, UserCodeError
from initlab.probe.batch.inputs import Inputs
from initlab.probe.recording.measure import measure, patched, seed_all, untouched
from initlab.probe.recording.outputs import named_tensors

SLOW = {"gpt_pre48", "resnet56_zero_gamma"}
EVERY = [case for case in (*HEALTHY, *TRAPS, *COMPILED) if case.name not in SLOW]


def same(a, b):
    """Equal bit for bit, nan too."""
    return a.dtype == b.dtype and torch.equal(torch.nan_to_num(a), torch.nan_to_num(b))


def close(a, b):
    return torch.allclose(a, b, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("case", EVERY, ids=lambda case: case.name)
def test_outputs_losses_and_gradients_are_those_of_a_plain_run(case):
    run, expected = of_case(case).run, plain(case)
    assert same(run.output, expected.output)
    value = None if run.value is None else run.value.value
    assert value == expected.loss
    theirs = dict(expected.model.named_parameters())
    own = dict(run.model.named_parameters())
    assert own.keys() == theirs.keys()
    for name, p in own.items():
        assert same(p, theirs[name]), name
        assert (p.grad is None) == (theirs[name].grad is None), name
        # TorchScript takes another way back where a mode is on, which rounds in another place
        equal = close if case.name == "scripted" else same
        assert p.grad is None or equal(p.grad, theirs[name].grad), name
    for (name, ours), (_, other) in zip(
        run.model.named_buffers(), expected.model.named_buffers(), strict=True
    ):
        assert same(ours, other), name  # batch norm has seen the batch once


def test_a_seed_draws_model_batch_and_forward_pass():
    def build():
        return nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5))

    def drawn(seed):
        run = view(build, lambda: torch.randn(8, 4), seed).run
        return [run.model[0].weight, run.inputs[0], run.output]

    first, again, other = drawn(0), drawn(0), drawn(1)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(first, other, strict=True))


def test_python_and_numpy_are_seeded_too():
    def draw():
        numbers = random.random(), float(np.random.rand()), float(torch.rand(()))  # noqa: NPY002, S311
        return list(numbers)

    with untouched():
        seed_all(3)
        first = draw()
        seed_all(3)
        assert draw() == first


def test_the_forward_pass_draws_the_same_whatever_the_build_has_drawn():
    # so that a patch, or other weights, leave dropout's masks and the batch as they are
    def build(n):
        torch.randn(n)
        return nn.Dropout(0.5)

    first, second = (view(lambda n=n: build(n), lambda: torch.randn(8, 4)).run for n in (0, 9))
    assert torch.equal(first.output, second.output)


# how it is run ------------------------------------------------------------------------------------


def mode_of(train):
    model = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5))
    run = view(lambda: model, rows(8, 4), train=train).run
    return run.model.training, int((run.output == 0).sum())


def test_train_and_eval():
    assert mode_of(False) == (False, 0)
    training, dropped = mode_of(True)
    assert training
    assert dropped > 0


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
def test_model_and_inputs_have_the_dtype_that_is_asked_for(dtype):
    model = Calls(lambda self, x, ids: self.a(x) + ids[:, None], a=nn.Linear(4, 4))
    run = view(lambda: model, (rows(8, 4), torch.arange(8)), dtype=dtype).run
    assert (run.output.dtype, run.inputs[0].dtype) == (dtype, dtype)
    assert len(run.inputs) == 1  # ids stay whole numbers


def test_autocast():
    run = view(lambda: nn.Linear(4, 4), rows(8, 4), autocast=torch.bfloat16).run
    assert run.output.dtype == torch.bfloat16
    assert run.model.weight.grad.dtype == torch.float32
    assert not torch.is_autocast_enabled("cpu")


def test_an_output_by_name():
    def forward(self, x):
        return {"a": self.a(x), "b": self.a(x) * 2}

    model = Calls(forward, a=nn.Linear(4, 4))
    assert view(lambda: model, rows(8, 4)).run.name == "a"
    run = view(lambda: model, rows(8, 4), output="b").run
    assert run.name == "b"
    assert torch.equal(run.output, 2 * model.a(run.inputs[0]))
    with pytest.raises(InputError, match="'c'"):
        view(lambda: model, rows(8, 4), output="c")


def test_no_output_with_a_gradient():
    run = view(lambda: Calls(lambda self, x: x.argmax(-1)), rows(8, 4)).run
    assert (run.output, run.graph, run.gradients) == (None, {}, {})


def test_patches_come_one_after_the_other_and_before_the_run():
    def double(model):
        model.weight.mul_(2)

    def plus(model):
        model.weight.add_(1)

    setup = setup_of(lambda: nn.Linear(4, 4), rows(8, 4))
    with untouched():
        before = measure(setup, 0).model.weight
        after = measure(patched(patched(setup, double), plus), 0).model.weight
    assert torch.equal(after, 2 * before + 1)
    assert after.requires_grad


def test_gradients_that_the_build_left_are_gone():
    def build():
        model = nn.Linear(4, 4)
        model.weight.grad = torch.full((4, 4), 1e6)
        return model

    assert float(view(build, rows(8, 4)).run.model.weight.grad.abs().max()) < 10


@pytest.mark.parametrize(
    "forward",
    [
        lambda self, x: self.a(x.requires_grad_(False)),
        lambda self, x: self.a(x.mul_(2)),
    ],
    ids=["asks for no gradient", "changed in place"],
)
def test_models_that_forbid_to_follow_their_input(forward):
    # both raise if the input asks for a gradient, as wav2vec2's feature extractor does
    run = view(lambda: Calls(forward, a=nn.Linear(4, 4)), rows(8, 4))
    assert run.run.inputs == []
    assert [site.name for site in run.trunk] == ["a"]


def test_what_the_batch_s_function_holds_is_not_changed():
    x = rows(8, 4)
    kept = x.clone()
    view(lambda: Calls(lambda self, x: self.a(x.mul_(2)), a=nn.Linear(4, 4)), (x,))
    assert torch.equal(x, kept)
    assert x.grad is None
    assert not x.requires_grad


def test_parameters_that_are_used_are_those_of_any_output():
    def forward(self, x):
        return {"y": self.a(x), "other": self.b(x)}

    model = Calls(forward, a=nn.Linear(4, 4), b=nn.Linear(4, 4), c=nn.Linear(4, 4))
    run = view(lambda: model, rows(8, 4)).run
    used = {name for name, p in run.model.named_parameters() if id(p) in run.used}
    assert used == {"a.weight", "a.bias", "b.weight", "b.bias"}


# what is raised -----------------------------------------------------------------------------------


def broken(self, x):
    raise ValueError("in forward")


class Breaks(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 1

    @staticmethod
    def backward(ctx, g):
        raise ValueError("in backward")


def no_build():
    raise ValueError("in build")


def test_what_the_forward_pass_raises_names_the_module():
    model = nn.Sequential(nn.Linear(4, 4), Calls(broken))
    with pytest.raises(UserCodeError, match=r"in forward.*\(in 1\)") as error:
        view(lambda: model, rows(8, 4))
    assert error.value.module == "1"


def test_what_the_backward_pass_raises():
    model = Calls(lambda self, x: Breaks.apply(self.a(x)), a=nn.Linear(4, 4))
    with pytest.raises(UserCodeError, match=r"running the model backward.*in backward"):
        view(lambda: model, rows(8, 4))


# what is left behind ------------------------------------------------------------------------------


def state():
    return {
        "python": random.getstate(),
        "numpy": np.random.get_state()[1].tolist(),  # noqa: NPY002  # the global one
        "torch": torch.get_rng_state().tolist(),
        "dtype": torch.get_default_dtype(),
        "grad": torch.is_grad_enabled(),
        "inference": torch.is_inference_mode_enabled(),
        "threads": torch.get_num_threads(),
    }


def disturb():
    seed_all(99)
    torch.set_default_dtype(torch.float64)
    torch.set_grad_enabled(False)


def interrupted():
    disturb()
    raise KeyboardInterrupt


def test_generators_modes_and_defaults_are_as_before():
    before = state()
    with untouched():
        assert torch.is_grad_enabled()
        disturb()
    assert state() == before
    with pytest.raises(KeyboardInterrupt), untouched():
        interrupted()
    assert state() == before


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_gradients_are_on_wherever_it_is_called(mode):
    x = rows(8, 4)
    with mode():
        before = state()
        run = view(lambda: nn.Linear(4, 4), x).run
        assert run.output.grad_fn is not None
        assert state() == before


def test_the_batch_may_be_of_inference_mode():
    with torch.inference_mode():
        x = rows(8, 4) * 1
    assert view(lambda: nn.Linear(4, 4), x).trunk


def test_a_part_under_inference_mode():
    def forward(self, x):
        with torch.inference_mode():
            h = self.a(x)
        return self.b(x + h.clone())

    model = Calls(forward, a=nn.Linear(4, 4), b=nn.Linear(4, 4))
    model(rows(8, 4))  # it runs
    assert view(lambda: model, rows(8, 4)).trunk[-1].name == "b"


def test_a_sparse_input():
    model = Calls(lambda self, x, a: torch.sparse.mm(a, self.a(x)), a=nn.Linear(4, 4))
    batch = rows(8, 4), torch.eye(8).to_sparse()
    model(*batch)  # it runs
    assert view(lambda: model, batch).trunk


def test_inputs_are_leaves():
    run = view(
        lambda: nn.Linear(4, 4), lambda: {"input": torch.randn(8, 4, requires_grad=True)}
    ).run
    (x,) = run.inputs
    assert x.is_leaf
    assert x.grad is not None


def test_tensors_within_lists_are_followed_too():
    model = Calls(lambda self, xs: self.a(xs[0] + xs[1]["x"]), a=nn.Linear(4, 4))
    run = view(lambda: model, ([rows(8, 4), {"x": rows(8, 4)}],)).run
    assert len(run.inputs) == 2
    drawn = Inputs.of(([rows(8, 4)],)).draw(0)
    assert [name for name, _ in named_tensors(drawn)] == ["0.0.0"]
