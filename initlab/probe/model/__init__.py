"""Whose model is run: found, imported, built, loaded; what its code raises is shown as theirs."""
