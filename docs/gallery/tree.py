"""A binary tree of ten levels: the first ones in full, one branch in the place of two where there is no room."""

import sys

from dendrograph import draw

draw.save(draw.figure("k-tree", "neuron"), *sys.argv[1:] or ["tree.png"])
