"""A neuron imported from an SWC file, section by section; what is below the soma is basal, what is above apical."""

import sys

from dendrograph import draw

draw.save(draw.figure("pyramidal-swc", "neuron"), *sys.argv[1:] or ["reconstruction.png"])
