"""Data of one's own: two input streams, one for each kind of dendrite, and a network built from plain Python values.

python examples/own_data.py
"""

import tempfile
from pathlib import Path

import numpy as np

from dendrograph import DendriticNetwork, Morphology, TrainConfig, compile, datasets, train

# A cue that tells which half of a signal matters: neither stream alone knows the class.
rng = np.random.default_rng(0)
cue = rng.integers(0, 2, size=(2000, 1)).astype(np.float32)
signal = rng.normal(size=(2000, 20)).astype(np.float32)
label = (np.where(cue[:, 0] > 0, signal[:, :10].sum(1), signal[:, 10:].sum(1)) > 0).astype(np.int64)

morphology = Morphology.from_dict(
    {
        "name": "gated",
        "inputs": {"signal": 20, "cue": 1},
        "neurons": {
            "pyramidal": {
                "nonlinearity": "leaky_relu",
                "dendrites": [
                    {
                        "name": "basal",
                        "count": 8,
                        "nonlinearity": "relu",
                        "synapses": [
                            {"from": "signal", "count": 10, "field": "random"},
                            {"from": "cue", "field": "all"},
                        ],
                    }
                ],
            }
        },
        "layers": [{"neuron": "pyramidal", "count": 16}],
    }
)
data = datasets.from_tensors(
    {"signal": signal[:1600], "cue": cue[:1600]},
    label[:1600],
    {"signal": signal[1600:], "cue": cue[1600:]},
    label[1600:],
)
network = DendriticNetwork(compile(morphology, data.shapes, data.classes, seed=1))
with tempfile.TemporaryDirectory() as folder:
    run = train(network, data, TrainConfig(epochs=40, lr=3e-3, batch_size=64), out=Path(folder) / "run", progress=False)
    print(f"test accuracy {run.metrics['test']['accuracy']:.1%}; guessing gives 50 %")
