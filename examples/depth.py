"""What keeps a deep stack of dendritic layers alive: the spread of activity and of gradients, layer by layer.

python examples/depth.py [LAYERS]

For a batch of digits, before any training: the standard deviation of the somata's activity over neurons and samples,
and that of the loss's gradient by their cables, with neither remedy, with He initialisation alone, and with both, as
in morphologies/deep-dann.yaml.
"""

import sys

from torch.nn.functional import cross_entropy

from dendrograph import build, datasets

LAYERS = int(sys.argv[1]) if len(sys.argv) > 1 else 20
BOTH = {"layers": LAYERS}
HE = {**BOTH, "neurons.pyramidal.normalisation": "none"}
NEITHER = {**HE, "defaults.synapses.init": "glorot_dense", "defaults.cable.init": "glorot_dense"}

data = datasets.load("digits")
inputs = data.train.inputs["image"][:256].float() / data.scale
labels = data.train.labels[:256]


def spread(settings: dict) -> list[tuple[float, float]]:
    """Standard deviation of the activity of each layer's somata, and of the loss's gradient by its cables."""
    network = build("deep-dann", data.shapes, data.classes, seed=0, overrides=settings)
    values = network.activations(inputs)
    cross_entropy(values["readout"], labels).backward()
    kept = []
    for layer in range(1, LAYERS + 1):
        gradient = network.weights[f"hidden{layer}/dendrite->hidden{layer}/soma"].grad
        kept.append((float(values[f"hidden{layer}/soma"].detach().std()), float(gradient.std())))
    return kept


columns = [spread(settings) for settings in (NEITHER, HE, BOTH)]
print(f"{'':>5}  {'glorot_dense':^19}  {'he':^19}  {'he and layer norm':^19}")
print(f"{'layer':>5}  " + "  ".join(f"{'activity':>9} {'gradient':>9}" for _ in columns))
for layer in range(LAYERS):
    if layer + 1 in {1, 2, 3, 5, 10, 15, LAYERS}:
        cells = "  ".join(f"{activity:9.2g} {gradient:9.2g}" for activity, gradient in (c[layer] for c in columns))
        print(f"{layer + 1:>5}  {cells}")
