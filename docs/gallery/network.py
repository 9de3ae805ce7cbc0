"""Two populations side by side, one of which inhibits the layer above by dividing; every synapse of a small network."""

import sys

from dendrograph import draw

knobs = {"somata": 3, "interneurons": 2, "dendrites": 2, "synapses": 6}
figure = draw.figure("interneuron-sublinear", "network", set=knobs, inputs={"image": (12, 12)}, classes=3)
draw.save(figure, *sys.argv[1:] or ["network.png"])
