"""The twelve models side by side: mean test accuracy over seeds with its standard deviation, from run folders.

python examples/twelve_models.py --data fashion_mnist --epochs 10 --seeds 1 2 3 --runs runs/twelve

Runs that are there already are not repeated; one that was interrupted goes on where it stopped.
"""

import argparse
import statistics
from pathlib import Path

from dendrograph import TrainConfig, load, train
from dendrograph.morphology.shipped import shipped
from dendrograph.training.model_source import ModelSource

PAPER = "10.1038/s41467-025-56297-9"

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--data", default="fashion_mnist")
parser.add_argument("--data-dir", type=Path)
parser.add_argument("--epochs", type=int, default=10)
parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
parser.add_argument("--set", action="append", default=["dendrites=8", "somata=64"], help="PATH=VALUE, a parameter")
parser.add_argument("--runs", type=Path, default=Path("runs/twelve"))
arguments = parser.parse_args()
parameters = dict(setting.split("=", 1) for setting in arguments.set)

print("| model | parameters | effective | test accuracy (%) | test loss | runs |")
print("| --- | --- | --- | --- | --- | --- |")
for name in shipped():
    if load(name).citation != PAPER:
        continue
    results, effective = [], []
    for seed in arguments.seeds:
        source = ModelSource(name, overrides=parameters, data=arguments.data, data_dir=arguments.data_dir)
        config = TrainConfig(epochs=arguments.epochs, seed=seed)
        run = train(source, config=config, out=arguments.runs / f"{name}-seed{seed}", resume=True, progress=False)
        results.append(run.metrics)
        effective.append(run.graph().effective_parameters)
    cells = [f"{name}", f"{results[0]['parameters']:,}", f"{statistics.mean(effective):,.0f}"]
    for what, factor, digits in (("accuracy", 100, 2), ("loss", 1, 4)):
        values = [factor * result["test"][what] for result in results]
        spread = f" ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else ""
        cells.append(f"{statistics.mean(values):.{digits}f}{spread}")
    print(f"| {' | '.join(cells)} | {name}-seed{{{','.join(map(str, arguments.seeds))}}} |", flush=True)
