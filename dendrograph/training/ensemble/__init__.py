"""Several trainings as one: small networks run as one graph, and each leaves its own run folder."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch

from dendrograph.base.errors import DendrographError, RunError
from dendrograph.base.progress import Reporter, Silent, reporter
from dendrograph.data.dataset import Dataset
from dendrograph.network.network import DendriticNetwork
from dendrograph.training import provenance as record
from dendrograph.training.config import TrainConfig
from dendrograph.training.distributed import ALONE, started
from dendrograph.training.ensemble import union
from dendrograph.training.ensemble.joint import Joint, Member
from dendrograph.training.loop import (
    Interrupted,
    Loop,
    Splits,
    finish,
    has_ended,
    keep,
    on_disk,
    optimizer_for,
    refuse_misfit,
    restored,
    train_epoch,
)
from dendrograph.training.optimizer import FlatParameters
from dendrograph.training.run import Run

# What one step decides for all; the other settings are each member's own.
OF_ALL = ("batch_size", "lr", "optimizer", "validation", "device")


def reasons_against(networks: Sequence[DendriticNetwork], configs: Sequence[TrainConfig]) -> tuple[str, ...]:
    """Why networks cannot be trained together, so that each becomes what it becomes by itself; empty where they can.

    They must be of one kind: the same groups of compartments and projections, which do the same. Sizes, wiring, initial
    weights and receptive fields may differ, and so may seed, epochs, early stopping, noise and the order of classes.

    Args:
        networks: from `build` or `DendriticNetwork`.
        configs: one for each.

    Raises:
        DendrographError: there are not as many configurations as networks.
    """
    if len(networks) != len(configs):
        counts = f"{len(networks)} networks and {len(configs)} configurations"
        raise DendrographError(f"{counts}\n  give one configuration for each network")
    several = started()
    found = [f"{several} processes train together here: one process trains networks together"] if several > 1 else []
    if len(networks) < 2:
        return tuple(found)
    found += union.reasons_against([network.graph for network in networks])
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

    Each becomes what `train` makes of it, to the last digits of its numbers: it sees the samples in its own order, has
    its own validation split, noise and early stopping, and goes on by itself where another has ended or failed. Each
    folder can be gone on with by `train` as well, and what `train` began can be gone on with here; those that are
    behind the others catch up first. The `seconds` of a run are its share of the time that all took.

    Args:
        networks: of one kind; see `reasons_against`.
        data: what all are trained on.
        configs: one for each network.
        outs: the run folder of each.
        resume: go on with runs that have begun; those that have ended are left as they are.
        progress: show it on standard output: means over the networks.

    Returns:
        For each network its run; or, in its place, the error that it alone met, such as a loss that is not finite.

    Raises:
        DendrographError: they cannot be trained together, or the arguments do not fit each other.
        Interrupted: Ctrl-C; it is a `KeyboardInterrupt`.
    """
    _hold(networks, configs, outs)
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
                runs[number], member = _begin(network, data, config, Path(out), resume, len(networks), show)
                if member:
                    members[number] = member
        device = next(networks[0].parameters()).device if networks else torch.device("cpu")
        # As in `train`: the caller finds PyTorch's random numbers as they were.
        begun = next(iter(runs.values())) if len({run.threads for run in runs.values()}) == 1 else None
        with torch.random.fork_rng([device] if device.type == "cuda" else []), record.threads_of(begun):
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


def _hold(networks: Sequence[DendriticNetwork], configs: Sequence[TrainConfig], outs: Sequence[str | Path]) -> None:
    """Hold the arguments to each other.

    Raises:
        DendrographError: they are not equally many, or two are one and the same.
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
    """What goes wrong within is a member's own fault: it is noted, and the others go on."""
    try:
        yield
    except DendrographError as error:
        failed[number] = error


def _begin(
    network: DendriticNetwork,
    data: Dataset,
    config: TrainConfig,
    folder: Path,
    resume: bool,
    together: int,
    show: Reporter,
) -> tuple[Run, Member | None]:
    """The run, and what is left to train of it: None where it has ended."""
    refuse_misfit(network, data)
    splits = Splits.of(data, config)
    network.to(config.device)
    asked = record.make(network, data, config, 1, together)
    run, _, checkpoint = on_disk(folder, network, asked, resume, show)
    if checkpoint is None:
        network.load_state_dict(run.network().state_dict())
        show.note(f"{run.folder}: the run has ended; nothing to do")
        return run, None
    parameters = FlatParameters(network, more=1)
    optimizer = optimizer_for(parameters.vector, config)
    loop = Loop(network, splits, data.scale, config, run, Silent(), ALONE, parameters, optimizer)
    return run, Member(loop, restored(loop, checkpoint))


def _train(members: Mapping[int, Member], failed: dict[int, DendrographError], show: Reporter) -> None:
    """Train all to their end, an epoch of some of them at a time."""
    going, joint = dict(members), None
    if going:
        epochs = max(member.loop.config.epochs or 0 for member in going.values())
        done = min(member.done for member in going.values())
        show.start(epochs, done, sum(len(member.loop.splits.rows) for member in going.values()))
    while True:
        for number, member in going.items():
            if has_ended(member.loop.config, member.state):
                with _own(failed, number):
                    finish(member.loop, member.state, time.monotonic() - member.state.seconds)
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
    """Who trains the next epoch: those that are furthest behind, together, but for one that is to be by itself."""
    least = min(member.done for member in going.values())
    behind = {number: member for number, member in going.items() if member.done == least}
    for number, member in behind.items():
        if member.by_itself:
            return {number: member}
    return behind


def _epoch(
    group: Mapping[int, Member], joint: Joint | None, failed: dict[int, DendrographError], show: Reporter
) -> Joint | None:
    """An epoch of a group, and what follows it for each. Gives what trains them together, for the next one.

    Where a loss is not finite nobody has made that epoch: those whose it was try it by themselves, which shows who is
    at fault, in the words of `train`; the others begin it again, together, from the weights that they still have.
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
                keep(member.loop, member.state, of_member, time.monotonic() - member.state.seconds)
    if rows := [member.state.history[-1] for number, member in group.items() if number not in failed]:
        show.epoch({key: sum(row[key] for row in rows) / len(rows) for key in rows[0]})
    return joint
