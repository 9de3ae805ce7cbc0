"""A figure of several panels with letters: a neuron, its network, its receptive fields, its connectivity."""

import sys

from dendrograph import draw

figure = draw.figure("asymmetric-pyramidal", "neuron,network,fields,matrix", draw.Style(width="double"))
draw.save(figure, *sys.argv[1:] or ["panels.png"])
