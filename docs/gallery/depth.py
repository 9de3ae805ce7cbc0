"""Ten layers: the first two and the last, and how many are between them."""

import sys

from dendrograph import draw

draw.save(draw.figure("deep-dann", "network", draw.Style(width="double")), *sys.argv[1:] or ["depth.png"])
