"""What curves are called in figures of theory."""

from initlab.spec.run import Choice


def label(choice: Choice) -> str:
    """A record as one names it, with its options: huber, huber(delta=2)."""
    options = ", ".join(f"{name}={value}" for name, value in choice.items)
    return choice.name + (f"({options})" if options else "")
