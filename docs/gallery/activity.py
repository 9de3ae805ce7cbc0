"""Two samples on their way through one trained network. Three epochs of Fashion-MNIST."""

import sys
import tempfile

from matplotlib.figure import Figure

from dendrograph import TrainConfig, build, datasets, draw, train

data = datasets.load("fashion_mnist")
network = build("dann-lrf", data.shapes, data.classes, seed=0, overrides={"somata": 32, "dendrites": 4})
with tempfile.TemporaryDirectory() as folder:
    run = train(network, data, TrainConfig(epochs=3), out=f"{folder}/run", progress=False)
    figure = Figure(figsize=(183 / 25.4, 70 / 25.4))
    for position, sample in enumerate((0, 1)):
        axes = figure.add_axes((position / 2, 0, 0.49, 1))
        draw.on(axes, run, "activity", sample=sample)
    draw.save(figure, *sys.argv[1:] or ["activity.png"])
