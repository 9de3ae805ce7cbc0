"""One compartment at a time: how much accuracy and loss depend on each dendrite, or on each soma.

The network is not run anew for each lesion: lesion_effects.py says how. Normalisation within the layer makes everything
in it depend on what was removed: then each lesion is measured on the network that `lesioned` gives, which takes as many
runs as there are lesions.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from dendrograph.analysis.disturbance import SINGLE_LESIONS, at_rest, chance, hold_samples, hold_whole, outcome
from dendrograph.analysis.lesion_effects import Above, Tried, neurons_of, way_of
from dendrograph.analysis.lesions import ROLES, Numbers, groups_of, lesioned
from dendrograph.base.errors import DendrographError
from dendrograph.base.suggestions import did_you_mean
from dendrograph.base.tables import Row
from dendrograph.data.batches import batches
from dendrograph.data.dataset import Split
from dendrograph.graph.graph import Graph, Group
from dendrograph.network.network import DendriticNetwork
from dendrograph.training.evaluation import BATCH

NUMBERS = 4_194_304  # computed at once for the lesions of one batch: 16 MiB
TOGETHER = 1024  # lesions at most whose rows are computed at once


def single_lesions(
    network: DendriticNetwork,
    split: Split,
    scale: float,
    at_most: int | None = None,
    seed: int = 0,
    kind: str | None = None,
) -> tuple[Row, ...]:
    """What the network loses with each dendrite, or soma, when that one alone is removed.

        accuracy_drop = accuracy of the whole - accuracy without it
        loss_rise = loss without it - loss of the whole

    as in Morcos, Barrett, Rabinowitz & Botvinick, "On the importance of single directions for generalization", ICLR
    2018, but with the compartment removed, as `lesioned` does, and not held at a value.

    Args:
        network: trained or not; it is left as it is.
        split: samples and labels.
        scale: what bytes are divided by (`Dataset.scale`).
        at_most: how many are tried; where there are more, so many are drawn at random. All by default.
        seed: of that draw.
        kind: `dendrites` or `somata`; by default dendrites, and somata of a network of point neurons.

    Returns:
        Rows with kind, group, unit (its number in the group), neuron, accuracy_drop, loss_rise, and left_out: how many
        others of the group were left out.

    Raises:
        DendrographError: an argument is not allowed, or there is none of that kind.
    """
    hold_samples(network, split, scale)
    seed = hold_whole("seed", seed, 0)
    graph = network.graph
    kind, groups = units_of(graph, kind)
    every = sum(group.size for group in groups)
    tried = np.arange(every)
    if at_most is not None and hold_whole("at_most", at_most, 1, None) < every:
        tried = np.sort(chance(seed, SINGLE_LESIONS).choice(every, at_most, replace=False))
    rows: list[Row] = []
    before = 0
    for group in groups:
        units = tried[(tried >= before) & (tried < before + group.size)] - before
        before += group.size
        accuracy, loss = _changes(network, group, units, split, scale)
        neurons = neurons_of(graph, group.name, units)
        rows += [
            {
                "kind": kind,
                "group": group.name,
                "unit": int(unit),
                "neuron": int(neurons[place]),
                "accuracy_drop": float(accuracy[place]),
                "loss_rise": float(loss[place]),
                "left_out": group.size - len(units),
            }
            for place, unit in enumerate(units)
        ]
    return tuple(rows)


def units_of(graph: Graph, kind: str | None) -> tuple[str, tuple[Group, ...]]:
    """Dendrites or somata that can be removed, of a kind or of the first that there is; none is an error."""
    if kind is not None and kind not in tuple(ROLES):
        raise DendrographError(f"kind: unknown kind {kind!r}\n  {did_you_mean(kind, ROLES, 'kinds')}")
    for one in ROLES if kind is None else (kind,):
        if groups := groups_of(graph, one):
            return one, groups
    others = [one for one in ROLES if groups_of(graph, one)]
    raise DendrographError(
        f"the network has no {kind or 'dendrites and no somata'} to remove\n  {did_you_mean('', others, 'it has')}"
    )


def _changes(
    network: DendriticNetwork, group: Group, units: Numbers, split: Split, scale: float
) -> tuple[np.ndarray, np.ndarray]:
    """Drop of accuracy and rise of loss for each lesion. Shape (lesions,) each."""
    way = way_of(network.graph, group.name)
    if not len(units):
        return np.zeros(0), np.zeros(0)
    if way is None:
        whole = outcome(network, split, scale)
        found = [outcome(lesioned(network, {group.name: unit}), split, scale) for unit in units]
        return (
            np.array([whole["accuracy"] - one["accuracy"] for one in found]),
            np.array([one["loss"] - whole["loss"] for one in found]),
        )
    parts = [units[start : start + TOGETHER] for start in range(0, len(units), TOGETHER)]
    tried = [Tried.of(network, group, part) for part in parts]
    above = Above.of(network, way)
    device = next(network.parameters()).device
    sums = torch.zeros(2, len(units), dtype=torch.float64)
    whole_sums = torch.zeros(2, 1, dtype=torch.float64)
    with at_rest(network):
        for inputs, labels in batches(split, scale, BATCH, torch.arange(len(split)), device):
            values = network.activations(inputs)
            whole_sums += _score(values[network.graph.output.name].unsqueeze(1), labels)
            sums += torch.cat([_scores(one, above, values, labels) for one in tried], dim=1)
    right, loss = ((whole_sums - sums) / len(split)).numpy()
    return right, 0.0 - loss  # and not -loss, which is -0 where nothing changes


def _scores(tried: Tried, above: Above, values: Mapping[str, Tensor], labels: Tensor) -> Tensor:
    """Right answers and losses of each lesion, summed over a batch. Shape (2, lesions)."""
    activity = tried.activity(values)
    together = max(1, NUMBERS // (len(labels) * above.numbers))
    return torch.cat(
        [
            _score(above.logits(values, part, torch.from_numpy(owners)), labels)
            for part, owners in zip(
                activity.split(together, dim=1),
                np.split(tried.somata, range(together, len(tried.somata), together)),
                strict=True,
            )
        ],
        dim=1,
    )


def _score(logits: Tensor, labels: Tensor) -> Tensor:
    """Right answers and cross-entropy, summed over the batch: (batch, lesions, classes) -> (2, lesions), float64."""
    picked = logits.gather(2, labels.view(-1, 1, 1).expand(-1, logits.shape[1], 1)).squeeze(2)
    losses = logits.logsumexp(2) - picked
    right = logits.argmax(2) == labels.unsqueeze(1)
    return torch.stack([right.cpu().double().sum(0), losses.cpu().double().sum(0)])
