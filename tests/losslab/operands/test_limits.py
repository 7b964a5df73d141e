"""What claims to be larger than the limit is refused before it takes memory, whatever claims it."""

import io
import json
import resource
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from initlab.errors import InputError, LossError
from initlab.losslab.evaluate import evaluate, evaluate_loss
from initlab.losslab.operands.limits import MOST, check_values, in_memory
from initlab.losslab.operands.reading import decode, literal, read
from initlab.losslab.settings import Settings
from initlab.userfiles import MIB, TooLarge

HERE = "--input"
ROOM = 2 << 30  # bytes of address space beyond those of now: what is refused must not need more


@pytest.fixture(autouse=True)
def little_memory():
    """Whoever takes memory for what is refused does not get it, and says so in another way."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + ROOM, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


def pt(value, **options):
    buffer = io.BytesIO()
    torch.save(value, buffer, **options)
    return buffer.getvalue()


def npy(shape, dtype="<f8", data=b"", version=1):
    """An NPY file whose header claims a shape, and what there really is."""
    buffer = io.BytesIO()
    header = {"descr": dtype, "fortran_order": False, "shape": shape}
    write = (np.lib.format.write_array_header_1_0, np.lib.format.write_array_header_2_0)
    write[min(version, 2) - 1](buffer, header)
    content = bytearray(buffer.getvalue() + data)
    content[6] = version
    return bytes(content)


def zipped(*members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return buffer.getvalue()


def bomb(name):
    """A small zip of 32 MiB of zeros, for a limit of 1 MiB."""
    return zipped((name, bytes(32 * MIB)))


def lying_bomb():
    """The same, whose directory says that it unpacks to 200 bytes."""
    content = bytearray(bomb("x.npy"))
    start = content.rindex(b"PK\x01\x02")
    content[start + 24 : start + 28] = (200).to_bytes(4, "little")
    return bytes(content)


ONE = torch.ones(1)
FEW = 10**10  # values, 75 GiB as float64
HUGE = {
    "strides of 0": pt(torch.as_strided(ONE, (100_000, 100_000), (0, 0))),
    "expanded": pt(ONE.expand(FEW)),
    "expanded, by name": pt({"input": ONE.expand(FEW)}),
    "expanded, in a list": pt([ONE.expand(FEW)]),
    "expanded, often": pt([ONE.expand(10**8)] * 100),
    "one byte a value": pt(torch.ones(1, dtype=torch.bool).expand(FEW)),
    "legacy": pt(ONE.expand(FEW), _use_new_zipfile_serialization=False),
    "sparse": pt(
        torch.sparse_coo_tensor([[0], [0]], [1.0], (100_000, 100_000), check_invariants=True)
    ),
    "npy": npy((FEW,)),
    "npy, 2": npy((FEW,), version=2),
    "npy, 3": npy((FEW,), version=3),
    "npy of bytes": npy((FEW,), "|i1"),
    "npy, rows": npy((100_000, 100_000)),
    "npz": zipped(("input.npy", npy((FEW,)))),
}


@pytest.mark.parametrize("content", HUGE.values(), ids=HUGE)
def test_a_shape_that_is_larger_than_the_limit_is_refused(content):
    with pytest.raises(TooLarge) as caught:
        decode(content, HERE, ["input"])
    assert caught.value.exit_code == 2
    assert caught.value.message == (
        f"{HERE}: holds {FEW} values, 74.5 GiB as float64; the limit is 1 GiB"
    )
    assert caught.value.fix == "--max-mib 76294, if the memory is there"


def nested(levels, times):
    value = 1.0
    for _ in range(levels):
        value = [value] * times
    return value


@pytest.mark.parametrize(
    "value",
    [nested(10, 10), [nested(3, 1), nested(15, 100)], [ONE.expand(FEW)], ONE.expand(FEW),
     np.broadcast_to(np.float64(1), (FEW,)), [np.broadcast_to(np.float64(1), (FEW,))], range(FEW)],
    ids=["lists", "ragged", "tensors", "tensor", "array", "arrays", "range"],
)  # fmt: skip
def test_what_python_holds_many_times_in_little_memory_is_refused(value):
    with pytest.raises(InputError, match=r"^--input: "):
        literal(value, HERE)


def test_a_pickle_of_a_list_within_lists_that_is_one_object_is_refused():
    with pytest.raises(TooLarge, match="holds 1000000000000000 values"):
        decode(pt(nested(15, 10)), HERE)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (bomb("x.npy"), "unpacks to 32 MiB; the limit is 1 MiB"),
        (bomb("data.pkl"), "unpacks to 32 MiB; the limit is 1 MiB"),
        (lying_bomb(), "cannot be read"),
        (npy((1000,)), "holds less than the 1000 values of its header"),
        (npy((4,), "|V1000000000"), "holds less than the 4 values"),
        (npy((-1,)), "cannot be read"),
        (npy((2**62, 4, 0)), "cannot be read"),
        (b"[" + b"0," * MIB + b"0]", "holds 1048576 values, 8 MiB as float64"),
        (b"0,0\n" * (MIB // 8), "holds 262144 values, 2 MiB as float64"),
        (b"0\n" * (MIB // 4), "holds 262144 values, 2 MiB as float64"),
    ],
    ids=["npz bomb", "pt bomb", "lying bomb", "short", "short void", "negative", "overflow", "list",
         "csv", "column"],
)  # fmt: skip
def test_what_holds_more_or_less_than_it_says_is_refused(content, said):
    with pytest.raises(InputError) as caught:
        decode(content, HERE, [], MIB)
    assert caught.value.message.startswith(HERE)
    assert said in caught.value.message


def test_what_is_as_large_as_the_limit_is_read():
    count = MIB // 8
    for content in (
        npy((count,), data=bytes(MIB)),
        pt(torch.ones(1).expand(count)),
        json.dumps([0] * count).encode(),
        b"0\n" * count,
    ):
        assert decode(content, HERE, [], MIB).tensor.numel() == count
        with pytest.raises(TooLarge):
            decode(content, HERE, [], MIB - 8)


def test_a_file_is_not_opened_that_is_larger(tmp_path):
    path = tmp_path / "x.npy"
    with path.open("wb") as file:
        file.truncate(3 << 30)  # takes no disk
    with pytest.raises(TooLarge, match="has 3,221,225,472 bytes; the limit is 1 GiB"):
        read(str(path), HERE)


# what a loss makes of operands -------------------------------------------------------------------

LONG = 100_000
COLUMN, ROW = torch.zeros(LONG, 1), torch.zeros(1, LONG)


@pytest.mark.parametrize(
    ("loss", "operands"),
    [
        ("mse", {"input": ROW, "target": COLUMN}),
        ("poisson_nll", {"input": ROW, "target": COLUMN}),
        ("gaussian_nll", {"input": ROW, "target": COLUMN, "var": torch.ones(1, LONG)}),
        ("margin_ranking", {"input1": ROW, "input2": COLUMN, "target": torch.ones(1, 1)}),
        ("triplet_margin", {"anchor": ROW, "positive": COLUMN, "negative": ROW}),
    ],
)
def test_what_would_be_broadcast_beyond_the_limit_is_refused(loss, operands):
    allowed = {"allow": "shape-broadcast"}
    with pytest.raises(LossError, match=rf"shape-broadcast.* {LONG**2} values.*--max-mib"):
        evaluate_loss(loss, operands, **allowed)


def test_logits_beyond_the_limit_are_refused():
    operands = {
        "input": torch.zeros(LONG, 1), "linear_weight": torch.zeros(LONG, 1),
        "target": torch.zeros(LONG, dtype=torch.int64),
    }  # fmt: skip
    said = rf"makes logits \({LONG}, {LONG}\), {LONG**2} values, 74.5 GiB as float64; the limit"
    with pytest.raises(TooLarge, match=said):
        evaluate("linear_cross_entropy", operands)


def test_a_lattice_beyond_the_limit_is_refused():
    operands = {
        "log_probs": torch.full((LONG, 1, 2), -0.7), "targets": torch.ones(1, LONG // 2).long(),
        "input_lengths": [LONG], "target_lengths": [LONG // 2],
    }  # fmt: skip
    with pytest.raises(TooLarge, match=rf"makes a lattice \({LONG}, 1, {LONG + 1}\)"):
        evaluate("ctc", operands)


@pytest.mark.parametrize("value", [0, -1, 1.5, "1", None])
def test_a_limit_is_a_whole_number(value):
    with pytest.raises(InputError, match="max_mib: needs a whole number from 1"):
        Settings(max_mib=value)


def test_python_has_the_same_limit():
    operands = {"input": torch.zeros(200_000), "target": [0.0] * 200_000}
    assert evaluate_loss("mse", operands).values["mean"] == 0
    with pytest.raises(TooLarge, match=r"^input: holds 200000 values, 1.53 MiB as float64"):
        evaluate_loss("mse", operands, max_mib=1)


# memory ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "take", [lambda: torch.ones(10**15), lambda: np.ones(10**15), lambda: bytearray(10**15)]
)
def test_who_gets_no_memory_is_told_so(take):
    with pytest.raises(InputError, match=r"^x: there is not enough memory for it"), in_memory("x"):
        take()


def test_other_errors_are_not_blamed_on_memory():
    for error in (RuntimeError("a bug"), RecursionError("deep"), ValueError("x")):
        with pytest.raises(type(error)), in_memory("x"):
            raise error


def test_a_limit_counts_values_as_float64():
    check_values(MOST // 8, HERE, MOST)
    with pytest.raises(TooLarge):
        check_values(MOST // 8 + 1, HERE, MOST)
