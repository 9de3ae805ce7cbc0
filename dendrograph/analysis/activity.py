"""What the compartments of a network do on a split: tables of units, groups and hits, in one pass over the samples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from dendrograph.analysis import measures
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
    """The tables `units`, `groups` and `hits`: a row a unit, a row a group, a row a unit and class.

    Args:
        network: trained or not; its mode is put back afterwards.
        split: samples and labels.
        scale: what bytes are divided by (`Dataset.scale`).
        active: a unit is active where its activity is above this.
        answers: a unit answers to a class where it is active in at least this share of its samples.

    Raises:
        DendrographError: a group's activity is not finite.
    """
    # A label that the readout does not have still counts as a class.
    classes = max(network.graph.classes, int(split.labels.max()) + 1)
    sizes = np.bincount(split.labels.cpu().numpy(), minlength=classes)
    units: list[Row] = []
    groups: list[Row] = []
    hits: list[Row] = []
    for name, found in _responses(network, split, scale, active, classes).items():
        columns = _columns(found, sizes, answers)
        units += [
            {"group": name, "unit": unit, **{key: column[unit].item() for key, column in columns.items()}}
            for unit in range(len(found.hits))
        ]
        groups.append(_group(name, found, columns, len(split)))
        hits += [
            {"group": name, "unit": unit, "class": label, "hits": count, "samples": size}
            for unit, counts in enumerate(found.hits.tolist())
            for label, (count, size) in enumerate(zip(counts, sizes.tolist(), strict=True))
        ]
    return {"units": tuple(units), "groups": tuple(groups), "hits": tuple(hits)}


def recorded(network: DendriticNetwork, split: Split, scale: float) -> dict[str, Floats]:
    """The activity of every group of dendrites and somata on a split that is small enough to be held whole.

    Shape (samples, units) each.

    Raises:
        DendrographError: a group's activity is not finite.
    """
    found: dict[str, list[Floats]] = {}
    for _, values in _batches(network, split, scale):
        for name, part in values.items():
            found.setdefault(name, []).append(part)
    return {name: np.concatenate(parts) for name, parts in found.items()}


@dataclass(eq=False)
class _Responses:
    """Sums over the samples seen so far, r being activity with what is negative taken as 0.

    hits: (units, classes), as `measures.hit_matrix`
    sums: (classes, units), of r
    squares: (units,), of r^2
    population: the sum of population sparseness over the samples with a response, and how many those are
    """

    hits: Counts
    sums: Floats
    squares: Floats
    population: tuple[float, int] = (0.0, 0)


def _responses(
    network: DendriticNetwork, split: Split, scale: float, active: float, classes: int
) -> Mapping[str, _Responses]:
    found: dict[str, _Responses] = {}
    for labels, groups in _batches(network, split, scale):
        for name, values in groups.items():
            hits = measures.hit_matrix(values > active, labels, classes)
            responses = np.maximum(values, 0.0)
            sums, squares = measures.class_sums(values, labels, classes), np.square(responses)
            population = measures.sparseness(responses.sum(1), squares.sum(1), values.shape[1])
            there = ~np.isnan(population)
            so_far = found.setdefault(name, _Responses(np.zeros_like(hits), np.zeros_like(sums), np.zeros(len(hits))))
            so_far.hits += hits
            so_far.sums += sums
            so_far.squares += squares.sum(0)
            total, number = so_far.population
            so_far.population = total + float(population[there].sum()), number + int(there.sum())
    return found


def _columns(found: _Responses, sizes: Counts, answers: float) -> dict[str, NDArray]:
    """The measures of each unit of a group."""
    samples = int(sizes.sum())
    return {
        "active": found.hits.sum(axis=1) / samples,
        "sparseness": measures.sparseness(found.sums.sum(axis=0), found.squares, samples),
        "entropy": measures.node_entropy(found.hits),
        "entropy_with_silence": measures.node_entropy_with_silence(found.hits, samples),
        "classes": measures.preferred(found.hits, sizes, answers),
        "selectivity": measures.selectivity_of_sums(found.sums, sizes),
    }


def _group(name: str, found: _Responses, columns: Mapping[str, NDArray], samples: int) -> Row:
    """A row of a group: means over its units that are not silent."""
    awake = columns["active"] > 0
    means = {key: _mean(column[awake]) for key, column in columns.items()}
    total, number = found.population
    return {
        "group": name,
        "units": len(awake),
        "silent": int((~awake).sum()),
        **means,
        "active": float(columns["active"].mean()),
        "population_sparseness": total / number if number else float("nan"),
    }


def _mean(column: NDArray) -> float:
    """Of what is defined."""
    defined = column[~np.isnan(column)]
    return float(defined.mean()) if len(defined) else float("nan")


def _batches(network: DendriticNetwork, split: Split, scale: float) -> Iterator[tuple[Counts, dict[str, Floats]]]:
    """Labels, and the activity of every group of dendrites and somata, so many samples at a time."""
    inside = [group.name for group in network.graph.groups if group.role in ("dendrite", "soma")]
    training, device = network.training, next(network.parameters()).device
    network.eval()
    try:
        with torch.inference_mode():
            for inputs, labels in batches(split, scale, BATCH, torch.arange(len(split)), device):
                values = network.activations(inputs)
                found = {name: values[name].cpu().numpy().astype(np.float64) for name in inside}
                _refuse_not_finite(found)
                yield labels.cpu().numpy(), found
    finally:
        network.train(training)


def _refuse_not_finite(groups: Mapping[str, Floats]) -> None:
    names: Sequence[str] = [name for name, values in groups.items() if not np.isfinite(values).all()]
    if names:
        raise DendrographError(
            f"{names[0]}: its activity is not finite on these samples, so there is nothing to measure\n"
            "  are the inputs and the weights finite numbers?"
        )
