"""The explain view: a loss in seven blocks of plain text, 80 columns wide, one screen by default.

    contract, formula, values, reduction, gradient, verdicts, and the torch lines that reproduce it.
"""

import textwrap
from collections.abc import Sequence
from itertools import product

import torch
from torch import Tensor

from initlab.catalog.losses import MEANING
from initlab.losslab.call import shape
from initlab.losslab.evaluate import Evaluation, work
from initlab.losslab.formulas.sequences import extended, lattice, transcripts
from initlab.losslab.formulas.working import log_softmax
from initlab.losslab.prepare import name
from initlab.losslab.snippet import MOST_VALUES, snippet
from initlab.losslab.verdicts import verdicts
from initlab.losslab.worked import n4, worked

WIDTH = 80
FIRST, WORST = 5, 3
MOST_CLASSES = 6
MOST_STATES, MOST_FRAMES = 9, 8
MOST_WRITTEN = 24  # values of an operand in the snippet of a short view
MOST_PATHS = 20_000
STEP = 1e-6
KINK = 1e-4


def explain(e: Evaluation, *, full: bool = False) -> str:
    """The view as text, each line at most 80 columns wide but for the snippet.

    Args:
        e: an evaluation with gradients.
        full: every value instead of the first 5 and the worst 3.
    """
    blocks = (
        ("contract", _contract(e)),
        ("formula", _formula(e)),
        ("values", [*_values(e, full=full), *_closer(e)]),
        ("reduction", _reduction(e)),
        ("gradient", _gradient(e, full=full)),
        ("verdicts", _wrapped(verdicts(e))),
        ("torch", snippet(e.call, e.reductions[-1], MOST_VALUES if full else MOST_WRITTEN).split("\n")),
    )
    return "\n".join(_block(title, lines) for title, lines in blocks if lines) + "\n"


def _block(title: str, lines: Sequence[str]) -> str:
    return "\n".join([title.upper(), *(f"  {line}" for line in lines)])


def _wrapped(lines: Sequence[str]) -> list[str]:
    return [part for line in lines for part in textwrap.wrap(line, WIDTH - 2, subsequent_indent="  ")]


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns of text, aligned to the right."""
    widths = [max(len(str(row[i])) for row in [header, *rows]) for i in range(len(header))]
    return [
        "  ".join(f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True))
        for row in [header, *rows]
    ]


# contract and formula ----------------------------------------------------------------------------


def _contract(e: Evaluation) -> list[str]:
    call = e.call
    options = ", ".join(
        f"{k}={[round(x, 4) for x in v.flatten()[:6].tolist()] if isinstance(v, Tensor) else v}"
        for k, v in call.options.items()
    )
    lines = [f"{call.loss.class_name}({options}): {call.loss.about}"]
    for operand in call.loss.operands:
        if operand.name in call.operands:
            x = call.operands[operand.name]
            meaning = MEANING[operand.holds]
            if operand.holds == "classes" and x.is_floating_point():
                meaning = "probabilities of the classes"
            lines.append(f"{operand.name} {shape(x)} {name(x.dtype)}: {meaning}")
    return _wrapped(lines)


def _formula(e: Evaluation) -> list[str]:
    lines = [e.call.loss.formula]
    if e.working.losses.numel():
        at = _ranked(e)[0]
        lines.append(f"{_label(at)}: {worked(e.call, e.working, at)}")
    return _wrapped(lines)


def _label(at: tuple[int, ...]) -> str:
    return f"[{', '.join(map(str, at))}]" if at else "value"


def _ranked(e: Evaluation) -> list[tuple[int, ...]]:
    """Indices of the values, the largest loss first."""
    losses = e.working.losses
    order = losses.flatten().nan_to_num(nan=torch.inf).argsort(descending=True, stable=True)
    return [_unravel(int(i), losses) for i in order]


def _unravel(index: int, like: Tensor) -> tuple[int, ...]:
    at = []
    for size in reversed(like.shape):
        index, rest = divmod(index, size)
        at.append(rest)
    return tuple(reversed(at))


# values ------------------------------------------------------------------------------------------


def _values(e: Evaluation, *, full: bool) -> list[str]:
    """A row for each value: the first five and the worst three, or all."""
    losses = e.working.losses
    if not losses.numel():
        return ["none"]
    rows = list(product(*map(range, losses.shape))) if losses.ndim else [()]
    left = 0
    if not full and len(rows) > FIRST + WORST:
        worst = [at for at in _ranked(e) if at not in set(rows[:FIRST])][:WORST]
        left = len(rows) - FIRST - len(worst)
        rows = [*rows[:FIRST], *worst]
    columns = {k: v.expand(losses.shape) if v.ndim < losses.ndim else v for k, v in e.working.columns.items()}
    header = ["", *columns, "loss"]
    cells = [
        [_label(at), *(_cell(c[at]) for c in columns.values()), n4(float(losses[at]))] for at in rows
    ]
    lines = [line[: WIDTH - 2] for line in table(header, cells)]
    if left:
        lines.append(f"... and {left} more; shown are the first {FIRST} and the worst {WORST}")
    return lines


def _cell(value: Tensor) -> str:
    number = value.item()
    return n4(number) if isinstance(number, float) and number != round(number, 0) else f"{number:.6g}"


def _closer(e: Evaluation) -> list[str]:
    """The worst sample class by class; the lattice of CTC; divergences of distributions."""
    if not e.working.losses.numel():
        return []
    if e.call.loss.name == "cross_entropy":
        return _softmax_table(e)
    if e.call.loss.name == "kl_div":
        return _divergences(e)
    if e.call.loss.name == "ctc":
        return _lattice(e)
    return []


def _softmax_table(e: Evaluation) -> list[str]:
    call, at = e.call, _ranked(e)[0]
    x = call.input.double()
    row = x if x.ndim == 1 else x[(at[0], slice(None), *at[1:])]
    if len(row) > MOST_CLASSES:
        return []
    log_p = log_softmax(row, 0)
    t = call.target
    soft = t.is_floating_point()
    target = (t if t.ndim == 1 else t[(at[0], slice(None), *at[1:])]) if soft else None
    rows = []
    for c in range(len(row)):
        mark = n4(float(target[c])) if target is not None else "<-" * int(c == int(t[at] if t.ndim else t))
        shifted = float(row[c] - row.max())
        numbers = (float(row[c]), shifted, float(torch.tensor(shifted).exp()), float(log_p[c].exp()), float(log_p[c]))
        rows.append([str(c), *map(n4, numbers), mark])
    header = ["class", "logit", "- max", "exp", "softmax", "log softmax", "target"]
    log_sum = n4(float(row.max() - log_p.max() + (row - row.max()).max()))
    return ["", f"the worst, {_label(at)}: logsumexp {log_sum}", *table(header, rows)]


def _divergences(e: Evaluation) -> list[str]:
    from initlab.losslab.information import entropy, js

    t, q = (e.working.columns[k] for k in ("t", "q = e^x"))
    if t.ndim == 0:
        return []
    rows = []
    for index, (p_row, q_row) in enumerate(zip(t.reshape(-1, t.shape[-1]), q.reshape(-1, q.shape[-1]), strict=True)):
        if index == FIRST:
            break
        kl = float(e.working.losses.reshape(-1, t.shape[-1])[index].sum())
        h = entropy(p_row.tolist())
        rows.append([str(index), *map(n4, (h, h + kl, kl, js(p_row.tolist(), q_row.tolist())))])
    return ["", *table(["row", "H(t)", "H(t, q)", "KL(t||q)", "JS"], rows)]


def _lattice(e: Evaluation) -> list[str]:
    """The worst sequence: its states, log alpha of every frame, the best path; all paths as proof."""
    call = e.call
    x = call.input.double()
    frames = x if x.ndim == 3 else x.unsqueeze(1)
    targets = call.operands["target_lengths"].reshape(-1)
    sample = int(e.working.losses.reshape(-1).argmax())
    label = transcripts(call.target, targets)[sample]
    length = int(call.operands["input_lengths"].reshape(-1)[sample])
    states = extended(label, call.options["blank"])
    lines = ["", f"sequence {sample}: states {_states(states, call.options['blank'])}"]
    rows, total = lattice(frames[:length, sample], label, call.options["blank"])
    if len(states) <= MOST_STATES and 0 < length <= MOST_FRAMES:
        header = ["log alpha", *(_state(int(s), call.options["blank"]) for s in states)]
        lines += table(header, [[f"t={t}", *map(n4, row.tolist())] for t, row in enumerate(rows)])
    if frames.shape[-1] ** length <= MOST_PATHS and length:
        count, proof = _all_paths(frames[:length, sample], label, call.options["blank"])
        lines.append(f"-log P = {n4(-float(total))}; summed over all {count} paths: {n4(proof)}")
    return lines


def _state(s: int, blank: int) -> str:
    return "-" if s == blank else str(s)


def _states(states: Tensor, blank: int) -> str:
    text = " ".join(_state(int(s), blank) for s in states)
    return text if len(text) <= WIDTH - 30 else text[: WIDTH - 34] + " ..."


def _all_paths(frames: Tensor, label: Tensor, blank: int) -> tuple[int, float]:
    """How many paths collapse to the label, and -log of their total probability, one by one."""
    found = []
    for path in product(range(frames.shape[1]), repeat=len(frames)):
        merged = [s for i, s in enumerate(path) if i == 0 or s != path[i - 1]]
        if [s for s in merged if s != blank] == label.tolist():
            found.append(frames[range(len(path)), list(path)].sum())
    return len(found), -float(torch.stack(found).logsumexp(0)) if found else float("inf")


# reduction and gradient --------------------------------------------------------------------------


def _reduction(e: Evaluation) -> list[str]:
    working = e.working
    terms = [n4(v) for v in working.losses.flatten()[:4].tolist()]
    total = " + ".join(terms) + (" + ..." if working.losses.numel() > 4 else "")
    lines = []
    for reduction in e.reductions:
        value = n4(float(e.exact[reduction])) if reduction != "none" else shape(working.losses)
        match reduction:
            case "mean" if working.denominator is not None and working.denominator.ndim == 0:
                below = float(working.denominator)
                lines.append(f"mean = ({total}) / {below:.6g} = {value}")
                lines.append(f"  divided by {below:.6g}: {working.counted}")
            case "mean":
                lines.append(f"mean = {value}; divided {working.counted}")
            case "batchmean":
                lines.append(f"batchmean = ({total}) / {working.batch} = {value}")
            case "sum":
                lines.append(f"sum = {total} = {value}")
            case _:
                lines.append(f"none: {working.losses.numel()} values of shape {value}")
    for reduction, value in e.values.items():
        if reduction != "none" and n4(float(value)) != n4(float(e.exact[reduction])):
            lines.append(f"torch's {reduction} in {name(value.dtype)} is {n4(float(value))}")
    return _wrapped(lines)


def _gradient(e: Evaluation, *, full: bool) -> list[str]:
    """Closed form, torch's values, and central differences of our float64 formula beside them."""
    reduction = e.reductions[0] if len(e.reductions) == 1 else "mean"
    of = "sum" if reduction == "none" else reduction
    lines = _wrapped([f"of one {e.call.loss.unit}: {e.call.loss.gradient}"])
    for operand, gradient in e.gradients.items():
        if operand.startswith("target"):
            continue  # nothing is trained through a target
        entries = list(product(*map(range, gradient.shape))) if gradient.ndim else [()]
        shown = entries if full else entries[:FIRST]
        if not shown:
            continue
        checked = [_difference(e, operand, at, of) for at in shown]
        rows = [
            [_label(at), n4(float(gradient[at])), n4(numeric)]
            for at, numeric in zip(shown, checked, strict=True)
        ]
        lines += table([f"d {of} / d {operand}", "torch", "by differences"], rows)
        more = len(entries) - len(shown)
        lines += [f"... and {more} more"] if more else []
        lines += _judged([float(gradient[at]) for at in shown], checked)
    return lines


def _judged(slopes: list[float], numeric: list[float]) -> list[str]:
    scale = max(1e-12, *map(abs, numeric))
    off = max(abs(a - b) for a, b in zip(slopes, numeric, strict=True)) / scale
    if off > KINK:
        return [f"they differ by {off:.1g} of the largest: a kink, or an eps of torch's"]
    return [f"largest difference {off:.1g} of the largest"]


def _difference(e: Evaluation, operand: str, at: tuple[int, ...], reduction: str) -> float:
    # (L(x + h) - L(x - h)) / 2h, with h of 1e-6 of x or 1e-6
    sides = []
    for sign in (1, -1):
        moved = e.call.operands[operand].double().clone()
        step = STEP * max(1.0, abs(float(moved[at])))
        moved[at] += sign * step
        sides.append(work(e.call, {**e.call.operands, operand: moved}).reduced(reduction))
    return float((sides[0] - sides[1]) / (2 * step))

