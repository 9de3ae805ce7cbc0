"""One neuron of a layer: its part of the wiring, and the names of its compartments."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from dendrograph import DendriticNetwork, DendrographError, Graph, Morphology, compile
from dendrograph.network.single_neuron import DIFFERENT, SAME, SINGLE, Locations, alone, cut_out, layer_of

FOUR = {"count": 4, "from": "image"}
TREE = {
    "dendrites": [
        {"name": "basal", "count": 4, "synapses": FOUR},
        {"name": "apical", "count": 2, "dendrites": [{"name": "tuft", "count": 3, "synapses": FOUR}]},
        {"name": "axonal", "synapses": FOUR},
    ]
}


@pytest.fixture(scope="module")
def graph() -> Graph:
    layers = [{"name": "hidden", "neuron": "cell", "count": 3}]
    return compile(
        Morphology.from_dict({"name": "one", "inputs": {"image": [4, 4]}, "neurons": {"cell": TREE}, "layers": layers})
    )


def test_a_neuron_keeps_the_synapses_that_it_has_in_its_layer(graph: Graph) -> None:
    for index in range(3):
        single = cut_out(graph, "hidden", index)
        for projection in single.projections:
            (whole,) = (found for found in graph.projections if found.name == projection.name)
            source, target = (column.reshape(3, -1)[index] for column in whole.endpoints())
            own = projection.sources * index if projection.kind == "cable" else 0
            assert np.array_equal(projection.endpoints(), (source - own, target - projection.targets * index))


def test_a_neuron_alone_has_its_weights_and_its_activity(graph: Graph) -> None:
    network = DendriticNetwork(graph).double().eval()
    x = torch.rand(5, 4, 4, dtype=torch.float64)
    somata = network.activations(x)["hidden/soma"]
    for index in range(3):
        torch.testing.assert_close(alone(network, "hidden", index)(x)[:, 0], somata[:, index])


def test_a_layer_is_found_by_its_name_or_its_neuron(graph: Graph) -> None:
    assert layer_of(graph) == layer_of(graph, "hidden") == layer_of(graph, neuron="cell") == "hidden"
    with pytest.raises(DendrographError, match="no layer 'hiden'\n  did you mean 'hidden'"):
        layer_of(graph, "hiden")
    with pytest.raises(DendrographError, match="no neuron 3 in layer 'hidden'"):
        cut_out(graph, "hidden", 3)


def test_names_of_compartments(graph: Graph) -> None:
    locations = Locations.of(cut_out(graph, "hidden"), "hidden")
    assert dict(locations.sizes) == {"soma": 1, "basal": 4, "apical": 2, "axonal": 1, "apical/tuft": 6}
    for text in ("soma", "axonal", "basal[3]", "apical/tuft[5]"):
        assert str(locations.read(text)) == text
    assert str(locations.read(" soma[0] ")) == "soma"
    assert list(map(str, locations.read_stimulus("basal[0] + apical/tuft[ 1 ]"))) == ["basal[0]", "apical/tuft[1]"]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("basal[1]", SINGLE),
        ("basal[1]+basal[1]", SAME),
        ("basal[1]+basal[2]", DIFFERENT),
        ("apical/tuft[0]+apical/tuft[2]", SAME),
        ("apical/tuft[2]+apical/tuft[3]", DIFFERENT),
        ("apical[1]+apical/tuft[3]", SAME),
    ],
)
def test_a_branch_is_a_dendrite_of_the_soma_with_all_that_grows_from_it(graph: Graph, text: str, kind: str) -> None:
    locations = Locations.of(cut_out(graph, "hidden"), "hidden")
    assert locations.kind(locations.read_stimulus(text)) == kind
