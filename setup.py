"""The packages of the distribution: those of the tree, and two folders that lie outside and are installed inside it."""

from setuptools import find_packages, setup

OUTSIDE = {"dendrograph.morphologies": "morphologies", "dendrograph.reproductions": "examples/reproduce"}

setup(packages=[*find_packages(include=["dendrograph*"]), *OUTSIDE], package_dir=OUTSIDE)
