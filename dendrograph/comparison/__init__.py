"""Conditions against each other: what stands behind `dendrograph.comparison.compare`."""
