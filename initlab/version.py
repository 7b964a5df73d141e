"""The version: one place, which packaging reads without importing anything else of ours."""

__version__ = "0.1.0"
