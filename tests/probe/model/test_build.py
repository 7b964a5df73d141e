"""Building the user's model: arguments before, what is returned after."""

import functools
import shlex

import pytest
import torch
from torch import nn

from initlab.errors import InputError, UnknownName, UserCodeError
from initlab.probe.model.build import built, kwargs_of, make
from initlab.probe.model.target import load_target


class Net(nn.Module):
    def __init__(self, n_layer: int, width: int = 4, *, bias: "bool" = True, name=None):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(width, width, bias=bias) for _ in range(n_layer))


def small():
    return Net(1)


def refused(build, kwargs=None, kind=InputError, **options):
    with pytest.raises(kind) as error:
        built(build, kwargs, **options)
    assert error.value.exit_code == 2
    assert error.value.fix
    return error.value


def followed(error, build):
    """The model that a fix with --kwargs leads to."""
    option, text = shlex.split(error.fix)
    assert option == "--kwargs"
    return built(build, kwargs_of(text))


@pytest.mark.parametrize("build", [small, lambda: Net(1), functools.partial(Net, 1)])
def test_what_builds_a_model(build):
    assert len(built(build).layers) == 1


def test_arguments_are_given():
    assert len(built(Net, {"n_layer": 3, "bias": False}).layers) == 3


def test_a_model_is_copied_with_nothing_shared():
    model = Net(2)
    copied = built(model)
    assert copied is not model
    assert torch.equal(copied.layers[1].weight, model.layers[1].weight)
    own = {p.data_ptr() for p in model.parameters()}
    assert not own & {p.data_ptr() for p in copied.parameters()}


def test_compiled_models_and_parts_are_taken_out():
    inner = nn.Sequential(nn.Linear(2, 2), torch.compile(nn.Linear(2, 3), backend="eager"))
    model = built(lambda: torch.compile(inner, backend="eager"))
    assert model is inner
    assert list(model.state_dict()) == ["0.weight", "0.bias", "1.weight", "1.bias"]
    assert built(torch.compile(nn.Linear(2, 3), backend="eager")).weight.shape == (3, 2)
    assert model(torch.ones(1, 2)).shape == (1, 3)


def test_arguments_that_are_lacking():
    error = refused(Net, name="net.py:Net", option="--kwargs")
    assert error.message == "net.py:Net: needs values for n_layer"
    assert error.fix == "--kwargs '{n_layer: 2}'"
    assert len(followed(error, Net).layers) == 2


def test_those_that_were_given_stay_in_the_fix():
    def build(n: int, scale: float, flag: "bool", word: str, what):
        return nn.Linear(n, 1)

    given = {"n": 3, "scale": 0.5}
    error = refused(build, given, option="--kwargs")
    assert error.fix == "--kwargs '{n: 3, scale: 0.5, flag: true, word: NAME, what: VALUE}'"
    assert followed(error, build).in_features == 3


def test_from_python_the_fix_is_python():
    error = refused(Net)
    assert error.message == "Net: needs values for n_layer"
    assert error.fix == "a function without arguments: def build(): return Net(n_layer=...)"
    assert "--kwargs" not in str(refused(Net, {"n_layers": 1}, UnknownName))


def test_an_argument_that_is_not_taken():
    error = refused(Net, {"n_layers": 1}, UnknownName, name="net.py:Net", option="--kwargs")
    assert error.message == ("unknown argument of net.py:Net: 'n_layers'; did you mean n_layer?")
    assert error.fix == "--kwargs '{n_layer: VALUE}'"


def test_no_arguments_at_all():
    error = refused(small, {"n": 1}, option="--kwargs")
    assert error.message.endswith("takes no arguments, and n was given")
    assert error.fix == "leave out --kwargs"


def test_any_keyword_is_left_to_who_takes_any():
    def build(**kwargs):
        return nn.Linear(**kwargs)

    assert built(build, {"in_features": 2, "out_features": 1}).in_features == 2


def test_by_place_alone():
    def build(n, /):
        return nn.Linear(n, 1)

    error = refused(build)
    assert "takes n by place alone" in error.message
    assert "def build(): return" in error.fix


def test_a_model_takes_no_arguments():
    error = refused(nn.Linear(2, 2), {"n": 1}, option="--kwargs")
    assert "is a model that is built already" in error.message
    assert error.fix == "leave out --kwargs"


async def later():
    return Net(1)


@pytest.mark.parametrize(
    ("build", "said", "fix"),
    [
        (lambda: None, "returned None", "return the model"),
        (
            lambda: {"a": 1},
            "returned something of type dict, not an nn.Module",
            "return an nn.Module",
        ),
        (
            lambda: (Net(1), 3),
            "returned something of type tuple (Net, int)",
            "return the model alone",
        ),
        (
            lambda: [1] * 9,
            "returned something of type list (int, int, int, int, ...)",
            "return an nn.Module",
        ),
        (lambda: Net, "returned the class Net", "return an instance: Net(...)"),
        (later, "returned something of type coroutine", "return an nn.Module"),
    ],
)
def test_what_is_returned_is_no_model(build, said, fix):
    error = refused(build, kind=UserCodeError, name="net.py:build")
    assert f"net.py:build: {said}" in error.message
    assert error.fix == fix


def test_neither_a_function_nor_a_model():
    assert "is of type dict, neither" in refused({}, kind=UserCodeError).message


def test_what_it_raises_is_theirs(here):
    here(net="from torch import nn\ndef build(n=1):\n    raise ValueError('n is odd')\n")
    with pytest.raises(UserCodeError) as error:
        make(load_target("net.py:build"), {"n": 3})
    assert str(error.value) == (
        "building net.py:build: your code raised ValueError: n is odd\n"
        "  net.py:3 in build: raise ValueError('n is odd')"
    )


def test_a_wrong_call_within_it_is_no_wrong_call_of_it(here):
    here(net="from torch import nn\ndef build():\n    return nn.Linear(3)\n")
    with pytest.raises(UserCodeError, match="your code raised TypeError") as error:
        make(load_target("net.py:build"), {})
    assert error.value.frames == ("net.py:3 in build: return nn.Linear(3)",)


def test_sys_exit_and_ctrl_c(here):
    here(
        net="import sys\ndef build():\n    sys.exit(1)\ndef stop():\n    raise KeyboardInterrupt\n"
    )
    with pytest.raises(UserCodeError, match=r"sys.exit\(1\)"):
        make(load_target("net.py:build"), {})
    with pytest.raises(KeyboardInterrupt):
        make(load_target("net.py:stop"), {})


def test_a_model_that_cannot_be_copied():
    model = nn.Linear(2, 2)
    model.kept = model(torch.ones(1, 2))  # has a history
    error = refused(model, kind=UserCodeError)
    assert "copying Linear: your code raised RuntimeError" in error.message
    assert "give a function that builds it" in error.fix


# --kwargs ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", {}),
        (" ", {}),
        ("{}", {}),
        ("{n_layer: 48, use_cache: false}", {"n_layer": 48, "use_cache": False}),
        ("n_layer: 48", {"n_layer": 48}),
        ("{lr: 1e-3, name: no, none: null}", {"lr": 1e-3, "name": "no", "none": None}),
        ("{sizes: [1, 2], inner: {a: 1}}", {"sizes": [1, 2], "inner": {"a": 1}}),
    ],
)
def test_kwargs_are_yaml(text, value):
    assert kwargs_of(text) == value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[1, 2]", "is no mapping of names to values"),
        ("48", "is no mapping"),
        ("n_layer=48", "is no mapping"),
        ("{n_layer:48}", "needs a space after the colon of n_layer:48"),
        ("{n-layer: 48}", "'n-layer' is no name of an argument"),
        ("{1: 2}", "'1' is no name of an argument"),
        ("{a: 1, a: 2}", "stands twice"),
        ("{a: !!python/object/apply:os.system ['true']}", "has the tag"),
        ("!!python/name:os.system", "has the tag"),
        ("{a: 1", "is not a YAML value"),
        ("{[a]: 1}", "a key must be a word"),
    ],
)
def test_kwargs_that_are_none(text, said):
    with pytest.raises(InputError) as error:
        kwargs_of(text)
    assert said in error.value.message
    assert error.value.message.startswith("--kwargs")
    option, fixed = shlex.split(error.value.fix)
    assert option == "--kwargs"
    assert kwargs_of(fixed)["n_layer"] == 48
