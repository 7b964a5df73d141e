"""Operands, weights and frames where torch wants them; values against plain torch."""

import itertools
import json
import re
import shlex

import pytest
import torch
from torch import tensor
from torch.nn import functional
from typer.testing import CliRunner

from initlab.catalog import LOSSES
from initlab.catalog.table import load
from initlab.cli.app import build
from initlab.errors import InputError, LossError
from initlab.losslab.checks.shapes import pairwise
from initlab.losslab.evaluate import evaluate_loss


def run(*arguments):
    return CliRunner().invoke(build(), ["loss", "--format", "json", *map(str, arguments)])


def data(*arguments):
    done = run(*arguments)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def followed(finding, *arguments):
    """What the first switch of a fix gives, typed after the same command."""
    switch = re.match(r"(--[a-z-]+)( '[^']*'| -?\d+)?", finding["fix"])
    return data(*arguments, *shlex.split(switch[0]))


def listed(x):
    return json.dumps(x.tolist())


# weights of one dimension ------------------------------------------------------------------------

IMAGES = torch.linspace(-3, 3, 72).reshape(2, 3, 4, 3).sin() * 2
MASKS = (torch.arange(72).reshape(2, 3, 4, 3) % 2).float()
THREE = tensor([1.0, 2.0, 5.0])
INPUTS = {"bce": IMAGES.sigmoid(), "bce_with_logits": IMAGES}
WEIGHTS = [("bce", "weight"), ("bce_with_logits", "weight"), ("bce_with_logits", "pos_weight")]


def by_torch(loss, x, t, **weights):
    return float(load(LOSSES[loss].function)(x, t, **weights))


@pytest.mark.parametrize(("loss", "option"), WEIGHTS)
def test_a_weight_that_fits_two_dimensions_is_asked_about(loss, option):
    x = INPUTS[loss]
    command = ["-n", loss, "-i", listed(x), "-t", listed(MASKS), "-o", f"{option}=[1,2,5]"]
    found = data(*command)
    assert found["value"] == pytest.approx(by_torch(loss, x, MASKS, **{option: THREE}))
    (warned,) = [f for f in found["findings"] if f["rule"] == "weight-dimension"]
    assert warned["level"] == "warning"
    assert "(3) falls on the last dimension of (2, 3, 4, 3)" in warned["message"]
    assert "dimension 1 is (3, 1, 1)" in warned["message"]
    mended = followed(warned, *command)
    per_class = by_torch(loss, x, MASKS, **{option: THREE.reshape(3, 1, 1)})
    assert mended["value"] == pytest.approx(per_class)
    assert per_class != pytest.approx(found["value"], rel=1e-3)
    last = data(*command, "--class-dim", "-1")
    assert last["value"] == found["value"]
    for answer in (mended, last):
        assert "weight-dimension" not in {f["rule"] for f in answer["findings"]}
    scope = {}
    printed = []
    exec(mended["torch"], {"print": lambda v: printed.append(float(v))}, scope)  # noqa: S102
    assert printed == [pytest.approx(mended["value"])]


@pytest.mark.parametrize(("loss", "option"), WEIGHTS)
def test_a_weight_on_the_last_dimension_only_is_said(loss, option):
    x, t = INPUTS[loss][:, :2], MASKS[:, :2]
    found = evaluate_loss(loss, {"input": x, "target": t}, {option: [1, 2, 5]})
    (said,) = [f for f in found.findings if f.rule == "weight-dimension"]
    assert (said.level, said.message) == (
        "info", "(3) falls on the last dimension of (2, 2, 4, 3)",
    )  # fmt: skip
    rows = evaluate_loss(loss, {"input": x[:, 0, 0], "target": t[:, 0, 0]}, {option: [1, 2, 5]})
    assert not rows.findings


@pytest.mark.parametrize(("loss", "option"), WEIGHTS)
@pytest.mark.parametrize(("count", "dim"), [(2, 0), (3, 1), (4, 2)])
def test_a_weight_of_another_dimension_is_refused_and_its_fix_is_right(loss, option, count, dim):
    x, t = INPUTS[loss][..., :1].expand(2, 3, 4, 5), MASKS[..., :1].expand(2, 3, 4, 5)
    weight = torch.arange(1.0, count + 1)
    command = ["-n", loss, "-i", listed(x), "-t", listed(t), "-o", f"{option}={listed(weight)}"]
    done = run(*command)
    assert done.exit_code == 2
    fix = done.stderr.partition("fix: ")[2].strip()
    if option == "pos_weight" and dim == 0:
        assert fix == "give 5 weights"  # positives of a sample have no weight of their own
        return
    fitting = weight.reshape(count, *[1] * (3 - dim))
    shape = f"({', '.join(map(str, fitting.shape))})"
    assert fix == f"--class-dim {dim}, or give it as {shape}"
    expected = pytest.approx(by_torch(loss, x, t, **{option: fitting}), rel=1e-5)
    assert followed({"fix": fix}, *command)["value"] == expected
    shaped = [*command[:-1], f"{option}={listed(fitting)}"]
    assert data(*shaped)["value"] == expected


def test_a_dimension_that_the_weights_do_not_fit():
    given = {"input": IMAGES, "target": MASKS}
    with pytest.raises(
        InputError, match=r"has 3 weights, dimension 2 of \(2, 3, 4, 3\) has 4"
    ) as e:
        evaluate_loss("bce_with_logits", given, {"pos_weight": [1, 2, 5]}, class_dim=2)
    assert e.value.fix == "--class-dim 3"
    with pytest.raises(InputError, match=r"none is given"):
        evaluate_loss("bce_with_logits", given, class_dim=1)


# --allow-broadcast -------------------------------------------------------------------------------

ROWS = tensor([[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]])
SIGNS = tensor([1.0, -1.0])
COLUMN, LINE = tensor([[0.2], [0.7], [0.9]]), tensor([0.1, 0.5, 0.4])
BITS, PLUS_MINUS = tensor([0.0, 1.0, 1.0]), tensor([1.0, -1.0, 1.0])
#: operands of different shapes, that torch takes once all have one
DIFFERENT = {
    **dict.fromkeys(("mse", "l1", "smooth_l1", "huber"), (COLUMN, LINE)),
    "poisson_nll": (COLUMN, BITS),
    "gaussian_nll": (COLUMN, LINE, COLUMN),
    "bce": (COLUMN, BITS),
    "bce_with_logits": (COLUMN, BITS),
    "soft_margin": (COLUMN, PLUS_MINUS),
    "hinge_embedding": (COLUMN, PLUS_MINUS),
    "multilabel_soft_margin": (COLUMN, BITS),
    "kl_div": (ROWS[0].log(), ROWS),
    "margin_ranking": (COLUMN, LINE, PLUS_MINUS),
    "triplet_margin": (ROWS, ROWS[:1], ROWS[1]),
    "triplet_margin_with_distance": (ROWS, ROWS[:1], ROWS[1]),
}


@pytest.mark.filterwarnings("ignore:reduction. .mean.:UserWarning")
@pytest.mark.parametrize("loss", LOSSES)
def test_broadcasting_is_torchs_on_expanded_operands_or_refused(loss):
    record = LOSSES[loss]
    assert record.broadcasts == bool(pairwise(record))
    if not record.broadcasts:
        done = run("-n", loss, "-i", "[[1, 2]]", "-t", "[0]", "--allow-broadcast")
        assert done.exit_code == 2
        assert done.stderr.startswith(
            f"initlab: --allow-broadcast: no operands of {record.class_name}"
        )
        return
    if loss == "cosine_embedding":
        tensors, expanded = (
            (ROWS, ROWS[:1], tensor([-1.0])),
            (ROWS, ROWS[:1].expand(2, 3), -(SIGNS**2)),
        )
    else:
        tensors = DIFFERENT[loss]
        expanded = torch.broadcast_tensors(*tensors)
    given = {o.name: x for o, x in zip(record.operands, tensors, strict=True)}
    with pytest.raises(LossError, match=r"shape-broadcast.*--allow-broadcast"):
        evaluate_loss(loss, given)
    function, options = load(record.function), {}
    for reduction in record.reductions:
        found = evaluate_loss(loss, given, reduction=reduction, allow="shape-broadcast")
        expected = function(*expanded, **options, reduction=reduction)
        torch.testing.assert_close(found.values[reduction], expected)
        assert "were expanded to" in next(
            f.message for f in found.findings if f.rule == "shape-broadcast"
        )
    with pytest.raises(LossError, match=r"shape-broadcast"):
        evaluate_loss(loss, given, allow="shape-broadcast", strict=True)


def test_margin_ranking_of_all_pairs():
    """A course's 3 x 3 matrix: max(0, -(x1 - x2)) of every pair, t = 1."""
    command = ["-n", "margin_ranking", "--input1", "[[1],[2],[3]]", "--input2", "[2,2,2]"]
    command += ["-t", "ones", "-r", "none"]
    done = run(*command)
    assert done.exit_code == 2
    assert "--allow-broadcast computes all of them" in done.stderr
    assert data(*command, "--allow-broadcast")["value"] == [[1, 1, 1], [0, 0, 0], [0, 0, 0]]


# a target in a word ------------------------------------------------------------------------------

SAME = {"mse", "l1", "smooth_l1", "huber", "poisson_nll", "bce", "bce_with_logits", "kl_div"}
SAME |= {"soft_margin", "hinge_embedding", "multilabel_soft_margin", "margin_ranking"}


@pytest.mark.parametrize("word", ["zeros", "ones"])
@pytest.mark.parametrize("loss", LOSSES)
def test_a_target_in_a_word_has_the_inputs_shape(loss, word):
    from tests.losslab.operands.test_prepare import SAMPLE

    record = LOSSES[loss]
    if not {"target", "targets"} & {o.name for o in record.operands}:
        return
    key = "targets" if loss == "ctc" else "target"
    given = {**SAMPLE[loss], key: word}
    numbers = torch.full_like(tensor(SAMPLE[loss][record.operands[0].name]), word == "ones")
    if loss in SAME | {"gaussian_nll"}:
        assert told(loss, given) == told(loss, {**given, key: numbers.tolist()})
    else:
        with pytest.raises(InputError, match=r"a word stands for the input's shape"):
            evaluate_loss(loss, given)


def told(loss, operands):
    """The values or the findings."""
    try:
        return float(evaluate_loss(loss, operands).values["mean"])
    except LossError as error:
        return [(f.rule, f.message) for f in error.findings]


def test_a_word_on_the_command_line_and_in_a_stream(tmp_path):
    assert data("-n", "mse", "-i", "[[1, 2], [3, 4]]", "-t", "zeros")["value"] == 30 / 4
    assert data("-n", "mse", "-i", "[[1, 2], [3, 4]]", "-t", " ones ")["value"] == 14 / 4
    path = tmp_path / "records.jsonl"
    path.write_text('{"input": [1, 2], "target": "zeros"}\n')
    assert data("-n", "mse", "--jsonl", path)["value"] == 5 / 2


# ctc ---------------------------------------------------------------------------------------------

FRAMES = torch.linspace(-4, 9, 5 * 2 * 4).double().reshape(5, 2, 4).sin().log_softmax(-1)
LABELS = tensor([[1, 2, 3], [3, 1, 2]])


def ctc(inputs, targets, x=FRAMES, t=LABELS):
    return float(functional.ctc_loss(x, t, tensor(inputs), tensor(targets)))


def test_lengths_that_are_left_out_are_full():
    full = {"log_probs": FRAMES, "targets": LABELS}
    expected = ctc([5, 5], [3, 3])
    for left, right in itertools.product(
        ({}, {"input_lengths": [5, 5]}), ({}, {"target_lengths": [3, 3]})
    ):
        found = evaluate_loss("ctc", {**full, **left, **right})
        assert float(found.values["mean"]) == pytest.approx(expected)
        said = [f.operand for f in found.findings if f.rule == "full-lengths"]
        assert said == [
            n for n in ("input_lengths", "target_lengths") if n not in {**left, **right}
        ]
    single = evaluate_loss("ctc", {"log_probs": FRAMES[:, 0], "targets": LABELS[0]})
    alone = ctc([5], [3], FRAMES[:, :1], LABELS[:1])
    assert float(single.values["mean"]) == pytest.approx(alone)
    row = {"log_probs": FRAMES, "targets": LABELS.flatten()}
    with pytest.raises(InputError, match=r"one row of 6 labels for a batch of 2") as caught:
        evaluate_loss("ctc", row)
    assert caught.value.fix.startswith("give target_lengths as 2 lengths that sum to 6")
    found = evaluate_loss("ctc", {**row, "target_lengths": [3, 3]})
    assert float(found.values["mean"]) == pytest.approx(expected)


def test_a_scalar_length_of_a_batch_is_mended_by_its_fix():
    """Both fixes, one after the other."""
    command = ["-n", "ctc", "-i", listed(FRAMES), "-t", listed(LABELS), "--dtype", "float64"]
    done = run(*command, "--input-lengths", 4, "--target-lengths", 2)
    assert done.exit_code == 2
    assert "() for a batch of 2; needs one length for each sequence" in done.stderr
    assert "log_probs (5, 2, 4) is 5 frames, a batch of 2, 4 classes" in done.stderr
    assert "is the batch first" not in done.stderr
    fixes = [line.partition("fix: ")[2] for line in done.stderr.splitlines()]
    assert fixes == ["--input-lengths '[4,4]'", "--target-lengths '[2,2]'"]
    mended = data(*command, *itertools.chain(*map(shlex.split, fixes)))
    assert mended["value"] == pytest.approx(ctc([4, 4], [2, 2]))
    beyond = run(*command, "--input-lengths", "[6,3]")
    fix = beyond.stderr.partition("fix: ")[2]
    assert data(*command, *shlex.split(fix))["value"] == pytest.approx(ctc([5, 3], [3, 3]))


@pytest.mark.parametrize("lengths", [["--input-lengths", "[5,5]"], []])
def test_the_batch_is_first_where_the_shapes_say_so(lengths):
    turned = listed(FRAMES.movedim(0, 1))
    command = ["-n", "ctc", "-i", turned, "-t", listed(LABELS), "--dtype", "float64", *lengths]
    done = run(*command)
    assert done.exit_code == 2
    assert "log_probs (2, 5, 4) is 2 frames, a batch of 5, 4 classes" in done.stderr
    fixes = {line.partition("fix: ")[2] for line in done.stderr.splitlines() if "fix" in line}
    assert fixes == {"--batch-first, if log_probs is (N, T, C)"}
    assert data(*command, "--batch-first")["value"] == pytest.approx(ctc([5, 5], [3, 3]))
    turned = listed(FRAMES.permute(1, 2, 0))  # (N, C, T)
    command[3] = turned
    both = data(*command, "--batch-first", "--class-dim", 1)
    assert both["value"] == pytest.approx(ctc([5, 5], [3, 3]))


def test_padding_of_rows_without_lengths():
    padded = tensor([[1, 2, 0], [3, 0, 0]])
    command = ["-n", "ctc", "-i", listed(FRAMES), "-t", listed(padded), "--dtype", "float64"]
    done = run(*command)
    fix = done.stderr.partition("fix: ")[2].strip()
    assert fix == "--target-lengths '[2,1]', if the rows are padded"
    mended = followed({"fix": fix}, *command)
    assert mended["value"] == pytest.approx(ctc([5, 5], [2, 1], t=padded))


@pytest.mark.parametrize("loss", sorted(set(LOSSES) - {"ctc"}))
def test_the_batch_is_first_everywhere_else(loss):
    from tests.losslab.operands.test_prepare import SAMPLE

    with pytest.raises(InputError, match=r"^--batch-first: ") as caught:
        evaluate_loss(loss, SAMPLE[loss], batch_first=True)
    assert caught.value.fix == "leave it out"


def test_vectors_of_different_lengths_have_no_sign_to_expand():
    done = run("-n", "cosine_embedding", "--input1", "[1]", "--input2", "[1,2,3]", "-t", "[1]",
               "--allow-broadcast")  # fmt: skip
    assert done.exit_code == 2
    assert "fix: " in done.stderr
