"""The commands `train` and `evaluate`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from dendrograph.cli.options import (
    BatchSize,
    Data,
    DataDir,
    Device,
    EarlyStop,
    Epochs,
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
    given,
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
    epochs: Epochs = None,
    batch_size: BatchSize = None,
    lr: LearningRate = None,
    optimizer: Optimizer = None,
    seed: TrainingSeed = None,
    device: Device = None,
    kernel: Kernel = None,
    early_stop: EarlyStop = None,
    noise: Noise = None,
    sequential: Annotated[
        bool | None, typer.Option("--sequential", help="Present the classes one after the other; twice the epochs.")
    ] = None,
    settings: Settings = None,
    plugins: Plugins = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The run folder.", show_default="runs/NAME-DATA-seedN")
    ] = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Continue the run in --out, or the given RUN. Start it if it has not started."),
    ] = False,
) -> None:
    """Train a network and write a run folder.

    The folder holds weights, history, metrics and learning curves, and a checkpoint after every epoch. --resume
    continues an interrupted run and gives the same result.
    """
    from dendrograph.training.train import train

    chosen = given(
        epochs=epochs,
        batch_size=batch_size,
        lr=lr,
        optimizer=optimizer,
        seed=seed,
        device=device,
        early_stop=early_stop,
        noise=noise,
        sequential=sequential,
    )
    model = source(morphology, settings, plugins, data=data, data_dir=data_dir, kernel=kernel)
    config = replace(model.config(), **chosen)
    run = train(model, config=config, out=out, resume=resume)
    if rank():
        return
    from dendrograph.draw.plots.learning_curves import write_learning_curves  # matplotlib: in one process only

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

    Prints loss, accuracy and confusion matrix on the test set.
    """
    from dendrograph.cli.text import confusion
    from dendrograph.training.evaluation import evaluate
    from dendrograph.training.run import Run

    Run.open(run)  # raises: the folder is not a run
    result = evaluate(source(run, plugins=plugins, data=data, data_dir=data_dir))
    print(f"test accuracy {result.accuracy:.2%}, loss {result.loss:.4f}, {result.samples:,} samples")
    print("\nconfusion matrix: rows are true classes, columns are predicted classes")
    print(confusion(result.confusion))
