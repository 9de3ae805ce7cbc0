"""Wiring that is verified: a graph is held to its declaration, by rules that share no code with the drawing of it."""

from __future__ import annotations

import numpy as np

from dendrograph.errors import WiringError
from dendrograph.graph import Field, Graph, Indices, Projection


def verify(graph: Graph) -> tuple[str, ...]:
    """Hold a graph to its declaration and return what was found true, a line each.

    Checked: edges lie inside their groups and are sorted; fan-in is exactly what was declared; no compartment is
    without synapses or children unless declared so; a compartment's cables come from its own neuron; a local field is
    the centre and whole rings around it; a global field's centres lie around their own neuron's centre.

    Raises:
        WiringError: with every violation.
    """
    wrong: list[str] = []
    told: list[str] = []
    for projection in graph.projections:
        if projection.pairs is not None:
            wrong += _check_edges(projection)
    for projection in graph.projections:
        if projection.kind == "cable":
            wrong += _check_cable(graph, projection)
    for group in graph.groups:
        onto = graph.onto(group)
        fields: dict[int, tuple[Field, list[Projection]]] = {}
        for projection in onto:
            if projection.field is not None:
                fields.setdefault(id(projection.field), (projection.field, []))[1].append(projection)
        reached = np.zeros(group.size, dtype=np.int64)
        silent = False
        for field, parts in fields.values():
            fan_in = sum((part.fan_in() for part in parts), np.zeros(group.size, dtype=np.int64))
            reached += fan_in
            silent |= field.fan_in is None or field.fan_in == 0
            wrong += _check_field(parts[0], field, fan_in)
            if field.neuron_centres is not None and group.size:
                of_neurons = field.neuron_centres.reshape(group.neurons, -1)
                if (of_neurons != of_neurons[:, :1]).any():
                    wrong.append(f"{parts[0].name}: the dendrites of one neuron do not share its centre")
            told.append(_tell(group.name, parts, field, fan_in))
        if group.role in ("input", "readout"):
            continue
        for projection in onto:
            if projection.kind == "cable":
                reached += projection.fan_in()
        lonely = int((reached == 0).sum())
        if lonely and not silent:
            wrong.append(f"{group.name}: {lonely} of {group.size} compartments have neither synapses nor children")
        elif lonely:
            told.append(f"{group.name}: {lonely} of {group.size} compartments are silent, as declared")
    if wrong:
        raise WiringError("the wiring is not what the morphology declares\n  " + "\n  ".join(wrong))
    return tuple(told)


def _check_edges(projection: Projection) -> list[str]:
    sources, targets = projection.endpoints()
    name = projection.name
    if not len(sources):
        return []
    wrong = []
    if (
        sources.min() < 0
        or sources.max() >= projection.sources
        or targets.min() < 0
        or targets.max() >= projection.targets
    ):
        wrong.append(f"{name}: an edge leaves its groups")
    step, same = np.diff(targets), np.diff(sources)
    if ((step < 0) | ((step == 0) & (same < 0))).any():
        wrong.append(f"{name}: edges are not sorted by target, then by source")
    return wrong


def _check_cable(graph: Graph, projection: Projection) -> list[str]:
    """Every dendrite has one parent, and it stands in the dendrite's own neuron."""
    children, parents = projection.endpoints()
    source, target = graph.by_name[projection.source], graph.by_name[projection.target]
    wrong = []
    if not np.array_equal(np.bincount(children, minlength=source.size), np.ones(source.size, dtype=np.int64)):
        wrong.append(f"{projection.name}: a dendrite has no parent, or more than one")
    if (children * source.neurons // source.size != parents * target.neurons // target.size).any():
        wrong.append(f"{projection.name}: a cable joins two neurons")
    return wrong


def _check_field(projection: Projection, field: Field, fan_in: Indices) -> list[str]:
    name = projection.name
    if field.fan_in is not None and (fan_in != field.fan_in).any():
        odd = int((fan_in != field.fan_in).sum())
        return [f"{name}: {odd} compartments have {fan_in.min()} to {fan_in.max()} synapses, declared {field.fan_in}"]
    if field.centres is None or not len(fan_in) or not field.positions:
        return []
    sources, targets = projection.endpoints()
    wrong = []
    per = field.positions
    positions = (sources // field.channels).reshape(len(fan_in), per, field.channels)
    units = sources.reshape(positions.shape)
    if (units != positions[:, :, :1] * field.channels + np.arange(field.channels)).any():
        wrong.append(f"{name}: a position does not take all of its channels")
    taken = _distances(field.grid, positions[:, :, 0], field.centres[targets.reshape(len(fan_in), -1)[:, :1]])
    outermost = taken.max(axis=1)
    # Rings are taken from the inside out: all positions nearer than the outermost ring are there, no position twice.
    inner = (taken < outermost[:, None]).sum(axis=1)
    if (inner != _positions_within(field.grid, field.centres, outermost - 1)).any():
        wrong.append(f"{name}: a receptive field has a hole")
    if (np.diff(np.sort(positions[:, :, 0], axis=1), axis=1) == 0).any():
        wrong.append(f"{name}: a receptive field takes a position twice")
    if field.neuron_centres is not None:
        wrong += _check_centres(name, field)
    return wrong


def _check_centres(name: str, field: Field) -> list[str]:
    """Centres of one neuron fill the rings around its own centre from the inside out, each position equally often."""
    assert field.centres is not None and field.neuron_centres is not None
    height, width = field.grid
    own = field.neuron_centres
    starts = np.flatnonzero(np.concatenate([[True], np.diff(own) != 0]))
    distance = _distances(field.grid, field.centres, own)
    members = np.diff(np.append(starts, len(own)))
    for start, size in zip(starts, members, strict=True):
        if size >= height * width:
            continue
        far = distance[start : start + size].max()
        # A ring beyond the farthest one needed would mean that a nearer position was passed over.
        if _positions_within(field.grid, own[start : start + 1], np.array([far - 1]))[0] >= size and far > 0:
            return [f"{name}: a dendrite's centre does not lie around its own neuron's centre"]
    return []


def _distances(grid: tuple[int, int], positions: Indices, centres: Indices) -> Indices:
    """Chebyshev distance between positions of a grid, with broadcasting."""
    width = grid[1]
    rows, columns = np.abs(positions // width - centres // width), np.abs(positions % width - centres % width)
    return np.maximum(rows, columns)


def _positions_within(grid: tuple[int, int], centres: Indices, radius: Indices) -> Indices:
    """Positions of the grid at most `radius` away from each centre; none for a negative radius."""
    sides = []
    for length, at in ((grid[0], centres // grid[1]), (grid[1], centres % grid[1])):
        sides.append(np.minimum(at + radius, length - 1) - np.maximum(at - radius, 0) + 1)
    return np.where(radius < 0, 0, sides[0] * sides[1])


def _tell(group: str, parts: list[Projection], field: Field, fan_in: Indices) -> str:
    sources = ", ".join(part.source for part in parts)
    if field.fan_in is None:
        spread = f"{fan_in.min()} to {fan_in.max()}, {fan_in.mean():.1f} on average" if len(fan_in) else "0"
        return f"{group}: {spread} synapses a compartment from {sources} ({field.rule})"
    rule = field.rule
    if field.neuron_centres is not None:
        rule += ", centres around their own neuron's"
    return f"{group}: exactly {field.fan_in} synapses a compartment from {sources} ({rule})"
