"""A closer look at the worst value: its softmax, its divergences, its alignments."""

from itertools import product

import torch
from torch import Tensor

from initlab.losslab.call import class_dim
from initlab.losslab.evaluate import Evaluation
from initlab.losslab.explain.substitution import class_row, four_decimals
from initlab.losslab.explain.tables import WIDTH, label_of, ranked, table
from initlab.losslab.formulas.numerics import log_softmax, xlogy
from initlab.losslab.formulas.sequences import extended, lattice, transcripts

MOST_CLASSES, MOST_ROWS = 6, 5
MOST_STATES, MOST_FRAMES = 7, 8
MOST_PATHS = 20_000


def worst_value(e: Evaluation) -> list[str]:
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
    call, at = e.call, ranked(e.working.losses)[0]
    x = call.input.double()
    row = class_row(x, at)
    if len(row) > MOST_CLASSES:
        return []
    log_p = log_softmax(row, 0)
    t = call.target
    soft = t.is_floating_point()
    target = class_row(t, at) if soft else None
    rows = []
    for c in range(len(row)):
        picked = "<-" if not soft and c == int(t[at] if t.ndim else t) else ""
        shifted = row[c] - row.max()
        numbers = (row[c], shifted, shifted.exp(), log_p[c].exp(), log_p[c])
        mark = picked if target is None else four_decimals(float(target[c]))
        rows.append([str(c), *(four_decimals(float(number)) for number in numbers), mark])
    header = ["class", "logit", "- max", "exp", "softmax", "log softmax", "target"]
    log_sum = four_decimals(float(row.max() - log_p.max() + (row - row.max()).max()))
    return ["", f"the worst, {label_of(at)}: logsumexp {log_sum}", *table(header, rows)]


def _divergences(e: Evaluation) -> list[str]:
    """Entropy, cross-entropy, KL and Jensen-Shannon divergence of the first rows."""
    t, q = (e.working.columns[k] for k in ("t", "q = e^x"))
    if t.ndim == 0:
        return []
    p, q = (x.movedim(class_dim(e.call), -1) for x in (t, q))
    p, q = (x.reshape(-1, x.shape[-1])[:MOST_ROWS] for x in (p, q))
    middle = (p + q) / 2
    h, kl = -xlogy(p, p.log()).sum(-1), _kl(p, q)
    js = (_kl(p, middle) + _kl(q, middle)) / 2
    rows = [
        [str(i), *map(four_decimals, row)]
        for i, row in enumerate(torch.stack([h, h + kl, kl, js], 1).tolist())
    ]
    return ["", *table(["row", "H(t)", "H(t, q)", "KL(t||q)", "JS"], rows)]


def _kl(p: Tensor, q: Tensor) -> Tensor:
    return xlogy(p, p.log() - q.log()).sum(-1)


def _lattice(e: Evaluation) -> list[str]:
    """The worst sequence: its states, log alpha of every frame, and all paths one by one."""
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
        lines += table(
            header, [[f"t={t}", *(f"{a:.3f}" for a in row.tolist())] for t, row in enumerate(rows)]
        )
    if frames.shape[-1] ** length <= MOST_PATHS and length:
        count, proof = _all_paths(frames[:length, sample], label, call.options["blank"])
        found = four_decimals(-float(total))
        lines.append(f"-log P = {found}; summed over all {count} paths: {four_decimals(proof)}")
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
