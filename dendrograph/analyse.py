"""Tidy tables of what a trained network does on its test samples, and of its weights."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from dendrograph import measures
from dendrograph import plugins as plugin
from dendrograph.config import TrainConfig
from dendrograph.data import batches
from dendrograph.dataset import Split
from dendrograph.errors import DendrographError
from dendrograph.evaluation import BATCH
from dendrograph.network import DendriticNetwork
from dendrograph.run import Run
from dendrograph.training import noisy_test

Row = Mapping[str, Any]

ACTIVE = 0.0  # above which activity counts
ANSWERS = 0.5  # share of a class's samples from which on a unit answers to the class


@dataclass(frozen=True)
class Analysis:
    """Tables of one network: a row a unit, a row a group, a row a projection.

    units: group, unit, active (share of samples), entropy and entropy_with_silence (bits), classes (to which it
        answers), selectivity
    groups: group, units, silent (never active), active, and the means of the others over the units that are not silent
    weights: projection, kind, and the fields of `measures.Moments`
    """

    units: tuple[Row, ...]
    groups: tuple[Row, ...]
    weights: tuple[Row, ...]

    def to_csv(self) -> dict[str, str]:
        """Each table as the text of a CSV file, by its name; numbers keep all their digits."""
        return {
            name: _csv(table)
            for name, table in (("units", self.units), ("groups", self.groups), ("weights", self.weights))
        }


def analyse(
    network: DendriticNetwork, split: Split, scale: float, active: float = ACTIVE, answers: float = ANSWERS
) -> Analysis:
    """Measure every group of compartments on a split, and every projection's weights.

    Args:
        network: trained or not; its mode is put back afterwards.
        split: samples and labels.
        scale: what bytes are divided by (`Dataset.scale`).
        active: a unit is active where its activity is above this.
        answers: a unit answers to a class where it is active in at least this share of its samples.

    Raises:
        DendrographError: a threshold is none, or there is no sample.
    """
    if not np.isfinite(active):
        raise DendrographError(f"active: {active} is no threshold\n  give a finite number")
    if not 0 < answers <= 1:
        raise DendrographError(f"answers: {answers} is no share of samples\n  give a number above 0, and at most 1")
    if not len(split):
        raise DendrographError("there is no sample to analyse")
    labels = split.labels.numpy()
    # A label that the readout does not have still counts as a class.
    classes = max(network.graph.classes, int(labels.max()) + 1)
    sizes = np.bincount(labels, minlength=classes)
    units: list[Row] = []
    groups: list[Row] = []
    for name, values in _activity(network, split, scale).items():
        on = values > active
        hits = measures.hit_matrix(on, labels, classes)
        columns: dict[str, NDArray] = {
            "active": on.mean(axis=0),
            "entropy": measures.node_entropy(hits),
            "entropy_with_silence": measures.node_entropy_with_silence(hits, len(labels)),
            "classes": measures.preferred(hits, sizes, answers),
            "selectivity": measures.selectivity(values, labels, classes),
        }
        awake = columns["active"] > 0
        units += [
            {"group": name, "unit": unit, **{key: column[unit].item() for key, column in columns.items()}}
            for unit in range(values.shape[1])
        ]
        means = {key: float(column[awake].mean()) if awake.any() else float("nan") for key, column in columns.items()}
        groups.append(
            {"group": name, "units": len(awake), "silent": int((~awake).sum()), **means, "active": float(on.mean())}
        )
    return Analysis(tuple(units), tuple(groups), tuple(_weights(network)))


def analyse_run(
    folder: str | Path,
    data_dir: Path | None = None,
    plugins: Iterable[str | Path] = (),
    active: float = ACTIVE,
    answers: float = ANSWERS,
) -> Analysis:
    """The same of a finished run, on its test split, noise included.

    Raises:
        RunError: the run has not ended, is damaged, or was trained on data that only Python held.
        DataError: the data set is no longer what the run was trained on.
    """
    plugin.use(plugins)
    run = Run.open(folder)
    network, dataset = run.network(), run.dataset(data_dir)
    split = noisy_test(dataset, TrainConfig.from_record(run.record["config"]))
    return analyse(network, split, dataset.scale, active, answers)


def _activity(network: DendriticNetwork, split: Split, scale: float) -> dict[str, NDArray[np.float64]]:
    """Activity of every group of compartments. Shape (samples, units) each."""
    inside = [group.name for group in network.graph.groups if group.role in ("dendrite", "soma")]
    found: dict[str, list[NDArray]] = {name: [] for name in inside}
    training, device = network.training, next(network.parameters()).device
    network.eval()
    with torch.inference_mode():
        for inputs, _ in batches(split, scale, BATCH, torch.arange(len(split)), device):
            values = network.activations(inputs)
            for name in inside:
                found[name].append(values[name].cpu().numpy())
    network.train(training)
    return {name: np.concatenate(parts).astype(np.float64) for name, parts in found.items()}


def _weights(network: DendriticNetwork) -> Iterable[Row]:
    for projection in network.graph.projections:
        if projection.edges:
            values = network.weight(projection.name).detach().cpu().double().numpy()
            yield {"projection": projection.name, "kind": projection.kind, **asdict(measures.moments(values))}


def _csv(table: Sequence[Row]) -> str:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(table[0]) if table else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(
        [{key: repr(value) if isinstance(value, float) else value for key, value in row.items()} for row in table]
    )
    return stream.getvalue()
