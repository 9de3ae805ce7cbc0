"""Several trainings as one: small networks are trained in one graph, and each leaves its own run folder."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from dendrograph.base.errors import DendrographError, RunError
from dendrograph.base.progress import Reporter, Silent, reporter
from dendrograph.data.batches import batches_at
from dendrograph.data.dataset import Dataset
from dendrograph.network.network import DendriticNetwork
from dendrograph.training import graph_union, provenance
from dendrograph.training.config import TrainConfig
from dendrograph.training.distributed import ALONE, started
from dendrograph.training.loop import Loop, State, check_fit, finish_epoch, finish_run, has_ended, train_epoch
from dendrograph.training.optimizer import FlatParameters, optimizer_for
from dendrograph.training.resume import open_or_begin, restore
from dendrograph.training.run import Run
from dendrograph.training.splits import Splits
from dendrograph.training.train import Destination, Interrupted

# Settings that one step has for all members; the others belong to each member.
OF_ALL = ("batch_size", "lr", "optimizer", "validation", "device")


@dataclass(eq=False)
class Member:
    """One of several trainings; `by_itself`: whether its next epoch is trained separately."""

    loop: Loop
    state: State = field(default_factory=State)
    by_itself: bool = False

    @property
    def done(self) -> int:
        """Number of finished epochs."""
        return len(self.state.history)


class Joint:
    """Several members as one network, with one optimizer over all their weights.

    The loss is the sum of the losses of the members, and no weight of one affects the loss of another, so each has the
    gradient that it has alone. All optimizers act element by element, so each makes the step that it makes alone. The
    members keep their old weights until `hand_back`.

    Args:
        members: two or more, with the same number of finished epochs, in networks that make a union.
    """

    def __init__(self, members: Sequence[Member]) -> None:
        self.members = tuple(members)
        first, networks = members[0].loop, [member.loop.network for member in members]
        self.network = DendriticNetwork(
            graph_union.union([network.graph for network in networks]), first.network.kernel
        )
        self.network.to(next(first.network.parameters()))
        self._parts: list[list[slice]] = [[] for _ in members]  # in the vector of all parameters
        start = 0
        with torch.no_grad():
            for name, parameter in self.network.named_parameters():
                of_members: list[Tensor] = [network.get_parameter(name) for network in networks]
                parameter.copy_(torch.cat(of_members))
                parameter.requires_grad_(of_members[0].requires_grad)
                if parameter.requires_grad:
                    for parts, place in zip(self._parts, graph_union.shares(map(len, of_members)), strict=True):
                        parts.append(slice(start + place.start, start + place.stop))
                    start += len(parameter)
        self.parameters = FlatParameters(self.network)
        self.optimizer = optimizer_for(self.parameters.vector, first.config)
        self._join([member.loop.optimizer.state_dict() for member in members])

    def epoch(self, epoch: int, show: Reporter) -> list[tuple[float, float] | None]:
        """Train on the training samples of each member once, in the order that it has alone.

        Returns:
            Mean loss and accuracy of each member over the epoch, measured before each step. None stands for a loss that
            was not finite; the epoch stops there, and this object cannot be used any more.
        """
        config, number = self.members[0].loop.config, len(self.members)
        orders = torch.stack([one.loop.splits.order(one.loop.config, epoch) for one in self.members], dim=1)
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
        """Copy the present weights and optimizer state to the members."""
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
        """Batches for the rows of each part, shape (batch, members).

        Yields:
            Inputs by stream, shape (batch, members * values), and labels, shape (members, batch). Members that read the
            same samples need one gather.
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
        """Make one optimizer state of those of the members, which have made the same number of steps."""
        joined = {
            key: {name: self._joined([state["state"][key][name] for state in states]) for name in values}
            for key, values in states[0]["state"].items()
        }
        self.optimizer.load_state_dict({**states[0], "state": joined})

    def _joined(self, values: Sequence[Any]) -> Any:
        """Vectors are joined; a step counter is the same for all members."""
        if not isinstance(values[0], Tensor) or values[0].dim() == 0:
            return deepcopy(values[0])  # optimizers count in place
        whole = torch.empty_like(self.parameters.vector)
        for parts, value in zip(self._parts, values, strict=True):
            for place, part in zip(parts, value.split([one.stop - one.start for one in parts]), strict=True):
                whole[place] = part
        return whole

    def _cut(self, value: Any, number: int) -> Any:
        """A copy of the numbers of one member in a vector; a step counter is the same for all members."""
        if not isinstance(value, Tensor) or value.dim() == 0:
            return deepcopy(value)
        return torch.cat([value[place] for place in self._parts[number]])


def reasons_against(networks: Sequence[DendriticNetwork], configs: Sequence[TrainConfig]) -> tuple[str, ...]:
    """Reasons why networks cannot be trained together with the results of separate trainings; empty if they can.

    They must have the same groups of compartments and projections, with the same settings. Sizes, wiring, initial
    weights, receptive fields, seed, epochs, early stopping, noise and the order of classes may differ.

    Args:
        networks: from `build` or `DendriticNetwork`.
        configs: one for each.

    Raises:
        DendrographError: the numbers of configurations and networks differ.
    """
    if len(networks) != len(configs):
        counts = f"{len(networks)} networks and {len(configs)} configurations"
        raise DendrographError(f"{counts}\n  give one configuration for each network")
    several = started()
    found = [f"{several} processes train together here: one process trains networks together"] if several > 1 else []
    if len(networks) < 2:
        return tuple(found)
    found += graph_union.reasons_against([network.graph for network in networks])
    first, settings = networks[0], [config.for_data("") for config in configs]
    for number, (network, config) in enumerate(zip(networks[1:], settings[1:], strict=True), 1):
        between = f"networks 0 and {number} have"
        for key in OF_ALL:
            mine, its = getattr(settings[0], key), getattr(config, key)
            if mine != its:
                found.append(f"{between} {key} {mine} and {its}")
        if network.kernel != first.kernel:
            found.append(f"{between} kernels {first.kernel} and {network.kernel}")
        frozen = [{name for name, its in one.named_parameters() if not its.requires_grad} for one in (first, network)]
        if frozen[0] != frozen[1] and not found:
            found.append(f"{between} other parameters that are not trained: {', '.join(sorted(frozen[0] ^ frozen[1]))}")
        types = [next(one.parameters()).dtype for one in (first, network)]
        if types[0] != types[1]:
            found.append(f"{between} weights of {types[0]} and {types[1]}")
    return tuple(found)


@torch.inference_mode(False)
def train_together(
    networks: Sequence[DendriticNetwork],
    data: Dataset,
    configs: Sequence[TrainConfig],
    outs: Sequence[str | Path],
    resume: bool = True,
    progress: bool = False,
) -> list[Run | DendrographError]:
    """Train several networks in place as one graph, and leave a run folder for each.

    The results are those of `train`, up to rounding. Each network has its own order of samples, validation split, noise
    and early stopping, and goes on when another has ended or failed. `train` can resume these runs, and this function
    those of `train`; networks with fewer finished epochs catch up first. The `seconds` of a run are its share of the
    total time.

    Args:
        networks: of one kind; see `reasons_against`.
        data: the data set of all.
        configs: one for each network.
        outs: the run folder of each.
        resume: go on with runs that have begun; finished runs stay as they are.
        progress: show means over the networks on standard output.

    Returns:
        For each network its run, or the error of that network alone, such as a loss that is not finite.

    Raises:
        DendrographError: the networks cannot be trained together, or the arguments do not fit each other.
        Interrupted: Ctrl-C; it is a `KeyboardInterrupt`.
    """
    _check_arguments(networks, configs, outs)
    if reasons := reasons_against(networks, configs):
        listed = "\n  ".join(reasons)
        raise DendrographError(
            f"these {len(networks)} networks cannot be trained together\n  {listed}\n  train each by itself"
        )
    configs = [config.for_data(data.name) for config in configs]
    show = reporter(progress)
    runs: dict[int, Run] = {}
    failed: dict[int, DendrographError] = {}
    members: dict[int, Member] = {}
    try:
        for number, (network, config, out) in enumerate(zip(networks, configs, outs, strict=True)):
            with _own(failed, number):
                runs[number], member = _begin(
                    network, data, config, Destination(folder=Path(out), resume=resume), len(networks), show
                )
                if member:
                    members[number] = member
        device = next(networks[0].parameters()).device if networks else torch.device("cpu")
        # As in `train`: the caller finds the random numbers of PyTorch unchanged.
        begun = next(iter(runs.values())) if len({run.threads for run in runs.values()}) == 1 else None
        with torch.random.fork_rng([device] if device.type == "cuda" else []), provenance.threads_of(begun):
            _train(members, failed, show)
    except KeyboardInterrupt:
        kept = ", ".join(f"{member.loop.run.folder} {member.done}" for member in members.values())
        raise Interrupted(
            f"{len(networks)} trainings together: interrupted; epochs that are kept: {kept or 'none'}\n"
            "  go on with them: train_together(networks, data, configs, outs, resume=True)"
        ) from None
    finally:
        for member in members.values():
            member.loop.parameters.release()
        show.stop()
        for network in networks:
            network.eval()
    return [failed.get(number) or runs[number] for number in range(len(networks))]


def _check_arguments(
    networks: Sequence[DendriticNetwork], configs: Sequence[TrainConfig], outs: Sequence[str | Path]
) -> None:
    """Check that the arguments fit each other.

    Raises:
        DendrographError: their numbers differ, or one stands twice.
    """
    if not len(networks) == len(configs) == len(outs):
        counts = f"{len(networks)} networks, {len(configs)} configurations and {len(outs)} run folders"
        raise DendrographError(f"{counts}\n  give one configuration and one folder for each network")
    places = [Path(out).resolve() for out in outs]
    for number, (network, place) in enumerate(zip(networks, places, strict=True)):
        if place in places[:number]:
            raise RunError(f"{outs[number]}: the folder of two runs\n  give each network a folder of its own")
        if any(network is other for other in networks[:number]):
            raise DendrographError(f"network {number} stands twice in the list\n  build one for each run")


@contextmanager
def _own(failed: dict[int, DendrographError], number: int) -> Iterator[None]:
    """Note an error of one member, so that the others go on."""
    try:
        yield
    except DendrographError as error:
        failed[number] = error


def _begin(
    network: DendriticNetwork,
    data: Dataset,
    config: TrainConfig,
    destination: Destination,
    together: int,
    show: Reporter,
) -> tuple[Run, Member | None]:
    """The run, and the training that goes on with it; None if the run has ended."""
    check_fit(network, data)
    splits = Splits.of(data, config)
    network.to(config.device)
    asked = provenance.describe(network, data, config, 1, together)
    folder = destination.folder
    assert folder is not None
    run, _, checkpoint = open_or_begin(folder, network, asked, destination.resume, show)
    if checkpoint is None:
        network.load_state_dict(run.network().state_dict())
        show.note(f"{run.folder}: the run has ended; nothing to do")
        return run, None
    parameters = FlatParameters(network, more=1)
    optimizer = optimizer_for(parameters.vector, config)
    loop = Loop(
        network=network,
        splits=splits,
        scale=data.scale,
        config=config,
        run=run,
        show=Silent(),
        ranks=ALONE,
        parameters=parameters,
        optimizer=optimizer,
    )
    return run, Member(loop, restore(loop, checkpoint))


def _train(members: Mapping[int, Member], failed: dict[int, DendrographError], show: Reporter) -> None:
    """Train all members to their end, one epoch of some of them at a time."""
    going, joint = dict(members), None
    if going:
        epochs = max(member.loop.config.epochs or 0 for member in going.values())
        done = min(member.done for member in going.values())
        show.start(epochs, done, sum(len(member.loop.splits.rows) for member in going.values()))
    while True:
        for number, member in going.items():
            if has_ended(member.loop.config, member.state):
                with _own(failed, number):
                    finish_run(member.loop, member.state, time.monotonic() - member.state.seconds)
        going = {
            number: member
            for number, member in going.items()
            if number not in failed and not has_ended(member.loop.config, member.state)
        }
        if not going:
            return
        group = _next(going)
        joint = _epoch(group, joint, failed, show)


def _next(going: Mapping[int, Member]) -> dict[int, Member]:
    """The members of the next epoch: all with the fewest epochs, or one of these that is trained by itself."""
    least = min(member.done for member in going.values())
    behind = {number: member for number, member in going.items() if member.done == least}
    for number, member in behind.items():
        if member.by_itself:
            return {number: member}
    return behind


def _epoch(
    group: Mapping[int, Member], joint: Joint | None, failed: dict[int, DendrographError], show: Reporter
) -> Joint | None:
    """Train one epoch of a group, and return the joint network for the next epoch.

    If a loss is not finite, the epoch is repeated from the weights that the members still have: a member with such a
    loss repeats it by itself, which finds the fault with the message of `train`; the others repeat it together.
    """
    members = tuple(group.values())
    if len(group) == 1:
        joint = None
    elif joint is None or joint.members != members:
        joint = Joint(members)
    began = time.monotonic()
    trained = dict(zip(group, joint.epoch(members[0].done + 1, show), strict=True)) if joint else {}
    for number, member in group.items():
        if joint is None:
            with _own(failed, number):
                trained[number] = train_epoch(member.loop, member.done + 1)
        member.state.seconds += (time.monotonic() - began) / len(group)
        member.by_itself = joint is not None and trained[number] is None
    if any(member.by_itself for member in members):
        return None
    if joint:
        joint.hand_back()
    for number, member in group.items():
        if (of_member := trained.get(number)) is not None:
            with _own(failed, number):
                finish_epoch(member.loop, member.state, of_member, time.monotonic() - member.state.seconds)
    if rows := [member.state.history[-1] for number, member in group.items() if number not in failed]:
        show.epoch({key: sum(row[key] for row in rows) / len(rows) for key in rows[0]})
    return joint
