"""Inputs: what each spec draws, what is refused, and that what a message advises is taken."""

import re
import shlex

import numpy as np
import pytest
import safetensors.torch
import torch
from scipy import stats
from torch import Tensor, nn

from initlab.errors import InputError, UnknownName, UserCodeError
from initlab.probe.batch.inputs import Inputs, batch_size, parse
from initlab.probe.model import saved

FLOATS = ["float32", "float64", "float16", "bfloat16", "complex64"]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def args(*texts, seed=0):
    return parse(texts).draw(seed)[0]


def kwargs(*texts, seed=0):
    return parse(texts).draw(seed)[1]


def bits(batch):
    positional, named = batch
    return [t.numpy().tobytes() for t in (*positional, *named.values()) if isinstance(t, Tensor)]


# what is drawn -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "shape", "dtype"),
    [
        ("16x256", (16, 256), torch.float32),
        ("16,256", (16, 256), torch.float32),
        (" 16x256 ", (16, 256), torch.float32),
        ("randn:32,3,32,32", (32, 3, 32, 32), torch.float32),
        ("randn:32x3x32x32", (32, 3, 32, 32), torch.float32),
        ("randn:8", (8,), torch.float32),
        ("16x3:float16", (16, 3), torch.float16),
        ("rand:8x64:bfloat16", (8, 64), torch.bfloat16),
        ("zeros:2x2:bool", (2, 2), torch.bool),
        ("ones:4x128:int64", (4, 128), torch.int64),
        ("ones:4x128:torch.int64", (4, 128), torch.int64),
        ("tokens:50257:4x128", (4, 128), torch.int64),
        ("tokens:7:4:int32", (4,), torch.int32),
        ("1x1", (1, 1), torch.float32),
    ],
)
def test_shapes_and_dtypes(text, shape, dtype):
    (found,) = args(text)
    assert (found.shape, found.dtype) == (shape, dtype)
    assert found.is_leaf
    assert not found.requires_grad
    assert torch.equal(kwargs(f"x={text}")["x"], found)


@pytest.mark.parametrize("dtype", FLOATS)
def test_randn_is_standard_normal(dtype):
    (x,) = args(f"randn:100000:{dtype}")
    if x.is_complex():  # of variance 1, half of it in each part
        x = torch.view_as_real(x).flatten() * 2**0.5
    x = x.double().numpy()
    # five standard errors of mean and variance: 1/sqrt(n) and sqrt(2/n)
    assert abs(x.mean()) < 5 / len(x) ** 0.5
    assert abs(x.var() - 1) < 5 * (2 / len(x)) ** 0.5
    # rounding to bfloat16 moves the distribution function by less than 2^-9 of x
    assert stats.kstest(x, "norm").statistic < 1.95 / len(x) ** 0.5 + 2**-9


@pytest.mark.parametrize("dtype", FLOATS[:4])
def test_rand_is_uniform(dtype):
    (x,) = args(f"rand:100000:{dtype}")
    x = x.double().numpy()
    assert x.min() >= 0
    assert x.max() <= 1
    assert stats.kstest(x, "uniform").statistic < 1.95 / len(x) ** 0.5 + 2**-9


def test_tokens_are_uniform_from_0_to_one_less():
    (x,) = args("tokens:10:100000")
    counts = np.bincount(x.numpy(), minlength=10)
    assert len(counts) == 10
    assert stats.chisquare(counts).pvalue > 1e-4
    assert set(args("tokens:1:50")[0].tolist()) == {0}


def test_constants():
    assert args("zeros:3x2")[0].tolist() == [[0, 0]] * 3
    assert args("ones:2:int32")[0].tolist() == [1, 1]
    assert args("ones:2:bool")[0].tolist() == [True, True]


def test_half_precision_is_the_same_rounded():
    (wide,), (half,) = args("16x8"), args("16x8:float16")
    assert torch.equal(wide.half(), half)


def test_a_seed_is_the_same_batch_bit_for_bit_and_another_another_one():
    texts = ["16x8", "x=rand:4x4", "ids=tokens:50257:4x128", "z=3x3:float64"]
    first, second = parse(texts).draw(3), parse(texts).draw(3)
    assert bits(first) == bits(second)
    other = bits(parse(texts).draw(4))
    assert all(a != b for a, b in zip(bits(first), other, strict=True))


def test_inputs_of_one_batch_are_independent():
    x, y = args("100x100", "100x100")
    assert abs(torch.corrcoef(torch.stack([x.flatten(), y.flatten()]))[0, 1]) < 5 / 100
    sums = {t.sum().item() for seed in range(50) for t in args(*["2x2"] * 3, seed=seed)}
    assert len(sums) == 150  # of every place in every seed


def test_the_global_generators_are_neither_read_nor_moved():
    inputs = parse(["16x8", "tokens:9:4"])
    torch.manual_seed(0)
    first, before = inputs.draw(1), torch.get_rng_state()
    torch.manual_seed(1)
    assert bits(inputs.draw(1)) == bits(first)
    torch.manual_seed(0)
    assert torch.equal(before, torch.get_rng_state())


def test_places_and_names():
    positional, named = parse(["a=2x3", "4x5", "b=true", "6x7"]).draw(0)
    assert [t.shape for t in positional] == [(4, 5), (6, 7)]
    assert list(named) == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("x=true", True),
        ("x=False", False),
        ("x=0.5", 0.5),
        ("x=1e-3", 1e-3),
        ("x=3", 3),
        ("x=-3", -3),
        ("x=none", None),
        ("x=null", None),
    ],
)
def test_plain_values(text, value):
    found = kwargs(text)["x"]
    assert (found, type(found)) == (value, type(value))


def test_plain_values_by_place():
    assert args("2x2", "true", "none", "0.5")[1:] == (True, None, 0.5)


# files -------------------------------------------------------------------------------------------


def test_npy():
    np.save("x.npy", np.arange(6, dtype=">f4").reshape(2, 3)[:, ::-1])
    for found in (args("@x.npy")[0], kwargs("y=@x.npy")["y"]):
        assert found.dtype == torch.float32
        assert found.tolist() == [[2, 1, 0], [5, 4, 3]]


def test_npz():
    np.savez("b.npz", x=np.ones((2, 3)), y=np.zeros(2, np.int64))
    assert list(kwargs("@b.npz")) == ["x", "y"]
    assert args("@b.npz:x")[0].shape == (2, 3)
    assert kwargs("y=@b.npz")["y"].dtype == torch.int64
    assert kwargs("z=@b.npz:y")["z"].shape == (2,)


@pytest.mark.parametrize("zipped", [True, False])
def test_pt(zipped):
    x, y = torch.randn(2, 3), torch.ones(2, dtype=torch.int64)

    def write(value):
        torch.save(value, "b.pt", _use_new_zipfile_serialization=zipped)

    write(x)
    assert torch.equal(args("@b.pt")[0], x)
    assert torch.equal(kwargs("a=@b.pt")["a"], x)
    write((x, y))
    assert [t.shape for t in args("@b.pt")] == [(2, 3), (2,)]
    assert torch.equal(args("@b.pt:1")[0], y)
    write([x, {"y": y}])
    assert torch.equal(args("@b.pt")[1]["y"], y)
    write({"x": x, "y": y, "flag": True})
    assert kwargs("@b.pt", "n=3").keys() == {"x", "y", "flag", "n"}
    assert torch.equal(kwargs("y=@b.pt")["y"], y)
    assert kwargs("batch=@b.pt")["batch"].keys() == {"x", "y", "flag"}
    assert torch.equal(args("@b.pt:x")[0], x)


def test_safetensors():
    safetensors.torch.save_file({"x": torch.ones(2, 3), "h": torch.ones(2).half()}, "b.safetensors")
    assert kwargs("@b.safetensors")["h"].dtype == torch.float16
    assert args("@b.safetensors:x")[0].shape == (2, 3)


def test_what_is_drawn_is_a_copy_without_history():
    x = torch.ones(2, requires_grad=True)
    torch.save({"x": x.detach()}, "b.pt")
    for inputs in (parse(["@b.pt"]), Inputs.of({"x": x}), Inputs.of({"x": x * 2})):
        first = inputs.draw(0)[1]["x"]
        assert first.is_leaf
        assert not first.requires_grad
        kept = first.clone()
        first.zero_()
        assert torch.equal(inputs.draw(0)[1]["x"], kept)


def test_a_name_with_a_colon_and_one_with_an_equals_sign():
    torch.save(torch.ones(1), "a:b.pt")
    torch.save(torch.ones(2), "a=b.pt")
    assert args("@a:b.pt")[0].shape == (1,)
    assert args("@a=b.pt")[0].shape == (2,)
    assert kwargs("x=@a=b.pt")["x"].shape == (2,)


class Evil:
    def __reduce__(self):
        return (print, ("ran",))


@pytest.mark.parametrize("text", ["@b.pt", "@b.npy", "@b.npz", "x=@b.npz"])
def test_no_pickle_is_run(text, capfd):
    torch.save(Evil(), "b.pt")
    np.save("b.npy", np.array([Evil()]), allow_pickle=True)
    np.savez("b.npz", x=np.array([Evil()]))
    error = refused(text)
    assert "cannot be read" in error.message or "not loaded" in error.message
    assert capfd.readouterr().out == ""


# what is refused ---------------------------------------------------------------------------------


def refused(*texts, kind=InputError):
    with pytest.raises(kind) as error:
        parse(texts)
    assert error.value.exit_code == 2
    assert error.value.fix
    return error.value


@pytest.mark.parametrize(
    ("text", "said", "fix"),
    [
        ("16x", "is no shape", "--input 16x256"),
        ("16x-3", "is no shape", "--input 16x3"),
        ("16X3", "is no shape", "--input 16x3"),
        ("(16, 3)", "is no shape", "--input 16x3"),
        ("x=[16, 3]", "is no shape", "--input x=16x3"),
        ("16*3", "is no shape", "--input 16x3"),
        ("16x0", "has a dimension of 0", "--input randn:16x1"),
        ("x=tokens:9:0x4", "has a dimension of 0", "--input x=tokens:9:1x4"),
        ("99999x99999", "is more than 2147483648 numbers", "--input 16x3x32x32"),
        ("9" * 30 + "x2", "is more than 2147483648 numbers", "--input 16x3x32x32"),
        ("x".join("1" * 65), "has more than 64 dimensions", "--input randn:16x256"),
        ("16x3:float31", "unknown dtype", "--input randn:16x3:float32"),
        ("16x3:flaot16", "did you mean float16", "--input randn:16x3:float16"),
        ("x=16x3:int64", "randn has no int64", "--input x=tokens:2:16x3"),
        ("16x3:bool", "randn has no bool", "--input ones:16x3:bool"),
        ("rand:16x3:int32", "rand has no int32", "--input tokens:2:16x3"),
        ("ones:3:int64:5", "has '5' after its dtype", "--input ones:16x256"),
        ("ones", "needs a shape after ones:", "--input ones:16x256"),
        ("ones:", "needs a shape after ones:", "--input ones:16x256"),
        ("ones:a", "needs a shape after ones:, not 'a'", "--input ones:16x256"),
        ("tokens", "needs how many tokens", "--input tokens:50257:4x128"),
        ("tokens:50257", "needs how many tokens", "--input tokens:50257:4x128"),
        ("tokens:8x16", "needs how many tokens", "--input tokens:50257:8x16"),
        ("tokens:0:4", "needs how many tokens", "--input tokens:50257:4x128"),
        ("tokens:9:4:float32", "tokens has no float32", "--input tokens:9:4:int64"),
        ("tokens:9:4:float", "unknown dtype", "--input tokens:9:4:int64"),
        ("tokens:3000000000:4:int32", "int32 has no", "--input tokens:3000000000:4x128:int64"),
        ("radn:16x3", "did you mean randn", "--input randn:16x256"),
        ("token:9:4", "did you mean tokens", "--input tokens:50257:4x128"),
        ("x=nrmal:3", "unknown kind of input", "--input 16x3x32x32"),
        ("", "unknown kind of input", "--input 16x3x32x32"),
        ("x=", "unknown kind of input", "--input 16x3x32x32"),
        ("nan", "unknown kind of input", "--input 16x3x32x32"),
        ("-5", "is a number", "--input NAME=-5"),
        ("=16x3", "'' is no name of an argument", "--input x=16x3"),
        ("input-ids=16x3", "'input-ids' is no name", "--input input_ids=16x3"),
        ("2=16x3", "'2' is no name", "--input x=16x3"),
    ],
)  # fmt: skip
def test_a_spec_that_means_nothing(text, said, fix):
    error = refused(text)
    assert said in error.message
    assert error.message.startswith(("--input", "unknown"))
    assert error.fix == fix
    option, followed = shlex.split(fix)
    assert option == "--input"
    assert parse([followed]).draw(0)


def test_a_number_alone():
    error = refused("32")
    assert "is a number or a shape of one dimension" in error.message
    vector, named = re.findall(r"--input (\S+?)(?:,|$)", error.fix)
    assert args(vector)[0].shape == (32,)
    assert kwargs(named) == {"NAME": 32}


def test_nothing_at_all():
    error = refused()
    assert parse([error.fix.removeprefix("--input ")]).draw(0)


def test_a_name_twice():
    error = refused("x=16x3", "x=2x3")
    assert "--input x: is given 2 times" in error.message
    torch.save({"x": torch.ones(1)}, "b.pt")
    assert "--input x: is given 2 times" in refused("@b.pt", "x=2x3").message


def test_a_file_that_cannot_be_used():
    np.save("x.npy", np.ones(3))
    torch.save({"inputs": torch.ones(1), "mask": torch.ones(1)}, "b.pt")
    assert refused("x.npy").fix == "--input @x.npy"
    assert refused("x=x.npy").fix == "--input x=@x.npy"
    assert refused("b.pt:mask").fix == "--input @b.pt:mask"
    assert refused("@").fix == "--input @batch.pt"
    assert refused("x=@").fix == "--input x=@batch.pt"
    assert refused("@none.pt").message == "--input @none.pt: no such file"
    assert "is a folder" in refused("@/").message
    error = refused("@b.pt:input")
    assert "there is no 'input'; it holds inputs, mask" in error.message
    assert error.fix == "--input @b.pt:inputs"
    assert refused("x=@b.pt:input").fix == "--input x=@b.pt:inputs"
    assert "the file holds no names" in refused("@x.npy:k").message
    for text in ("@x.npy", "x=@x.npy", "@b.pt:mask", "@b.pt:inputs", "x=@b.pt:inputs"):
        assert parse([text]).draw(0)


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04", b"\x80\x02x", b"\x93NUMPY\x01"])
def test_a_broken_file(content, tmp_path):
    (tmp_path / "x.bin").write_bytes(content)
    assert refused("@x.bin").message.startswith("--input @x.bin: ")


def test_a_file_of_what_torch_has_not():
    np.save("x.npy", np.array(["a"]))
    assert "of which torch makes no tensor" in refused("@x.npy").message
    torch.save({1: torch.ones(1)}, "b.pt")
    assert "has the key 1, which names no argument" in refused("@b.pt").message
    torch.save(3, "n.pt")
    assert "is of type int, not a tensor" in refused("@n.pt").message
    assert kwargs("n=@n.pt") == {"n": 3}


def test_a_file_that_is_too_large(monkeypatch):
    np.save("x.npy", np.ones(1000))
    monkeypatch.setattr(saved, "MOST", 1 << 12)
    monkeypatch.setattr(saved.load, "__defaults__", (1 << 12,))
    error = refused("@x.npy")
    assert "the limit is 4 KiB" in error.message
    assert "--max-mib" not in str(error)  # an option of the loss lab
    np.savez_compressed("x.npz", x=np.ones(100_000))
    error = refused("@x.npz")
    assert "unpacks to" in error.message
    assert "--max-mib" not in str(error)


# from Python -------------------------------------------------------------------------------------


def test_of_values():
    x, y = torch.ones(2), torch.zeros(3)
    assert [t.tolist() for t in Inputs.of(x).draw(0)[0]] == [[1, 1]]
    assert len(Inputs.of((x, y)).draw(0)[0]) == 2
    assert len(Inputs.of([x, {"a": y}]).draw(0)[0]) == 2
    assert list(Inputs.of({"x": x, "y": y}).draw(0)[1]) == ["x", "y"]
    assert Inputs.of(np.ones(2, np.float32)).draw(0)[0][0].dtype == torch.float32
    inputs = parse(["16x3"])
    assert Inputs.of(inputs) is inputs


def test_a_function_is_called_for_each_seed_and_draws_from_the_global_generator():
    inputs = Inputs.of(lambda: torch.randn(3))
    torch.manual_seed(5)
    expected = torch.randn(3)
    torch.manual_seed(5)
    assert torch.equal(inputs.draw(0)[0][0], expected)
    assert not torch.equal(inputs.draw(0)[0][0], expected)


def test_what_a_function_raises_prints_or_returns(capsys):
    def batch():
        print("theirs")
        raise ValueError("no data")

    with pytest.raises(UserCodeError, match=r"batch by batch\(\): your code raised ValueError"):
        Inputs.of(batch).draw(0)
    assert capsys.readouterr() == ("", "theirs\n")

    def wrong():
        return 3

    with pytest.raises(UserCodeError, match=r"the batch of wrong\(\): is of type int"):
        Inputs.of(wrong).draw(0)


@pytest.mark.parametrize("value", [3, None, "16x3", nn.Linear(1, 1), {1: torch.ones(1)}])
def test_no_batch(value):
    with pytest.raises(InputError, match="the batch: ") as error:
        Inputs.of(value)
    assert error.value.fix


@pytest.mark.parametrize(
    ("positional", "named", "size"),
    [
        ((), {}, None),
        ((3, None), {"flag": True}, None),
        ((torch.tensor(1.0),), {}, None),
        ((torch.ones(4, 2),), {}, 4),
        ((torch.ones(1, 1),), {}, 1),
        ((torch.ones(4, 2), torch.ones(9)), {"y": torch.ones(9)}, 9),
        ((torch.ones(4, 2), torch.ones(9)), {}, 4),  # the first of equally common ones
        (({"a": [torch.ones(5, 1), torch.ones(5)]}, torch.ones(2)), {}, 5),
    ],
)
def test_batch_size(positional, named, size):
    assert batch_size(positional, named) == size


def test_unknown_kinds_are_names_that_no_table_holds():
    assert refused("radn:3", kind=UnknownName).nearest == ["randn", "rand"]
