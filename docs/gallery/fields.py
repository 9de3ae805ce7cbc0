"""Receptive fields of one neuron and the coverage by its layer: random, local and global."""

import sys

from dendrograph import draw

names = ["dann-random", "dann-lrf", "dann-grf"]
draw.save(draw.figure(names, "fields", draw.Style(width="double")), *sys.argv[1:] or ["fields.png"])
