"""How the explain view shows losses over sequences whose alignment is not known."""

from collections.abc import Iterator
from itertools import product

import torch
from torch import Tensor

from initlab.formatting import four_decimals
from initlab.losslab.evaluate import Evaluation
from initlab.losslab.explain.substitution import Value
from initlab.losslab.explain.tables import WIDTH, Grid, Line
from initlab.losslab.formulas.sequences import extended, lattice, transcripts

MOST_STATES, MOST_FRAMES = 7, 8
MOST_PATHS = 20_000
MOST_SAMPLES = 3  # that cannot be aligned


def substitute_ctc(v: Value) -> str:
    """In words: a sum over all alignments is too long for a line."""
    return f"-log P({v.columns['labels']:.0f} labels in {v.columns['frames']:.0f} frames)"


def judge_alignments(e: Evaluation) -> Iterator[str]:
    """Which sequences cannot be aligned, and which is the worst."""
    losses, columns = e.working.losses.reshape(-1), e.working.columns
    needed, given = (columns[k].reshape(-1) for k in ("frames needed", "frames"))
    for sample in (needed > given).nonzero().flatten().tolist()[:MOST_SAMPLES]:
        lacking = int(needed[sample] - given[sample])
        yield f"sample {sample} cannot be aligned: {lacking} frames are missing"
    worst = int(losses.argmax())
    if len(losses) > 1:
        loss = four_decimals(float(losses[worst]))
        yield f"the worst of {len(losses)} sequences is {worst}, with {loss}"


def alignment_table(e: Evaluation) -> list[Line]:
    """The worst sequence: its states, log alpha of every frame, and all paths one by one."""
    call = e.call
    x = call.input.double()
    frames = x if x.ndim == 3 else x.unsqueeze(1)
    targets = call.operands["target_lengths"].reshape(-1)
    sample = int(e.working.losses.reshape(-1).argmax())
    label = transcripts(call.target, targets)[sample]
    length = int(call.operands["input_lengths"].reshape(-1)[sample])
    states = extended(label, call.options["blank"])
    lines: list[Line] = ["", f"sequence {sample}: states {_states(states, call.options['blank'])}"]
    rows, total = lattice(frames[:length, sample], label, call.options["blank"])
    if len(states) <= MOST_STATES and 0 < length <= MOST_FRAMES:
        header = ["log alpha", *(_state(int(s), call.options["blank"]) for s in states)]
        cells = [[f"t={t}", *(f"{a:.3f}" for a in row.tolist())] for t, row in enumerate(rows)]
        lines.append(Grid(header, cells))
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
