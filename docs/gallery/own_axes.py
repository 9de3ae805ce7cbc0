"""A diagram beside a plot of one's own, on axes of one's own: nonlinearities, and the neuron that has them."""

import sys

import numpy as np
import torch
from matplotlib.figure import Figure

from dendrograph import draw
from dendrograph.morphology.nonlinearities import bind

figure = Figure(figsize=(183 / 25.4, 70 / 25.4))
draw.on(figure.add_axes((0.0, 0.02, 0.5, 0.96)), "asymmetric-pyramidal", "neuron", draw.Style(legend=False))

plot = figure.add_axes((0.6, 0.2, 0.36, 0.7))
u = np.linspace(-1, 3, 400)
for name, colour, line in (("nmda", "#E69F00", "-"), ("sublinear", "#009E73", "--"), ("dcaap", "#7F3C8D", "-.")):
    parameters = {"nmda": {"threshold": 0.5, "gain": 4.0}, "dcaap": {"threshold": 0.5, "gain": 4.0}}.get(name, {})
    plot.plot(u, bind(name, parameters)(torch.from_numpy(u)), line, color=colour, label=name)
plot.set_xlabel("Drive of the dendrite", fontsize=7)
plot.set_ylabel("Activity", fontsize=7)
plot.tick_params(labelsize=6)
plot.legend(frameon=False, fontsize=7)
plot.spines[["top", "right"]].set_visible(False)
draw.save(figure, *sys.argv[1:] or ["own_axes.png"])
