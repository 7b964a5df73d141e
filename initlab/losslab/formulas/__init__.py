"""Every loss by its textbook formula, in float64 and unreduced; a file for each family.

A formula takes operands and options by torch's names and returns a `Working`. It uses neither
torch's losses nor their eps, clamps and approximations, so it is a second route to the number.
Shapes have torch's names: N samples, C classes, D features, d... further dimensions; () is one
number. Floating operands are float64, class ids and lengths int64.
"""
