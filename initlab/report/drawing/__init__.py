"""Figures drawn, by Altair into files or in characters: neither knows what a figure is of."""
