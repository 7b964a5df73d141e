"""`python -m initlab.native`: whether there is a compiled library."""

from initlab import native


def inner_loops() -> str:
    """By what they are computed."""
    if native.available():
        return f"inner loops: compiled C ({native.compiler()})"
    return "inner loops: torch (pip found no C compiler; a sweep takes 1.5 to 2 times as long)"


if __name__ == "__main__":
    print(inner_loops())
