"""For a talk on a dark ground: the style `dark`, half as wide as a slide."""

import sys

from dendrograph import draw

figure = draw.figure(["dann-lrf", "dann-grf"], "neuron,network", style="dark", width=14)
draw.save(figure, *sys.argv[1:] or ["slide.png"])
