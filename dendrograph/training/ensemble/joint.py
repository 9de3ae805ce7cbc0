"""One epoch of several networks as one graph: what `together.py` repeats."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from dendrograph.base.progress import Reporter
from dendrograph.data.load import batches_at
from dendrograph.network.network import DendriticNetwork
from dendrograph.training.ensemble.union import shares, union
from dendrograph.training.loop import Loop, State, optimizer_for, order_of
from dendrograph.training.optimizer import FlatParameters


@dataclass(eq=False)
class Member:
    """One of several trainings: what it needs, where it is, and whether its next epoch is to be by itself."""

    loop: Loop
    state: State = field(default_factory=State)
    by_itself: bool = False

    @property
    def done(self) -> int:
        """Epochs that it has behind it."""
        return len(self.state.history)


class Joint:
    """Some members as one network, with one optimizer over all their weights.

    The loss is the sum of the members' own, and no weight of one reaches the loss of another: each has the gradient
    that it has alone. All optimizers act element by element, so each makes the step that it makes alone. The members
    keep their weights until `hand_back`.

    Args:
        members: two or more, which have the same number of epochs behind them, in networks that make a union.
    """

    def __init__(self, members: Sequence[Member]) -> None:
        self.members = tuple(members)
        first, networks = members[0].loop, [member.loop.network for member in members]
        self.network = DendriticNetwork(union([network.graph for network in networks]), first.network.kernel)
        self.network.to(next(first.network.parameters()))
        self._parts: list[list[slice]] = [[] for _ in members]  # of the vector of all parameters, for each member
        start = 0
        with torch.no_grad():
            for name, parameter in self.network.named_parameters():
                of_members: list[Tensor] = [network.get_parameter(name) for network in networks]
                parameter.copy_(torch.cat(of_members))
                parameter.requires_grad_(of_members[0].requires_grad)  # somebody may have frozen it
                if parameter.requires_grad:
                    for parts, place in zip(self._parts, shares(map(len, of_members)), strict=True):
                        parts.append(slice(start + place.start, start + place.stop))
                    start += len(parameter)
        self.parameters = FlatParameters(self.network)
        self.optimizer = optimizer_for(self.parameters.vector, first.config)
        self._join([member.loop.optimizer.state_dict() for member in members])

    def epoch(self, epoch: int, show: Reporter) -> list[tuple[float, float] | None]:
        """Each member's training samples once, in the order that it has alone.

        Gives each member's mean loss and accuracy over the epoch, as they were at each step. None stands for a loss
        that was not finite, after which nothing goes on: the weights of this object are then good for nothing.
        """
        config, number = self.members[0].loop.config, len(self.members)
        orders = torch.stack([order_of(one.loop.splits, one.loop.config, epoch) for one in self.members], dim=1)
        device = self.parameters.vector.device
        seen, sums = 0, [0.0] * number
        right = torch.zeros(number, dtype=torch.int64, device=device)
        self.network.train()
        for inputs, labels in self._batches(orders.split(config.batch_size), device):
            logits = self.network(inputs).t().view(number, -1, labels.shape[1])
            right += (logits.detach().argmax(1) == labels).sum(1)
            losses = cross_entropy(logits, labels, reduction="none").mean(1)
            losses.sum().backward()
            self.parameters.collect()
            values: list[float] = losses.tolist()
            if not all(map(math.isfinite, values)):
                return [(value, 0.0) if math.isfinite(value) else None for value in values]
            self.optimizer.step()
            samples = labels.shape[1]
            seen += samples
            sums = [total + value * samples for total, value in zip(sums, values, strict=True)]
            show.batch(epoch, seen * number, sum(sums) / seen / number, int(right.sum()) / seen / number)
        return [(total / seen, count / seen) for total, count in zip(sums, right.tolist(), strict=True)]

    def hand_back(self) -> None:
        """Give the members weights and optimizers as they are now."""
        state = self.optimizer.state_dict()
        for number, member in enumerate(self.members):
            with torch.no_grad():
                member.loop.parameters.vector.copy_(self._cut(self.parameters.vector, number))
            of_vectors = {
                key: {name: self._cut(value, number) for name, value in values.items()}
                for key, values in state["state"].items()
            }
            member.loop.optimizer.load_state_dict({**state, "state": of_vectors})

    def _batches(self, parts: Sequence[Tensor], device: torch.device) -> Iterator[tuple[Mapping[str, Tensor], Tensor]]:
        """Batches for the rows (batch, members) of each part: stream -> (batch, members * values), and the labels.

        Labels have shape (members, batch). Members that read the same samples are served by one gather.
        """
        number, scale = len(self.members), self.members[0].loop.scale
        samples = [member.loop.splits.samples for member in self.members]
        if all(one is samples[0] for one in samples):
            for inputs, labels in batches_at(samples[0], scale, [part.reshape(-1) for part in parts], device):
                batch = len(labels) // number
                yield {name: x.reshape(batch, -1) for name, x in inputs.items()}, labels.view(batch, number).t()
            return
        own = [
            batches_at(split, scale, [part[:, column] for part in parts], device)
            for column, split in enumerate(samples)
        ]
        for several in zip(*own, strict=True):
            streams = {name: torch.cat([x[name].flatten(1) for x, _ in several], dim=1) for name in several[0][0]}
            yield streams, torch.stack([labels for _, labels in several])

    def _join(self, states: Sequence[Mapping[str, Any]]) -> None:
        """One optimizer's state from the members' own, which have made the same number of steps."""
        joined = {
            key: {name: self._joined([state["state"][key][name] for state in states]) for name in values}
            for key, values in states[0]["state"].items()
        }
        self.optimizer.load_state_dict({**states[0], "state": joined})

    def _joined(self, values: Sequence[Any]) -> Any:
        """Of vectors the vector of all; of what counts steps, one."""
        if not isinstance(values[0], Tensor) or values[0].dim() == 0:
            return deepcopy(values[0])  # optimizers count in place, and must not count for each other
        whole = torch.empty_like(self.parameters.vector)
        for parts, value in zip(self._parts, values, strict=True):
            for place, part in zip(parts, value.split([one.stop - one.start for one in parts]), strict=True):
                whole[place] = part
        return whole

    def _cut(self, value: Any, number: int) -> Any:
        """A member's numbers of a vector, as a copy; what counts steps is everyone's."""
        if not isinstance(value, Tensor) or value.dim() == 0:
            return deepcopy(value)
        return torch.cat([value[place] for place in self._parts[number]])
