"""Train the two-branch neuron of the README from Python and draw its learning curves.

python examples/learning_curves.py [FIGURE.png]
"""

import sys
import tempfile
from pathlib import Path

from dendrograph import TrainConfig, build, datasets, train
from dendrograph.draw.canvas.figure import as_bytes
from dendrograph.draw.plots.learning_curves import learning_curves

here = Path(__file__).parent
data = datasets.load("digits")
network = build(here / "two_branches.yaml", data.shapes, data.classes, seed=0, overrides={"somata": 64})
with tempfile.TemporaryDirectory() as folder:
    run = train(network, data, TrainConfig(epochs=40), out=Path(folder) / "run", progress=False)
    print(f"test accuracy {run.metrics['test']['accuracy']:.2%} with {network.graph.parameters:,} parameters")
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_bytes(as_bytes(learning_curves(run.history), "png"))
