"""The numbers that a diagram shows: the graph of a model, its weights, and its activity for one sample."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from dendrograph.base.errors import DendrographError
from dendrograph.data.dataset import Dataset
from dendrograph.draw.diagrams.view import Snapshot
from dendrograph.graph.graph import Graph
from dendrograph.training.model_source import DEFAULT_DATA, INITIAL, NONE, OWN, ModelSource, load_dataset


def snapshot_of(source: ModelSource, views: Sequence[str], sample: int | None = None) -> Snapshot:
    """The graph of a model, and the numbers that the views need.

    Args:
        source: the model. The sample is taken from its data if they are given; else from the data of the run, or from
            digits if the shape of the inputs is free.
        views: names of views.
        sample: number of a test sample; 0 by default for the views that need one.

    Raises:
        DendrographError: there is no such sample, or a number cannot be drawn.
    """
    wants_sample = "activity" in views or sample is not None
    source, dataset = _with_data(source, wants_sample)
    if not ("weights" in views or wants_sample):
        return Snapshot(source.graph())
    network = source.network()
    graph = network.graph
    about = {NONE: INITIAL, OWN: ""}.get(source.weights, source.weights)
    was_training = network.training
    network.eval()
    try:
        with torch.no_grad():
            weights = {one.name: _array(network.weight(one.name), one.name) for one in graph.projections}
            if not wants_sample:
                return Snapshot(graph=graph, weights=weights, about=about)
            x, title, label = _sample(graph, dataset, sample or 0)
            first = next(network.parameters())
            activity = network.activations({name: value.to(first) for name, value in x.items()})
    finally:
        network.train(was_training)
    found = {name: _array(values[0], name) for name, values in activity.items()}
    if label is not None and graph.output.role == "readout":
        title += f": class {label}, answer {int(np.argmax(found[graph.output.name]))}"
    if about == INITIAL:
        title += "; initial weights"
    return Snapshot(graph=graph, weights=weights, about=about, activity=found, sample=title, asked=sample is not None)


def _with_data(source: ModelSource, wants_sample: bool) -> tuple[ModelSource, Dataset | None]:
    """The source and the data of the sample; None where the sample is random."""
    if source.run is not None:
        if source.data is None:
            return source, source.dataset() if wants_sample else None
        if isinstance(source.data, Dataset):
            return source, source.data
        return source.with_options(data=None), load_dataset(source.data, source.data_dir)  # any data may be shown
    if source.data is None and wants_sample and source.is_morphology and not source.inputs:
        streams = source.morphology().inputs
        if len(streams) == 1 and None in streams.values():
            source = source.with_options(data=DEFAULT_DATA)
    return source, None if source.data is None else source.dataset()


def _array(tensor: torch.Tensor, name: str) -> NDArray[np.float32]:
    """The numbers of a tensor of any type.

    Raises:
        DendrographError: some are not finite.
    """
    array: NDArray[np.float32] = tensor.float().cpu().numpy()
    if not np.isfinite(array).all():
        raise DendrographError(f"{name}: not all of its numbers are finite: they cannot be drawn")
    return array


def _sample(graph: Graph, dataset: Dataset | None, number: int) -> tuple[dict[str, torch.Tensor], str, int | None]:
    """One sample of each stream, shape (1, *shape), its title, and its class where it has one."""
    if dataset is None:
        rng = np.random.default_rng(number)
        x = {name: torch.from_numpy(rng.random((1, *shape), dtype=np.float32)) for name, shape in graph.inputs.items()}
        return x, f"random input {number}", None
    test = dataset.test
    if isinstance(number, bool) or not isinstance(number, int):
        raise DendrographError(f"sample must be a whole number, found {number!r}")
    if not 0 <= number < len(test):
        raise DendrographError(
            f"no test sample {number} in {dataset.name}\n  they are numbered from 0 to {len(test) - 1:,}"
        )
    taken = test.take(torch.tensor([number]))
    given = {
        name: value / dataset.scale if value.dtype == torch.uint8 else value for name, value in taken.inputs.items()
    }
    if len(given) == len(graph.inputs) == 1:
        given = dict(zip(graph.inputs, given.values(), strict=True))
    return given, f"{dataset.name}, test sample {number}", int(taken.labels[0])
