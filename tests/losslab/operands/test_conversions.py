"""Both sides as logits, probabilities or log-probabilities, and a temperature; against torch."""

import json
import math
import re

import pytest
import torch
from torch import tensor
from torch.nn import functional
from typer.testing import CliRunner

from initlab.catalog import LOSSES
from initlab.cli.app import build
from initlab.errors import InitlabError, InputError
from initlab.losslab.evaluate import evaluate_loss
from initlab.losslab.settings import Settings

KINDS = ("logits", "probs", "log-probs")
STUDENT = torch.linspace(-2, 3, 6).double().reshape(2, 3).sin() * 2
TEACHER = torch.linspace(1, 9, 6).double().reshape(2, 3).cos() * 3


def softmaxes(x, dim):
    return {"logits": x, "probs": x.softmax(dim), "log-probs": x.log_softmax(dim)}


def sigmoids(x):
    return {"logits": x, "probs": x.sigmoid(), "log-probs": functional.logsigmoid(x)}


def computed(loss, x, t, options=None, reduction="mean", **settings):
    first = LOSSES[loss].operands[0].name
    given = {first: x, "target": t}
    return evaluate_loss(loss, given, options, reduction=reduction, **settings)


def value(*arguments, reduction="mean", **settings):
    return float(computed(*arguments, reduction=reduction, **settings).values[reduction])


def refused(*arguments, **settings):
    with pytest.raises(InputError) as caught:
        computed(*arguments, **settings)
    return caught.value


def command(text):
    return CliRunner().invoke(build(), ["loss", "--format", "json", *text.split()])


@pytest.mark.parametrize("log_target", [False, True])
@pytest.mark.parametrize("given", KINDS)
@pytest.mark.parametrize("target_given", KINDS)
def test_both_sides_of_kl_div(given, target_given, log_target):
    x, t = softmaxes(STUDENT, 1)[given], softmaxes(TEACHER, 1)[target_given]
    p = TEACHER.softmax(1)
    expected = float((p * (p.log() - STUDENT.log_softmax(1))).sum() / 2)  # by hand, two rows
    found = computed(
        "kl_div", x, t, {"log_target": log_target}, "batchmean",
        given=given, target_given=target_given,
    )  # fmt: skip
    assert float(found.values["batchmean"]) == pytest.approx(expected, rel=1e-12)
    assert {f.level for f in found.findings} == {"info"}
    assert [f.operand for f in found.findings if f.rule == "from"] == ["target", "input"]


def test_teacher_logits_in_one_call():
    text = "-n kl_div -i [[2.5,0.8,0.3]] -t [[3,1,0.5]] --from logits --target-from logits"
    x, t = tensor([[2.5, 0.8, 0.3]]), tensor([[3, 1, 0.5]])
    for temperature in (1, 2, 0.5):
        expected = functional.kl_div(
            (x / temperature).log_softmax(1), (t / temperature).softmax(1), reduction="batchmean"
        )
        done = command(f"{text} -r batchmean --temperature {temperature}")
        assert json.loads(done.stdout)["value"] == pytest.approx(float(expected), rel=1e-5)
    assert json.loads(command(f"{text} -r batchmean").stdout)["value"] == pytest.approx(
        0.00703, abs=5e-6
    )


@pytest.mark.parametrize("target_given", KINDS)
@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_soft_targets_of_cross_entropy(target_given, temperature):
    x, t = STUDENT[:, :, None].expand(2, 3, 2), TEACHER[:, :, None].expand(2, 3, 2)
    softened = t / temperature if target_given == "logits" else t
    expected = float(functional.cross_entropy(x / temperature, softened.softmax(1)))
    found = value(
        "cross_entropy", x, softmaxes(t, 1)[target_given],
        target_given=target_given, temperature=temperature,
    )  # fmt: skip
    assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("target_given", KINDS)
def test_soft_targets_of_linear_cross_entropy(target_given):
    w = torch.linspace(-1, 1, 12).double().reshape(4, 3)
    t = torch.linspace(-2, 2, 8).double().reshape(2, 4).sin()
    given = {"input": STUDENT, "linear_weight": w, "target": softmaxes(t, 1)[target_given]}
    found = evaluate_loss("linear_cross_entropy", given, target_given=target_given)
    expected = float(functional.cross_entropy(STUDENT @ w.T, t.softmax(1)))
    assert float(found.values["mean"]) == pytest.approx(expected)


@pytest.mark.parametrize("loss", ["bce", "bce_with_logits", "multilabel_soft_margin"])
@pytest.mark.parametrize("target_given", KINDS)
def test_soft_targets_of_yes_or_no(loss, target_given):
    x = STUDENT.sigmoid() if loss == "bce" else STUDENT
    expected = float(functional.binary_cross_entropy(STUDENT.sigmoid(), TEACHER.sigmoid()))
    found = value(loss, x, sigmoids(TEACHER)[target_given], target_given=target_given)
    assert found == pytest.approx(expected)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("target_given", KINDS)
def test_every_other_target_is_refused_with_a_reason(loss, target_given):
    holds = {o.holds for o in LOSSES[loss].operands}
    if holds & {"distribution", "zero_one"}:
        return
    from tests.losslab.operands.test_prepare import SAMPLE

    with pytest.raises(InputError) as caught:
        evaluate_loss(loss, SAMPLE[loss], target_given=target_given)
    assert caught.value.message.startswith(f"--target-from {target_given}: ")
    assert caught.value.fix == "leave it out"
    evaluate_loss(loss, SAMPLE[loss])


@pytest.mark.parametrize(
    ("target_given", "x", "said"),
    [("probs", 1.5, "1 of 3 values is 1.5"), ("log-probs", 0.5, "1 of 3 values is 0.5")],
)
@pytest.mark.parametrize("loss", ["kl_div", "cross_entropy", "bce_with_logits"])
def test_a_target_that_does_not_hold_it(loss, target_given, x, said):
    bad = [[-0.5 if target_given == "log-probs" else 0.25, x, 0.0]]
    error = refused(
        loss, [[1.0, 2, 3]], bad, target_given=target_given,
        **({"given": "logits"} if loss == "kl_div" else {}),
    )  # fmt: skip
    assert error.message.startswith(f"--target-from {target_given}: target: ")
    assert said in error.message


# which dimension ---------------------------------------------------------------------------------

IMAGE = torch.linspace(-3, 3, 24).double().reshape(2, 3, 4)
OTHER = torch.linspace(2, 7, 24).double().reshape(2, 3, 4).sin() * 2


def divergence(dim):
    p = OTHER.softmax(dim)
    return float((p * (p.log() - IMAGE.log_softmax(dim))).sum())


@pytest.mark.parametrize("dim", [0, 1, 2, -1])
@pytest.mark.parametrize("given", KINDS)
@pytest.mark.parametrize("target_given", KINDS)
def test_a_dimension_that_was_said_holds_for_both_sides(dim, given, target_given):
    found = value(
        "kl_div", softmaxes(IMAGE, dim)[given], softmaxes(OTHER, dim)[target_given],
        reduction="sum", given=given, target_given=target_given, class_dim=dim,
    )  # fmt: skip
    assert found == pytest.approx(divergence(dim), rel=1e-10)


@pytest.mark.parametrize("dim", [1, -1])
@pytest.mark.parametrize("given", KINDS)
@pytest.mark.parametrize("target_given", KINDS)
def test_a_dimension_is_found_on_either_side_or_asked_for(dim, given, target_given):
    x, t = softmaxes(IMAGE, dim)[given], softmaxes(OTHER, dim)[target_given]
    settings = {"reduction": "sum", "given": given, "target_given": target_given}
    if given == target_given == "logits":
        error = refused("kl_div", x, t, **settings)
        assert "nothing says which of its dimensions runs over classes" in error.message
        assert error.fix == "--class-dim -1, if it is the last"
        settings["class_dim"] = dim
    assert value("kl_div", x, t, **settings) == pytest.approx(divergence(dim), rel=1e-10)


# temperature -------------------------------------------------------------------------------------


@pytest.mark.parametrize("temperature", [0, -1, math.inf, math.nan, "2", True, None])
def test_a_temperature_is_a_number_above_0(temperature):
    with pytest.raises(InputError, match=r"^temperature: needs a finite number above 0"):
        Settings(temperature=temperature)
    with pytest.raises(InputError, match=r"^target_given: needs one of logits, probs, log-probs"):
        Settings(target_given="odds")


@pytest.mark.parametrize("loss", LOSSES)
def test_a_temperature_divides_logits_or_is_refused(loss):
    from tests.losslab.operands.test_prepare import SAMPLE

    holds = LOSSES[loss].operands[0].holds
    if holds == "logits":
        first = LOSSES[loss].operands[0].name
        halved = {**SAMPLE[loss], first: (tensor(SAMPLE[loss][first]) / 2).tolist()}
        found = evaluate_loss(loss, SAMPLE[loss], temperature=2)
        assert found.values == evaluate_loss(loss, halved).values
        (said,) = [f for f in found.findings if f.rule == "temperature"]
        assert said.message == f"logits of {first} were divided by 2"
        return
    with pytest.raises(InputError, match=r"^--temperature: ") as caught:
        evaluate_loss(loss, SAMPLE[loss], temperature=2)
    if loss not in ("linear_cross_entropy", *MAKES_NONE):
        assert caught.value.fix == "--from logits, if the input holds them"
        evaluate_loss(loss, SAMPLE[loss], temperature=2, given="logits")


MAKES_NONE = {n for n, r in LOSSES.items() if r.operands[0].holds not in ("probs", "log_probs")}


def test_the_loss_times_t_squared_is_said_and_keeps_the_gradient():
    """Of large T, gradients times T^2 are (z - v)/C for centred logits: Hinton et al., eq. 4."""
    t = 1000.0
    z = STUDENT - STUDENT.mean(1, keepdim=True)
    v = TEACHER - TEACHER.mean(1, keepdim=True)
    leaf = z.clone().requires_grad_()
    plain = functional.kl_div((leaf / t).log_softmax(1), (v / t).softmax(1), reduction="sum")
    plain.backward()
    assert (leaf.grad * t * t).flatten().tolist() == pytest.approx(
        ((z - v) / 3).flatten().tolist(), rel=1e-2, abs=1e-3
    )
    found = computed(
        "kl_div", z, v, reduction="sum", given="logits", target_given="logits", temperature=4
    )
    (said,) = [f.message for f in found.findings if f.rule == "temperature"]
    assert "T^2 = 16" in said
    whole = float(re.search(r"times T\^2: sum ([\d.e-]+)", said)[1])
    assert whole == pytest.approx(16 * float(found.values["sum"]), rel=1e-4)


@pytest.mark.filterwarnings("ignore:reduction. .mean.:UserWarning")
def test_a_side_that_is_not_softened_is_named():
    found = computed(
        "kl_div", STUDENT.log_softmax(1), TEACHER, target_given="logits", temperature=2
    )
    (said,) = [f.message for f in found.findings if f.rule == "temperature"]
    assert said == "logits of target were divided by 2, input was not: it holds no logits"
    expected = functional.kl_div(STUDENT.log_softmax(1), (TEACHER / 2).softmax(1))
    assert float(found.values["mean"]) == pytest.approx(float(expected))


@pytest.mark.parametrize("loss", ["cross_entropy", "bce_with_logits"])
@pytest.mark.parametrize("settings", [{"temperature": 3}, {"given": "logits"}], ids=str)
def test_logits_that_were_divided_or_called_so_are_no_probabilities(loss, settings):
    """(1, 2) / 3 sums to 1; and whoever says logits knows that they are."""
    x = [[1.0, 2.0]] if "temperature" in settings else [[0.3, 0.7]]
    target = [1] if loss == "cross_entropy" else [[1, 0]]
    found = evaluate_loss(loss, {"input": x, "target": target}, **settings)
    assert not [f for f in found.findings if f.level == "warning"]


@pytest.mark.parametrize(
    ("given", "x", "fix"),
    [
        ("probs", [[-1.3862944, -0.2876821]], "--from log-probs"),
        ("probs", [[-0.5, 1.5]], "--from logits"),
        ("probs", [[1.0000001, 0.0]], "--clamp"),
        ("log-probs", [[0.25, 0.75]], "--from probs"),
        ("log-probs", [[2.0, 0.75]], "--from logits"),
    ],
)
def test_what_an_operand_cannot_be_is_told_what_it_can_be(given, x, fix):
    operands = {"input": x, "target": [0]}
    with pytest.raises(InputError, match=r"above 0|outside 0\.\.1") as refused:
        evaluate_loss("cross_entropy", operands, given=given)
    assert refused.value.fix == fix
    mended = {"clamp": True} if fix == "--clamp" else {"given": fix.split()[1]}
    evaluate_loss("cross_entropy", operands, **{"given": given, **mended})


@pytest.mark.parametrize(
    ("operands", "settings"),
    [
        ({"input": [[[0.2, 0.5], [0.8, 0.5]]], "target": [1, 2]}, {"class_dim": 1}),
        ({"input": [[0.2, 0.8]], "target": [1, 2, 3]}, {}),
        ({"input": [[0.2, 0.8]], "target": 1}, {}),
    ],
)
@pytest.mark.parametrize("loss", ["kl_div", "cross_entropy", "bce_with_logits"])
def test_a_target_of_another_shape_is_refused_not_converted(loss, operands, settings):
    with pytest.raises(InitlabError):
        evaluate_loss(loss, operands, target_given="logits", **settings)


@pytest.mark.parametrize(
    ("given", "fix"), [("probs", "--normalise"), ("log-probs", "--from logits")]
)
def test_cross_entropy_too_takes_only_probabilities_that_sum_to_1(given, fix):
    x = [[0.9, 0.9]] if given == "probs" else [[-0.1, -0.1]]
    with pytest.raises(InputError, match=r"row 0 sums to 1\.8") as refused:
        evaluate_loss("cross_entropy", {"input": x, "target": [0]}, given=given)
    assert refused.value.fix == fix
    mended = {"given": "probs", "normalise": True} if given == "probs" else {"given": "logits"}
    found = evaluate_loss("cross_entropy", {"input": x, "target": [0]}, **mended)
    assert float(found.exact["mean"]) == pytest.approx(0.693147)  # ln 2, of equal ones
