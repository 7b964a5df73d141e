"""From what is given to what torch is called with: names, dtypes, conversions, padding."""

import itertools
import math

import numpy as np
import pytest
import torch
from torch import tensor

from initlab.catalog import LOSSES
from initlab.errors import InputError, LossError
from initlab.losslab.evaluate import evaluate
from initlab.losslab.operands.reading import Read
from initlab.losslab.settings import Settings

DTYPES = {
    "float64": torch.float64,
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}
LOGITS = [[1.0, 2.0, -1.0], [0.5, -0.5, 3.0]]
SIGNS = {"input": [0.5, 2.0], "target": [1, -1]}
TRIPLET = {
    "anchor": LOGITS, "positive": [[1.0, 1, 1], [0, 1, 2]], "negative": [[0.0, 1, 2], [1, 0, 3]]
}  # fmt: skip
#: operands that every loss takes
SAMPLE = {
    **{
        loss: {"input": [1.0, 2], "target": [0.5, 1]}
        for loss in ("mse", "l1", "smooth_l1", "huber")
    },
    "poisson_nll": {"log_input": [0.5, 1.0], "target": [1, 2]},
    "gaussian_nll": {"input": [1.0, 2.0], "target": [0.5, 1.0], "var": [1.0, 2.0]},
    "cross_entropy": {"input": LOGITS, "target": [0, 2]},
    "nll": {"input": tensor(LOGITS).log_softmax(1).tolist(), "target": [0, 2]},
    "linear_cross_entropy": {
        "input": LOGITS, "linear_weight": [[1.0, 0.5, 0], [0, 1.0, -1]], "target": [0, 1],
        "linear_bias": [0.5, 0],
    },
    "kl_div": {
        "input": tensor(LOGITS).log_softmax(1).tolist(), "target": [[0.5, 0.25, 0.25], [1.0, 0, 0]]
    },
    "bce": {"input": [0.25, 0.75], "target": [0, 1]},
    "bce_with_logits": {"input": [-1.0, 2.0], "target": [0, 1]},
    "soft_margin": SIGNS,
    "multilabel_soft_margin": {"input": LOGITS, "target": [[1, 0, 1], [0, 0, 1]]},
    "multi_margin": {"input": LOGITS, "target": [0, 2]},
    "multilabel_margin": {"input": LOGITS, "target": [[0, -1, -1], [2, 1, -1]]},
    "margin_ranking": {"input1": [0.5, 2.0], "input2": [1.0, 1.0], "target": [1, -1]},
    "hinge_embedding": SIGNS,
    "cosine_embedding": {
        "input1": LOGITS, "input2": [[1.0, 1, 1], [0.0, 1, 2]], "target": [1, -1]
    },
    "triplet_margin": TRIPLET,
    "triplet_margin_with_distance": TRIPLET,
    "ctc": {
        "log_probs": torch.zeros(4, 1, 3).log_softmax(-1).tolist(), "targets": [[1, 2]],
        "input_lengths": [4], "target_lengths": [2],
    },
}  # fmt: skip
NO_HALF = {loss for loss, record in LOSSES.items() if not record.half}


def computed(loss, operands, options=None, **settings):
    return evaluate(loss, operands, options, Settings(**settings))


def value(loss, operands, options=None, **settings):
    settings.setdefault("dtype", "float64")
    return float(computed(loss, operands, options, **settings).values["mean"])


def refused(loss, operands, options=None, **settings):
    with pytest.raises(InputError) as caught:
        computed(loss, operands, options, **settings)
    return caught.value.message


def told(found, rule):
    return [f"{f.operand}: {f.message}" for f in found.findings if f.rule == rule]


@pytest.mark.parametrize("loss", LOSSES)
def test_a_sample_is_computed_without_a_word_of_warning(loss):
    found = computed(loss, SAMPLE[loss])
    assert {f.level for f in found.findings} <= {"info"}
    assert not [f for f in found.findings if f.rule.startswith("dtype")]


# names of operands -------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", LOSSES)
def test_every_name_of_an_operand_will_do(loss):
    record = LOSSES[loss]
    expected = value(loss, SAMPLE[loss])
    first, targets = record.operands[0], {"target", "targets"} & set(SAMPLE[loss])
    assert {"input", "inputs"} <= {first.name, *first.aliases}
    for operand in record.operands:
        if operand.name in targets:
            assert {"target", "targets"} == {operand.name, *operand.aliases}
        for name in operand.aliases:
            renamed = {name if k == operand.name else k: v for k, v in SAMPLE[loss].items()}
            assert value(loss, renamed) == expected


@pytest.mark.parametrize("loss", LOSSES)
def test_one_operand_under_two_names_is_refused(loss):
    for operand in LOSSES[loss].operands:
        for alias in operand.aliases:
            both = {**SAMPLE[loss], alias: SAMPLE[loss][operand.name]}
            said = refused(loss, both, typed={operand.name: "--one", alias: "--other"})
            assert said == f"--one and --other both name the operand {operand.name}"


@pytest.mark.parametrize("loss", LOSSES)
def test_an_operand_that_lacks_is_named_with_its_shape(loss):
    for operand in LOSSES[loss].operands:
        less = {k: v for k, v in SAMPLE[loss].items() if k != operand.name}
        if not operand.needed:
            computed(loss, less)
            continue
        said = refused(loss, less)
        assert said.startswith(f"{LOSSES[loss].class_name} needs {operand.name} (")
        assert operand.shape in said
    said = refused(loss, {})
    for operand in LOSSES[loss].operands:
        assert not operand.needed or operand.name in said


@pytest.mark.parametrize("loss", LOSSES)
def test_an_operand_of_another_loss_is_refused(loss):
    for name in ("nope", "", "var", "anchor", "linear_bias"):
        if name in LOSSES[loss].names:
            continue
        said = refused(loss, {**SAMPLE[loss], name: 1.0}, typed={name: f"--{name}"})
        assert said.startswith(f"--{name}: {LOSSES[loss].class_name} takes no such operand")


# dtypes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("loss", LOSSES)
def test_dtype_decides_over_everything(loss, dtype):
    if loss in NO_HALF and dtype in ("float16", "bfloat16"):
        with pytest.raises(LossError, match="not implemented for") as caught:
            computed(loss, SAMPLE[loss], dtype=dtype)
        assert caught.value.findings[-1].fix == "--dtype float32"
        return
    found = computed(loss, SAMPLE[loss], dtype=dtype, reduction="none")
    assert found.values["none"].dtype == DTYPES[dtype]
    for x in found.call.operands.values():
        assert x.dtype in (DTYPES[dtype], torch.int64)
    assert not told(found, "dtype-input")  # numbers that were typed have no dtype


@pytest.mark.parametrize("loss", LOSSES)
def test_numbers_that_were_typed_are_float32(loss):
    assert computed(loss, SAMPLE[loss]).values["mean"].dtype == torch.float32


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("loss", sorted(set(LOSSES) - NO_HALF))
def test_the_first_operand_decides(loss, dtype):
    first, *others = SAMPLE[loss]
    given = {**SAMPLE[loss], first: tensor(SAMPLE[loss][first], dtype=DTYPES[dtype])}
    found = computed(loss, given)
    assert found.values["mean"].dtype == DTYPES[dtype]
    assert not told(found, "dtype-input")
    assert not told(found, "dtype-target")
    assert {found.call.operands[n].dtype for n in others} <= {DTYPES[dtype], torch.int64}


@pytest.mark.parametrize("loss", LOSSES)
def test_a_tensor_that_is_cast_is_reported(loss):
    record = LOSSES[loss]
    for operand in record.operands:
        x = torch.as_tensor(SAMPLE[loss][operand.name])
        other = torch.int32 if not x.is_floating_point() else torch.float64
        given = {**SAMPLE[loss], operand.name: x.to(other)}
        found = computed(loss, given, dtype="float32")
        cast = found.call.operands[operand.name].dtype
        expected = f"{operand.name}: {str(other)[6:]} was cast to {str(cast)[6:]}"
        assert expected in told(found, "dtype-input") + told(found, "dtype-target")
        assert {f.level for f in found.findings if f.rule.startswith("dtype")} == {"info"}


@pytest.mark.parametrize("kind", [list, np.array, tensor, tuple, lambda x: Read(tensor(x), False)])
def test_every_kind_of_number_gives_the_same(kind):
    given = {name: kind(x) for name, x in SAMPLE["bce"].items()}
    assert value("bce", given) == pytest.approx(-math.log(0.75), rel=1e-7)


def test_an_operand_is_not_changed():
    x = tensor([0.25, 0.75])
    t = tensor([0, 1])
    found = computed("bce", {"input": x, "target": t}, grad=True, given="probs")
    assert x.tolist() == [0.25, 0.75]
    assert t.dtype == torch.int64
    assert x.grad is None
    assert not found.values["mean"].requires_grad


def test_a_parameter_of_a_model_will_do():
    x = torch.nn.Parameter(tensor([0.25, 0.75]))
    found = computed("bce", {"input": x, "target": [0, 1]}, grad=True)
    assert found.gradients["input"].tolist() == pytest.approx([2 / 3, -2 / 3])
    assert x.grad is None


def test_integers_that_a_float32_has_not_are_worth_a_warning():
    given = {"input": tensor([2**24 + 1]), "target": [0]}
    (said,) = told(computed("l1", given), "precision")
    assert "16777217" in said
    assert not told(computed("l1", given, dtype="float64"), "precision")


def test_a_number_beyond_the_dtype_is_an_overflow():
    with pytest.raises(LossError) as caught:
        computed("mse", {"input": [1e39], "target": [0]})
    (found,) = caught.value.findings
    assert (found.rule, found.fix) == ("overflow", "--dtype float64")
    assert "1 of 1 value is" in found.message
    assert value("mse", {"input": [1e39], "target": [0]}) == pytest.approx(1e78)


# weights -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "weight", [[1, 2, 3], (1.0, 2, 3), np.array([1.0, 2, 3]), tensor([1, 2, 3])]
)
def test_weights_of_any_kind(weight):
    expected = value("cross_entropy", SAMPLE["cross_entropy"], {"weight": [1.0, 2.0, 3.0]})
    found = computed("cross_entropy", SAMPLE["cross_entropy"], {"weight": weight})
    assert float(found.values["mean"]) == pytest.approx(expected, rel=1e-6)
    assert found.call.options["weight"].dtype == torch.float32


@pytest.mark.parametrize("weight", ["none.npy", "[1, [2]]", None, object(), "", "x,y", [None], {}])
def test_weights_that_cannot_be_read(weight):
    said = refused("cross_entropy", SAMPLE["cross_entropy"], {"weight": weight})
    assert said.startswith("--weight")


# --from ------------------------------------------------------------------------------------------

X = tensor([[1.0, 2.0, -1.0], [0.5, -0.5, 3.0]]).double()
BY_SOFTMAX = {"logits": X, "probs": X.softmax(1), "log-probs": X.log_softmax(1)}
BY_SIGMOID = {
    "logits": X, "probs": X.sigmoid(), "log-probs": torch.nn.functional.logsigmoid(X),
}  # fmt: skip
FROM = {
    "cross_entropy": (BY_SOFTMAX, "logits"),
    "nll": (BY_SOFTMAX, "log-probs"),
    "kl_div": (BY_SOFTMAX, "log-probs"),
    "bce": (BY_SIGMOID, "probs"),
    "bce_with_logits": (BY_SIGMOID, "logits"),
    "multilabel_soft_margin": (BY_SIGMOID, "logits"),
}
BITS = [[1, 0, 1], [0, 0, 1]]


@pytest.mark.parametrize("given", ["logits", "probs", "log-probs"])
@pytest.mark.parametrize("loss", FROM)
def test_from_whatever_the_input_holds(loss, given):
    same, own = FROM[loss]
    target = SAMPLE[loss]["target"] if "bce" not in loss else BITS
    expected = value(loss, {"input": same[own], "target": target})
    found = computed(loss, {"input": same[given], "target": target}, given=given)
    assert float(found.values["mean"]) == pytest.approx(expected, rel=1e-12)
    (said,) = told(found, "from")
    assert said.startswith(f"input: {given}: ")
    assert not [f for f in found.findings if f.level == "warning"]


@pytest.mark.parametrize("given", ["logits", "probs", "log-probs"])
def test_from_for_ctc(given):
    x = torch.linspace(-1, 1, 24).double().reshape(4, 2, 3).sin()
    same = {"logits": x, "probs": x.softmax(-1), "log-probs": x.log_softmax(-1)}
    others = {"targets": [[1, 2], [2, 1]], "input_lengths": [4, 4], "target_lengths": [2, 1]}
    expected = value("ctc", {"log_probs": same["log-probs"], **others})
    assert value("ctc", {"log_probs": same[given], **others}, given=given) == pytest.approx(
        expected
    )


@pytest.mark.parametrize("loss", sorted(set(LOSSES) - set(FROM) - {"ctc"}))
@pytest.mark.parametrize("given", ["logits", "probs", "log-probs"])
def test_from_where_there_are_no_probabilities(loss, given):
    said = refused(loss, SAMPLE[loss], given=given)
    assert said.startswith(f"--from {given}: {LOSSES[loss].class_name} takes neither")


@pytest.mark.parametrize(
    ("given", "x", "said"),
    [
        ("probs", 1.5, "1 of 6 values is 1.5 (index [0, 1]), outside 0..1"),
        ("probs", -0.5, "1 of 6 values is -0.5 (index [0, 1]), outside 0..1"),
        ("log-probs", 0.5, "1 of 6 values is 0.5 (index [0, 1]), above 0"),
    ],
)
@pytest.mark.parametrize("loss", FROM)
def test_from_what_the_input_does_not_hold(loss, given, x, said):
    wrong = [[-0.5 if given == "log-probs" else 0.5] * 3 for _ in range(2)]
    wrong[0][1] = x
    target = BITS if "bce" in loss else SAMPLE[loss]["target"]
    typed = {"input": "--inputs"}
    message = refused(loss, {"input": wrong, "target": target}, given=given, typed=typed)
    assert message.startswith(f"--from {given}: --inputs: ")
    assert said in message


@pytest.mark.parametrize("loss", ["bce_with_logits", "multilabel_soft_margin"])
@pytest.mark.parametrize("x", [0.0, 1.0])
def test_a_certainty_has_no_finite_logit(loss, x):
    said = refused(loss, {"input": [[x, 0.5]], "target": [[1, 0]]}, given="probs")
    assert "1 of 2 values is" in said


def test_from_probs_of_a_model_that_is_certain():
    assert value("cross_entropy", {"input": [[1.0, 0.0]], "target": [0]}, given="probs") == 0
    assert value("nll", {"input": [[1.0, 0.0]], "target": [0]}, given="probs") == 0


def test_from_goes_over_the_dimension_of_classes():
    x = torch.linspace(-2, 2, 24).double().reshape(2, 3, 4).sin()
    t = torch.arange(8).reshape(2, 4) % 3
    expected = value("nll", {"input": x.log_softmax(1), "target": t})
    assert value("nll", {"input": x, "target": t}, given="logits") == pytest.approx(expected)
    last = {"input": x.movedim(1, -1), "target": t}
    assert value("nll", last, given="logits", class_dim=-1) == pytest.approx(expected)


def test_a_vector_of_logits_is_one_sample():
    x = tensor([1.0, 2.0, -1.0]).double()
    expected = value("nll", {"input": x.log_softmax(0), "target": 1})
    assert value("nll", {"input": x, "target": 1}, given="logits") == pytest.approx(expected)


# --class-dim -------------------------------------------------------------------------------------

CLASSES = [loss for loss, record in LOSSES.items() if record.class_dim is not None]
IMAGES = torch.linspace(-3, 3, 2 * 3 * 4 * 5).double().reshape(2, 3, 4, 5).sin()


@pytest.mark.parametrize("dim", [-1, 0, 1, 2, 3])
@pytest.mark.parametrize("loss", ["cross_entropy", "nll"])
def test_classes_in_any_dimension(loss, dim):
    x = IMAGES if loss == "cross_entropy" else IMAGES.log_softmax(1)
    t = torch.arange(40).reshape(2, 4, 5) % 3
    expected = value(loss, {"input": x, "target": t})
    moved = {"input": x.movedim(1, dim), "target": t}
    assert value(loss, moved, class_dim=dim) == pytest.approx(expected)


def test_probabilities_as_target_move_along():
    t = IMAGES.cos().softmax(1)
    expected = value("cross_entropy", {"input": IMAGES, "target": t})
    moved = {"input": IMAGES.movedim(1, -1), "target": t.movedim(1, -1)}
    found = computed("cross_entropy", moved, class_dim=-1)
    assert float(found.values["mean"]) == pytest.approx(expected)
    (said,) = told(found, "class-dim")
    assert said.startswith("input: (2, 4, 5, 3) was turned to (2, 3, 4, 5)")


def test_classes_first_in_kl_div():
    x = torch.linspace(-3, 3, 6).double().reshape(3, 2)
    t = x.cos().softmax(0)
    expected = value("kl_div", {"input": x.T.log_softmax(1), "target": t.T})
    assert value("kl_div", {"input": x.log_softmax(0), "target": t}, class_dim=0) == pytest.approx(
        expected
    )


def test_classes_first_in_ctc():
    given = SAMPLE["ctc"]
    x = tensor(given["log_probs"])
    moved = {**given, "log_probs": x.movedim(-1, 0)}
    assert value("ctc", moved, class_dim=0) == pytest.approx(value("ctc", given))


@pytest.mark.parametrize("loss", CLASSES)
@pytest.mark.parametrize("dim", [7, -7])
def test_a_dimension_that_there_is_not(loss, dim):
    first = LOSSES[loss].operands[0].name
    said = refused(loss, SAMPLE[loss], class_dim=dim, typed={first: "--inputs"})
    assert said.startswith("--class-dim")
    n = torch.as_tensor(SAMPLE[loss][first]).ndim
    assert f"--inputs has {n} dimensions, needs {-n} to {n - 1}" in said or "no dimension" in said


@pytest.mark.parametrize("loss", sorted(set(LOSSES) - set(CLASSES) - {"bce", "bce_with_logits"}))
def test_a_loss_without_classes(loss):
    said = refused(loss, SAMPLE[loss], class_dim=-1)
    assert said == f"--class-dim: {LOSSES[loss].class_name} has no dimension of classes"


@pytest.mark.parametrize("loss", CLASSES)
def test_torchs_own_dimension_changes_nothing(loss):
    if loss == "linear_cross_entropy":
        assert "no dimension" in refused(loss, SAMPLE[loss], class_dim=1)
        return
    dim = LOSSES[loss].class_dim
    assert value(loss, SAMPLE[loss], class_dim=dim) == value(loss, SAMPLE[loss])


# --target-map ------------------------------------------------------------------------------------


def test_values_are_replaced_all_at_once():
    given = {"input": LOGITS, "target": [2, 0]}
    swapped = value("cross_entropy", given, target_map=((0, 2), (2, 0)))
    assert swapped == value("cross_entropy", SAMPLE["cross_entropy"])
    found = computed("cross_entropy", given, target_map=((0, 2), (2, 0)))
    assert told(found, "target-map") == ["target: 2 of 2 values replaced"]


@pytest.mark.parametrize(
    "target", [[1, 0], [1.0, 0.0], tensor([1, 0]), tensor([True, False]), np.array([1.0, 0.0]),
               tensor([1, 0], dtype=torch.uint8)],
)  # fmt: skip
def test_zeros_become_minus_one_in_any_dtype(target):
    found = computed("soft_margin", {"input": [0.5, 2.0], "target": target}, target_map=((0, -1),))
    assert found.call.target.tolist() == [1, -1]
    expected = value("soft_margin", SIGNS)
    assert float(found.values["mean"]) == pytest.approx(expected, rel=1e-6)


def test_a_map_to_fractions():
    found = computed("bce", {"input": [0.25, 0.75], "target": [0, 1]}, target_map=((0, 0.1),))
    assert found.call.target.tolist() == pytest.approx([0.1, 1])


def test_ids_beyond_2_to_the_53_survive_a_map():
    given = {"input": [[1.0, 2.0]] * 2, "target": [2**53 + 1, 0]}
    said = refused("cross_entropy", given, target_map=((0, 1),))
    assert str(2**53 + 1) in said


def test_a_value_that_does_not_occur():
    found = computed("soft_margin", SIGNS, target_map=((7, 1),))
    assert told(found, "target-map") == ["target: 0 of 2 values replaced"]


@pytest.mark.parametrize("after", [1e300, -1e300, 2.0**63, 2.0**64, 1e38, math.inf, math.nan, 0.5])
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.int64, torch.bool])
def test_a_map_to_numbers_of_any_size_is_a_result_or_a_message(after, dtype):
    given = {"input": [0.5, 2.0], "target": tensor([1, 0], dtype=dtype)}
    if abs(after) < 1e4:
        assert computed("l1", given, target_map=((0, after),)).call.target.tolist() == [1, after]
    else:
        assert "target" in str(outcome("l1", given, target_map=((0, after),)))


def outcome(loss, operands, **settings):
    """The findings or the message."""
    try:
        return computed(loss, operands, **settings).findings
    except InputError as error:
        return error.message


def test_a_mapped_value_is_described_as_it_was_mapped():
    said = refused("l1", {"input": [1.0], "target": [1.0]}, target_map=((1, 1e300),))
    assert "1 of 1 value is 1e+300" in said


@pytest.mark.parametrize("loss", ["triplet_margin", "triplet_margin_with_distance"])
def test_a_loss_without_a_target(loss):
    said = refused(loss, SAMPLE[loss], target_map=((0, 1),))
    assert said == f"--target-map: {LOSSES[loss].class_name} has no target"


def test_labels_of_ctc():
    found = computed("ctc", {**SAMPLE["ctc"], "targets": [[3, 2]]}, target_map=((3, 1),))
    assert found.call.target.tolist() == [[1, 2]]


# padding and variances ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "given", "padded"),
    [
        ([LOGITS[0]], [[2, 0]], [[2, 0, -1]]),
        (LOGITS, [[2], [1]], [[2, -1, -1], [1, -1, -1]]),
        (LOGITS[0], [2], [2, -1, -1]),
        (LOGITS[0], [], [-1, -1, -1]),
        (LOGITS, [[2, 0, 1], [1, -1, -1]], [[2, 0, 1], [1, -1, -1]]),
    ],
)
def test_lists_of_labels_are_padded(x, given, padded):
    found = computed("multilabel_margin", {"input": x, "target": given})
    assert found.call.target.tolist() == padded
    assert bool(told(found, "padding")) == (given != padded)
    expected = torch.nn.MultiLabelMarginLoss()(tensor(x), tensor(padded))
    assert float(found.values["mean"]) == pytest.approx(float(expected))


def test_a_list_that_is_too_long_is_no_matter_for_padding():
    said = refused("multilabel_margin", {"input": LOGITS, "target": [[2, 0, 1, -1]] * 2})
    assert "(2, 4) for scores (2, 3)" in said


@pytest.mark.parametrize("shape", [(), (2, 1), (2,), (2, 3), (1, 3)])
def test_variances_of_every_shape_that_torch_takes(shape):
    x = torch.linspace(-1, 1, 6).double().reshape(2, 3)
    var = (torch.arange(math.prod(shape)).double() + 1).reshape(shape)
    found = computed("gaussian_nll", {"input": x, "target": x.flip(0), "var": var}, grad=True)
    wide = var.unsqueeze(-1) if shape == (2,) else var
    expected = torch.nn.GaussianNLLLoss()(x, x.flip(0), wide.expand(2, 3).contiguous())
    assert float(found.values["mean"]) == pytest.approx(float(expected))


def test_one_number_is_the_variance_of_all():
    given = {"input": [0.5, 1.0], "target": [0.0, 1.0]}
    for var in (1, 1.0, tensor(1.0), np.float32(1)):
        # (0.5^2 / 1 + 0) / 2 / 2
        assert value("gaussian_nll", {**given, "var": var}) == pytest.approx(0.0625)


def test_one_variance_that_is_wrong_is_counted_once():
    said = refused("gaussian_nll", {"input": [0.5, 1.0], "target": [0.0, 1.0], "var": -1})
    assert "1 of 1 value is -1, negative" in said


# settings that are wrong -------------------------------------------------------------------------


@pytest.mark.parametrize("reduction", ["", "Mean", "avg", "batchmean", "x"])
@pytest.mark.parametrize("loss", LOSSES)
def test_a_reduction_that_there_is_not(loss, reduction):
    if reduction in LOSSES[loss].reductions:
        return
    with pytest.raises(LossError) as caught:
        computed(loss, SAMPLE[loss], reduction=reduction)
    (found,) = caught.value.findings
    assert (found.rule, found.operand) == ("option-range", "--reduction")
    assert ", ".join(LOSSES[loss].reductions) in found.message


@pytest.mark.parametrize("loss", LOSSES)
def test_all_is_every_reduction(loss):
    found = computed(loss, SAMPLE[loss], reduction="all", dtype="float64")
    assert tuple(found.values) == LOSSES[loss].reductions
    for reduction in LOSSES[loss].reductions:
        alone = computed(loss, SAMPLE[loss], reduction=reduction, dtype="float64")
        torch.testing.assert_close(alone.values[reduction], found.values[reduction])
        torch.testing.assert_close(alone.exact[reduction], found.exact[reduction])


@pytest.mark.parametrize(
    ("loss", "names"), [(loss, pair) for loss in ("mse", "bce", "kl_div")
                        for pair in itertools.permutations(("input", "target"))],
)  # fmt: skip
def test_the_order_of_operands_does_not_matter(loss, names):
    given = {name: SAMPLE[loss][name] for name in names}
    assert value(loss, given) == value(loss, SAMPLE[loss])


def test_a_map_keeps_the_digits_of_its_numbers():
    target = torch.tensor([1.0, 2.0], dtype=torch.float64)
    given = {"input": torch.zeros(2, dtype=torch.float64), "target": target}
    found = evaluate("l1", given, None, Settings(target_map=((1.0, 0.1),), reduction="none"))
    assert found.values["none"].tolist() == [0.1, 2.0]  # not 0.1 in float32
