"""Checkpoints: every form that is loaded, and what is said of those that are not."""

import pickle
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import nn

from initlab.errors import InputError, UserCodeError
from initlab.probe.model import saved
from initlab.probe.model.checkpoint import load_checkpoint


class Net(nn.Module):
    def __init__(self, width=4, tied=False):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(width, width), nn.BatchNorm1d(width))
        self.head = nn.Linear(width, width, bias=False)
        if tied:
            self.head.weight = self.body[0].weight


class Wrapper(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.backbone = inner


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def state(model=None):
    return (model or Net()).state_dict()


def write(value, name="w.pt", **options):
    torch.save(value, name, **options)
    return name


def loads(model, path, expected):
    """Whether a checkpoint gives a model these values; what was told."""
    notes = load_checkpoint(model, path)
    own = model.state_dict()
    assert all(torch.equal(own[name], value) for name, value in expected.items())
    return notes


def refused(path, model=None, kind=InputError):
    with pytest.raises(kind) as error:
        load_checkpoint(model or Net(), path)
    assert error.value.message.startswith(f"--checkpoint {path}")
    assert error.value.fix
    return error.value


@pytest.mark.parametrize("name", ["w.pt", "w.pth", "w.bin", "w"])
@pytest.mark.parametrize("zipped", [True, False])
def test_a_state_dict_of_torch_in_both_of_its_formats(name, zipped):
    of = state()
    write(of, name, _use_new_zipfile_serialization=zipped)
    assert loads(Net(), name, of) == []


@pytest.mark.parametrize("key", ["state_dict", "model", "model_state_dict"])
def test_a_state_dict_among_other_things(key):
    of = state()
    write({"epoch": 3, key: of, "loss": torch.tensor(0.5), "optimizer": {"state": {}}})
    assert loads(Net(), "w.pt", of) == [f"--checkpoint w.pt: its weights are those under {key!r}"]


def test_a_model_whose_part_is_called_model():
    class Outer(nn.Module):
        def __init__(self):
            super().__init__()
            self.model = nn.Linear(2, 2)

    of = state(Outer())
    assert loads(Outer(), write(of), of) == []


@pytest.mark.parametrize(
    "prefix", ["module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module."]
)
def test_what_wrappers_put_before_names_is_taken_off(prefix):
    of = state()
    write({prefix + name: value for name, value in of.items()})
    notes = loads(Net(), "w.pt", of)
    assert len(notes) == prefix.count(".")
    assert ("torch.compile" in " ".join(notes)) == ("_orig_mod" in prefix)
    assert ("DataParallel" in " ".join(notes)) == ("module." in prefix)


def test_a_part_that_was_compiled():
    model = Net()
    of = state(model)
    model.body[0] = torch.compile(model.body[0], backend="eager")
    assert "body.0._orig_mod.weight" in model.state_dict()
    assert len(loads(Net(), write(model.state_dict()), of)) == 1


def test_a_prefix_that_is_the_model_s_own_stays():
    class Outer(nn.Module):
        def __init__(self):
            super().__init__()
            self.module = nn.Linear(2, 2)

    of = state(Outer())
    assert loads(Outer(), write(of), of) == []


def test_safetensors_with_a_tied_matrix_that_it_leaves_out():
    of = {k: v.contiguous() for k, v in state(Net(tied=True)).items() if k != "head.weight"}
    Path("w.safetensors").write_bytes(safetensors.torch.save(of))
    model = Net(tied=True)
    assert loads(model, "w.safetensors", of) == []
    assert torch.equal(model.head.weight, of["body.0.weight"])


def test_without_the_package_safetensors(monkeypatch):
    def missing(name):
        raise ImportError(name)

    Path("w.safetensors").write_bytes(b"\x02\0\0\0\0\0\0\0{}")
    monkeypatch.setattr(saved.importlib, "import_module", missing)
    error = refused("w.safetensors")
    assert "the package safetensors is not installed" in error.message
    assert error.fix == "pip install safetensors"


def test_names_that_differ_are_listed_three_of_each():
    of = {f"other.{k}": torch.ones(1) for k in range(5)} | {"head.weight": torch.ones(4, 4)}
    error = refused(write(of))
    assert "it lacks body.0.weight, body.0.bias, body.1.weight and 3 more" in error.message
    assert "it has other.0, other.1, other.2 and 2 more, which the model has not" in error.message
    assert "TARGET and --kwargs" in error.fix


def test_shapes_that_differ():
    error = refused(write(state(Net(8))))
    assert "head.weight is 8x8, the model's 4x4" not in error.message  # the fourth
    assert "body.0.weight is 8x8, the model's 4x4" in error.message
    assert "and 4 more" in error.message
    assert loads(Net(8), "w.pt", {}) == []  # the sizes that it was made with


@pytest.mark.parametrize("wrapped", ["", "module."])
@pytest.mark.parametrize("key", ["", "state_dict"])
def test_another_prefix_is_taken_off_by_the_code_of_the_fix(wrapped, key):
    of = state()
    named = {f"{wrapped}backbone.{name}": value for name, value in of.items()}
    error = refused(write({key: named} if key else named))
    exec(error.fix)  # noqa: S102
    assert loads(Net(), "w_renamed.pt", of) == []


@pytest.mark.parametrize("wrapped", ["", "module."])
def test_a_prefix_that_the_model_has_is_added_by_the_code_of_the_fix(wrapped):
    of = state()
    error = refused(write({wrapped + name: v for name, v in of.items()}), Wrapper(Net()))
    exec(error.fix)  # noqa: S102
    expected = {f"backbone.{name}": value for name, value in of.items()}
    assert loads(Wrapper(Net()), "w_renamed.pt", expected) == []


def test_the_fix_of_safetensors():
    of = state()
    safetensors.torch.save_file({f"net.{name}": v for name, v in of.items()}, "w.safetensors")
    error = refused("w.safetensors")
    exec(error.fix)  # noqa: S102
    assert loads(Net(), "w_renamed.pt", of) == []


def test_names_that_the_model_itself_renames():
    class Renames(nn.Linear):
        def _load_from_state_dict(self, state_dict, prefix, *args):
            state_dict[f"{prefix}weight"] = state_dict.pop(f"{prefix}w")
            super()._load_from_state_dict(state_dict, prefix, *args)

    weight, bias = torch.randn(2, 2), torch.randn(2)
    write({"w": weight, "bias": bias})
    assert loads(Renames(2, 2), "w.pt", {"weight": weight, "bias": bias}) == []


def test_a_lazy_model_gets_its_shapes_from_it():
    of = state(nn.Linear(3, 2))
    assert loads(nn.LazyLinear(2), write(of), of) == []


def test_what_its_loading_raises_is_theirs():
    class Raises(Net):
        def load_state_dict(self, *args, **kwargs):
            raise ValueError("no")

    with pytest.raises(UserCodeError, match=r"loading w\.pt: your code raised ValueError: no"):
        load_checkpoint(Raises(), write(state()))


@pytest.mark.parametrize(
    ("value", "said", "fix"),
    [
        ([torch.ones(1)], "holds something of type list, and no state dict", "model.state_dict()"),
        ({}, "holds no state dict, but nothing", "model.state_dict()"),
        ({"a": 1, "b": 2}, "holds no state dict, but a, b", "model.state_dict()"),
        ({"generator": {"w": torch.ones(1)}}, "but generator", 'checkpoint["generator"]'),
        (nn.Linear(2, 2), "holds torch.nn.modules.linear.Linear", "model.state_dict()"),
    ],
)
def test_no_state_dict(value, said, fix):
    error = refused(write(value))
    assert said in error.message
    assert fix in error.fix


def test_the_fix_of_a_checkpoint_of_several_models_helps():
    of = state()
    checkpoint = {"generator": of, "critic": of}
    model = Net()
    error = refused(write(checkpoint))
    exec(error.fix, {"torch": torch, "checkpoint": checkpoint})  # noqa: S102
    assert loads(model, "weights.pt", of) == []


class Evil:
    def __reduce__(self):
        return (Path.touch, (Path("ran"),))


@pytest.mark.parametrize("zipped", [True, False])
def test_no_pickle_is_run(zipped):
    write({"w": Evil()}, _use_new_zipfile_serialization=zipped)
    assert "not loaded: only tensors and plain values are" in refused("w.pt").message
    Path("w.pt").write_bytes(pickle.dumps(Evil()))
    assert "not loaded" in refused("w.pt").message
    assert not Path("ran").exists()


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_a_program_of_torchscript():
    torch.jit.save(torch.jit.trace(nn.Linear(2, 2), torch.ones(1, 2)), "w.pt")
    assert "is a TorchScript program" in refused("w.pt").message


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is no file of kind"),
        (b"plain text", "is no file of kind"),
        (b"PK\x03\x04 no zip", "cannot be read"),
        (b"\x80\x02 no pickle", "not loaded"),
        (b"\xff\xff\xff\xff\xff\xff\xff\x7f{", "cannot be read"),
    ],
)
def test_a_broken_file(content, said):
    Path("w.pt").write_bytes(content)
    assert said in refused("w.pt").message


def test_no_file():
    assert "no such file" in refused("none.pt").message
    Path("folder.pt").mkdir()
    assert "is a folder" in refused("folder.pt").message
    assert "is a device" in refused("/dev/null").message
