"""Over sequences whose alignment is not known."""

import torch
from torch import Tensor

from initlab.losslab.formulas.working import Operands, Options, Working


def ctc(o: Operands, p: Options) -> Working:
    """-log of the probability of all alignments, by the forward variables of Graves et al. 2006.

    log_probs (T, N, C) or (T, C) of T frames, targets (N, S), all labels in one row or (S),
    input_lengths and target_lengths (N) or (); losses (N) or ().
    """
    log_probs = o["log_probs"]
    batched = log_probs.ndim == 3
    frames = log_probs if batched else log_probs.unsqueeze(1)
    inputs, targets = o["input_lengths"].reshape(-1), o["target_lengths"].reshape(-1)
    labels = transcripts(o["targets"], targets)
    losses = torch.stack(
        [
            -lattice(frames[: int(t), n], label, p["blank"])[1]
            for n, (t, label) in enumerate(zip(inputs, labels, strict=True))
        ]
    )
    if p["zero_infinity"]:
        losses = torch.where(torch.isinf(losses), 0.0, losses)
    repeats = torch.tensor([int((s[1:] == s[:-1]).sum()) for s in labels])
    columns = {"frames": inputs, "labels": targets, "frames needed": targets + repeats}
    lengths = targets.clamp(min=1)
    terms = ", ".join(map(str, lengths[:8].tolist())) + (", ..." if len(lengths) > 8 else "")
    counted = f"each by its target length ({terms}), then by {len(lengths)} sequences"
    if not batched:
        losses, columns, lengths = losses[0], {k: v[0] for k, v in columns.items()}, lengths[0]
    return Working(losses, columns, (lengths * len(labels)).double(), counted)


def transcripts(targets: Tensor, lengths: Tensor) -> list[Tensor]:
    """The labels of each of N sequences, from padded rows (N, S) or one row (sum of lengths).

    lengths (N). Returns N tensors of one dimension.
    """
    if targets.ndim == 2:
        return [row[:length] for row, length in zip(targets, lengths.tolist(), strict=True)]
    ends = lengths.cumsum(0).tolist()
    return [targets[end - length : end] for end, length in zip(ends, lengths.tolist(), strict=True)]


def extended(label: Tensor, blank: int) -> Tensor:
    """The labels (S) with blanks before, between and after them: (2 S + 1) states."""
    states = torch.full((2 * len(label) + 1,), blank, dtype=torch.int64)
    states[1::2] = label
    return states


def lattice(frames_TC: Tensor, label: Tensor, blank: int) -> tuple[list[Tensor], Tensor]:
    """Forward variables log alpha_t(s) of every frame, and the log-probability of the label.

    alpha_t(s) = y_t(s) (alpha_{t-1}(s) + alpha_{t-1}(s-1) + alpha_{t-1}(s-2)), the last only from a
    label to a different label (Graves et al. 2006, eq. 6).

    frames (T, C) of log-probabilities, label (S). Returns T rows (2 S + 1), and a number ().
    """
    states = extended(label, blank)
    if not len(frames_TC):
        return [], frames_TC.new_tensor(0.0 if not len(label) else -torch.inf)
    emitted_TS = frames_TC[:, states]
    skips = torch.zeros(len(states), dtype=torch.bool)
    skips[2:] = (states[2:] != blank) & (states[2:] != states[:-2])
    start = torch.arange(len(states)) < 2
    alpha = torch.where(start, emitted_TS[0], -torch.inf)
    rows = [alpha]
    nothing = alpha.new_full((2,), -torch.inf)
    for emitted in emitted_TS[1:]:
        padded = torch.cat([nothing, alpha])
        jumped = torch.where(skips, padded[:-2], -torch.inf)
        alpha = emitted + _logsumexp(torch.stack([alpha, padded[1:-1], jumped]))
        rows.append(alpha)
    return rows, _logsumexp(alpha[-2:])


def _logsumexp(x: Tensor) -> Tensor:
    """Along the first dimension; its gradient is 0, not nan, where every entry is -inf."""
    empty = torch.isneginf(x).all(0)
    return torch.where(empty, -torch.inf, torch.where(empty, 0.0, x).logsumexp(0))
