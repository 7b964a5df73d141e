"""A recommendation in words: what to write into a spec and into a script, or why there is none."""

from typing import TYPE_CHECKING

from initlab.formatting import brief

if TYPE_CHECKING:
    from initlab.theory.recommend import Candidate


def _width(best: "Candidate") -> str:
    """What finite width does to one sample's signal and gradient."""
    if best.std is None or best.gradient is None:
        return ""
    (low, middle, high), (least, median, most) = (map(brief, d) for d in (best.std, best.gradient))
    return (
        f"at a width of {best.run.shape[0]}, in 80 % of networks: a sample's std ends at {low} to"
        f" {high} (median {middle}), its gradient changes about x {least} to x {most} (x {median})"
    )


def lines(best: "Candidate") -> str:
    """What to write into a spec, and into a script."""
    bias = f"\n  bias: {{std: {best.sigma_b:.6g}}}" if best.sigma_b else ""
    fill = (
        f"nn.init.normal_(layer.bias, std={best.sigma_b:.6g})"
        if best.sigma_b
        else "nn.init.zeros_(layer.bias)"
    )
    init, weights, same = _scheme(best)
    return (
        f"{best.diagnosis.why}\n{_width(best)}\n"
        f"in a spec:\n  init: {init}{bias}\n"
        f"in torch, for every nn.Linear:\n  {weights}\n  {fill}\n"
        f"where fan_in = fan_out, as here, the same as {same}"
    )


def _scheme(best: "Candidate") -> tuple[str, str, str]:
    """The scheme for a spec, the line of torch, and what it is the same as in square layers."""
    gain, slope = f"{best.sigma_w:.6g}", best.run.init.parameters.get("a")
    xavier = f"Xavier: {{scheme: xavier_normal, gain: {gain}}}"
    if slope is None:
        return (
            f"{{scheme: {best.run.init.name}, gain: {gain}}}",
            f"nn.init.normal_(layer.weight, std={gain} / layer.in_features**0.5)",
            xavier,
        )
    spec = f"{{scheme: {best.run.init.name}, a: {slope:g}}}" if slope else best.run.init.name
    option = f"a={slope:g}" if slope else 'nonlinearity="relu"'
    return spec, f"nn.init.{best.run.init.name}_(layer.weight, {option})", xavier


def why_none(found: "list[Candidate]") -> str:
    """Why no scales can be recommended, and what would help."""
    from initlab.theory.recommend import least_width

    if not any(candidate.critical for candidate in found):
        return (
            "nothing can: at no sigma_w and sigma_b is chi_1 = 1 at a fixed point that signals stay"
            " on, so gradients grow or shrink exponentially with depth; take another activation"
        )
    best = found[0]
    if best.steady:
        wider = least_width(best)
        enough = f"a width of {wider} will do" if wider else "no width will do"
        return f"nothing can at this width: {_width(best)}, with the best of all scales; {enough}"
    return (
        f"nothing can at this depth; the best found, gain {best.sigma_w:.4g}: {best.diagnosis.why}"
    )
