"""How the explain view shows hinges over the scores of classes."""

from initlab.losslab.explain.substitution import Value


def substitute_multi_margin(v: Value) -> str:
    """w (max(0, margin - x_t + x_i)^p + ...) / C, of i the best rival."""
    classes, margin = v.operands["input"].shape[-1], v.call.options["margin"]
    power = "^2" if v.call.options["p"] == 2 else ""
    first = f"max(0, {margin:g} - {v.column('x_t')} + {v.column('best rival')}){power}"
    return f"{v.weight}({first}{' + ...' if classes > 2 else ''}) / {classes}"


def substitute_multilabel_margin(v: Value) -> str:
    """In words: a term for each pair of a right class and a wrong one is too many for a line."""
    classes = v.operands["input"].shape[-1]
    return f"the sum of {v.columns['violations']:.0f} violated pairs / {classes}"
