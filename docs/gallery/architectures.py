"""The architectures of the paper, side by side: dendritic networks with three receptive fields, and a vanilla one.

Chavlis & Poirazi, Nature Communications 16 (2025), describes them. The same by one command:

    dendrograph draw dann-random dann-lrf dann-grf vann --view network --width double -o architectures.pdf
"""

import sys

from dendrograph import draw

figure = draw.figure(["dann-random", "dann-lrf", "dann-grf", "vann"], "network", draw.Style(width="double"))
draw.save(figure, *sys.argv[1:] or ["architectures.png"])
