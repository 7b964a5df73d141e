"""Turns results into tables and text. Nothing here writes a file."""
