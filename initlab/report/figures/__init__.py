"""Figures of results and of theory, as report/figure.py describes them."""
