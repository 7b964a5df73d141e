"""Random operands, options and settings: a result or a message, never another exception."""

import io
import json
import math
import random
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from explained import differences_kept

from initlab.catalog import ALLOWABLE, LOSSES
from initlab.errors import InitlabError, InputError, LossError
from initlab.losslab.evaluate import evaluate
from initlab.losslab.explain.view import explain
from initlab.losslab.operands.reading import decode, read
from initlab.losslab.result import as_dict, csv_rows, error_dict, summary
from initlab.losslab.settings import Settings

INF, NAN = math.inf, math.nan
FLOATS = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
INTEGERS = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool)
#: numbers that break arithmetic: not finite, huge, tiny, on a kink, no class, beyond an int32
WILD = (
    *(NAN, INF, -INF, 1e38, -1e38, 1e300, 1e-30, 1e-45, 0.0, -0.0, 1.0, -1.0, 0.5, 1e4, -89.0),
    *(0, 1, 2, -1, -2, 3, -100, 7, 2**31, -(2**31) - 1, 2**62, -(2**63), 2**63 - 1),
)
MEANINGLESS = (
    *("", "x", "1e999", "nan", "-inf", "[1, 2]", "[1, [2]]", "true", "../none", "[[[[1]]]]", "0"),
    *(None, True, [], {}, {"a": 1}, [[1], [1, 2]], 10**400, -(2**63), NAN, 1j, object, "1" * 5000),
)
CASES = 80  # of every loss
#: losses that torch does not compute in half precision: few of their cases ask for it
NO_HALF = ("multi_margin", "multilabel_margin", "ctc")
#: the share of a loss's cases that at least come through the checks, to torch and our formula
LEAST = {"ctc": 0.5, "multilabel_margin": 0.5}


@dataclass
class Case:
    """What evaluate is called with, in a form that can be read when it fails."""

    loss: str
    operands: dict[str, Any]
    options: dict[str, Any]
    settings: dict[str, Any]

    def run(self):
        return evaluate(self.loss, self.operands, self.options, Settings(**self.settings))


# operands that a loss takes ----------------------------------------------------------------------


def normal(r, *shape):
    return torch.tensor([r.gauss(0, 2) for _ in range(math.prod(shape))]).reshape(shape)


def whole(r, low, high, *shape):
    return torch.tensor(
        [r.randint(low, high) for _ in range(math.prod(shape))], dtype=torch.int64
    ).reshape(shape)


def any_shape(r, least=0):
    return tuple(r.randint(1, 4) for _ in range(r.randint(least, 3)))


def class_shape(r):
    """A shape of scores, the shape of their class ids, and the dimension of the classes."""
    classes, batch = r.randint(2, 4), r.randint(1, 4)
    if r.random() < 0.15:
        return (classes,), (), 0
    rest = any_shape(r)[:2] if r.random() < 0.3 else ()
    return (batch, classes, *rest), (batch, *rest), 1


def pair(r, draw_input, draw_target, least=0):
    shape = any_shape(r, least)
    return {"input": draw_input(r, *shape), "target": draw_target(r, *shape)}


def probabilities(r, *shape):
    return normal(r, *shape).sigmoid()


def bits(r, *shape):
    return whole(r, 0, 1, *shape).float() if r.random() < 0.7 else normal(r, *shape).sigmoid()


def signs(r, *shape):
    return 2 * whole(r, 0, 1, *shape) - 1


def counts(r, *shape):
    return whole(r, 0, 5, *shape)


def scores(r, convert):
    shape, ids, dim = class_shape(r)
    return {"input": convert(normal(r, *shape), dim), "target": whole(r, 0, shape[dim] - 1, *ids)}


def cross_entropy(r):
    made = scores(r, lambda x, _: x)
    if r.random() < 0.3:
        x = made["input"]
        made["target"] = normal(r, *x.shape).softmax(0 if x.ndim == 1 else 1)
    return made


def linear(r):
    classes, features, batch = r.randint(2, 4), r.randint(1, 3), r.randint(1, 3)
    made = {
        "input": normal(r, batch, features),
        "linear_weight": normal(r, classes, features),
        "target": whole(r, 0, classes - 1, batch),
    }
    return {**made, "linear_bias": normal(r, classes)} if r.random() < 0.5 else made


def kl_div(r):
    shape = any_shape(r, 1)
    return {
        "input": normal(r, *shape).log_softmax(-1),
        "target": normal(r, *shape).softmax(-1),
    }


def poisson(r):
    return {name.replace("input", "log_input"): x for name, x in pair(r, normal, counts).items()}


def gaussian(r):
    made = pair(r, normal, normal)
    x = made["input"]
    shapes = [x.shape, (*x.shape[:-1], 1), x.shape[:-1], ()] if x.ndim else [()]
    return {**made, "var": normal(r, *r.choice(shapes)).square() + 0.1}


def multi_margin(r):
    classes, batch = r.randint(2, 4), r.randint(1, 4)
    if r.random() < 0.2:
        return {"input": normal(r, classes), "target": whole(r, 0, classes - 1)}
    return {"input": normal(r, batch, classes), "target": whole(r, 0, classes - 1, batch)}


def label_lists(r):
    classes, batch = r.randint(3, 6), r.randint(1, 4)
    rows = [r.sample(range(classes), r.randint(0, classes)) for _ in range(batch)]
    padded = torch.tensor([row + [-1] * (classes - len(row)) for row in rows])
    made = {"input": normal(r, batch, classes), "target": padded}
    match r.randint(0, 4):
        case 0:  # one sample
            return {name: x[0] for name, x in made.items()}
        case 1:  # as people type them: as long as the longest
            made["target"] = padded[:, : max(map(len, rows))]
        case 2:  # ties, and differences of exactly the margin
            made["input"] = made["input"].round()
    return made


def ranking(r):
    shape = any_shape(r)
    return {"input1": normal(r, *shape), "input2": normal(r, *shape), "target": signs(r, *shape)}


def cosine(r):
    shape = any_shape(r, 1)[:2]
    return {
        "input1": normal(r, *shape),
        "input2": normal(r, *shape),
        "target": signs(r, *shape[:-1]),
    }


def triplet(r):
    shape = any_shape(r, 1)
    return {name: normal(r, *shape) for name in ("anchor", "positive", "negative")}


def ctc(r):
    frames, batch, classes = r.randint(1, 6), r.randint(1, 3), r.randint(2, 4)
    labels = [[r.randint(1, classes - 1) for _ in range(r.randint(0, 4))] for _ in range(batch)]
    for label in labels:  # until there is a frame for each, and one between equal neighbours
        while len(label) + sum(a == b for a, b in pairwise(label)) > frames:
            label.pop()
    needed = [len(label) + sum(a == b for a, b in pairwise(label)) for label in labels]
    lengths = [len(label) for label in labels]
    x = normal(r, frames, batch, classes).log_softmax(-1)
    if r.random() < 0.2:  # some are impossible
        x = x.masked_fill(torch.rand(x.shape, generator=seeded(r)) < 0.1, -math.inf).log_softmax(-1)
        x = x.nan_to_num(-math.log(classes), neginf=-math.inf)
    most = max(lengths) + r.randint(0, 2)
    padding = r.choice([0, -1, 1, 99])  # torch does not read it
    padded = torch.tensor([label + [padding] * (most - len(label)) for label in labels])
    joined = torch.tensor([label for row in labels for label in row])
    made = {
        "log_probs": x,
        "targets": padded.reshape(batch, most).long() if r.random() < 0.6 else joined.long(),
        "input_lengths": torch.tensor([r.randint(least, frames) for least in needed]),
        "target_lengths": torch.tensor(lengths),
    }
    if batch == 1 and r.random() < 0.5:
        made = {**made, "log_probs": x[:, 0], "targets": joined.long()}
        if r.random() < 0.5:
            made |= {name: made[name][0] for name in ("input_lengths", "target_lengths")}
    return made


def seeded(r):
    return torch.Generator().manual_seed(r.getrandbits(32))


VALID = {
    **dict.fromkeys(("mse", "l1", "smooth_l1", "huber"), lambda r: pair(r, normal, normal)),
    "poisson_nll": poisson,
    "gaussian_nll": gaussian,
    "cross_entropy": cross_entropy,
    "nll": lambda r: scores(r, lambda x, dim: x.log_softmax(dim)),
    "linear_cross_entropy": linear,
    "kl_div": kl_div,
    "bce": lambda r: pair(r, probabilities, bits),
    "bce_with_logits": lambda r: pair(r, normal, bits),
    "soft_margin": lambda r: pair(r, normal, signs),
    "multilabel_soft_margin": lambda r: pair(r, normal, lambda r, *s: whole(r, 0, 1, *s), least=1),
    "multi_margin": multi_margin,
    "multilabel_margin": label_lists,
    "margin_ranking": ranking,
    "hinge_embedding": lambda r: pair(r, lambda r, *s: normal(r, *s).abs(), signs),
    "cosine_embedding": cosine,
    "triplet_margin": triplet,
    "triplet_margin_with_distance": triplet,
    "ctc": ctc,
}


# what goes wrong with them -----------------------------------------------------------------------


def wild_tensor(r):
    shape = tuple(r.randint(0, 4) for _ in range(r.randint(0, 4)))
    values = [r.choice(WILD) for _ in range(math.prod(shape))]
    if r.random() < 0.5:
        return torch.tensor(list(map(float, values)), dtype=torch.float64).to(
            r.choice(FLOATS)
        ).reshape(shape)  # fmt: skip
    numbers = [int(v) if abs(v) < 2**63 else 0 for v in values]
    return torch.tensor(numbers, dtype=torch.int64).to(r.choice(INTEGERS)).reshape(shape)


def other_shape(r, x):
    match r.randint(0, 7):
        case 0:
            return x.unsqueeze(r.randint(-x.ndim - 1, x.ndim))
        case 1:
            return x.squeeze()
        case 2:
            return x.reshape(-1)
        case 3 if x.ndim >= 2:
            return x.transpose(0, -1)
        case 4 if x.ndim:
            return x[:1]
        case 5 if x.ndim:
            return x[:0]
        case 6 if x.ndim:
            return torch.cat([x, x])
        case _:
            return x.expand(r.randint(1, 3), *x.shape)


def other_values(r, x):
    value = r.choice(WILD)
    x = x.clone()
    if not x.numel():
        return x
    if x.is_floating_point():
        x.reshape(-1)[r.randrange(x.numel())] = torch.tensor(float(value), dtype=torch.float64)
    elif x.dtype == torch.int64 and abs(value) < 2**63:
        x.reshape(-1)[r.randrange(x.numel())] = int(value)
    return x


def other_form(r, x):
    """The same numbers as another kind of thing."""
    match r.randint(0, 5):
        case 0 if x.dtype != torch.bfloat16:
            return x.numpy()
        case 1:
            return x.to_sparse() if x.ndim else x
        case 2:
            return list(x) if x.ndim else [x.tolist()]
        case 3:
            return tuple(x.tolist()) if x.ndim else x.item()
        case 4 if x.dtype != torch.bfloat16:
            return np.asfortranarray(x.numpy())[..., ::-1] if x.ndim else x.numpy()
        case _:
            return x.tolist()


def spoiled(r, x):
    match r.randint(0, 6):
        case 0:
            return x.to(r.choice(FLOATS + INTEGERS))
        case 1:
            return other_shape(r, x)
        case 2 | 3:
            return other_values(r, x)
        case 4:
            return wild_tensor(r)
        case 5:
            return x * r.choice([0, -1, 1e-20, 30, 1e6, 1e30])
        case _:
            return r.choice(MEANINGLESS)


def dtypes(r, loss):
    """What a case may be computed in."""
    return FLOATS[:2] if loss in NO_HALF and r.random() < 0.9 else FLOATS


def operands(r, loss):
    made = VALID[loss](r)
    first = next(iter(made))
    if r.random() < 0.25:
        dtype = r.choice(dtypes(r, loss))
        made = {n: x.to(dtype) if x.is_floating_point() else x for n, x in made.items()}
    for _ in range(r.choice([0, 0, 0, 0, 0, 1, 1, 2])):
        name = r.choice(list(made))
        if isinstance(made[name], torch.Tensor):
            made[name] = spoiled(r, made[name])
    for name, x in made.items():
        if isinstance(x, torch.Tensor) and r.random() < 0.3:
            made[name] = other_form(r, x)
    match r.randint(0, 40):
        case 0:
            del made[r.choice(list(made))]
        case 1:
            made[r.choice(["input", "targets", "weight", "nope", ""])] = 1.0
        case 2:
            made["inputs"] = made.pop(first)
    return made


def number_for(p, r):
    """A value that a parameter may have."""
    match p.kind:
        case "flag":
            return r.choice([True, False, "true", "off"])
        case "choice":
            return r.choice(p.choices)
        case "tensor":
            return r.choice([[1.0, 2.0], [1, 2, 3], 2.0, "[1,2]", torch.tensor([0.5, 0.5]), "2"])
        case "integer":
            return r.choice([p.default, p.minimum or 0, 1, 2])
    low = p.minimum if p.minimum is not None else 0.0
    return r.choice([low + 0.25, low + 0.5, str(low + 0.1), low + 1e-6, low + 1])


def options(r, record):
    made = {}
    for p in record.parameters:
        if p.name == "blank" and r.random() < 0.9:
            continue  # it must not be among the labels; `blanked` sees to that
        if r.random() < 0.2:
            made[p.name] = number_for(p, r)
        elif r.random() < 0.03:
            made[p.name] = r.choice(WILD + MEANINGLESS)
    if r.random() < 0.02:
        made[r.choice(["weigth", "", "reduction", "p"])] = 1
    return made


def user_settings(r, record):
    made = {"grad": r.random() < 0.6, "strict": r.random() < 0.1, "reduction": "mean"}
    if r.random() < 0.5:
        made["reduction"] = r.choice([*record.reductions, "all"])
    elif r.random() < 0.03:
        made["reduction"] = r.choice(["", "batchmean", "Mean", "x"])
    if r.random() < 0.15:
        made["dtype"] = str(r.choice(dtypes(r, record.name))).removeprefix("torch.")
    takes = record.operands[0].holds in ("logits", "log_probs", "probs")
    if r.random() < (0.1 if takes else 0.02):
        made["given"] = r.choice(["logits", "probs", "log-probs"])
    if r.random() < (0.1 if record.class_dim is not None else 0.02):
        made["class_dim"] = r.choice([0, 1, -1, -2, 2, 7, -9])
    if r.random() < 0.1:
        pairs = [(r.choice(WILD), r.choice(WILD)) for _ in range(r.randint(1, 3))]
        made["target_map"] = tuple((float(a), float(b)) for a, b in pairs)
    if r.random() < 0.5:
        made["allow"] = frozenset(rule for rule in ALLOWABLE if r.random() < 0.5)
    return made


def blanked(r, made):
    """Operands of CTC whose blank is another class, which leaves its place to 0."""
    x, targets = made.get("log_probs"), made.get("targets")
    dense = all(torch.is_tensor(y) and y.layout == torch.strided for y in (x, targets))
    if not dense or not x.ndim or x.shape[-1] < 2:
        return {}
    blank = r.randrange(x.shape[-1])
    made["targets"] = torch.where(targets == blank, torch.zeros_like(targets), targets)
    return {"blank": blank}


def case_of(loss, r):
    record = LOSSES[loss]
    made, chosen = operands(r, loss), options(r, record)
    if loss == "ctc" and "blank" not in chosen and r.random() < 0.3:
        chosen |= blanked(r, made)
    return Case(loss, made, chosen, user_settings(r, record))


# what must come of them --------------------------------------------------------------------------


def outcome(case):
    """ "ok", or the kind of refusal; raises where it is neither."""
    try:
        found = case.run()
    except InitlabError as error:
        refused(case, error)
        return type(error).__name__
    computed(case, found)
    return "ok"


def refused(case, error):
    assert error.exit_code == 2, error
    strict_json(error_dict(case.loss, error))
    assert error.message.strip()
    if isinstance(error, LossError):
        assert any(f.level == "error" for f in error.findings)
        for finding in error.findings:
            assert str(finding).startswith(f"{finding.level}[{finding.rule}] ")
            assert len(str(finding).splitlines()) == 1, finding
            assert "invalid input" not in str(finding)


def computed(case, found):
    reduction = case.settings["reduction"]
    strict_json(as_dict(found, reduction))
    assert any(value.numel() for value in found.values.values()) <= bool(list(csv_rows(found)))
    header, rows, _ = summary([found], 5)
    assert all(len(row) == len(header) for row in rows)
    for full in (False, True):
        text = explain(found, full=full)
        assert text.startswith("CONTRACT\n")
        assert text.endswith("\n")
    levels = {f.level for f in found.findings}
    assert levels <= {"warning", "info"} - ({"warning"} if case.settings["strict"] else set())
    for name, gradient in found.gradients.items():
        assert gradient.shape == found.call.operands[name].shape
    if not all(torch.isfinite(value).all() for value in found.values.values()):
        assert "warning" in levels, found.values  # nothing is silent


def strict_json(data):
    json.loads(json.dumps(data, allow_nan=False))


@pytest.mark.parametrize("loss", LOSSES)
def test_whatever_is_given_there_is_a_result_or_a_message(loss):
    seen = Counter(
        outcome(case_of(loss, random.Random(seed)))  # noqa: S311
        for seed in range(CASES)
    )
    assert seen["ok"] > CASES * LEAST.get(loss, 0.25)


# what random numbers seldom meet -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("loss", "operands", "more"),
    [
        ("mse", {"input": [1e200], "target": [0.0]}, {}),
        ("l1", {"input": [1e308], "target": [-1e308]}, {}),
        ("l1", {"input": [1e308, 1e308], "target": [0.0, 0.0]}, {"reduction": "sum"}),
        ("gaussian_nll", {"input": [1e200], "target": [0.0], "var": [1.0]}, {}),
        ("margin_ranking", {"input1": [1e308], "input2": [-1e308], "target": [-1]}, {}),
        ("multi_margin", {"input": [[1e308, -1e308]], "target": [1]}, {}),
        ("l1", {"input": [1000.0] * 100, "target": [0.0] * 100},
         {"reduction": "all", "dtype": "float16"}),
        ("mse", {"input": [1e20], "target": [0.0]}, {"reduction": "none", "dtype": "float32"}),
    ],
)  # fmt: skip
def test_a_value_that_is_not_finite_is_never_silent(loss, operands, more):
    found = Case(loss, operands, {}, {"dtype": "float64", **more}).run()
    assert not all(torch.isfinite(value).all() for value in found.values.values())
    assert "warning" in {f.level for f in found.findings}


def test_triplets_by_a_norm_that_overflows_are_not_silent():
    triplet = {"anchor": [[1.0, 2.0]], "positive": [[3.0, 4.0]], "negative": [[0.0, 0.0]]}
    found = evaluate("triplet_margin", triplet, {"p": 1e-6})
    assert torch.isfinite(found.values["mean"]) or "warning" in {f.level for f in found.findings}


# text and bytes ----------------------------------------------------------------------------------

TYPED = "[]{},.:\"' 0123456789eE+-naif/\\trulsn½²\t\n_"


def test_whatever_is_typed_is_numbers_or_a_message(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where no text is a file's name
    r = random.Random(0)  # noqa: S311
    seen = Counter()
    for _ in range(5000):
        text = "".join(r.choice(TYPED) for _ in range(r.randint(0, 12)))
        text = r.choice(["", "["]) + text + r.choice(["", "]"])
        try:
            seen["ok"] += read(text if text.strip() != "-" else "0", "--input", ["x"]).literal
        except InputError as error:
            seen["refused" if error.message.startswith("--input") else error.message] += 1
    assert set(seen) == {"ok", "refused"}
    assert min(seen.values()) > 100


def files():
    """The bytes of a small file of every kind."""
    arrays = [np.arange(6.0).reshape(2, 3), np.float32(3), np.zeros((0, 2)), np.array([True])]
    tensors = [torch.ones(3), {"x": torch.ones(3)}, torch.tensor([0.0, 0.5, 1.0]).to_sparse()]
    made = [b"1,2\n3,4\n", b"[1, 2]", b'{"x": [1]}', b"\xef\xbb\xbf1\r\n2"]
    for save, values in (
        (np.save, arrays),
        (lambda file, x: np.savez(file, a=x, x=x), arrays[:2]),
        (np.savez_compressed, arrays[:1]),
        (lambda file, x: torch.save(x, file), tensors),
        (lambda file, x: torch.save(x, file, _use_new_zipfile_serialization=False), tensors),
    ):
        for value in values:
            buffer = io.BytesIO()
            save(buffer, value)
            made.append(buffer.getvalue())
    return made


def spoil_files(times):
    """Files with wrong bytes, one after the other, and what comes of them."""
    r = random.Random(0)  # noqa: S311
    given = files()
    for _ in range(times):
        content = bytearray(r.choice(given))
        for _ in range(r.randint(1, 6)):
            content[r.randrange(len(content))] = r.randrange(256)
        kept = r.randint(0, len(content)) if r.random() < 0.3 else len(content)
        try:
            yield "ok" if decode(bytes(content[:kept]), "--input", ["x"]) else ""
        except InputError as error:
            yield "refused" if error.message.startswith("--input") else error.message


def test_wrong_bytes_in_a_file_do_not_end_the_process():
    seen = alone("for said in fuzz.spoil_files(1500): print(said, flush=True)")
    assert set(seen) == {"ok", "refused"}
    assert min(seen.values()) > 25


# ctc, which could end the process ----------------------------------------------------------------

ALONE = """
import warnings; warnings.simplefilter("error")
import importlib.util, pathlib, random, sys
sys.path.insert(0, str(pathlib.Path(sys.argv[1]).parents[1]))
spec = importlib.util.spec_from_file_location("fuzz", sys.argv[1])
sys.modules["fuzz"] = fuzz = importlib.util.module_from_spec(spec)
spec.loader.exec_module(fuzz)
"""


def alone(code):
    """What code that uses this file prints in a process of its own, counted line by line."""
    done = subprocess.run(
        [sys.executable, "-c", ALONE + code, __file__], capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    seen = Counter(done.stdout.split())
    assert done.returncode == 0, f"after {sum(seen.values())} cases: {done.stderr[-2000:]}"
    return seen


LABELS = (-1, 0, 1, 2, 3, 4, 7, -100, 1000, 2**31, -(2**40), 2**62, -(2**63), 2**63 - 1)


def labelled(r):
    """A call of CTC with labels, lengths and blanks of any value."""
    made = ctc(r)
    for name in ("targets", "input_lengths", "target_lengths"):
        x = made[name]
        if x.numel() and r.random() < 0.5:
            x = x.clone()
            x.reshape(-1)[r.randrange(x.numel())] = r.choice(LABELS)
        made[name] = x.to(r.choice(INTEGERS)) if r.random() < 0.1 else x
    given = {"blank": r.choice(LABELS)} if r.random() < 0.3 else {}
    given |= {"zero_infinity": r.random() < 0.5}
    allow = frozenset(ALLOWABLE) if r.random() < 0.7 else frozenset()
    reduction = r.choice(["none", "sum", "mean", "all"])
    return Case(
        "ctc", made, given, {"grad": True, "strict": False, "reduction": reduction, "allow": allow}
    )


def label_at_random(times):
    """Such calls, one after the other, and what comes of them."""
    with differences_kept():
        for seed in range(times):
            yield outcome(labelled(random.Random(seed)))  # noqa: S311


def test_no_label_length_or_blank_ends_the_process():
    seen = alone("for said in fuzz.label_at_random(300): print(said, flush=True)")
    assert set(seen) == {"ok", "LossError"}
    assert min(seen.values()) > 50
