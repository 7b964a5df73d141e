"""`--temperature`: which logits it divides, and what it does to the loss."""

from collections.abc import Iterable, Mapping

from torch import Tensor

from initlab.errors import Finding, InputError
from initlab.formatting import number
from initlab.losslab.call import Call

HINTON = "Hinton, Vinyals & Dean 2015"


def softens(call: Call) -> list[str]:
    """The operands whose logits `--temperature` divides."""
    settings, first = call.settings, call.loss.operands[0]
    if settings.temperature == 1:
        return []
    if first.holds == "embeddings":
        raise InputError(
            f"--temperature: {call.loss.class_name} makes its logits itself",
            "--name cross_entropy, on the logits",
        )
    taken = settings.given or first.holds
    return [first.name] * (taken == "logits") + [call.target_name] * (
        settings.target_given == "logits"
    )


def temperature(call: Call, values: Mapping[str, Tensor]) -> Iterable[Finding]:
    """What a temperature does to the loss, and its values times T^2.

    With T, both softened, the gradient by the input's logits is (softmax(z/T) - softmax(v/T))/T,
    of large T about (z - v)/(C T^2): Hinton, Vinyals & Dean 2015, eq. 2-4.
    """
    divided, t = softens(call), call.settings.temperature
    if not divided:
        return
    names = " and ".join(map(call.name_of, divided))
    message = f"logits of {names} were divided by {number(t)}"
    if len(divided) == 2:
        whole = [f"{r} {number(float(v) * t * t)}" for r, v in values.items() if v.numel() == 1]
        message += (
            f"; gradients shrink by about 1/T^2, so {HINTON} multiply the loss by"
            f" T^2 = {number(t * t)}, which initlab does not"
        )
        message += f" (times T^2: {', '.join(whole)})" if whole else ""
    elif call.settings.target_given:
        other = call.loss.operands[0].name if divided == [call.target_name] else call.target_name
        message += f", {call.name_of(other)} was not: it holds no logits"
    yield call.info("temperature", divided[0], message)
