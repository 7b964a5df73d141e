"""The gradient's closed form, as the explain view prints it, computed and held against autograd."""

import math
import re
from itertools import product

import pytest
import torch
from explained import blocks, calls, computed, draw, pair

from initlab.catalog import LOSSES
from initlab.catalog.rules import ALLOWABLE
from initlab.losslab.explain.gradient import closed_form
from initlab.losslab.explain.view import explain

pytestmark = pytest.mark.filterwarnings("ignore:reduction. 'mean' divides the total loss")


class Case:
    """What a closed form is made of: operands in float64 under the names of the formulas."""

    def __init__(self, e):
        self.o = {n: x.double() if x.is_floating_point() else x for n, x in e.call.operands.items()}
        self.p = e.call.options
        self.x = self.o.get("input", self.o.get("log_input"))
        self.t = self.o.get("target")
        self.w = self.p.get("weight", torch.tensor(1.0)).double()


# one row of scores (C) after another, with the class or the distribution of each ------------------


def by_rows(c, slope):
    """`slope(row, t)` of every sample of (C) or (N, C, d...), put where its row was."""
    x, t = c.logits, c.t
    if x.ndim == 1:
        return slope(x, t.reshape(-1) if t.is_floating_point() else t.reshape(()))
    rows = x.movedim(1, -1)
    targets = t.movedim(1, -1) if t.is_floating_point() else t
    found = torch.zeros_like(rows)
    for at in product(*map(range, rows.shape[:-1])):
        found[at] = slope(rows[at], targets[at])
    return found.movedim(-1, 1)


def onehot(t, like):
    return torch.eye(len(like), dtype=torch.float64)[t]


def hard(c):
    """softmax(x) - onehot(t), weighted; 0 where the class is ignored."""

    def slope(x, t):
        if t == c.p["ignore_index"]:
            return torch.zeros_like(x)
        w = c.w[t] if c.w.ndim else c.w
        return w * (x.softmax(0) - onehot(t, x))

    return by_rows(c, slope)


def towards(c, weighted=True):
    """softmax(x) sum_c w_c q_c - w q, q the smoothed target."""
    e = c.p["label_smoothing"]

    def slope(x, t):
        if not t.is_floating_point() and t == c.p["ignore_index"]:
            return torch.zeros_like(x)
        q = (1 - e) * (t if t.is_floating_point() else onehot(t, x)) + e / len(x)
        w = c.w if weighted else 1.0
        return x.softmax(0) * (w * q).sum() - w * q

    return by_rows(c, slope)


def even(c):
    """softmax(x) - q."""
    c.t, keep = c.t, c.p["label_smoothing"]

    def slope(x, t):
        if not t.is_floating_point() and t == c.p["ignore_index"]:
            return torch.zeros_like(x)
        q = t if t.is_floating_point() else onehot(t, x)
        return x.softmax(0) - ((1 - keep) * q + keep / len(x))

    return by_rows(c, slope)


def scores(form):
    def found(c):
        c.logits = c.x
        return {"input": form(c)}

    return found


def linear(form):
    """g W by x, g x^T by W, g by b."""

    def found(c):
        x, w, b = c.x, c.o["linear_weight"], c.o.get("linear_bias", torch.tensor(0.0))
        flat = w.reshape(-1, w.shape[-1])
        c.logits = (x @ flat.T).reshape(*x.shape[:-1], *w.shape[:-1]) + b
        g = form(c).reshape(*x.shape[:-1], -1)
        rows = g.reshape(-1, len(flat))
        slopes = {"input": g @ flat}
        slopes["linear_weight"] = (rows.T @ x.reshape(-1, x.shape[-1])).reshape(w.shape)
        return slopes | ({"linear_bias": rows.sum(0).reshape(b.shape)} if b.ndim else {})

    return found


def log_probs(c):
    """-w_t onehot(t)."""
    c.logits = c.x

    def slope(x, t):
        kept = t != c.p["ignore_index"]
        return -(c.w[t] if c.w.ndim else c.w) * onehot(t, x) if kept else torch.zeros_like(x)

    return {"input": by_rows(c, slope)}


# hinges -------------------------------------------------------------------------------------------


def multi_margin(c):
    c.logits = c.x

    def slope(x, t):
        h = (c.p["margin"] - x[t] + x).clamp(min=0)
        each = torch.where(h > 0, c.p["p"] * h ** (c.p["p"] - 1), 0.0)
        each = each * (c.w[t] if c.w.ndim else c.w) / len(x)
        each[t] = 0.0
        each[t] = -each.sum()
        return each

    return {"input": by_rows(c, slope)}


def multilabel_margin(c):
    found, x = torch.zeros_like(c.x), c.x
    pairs = [((), x, c.t)] if x.ndim == 1 else zip(range(len(x)), x, c.t, strict=True)
    for at, row, t in pairs:
        listed = t.tolist()[: t.tolist().index(-1)]
        for j in listed:
            for i in set(range(len(row))) - set(listed):
                if 1 - row[j] + row[i] > 0:
                    found[at][i] += 1 / len(row)
                    found[at][j] -= 1 / len(row)
    return {"input": found}


def ranking(c):
    up = torch.where(-c.t * (c.o["input1"] - c.o["input2"]) + c.p["margin"] >= 0, c.t * 1.0, 0.0)
    return {"input1": -up, "input2": up}


def cosine(c):
    def by(x, y):
        lengths = [v.norm(dim=-1, keepdim=True) for v in (x, y)]
        cos = (x * y).sum(-1, keepdim=True) / lengths[0] / lengths[1]
        near = (cos * x / lengths[0] - y / lengths[1]) / lengths[0]
        t = c.t.unsqueeze(-1)
        return torch.where(t == 1, near, torch.where(cos > c.p["margin"], -near, 0.0))

    x, y = c.o["input1"], c.o["input2"]
    return {"input1": by(x, y), "input2": by(y, x)}


# triplets: u(x, y), the derivative of d(x, y) by x ------------------------------------------------


def norm(x, y):
    return (x - y).norm(dim=-1, keepdim=True)


def p_norm(power):
    def unit(x, y):
        length = torch.linalg.vector_norm(x - y, power + 1, dim=-1, keepdim=True)
        return (x - y).sign() * ((x - y).abs() / length) ** power

    return unit, lambda x, y: torch.linalg.vector_norm(x - y, power + 1, dim=-1)


def cosine_unit(x, y):
    lx, ly = (v.norm(dim=-1, keepdim=True) for v in (x, y))
    cos = (x * y).sum(-1, keepdim=True) / lx / ly
    return (cos * x / lx - y / ly) / lx


UNITS = {
    "(x - y)/|x - y|": (lambda x, y: (x - y) / norm(x, y), lambda x, y: norm(x, y)[..., 0]),
    "2 (x - y)": (lambda x, y: 2 * (x - y), lambda x, y: ((x - y) ** 2).sum(-1)),
    "sign(x - y)": (lambda x, y: (x - y).sign(), lambda x, y: (x - y).abs().sum(-1)),
    "(cos x/|x| - y/|y|) / |x|": (
        cosine_unit,
        lambda x, y: 1 - torch.cosine_similarity(x, y, dim=-1),
    ),
    "sign(x - y) (|x_i - y_i| / |x - y|)^2": p_norm(2),
    "sign(x - y) (|x_i - y_i| / |x - y|)^0.5": p_norm(0.5),
}


def triplet(unit, distance, swapped):
    def found(c):
        a, p, n = (c.o[k] for k in ("anchor", "positive", "negative"))
        near, far, other = distance(a, p), distance(a, n), distance(p, n)
        less = (other < far) & swapped
        active = (near - torch.where(less, other, far) + c.p["margin"] >= 0)[..., None]
        less = less[..., None]
        slopes = {
            "anchor": torch.where(less, unit(a, p), unit(a, p) - unit(a, n)),
            "positive": torch.where(less, unit(p, a) - unit(p, n), unit(p, a)),
            "negative": torch.where(less, -unit(n, p), -unit(n, a)),
        }
        return {k: active * v for k, v in slopes.items()}

    return found


PLAIN = "for a u(a, p) - u(a, n), for p u(p, a), for n -u(n, a)"
SWAPPED = "; where d(p, n) is less: for a u(a, p), for p u(p, a) - u(p, n), for n -u(n, p)"
TRIPLETS = {
    f"where active, u(x, y) = {u}: {PLAIN}{more}": triplet(*functions, bool(more))
    for u, functions in UNITS.items()
    for more in ("", SWAPPED)
}


# sequences ----------------------------------------------------------------------------------------


def emitted(c):
    """e^x - P(frame emits class | target), the posterior summed over all paths one by one."""
    x, lengths = c.o["log_probs"], c.o["input_lengths"].reshape(-1)
    x = x if x.ndim == 3 else x[:, None]
    sizes, t = c.o["target_lengths"].reshape(-1).tolist(), c.o["targets"]
    if t.ndim == 1:
        labels = [list(part) for part in t[: sum(sizes)].split(sizes)]
    else:
        labels = [row[:size] for row, size in zip(t, sizes, strict=True)]
    found = torch.zeros_like(x)
    for n, label in enumerate(labels):
        frames = int(lengths[n])
        weight = torch.zeros(frames, x.shape[2], dtype=torch.float64)
        for path in product(range(x.shape[2]), repeat=frames):
            merged = [s for i, s in enumerate(path) if i == 0 or s != path[i - 1]]
            if [s for s in merged if s != c.p["blank"]] == [int(s) for s in label]:
                chance = x[range(frames), n, list(path)].sum().exp()
                weight[range(frames), list(path)] += chance
        if weight.any():
            found[:frames, n] = x[:frames, n].exp() - weight / weight[0].sum()
    return {"log_probs": found.reshape(c.o["log_probs"].shape)}


# every text that the view can print, as Python ----------------------------------------------------


LEAST = float(torch.tensor(1e-12))  # which torch writes as a float32


def first(form, name="input"):
    return lambda c: {name: form(c)}


def gaussian(c):
    v = c.o["var"]
    v = v.unsqueeze(-1) if v.ndim and v.shape == c.x.shape[:-1] else v
    v = v.clamp(min=c.p["eps"])
    r = c.x - c.t
    by_var = ((1 / v - r**2 / v**2) / 2).expand(c.x.shape)
    while by_var.ndim > c.o["var"].ndim:  # a variance of several values has the sum of theirs
        by_var = by_var.sum(0 if v.ndim <= 1 and v.numel() == 1 else -1)
    for dim, size in enumerate(c.o["var"].shape):
        by_var = by_var.sum(dim, keepdim=True) if size == 1 else by_var
    return {"input": r / v, "var": by_var}


def smooth(c):
    r, beta = c.x - c.t, c.p["beta"]
    return (r / beta).clamp(-1, 1) if beta else r.sign()


def poisson(c):
    return c.x.exp() - c.t if c.p["log_input"] else 1 - c.t / (c.x + c.p["eps"])


def bce_logits(c):
    pw = c.p.get("pos_weight", torch.tensor(1.0)).double()
    return c.w * ((1 - c.t) * c.x.sigmoid() - pw * c.t * (-c.x).sigmoid())


def embedding(c):
    return torch.where(c.t == 1, 1.0, torch.where(c.x <= c.p["margin"], -1.0, 0.0).double())


FORMS = {
    "2 w (x - t)": first(lambda c: 2 * c.w * (c.x - c.t)),
    "w sign(x - t)": first(lambda c: c.w * (c.x - c.t).sign()),
    "clamp((x - t) / beta, -1, 1); sign(x - t) for beta = 0": first(smooth),
    "w clamp(x - t, -delta, delta)": first(
        lambda c: c.w * (c.x - c.t).clamp(-c.p["delta"], c.p["delta"])
    ),
    "e^x - t, or 1 - t / (x + eps) without log_input": first(poisson, "log_input"),
    "(x - t) / v; for var (1/v - (x - t)^2 / v^2) / 2": gaussian,
    "w (x - t) / max(x (1 - x), 1e-12)": first(
        lambda c: c.w * (c.x - c.t) / (c.x * (1 - c.x)).clamp(min=LEAST)
    ),
    "w ((1 - t) s(x) - pw t s(-x)), s the sigmoid: w (s(x) - t) without pw": first(bce_logits),
    "-t s(-t x), s the sigmoid": first(lambda c: -c.t * (-c.t * c.x).sigmoid()),
    "w (s(x) - t) / C, s the sigmoid": first(lambda c: c.w * (c.x.sigmoid() - c.t) / c.x.shape[-1]),
    "-w_t onehot(t)": log_probs,
    "-t, or -e^t with log_target": first(lambda c: -(c.t.exp() if c.p["log_target"] else c.t)),
    "for i != t: w_t p (margin - x_t + x_i)^(p-1) / C where that is active, else 0;"
    " for t minus their sum": multi_margin,
    "for a wrong class its violated pairs / C, for a right one minus its pairs / C": (
        multilabel_margin
    ),
    "-t for x1 and t for x2 where -t (x1 - x2) + margin >= 0, else 0": ranking,
    "1 if t = 1; -1 if t = -1 and x <= margin; else 0": first(embedding),
    "for x1, t = 1: (cos x1/|x1| - x2/|x2|) / |x1|; t = -1: minus that where cos > margin, else 0;"
    " for x2 with x1 and x2 changed over": cosine,
    "e^x - P(frame emits class | target): by the scores before log_softmax": emitted,
    **TRIPLETS,
}
CHAIN = "g W, for W: g x^T, for b: g; g = "
#: texts by the scores of classes, in which numbers stand for the smoothing
BY_SCORES = {
    "softmax(X) - onehot(t)": hard,
    "w_t (softmax(X) - onehot(t))": hard,
    "softmax(X) - q; q = t": even,
    "softmax(X) - q; q = # t + #/C": even,
    "softmax(X) - q; q = # onehot(t) + #/C": even,
    "softmax(X) sum_c q_c - q; q = t": lambda c: towards(c, weighted=False),
    "softmax(X) sum_c q_c - q; q = # t + #/C": lambda c: towards(c, weighted=False),
    "softmax(X) sum_c w_c q_c - w q; q = t": towards,
    "softmax(X) sum_c w_c q_c - w q; q = # t + #/C": towards,
    "softmax(X) sum_c w_c q_c - w q; q = # onehot(t) + #/C": towards,
}
for text_, form_ in BY_SCORES.items():
    FORMS[text_.replace("X", "x")] = scores(form_)
    FORMS[CHAIN + text_.replace("X", "logits")] = linear(form_)


def form_of(text, smoothing):
    """The Python of a printed text, whose numbers must be those of the smoothing."""
    if smoothing:
        assert f"{1 - smoothing:g} " in text
        assert f"+ {smoothing:g}/C" in text
        text = re.sub(r"(?<== )[\d.]+ (t|onehot)", r"# \1", text)
        text = re.sub(r"\+ [\d.]+/C", "+ #/C", text)
    return FORMS[text]


def more_calls():
    """Every kind of target, with and without weights, smoothing and ignored samples."""
    x, soft = draw(3, 4), draw(3, 4, seed=1).softmax(1)
    lcw = {"linear_weight": draw(4, 5, seed=3), "linear_bias": draw(4, seed=4)}
    kinds = {
        "hard": torch.tensor([0, 3, 2]),
        "ignored": torch.tensor([0, -100, 2]),
        "soft": soft,
        "unsummed": soft * torch.tensor([[1.0], [0.99], [1.01]]),
    }
    for kind, t in kinds.items():
        for smoothing, weighted in product((0.0, 0.1, 1.0), (False, True)):
            options = {"label_smoothing": smoothing}
            options |= {"weight": [0.5, 1, 2, 3]} if weighted else {}
            yield "cross_entropy", pair(x, t), options, f"{kind}-{smoothing}-{weighted}"
            taken = {"input": draw(3, 5, seed=5), **lcw, "target": t}
            yield "linear_cross_entropy", taken, options, f"{kind}-{smoothing}-{weighted}"
    yield "smooth_l1", pair(x, soft), {"beta": 0}, "l1"
    yield "bce", pair([0.0, 1.0, 0.5], [1.0, 1, 0]), {}, "edges"
    yield "bce", pair([0.2, 0.7], [0.4, 0.5]), {"weight": [2.0, 3]}, "soft"
    both = {"pos_weight": [1.0, 2, 3, 4], "weight": [2.0, 1, 1, 0.5]}
    yield "bce_with_logits", pair(x, soft), both, "both"
    yield "poisson_nll", {"log_input": [0.5, 2], "target": [3, 0]}, {"log_input": False}, "rates"
    log_soft = pair(x.log_softmax(1), draw(3, 4, seed=2).log_softmax(1))
    yield "kl_div", log_soft, {"log_target": True}, "logs"
    yield "gaussian_nll", {**pair([1.0, 2], [0.0, 2]), "var": [1e-9, 3]}, {}, "least"
    yield "multi_margin", pair([[13.0, -7, 11]], [0]), {"margin": 10}, "inactive"
    yield "multi_margin", pair([[13.0, -7, 11]], [0]), {"margin": 10, "p": 2}, "squared"
    yield "multilabel_margin", pair([[0.1, 0.2, 0.4, 0.8]], [[0, 3, -1, -1]]), {}, "chapter"
    for t in (1, -1):
        yield "margin_ranking", {"input1": [1.0], "input2": [1.0], "target": [t]}, {}, f"kink{t}"
        yield "hinge_embedding", pair([1.0, 1.5, 0.5], [t] * 3), {}, f"kink{t}"
        vectors = {"input1": x, "input2": soft, "target": torch.tensor([t] * 3)}
        yield "cosine_embedding", vectors, {"margin": 0.1}, f"sides{t}"
    three = {"anchor": x, "positive": soft, "negative": draw(3, 4, seed=6)}
    for p, swap in product((1, 1.5, 2, 3), (False, True)):
        yield "triplet_margin", three, {"p": p, "swap": swap, "margin": 2}, f"{p}-{swap}"
    for d, swap in product(("euclidean", "squared", "manhattan", "cosine"), (False, True)):
        taken = {"distance": d, "swap": swap, "margin": 0.7}
        yield "triplet_margin_with_distance", three, taken, f"{d}-{swap}"


MOST_PATHS = 20_000  # that are counted one by one


def paths(taken):
    """Of frames (T, N, C) or (T, C): C^T; 1 of any other loss."""
    x = taken.get("log_probs")
    return 1 if x is None else x.shape[-1] ** len(x)


def all_calls():
    yield from (call for call in calls() if paths(call.values[1]) <= MOST_PATHS)
    for name, taken, given, label in more_calls():
        yield pytest.param(name, taken, given, id=f"{name}-{label}")


def summed(taken):
    """Operands whose soft target sums to 1 in float64, where it did in float32."""
    t = taken.get("target")
    if not (isinstance(t, torch.Tensor) and t.is_floating_point() and t.numel() > 1):
        return taken
    sums = t.double().sum(0 if t.ndim == 1 else 1, keepdim=True)
    rounded = bool(((sums - 1).abs() < 1e-6).all())
    return {**taken, "target": t.double() / sums} if rounded else taken


@pytest.mark.parametrize(("name", "operands", "options"), list(all_calls()))
def test_the_closed_form_is_autograd_s(name, operands, options):
    allow = frozenset(ALLOWABLE)
    taken = summed(operands)
    e = computed(name, taken, options, reduction="sum", dtype="float64", allow=allow)
    text = closed_form(e)[0]
    shown = " ".join(part.strip() for part in blocks(explain(e))["GRADIENT"])
    assert f"of one {LOSSES[name].unit}: {text} " in shown
    slopes = form_of(text, e.call.options.get("label_smoothing"))(Case(e))
    wanted = {n: g for n, g in e.gradients.items() if not n.startswith("target")}
    assert set(slopes) == set(wanted)
    for operand, slope in slopes.items():
        # torch adds an eps of 1e-6 to differences of triplets, and takes var to be at least 1e-6
        exact = "triplet" not in name
        tolerance = {"rtol": 1e-9, "atol": 1e-11} if exact else {"rtol": 1e-4, "atol": 2e-5}
        torch.testing.assert_close(wanted[operand].double(), slope.double(), **tolerance)


def test_every_text_of_a_record_or_a_slope_is_computed_here():
    for loss in LOSSES.values():
        assert loss.slope or loss.gradient in FORMS, loss.name


def test_the_formula_agrees_with_the_values_below_it():
    # softmax(1, 2, 3) = .0900, .2447, .6652; q = .9 onehot + .1/3: .0900 - .9333 = -.8433
    taken = pair([[1.0, 2, 3]], [0])
    lines = blocks(explain(computed("cross_entropy", taken, {"label_smoothing": 0.1})))["GRADIENT"]
    assert lines[0] == "of one sample: softmax(x) - q; q = 0.9 onehot(t) + 0.1/C"
    assert lines[1] == "[0], by the logit of class 0: 0.0900 - 0.9333 = -0.8433"
    assert lines[3].split() == ["[0,", "0]", "-0.8433", "-0.8433"]


@pytest.mark.parametrize("weight", [{}, {"weight": [1, 2, 3]}])
@pytest.mark.parametrize("smoothing", [0, 0.1])
@pytest.mark.parametrize("soft", [False, True])
def test_the_numbers_of_the_worst_sample_are_its_gradient(soft, smoothing, weight):
    t = torch.tensor([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]]) if soft else torch.tensor([0, 2])
    e = computed(
        "cross_entropy", pair(draw(2, 3), t), {"label_smoothing": smoothing, **weight},
        reduction="sum",
    )  # fmt: skip
    line = closed_form(e)[1]
    n, c, left, value = re.fullmatch(
        r"\[(\d)\], by the logit of class (\d): (.*) = (\S+)", line
    ).groups()
    assert float(value) == pytest.approx(float(e.gradients["input"][int(n), int(c)]), abs=5e-5)
    assert math.isclose(eval(left), float(value), abs_tol=5e-3)  # noqa: S307 - of our own making
