"""For a talk on a dark ground: the style `dark`, in the shape of a slide (16:9), a row for each network."""

import sys

from dendrograph import draw

figure = draw.figure(["dann-lrf", "dann-grf"], "neuron,network", draw.Style(style="dark", width=28))
draw.save(figure, *sys.argv[1:] or ["slide.png"])
