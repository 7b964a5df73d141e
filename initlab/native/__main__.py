"""`python -m initlab.native`: whether there is a compiled library."""

from initlab import native

if __name__ == "__main__":
    if native.available():
        print(f"inner loops: compiled C ({native.compiler()})")
    else:
        print("inner loops: torch (pip found no C compiler; a sweep takes 1.5 to 2 times as long)")
