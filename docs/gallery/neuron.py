"""A pyramidal neuron: lengths and diameters to scale, a colour for each nonlinearity, a dot for each synapse."""

import sys

from dendrograph import draw

draw.save(draw.figure("asymmetric-pyramidal", "neuron"), *sys.argv[1:] or ["neuron.png"])
