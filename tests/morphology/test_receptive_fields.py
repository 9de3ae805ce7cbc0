"""Fields that users register: what they are asked, and that what they draw is what is wired."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from dendrograph import DendriticNetwork, Graph, Morphology, compile, register_field
from dendrograph.base.errors import MorphologyError
from dendrograph.graph.check_wiring import check_wiring
from dendrograph.morphology.receptive_fields import BUILT_IN, Request, known

pytestmark = pytest.mark.usefixtures("registries")


@pytest.fixture
def asked() -> list[Request]:
    """Two fields, `column` of positions and `comb` of units, and what they are asked."""
    found: list[Request] = []

    @register_field("column", positions=True)
    def column(request: Request) -> NDArray[np.int64]:
        """Positions of one column of the grid, which is drawn for each compartment."""
        found.append(request)
        height, width = request.grid
        columns = request.rng.integers(0, width, size=request.compartments)
        rows = request.rng.permuted(np.tile(np.arange(height), (request.compartments, 1)), axis=1)
        return rows[:, : request.count] * width + columns[:, None]

    @register_field("comb")
    def comb(request: Request) -> NDArray[np.int64]:
        """Every second unit, from a place of each compartment's own."""
        found.append(request)
        first = np.arange(request.compartments)[:, None]
        return (first + 2 * np.arange(request.count)) % request.sources

    return found


def morphology(*synapses: dict[str, Any], streams: dict[str, Any] | None = None, **more: Any) -> Morphology:
    return Morphology.from_dict(
        {
            "name": "it",
            **({"inputs": streams} if streams else {}),
            "neurons": {"n": {"dendrites": [{"name": "d", "count": 3, "synapses": list(synapses)}]}},
            "layers": [{"name": "h", "neuron": "n", "count": 4}],
            **more,
        }
    )


def sources(graph: Graph, number: int = 0) -> NDArray[np.int64]:
    """Sources of the synapses of a projection onto the dendrites, a row each."""
    projection = graph.onto("h/d")[number]
    return projection.endpoints()[0].reshape(projection.targets, -1)


def test_what_it_is_asked(asked: list[Request]) -> None:
    graph = compile(morphology({"count": 2, "field": "column"}), (5, 6), 2)
    request = asked[0]
    assert (request.count, request.neurons, request.per_neuron, request.compartments) == (2, 4, 3, 12)
    assert (request.sources, request.grid, request.channels) == (30, (5, 6), 1)
    assert (sources(graph) % 6 == sources(graph)[:, :1] % 6).all(), "one column each"
    assert len(np.unique(sources(graph)[:, 0] % 6)) > 1


def test_positions_bring_their_channels(asked: list[Request]) -> None:
    graph = compile(morphology({"count": 2, "field": "column"}), (4, 6, 3), 2)
    assert (asked[0].sources, asked[0].grid, asked[0].channels) == (24, (4, 6), 3)
    found = sources(graph).reshape(12, 2, 3)
    assert (found - found[:, :, :1] == [0, 1, 2]).all() and (found[:, :, 0] % 3 == 0).all()
    assert graph.onto("h/d")[0].fan_in().tolist() == [6] * 12


def test_units_do_not(asked: list[Request]) -> None:
    graph = compile(morphology({"count": 5, "field": "comb"}), (2, 3, 3), 2)
    assert (asked[0].sources, asked[0].grid, asked[0].channels) == (18, (2, 3), 3)
    assert sources(graph)[0].tolist() == [0, 2, 4, 6, 8] and sources(graph)[11].tolist() == [1, 11, 13, 15, 17]


def test_several_sources_are_numbered_one_after_the_other(asked: list[Request]) -> None:
    several = {"count": 3, "field": "comb", "from": ["left", "right"]}
    graph = compile(morphology(several, streams={"left": 5, "right": 7}), None, 2)
    assert asked[0].sources == 12
    pairs = [projection.endpoints() for projection in graph.onto("h/d")]
    found = sorted((t, s + 5 * n) for n, (ss, ts) in enumerate(pairs) for s, t in zip(ss, ts, strict=True))
    assert found == sorted((c, (c + 2 * k) % 12) for c in range(12) for k in range(3))
    with pytest.raises(MorphologyError, match="field 'column' lies on one grid, but there are 2 sources"):
        compile(morphology({**several, "field": "column"}, streams={"left": 5, "right": 7}), None, 2)


def test_a_layer_is_a_nearly_square_grid(asked: list[Request]) -> None:
    two = {"layers": [{"neuron": "n", "count": 6}, {"name": "h", "neuron": "n", "count": 4}]}
    compile(morphology({"count": 2, "field": "column"}, **two), (4, 4), 2)
    assert [(r.grid, r.sources) for r in asked[::2]] == [((4, 4), 16), ((2, 3), 6)]  # each is asked twice


def test_more_than_there_are(asked: list[Request]) -> None:
    with pytest.raises(MorphologyError, match="31 positions asked for in layer 'h', but 'image' has 30\n  at most 30"):
        compile(morphology({"count": 31, "field": "column"}), (5, 6), 2)
    with pytest.raises(MorphologyError, match=r"31 synapses a compartment asked for.*has 30 units\n  at most 30$"):
        compile(morphology({"count": 31, "field": "comb"}), (5, 6), 2)
    assert not asked


def test_the_seed_decides(asked: list[Request]) -> None:
    tree = morphology({"count": 2, "field": "column"})
    one, same, other = (compile(tree, (5, 6), 2, seed) for seed in (1, 1, 2))
    assert one.connectivity_hash == same.connectivity_hash != other.connectivity_hash


def test_what_is_drawn_elsewhere_does_not_move_it(asked: list[Request]) -> None:
    alone = compile(morphology({"count": 2, "field": "column"}), (5, 6), 2)
    beside = compile(morphology({"count": 2, "field": "column"}, {"count": 9, "field": "random"}), (5, 6), 2)
    after = compile(morphology({"count": 9}, {"count": 2, "field": "column"}), (5, 6), 2)
    assert (sources(alone) == sources(beside)).all()
    again = compile(morphology({"count": 9}), (5, 6), 2)
    assert (sources(again) == sources(after)).all()


def test_it_is_told_and_verified_and_runs(asked: list[Request]) -> None:
    graph = compile(morphology({"count": 2, "field": "column", "sign": "excitatory"}), (5, 6), 2)
    assert check_wiring(graph)[0] == "h/d: exactly 2 synapses a compartment from image (column)"
    x = torch.rand(3, 5, 6, dtype=torch.float64)
    answers = [DendriticNetwork(graph, kernel).double()(x) for kernel in ("auto", "reference", "scatter")]
    for answer in answers[1:]:
        torch.testing.assert_close(answers[0], answer, rtol=0, atol=1e-12)


def test_keys_that_belong_to_other_fields(asked: list[Request]) -> None:
    with pytest.raises(MorphologyError) as error:
        morphology({"count": 2, "field": "column", "replace": True, "group": 2})
    assert [fault.problem for fault in error.value.faults] == [
        "'replace' does not go with field 'column'",
        "'group' does not go with field 'column'",
    ]


def test_the_nearest_name_may_be_one_of_them(asked: list[Request]) -> None:
    assert known() == (*BUILT_IN, "column", "comb")
    with pytest.raises(MorphologyError) as error:
        morphology({"count": 2, "field": "colum"})
    assert error.value.faults[0].problem == "unknown field 'colum'"
    assert error.value.faults[0].remedy == (
        "did you mean 'column'? known: all, column, comb, global, local, pooled, random, tiled"
    )


def test_it_round_trips(asked: list[Request]) -> None:
    tree = morphology({"count": 2, "field": "column"}, {"count": 1, "field": "comb"})
    assert Morphology.from_dict(tree.to_dict()) == tree
