"""Python's garbage collector, which has nothing to find where modules are loaded, nor at the end.

What a module makes stays until the process ends. To look through it again and again, and once more
at the end, is a quarter of the processor time of a process that only imports torch.
"""

import gc

USUAL = gc.get_threshold()
LOADING = 300_000  # new objects between two searches; importing torch makes 260,000 that stay


def spare_loading() -> None:
    """Search seldom from now on, while modules are loaded."""
    gc.set_threshold(LOADING)


def resume() -> None:
    """Search as usual from now on, but never through what was loaded, where that was spared."""
    if gc.get_threshold()[0] == LOADING:
        gc.freeze()
        gc.set_threshold(*USUAL)
