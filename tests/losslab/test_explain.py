"""The explain view: its blocks, its numbers, its verdicts, and the torch lines in it."""

import math
import re

import pytest
import torch
from explained import BLOCKS, blocks, calls, computed, draw, options, pair, special

from initlab.catalog import LOSSES
from initlab.catalog.rules import ALLOWABLE
from initlab.formatting import bracketed, four_decimals, fraction_or_whole, number
from initlab.losslab.explain.view import explain

WIDEST, SCREEN = 80, 60
INF, NAN = math.inf, math.nan

pytestmark = [
    pytest.mark.filterwarnings("ignore:reduction. 'mean' divides the total loss"),
    pytest.mark.filterwarnings("ignore:nn.KLDivLoss"),
]


every_call = pytest.mark.parametrize(("name", "operands", "options"), list(calls()))


def run(lines):
    """What the torch lines print, as the object itself."""
    printed = []
    exec("\n".join(lines), {"print": printed.append})  # noqa: S102 - what a reader does with them
    (value,) = printed
    return value


def labels(losses):
    at = torch.ones(losses.shape).nonzero().tolist()
    return [str(i) for i in at] if losses.ndim else ["value"]


# numbers as text ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "in_message", "in_value", "in_table", "in_formula"),
    # rounded by hand: four digits, four decimals, six digits of a whole number, brackets
    [
        (2.0, "2", "2.0000", "2", "2"),
        (-0.0, "-0", "-0.0000", "0", "(-0)"),
        (0.57228, "0.5723", "0.5723", "0.5723", "0.5723"),
        (-1.23456789, "-1.23457", "-1.2346", "-1.2346", "(-1.235)"),
        (123456.0, "123456", "1.235e+05", "123456", "1.235e+05"),
        (12345.6, "12345.6", "12345.6000", "12345.6000", "1.235e+04"),
        (1e-8, "1e-08", "1e-08", "1e-08", "1e-08"),
        (INF, "inf", "inf", "inf", "inf"),
        (NAN, "nan", "nan", "nan", "nan"),
    ],
)
def test_a_number_as_text(value, in_message, in_value, in_table, in_formula):
    assert number(value) == in_message
    assert four_decimals(value) == in_value
    assert fraction_or_whole(value) == in_table
    assert bracketed(value) == in_formula


# blocks -------------------------------------------------------------------------------------------


def test_every_loss_and_option_is_explained():
    for name, loss in LOSSES.items():
        given = {k for options_ in options(name, 2, 3) for k in options_}
        given |= {k for other, _, options_ in special() if other == name for k in options_}
        # eps is in no formula of ours
        assert {p.name for p in loss.parameters} - given <= {"eps"}, name


@every_call
def test_every_call_can_be_explained(name, operands, options):
    for reduction in (*LOSSES[name].reductions, "all"):
        evaluation = computed(name, operands, options, reduction=reduction)
        few = max(x.numel() for x in evaluation.call.operands.values()) <= 50
        for full in (False, True):
            text = explain(evaluation, full=full)
            found = blocks(text)
            assert [b for b in BLOCKS if b in found] == list(found)
            assert set(BLOCKS) - set(found) <= {"VERDICTS"}  # where there is nothing to say
            assert all(found.values())
            wide = [line for line in text.splitlines() if len(line) > WIDEST]
            assert not wide
            if few and not full:
                assert len(text.splitlines()) <= SCREEN


@every_call
def test_the_numbers_are_those_of_the_evaluation(name, operands, options):
    evaluation = computed(name, operands, options, reduction="all")
    losses = evaluation.exact["none"]
    for full in (False, True):
        found = blocks(explain(evaluation, full=full))
        assert LOSSES[name].formula in " ".join(found["FORMULA"]).replace("  ", " ")
        # a row for each value that is shown, and its loss in the last column
        shown = {}
        for line in found["VALUES"][1:]:
            label = re.match(r"\s*(\[[\d, ]+\]|value)  ", line)
            if label is None:
                break  # a closer look follows
            shown[label[1]] = line.split()[-1]
        expected = dict(
            zip(labels(losses), map(four_decimals, losses.flatten().tolist()), strict=True)
        )
        assert shown == {k: v for k, v in expected.items() if k in shown}
        if full or losses.numel() <= 8:
            assert set(shown) == set(expected)
        else:
            assert f"... and {losses.numel() - 8} more" in "\n".join(found["VALUES"])
            worst = losses.flatten().argmax()
            assert labels(losses)[worst] in shown
        # the reductions
        text = " ".join(line.strip() for line in found["REDUCTION"])
        for reduction in ("sum", "mean", "batchmean"):
            if reduction in evaluation.exact:
                value = four_decimals(float(evaluation.exact[reduction]))
                assert re.search(rf"\b{reduction} = [^=]*=? ?{re.escape(value)}", text), reduction


@every_call
def test_gradients_agree_with_differences(name, operands, options):
    evaluation = computed(name, operands, options)
    lines = blocks(explain(evaluation, full=True))["GRADIENT"]
    judged = [line for line in lines if line.startswith(("torch and", "they differ", "one of"))]
    wanted = [n for n in evaluation.gradients if not n.startswith("target")]
    assert wanted
    assert judged == ["torch and differences agree"] * len(wanted)
    # under another reduction as well; that of "none" is the sum's
    for reduction in {*LOSSES[name].reductions, "all"} - {"mean"}:
        lines_ = blocks(explain(computed(name, operands, options, reduction=reduction)))["GRADIENT"]
        assert lines_.count("torch and differences agree") == len(wanted), reduction
        of = {"none": "sum", "all": "mean"}.get(reduction, reduction)
        assert any(line.startswith(f"d {of} / d ") for line in lines_)
    # torch's column is that of the evaluation
    for operand in wanted:
        start = next(i for i, line in enumerate(lines) if f"/ d {operand} " in f"{line} ")
        slopes = evaluation.gradients[operand].flatten().tolist()
        rows = lines[start + 1 : start + 1 + len(slopes)]
        cells = [re.sub(r"^\s*(\[.*\]|value)", "", row).split()[0] for row in rows]
        assert cells == [four_decimals(slope) for slope in slopes]


@every_call
def test_the_torch_lines_run(name, operands, options, tmp_path, monkeypatch):
    evaluation = computed(name, operands, options, reduction="all")
    for operand, value in evaluation.call.operands.items():
        torch.save(value, tmp_path / f"{operand}.pt")  # large ones are loaded
    monkeypatch.chdir(tmp_path)
    for full in (False, True):
        value = run(blocks(explain(evaluation, full=full))["TORCH"])
        last = evaluation.reductions[-1]
        torch.testing.assert_close(value, evaluation.values[last], rtol=0, atol=0)


# the formula with numbers -------------------------------------------------------------------------


def arithmetic(text):
    """The value of "-1 log 0.49 - (1 - 1) log(1 - 0.49)" and the like."""
    text = text.replace("log(2 pi)/2", str(math.log(2 * math.pi) / 2))
    text = re.sub(r"\|([^|]*)\|", r"abs(\1)", text)
    text = re.sub(r"e\^(-?\([^()]*\)|-?[\d.]+(?:e[-+]\d+)?)", r"exp(\1)", text)
    text = re.sub(r"log ([\d.]+(?:e[-+]\d+)?)", r"log(\1)", text)
    text = re.sub(r"(?<=[\d)]) (?=[(l])", " * ", text)  # a product written by a space
    text = text.replace("^", "**")
    space = {"exp": math.exp, "log": math.log, "max": max, "abs": abs}
    return eval(text, {"__builtins__": {}}, space)  # noqa: S307 - of our own making


@every_call
def test_the_worked_line_is_true(name, operands, options):
    evaluation = computed(name, operands, options)
    # the formula may take lines; the one with numbers begins with an index
    line = " ".join(part.strip() for part in blocks(explain(evaluation))["FORMULA"])
    left, right = re.search(r"(?:\[[\d, ]+\]|value): (.*) = (\S+)$", line).groups()
    assert right == four_decimals(float(evaluation.working.losses.max()))
    words = ("...", "P(", "ignored", " of ", "smoothed", "sum q")
    if not any(word in left for word in words):  # words, or more terms than fit
        # four digits of each number
        assert arithmetic(left) == pytest.approx(float(right), rel=5e-3, abs=2e-3), left


# edges --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(0,), (0, 3), (2, 0)])
@pytest.mark.parametrize(
    "name", ["mse", "l1", "smooth_l1", "huber", "bce", "bce_with_logits", "soft_margin"]
)
def test_empty_operands(name, shape):
    empty = torch.empty(shape)
    for reduction in ("sum", "none"):
        found = blocks(explain(computed(name, pair(empty, empty), reduction=reduction)))
        assert found["VALUES"] == ["none"]
        assert "VERDICTS" not in found
        assert run(found["TORCH"]).numel() == (reduction == "sum")


@pytest.mark.parametrize(
    ("name", "taken", "given"),
    [
        ("cross_entropy", pair([[1e4, 0], [-1e4, 0]], [0, 0]), {}),
        ("cross_entropy", pair([[-INF, 0, 1], [1, -INF, 2]], [1, 0]), {}),
        ("cross_entropy", pair([[-INF, 0, 1]], [0]), {}),
        ("cross_entropy", pair([[-INF, 0, 1]], [1]), {"label_smoothing": 0.1}),
        ("cross_entropy", pair([[NAN, 0, 1], [1, 2, 3]], [1, 0]), {}),
        ("bce", pair([0.0, 1.0, 0.5], [1, 0, 1]), {}),
        ("bce_with_logits", pair([INF, -INF, NAN], [1, 0, 1]), {}),
        ("soft_margin", pair([-1e4, 1e4], [1, 1]), {}),
        ("kl_div", pair([[0.0, -INF]], [[1, 0]]), {}),
        ("kl_div", pair([[0.0, -INF]], [[0.5, 0.5]]), {}),
        ("mse", pair([1e20, NAN, INF, 1e-30], [0, 0, 0, 0]), {}),
        ("gaussian_nll", {**pair([1.0, 0.0], [0, 0]), "var": [0, 0]}, {}),
        ("poisson_nll", {"log_input": [89, 0], "target": [2, 0]}, {}),
        ("poisson_nll", {"log_input": [0, -1], "target": [2, 0]}, {"log_input": False}),
        ("cosine_embedding", {"input1": [[0, 0]], "input2": [[1, 2]], "target": [1]}, {}),
        ("cosine_embedding", {"input1": [[1e20, 0]], "input2": [[1e20, 2]], "target": [1]}, {}),
        ("hinge_embedding", pair([-1.0, NAN], [1, 0]), {}),
        ("multi_margin", pair([[NAN, 1, 2]], [0]), {}),
        ("multilabel_margin", pair([[1.0, 2, 3]], [[-1, -1, -1]]), {}),
        ("triplet_margin", {k: [[0, 0]] for k in ("anchor", "positive", "negative")}, {}),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_numbers_at_the_edge_do_not_break_it(name, taken, given, dtype):
    allow = frozenset(ALLOWABLE)
    evaluation = computed(name, taken, given, reduction="all", dtype=dtype, allow=allow)
    for full in (False, True):
        text = explain(evaluation, full=full)
        assert max(map(len, text.splitlines())) <= WIDEST
        value = run(blocks(text)["TORCH"])
        expected = evaluation.values[evaluation.reductions[-1]]
        torch.testing.assert_close(value, expected, rtol=0, atol=0, equal_nan=True)


def test_all_ignored_and_impossible_sequences():
    everything = computed("cross_entropy", pair([[1.0, 2]], [-100]), reduction="sum")
    assert "ignored" in explain(everything)
    taken = {"log_probs": draw(2, 1, 3).log_softmax(2), "targets": [[1, 1]]}
    taken |= {"input_lengths": [2], "target_lengths": [2]}
    allow = frozenset({"ctc-too-short"})
    text = explain(computed("ctc", taken, reduction="all", allow=allow))
    # 2 labels and a blank between equal ones are 3 frames
    assert "sample 0 cannot be aligned: 1 frames are missing" in text
    assert "sum = inf" in text
    dropped = explain(computed("ctc", taken, {"zero_infinity": True}))
    assert "sample 0 cannot be aligned" in dropped


def test_long_labels_and_long_numbers_leave_room_for_the_loss():
    x = draw(*[2] * 6) + 9  # six indices, and five columns of up to six digits
    taken = {"log_input": x, "target": (x.exp() / 3).floor()}
    evaluation = computed("poisson_nll", taken, {"full": True}, reduction="all")
    text = explain(evaluation)
    assert max(map(len, text.splitlines())) <= WIDEST
    losses = evaluation.exact["none"].flatten()
    first = [line.split()[-1] for line in blocks(text)["VALUES"][1:6]]
    assert first == [four_decimals(v) for v in losses[:5].tolist()]


def test_half_precision():
    for dtype in ("bfloat16", "float16"):
        text = explain(computed("cross_entropy", pair([[1, 2], [1, 3]], [0, 1]), dtype=dtype))
        assert "torch and differences agree" in text


# closer looks -------------------------------------------------------------------------------------


def test_the_softmax_of_the_worst_sample():
    # logits 1, 2 and the first class: log(e + e^2) = 2.3133, softmax 0.2689 and 0.7311
    evaluation = computed("cross_entropy", pair([[1, 2], [1, 3], [1, 3]], [0, 1, 1]))
    values = [line.split() for line in blocks(explain(evaluation))["VALUES"]]
    assert ["the", "worst,", "[0]:", "logsumexp", "2.3133"] in values
    assert ["0", "1.0000", "-1.0000", "0.3679", "0.2689", "-1.3133", "<-"] in values
    assert ["1", "2.0000", "0.0000", "1.0000", "0.7311", "-0.3133"] in values


def test_the_divergences_of_distributions():
    # P = [.9, .05, .05], Q = [.5, .3, .2]: H .394398, cross-entropy .764503, KL .370105, JS .102597
    taken = pair([[0.5, 0.3, 0.2]], [[0.9, 0.05, 0.05]])
    values = blocks(explain(computed("kl_div", taken, given="probs")))["VALUES"]
    assert values[-1].split() == ["0", "0.3944", "0.7645", "0.3701", "0.1026"]


def test_the_lattice_of_ctc():
    torch.manual_seed(0)  # 4 frames of 3 classes, label 1 1: 3.06413031 by brute force
    taken = {"log_probs": torch.randn(4, 1, 3, dtype=torch.float64).log_softmax(2)}
    taken |= {"targets": [[1, 1]], "input_lengths": [4], "target_lengths": [2]}
    values = blocks(explain(computed("ctc", taken)))["VALUES"]
    assert "sequence 0: states - 1 - 1 -" in values
    # paths that collapse to 1 1 in 4 frames: 1-1 and another of -, 1, 1, or - before, 5 in all
    assert values[-1] == "-log P = 3.0641; summed over all 5 paths: 3.0641"
    assert sum(line.lstrip().startswith("t=") for line in values) == 4


# verdicts -----------------------------------------------------------------------------------------


def said(name, taken, chosen=None, **settings):
    return " ".join(
        part.strip()
        for part in blocks(explain(computed(name, taken, chosen, **settings))).get("VERDICTS", [])
    )


ZEROS = torch.zeros(6, 3)
SURE = 9 * torch.eye(3).repeat(2, 1)
IDS = [0, 1, 2, 0, 1, 2]
CLASSES_60 = torch.tensor([0] * 30 + [1] * 20 + [2] * 10)
PRIOR = torch.tensor([30.0, 20, 10]).log().expand(60, 3)
BITS = [1, 0, 1, 0]
Y = torch.tensor([1.0, 2, 3, 6])
#: cross-entropy of the smoothed target itself is the floor: 3 classes, 0.1
FLOOR_Q = torch.tensor([0.9 + 0.1 / 3, 0.1 / 3, 0.1 / 3])
NEAR, FAR = torch.tensor([[0.0, 1.0]]), torch.tensor([[5.0, 0.0]])


def triplet(a, p, n):
    return {"anchor": a, "positive": p, "negative": n}


def vectors(x, y, t):
    return {"input1": [x], "input2": [y], "target": [t]}


#: loss; what is said; operands made for it, and healthy ones; options, and what is allowed
VERDICTS = [
    ("cross_entropy", "the model knows nothing", pair(ZEROS, IDS), pair(SURE, IDS), {}),
    ("cross_entropy", "against ln C = 1.0986 (C = 3)", pair(ZEROS, IDS), pair(SURE, IDS), {}),
    ("cross_entropy", "confidently wrong", pair(SURE.flip(0), IDS), pair(SURE, IDS), {}),
    ("cross_entropy", "only the class frequencies are learnt", pair(PRIOR, CLASSES_60),
     pair(4 * torch.eye(3)[CLASSES_60], CLASSES_60), {}),
    # H of 1/2, 1/3, 1/6 is 1.0114, which is the loss: no skill
    ("cross_entropy", "skill 1 - 1.0114/1.0114 = 0.000", pair(PRIOR, CLASSES_60),
     pair(PRIOR[:6], CLASSES_60[:6]), {}),
    ("cross_entropy", "it cannot go lower", pair([FLOOR_Q.log().tolist()], [0]),
     pair([[2.0, 1, 0]], [0]), {"label_smoothing": 0.1}),
    ("linear_cross_entropy", "the model knows nothing",
     {"input": ZEROS, "linear_weight": torch.eye(3), "target": IDS},
     {"input": SURE, "linear_weight": torch.eye(3), "target": IDS}, {}),
    ("nll", "< 0: the input holds no log-probabilities", pair([[1.0, 2], [1, 3]], [0, 1]),
     pair(torch.tensor([[0.3, 0.7]]).log(), [1]), {}),
    ("kl_div", "< 0 of row [0]: e^input sums to 4.219983, not to 1",
     pair([[0.5, 0.3, 0.2]], [[0.9, 0.05, 0.05]]),
     pair(torch.tensor([[0.5, 0.3, 0.2]]).log(), [[0.9, 0.05, 0.05]]), {}),
    ("bce", "the model knows nothing", pair([0.5] * 4, BITS), pair([0.9, 0.1, 0.8, 0.2], BITS), {}),
    ("bce", "1 cells are infinite: torch holds logarithms at -100",
     pair([0.0, 0.1, 0.9, 0.2], BITS), pair([0.9, 0.1, 0.8, 0.2], BITS), {}),
    ("bce_with_logits", "the model knows nothing", pair([0.0] * 4, BITS),
     pair([3.0, -3, 2, -2], BITS), {}),
    ("bce_with_logits", "worse than answering 1/2", pair([-3.0, 3, 2, -2], BITS),
     pair([3.0, -3, 2, -2], BITS), {}),
    ("soft_margin", "the model knows nothing", pair([0.0] * 2, [1, -1]),
     pair([3.0, -3], [1, -1]), {}),
    # var 3.5, mean(y^2) 12.5 of 1 2 3 6
    ("mse", "loss 3.5000 against var(target) = 3.5000", pair([3.0] * 4, Y), pair(Y + 0.1, Y), {}),
    ("mse", "no better than predicting the mean", pair([3.0] * 4, Y), pair(Y + 0.1, Y), {}),
    ("mse", "no better than predicting 0", pair([0.0] * 4, Y), pair(Y + 0.1, Y), {}),
    ("huber", "make 99% of the loss", pair([*[0.1] * 9, 9.0], [0.0] * 10),
     pair([0.1] * 10, [0.0] * 10), {}),
    ("l1", "means: l1 2.0000, mse 4.0000, smooth_l1 1.5000, huber(delta=2) 2.0000",
     pair([1.0], [3.0]), pair([1.0], [2.0]), {}),
    ("gaussian_nll", "overconfident", {**pair([3.0, -3], [0, 0]), "var": 1.0},
     {**pair([1.0, -1], [0, 0]), "var": 1.0}, {}),
    ("gaussian_nll", "underconfident", {**pair([0.3, -0.3], [0, 0]), "var": 1.0},
     {**pair([1.0, -1], [0, 0]), "var": 1.0}, {}),
    ("multi_margin", "0 of 2 samples are active: no gradient", pair([[9.0, 0], [0, 9]], [0, 1]),
     pair([[0.1, 0], [0, 9]], [0, 1]), {}),
    ("margin_ranking", "0 of 1 pairs are active: no gradient",
     {"input1": [2.0], "input2": [1.0], "target": [1]},
     {"input1": [2.0], "input2": [1.0], "target": [-1]}, {}),
    ("margin_ranking", "the inputs stand on a kink",
     {"input1": [1.0], "input2": [1.0], "target": [1]},
     {"input1": [2.0], "input2": [1.0], "target": [1]}, {}),
    ("cosine_embedding", "1 similar pairs have cos = 0", vectors([1.0, 0], [0.0, 2], 1),
     vectors([1.0, 0], [1.0, 2], 1), {}),
    ("cosine_embedding", "1 similar pairs have a vector of length 0",
     vectors([0.0, 0], [0.0, 2], 1), vectors([1.0, 0], [1.0, 2], 1), {}),
    ("triplet_margin", "the loss is the margin 1: embeddings collapsed", triplet(NEAR, NEAR, NEAR),
     triplet(NEAR, NEAR + 0.1, FAR), {}),
    ("triplet_margin", "no triplet is active", triplet(NEAR, NEAR + 0.1, FAR),
     triplet(NEAR, FAR, NEAR + 0.1), {}),
    ("triplet_margin", "0 easy, 1 semi-hard, 0 hard", triplet(NEAR, NEAR + 0.1, NEAR + 0.2),
     triplet(NEAR, NEAR + 0.1, FAR), {}),
    ("triplet_margin", "0 easy, 0 semi-hard, 1 hard", triplet(NEAR, FAR, NEAR + 0.1),
     triplet(NEAR, NEAR + 0.1, FAR), {}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "verdict", "sick", "healthy", "given"),
    VERDICTS,
    ids=[f"{v[0]}-{v[1][:30].replace(' ', '-')}" for v in VERDICTS],
)
def test_verdicts(name, verdict, sick, healthy, given):
    allow = frozenset({"not-log-prob"})
    assert verdict in said(name, sick, given, allow=allow)
    assert verdict not in said(name, healthy, given)


@pytest.mark.parametrize(
    ("classes", "floor"),
    # of label smoothing 0.1
    [(2, 0.1985), (10, 0.5003), (1000, 1.0148)],
)
def test_the_floor_of_label_smoothing(classes, floor):
    q = torch.full((classes,), 0.1 / classes)
    q[3 % classes] += 0.9
    words = said("cross_entropy", pair(q.log()[None], [3 % classes]), {"label_smoothing": 0.1})
    assert f"loss {floor:.4f} against the floor {floor:.4f} of label smoothing 0.1" in words


@pytest.mark.parametrize(
    ("classes", "log"), [(2, 0.6931), (3, 1.0986), (10, 2.3026), (1000, 6.9078)]
)
def test_the_loss_of_knowing_nothing(classes, log):
    words = said("cross_entropy", pair(torch.zeros(1, classes), [1]))
    assert f"loss {log:.4f} against ln C = {log:.4f} (C = {classes})" in words


@pytest.mark.parametrize(
    ("classes", "window"),
    [(2, "[0.3133, 1.3133]"), (10, "[1.4612, 2.4612]"), (1000, "[5.9095, 6.9095]")],
)
def test_softmax_before_cross_entropy_is_noticed(classes, window):
    p = draw(4, classes).softmax(1)
    evaluation = computed("cross_entropy", pair(p, [0, 1, 0, 1]), reduction="all")
    (finding,) = [f for f in evaluation.findings if f.rule == "double-softmax"]
    assert window in finding.message
    low, high = (float(v) for v in window.strip("[]").split(", "))
    losses = evaluation.values["none"]
    assert low - 5e-5 <= float(losses.min()) <= float(losses.max()) <= high + 5e-5
    logits = computed("cross_entropy", pair(draw(4, classes), [0, 1, 0, 1]))
    assert not [f for f in logits.findings if f.rule == "double-softmax"]


def test_sigmoid_before_bce_with_logits_is_noticed():
    p = draw(4).sigmoid()
    evaluation = computed("bce_with_logits", pair(p, BITS))
    (finding,) = [f for f in evaluation.findings if f.rule == "double-sigmoid"]
    assert "[0.3133, 0.6931] for t = 1, [0.6931, 1.3133] for t = 0" in finding.message
    logits = computed("bce_with_logits", pair(draw(4), BITS))
    assert not [f for f in logits.findings if f.rule == "double-sigmoid"]
