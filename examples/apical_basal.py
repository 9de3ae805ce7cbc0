"""Two streams to two places: basal trees get what is sensed, apical trees a context that says what it means.

python examples/apical_basal.py

The task has no answer in either stream alone: the context says whether small or large digits are asked for, and the
label is 1 where the digit is one of them.
"""

import tempfile
from pathlib import Path

import torch

from dendrograph import DendriticNetwork, TrainConfig, compile, datasets, load, train

torch.set_num_threads(1)  # a small network
digits = datasets.load("digits")
generator = torch.Generator().manual_seed(0)


def with_context(split: datasets.Split) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """The images, a context for each, and the label that follows from both."""
    large = torch.randint(2, (len(split),), generator=generator)
    context = torch.nn.functional.one_hot(large, 2).repeat(1, 8).float()  # eight afferents for either
    sensory = split.inputs["image"].float() / digits.scale
    return {"sensory": sensory, "feedback": context}, ((split.labels >= 5) == (large == 1)).long()


data = datasets.from_tensors(*with_context(digits.train), *with_context(digits.test), name="context")
morphology = load("apical-basal", {"somata": 128, "inputs.sensory": "auto", "inputs.feedback": "auto"})
network = DendriticNetwork(compile(morphology, data.shapes, data.classes, seed=1))
with tempfile.TemporaryDirectory() as folder:
    config = TrainConfig(epochs=40, lr=1e-2, batch_size=64)
    run = train(network, data, config, out=Path(folder) / "run", progress=False)
    print(f"test accuracy {run.metrics['test']['accuracy']:.1%}; either stream alone gives 50 %")
