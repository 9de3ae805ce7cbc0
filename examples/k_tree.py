"""One neuron with k dendritic trees tells threes from fives: test accuracy against k, over seeds.

python examples/k_tree.py --runs runs/k_tree --figure k-tree.svg

Images of MNIST get a margin of two pixels, so that the 1,024 leaf synapses of each tree take each pixel once. The first
row is a point neuron, all pixels on its soma: what one neuron does without dendrites. With --quick it is a small
version of the same on scikit-learn's digits. Runs that are there already are not repeated; one that was interrupted
goes on where it stopped.
"""

import argparse
import statistics
from pathlib import Path

import torch

from dendrograph import DendriticNetwork, Morphology, TrainConfig, compile, datasets, load, train
from dendrograph.draw.canvas.figure import as_bytes, form_of, own_style

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--quick", action="store_true", help="digits instead of MNIST, fewer repeats, seeds and epochs")
parser.add_argument("--data-dir", type=Path)
parser.add_argument("--epochs", type=int)
parser.add_argument("--lr", type=float, default=3e-3)
parser.add_argument("--repeats", type=int, nargs="+")
parser.add_argument("--seeds", type=int, nargs="+")
parser.add_argument("--runs", type=Path, default=Path("runs/k_tree"))
parser.add_argument("--figure", type=Path, help="a .svg, .pdf or .png to draw")
arguments = parser.parse_args()
epochs = arguments.epochs or 15
batch_size = 16 if arguments.quick else 128  # few samples make few steps
repeats = arguments.repeats or ([1, 4] if arguments.quick else [1, 2, 4, 8, 16, 32])
seeds = arguments.seeds or ([1] if arguments.quick else [1, 2, 3])
if arguments.figure:
    form_of(arguments.figure)  # refused now rather than after the training
torch.set_num_threads(1)  # a small network


def threes_and_fives(split: datasets.Split) -> tuple[torch.Tensor, torch.Tensor]:
    """(samples, 32, 32) of the two classes, three first, as the data set's numbers; 28 x 28 framed, 8 x 8 magnified."""
    images, labels = split.inputs["image"], split.labels
    chosen = (labels == 3) | (labels == 5)
    images, labels = images[chosen].float() / whole.scale, (labels[chosen] == 5).long()
    if images.shape[1] == 28:
        return torch.nn.functional.pad(images, (2, 2, 2, 2)), labels
    return images.repeat_interleave(4, 1).repeat_interleave(4, 2), labels


whole = datasets.load("digits" if arguments.quick else "mnist", arguments.data_dir)
data = datasets.from_tensors(
    *threes_and_fives(whole.train), *threes_and_fives(whole.test), name=f"{whole.name}, 3 or 5"
)
point_neuron = Morphology.from_dict(
    {
        "name": "point-neuron",
        "neurons": {"point": {"nonlinearity": "identity", "synapses": {"count": "all"}}},
        "layers": [{"neuron": "point", "count": 1}],
    }
)
models = {0: point_neuron, **{k: load("k-tree", {"repeats": k}) for k in repeats}}

print(
    f"{len(data.train)} images to train on, {len(data.test)} to test, {epochs} epochs, learning rate {arguments.lr:g}"
)
print(f"percent correct, mean ± standard deviation of {len(seeds)} seeds")
print("| neuron | parameters | test | validation | train |")
print("| --- | --- | --- | --- | --- |")
table = []
for k, morphology in models.items():
    accuracies: dict[str, list[float]] = {"test": [], "validation": [], "train": []}
    for seed in seeds:
        network = DendriticNetwork(compile(morphology, data.shapes, data.classes, seed=seed))
        config = TrainConfig(epochs=epochs, batch_size=batch_size, lr=arguments.lr, seed=seed, device="cpu")
        out = arguments.runs / f"{morphology.name}{k or ''}-seed{seed}"
        run = train(network, data, config, out=out, resume=True, progress=False)
        accuracies["test"].append(100 * run.metrics["test"]["accuracy"])
        accuracies["validation"].append(100 * run.metrics["validation"]["accuracy"])
        accuracies["train"].append(100 * run.history[-1]["train_accuracy"])
    cells = ["point neuron" if not k else f"{k} {'tree' if k == 1 else 'trees'}", f"{network.graph.parameters:,}"]
    for values in accuracies.values():
        spread = f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else ""
        cells.append(f"{statistics.mean(values):.2f}{spread}")
    print(f"| {' | '.join(cells)} |", flush=True)
    table.append((k, accuracies["test"]))
print(f"{k} trees: test accuracy {statistics.mean(table[-1][1]):.2f} %")

if arguments.figure:
    from matplotlib.figure import Figure

    with own_style():
        figure = Figure(figsize=(3.5, 2.7), layout="constrained")
        axes = figure.subplots()
        trees = [(k, values) for k, values in table if k]
        means = [statistics.mean(values) for _, values in trees]
        axes.plot([k for k, _ in trees], means, "o-", color="#0072B2", markersize=4, linewidth=1.2, label="k-tree")
        for k, values in trees:
            axes.plot([k] * len(values), values, ".", color="#0072B2", alpha=0.5, markersize=4)
        alone = statistics.mean(table[0][1])
        axes.axhline(alone, linestyle="--", color="#D55E00", linewidth=1.2, label="point neuron")
        axes.set_xscale("log", base=2)
        axes.set_xticks([k for k, _ in trees], [str(k) for k, _ in trees])
        axes.set_xlabel("Trees on the soma (repeats of the input)")
        axes.set_ylabel("Test accuracy (%)")
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, loc="lower right")
    arguments.figure.write_bytes(as_bytes(figure, form_of(arguments.figure)))
