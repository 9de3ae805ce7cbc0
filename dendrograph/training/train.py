"""Train a network and leave a run folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import torch

from dendrograph.base.errors import DendrographError, RunError, argument, expect
from dendrograph.base.progress import reporter
from dendrograph.data.dataset import Dataset
from dendrograph.network.network import DendriticNetwork
from dendrograph.training import provenance
from dendrograph.training.config import TrainConfig
from dendrograph.training.distributed import join, own_device
from dendrograph.training.loop import Loop, check_fit, epochs_kept, fit
from dendrograph.training.model_source import Model, ModelSource
from dendrograph.training.optimizer import FlatParameters, optimizer_for
from dendrograph.training.resume import begin_or_resume, restore
from dendrograph.training.run import Run, free_folder
from dendrograph.training.splits import Splits


class Interrupted(KeyboardInterrupt):
    """Ctrl-C stopped a training. The text says how to go on with it."""


@dataclass(frozen=True)
class Destination:
    """The run folder of a training.

    Attributes:
        folder: by default the first free `runs/NAME-DATA-seedN`.
        resume: whether a run in the folder goes on.
        progress: whether progress is shown on standard output.
        part_of: the longer learning that this training is a part of, as plain values for run.json. A training that
            begins with learnt weights is no replicate of one that does not.
    """

    folder: Path | None = None
    resume: bool = False
    progress: bool = True
    part_of: Mapping[str, Any] | None = None


@torch.inference_mode(False)  # gradients are needed, wherever the caller is
def train(
    source: ModelSource | Model,
    data: Dataset | str | PathLike[str] | None = None,
    config: TrainConfig | None = None,
    out: str | PathLike[str] | None = None,
    resume: bool = False,
    progress: bool = True,
) -> Run:
    """Train a network and leave a run folder.

        run = train("dann-lrf", "mnist", TrainConfig(epochs=5), out="runs/first")

    The loss is the cross-entropy of the softmax readout. Each epoch sees the training samples once in a new order. A
    run can be resumed after every epoch. It then ends with the same weights and history as a run that never stopped,
    bit for bit, on the same machine with the same versions; it goes on with the number of threads with which it began.
    Frozen parameters stay as they are, and run.json lists them. A network that is given is trained in place and left in
    evaluation mode. No figures are written: `draw.plots.learning_curves.write_learning_curves` draws the curves.

    Args:
        source: a `ModelSource` or a model: a name, a file, a `Morphology`, a `Graph` or a `DendriticNetwork`, whose
            weights are the start. With `resume` also a run or its folder, from which everything else is taken.
        data: from `datasets.load` or `datasets.from_tensors`, a name, or the path of a `.npz` file; by default the data
            of the source, else digits.
        config: the protocol of the paper by default, or the configuration of the run. Its seed is also the seed of
            wiring and initial weights, unless the source has one.
        out: the run folder, which must not exist; by default the first free `runs/NAME-DATA-seedN`.
        resume: go on with the run in `out`; begin it if it has not begun.
        progress: show progress on standard output.

    Raises:
        RunError: `out` cannot be written, is another run, or is damaged.
        TrainingError: the loss is not finite.
        DataError: the data do not fit the network, or no validation split can be made.
        Interrupted: Ctrl-C; it is a `KeyboardInterrupt`.
        TypeError: an argument is another kind of object; it is a `DendrographError`, too.
    """
    source = ModelSource.of(source)
    expect("data", data, Dataset, str, PathLike, None)
    expect("config", config, TrainConfig, None)
    expect("out", out, str, PathLike, None)
    expect("resume", resume, bool)
    expect("progress", progress, bool)
    if data is not None:
        source = source.with_options(data=data)
    folder = _folder(source, None if out is None else Path(out), resume)
    config = config or source.config()
    network, dataset = network_to_train(source, config.seed)
    return train_network(network, dataset, config, Destination(folder=folder, resume=resume, progress=progress))


def _folder(source: ModelSource, out: Path | None, resume: bool) -> Path | None:
    """The run folder, checked before anything is read.

    Raises:
        RunError: a run is named without `resume` or for another folder, or there is nothing to resume.
    """
    if source.run is not None:
        folder = source.run.folder
        if not resume:
            raise RunError(
                f"{folder}: this is a run folder\n  add {argument('resume', True)} to go on with it, or give "
                f"{folder / 'morphology.yaml'} to train again from the beginning"
            )
        if out is not None and out.resolve() != folder.resolve():
            raise RunError(f"{folder}: a run goes on in its own folder\n  leave {argument('out')} out")
        return folder
    if resume and isinstance(source.what, str | PathLike) and Path(source.what).is_dir():
        Run.open(source.what)  # raises: the folder is not a run
    if resume and out is None:
        raise RunError(
            f"{argument('resume', True)} needs the folder of the run\n"
            f"  give it by {argument('out')}, or in place of the morphology"
        )
    return out


def network_to_train(source: ModelSource, seed: int, classes: int | None = None) -> tuple[DendriticNetwork, Dataset]:
    """The network with its initial weights, and its data.

    Args:
        source: the model.
        seed: of wiring and weights, unless the source has one.
        classes: units of the readout; those of the data by default.
    """
    if not source.is_morphology:
        return source.network(None if source.run is None else "initial"), source.dataset()
    if source.classes is not None:
        raise DendrographError(
            f"{argument('classes')}: the classes of a training are those of its data\n  leave {argument('classes')} out"
        )
    source.morphology()  # its faults come before those of the data
    source = source.with_options(
        data=source.dataset(), classes=classes, seed=seed if source.seed is None else source.seed
    )
    return source.network(), source.dataset()


def train_network(network: DendriticNetwork, data: Dataset, config: TrainConfig, destination: Destination) -> Run:
    """Train a network in place; see `train` for the errors."""
    config = config.for_data(data.name)
    check_fit(network, data)
    splits = Splits.of(data, config)
    device = own_device(config.device)
    network.to(device)
    ranks = join(device)
    asked = provenance.describe(network, data, config, ranks.size, part_of=destination.part_of)
    ranks.agree(
        {
            "settings": repr(asked["config"]),
            "data": asked["data"]["digest"],
            "wiring": asked["graph"]["connectivity_hash"],
            "initial weights": asked["network"]["initial_weights"],
            "kernels": repr(asked["network"]["kernels"]),
            "frozen parameters": repr(network.frozen_otherwise),
        }
    )
    folder = destination.folder or free_folder(f"{network.graph.name}-{data.name}-seed{config.seed}")
    show = reporter(destination.progress and ranks.first)
    run, checkpoint = begin_or_resume(folder, network, asked, destination.resume, ranks, show)
    if checkpoint is None:
        network.eval()
        show.note(f"{run.folder}: the run has ended; nothing to do")
        return run
    parameters = FlatParameters(network, more=1)  # one more for the loss of a batch
    loop = Loop(
        network=network,
        splits=splits,
        scale=data.scale,
        config=config,
        run=run,
        show=show,
        ranks=ranks,
        parameters=parameters,
        optimizer=optimizer_for(parameters.vector, config),
    )
    try:
        # Dropout draws from the global random numbers of PyTorch: the caller finds them unchanged.
        with torch.random.fork_rng([device] if "cuda" in device else []), provenance.threads_of(run):
            fit(loop, restore(loop, checkpoint))
    except KeyboardInterrupt:
        kept = f"; {epochs_kept(run.epochs_kept)}\n  {run.how_to_go_on}" if ranks.first else ""
        raise Interrupted(f"{run.folder}: interrupted{kept}") from None
    finally:
        parameters.release()
        show.stop()
        network.eval()
    return run
