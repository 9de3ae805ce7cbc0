"""Conditions against each other: what stands behind `dendrograph.compare`."""
