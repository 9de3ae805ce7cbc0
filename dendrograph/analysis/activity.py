"""Activity of the compartments on a split: tables of units, groups and hits, in one pass over the samples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray

from dendrograph.analysis import selectivity
from dendrograph.base.errors import DendrographError
from dendrograph.base.tables import Row
from dendrograph.data.batches import batches
from dendrograph.data.dataset import Split
from dendrograph.network.network import DendriticNetwork
from dendrograph.training.evaluation import BATCH

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


def tables(
    network: DendriticNetwork, split: Split, scale: float, active: float, answers: float
) -> dict[str, tuple[Row, ...]]:
    """Return the tables `units`, `groups` and `hits`: a row per unit, per group, and per unit and class.

    Args:
        network: Trained or untrained; it is not changed.
        split: Samples and labels.
        scale: Divisor of bytes (`Dataset.scale`).
        active: Threshold above which a unit is active.
        answers: Share of the samples of a class in which a unit must be active to respond to the class.

    Raises:
        DendrographError: The activity of a group is not finite.
    """
    # A label without a readout unit still counts as a class.
    classes = max(network.graph.classes, int(split.labels.max()) + 1)
    sizes = np.bincount(split.labels.cpu().numpy(), minlength=classes)
    responses: dict[str, _Responses] = {}
    for labels, groups in _batches(network, split, scale):
        for name, values in groups.items():
            responses.setdefault(name, _Responses(values.shape[1], classes)).add(values, labels, active)
    units: list[Row] = []
    rows: list[Row] = []
    hits: list[Row] = []
    for name, found in responses.items():
        columns = found.measures(sizes, answers)
        rows.append(found.group_row(name, columns))
        units += [
            {"group": name, "unit": unit, **{key: column[unit].item() for key, column in columns.items()}}
            for unit in range(len(found.hits))
        ]
        hits += [
            {"group": name, "unit": unit, "class": label, "hits": count, "samples": size}
            for unit, counts in enumerate(found.hits.tolist())
            for label, (count, size) in enumerate(zip(counts, sizes.tolist(), strict=True))
        ]
    return {"units": tuple(units), "groups": tuple(rows), "hits": tuple(hits)}


def record_activity(network: DendriticNetwork, split: Split, scale: float) -> dict[str, Floats]:
    """Return the activity of every group of dendrites and somata on a small split. Shape (samples, units) each.

    Raises:
        DendrographError: The activity of a group is not finite.
    """
    parts: dict[str, list[Floats]] = {}
    for _, values in _batches(network, split, scale):
        for name, part in values.items():
            parts.setdefault(name, []).append(part)
    return {name: np.concatenate(arrays) for name, arrays in parts.items()}


class _Responses:
    """Sums over the samples so far for one group; r is the activity with negative values as 0.

    Attributes:
        hits: (units, classes), as `selectivity.hit_matrix`.
        sums: (classes, units), of r.
        squares: (units,), of r^2.
        population: Sum of the population sparseness over the samples with a response.
        samples: Number of these samples.
    """

    def __init__(self, units: int, classes: int) -> None:
        self.hits: Counts = np.zeros((classes, units), dtype=np.int64).T  # the layout decides the rounding of sums
        self.sums: Floats = np.zeros((classes, units))
        self.squares: Floats = np.zeros(units)
        self.population, self.samples = 0.0, 0

    def add(self, values: Floats, labels: Counts, active: float) -> None:
        """Add the activity of a batch, (samples, units), with the labels (samples,)."""
        classes = self.hits.shape[1]
        responses = np.maximum(values, 0.0)
        squares = np.square(responses)
        self.hits += selectivity.hit_matrix(values > active, labels, classes)
        self.sums += selectivity.class_sums(values, labels, classes)
        self.squares += squares.sum(0)
        population = selectivity.sparseness(responses.sum(1), squares.sum(1), values.shape[1])
        responding = ~np.isnan(population)
        self.population += float(population[responding].sum())
        self.samples += int(responding.sum())

    def measures(self, sizes: Counts, answers: float) -> dict[str, NDArray]:
        """Return the measures of each unit, (units,) each, from the number of samples of each class."""
        samples = int(sizes.sum())
        return {
            "active": self.hits.sum(axis=1) / samples,
            "sparseness": selectivity.sparseness(self.sums.sum(axis=0), self.squares, samples),
            "entropy": selectivity.node_entropy(self.hits),
            "entropy_with_silence": selectivity.node_entropy_with_silence(self.hits, samples),
            "classes": selectivity.preferred_classes(self.hits, sizes, answers),
            "selectivity": selectivity.selectivity_of_sums(self.sums, sizes),
        }

    def group_row(self, name: str, columns: Mapping[str, NDArray]) -> Row:
        """Return the row of the group from the measures of its units: means over the units that are not silent."""
        awake = columns["active"] > 0
        return {
            "group": name,
            "units": len(awake),
            "silent": int((~awake).sum()),
            **{key: _mean(column[awake]) for key, column in columns.items()},
            "active": float(columns["active"].mean()),
            "population_sparseness": self.population / self.samples if self.samples else float("nan"),
        }


def _mean(column: NDArray) -> float:
    """Return the mean of the values that are not nan."""
    defined = column[~np.isnan(column)]
    return float(defined.mean()) if len(defined) else float("nan")


def _batches(network: DendriticNetwork, split: Split, scale: float) -> Iterator[tuple[Counts, dict[str, Floats]]]:
    """Return labels and the activity of every group of dendrites and somata, `BATCH` samples at a time."""
    names = [group.name for group in network.graph.groups if group.role in ("dendrite", "soma")]
    with evaluating(network):
        device = next(network.parameters()).device
        for inputs, labels in batches(split, scale, BATCH, torch.arange(len(split)), device):
            values = network.activations(inputs)
            groups = {name: values[name].cpu().numpy().astype(np.float64) for name in names}
            for name, activity in groups.items():
                if not np.isfinite(activity).all():
                    raise DendrographError(
                        f"{name}: its activity is not finite on these samples, so it cannot be measured\n"
                        "  are the inputs and the weights finite numbers?"
                    )
            yield labels.cpu().numpy(), groups


@contextmanager
def evaluating(network: DendriticNetwork) -> Iterator[None]:
    """Put a network into evaluation mode without gradients, and restore its mode afterwards, also after an error."""
    training = network.training
    network.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        network.train(training)
