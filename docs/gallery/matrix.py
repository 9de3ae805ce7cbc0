"""The connectivity of each projection: global fields leave blocks, local and random ones do not."""

import sys

from dendrograph import draw
from dendrograph.training.model_source import ModelSource

knobs = {"somata": 16, "dendrites": 8, "synapses": 16}
sources = [ModelSource(name, overrides=knobs) for name in ("dann-random", "dann-grf")]
sources = [ModelSource(name, overrides=knobs) for name in ("dann-random", "dann-grf")]
figure = draw.figure(sources, "matrix", draw.Style(width="double"))
draw.save(figure, *sys.argv[1:] or ["matrix.png"])
