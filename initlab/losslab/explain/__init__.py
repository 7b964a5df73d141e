"""The explain view of a loss, in seven blocks."""
