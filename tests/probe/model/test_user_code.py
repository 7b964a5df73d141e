"""What the user's code raises and prints, as it is shown."""

import sys
import warnings
from pathlib import Path

import pytest
import torch
from torch import nn

from initlab.errors import InitlabError, InputError, UserCodeError
from initlab.probe.model import user_code as module
from initlab.probe.model.user_code import in_one_line, user_code


@pytest.fixture
def functions(tmp_path, monkeypatch):
    """Runs a file of the user's, and gives what it defines."""
    monkeypatch.chdir(tmp_path)
    # the lines of this file are none of the user's
    monkeypatch.setattr(module, "OURS", (*module.OURS, str(Path(__file__).parent)))

    def run(source, name="net.py"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
        namespace = {"__name__": "net", "nn": nn, "torch": torch}
        exec(compile(source, str(path), "exec"), namespace)  # noqa: S102
        return namespace

    return run


def raised(function, doing="running the model", **options):
    with pytest.raises(UserCodeError) as error, user_code(doing, **options):
        function()
    return error.value


def test_what_it_raises_is_shown_as_theirs_with_its_last_line(functions):
    net = functions("def f():\n    return g()\n\ndef g():\n    raise KeyError('width')\n")
    error = raised(net["f"])
    assert error.exit_code == 2
    assert str(error) == (
        "running the model: your code raised KeyError: 'width'\n"
        "  net.py:2 in f: return g()\n"
        "  net.py:5 in g: raise KeyError('width')"
    )
    assert isinstance(error.__cause__, KeyError)


def test_frames_of_torch_are_left_out_and_the_module_is_named(functions):
    net = functions(
        "class Net(nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.lin = nn.Linear(4, 2)\n"
        "    def forward(self, x):\n"
        "        return self.lin(x)\n"
    )
    model = net["Net"]()
    error = raised(lambda: model(torch.ones(2, 3)), module=lambda: "blocks.3.lin")
    assert "mat1 and mat2 shapes cannot be multiplied (2x3 and 4x2) (in blocks.3.lin)" in str(error)
    assert error.module == "blocks.3.lin"
    assert error.frames[-1] == "net.py:6 in forward: return self.lin(x)"
    assert not [f for f in error.frames if "torch" in f or "initlab" in f]


def test_no_more_than_four_frames_the_innermost_last(functions):
    lines = [f"def f{k}():\n    return f{k + 1}()\n" for k in range(6)]
    net = functions("".join(lines) + "def f6():\n    1 / 0\n")
    error = raised(net["f0"])
    assert [frame.split(" in ")[1][:2] for frame in error.frames] == ["f3", "f4", "f5", "f6"]


def test_deep_recursion_is_told_in_four_frames(functions):
    error = raised(functions("def f():\n    return f()\n")["f"])
    assert "RecursionError" in error.message
    assert len(error.frames) == 4


def test_where_all_is_from_a_package_its_frames_are_shown(functions, tmp_path):
    folder = tmp_path / "site-packages" / "pack"
    of_package = functions("def f():\n    raise ValueError\n", "site-packages/pack/net.py")
    assert raised(of_package["f"]).frames == (
        f"{folder.relative_to(tmp_path)}/net.py:2 in f: raise ValueError",
    )
    own = functions("def g(f):\n    f()\n")
    assert raised(lambda: own["g"](of_package["f"])).frames[-1] == "net.py:2 in g: f()"


def test_a_message_of_many_lines_becomes_one_that_is_cut(functions):
    assert in_one_line(ValueError("a\n   b\tc")) == "ValueError: a b c"
    assert in_one_line(ValueError()) == "ValueError"
    assert len(in_one_line(ValueError("x" * 10_000))) == 500


def test_an_exception_that_cannot_be_shown_is_named():
    class Broken(Exception):
        def __str__(self):
            raise RuntimeError("no")

    def f():
        raise Broken

    assert raised(f).message.splitlines()[0] == "running the model: your code raised Broken"


@pytest.mark.parametrize(("code", "shown"), [(None, ""), (3, "3"), ("bye", "'bye'")])
def test_sys_exit_does_not_end_the_command(code, shown):
    error = raised(lambda: sys.exit(code))
    assert f"your code called sys.exit({shown})" in error.message
    assert "__main__" in error.fix


def test_ctrl_c_and_our_own_errors_pass():
    with pytest.raises(KeyboardInterrupt), user_code("x"):
        raise KeyboardInterrupt
    own = InputError("ours", "fix")
    with pytest.raises(InitlabError) as error, user_code("x"):
        raise own
    assert error.value is own


def test_what_it_prints_goes_to_stderr_and_stdout_is_back_after(capsys):
    before = sys.stdout
    with user_code("x"):
        print("theirs")
    raised(lambda: print("too") or 1 / 0)
    assert sys.stdout is before
    print("ours")
    assert capsys.readouterr() == ("ours\n", "theirs\ntoo\n")


def test_a_warning_of_theirs_is_none_of_ours():
    with pytest.warns(UserWarning, match="theirs"), user_code("x"):
        warnings.warn("theirs", stacklevel=1)


def test_a_bug_of_ours_within_their_code_is_none_of_theirs(functions, tmp_path, monkeypatch):
    net = functions("def f(hook):\n    hook()\n")
    ours = functions("def hook():\n    raise ValueError('ours')\n", "ours/hook.py")["hook"]
    monkeypatch.setattr(module, "OURS", (*module.OURS, str(tmp_path / "ours")))
    with pytest.raises(ValueError, match="ours"), user_code("x"):
        net["f"](ours)
    # a folder whose name begins as ours does is theirs
    beside_ours = functions("def hook():\n    raise ValueError\n", "ours_models/hook.py")["hook"]
    assert raised(lambda: net["f"](beside_ours)).frames[-1].startswith("ours_models/hook.py:2")
