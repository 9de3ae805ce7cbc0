"""Check a compiled graph against its declaration.

The rules share no code with the functions that draw the synapses.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from dendrograph.base.errors import WiringError
from dendrograph.graph.graph import Counts, Graph, Projection, ReceptiveField
from dendrograph.graph.wiring import Grid, Indices, blocks


def check_wiring(graph: Graph) -> tuple[str, ...]:
    """Check a graph against its declaration.

    - Edges lie inside their groups and are sorted.
    - The fan-in is exactly as declared. No compartment draws a unit twice, or is without synapses and children, unless
      this is declared.
    - The dendrites of a parent belong to its neuron, are contiguous and equally many.
    - A local field is its centre and whole rings around it. The centres of a global field lie around the centre of
      their own neuron.
    - After a shuffle, every compartment has all synapses that were drawn for one compartment of its group, and no two
      compartments have those of the same one. With the shuffle undone, the wiring passes the checks above.

    Returns:
        One line for each field, with the properties that were found.

    Raises:
        WiringError: with every violation.
    """
    _raise_if_any([fault for projection in graph.projections for fault in _check_edges(graph, projection)])
    wrong: list[str] = []
    summary: list[str] = []
    onto: dict[str, list[Projection]] = {group.name: [] for group in graph.groups}
    for projection in graph.projections:
        onto[projection.target].append(projection)
        if projection.kind == "cable":
            wrong += _check_cable(graph, projection)
    for group in graph.groups:
        fields: dict[int, tuple[ReceptiveField, list[Projection]]] = {}
        for projection in onto[group.name]:
            if projection.field is not None:
                fields.setdefault(id(projection.field), (projection.field, []))[1].append(projection)
        reached = np.zeros(group.size, dtype=np.int64)
        silent = False
        for field, parts in fields.values():
            fan_in = sum((part.fan_in() for part in parts), np.zeros(group.size, dtype=np.int64))
            reached += fan_in
            silent |= not field.fan_in
            wrong += _check_field(parts, field, fan_in)
            summary.append(_summary(group.name, parts, field, fan_in))
        wrong += _check_exchange(group.name, [field for field, _ in fields.values()], group.size)
        if group.role in ("input", "readout"):
            continue
        reached += sum(projection.fan_in() for projection in onto[group.name] if projection.kind == "cable")
        lonely = int((reached == 0).sum())
        if lonely and not silent:
            wrong.append(f"{group.name}: {lonely} of {group.size} compartments have neither synapses nor children")
        elif lonely:
            summary.append(f"{group.name}: {lonely} of {group.size} compartments are silent, as declared")
    _raise_if_any(wrong)
    return tuple(summary)


def _raise_if_any(wrong: list[str]) -> None:
    if wrong:
        raise WiringError("Internal error: the wiring does not match the morphology.\n  " + "\n  ".join(wrong))


def _check_edges(graph: Graph, projection: Projection) -> list[str]:
    """Check the assumptions of all other checks."""
    name = projection.name
    source, target = graph.by_name[projection.source], graph.by_name[projection.target]
    if (projection.sources, projection.targets) != (source.size, target.size):
        return [f"{name}: joins {projection.sources} to {projection.targets}, not {source.size} to {target.size} units"]
    if projection.pairs is None or not projection.edges:
        return []
    sources, targets = projection.pairs
    wrong = []
    if sources.min() < 0 or sources.max() >= source.size or targets.min() < 0 or targets.max() >= target.size:
        wrong.append(f"{name}: an edge leaves its groups")
    if any(((next_t < t) | ((next_t == t) & (next_s < s))).any() for s, next_s, t, next_t in _steps(sources, targets)):
        wrong.append(f"{name}: edges are not sorted by target, then by source")
    return wrong


def _steps(sources: Indices, targets: Indices) -> Iterator[tuple[Indices, ...]]:
    """For each pair of successive edges, block by block: source, next source, target, next target."""
    for part in blocks(len(targets) - 1):
        following = slice(part.start + 1, part.stop + 1)
        yield sources[part], sources[following], targets[part], targets[following]


def _check_cable(graph: Graph, projection: Projection) -> list[str]:
    """Every dendrite has one parent in its own neuron; siblings are contiguous and all parents have equally many."""
    name = projection.name
    ends = projection.endpoints()
    source, target = graph.by_name[projection.source], graph.by_name[projection.target]
    if (projection.fan_out() != 1).any():
        return [f"{name}: a dendrite has no parent, or more than one"]
    strangers = wrong_parent = False
    for part in blocks(projection.edges):
        children, parents = (end[part].astype(np.int64) for end in ends)  # products may overflow int32
        strangers |= bool((children * source.neurons // source.size != parents * target.neurons // target.size).any())
        wrong_parent |= bool((parents != children * target.size // source.size).any())
    if strangers:
        return [f"{name}: a cable joins two neurons"]
    if wrong_parent:
        return [f"{name}: a dendrite is joined to the wrong parent"]
    return []


def _check_field(parts: list[Projection], field: ReceptiveField, fan_in: Counts) -> list[str]:
    name = parts[0].name
    if field.fan_in is not None and (fan_in != field.fan_in).any():
        odd = int((fan_in != field.fan_in).sum())
        return [f"{name}: {odd} compartments have {fan_in.min()} to {fan_in.max()} synapses, declared {field.fan_in}"]
    wrong = []
    if fan_in.sum() != field.total:
        wrong.append(f"{name}: {fan_in.sum()} synapses in all, declared {field.total}")
    if field.distinct and any(_repeats(*part.pairs) for part in parts if part.pairs is not None):
        wrong.append(f"{name}: a compartment draws a unit twice")
    if field.centres is not None and field.positions:
        wrong += _check_local(parts[0], field, field.centres)
    if field.rule == "tiled" and field.total and _is_permutation(field, len(fan_in)):
        wrong += _check_tiled([_put_back(part, field) for part in parts], field)
    return wrong


def _check_exchange(name: str, fields: list[ReceptiveField], size: int) -> list[str]:
    """A shuffle is a permutation of the compartments, the same one for all fields of a group."""
    if not all(_is_permutation(field, size) for field in fields):
        return [f"{name}: the shuffle loses or repeats the synapses that were drawn for a compartment"]
    shuffled = [field.drawn_for for field in fields if field.drawn_for is not None]
    if any(not np.array_equal(drawn_for, shuffled[0]) for drawn_for in shuffled):
        return [f"{name}: the shuffle separates synapses that were drawn for one compartment"]
    return []


def _is_permutation(field: ReceptiveField, size: int) -> bool:
    if field.drawn_for is None:
        return True
    return field.drawn_for.shape == (size,) and bool((np.sort(field.drawn_for) == np.arange(size)).all())


def _put_back(part: Projection, field: ReceptiveField) -> Projection:
    """The projection before the shuffle: each synapse at the compartment for which it was drawn."""
    if field.drawn_for is None:
        return part
    sources, targets = part.endpoints()
    targets = field.drawn_for[targets]
    order = np.argsort(targets, kind="stable")
    return replace(part, pairs=(sources[order], targets[order]))


def _check_tiled(parts: list[Projection], field: ReceptiveField) -> list[str]:
    """The compartments of a neuron use all sources equally often, up to one, and all neurons use the same sources."""
    sizes = [part.sources for part in parts]
    total, members = sum(sizes), field.members
    like: Counts | None = None
    for neurons in blocks(parts[0].targets // members, total):
        used = np.zeros((neurons.stop - neurons.start) * total, dtype=np.int64)
        for part, offset in zip(parts, np.cumsum([0, *sizes]), strict=False):
            source, target = part.endpoints()
            edges = slice(*np.searchsorted(target, (neurons.start * members, neurons.stop * members)))
            row = target[edges].astype(np.int64) // members - neurons.start
            used += np.bincount(row * total + source[edges] + offset, minlength=len(used))
        rows = used.reshape(-1, total)
        like = rows[0] if like is None else like
        if rows.max() - rows.min() > 1 or (rows != like).any():
            return [f"{parts[0].name}: the compartments of a neuron do not use the sources equally often"]
    return []


def _repeats(sources: Indices, targets: Indices) -> bool:
    """Whether an edge occurs twice; edges are sorted."""
    return any(((next_t == t) & (next_s == s)).any() for s, next_s, t, next_t in _steps(sources, targets))


def _check_local(projection: Projection, field: ReceptiveField, centres: Indices) -> list[str]:
    name = projection.name
    height, width = field.grid
    if centres.shape != (projection.targets,) or centres.min() < 0 or centres.max() >= height * width:
        return [f"{name}: the centre of a compartment lies outside the grid"]
    wrong = []
    sources, _ = projection.endpoints()
    units = sources.reshape(projection.targets, field.positions, field.channels)
    incomplete = holes = False
    for rows in blocks(projection.targets, field.positions * field.channels):
        first = units[rows, :, :1]
        incomplete |= bool((units[rows] - first != np.arange(field.channels)).any() or (first % field.channels).any())
        holes |= not _fill_rings(field.grid, first[:, :, 0] // field.channels, centres[rows])
    if incomplete:
        wrong.append(f"{name}: a position does not take all of its channels")
    if holes:
        wrong.append(f"{name}: a receptive field has a hole")
    if field.neuron_centres is not None and _is_permutation(field, projection.targets):
        back = slice(None) if field.drawn_for is None else np.argsort(field.drawn_for)
        wrong += _check_centres(name, field, centres[back], field.neuron_centres[back])
    return wrong


def _check_centres(name: str, field: ReceptiveField, centres: Indices, neuron_centres: Indices) -> list[str]:
    """Centres of one neuron fill the rings around its own centre from the inside out, each position equally often."""
    places = field.grid[0] * field.grid[1]
    rest = len(centres) % field.members  # the last set of neurons that share a centre may be smaller
    whole = len(centres) - rest
    for part, members in ((slice(whole), field.members), (slice(whole, None), rest)):
        if not len(centres[part]):
            continue
        around, own = centres[part].reshape(-1, members), neuron_centres[part].reshape(-1, members)
        if (own != own[:, :1]).any():
            return [f"{name}: the dendrites of one neuron do not share its centre"]
        rounds = members // places
        if rounds:  # more centres than positions: all are used so often, and the remaining centres fill the rings
            used = np.arange(len(around))[:, None] * places + around
            over = np.bincount(used.ravel(), minlength=len(around) * places).reshape(-1, places) - rounds
            if ((over < 0) | (over > 1)).any():
                return [f"{name}: the centres of one neuron's dendrites skip a position"]
            around = np.nonzero(over)[1].reshape(len(around), -1)
        if not all(_fill_rings(field.grid, around[rows], own[rows, 0]) for rows in blocks(*around.shape)):
            return [f"{name}: a dendrite's centre does not lie around its own neuron's centre"]
    return []


def _fill_rings(grid: Grid, positions: Indices, centres: Indices) -> bool:
    """Whether the positions in each row are distinct and fill the rings around its centre from the inside out."""
    if not positions.shape[1]:
        return True
    distance = _distances(grid, positions, centres[:, None])
    outermost = distance.max(axis=1)
    inner = (distance < outermost[:, None]).sum(axis=1)
    distinct = (np.diff(np.sort(positions, axis=1), axis=1) > 0).all()
    return bool(distinct and (inner == _positions_within(grid, centres, outermost - 1)).all())


def _distances(grid: Grid, positions: Indices, centres: Indices) -> Indices:
    """Chebyshev distance between positions of a grid, with broadcasting."""
    width = grid[1]
    rows, columns = np.abs(positions // width - centres // width), np.abs(positions % width - centres % width)
    return np.maximum(rows, columns)


def _positions_within(grid: Grid, centres: Indices, radius: Indices) -> Indices:
    """Number of positions of the grid at most `radius` away from each centre; 0 for a negative radius."""
    centres, radius = centres.astype(np.int64), radius.astype(np.int64)  # their sum may overflow
    sides = []
    for length, at in ((grid[0], centres // grid[1]), (grid[1], centres % grid[1])):
        sides.append(np.minimum(at + radius, length - 1) - np.maximum(at - radius, 0) + 1)
    return np.where(radius < 0, 0, sides[0] * sides[1])


def _summary(group: str, parts: list[Projection], field: ReceptiveField, fan_in: Counts) -> str:
    sources = ", ".join(part.source for part in parts)
    if field.fan_in is None:
        spread = f"{fan_in.min()} to {fan_in.max()}, {fan_in.mean():.1f} on average" if len(fan_in) else "0"
        return f"{group}: {spread} synapses a compartment from {sources} ({field.shown})"
    rule = field.rule
    if field.neuron_centres is not None:
        rule += ", centres around their own neuron's"
    if field.drawn_for is not None:
        rule += ", then shuffled"
    return f"{group}: exactly {field.fan_in} synapses a compartment from {sources} ({rule})"
