"""The connectivity of each projection: global fields leave blocks, local and random ones do not."""

import sys

from dendrograph import draw

knobs = {"somata": 16, "dendrites": 8, "synapses": 16}
figure = draw.figure(["dann-random", "dann-grf"], "matrix", set=knobs, width="double")
draw.save(figure, *sys.argv[1:] or ["matrix.png"])
