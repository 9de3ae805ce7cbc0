"""Plots of results: each module draws figures of one kind of table."""

import dendrograph.draw.canvas  # noqa: F401  imports matplotlib, whatever MPLBACKEND says
