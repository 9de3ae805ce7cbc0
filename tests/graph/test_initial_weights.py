"""How weights start: the bounds that each rule states, uniformly filled, from NumPy's generator alone."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.stats import kstest

from dendrograph import DendriticNetwork, Graph, Morphology, compile, load
from dendrograph.graph import wiring
from dendrograph.graph.graph import Projection
from dendrograph.graph.initial_weights import initial_weights
from dendrograph.graph.wiring import stream
from dendrograph.morphology.weights import Init


def _projection(init: Init, sources: int = 60, targets: int = 80, fan_in: int | None = 25) -> Projection:
    pairs = None
    if fan_in is not None:
        rng = np.random.default_rng(0)
        drawn = np.sort(np.stack([rng.permutation(sources)[:fan_in] for _ in range(targets)]), axis=1)
        pairs = (drawn.ravel(), np.repeat(np.arange(targets), fan_in))
    return Projection("here->there", "synapse", "here", "there", sources, targets, init, pairs)


def _uneven(init: Init) -> Projection:
    """Fans that differ from edge to edge: target t has t + 1 synapses, the first sources feed more than the last."""
    source, target = (np.array(ends) for ends in zip(*((s, t) for t in range(40) for s in range(t + 1)), strict=True))
    return Projection("here->there", "synapse", "here", "there", 40, 40, init, (source, target))


def _bounds(projection: Projection, init: str) -> NDArray:
    """sqrt(6 / fans), edge by edge."""
    source, target = projection.endpoints()
    bounds = []
    for s, t in zip(source, target, strict=True):
        fan_in, fan_out = int((target == t).sum()), int((source == s).sum())
        fans = {
            "glorot": fan_in + fan_out,
            "glorot_dense": projection.sources + projection.targets,
            "he": fan_in,
        }[init]
        bounds.append((6 / fans) ** 0.5)
    return np.array(bounds)


@pytest.mark.parametrize("init", ["glorot", "glorot_dense", "he"])
@pytest.mark.parametrize("wiring", ["sampled", "all-to-all", "uneven"])
def test_weights_fill_the_bounds_that_the_rule_states(init: str, wiring: str) -> None:
    projection = {
        "sampled": _projection(Init(init)),
        "all-to-all": _projection(Init(init), fan_in=None),
        "uneven": _uneven(Init(init)),
    }[wiring]
    bounds = _bounds(projection, init)
    many = np.stack([initial_weights(projection, seed, 0) / bounds for seed in range(20)])
    assert many.shape == (20, projection.edges)
    assert (np.abs(many) <= 1).all() and np.abs(many).max() > 0.999
    # In units of its own bound every weight is uniform in ±1; the Kolmogorov-Smirnov test would see a wrong bound,
    # a normal distribution, or a sign that is preferred.
    assert kstest(many.ravel(), "uniform", args=(-1, 2)).pvalue > 0.01
    assert abs(many.mean()) < 0.01 and many.var() == pytest.approx(1 / 3, rel=0.02)
    if wiring == "uneven" and init != "glorot_dense":
        assert len(np.unique(bounds.round(12))) > 5


def test_dense_fans_start_smaller_where_wiring_is_sparse() -> None:
    """The paper's runs initialise the dense matrix and then mask it: 784 inputs of which a dendrite has 16."""
    graph = compile(load("dann-lrf"), (28, 28))
    synapses = next(projection for projection in graph.projections if projection.source == "image")
    assert synapses.init == Init("glorot_dense")
    bound = (6 / (784 + 8 * 64)) ** 0.5
    weights = initial_weights(synapses, 0, 0)
    assert 0.99 * bound < np.abs(weights).max() <= bound
    own_fans = np.abs(initial_weights(Projection(**{**vars(synapses), "init": Init("glorot")}), 0, 0))
    assert own_fans.max() > 3 * bound
    cables = next(projection for projection in graph.projections if projection.kind == "cable")
    bound = (6 / (8 * 64 + 64)) ** 0.5
    assert 0.9 * bound < np.abs(initial_weights(cables, 0, 1)).max() <= bound


def test_all_to_all_is_dense_whichever_way_it_is_said() -> None:
    one, other = (_projection(Init(init), fan_in=None) for init in ("glorot", "glorot_dense"))
    assert np.array_equal(initial_weights(one, 3, 0), initial_weights(other, 3, 0))


@pytest.mark.parametrize("value", [0.0, -0.25, 3.0])
def test_constant_is_the_value(value: float) -> None:
    for projection in (_projection(Init("constant", value)), _projection(Init("constant", value), fan_in=None)):
        weights = initial_weights(projection, 0, 0)
        assert weights.shape == (projection.edges,) and (weights == value).all()


@pytest.mark.parametrize("init", ["glorot", "glorot_dense", "he"])
def test_a_seed_and_a_place_give_weights_of_their_own(init: str) -> None:
    projection = _projection(Init(init))
    one = initial_weights(projection, 7, 3)
    assert np.array_equal(one, initial_weights(projection, 7, 3))
    others = [initial_weights(projection, seed, number) for seed, number in ((8, 3), (7, 4), (7, 0), (2**32 + 7, 3))]
    for other in others:
        assert not np.array_equal(one, other)
        assert abs(np.corrcoef(one, other)[0, 1]) < 0.1, "and nothing to do with each other"


def test_no_edges_have_no_weights() -> None:
    for init in (Init("glorot"), Init("glorot_dense"), Init("he"), Init("constant", 1.0)):
        empty = Projection("a->b", "synapse", "a", "b", 3, 2, init, (np.zeros(0, np.int64), np.zeros(0, np.int64)))
        assert initial_weights(empty, 0, 0).shape == (0,)


@pytest.mark.parametrize("init", ["glorot", "glorot_dense", "he"])
@pytest.mark.parametrize("block", [1, 7, 64])
def test_blocks_change_no_bit(init: str, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    projections = (_uneven(Init(init)), _projection(Init(init), fan_in=None))
    whole = [initial_weights(projection, 3, 1) for projection in projections]
    monkeypatch.setattr(wiring, "BLOCK", block)
    for projection, weights in zip(projections, whole, strict=True):
        assert np.array_equal(weights, initial_weights(projection, 3, 1))


@pytest.mark.parametrize(("init", "fan_in"), [("glorot", 25), ("glorot_dense", 25), ("he", 25), ("he", None)])
def test_weights_are_drawn_in_float64_and_rounded_once(init: str, fan_in: int | None) -> None:
    projection = _projection(Init(init), fan_in=fan_in)
    drawn = stream(5, 2, 3).uniform(-1.0, 1.0, size=projection.edges) * _bounds(projection, init)
    weights = initial_weights(projection, 5, 3)
    assert weights.dtype == np.float32 and np.array_equal(weights, drawn.astype(np.float32))


def test_weights_are_those_that_earlier_versions_gave() -> None:
    """A run is repeated from its seed; should these change, the records of all earlier runs no longer hold."""
    for model, digest in {"dann-lrf": "639ee39aa026245e", "sann-grf": "799dc25eacf98736"}.items():
        knobs = {"somata": 33} | ({"dendrites": 5} if model.startswith("dann") else {})
        graph = compile(load(model, knobs), (28, 28), seed=7)
        weights = [initial_weights(projection, 7, number) for number, projection in enumerate(graph.projections)]
        assert hashlib.sha256(np.concatenate(weights).astype("<f4").tobytes()).hexdigest()[:16] == digest


def _declared() -> Graph:
    neuron = {
        "synapses": {"count": 2, "init": "he"},
        "dendrites": [
            {"name": "a", "count": 2, "cable": {"init": {"name": "constant", "value": 0.5}}, "synapses": {"count": 3}},
            {"name": "b", "synapses": {"field": "all", "init": {"name": "constant", "value": 2}}},
        ],
    }
    layers = [{"name": "hidden", "neuron": "cell", "count": 4}]
    readout = {"init": {"name": "constant", "value": -1}}
    declared = {"name": "test", "neurons": {"cell": neuron}, "layers": layers, "readout": readout}
    return compile(Morphology.from_dict(declared), (4, 4), seed=6)


def test_a_network_starts_as_its_morphology_declares() -> None:
    graph = _declared()
    network = DendriticNetwork(graph)
    assert {projection.name: projection.init.name for projection in graph.projections} == {
        "image->hidden/a": "glorot",
        "image->hidden/b": "constant",
        "image->hidden/soma": "he",
        "hidden/a->hidden/soma": "constant",
        "hidden/b->hidden/soma": "glorot",
        "hidden/soma->readout": "constant",
    }
    assert (network.weights["hidden/a->hidden/soma"] == 0.5).all()
    assert (network.weights["image->hidden/b"] == 2).all()
    assert (network.weights["hidden/soma->readout"] == -1).all()
    for number, projection in enumerate(graph.projections):
        expected = torch.from_numpy(initial_weights(projection, 6, number)).float()
        assert torch.equal(network.weights[projection.name], expected)
    assert network.weights["image->hidden/a"].dtype == torch.float32


def test_the_global_generators_are_left_alone() -> None:
    """Neither read nor moved: what else a program draws has no say in the weights, and they none in it."""
    graph = _declared()
    torch.manual_seed(1)
    before, network = torch.get_rng_state(), DendriticNetwork(graph)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    other = DendriticNetwork(graph)
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), other.parameters(), strict=True))
