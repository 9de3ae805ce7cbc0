"""The equations of the language, edge by edge, compartment by compartment, in plain PyTorch.

Nothing of the engine runs here: no kernel, no plan, no stage, no nonlinearity of the registry. What is taken from a
network are its public tables and its parameters.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce

import torch
from torch import Tensor

from dendrograph import DendriticNetwork
from dendrograph.graph.graph import Group, Projection

FUNCTIONS = {
    "identity": lambda u: u,
    "relu": lambda u: torch.where(u > 0, u, 0 * u),
    "leaky_relu": lambda u, slope: torch.where(u > 0, u, slope * u),
    "elu": lambda u, alpha: torch.where(u > 0, u, alpha * (torch.exp(torch.clamp(u, max=0)) - 1)),
    "gelu": lambda u: u * (1 + torch.erf(u / 2**0.5)) / 2,
    "sigmoid": lambda u: 1 / (1 + torch.exp(-u)),
    "tanh": lambda u: 2 / (1 + torch.exp(-2 * u)) - 1,
    "softplus": lambda u: torch.logaddexp(u, torch.zeros_like(u)),
    "sublinear": lambda u, saturation: saturation * u / (saturation + torch.abs(u)),
    "nmda": lambda u, threshold, gain, plateau: plateau / (1 + torch.exp(-gain * (u - threshold))),
    "dcaap": lambda u, threshold, gain, decay: (
        torch.exp(-torch.clamp(u - threshold, min=0) / decay)
        / (1 + torch.exp(torch.clamp(-gain * (u - threshold), max=80)))  # beyond it nothing is left
    ),
    "leaky_ada": lambda u, leak, alpha, c: torch.where(u > 0, u * torch.exp(c - alpha * u.clamp(min=0)), leak * u),
}

REDUCE = {
    "sum": lambda messages: messages.sum(0),
    "mean": lambda messages: messages.mean(0),
    "max": lambda messages: reduce(lambda best, m: torch.where(m > best, m, best), messages),  # the first of equals
    "min": lambda messages: reduce(lambda best, m: torch.where(m < best, m, best), messages),
    "product": lambda messages: messages.prod(0),
}


def by_hand(network: DendriticNetwork, x: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Activity of every group: name -> (batch, units)."""
    graph = network.graph
    values = {name: x[name].flatten(1) for name in graph.inputs}
    for group in graph.groups:
        if group.role != "input":
            values[group.name] = _activity(network, group, values)
    return values


def _activity(network: DendriticNetwork, group: Group, values: Mapping[str, Tensor]) -> Tensor:
    batch = len(next(iter(values.values())))
    arriving: list[list[Tensor]] = [[] for _ in range(group.size)]
    shunt = [torch.zeros(batch, dtype=torch.float64) for _ in range(group.size)]
    for projection in network.graph.projections:
        if projection.target != group.name:
            continue
        for edge, (source, target) in enumerate(projection.edge_index.t().tolist()):
            weight = _weight(projection, network.weights[projection.name][edge])
            y = values[projection.source][:, source]
            if projection.sign == "shunting":
                shunt[target] = shunt[target] + weight * torch.clamp(y, min=0)
            else:
                message = weight * y
                if projection.nonlinearity is not None:
                    function = FUNCTIONS[projection.nonlinearity.name]
                    message = function(message, **dict(projection.nonlinearity.parameters))
                arriving[target].append(message)
    nothing = torch.zeros(batch, dtype=torch.float64)
    u = torch.stack([REDUCE[group.integration](torch.stack(m)) if m else nothing for m in arriving], dim=1)
    if group.bias:
        u = u + network.biases[group.name]
    if group.normalisation == "layer":
        mean = u.mean(1, keepdim=True)
        u = (u - mean) / torch.sqrt(((u - mean) ** 2).mean(1, keepdim=True) + 1e-5)
    u = u / (1 + torch.stack(shunt, dim=1))
    parameters: dict[str, float | Tensor] = dict(group.nonlinearity.parameters)
    for name, _ in group.nonlinearity.trainable:
        learnt = network.excitability[f"{group.name}:{name}"]
        logarithm = name in {"gain", "plateau", "decay", "saturation", "alpha"}  # kept above zero
        parameters[name] = torch.exp(learnt) if logarithm else learnt
    return FUNCTIONS[group.nonlinearity.name](u, **parameters)


def _weight(projection: Projection, theta: Tensor) -> Tensor:
    signed = {"free": theta, "excitatory": abs(theta), "inhibitory": -abs(theta), "shunting": abs(theta)}
    return projection.factor * signed[projection.sign]
