"""The weights of a trained network: fields as images, a neuron's tree, distributions. Three epochs of Fashion-MNIST."""

import sys
import tempfile

from dendrograph import TrainConfig, build, datasets, draw, train

data = datasets.load("fashion_mnist")
network = build("dann-lrf", data.shapes, data.classes, seed=0)
with tempfile.TemporaryDirectory() as folder:
    run = train(network, data, TrainConfig(epochs=3), out=f"{folder}/run", progress=False)
    draw.save(draw.figure(run, "weights"), *sys.argv[1:] or ["weights.png"])
