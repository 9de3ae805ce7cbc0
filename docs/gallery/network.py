"""Two populations side by side, one of which inhibits the layer above by dividing; every synapse of a small network."""

import sys

from dendrograph import draw
from dendrograph.training.model_source import ModelSource

knobs = {"somata": 3, "interneurons": 2, "dendrites": 2, "synapses": 6}
source = ModelSource("interneuron-sublinear", overrides=knobs, inputs=(12, 12), classes=3)
source = ModelSource("interneuron-sublinear", overrides=knobs, inputs=(12, 12), classes=3)
figure = draw.figure(source, "network")
draw.save(figure, *sys.argv[1:] or ["network.png"])
