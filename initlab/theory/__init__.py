"""What theory says of a network: at infinite width, and how far finite ones stray from it."""
