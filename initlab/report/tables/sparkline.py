"""A quantity over depth in a few characters, on one scale for every table."""

import numpy as np

Array = np.ndarray

BARS, ASCII_BARS = "▁▂▃▄▅▆▇█", "_.,-~=^#"
#: where the next bar begins, in multiples of where the signal starts
STEPS = (1e-3, 0.2, 0.5, 2.0, 5.0, 1e3, 1e6)
LEVEL = 3  # the bar of what stays as it starts
BLOCKS, ASCII_BLOCK = "▏▎▍▌▋▊▉█", "#"


def sparkline(line: Array, width: int, *, unicode: bool, backward: bool = False) -> str:
    """A quantity layer by layer against where it starts.

    The scale is the same for everything: a signal that holds looks level, one that decays to a
    tenth does not, and a gradient that vanishes falls to the lowest bar. Zero is a blank. `x`
    stands where it is infinite: at the end, of a gradient at the beginning.

    Args:
        line: the median over runs by layer.
        width: characters at most.
        unicode: bars, else characters of ASCII.
        backward: whether it starts at the last layer, as a gradient does.
    """
    died = "x" if np.isposinf(line).any() else ""
    with np.errstate(divide="ignore"):
        logs = np.log10(line[~(np.isnan(line) | np.isposinf(line))])
    if not len(logs):
        return died
    finite = logs[np.isfinite(logs)]
    start = 0.0 if not len(finite) else finite[-1 if backward else 0]
    bars = BARS if unicode else ASCII_BARS
    at = np.linspace(0, len(logs) - 1, min(width - len(died), len(logs))).round().astype(int)
    levels = np.searchsorted(np.log10(STEPS), logs[at] - start, side="right")
    drawn = zip(logs[at], levels, strict=True)
    text = "".join(" " if value == -np.inf else bars[n] for value, n in drawn)
    return died + text if backward else text + died


def scale(*, unicode: bool) -> str:
    """What the bars mean, in a sentence."""
    bars = BARS if unicode else ASCII_BARS
    steps = [f"{step:g}".replace("0.001", "1e-3").replace("1000", "1e3") for step in STEPS]
    steps = [step.replace("e+0", "e") for step in steps]
    down = [f"{bar} <{step}" for bar, step in zip(bars, steps[:LEVEL], strict=False)]
    up = [f"{bar} >{step}" for bar, step in zip(bars[LEVEL + 1 :], steps[LEVEL:], strict=True)]
    return f"{', '.join([*down, f'{bars[LEVEL]} level', *up])} times that; x nan."


def decades(numbers: Array) -> tuple[int, int]:
    """The powers of ten between which the positive, finite ones lie; at least one apart."""
    positive = numbers[np.isfinite(numbers) & (numbers > 0)]
    if not len(positive):
        return -1, 1
    low, high = np.log10(positive.min()), np.log10(positive.max())
    return int(np.ceil(low)) - 1, max(int(np.ceil(high)), int(np.ceil(low)))


def bar(number: float, between: tuple[int, int], width: int, *, unicode: bool) -> str:
    """A bar whose length is the logarithm of a number between two powers of ten."""
    if not np.isfinite(number) or number <= 0:
        return ""
    share = (np.log10(number) - between[0]) / (between[1] - between[0])
    eighths = round(float(np.clip(share, 0, 1)) * width * 8)
    if not unicode:
        return ASCII_BLOCK * round(eighths / 8)
    whole, rest = divmod(eighths, 8)
    return BLOCKS[-1] * whole + (BLOCKS[rest - 1] if rest else "")
