"""The command `continual`."""

from __future__ import annotations

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


@command("continual", "dendrograph continual dann-lrf --tasks 5 --epochs 2 --out runs/tasks")
def continual_command(
    morphology: Annotated[
        str,
        typer.Argument(
            metavar="MORPHOLOGY", help="A YAML file or the name of a shipped morphology.", show_default=False
        ),
    ],
    data: Data = None,
    data_dir: DataDir = None,
    protocol: Annotated[
        str,
        typer.Option(
            help="split: each task has some of the classes. permuted: each task has the pixels in another order."
        ),
    ] = "split",
    tasks: Annotated[int, typer.Option(help="Number of tasks.")] = 5,
    scenario: Annotated[
        str | None,
        typer.Option(
            help="Scenario: class-incremental, task-incremental or domain-incremental.",
            show_default="class-incremental; domain-incremental for permuted",
        ),
    ] = None,
    epochs: Epochs = None,
    batch_size: BatchSize = None,
    lr: LearningRate = None,
    optimizer: Optimizer = None,
    seed: TrainingSeed = None,
    device: Device = None,
    kernel: Kernel = None,
    early_stop: EarlyStop = None,
    noise: Noise = None,
    settings: Settings = None,
    plugins: Plugins = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="New folder for the result.",
            show_default="runs/NAME-DATA-PROTOCOL-TASKS-SCENARIO-seedN",
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the training in --out. Start it if it has not started.")
    ] = False,
) -> None:
    """Train on tasks one after the other, and measure forgetting.

    After each task the network is tested on all tasks. The result is a run folder for each task, the matrix of
    accuracies, forgetting and transfer. --resume continues an interrupted training and gives the same result.
    """
    from dendrograph.cli.text import continual
    from dendrograph.data.tasks import Tasks
    from dendrograph.training.config import TrainConfig
    from dendrograph.training.continual import learn_in_turn

    chosen = given(
        epochs=epochs,
        batch_size=batch_size,
        lr=lr,
        optimizer=optimizer,
        seed=seed,
        device=device,
        early_stop=early_stop,
        noise=noise,
    )
    model = source(morphology, settings, plugins, data=data, data_dir=data_dir, kernel=kernel)
    config = TrainConfig(**chosen)
    cut = Tasks(model.dataset(), protocol, tasks, scenario)
    learned = learn_in_turn(model, cut, config, out, resume)
    if rank():
        return
    from dendrograph.draw.plots.continual import write_continual_figures  # matplotlib: in one process only

    write_continual_figures(learned)
    print(continual(learned))
    print(f"results: {learned.folder}")
