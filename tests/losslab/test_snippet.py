"""The lines of PyTorch that reproduce a loss, run as they stand."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from initlab.catalog import LOSSES
from initlab.catalog.rules import ALLOWABLE
from initlab.losslab.evaluate import evaluate
from initlab.losslab.operands import reading
from initlab.losslab.settings import Settings
from initlab.losslab.snippet import MOST_VALUES, snippet

NAN, INF = float("nan"), float("inf")

X = [[0.1, -1.7, 2.2], [1 / 3, 1e-7, -0.4]]
T = [[0.5, 0.25, -2.0], [1.0, 0.0, 3.3]]
W = [[1, 2, 0.5], [0.1, 1, 3]]
P = [[0.2, 0.3, 0.5], [0.6, 0.1, 0.3]]
LOG_P = torch.tensor(P).log().tolist()
BITS, SIGNS = [[0, 1, 0], [1, 1, 0]], [[-1, 1, -1], [1, 1, -1]]
CLASS_W = [1, 2, 0.7]


def pair(x, t):
    return {"input": x, "target": t}


#: name -> operands, and options whose every value differs from the default
CALLS = {
    "mse": (pair(X, T), [{"weight": W}]),
    "l1": (pair(X, T), [{"weight": W}]),
    "smooth_l1": (pair(X, T), [{"beta": 0}, {"beta": 0.7}]),
    "huber": (pair(X, T), [{"delta": 0.7}, {"delta": 1 / 3, "weight": W}]),
    "poisson_nll": (
        {"log_input": P, "target": BITS},
        [{"log_input": False}, {"full": True, "eps": 1e-3}, {"log_input": False, "eps": 0.1}],
    ),
    "gaussian_nll": ({**pair(X, T), "var": P}, [{"full": True, "eps": 0.4}]),
    "cross_entropy": (
        pair(X, [2, 0]),
        [{"weight": CLASS_W}, {"ignore_index": 2}, {"label_smoothing": 1 / 3, "weight": CLASS_W}],
    ),
    "nll": (pair(LOG_P, [2, 0]), [{"weight": CLASS_W, "ignore_index": 2}]),
    "linear_cross_entropy": (
        {"input": X, "linear_weight": [*T, X[0]], "target": [2, 0], "linear_bias": X[1]},
        [{"weight": CLASS_W}, {"ignore_index": 2}, {"label_smoothing": 0.3}],
    ),
    "kl_div": (pair(LOG_P, P[::-1]), [{"log_target": True}]),
    "bce": (pair(P, BITS), [{"weight": W}, {"weight": 3}]),
    "bce_with_logits": (pair(X, BITS), [{"weight": W, "pos_weight": CLASS_W}, {"pos_weight": [3]}]),
    "soft_margin": (pair(X, SIGNS), []),
    "multilabel_soft_margin": (pair(X, BITS), [{"weight": CLASS_W}]),
    "multi_margin": (pair(X, [2, 0]), [{"p": 2, "margin": 0.3}, {"weight": CLASS_W}]),
    "multilabel_margin": (pair(X, [[2, -1, -1], [1, 0, -1]]), []),
    "margin_ranking": ({"input1": X, "input2": T, "target": SIGNS}, [{"margin": 0.3}]),
    "hinge_embedding": (pair(P, SIGNS), [{"margin": 0.3}]),
    "cosine_embedding": ({"input1": X, "input2": T, "target": [1, -1]}, [{"margin": -0.3}]),
    "triplet_margin": (
        {"anchor": X, "positive": T, "negative": P},
        [{"margin": 0.3, "p": 3.5, "eps": 0.01, "swap": True}, {"eps": 0, "p": 1}],
    ),
    "triplet_margin_with_distance": (
        {"anchor": X, "positive": T, "negative": P},
        [{"swap": True, "margin": 5}]
        + [{"distance": d, "swap": True} for d in ("squared", "manhattan", "cosine")],
    ),
    "ctc": (
        {
            "log_probs": [[LOG_P[0]], [LOG_P[1]], [LOG_P[0]]],
            "targets": [[1, 2]],
            "input_lengths": [3],
            "target_lengths": [2],
        },
        [{"blank": 1}, {"zero_infinity": True}],
    ),
}

pytestmark = [
    pytest.mark.filterwarnings("ignore:reduction. 'mean' divides the total loss"),
    pytest.mark.filterwarnings("ignore:nn.KLDivLoss"),
]


def calls():
    for name, (operands, options) in CALLS.items():
        for i, given in enumerate([{}, *options]):
            other = {}
            if given.get("log_target"):
                other = {"target": LOG_P[::-1]}
            if given.get("blank") == 1:
                other = {"targets": [[0, 2]]}
            yield pytest.param(name, {**operands, **other}, given, id=f"{name}-{i}")


every_call = pytest.mark.parametrize(("name", "operands", "options"), list(calls()))


def run(code):
    """What the lines print, as the object itself rather than its rounded text."""
    printed = []
    exec(code, {"print": printed.append})  # noqa: S102 - that is what a reader would do with them
    (value,) = printed
    return value


def assert_reproduces(evaluation, reduction, most=MOST_VALUES):
    value = run(snippet(evaluation.call, reduction, most))
    expected = evaluation.values["mean" if reduction == "all" else reduction]
    assert value.dtype == expected.dtype
    torch.testing.assert_close(value, expected, rtol=0, atol=0, equal_nan=True)
    assert str(value) == str(expected)


def test_every_loss_and_option_is_run():
    assert set(CALLS) == set(LOSSES)
    for name, (_, options) in CALLS.items():
        loss = LOSSES[name]
        assert {k for given in options for k in given} == {p.name for p in loss.parameters}, name
        for p in loss.parameters:
            if p.kind == "choice":
                off = {given.get(p.name) for given in options} - {None}
                assert off == set(p.choices) - {p.default}


@every_call
def test_the_lines_print_the_value(name, operands, options):
    evaluation = evaluate(name, operands, options, Settings(reduction="all"))
    for reduction in (*LOSSES[name].reductions, "all"):
        assert_reproduces(evaluation, reduction)


@pytest.mark.parametrize("dtype", ["float64", "bfloat16", "float16"])
@every_call
def test_every_dtype(name, operands, options, dtype):
    if not LOSSES[name].half and dtype != "float64":
        return  # torch has no half precision there
    # sums of probabilities of 8 bits are off
    settings = Settings(reduction="all", dtype=dtype, allow=frozenset(ALLOWABLE))
    evaluation = evaluate(name, operands, options, settings)
    for reduction in LOSSES[name].reductions:
        assert_reproduces(evaluation, reduction)


def test_it_is_what_a_reader_would_write():
    evaluation = evaluate("ce", pair([[1, 2], [1, 3], [1, 3]], [0, 1, 1]), {"weight": [1, 2]})
    assert snippet(evaluation.call, "mean").splitlines() == [
        "import torch",
        "from torch import nn",
        "input = torch.tensor([[1.0, 2.0], [1.0, 3.0], [1.0, 3.0]])",
        "target = torch.tensor([0, 1, 1])",
        'loss = nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0]), reduction="mean")',
        "print(loss(input, target))",
    ]


def test_options_at_their_defaults_are_left_out():
    # by hand: a triplet loss has four, one of them is not at its default
    operands = {"anchor": X, "positive": T, "negative": P}
    evaluation = evaluate("triplet_margin", operands, {"margin": 1, "p": 2.0, "swap": "yes"})
    assert 'nn.TripletMarginLoss(swap=True, reduction="sum")' in snippet(evaluation.call, "sum")


@pytest.mark.parametrize("number", [NAN, INF, -INF])
@pytest.mark.parametrize(
    "name", ["mse", "l1", "huber", "bce_with_logits", "soft_margin", "cross_entropy"]
)
def test_numbers_that_are_not_finite(name, number):
    operands, _ = CALLS[name]
    x = [[number, *X[0][1:]], X[1]]
    allow = frozenset(ALLOWABLE)
    evaluation = evaluate(
        name, {**operands, "input": x}, {}, Settings(reduction="none", allow=allow)
    )
    assert_reproduces(evaluation, "none")


def test_logarithms_of_zero():
    operands = pair([[0.0, -INF]], [[1.0, 0.0]])
    evaluation = evaluate("kl_div", operands, {}, Settings(reduction="none"))
    assert_reproduces(evaluation, "none")


@pytest.mark.parametrize("shape", [(0,), (0, 3), (2, 0)])
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
@pytest.mark.parametrize("name", ["mse", "l1", "smooth_l1", "huber", "bce", "soft_margin"])
def test_empty_operands(name, shape, dtype):
    empty = torch.empty(shape)
    evaluation = evaluate(name, pair(empty, empty), {}, Settings(reduction="sum", dtype=dtype))
    assert float(evaluation.values["sum"]) == 0  # an empty sum
    assert_reproduces(evaluation, "sum")


def test_an_empty_batch_of_classes():
    operands = pair(torch.empty(0, 3), torch.empty(0, dtype=torch.int64))
    evaluation = evaluate("cross_entropy", operands, {}, Settings(reduction="sum"))
    assert_reproduces(evaluation, "sum")


@pytest.mark.parametrize("value", [1 / 3, 1e-45, 3.3e38, -0.0, 16777217.0, 0.1])
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_numbers_are_written_with_all_their_digits(value, dtype):
    x = torch.tensor([value], dtype=torch.float64).to(getattr(torch, dtype))
    evaluation = evaluate("l1", pair(x, torch.zeros_like(x)), {}, Settings(reduction="sum"))
    space = {}
    exec(snippet(evaluation.call, "sum"), space)  # noqa: S102
    assert torch.equal(space["input"], x)
    assert torch.equal(space["input"].signbit(), x.signbit())


def test_single_samples_and_more_dimensions():
    for name, operands in (
        ("cross_entropy", pair(X[0], 2)),
        ("cross_entropy", pair([X, T], [[0, 1, 1], [1, 0, 1]])),
        ("mse", pair(1.5, 3)),
        ("multi_margin", pair(X[0], 1)),
        ("cosine_embedding", {"input1": X[0], "input2": T[0], "target": -1}),
        ("gaussian_nll", {**pair(X, T), "var": 2.5}),
    ):
        evaluation = evaluate(name, operands, {}, Settings(reduction="all"))
        for reduction in LOSSES[name].reductions:
            assert_reproduces(evaluation, reduction)


def test_large_operands_are_loaded(tmp_path, monkeypatch):
    generator = torch.Generator().manual_seed(0)
    x, w = torch.randn(2, MOST_VALUES, generator=generator), torch.rand(MOST_VALUES + 1)
    evaluation = evaluate("mse", pair(x, x + 1))
    lines = snippet(evaluation.call, "mean").splitlines()
    assert 'input = torch.load("input.pt")  # float32 (2, 200)' in lines
    for name, operand in evaluation.call.operands.items():
        torch.save(operand, tmp_path / f"{name}.pt")
    monkeypatch.chdir(tmp_path)
    assert_reproduces(evaluation, "mean")
    # a weight likewise
    x = torch.randn(1, len(w), generator=generator)
    evaluation = evaluate("cross_entropy", pair(x, [7]), {"weight": w})
    torch.save(x, tmp_path / "input.pt")
    torch.save(w, tmp_path / "weight.pt")
    assert_reproduces(evaluation, "mean")


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Probabilities of more values than are written out, in every kind of file."""
    monkeypatch.chdir(tmp_path)
    x = torch.rand(MOST_VALUES, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x /= x.sum(1, keepdim=True)
    torch.save(x.float(), "x.pt")
    torch.save({"net": {"out": x}}, "held.pt")
    np.save("x.npy", x.numpy())
    np.save("swapped.npy", x.numpy().astype(">f4"))
    np.savez("held.npz", out=x.numpy(), other=[1])
    np.savetxt("x.txt", x.numpy())
    np.savetxt("x.csv", x.numpy(), delimiter=",", header="a,b,c", comments="")
    Path("held.json").write_text(json.dumps({"out": x.tolist()}))
    return [0, 1] * (MOST_VALUES // 2)


@pytest.mark.parametrize("file", ["x.pt", "held.pt:net.out", "x.npy", "swapped.npy", "held.npz:out",
                                  "x.txt", "x.csv", "held.json:out"])  # fmt: skip
@pytest.mark.parametrize("settings", [{}, {"given": "probs"}, {"dtype": "float64"}], ids=str)
def test_the_users_own_file_and_key_are_loaded(files, file, settings):
    operands = {"input": reading.read(file, "--input"), "target": files}
    evaluation = evaluate("cross_entropy", operands, settings=Settings(**settings))
    (line,) = (x for x in snippet(evaluation.call, "mean").splitlines() if x[:8] == "input = ")
    assert file.partition(":")[0] in line
    assert all(f'["{key}"]' in line for key in file.partition(":")[2].split(".") if key)
    assert_reproduces(evaluation, "mean")


def test_what_no_line_makes_of_a_file_is_told(files):
    """Targets were replaced: the comment says of which file, and by what."""
    np.save("t.npy", np.array(files))
    operands = {"input": reading.read("x.npy", "--input"), "target": reading.read("t.npy", "--t")}
    changed = Settings(target_map=((0.0, 2.0),))
    evaluation = evaluate("cross_entropy", operands, settings=changed)
    text = snippet(evaluation.call, "mean", most=10)
    line = 'target = torch.load("target.pt")  # int64 (200), what t.npy is after --target-map'
    assert line in text.splitlines()
    torch.save(evaluation.call.target, "target.pt")
    torch.save(evaluation.call.input, "input.pt")
    assert_reproduces(evaluation, "mean")


@pytest.mark.parametrize(
    ("header", "blank", "loads"), [("", "", 1), ("label\n", "", 1), ("", " ", 0)]
)
def test_a_file_of_names_is_loaded_where_a_line_can(files, header, blank, loads):
    """Names with blanks need more than a line: the file is told that has to be made."""
    pets = ("cat", f"guinea{blank}pig")
    Path("y.txt").write_text(header + "".join(f"{pets[i]}\n" for i in files))
    x = torch.tensor([[0.5, 2.0]]).expand(len(files), 2)
    operands = {"input": x, "target": reading.read("y.txt", "--target", classes=pets)}
    evaluation = evaluate("cross_entropy", operands, settings=Settings(classes=pets))
    torch.save(x, "input.pt")
    text = snippet(evaluation.call, "mean", most=10)
    assert ("y.txt" in text, 'torch.load("target.pt")' in text) == (True, not loads)
    torch.save(torch.tensor(files), "target.pt")
    assert_reproduces(evaluation, "mean", most=10)
