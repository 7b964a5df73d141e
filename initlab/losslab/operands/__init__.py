"""Operands and options of a loss: from what a user types to what torch wants."""
