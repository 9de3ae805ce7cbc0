"""check_wiring() finds whatever is done to a good graph, and says what; the good twin passes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from cases import for_each
from numpy.typing import NDArray
from receptive_fields import is_field
from trees import CORNERS, COVERING, random_case

from dendrograph import Graph, Morphology, compile
from dendrograph.base.errors import WiringError
from dendrograph.graph import compiler as compiler_module
from dendrograph.graph import wiring
from dendrograph.graph.check_wiring import check_wiring
from dendrograph.graph.graph import Projection, ReceptiveField
from dendrograph.graph.wiring import neighbourhood, spread_channels

Pairs = tuple[NDArray, NDArray]


def _graph(neuron: Mapping[str, Any], shape: Any = (9, 9), count: int = 5, **more: Any) -> Graph:
    layers = [{"name": "hidden", "neuron": "cell", "count": count}]
    morphology = {"name": "test", "neurons": {"cell": neuron}, "layers": layers, **more}
    return compile(Morphology.from_dict(morphology), shape, 10, seed=3)


def _with_field(field: str, count: int = 6, **more: Any) -> Graph:
    return _graph({"dendrites": [{"name": "d", "count": 4, "synapses": {"count": count, "field": field, **more}}]})


TREE = _graph(
    {
        "dendrites": [
            {"name": "basal", "count": 2, "synapses": {"count": 3}},
            {"name": "apical", "count": 2, "dendrites": [{"name": "tuft", "count": 3, "synapses": {"count": 3}}]},
        ]
    }
)
RANDOM, POOLED, LOCAL, GLOBAL, TILED = (
    _with_field(field) for field in ("random", "pooled", "local", "global", "tiled")
)
RGB = _graph({"synapses": {"count": 5, "field": "local"}}, (6, 6, 3))
CROWDED = _graph({"dendrites": [{"name": "d", "count": 11, "synapses": {"count": 2, "field": "global"}}]}, (2, 2))
GROUPED = _graph({"synapses": {"count": 3, "field": "global", "group": 4}}, count=10)
SHARED = _graph(
    {"synapses": {"count": 5, "from": ["image", "sound"]}},
    {"image": (4, 4)},
    inputs={"image": "auto", "sound": 6},
)

EXCHANGED, TILES = (_with_field(field, shuffle=True) for field in ("global", "tiled"))
ENTRIES = [{"count": 6, "field": field, "shuffle": True} for field in ("global", "pooled")]
TOGETHER = _graph({"dendrites": [{"name": "d", "count": 4, "synapses": ENTRIES}]})

SYNAPSES, CABLE = "image->hidden/d", "hidden/d->hidden/soma"


def _changed(graph: Graph, name: str, change: Callable[[Projection], Projection]) -> Graph:
    """The graph with one projection changed; a field that several projections share stays shared."""
    assert name in {projection.name for projection in graph.projections}
    others = tuple(change(projection) if projection.name == name else projection for projection in graph.projections)
    return replace(graph, projections=others)


def _rewired(graph: Graph, name: str, change: Callable[[NDArray, NDArray], Any], sort: bool = True) -> Graph:
    """The graph with the edges of one projection changed in place, and sorted again unless that is the point."""

    def rewire(projection: Projection) -> Projection:
        source, target = (column.copy() for column in projection.endpoints())
        found = change(source, target)
        source, target = (source, target) if found is None else found
        if sort:
            order = np.lexsort((source, target))
            source, target = source[order], target[order]
        return replace(projection, pairs=(source, target))

    return _changed(graph, name, rewire)


def _refielded(graph: Graph, name: str, change: Callable[[ReceptiveField], ReceptiveField]) -> Graph:
    def refield(projection: Projection) -> Projection:
        assert projection.field is not None
        return replace(projection, field=change(projection.field))

    return _changed(graph, name, refield)


def _set(column: int, row: int, value: int) -> Callable[[NDArray, NDArray], None]:
    def change(source: NDArray, target: NDArray) -> None:
        (source, target)[column][row] = value

    return change


def _put_away(source: NDArray, target: NDArray) -> Pairs:
    keep = np.arange(len(source)) != 7
    return source[keep], target[keep]


def _add(source: NDArray, target: NDArray) -> Pairs:
    unused = next(unit for unit in range(81) if unit not in source[target == 2])
    return np.append(source, unused), np.append(target, 2)


def _twice(source: NDArray, target: NDArray) -> None:
    source[target == 3] = np.concatenate([source[target == 3][:1], source[target == 3][:-1]])


def _swap(source: NDArray, target: NDArray) -> None:
    source[[0, 1]] = source[[1, 0]]


def _move_outward(source: NDArray, target: NDArray) -> None:
    """A nearer position is left out for one far away: on 9 × 9 a corner is far from any centre or near to it."""
    row = int(np.flatnonzero(target == 4)[0])
    taken = set(source[target == 4].tolist())
    rows, columns = np.divmod(source[target == 4], 9)
    far = max(range(81), key=lambda u: abs(u // 9 - rows.mean()) + abs(u % 9 - columns.mean()))
    assert far not in taken
    source[row] = far


def _hole(source: NDArray, target: NDArray) -> None:
    """The centre itself is given away for one more position of the last ring."""
    field = next(p.field for p in LOCAL.projections if p.name == SYNAPSES)
    assert field is not None and field.centres is not None
    centre = int(field.centres[4])
    mine = set(source[target == 4].tolist())
    near = [u for u in range(81) if max(abs(u // 9 - centre // 9), abs(u % 9 - centre % 9)) == 1 and u not in mine]
    source[(target == 4) & (source == centre)] = near[0]


def _exchange_parents(first: int, second: int) -> Callable[[NDArray, NDArray], None]:
    def change(source: NDArray, target: NDArray) -> None:
        places = [int(np.flatnonzero(source == child)[0]) for child in (first, second)]
        target[places] = target[places[::-1]]

    return change


def _one_channel_too_far(source: NDArray, target: NDArray) -> None:
    """The third channel of a position becomes the first of the next: the number of synapses stays."""
    free = next(i for i in range(2, 15, 3) if source[i] + 1 not in source[:15])
    source[free] += 1


def _centres(graph: Graph, change: Callable[[NDArray, NDArray], None]) -> Graph:
    """Other centres for dendrites or neurons, and receptive fields that are right for them."""

    def move(projection: Projection) -> Projection:
        field = projection.field
        assert field is not None and field.centres is not None and field.neuron_centres is not None
        centres, own = field.centres.copy(), field.neuron_centres.copy()
        change(centres, own)
        near = neighbourhood(field.grid, centres, field.positions, np.random.default_rng(0))
        source = spread_channels(near, field.channels).ravel()
        assert projection.pairs is not None
        return replace(
            projection,
            pairs=(source, projection.pairs[1]),
            field=replace(field, centres=centres, neuron_centres=own),
        )

    name = next(projection.name for projection in graph.projections if projection.source == "image")
    return _changed(graph, name, move)


def _far_centre(centres: NDArray, own: NDArray) -> None:
    centres[2] = 80 if own[2] < 40 else 0


def _all_at_the_neurons_own(centres: NDArray, own: NDArray) -> None:
    centres[:4] = own[:4]


def _of_another_neuron(centres: NDArray, own: NDArray) -> None:
    other = next(start for start in range(4, 20, 4) if abs(own[start] // 9 - own[0] // 9) > 2)
    centres[:4] = centres[other : other + 4]


def _split_neuron(centres: NDArray, own: NDArray) -> None:
    own[1] = centres[1]
    assert own[1] != own[0]


def _uneven(centres: NDArray, own: NDArray) -> None:
    centres[:11] = np.array([0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3])


def _misplaced_rest(centres: NDArray, own: NDArray) -> None:
    """Eleven dendrites on four positions: the three that have a third must be the nearest to the neuron's centre."""
    extra = [position for position in range(4) if (centres[:11] == position).sum() == 3]
    (fewer,) = set(range(4)) - set(extra)
    assert own[0] != fewer
    centres[np.flatnonzero(centres[:11] == own[0])[0]] = fewer


def _far_in_the_last_set(centres: NDArray, own: NDArray) -> None:
    centres[9] = 80 if own[9] < 40 else 0


BREAKS: dict[str, tuple[Graph, Callable[[Graph], Graph], str]] = {
    "an edge moved to another target": (
        RANDOM,
        lambda g: _rewired(g, SYNAPSES, _set(1, 7, 9)),
        "compartments have 5 to 7",
    ),
    "an edge left out": (
        RANDOM,
        lambda g: _rewired(g, SYNAPSES, _put_away),
        "1 compartments have 5 to 6 synapses, declared 6",
    ),
    "an edge too many": (
        RANDOM,
        lambda g: _rewired(g, SYNAPSES, _add),
        "1 compartments have 6 to 7 synapses, declared 6",
    ),
    "a unit drawn twice": (RANDOM, lambda g: _rewired(g, SYNAPSES, _twice), "a compartment draws a unit twice"),
    "a pooled edge twice": (
        POOLED,
        lambda g: _rewired(g, SYNAPSES, lambda s, t: (np.append(s[:-1], s[0]), np.append(t[:-1], t[0]))),
        "a compartment draws a unit twice",
    ),
    "a pooled edge left out": (POOLED, lambda g: _rewired(g, SYNAPSES, _put_away), "119 synapses in all, declared 120"),
    "an unsorted source": (
        RANDOM,
        lambda g: _rewired(g, SYNAPSES, _swap, sort=False),
        "edges are not sorted by target, then by source",
    ),
    "an unsorted target": (
        RANDOM,
        lambda g: _rewired(g, SYNAPSES, lambda s, t: (np.roll(s, 6), np.roll(t, 6)), sort=False),
        "edges are not sorted by target, then by source",
    ),
    "a source beyond its group": (
        RANDOM,
        lambda g: _rewired(g, SYNAPSES, _set(0, 5, 81)),
        "an edge leaves its groups",
    ),
    "a source below 0": (RANDOM, lambda g: _rewired(g, SYNAPSES, _set(0, 5, -1)), "an edge leaves its groups"),
    "a target beyond its group": (
        RANDOM,
        lambda g: _rewired(g, SYNAPSES, _set(1, 5, 20)),
        "an edge leaves its groups",
    ),
    "a target below 0": (RANDOM, lambda g: _rewired(g, SYNAPSES, _set(1, 5, -1)), "an edge leaves its groups"),
    "a cable beyond its group": (
        RANDOM,
        lambda g: _rewired(g, CABLE, _set(1, 5, 5)),
        "an edge leaves its groups",
    ),
    "a projection of another size": (
        RANDOM,
        lambda g: _changed(g, SYNAPSES, lambda p: replace(p, sources=82)),
        "joins 82 to 20, not 81 to 20 units",
    ),
    "an all-to-all projection of another size": (
        RANDOM,
        lambda g: _changed(g, "hidden/soma->readout", lambda p: replace(p, targets=11)),
        "joins 5 to 11, not 5 to 10 units",
    ),
    "dendrites of two neurons exchanged": (
        TREE,
        lambda g: _rewired(g, "hidden/basal->hidden/soma", _exchange_parents(0, 9)),
        "a cable joins two neurons",
    ),
    "dendrites of two branches of one neuron exchanged": (
        TREE,
        lambda g: _rewired(g, "hidden/apical/tuft->hidden/apical", _exchange_parents(0, 5)),
        "a dendrite is joined to the wrong parent",
    ),
    "a dendrite moved to its parent's sibling": (
        TREE,
        lambda g: _rewired(g, "hidden/apical/tuft->hidden/apical", _set(1, 2, 1)),
        "a dendrite is joined to the wrong parent",
    ),
    "a dendrite moved to another neuron": (
        TREE,
        lambda g: _rewired(g, "hidden/basal->hidden/soma", _set(1, 0, 4)),
        "a cable joins two neurons",
    ),
    "a dendrite with two parents": (
        TREE,
        lambda g: _rewired(g, "hidden/basal->hidden/soma", _set(0, 1, 0)),
        "a dendrite has no parent, or more than one",
    ),
    "a dendrite without a parent": (
        TREE,
        lambda g: _rewired(g, "hidden/basal->hidden/soma", _put_away),
        "a dendrite has no parent, or more than one",
    ),
    "a compartment that nothing reaches": (
        TREE,
        lambda g: replace(g, projections=tuple(p for p in g.projections if p.source != "hidden/apical/tuft")),
        "hidden/apical: 10 of 10 compartments have neither synapses nor children",
    ),
    "a local edge moved outward": (
        LOCAL,
        lambda g: _rewired(g, SYNAPSES, _move_outward),
        "a receptive field has a hole",
    ),
    "a local field without its centre": (LOCAL, lambda g: _rewired(g, SYNAPSES, _hole), "a receptive field has a hole"),
    "a local unit twice": (LOCAL, lambda g: _rewired(g, SYNAPSES, _twice), "a compartment draws a unit twice"),
    "a local field whose centre is elsewhere": (
        LOCAL,
        lambda g: _refielded(g, SYNAPSES, lambda f: replace(f, centres=np.roll(f.centres, 1))),
        "a receptive field has a hole",
    ),
    "a centre off the grid": (
        LOCAL,
        lambda g: _refielded(g, SYNAPSES, lambda f: replace(f, centres=np.append(f.centres[:-1], 81))),
        "the centre of a compartment lies outside the grid",
    ),
    "a centre for each compartment but one": (
        LOCAL,
        lambda g: _refielded(g, SYNAPSES, lambda f: replace(f, centres=f.centres[:-1])),
        "the centre of a compartment lies outside the grid",
    ),
    "a tile of another unit": (
        TILED,
        lambda g: _rewired(g, SYNAPSES, _set(0, 60, 70)),
        "the compartments of a neuron do not use the sources equally often",
    ),
    "tiles that overlap in every neuron": (
        TILED,
        lambda g: _rewired(g, SYNAPSES, lambda s, t: (np.where(s == 6, 0, s), t)),
        "the compartments of a neuron do not use the sources equally often",
    ),
    "two of three channels": (
        RGB,
        lambda g: _rewired(g, "image->hidden/soma", _one_channel_too_far),
        "a position does not take all of its channels",
    ),
    "a dendrite's centre far from its neuron's": (
        GLOBAL,
        lambda g: _centres(g, _far_centre),
        "a dendrite's centre does not lie around its own neuron's centre",
    ),
    "all of a neuron's dendrites at one centre": (
        GLOBAL,
        lambda g: _centres(g, _all_at_the_neurons_own),
        "a dendrite's centre does not lie around its own neuron's centre",
    ),
    "a neuron's dendrites around another's centre": (
        GLOBAL,
        lambda g: _centres(g, _of_another_neuron),
        "a dendrite's centre does not lie around its own neuron's centre",
    ),
    "a neuron with two centres": (
        GLOBAL,
        lambda g: _centres(g, _split_neuron),
        "the dendrites of one neuron do not share its centre",
    ),
    "more dendrites than positions, one position too often": (
        CROWDED,
        lambda g: _centres(g, _uneven),
        "the centres of one neuron's dendrites skip a position",
    ),
    "more dendrites than positions, the rest of them elsewhere": (
        CROWDED,
        lambda g: _centres(g, _misplaced_rest),
        "a dendrite's centre does not lie around its own neuron's centre",
    ),
    "a centre far away in a set that is not full": (
        GROUPED,
        lambda g: _centres(g, _far_in_the_last_set),
        "a dendrite's centre does not lie around its own neuron's centre",
    ),
    "a global edge moved outward": (
        GLOBAL,
        lambda g: _rewired(g, SYNAPSES, _move_outward),
        "a receptive field has a hole",
    ),
    "an edge of two streams left out": (
        SHARED,
        lambda g: _rewired(g, "image->hidden/soma", lambda s, t: (s[1:], t[1:])),
        "1 compartments have 4 to 5 synapses, declared 5",
    ),
    "an edge of two streams twice": (
        SHARED,
        lambda g: _rewired(g, "image->hidden/soma", lambda s, t: _doubled(s, t)),
        "a compartment draws a unit twice",
    ),
}


BREAKS |= {
    "a row lost in the shuffle": (
        EXCHANGED,
        lambda g: _refielded(g, SYNAPSES, lambda f: replace(f, drawn_for=np.append(f.drawn_for[:-1], f.drawn_for[0]))),
        "the shuffle loses or repeats the synapses that were drawn for a compartment",
    ),
    "a shuffle of fewer compartments": (
        EXCHANGED,
        lambda g: _refielded(g, SYNAPSES, lambda f: replace(f, drawn_for=f.drawn_for[:-1])),
        "the shuffle loses or repeats the synapses that were drawn for a compartment",
    ),
    "entries of one compartment that part": (
        TOGETHER,
        lambda g: _refielded(g, SYNAPSES + "#2", lambda f: replace(f, drawn_for=np.roll(f.drawn_for, 1))),
        "the shuffle separates synapses that were drawn for one compartment",
    ),
    "another shuffle than that of the centres": (
        EXCHANGED,
        lambda g: _refielded(g, SYNAPSES, lambda f: replace(f, drawn_for=np.roll(f.drawn_for, 1))),
        "the dendrites of one neuron do not share its centre",
    ),
    "shuffled centres without the shuffle": (
        EXCHANGED,
        lambda g: _refielded(g, SYNAPSES, lambda f: replace(f, drawn_for=None)),
        "the dendrites of one neuron do not share its centre",
    ),
    "a shuffled edge moved outward": (
        EXCHANGED,
        lambda g: _rewired(g, SYNAPSES, _move_outward),
        "a receptive field has a hole",
    ),
    "shuffled tiles of another unit": (
        TILES,
        lambda g: _rewired(g, SYNAPSES, _set(0, 60, 70)),
        "the compartments of a neuron do not use the sources equally often",
    ),
    "shuffled tiles without the shuffle": (
        TILES,
        lambda g: _refielded(g, SYNAPSES, lambda f: replace(f, drawn_for=None)),
        "the compartments of a neuron do not use the sources equally often",
    ),
}


def _doubled(source: NDArray, target: NDArray) -> None:
    """A compartment that draws at least two units of the stream draws the first of them twice."""
    row = next(row for row in range(len(target) - 1) if target[row] == target[row + 1])
    source[row + 1] = source[row]


@pytest.mark.parametrize("name", BREAKS)
@for_each("block", [1, 7, wiring.BLOCK])
def test_every_break_is_found_and_named(name: str, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether all is looked at together or block by block: a break between two blocks is none too few."""
    monkeypatch.setattr(wiring, "BLOCK", block)
    good, broken, said = BREAKS[name]
    assert check_wiring(good)
    with pytest.raises(WiringError) as found:
        check_wiring(broken(good))
    message = str(found.value)
    assert message.startswith("Internal error: the wiring does not match the morphology.\n  ")
    assert said in message
    assert "hidden/" in message or "readout" in message, "the place is named"
    assert check_wiring(good), "the good twin is as it was"


def test_every_fault_is_told_at_once() -> None:
    broken = _rewired(_rewired(TREE, "hidden/basal->hidden/soma", _set(1, 0, 4)), "image->hidden/basal", _put_away)
    with pytest.raises(WiringError) as found:
        check_wiring(broken)
    assert len(str(found.value).splitlines()) == 3


@pytest.mark.slow
def test_any_single_change_of_an_edge_is_found_unless_it_is_as_good() -> None:
    """One edge of a random graph gets another end. What passes is what the rules allow, and only that."""
    found = Counter(_change_one_edge(seed) for seed in range(200))
    assert found["as good"] > 20 and found["wrong"] > 60


def _change_one_edge(seed: int) -> str:
    rng = np.random.default_rng(seed)
    graph = random_case(seed % 40).compile(seed)
    sampled = [p for p in graph.projections if p.pairs is not None and p.edges and max(p.sources, p.targets) > 1]
    if not sampled:
        return "nothing to change"
    projection = sampled[int(rng.integers(len(sampled)))]
    row, column = int(rng.integers(projection.edges)), int(rng.integers(2))
    if (projection.sources, projection.targets)[column] == 1:
        column = 1 - column
    old = int(projection.endpoints()[column][row])
    others = [end for end in range((projection.sources, projection.targets)[column]) if end != old]
    broken = _rewired(graph, projection.name, _set(column, row, others[int(rng.integers(len(others)))]))
    field = projection.field
    moved = next(p for p in broken.projections if p.name == projection.name)
    pairs = list(zip(*(ends.tolist() for ends in moved.endpoints()), strict=True))
    distinct = field is None or not field.distinct or len(set(pairs)) == len(pairs)
    if field is None:
        as_good = False  # a cable
    elif field.rule in ("local", "global"):
        as_good = column == 0 and distinct and field.channels == 1 and _fields_are_whole(moved)
    elif field.rule == "tiled":
        as_good = column == 0 and distinct and _tiles_are_even(broken, field)
    else:
        as_good = distinct and (column == 0 or field.rule == "pooled")
    if as_good:
        check_wiring(broken)
    else:
        with pytest.raises(WiringError):
            check_wiring(broken)
    return "as good" if as_good else "wrong"


def _fields_are_whole(moved: Projection) -> bool:
    """Whether each field is still its centre and whole rings, by a slow and simple way (see test_wiring.py)."""
    field = moved.field
    assert field is not None and field.centres is not None
    source, target = moved.endpoints()
    return all(
        is_field(field.grid, int(centre), source[target == number].tolist(), field.positions)
        for number, centre in enumerate(field.centres)
    )


def _tiles_are_even(graph: Graph, field: ReceptiveField) -> bool:
    """Whether all neurons use every source equally often, up to one, by a slow and simple way."""
    parts = [projection for projection in graph.projections if projection.field is field]
    used = [Counter[tuple[str, int]]() for _ in range(parts[0].targets // field.members)]
    for part in parts:
        for source, target in zip(*(ends.tolist() for ends in part.endpoints()), strict=True):
            used[target // field.members][part.source, source] += 1
    times = [used[0][part.source, source] for part in parts for source in range(part.sources)]
    return all(one == used[0] for one in used) and max(times) - min(times) <= 1


@pytest.mark.parametrize("case", [*CORNERS, *COVERING], ids=str)
def test_what_is_compiled_passes(case: Any) -> None:
    graph = case.compile()
    summary = check_wiring(graph)
    sampled = {projection.target for projection in graph.projections if projection.field is not None}
    assert {line.split(":")[0] for line in summary} >= sampled


def test_compile_verifies(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rule that breaks its promise is caught before a graph leaves the compiler."""
    monkeypatch.setattr(wiring, "sample", lambda sources, targets, count, rng, replace: np.zeros((targets, count), int))
    with pytest.raises(WiringError, match="draws a unit twice"):
        _with_field("random")
    monkeypatch.undo()
    monkeypatch.setattr(
        wiring, "gather_centres", lambda grid, around, targets, rng: np.zeros(len(around) * targets, int)
    )
    with pytest.raises(WiringError, match="around its own neuron's centre"):
        _with_field("global")
    monkeypatch.undo()
    assert compiler_module.check_wiring is check_wiring
    assert _with_field("global")


def test_the_summary_names_each_field() -> None:
    assert check_wiring(RANDOM) == ("hidden/d: exactly 6 synapses a compartment from image (random)",)
    assert check_wiring(LOCAL) == ("hidden/d: exactly 6 synapses a compartment from image (local)",)
    assert check_wiring(GLOBAL) == (
        "hidden/d: exactly 6 synapses a compartment from image (global, centres around their own neuron's)",
    )
    (summary,) = check_wiring(POOLED)
    assert summary.startswith("hidden/d: ") and summary.endswith(
        "6.0 on average synapses a compartment from image (pooled)"
    )
    (summary,) = check_wiring(EXCHANGED)
    assert summary.endswith("from image (global, centres around their own neuron's, then shuffled)")
    assert check_wiring(TOGETHER)[1].endswith(" on average synapses a compartment from image (pooled, shuffled)")
    assert check_wiring(RGB) == ("hidden/soma: exactly 15 synapses a compartment from image (local)",)
    assert check_wiring(SHARED) == ("hidden/soma: exactly 5 synapses a compartment from image, sound (random)",)
    silent = _graph({"synapses": {"count": 0}})
    assert check_wiring(silent)[-1] == "hidden/soma: 5 of 5 compartments are silent, as declared"
