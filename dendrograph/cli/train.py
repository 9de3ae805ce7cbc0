"""Training a network, testing it again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from dendrograph.cli.options import (
    BatchSize,
    Data,
    DataDir,
    Device,
    EarlyStop,
    Kernel,
    LearningRate,
    MorphologyOrRun,
    MovedData,
    Noise,
    Optimizer,
    Plugins,
    Settings,
    TrainingSeed,
    command,
    rank,
    source,
)


@command(
    "train",
    "dendrograph train dann-lrf --data digits --epochs 5 --out runs/first",
    "dendrograph train runs/first --resume",
)
def train_command(
    morphology: MorphologyOrRun,
    data: Data = None,
    data_dir: DataDir = None,
    epochs: Annotated[
        int | None, typer.Option(help="Passes over the training data.", show_default="the paper's for the data set")
    ] = None,
    batch_size: BatchSize = None,
    lr: LearningRate = None,
    optimizer: Optimizer = None,
    seed: TrainingSeed = None,
    device: Device = None,
    kernel: Kernel = None,
    early_stop: EarlyStop = None,
    noise: Noise = None,
    sequential: Annotated[
        bool | None, typer.Option("--sequential", help="Present the classes one after the other.")
    ] = None,
    settings: Settings = None,
    plugins: Plugins = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The run folder.", show_default="runs/NAME-DATA-seedN")
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume", help="Go on with the run in --out (or with the RUN given); begin it if it has not begun."
        ),
    ] = False,
) -> None:
    """Train a network and leave a run folder.

    Weights, history, metrics and learning curves are kept, and a checkpoint after every epoch: an interrupted run
    goes on by --resume, to the same result.
    """
    from dendrograph.draw.plots.learning_curves import write_learning_curves
    from dendrograph.training.train import train

    chosen: dict[str, Any] = {
        "epochs": epochs,
        "batch_size": batch_size,
        "lr": lr,
        "optimizer": optimizer,
        "seed": seed,
        "device": device,
        "early_stop": early_stop,
        "noise": noise,
        "sequential": sequential,
    }
    model = source(morphology, settings, plugins, data=data, data_dir=data_dir, kernel=kernel)
    config = replace(model.config(), **{key: value for key, value in chosen.items() if value is not None})
    run = train(model, config=config, out=out, resume=resume)
    if rank():
        return
    write_learning_curves(run)
    test = run.metrics["test"]
    print(f"test accuracy {test['accuracy']:.2%}, loss {test['loss']:.4f}, {test['samples']:,} samples")
    print(f"results: {run.folder}")


@command("evaluate", "dendrograph evaluate runs/first")
def evaluate_command(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.", show_default=False)],
    data: MovedData = None,
    data_dir: DataDir = None,
    plugins: Plugins = None,
) -> None:
    """Test a finished run again, from its folder alone.

    Loss, accuracy and confusion matrix on its test data.
    """
    from dendrograph.cli.text import confusion
    from dendrograph.training.evaluation import evaluate
    from dendrograph.training.run import Run

    Run.open(run)  # raises: the folder is not a run
    result = evaluate(source(run, plugins=plugins, data=data, data_dir=data_dir))
    print(f"test accuracy {result.accuracy:.2%}, loss {result.loss:.4f}, {result.samples:,} samples")
    print("\nconfusion: rows are true classes, columns answers")
    print(confusion(result.confusion))
