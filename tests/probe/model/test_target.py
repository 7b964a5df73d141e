"""TARGET: what is found, what is refused, and that what a message advises helps."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from torch import nn

from initlab.errors import InputError, UnknownName, UserCodeError
from initlab.probe.model.build import make
from initlab.probe.model.target import beside, load_target

NET = """\
from torch import nn
CONFIG = {"width": 4}
class Net(nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.lin = nn.Linear(width, 2)
    def forward(self, x):
        return self.lin(x)
    @classmethod
    def small(cls):
        return cls(2)
def build():
    return Net()
"""


def refused(text, kind=InputError):
    with pytest.raises(kind) as error:
        load_target(text)
    assert error.value.exit_code == 2
    assert error.value.fix
    return error.value


def built_by(text):
    """The model of a target that a fix advises."""
    return make(load_target(text), {})


# what is found -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "width"),
    [
        ("net.py:build", 4),
        ("./net.py:build", 4),
        ("net:build", 4),
        ("net.py:Net", 4),
        ("net.py:Net.small", 2),
        ("sub/deep.py:build", 4),
        ("sub.deep:build", 4),
        ("pkg.mod:build", 4),
    ],
)
def test_files_modules_classes_and_attributes(here, text, width):
    here(net=NET, sub__deep=NET, pkg____init__="", pkg__mod=NET)
    target = load_target(text)
    assert target.text == text
    assert target.name == text.split(":")[1]
    assert target.file == (text.split(":")[0] if ".py" in text else "")
    assert make(target, {}).lin.weight.shape == (2, width)


def test_an_absolute_path_and_a_name_that_is_none_of_python(here, tmp_path):
    here(**{"my-net": NET})
    assert isinstance(built_by("my-net.py:build"), nn.Module)
    assert isinstance(built_by(f"{tmp_path}/my-net.py:build"), nn.Module)


def test_a_model_object_is_taken(here):
    here(net=NET + "model = Net(3)\n")
    assert isinstance(load_target("net.py:model").value, nn.Module)
    assert built_by("net.py:model").lin.weight.shape == (2, 3)


def test_what_lies_beside_a_file_and_in_the_current_folder_can_be_imported(here):
    here(
        sub__net="from sizes import WIDTH\nfrom common import NAME\nfrom torch import nn\n"
        "def build():\n    return nn.Linear(WIDTH, 1)\n",
        sub__sizes="WIDTH = 7\n",
        sizes="WIDTH = 1\n",
        common="NAME = 'x'\n",
    )
    assert built_by("sub/net.py:build").in_features == 7  # its own folder goes before


def test_dataclasses_and_pickles_find_their_module(here):
    here(
        net="from __future__ import annotations\nimport copy, pickle\nfrom dataclasses import"
        " dataclass\nfrom torch import nn\n@dataclass\nclass C:\n    n: int = 3\n"
        "def build():\n    return nn.Linear(pickle.loads(pickle.dumps(C())).n, 1)\n"
    )
    assert built_by("net.py:build").in_features == 3


@pytest.mark.parametrize("name", ["calendar", "random", "torch"])
def test_a_file_with_the_name_of_a_library_does_not_replace_it(here, name):
    here(**{name: NET})
    before = sys.modules.get(name)
    assert isinstance(built_by(f"{name}.py:build"), nn.Module)
    assert sys.modules.get(name) is before


def test_a_file_is_run_once_and_again_after_it_has_changed(here, capfd):
    here(net="print('run')\ndef build(): ...\ndef batch(): ...\n")
    first, second = load_target("net.py:build"), load_target("net.py:batch")
    assert first.module is second.module
    assert beside(first, "batch") is second.value
    out, err = capfd.readouterr()
    assert (out, err) == ("", "run\n")
    here(net="print('anew')\ndef build(): ...\n# longer\n")
    assert load_target("net.py:build").value is not first.value
    assert capfd.readouterr().err == "anew\n"


def test_beside_names_what_is_near(here):
    here(net=NET)
    target = load_target("net.py:Net")
    with pytest.raises(UnknownName, match="did you mean build") as error:
        beside(target, "biuld")
    assert error.value.fix == "--batch build"
    with pytest.raises(UnknownName) as error:
        beside(target, "zzz")
    assert error.value.fix == "def zzz() in net.py, to return the inputs"


# what is refused ---------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["net.py", "net.py:", "net.build", "net", "sub", "sub/", "./"])
def test_no_colon(here, text):
    here(net=NET, sub__net=NET)
    error = refused(text)
    assert "colon" in error.message or "is a folder" in error.message
    assert isinstance(built_by(error.fix), nn.Module)


def test_no_colon_and_no_such_file(here):
    here()
    assert refused("what").fix == "what:build"
    assert refused(":build").fix == "build:build"
    assert refused("").fix == "model.py:build"
    assert refused("a/b.py").fix == "a/b.py:build"


def test_the_name_that_is_suggested_is_one_of_the_file(here):
    here(net="class Part: ...\nclass GPT: ...\n_x = 1\n")
    assert refused("net.py").fix == "net.py:GPT"
    here(net="def build_model(): ...\nclass GPT: ...\n")
    assert refused("net.py").fix == "net.py:build_model"
    here(net="def f(:\n")
    assert refused("net.py").fix == "net.py:build"


def test_a_name_that_is_none_of_python(here):
    here(net=NET)
    error = refused("net.py:build()")
    assert "no name of Python" in error.message
    assert isinstance(built_by(error.fix), nn.Module)


def test_no_such_file(here, tmp_path):
    here(net=NET, sub__model=NET)
    error = refused("nte.py:build")
    assert f"nte.py: no such file in {tmp_path}; did you mean net.py?" in error.message
    assert isinstance(built_by(error.fix), nn.Module)
    assert isinstance(built_by(refused("sub/modle.py:build").fix), nn.Module)
    assert "did you mean" not in refused("nowhere/quite_else.py:build").message


@pytest.mark.parametrize("text", ["sub/:build", "./sub:build", "sub:build", ".:build", "pkg/:Net"])
def test_a_folder(here, text):
    here(net=NET, sub__other="x = 1\n", sub__zoo=NET, pkg____init__=NET)
    error = refused(text)
    assert "is a folder, and a file is needed" in error.message
    assert isinstance(built_by(error.fix), nn.Module)


@pytest.mark.parametrize(
    ("file", "said", "fix"),
    [
        ("w.pt", "holds weights", "model.py:build --checkpoint w.pt"),
        ("w.safetensors", "holds weights", "model.py:build --checkpoint w.safetensors"),
        ("net.ipynb", "is a notebook", "jupyter nbconvert --to script net.ipynb"),
        ("net.txt", "is no file of Python", "model.py:build"),
    ],
)
def test_a_file_of_another_kind(here, file, said, fix):
    (here() / file).write_text("{}")
    error = refused(f"{file}:build")
    assert said in error.message
    assert error.fix == fix


def test_no_such_module(here, tmp_path):
    here(net=NET)
    error = refused("nett:build")
    assert f"there is no module 'nett' in {tmp_path} or {sys.prefix}" in error.message
    assert "did you mean net?" in error.message
    assert isinstance(built_by(error.fix), nn.Module)
    error = refused("quite.other:build")
    assert "there is no module 'quite'" in error.message
    assert error.fix == "path/to/quite/other.py:build"


def test_a_module_below_the_current_folder_is_meant_as_a_file(here):
    here(src__deep__zoo=NET)
    error = refused("zoo:build")
    assert error.fix == "src/deep/zoo.py:build"
    assert isinstance(built_by(error.fix), nn.Module)


def test_a_package_without_that_module(here):
    here(pkg____init__="", pkg__model=NET)
    error = refused("pkg.modle:build")
    assert "there is no module 'modle' in pkg; did you mean model?" in error.message
    assert isinstance(built_by(error.fix), nn.Module)


def test_a_class_is_no_module(here):
    here(net=NET)
    error = refused("net.Net:small")
    assert "Net is no module; net has that name" in error.message
    assert isinstance(built_by(error.fix), nn.Module)
    assert isinstance(built_by(refused("net.build:build").fix), nn.Module)


@pytest.mark.parametrize("text", ["net.py:build", "net:build"])
def test_a_module_that_their_code_imports_and_that_is_not_there(here, text):
    here(net="import numpy\nimport not_there.sub\n")
    error = refused(text, UserCodeError)
    assert "importing net" in error.message
    assert "your code raised ModuleNotFoundError: No module named 'not_there'" in error.message
    assert error.frames[-1] == "net.py:2: import not_there.sub"
    assert "install the package that has 'not_there'" in error.fix


def test_a_module_that_lies_elsewhere_is_found_and_the_advice_helps(here, tmp_path):
    here(deep__sub__net=f"import shared_parts\n{NET}", deep__shared_parts="")
    error = refused("deep/sub/net.py:build", UserCodeError)
    assert error.fix == f"PYTHONPATH={tmp_path}/deep initlab probe deep/sub/net.py:build"
    assert follow(error.fix).stdout == "Net\n"


def follow(fix):
    """Load the target of "PYTHONPATH=... initlab probe TARGET" in another process."""
    setting, _, _, target = shlex.split(fix)
    code = "import sys; from initlab.probe.model.target import load_target\n"
    code += "from initlab.probe.model.build import make\n"
    code += "print(type(make(load_target(sys.argv[1]), {})).__name__)"
    path = f"{setting.partition('=')[2]}:{Path(__file__).parents[2]}"
    return subprocess.run(
        [sys.executable, "-c", code, target],
        env={"PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )


def test_relative_imports_need_the_package(here, tmp_path):
    here(
        pkg____init__="",
        pkg__net=f"from . import parts\n{NET}",
        pkg__parts="",
        out__pkg2__net2=f"from .parts import x\n{NET}",
        out__pkg2__parts="x = 1\n",
    )
    error = refused("pkg/net.py:build", UserCodeError)
    assert "relative import" in error.message
    assert error.fix == "pkg.net:build"
    assert isinstance(built_by(error.fix), nn.Module)
    error = refused("out/pkg2/net2.py:build", UserCodeError)
    assert error.fix == f"PYTHONPATH={tmp_path}/out initlab probe pkg2.net2:build"
    assert follow(error.fix).stdout == "Net\n"


@pytest.mark.parametrize(
    ("source", "said", "frame"),
    [
        ("x = 1\n1 / 0\n", "ZeroDivisionError: division by zero", "net.py:2: 1 / 0"),
        ("x = (\n", "SyntaxError: '(' was never closed", "net.py:1: x = ("),
        ("import sys\nsys.exit(3)\n", "sys.exit(3)", "net.py:2: sys.exit(3)"),
        ("import part\n", "ValueError", "part.py:2 in f: raise ValueError"),
        ("from torch import nothing\n", "ImportError", "net.py:1: from torch import nothing"),
    ],
)
@pytest.mark.parametrize("text", ["net.py:build", "net:build"])
def test_what_raises_while_it_is_imported(here, text, source, said, frame):
    here(net=source, part="def f():\n    raise ValueError\nf()\n")
    with pytest.raises(UserCodeError) as error:
        load_target(text)
    assert said in error.value.message
    assert frame in error.value.frames
    assert "net" not in sys.modules


def test_a_script_that_ends_is_told_how_not_to(here):
    here(net=f"{NET}import sys\nsys.exit()\n")
    error = refused("net.py:build", UserCodeError)
    assert '`if __name__ == "__main__":`' in error.fix
    here(net=f'{NET}import sys\nif __name__ == "__main__":\n    sys.exit()\n')
    assert isinstance(built_by("net.py:build"), nn.Module)


@pytest.mark.parametrize("text", ["net.py:build", "net:build"])
def test_ctrl_c_while_it_is_imported_passes(here, text):
    here(net="raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        load_target(text)
    assert "net" not in sys.modules


@pytest.mark.parametrize("name", ["biuld", "BUILD", "Build"])
def test_no_such_name(here, name):
    here(net=NET)
    error = refused(f"net.py:{name}", UnknownName)
    assert f"unknown name in net.py: {name!r}; did you mean build?" in error.message
    assert isinstance(built_by(error.fix), nn.Module)


def test_no_such_attribute_of_a_class_and_no_name_that_is_near(here):
    here(net=NET)
    error = refused("net.py:Net.smal", UnknownName)
    assert error.fix == "net.py:Net.small"
    assert isinstance(built_by(error.fix), nn.Module)
    assert refused("net.py:zzz", UnknownName).fix == "net.py:build"
    here(net="x = 1\n")
    assert "did you mean" not in refused("net.py:zzz", UnknownName).message


def test_a_property_that_raises_is_theirs(here):
    here(
        net="class T(type):\n    @property\n    def made(cls):\n        raise ValueError('no')\n"
        "class C(metaclass=T): ...\n"
    )
    with pytest.raises(
        UserCodeError, match=r"reading net\.py:C\.made: your code raised ValueError"
    ):
        load_target("net.py:C.made")


def test_neither_a_function_nor_a_model(here):
    here(net=NET)
    error = refused("net.py:CONFIG", UserCodeError)
    assert "net.py:CONFIG: is of type dict, neither a function that builds a model" in error.message
    assert isinstance(built_by(error.fix), nn.Module)
    assert "is of type module" in refused("net.py:nn", UserCodeError).message


def test_a_file_that_may_not_be_read(here, monkeypatch):
    here(net=NET)
    monkeypatch.setattr("os.access", lambda *_: False)  # root may read any
    assert refused("net.py:build").fix == "chmod u+r net.py"


def test_nothing_is_imported_twice_by_a_failure(here):
    here(net="raise ValueError\n")
    for _ in range(2):
        with pytest.raises(UserCodeError):
            load_target("net.py:build")
    here(net=NET + "# mended\n")
    assert isinstance(built_by("net.py:build"), nn.Module)
