"""Figures, each drawn from a table and never from a network: what is shown can be kept as a file beside it."""
