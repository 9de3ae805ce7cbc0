"""Parameters that are not trained: declared by `trainable: false`, or frozen in Python; through all that trains."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from small import digits, read_record, write_record

from dendrograph import DendriticNetwork, Graph, Morphology, Run, TrainConfig, compile, datasets, train
from dendrograph.base.errors import MorphologyError, RunError, TrainingError
from dendrograph.base.progress import Silent
from dendrograph.cli.main import main
from dendrograph.comparison.compare import compare
from dendrograph.data.tasks import Tasks
from dendrograph.experiments.controls.controls import survey
from dendrograph.morphology.json_schema import schema
from dendrograph.training import checkpoint

TREE: Mapping[str, Any] = {
    "name": "frozen",
    "neurons": {
        "cell": {
            "dendrites": [
                {
                    "name": "basal",
                    "count": 2,
                    "nonlinearity": {"name": "nmda", "gain": {"trainable": "compartment"}},
                    "synapses": {"count": 6},
                },
                {"name": "apical", "count": 2, "synapses": {"count": 6, "sign": "excitatory"}},
            ],
        }
    },
    "layers": [{"name": "hidden", "neuron": "cell", "count": 8}],
}
BASAL = "image->hidden/basal"
ALL_OF_BASAL = {
    f"weights.{BASAL}",
    "weights.hidden/basal->hidden/soma",
    "biases.hidden/basal",
    "excitability.hidden/basal:gain",
}
OF_THE_READOUT = {"weights.hidden/soma->readout", "biases.readout"}


def tree(**paths: Any) -> dict[str, Any]:
    """The tree with some keys set: `tree(basal={"trainable": False})`."""
    made = copy.deepcopy(dict(TREE))
    cell = made["neurons"]["cell"]
    places = {"basal": cell["dendrites"][0], "soma": cell, "layer": made["layers"][0], "file": made}
    for place, keys in paths.items():
        places[place].update(keys)
    return made


def network_of(made: Mapping[str, Any], seed: int = 0) -> DendriticNetwork:
    return DendriticNetwork(compile(Morphology.from_dict(made), (8, 8), 10, seed))


def frozen_of(network: DendriticNetwork) -> set[str]:
    return {name for name, parameter in network.named_parameters() if not parameter.requires_grad}


def state_of(network: DendriticNetwork) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in network.state_dict().items()}


DECLARED = [
    ({"basal": {"synapses": {"count": 6, "trainable": False}}}, {f"weights.{BASAL}"}),
    ({"basal": {"cable": {"trainable": False}}}, {"weights.hidden/basal->hidden/soma"}),
    ({"basal": {"bias": {"trainable": False}}}, {"biases.hidden/basal"}),
    ({"basal": {"trainable": False}}, ALL_OF_BASAL),
    ({"soma": {"trainable": False}}, {"biases.hidden/soma"}),
    ({"file": {"readout": {"trainable": False}}}, OF_THE_READOUT),
    ({"file": {"readout": {"bias": {"trainable": False}}}}, {"biases.readout"}),
    ({"layer": {"trainable": False}}, None),
    ({"file": {"defaults": {"trainable": False}}}, None),
    ({"file": {"defaults": {"synapses": {"trainable": False}}}}, {f"weights.{BASAL}", "weights.image->hidden/apical"}),
    (
        {"file": {"defaults": {"bias": {"trainable": False}}}},
        {f"biases.hidden/{of}" for of in ("basal", "apical", "soma")},
    ),
]


@pytest.mark.parametrize(("keys", "expected"), DECLARED, ids=[str(keys) for keys, _ in DECLARED])
def test_what_is_declared_not_to_be_trained_stays_bit_for_bit(
    keys: dict[str, Any], expected: set[str] | None, tmp_path: Path
) -> None:
    network = network_of(tree(**keys))
    if expected is None:  # all but the readout
        expected = {name for name, _ in network.named_parameters()} - OF_THE_READOUT
    assert frozen_of(network) == expected == set(network.graph.frozen)
    trained = {name: parameter.numel() for name, parameter in network.named_parameters() if parameter.requires_grad}
    assert network.graph.trainable_parameters == sum(trained.values())
    assert network.graph.parameters == network_of(TREE).graph.parameters
    before = state_of(network)
    config = TrainConfig(epochs=1, optimizer="adamw", lr=0.01)
    run = train(network, digits(), config, tmp_path / "run", progress=False)
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name]) == (name in expected), name
    assert "frozen" not in run.record["network"], "the morphology says it already"
    assert run.record["reach"]["trainable_parameters"] == sum(trained.values())
    assert frozen_of(run.network()) == expected
    text = (run.folder / "morphology.yaml").read_text()
    assert "trainable: false" in text and Morphology.from_dict(tree(**keys)) == run.morphology


def test_nothing_new_is_written_of_what_is_trained() -> None:
    morphology = Morphology.from_dict(tree())
    assert "trainable: true" not in morphology.to_yaml() and "trainable: false" not in morphology.to_yaml()
    assert not network_of(TREE).graph.frozen


@pytest.mark.parametrize(
    ("part", "path"),
    [
        ({"synapses": {"count": 6, "trainable": True}}, "synapses.trainable"),
        ({"synapses": [{"count": 6, "trainable": True}]}, "synapses[0].trainable"),
        ({"cable": {"trainable": True}}, "cable.trainable"),
        ({"bias": {"trainable": True}}, "bias.trainable"),
    ],
)
def test_a_part_that_is_learnt_of_a_compartment_that_is_not_is_refused(part: dict[str, Any], path: str) -> None:
    with pytest.raises(MorphologyError) as error:
        Morphology.from_dict(tree(basal={"trainable": False, **part}))
    assert f"neurons.cell.dendrites[0].{path}" in str(error.value)
    assert "'trainable: true' contradicts the compartment, which has 'trainable: false'" in str(error.value)


@pytest.mark.parametrize(
    "keys",
    [
        {"basal": {"trainable": 0}},
        {"basal": {"trainable": "no"}},
        {"basal": {"bias": "fixed"}},
        {"basal": {"bias": {}}},
        {"basal": {"bias": {"trainable": None}}},
        {"basal": {"bias": {"value": 1}}},
        {"basal": {"synapses": {"count": 6, "trainable": "group"}}},
        {"layer": {"trainable": 1}},
        {"file": {"readout": {"trainable": "x"}}},
    ],
    ids=str,
)
def test_another_word_for_trainable_is_refused(keys: dict[str, Any]) -> None:
    with pytest.raises(MorphologyError, match=r"expected|missing|unknown"):
        Morphology.from_dict(tree(**keys))


def test_the_schema_takes_what_the_language_takes() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    for keys, _ in DECLARED:
        jsonschema.validate(tree(**keys), schema())


def test_python_and_file_say_the_same() -> None:
    from dendrograph.morphology.layers import Layer
    from dendrograph.morphology.morphology import Readout
    from dendrograph.morphology.neuron import Compartment
    from dendrograph.morphology.synapses import Synapses

    cell = Compartment(trainable=False, bias_trainable=False, synapses=(Synapses(4, trainable=False),))
    layers = (Layer("hidden", "cell", 3, trainable=False),)
    built = Morphology("built", {"cell": cell}, layers, readout=Readout(bias_trainable=False, trainable=False))
    assert Morphology.from_dict(built.to_dict()) == built
    assert len(compile(built, (8, 8), 10).frozen) == 4


def test_show_tells_what_is_frozen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "frozen.yaml"
    path.write_text(Morphology.from_dict(tree(basal={"trainable": False})).to_yaml())
    assert _exit_code("show", path) == 0
    shown = capsys.readouterr().out
    graph = network_of(tree(basal={"trainable": False})).graph
    assert f"trainable     {graph.trainable_parameters:,} of them" in shown
    lines = {line.split()[0]: line for line in shown.splitlines() if line}
    assert lines["hidden/basal"].endswith("16, fixed") and "(fixed, one a compartment)" in lines["hidden/basal"]
    assert lines[BASAL].endswith(", fixed") and not lines["image->hidden/apical"].endswith("fixed")


# -- frozen in Python --------------------------------------------------------------------------------------------------


def _exit_code(*words: object) -> object:
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    return ended.value.code


def by_hand(seed: int = 0) -> DendriticNetwork:
    network = network_of(TREE, seed)
    network.weights[BASAL].requires_grad_(False)
    return network


def test_what_is_frozen_in_python_is_in_the_record_and_in_the_identity(tmp_path: Path) -> None:
    config = TrainConfig(epochs=2)
    free = train(network_of(TREE), digits(), config, tmp_path / "free", progress=False)
    run = train(by_hand(), digits(), config, tmp_path / "frozen", progress=False)
    assert run.record["network"]["frozen"] == [f"weights.{BASAL}"]
    assert "frozen" not in free.record["network"] and free.identity != run.identity
    assert run.record["reach"]["trainable_parameters"] < free.record["reach"]["trainable_parameters"]
    assert frozen_of(run.network()) == {f"weights.{BASAL}"} and not frozen_of(free.network())
    assert len(compare([free.folder, run.folder]).conditions) == 2


def test_a_run_goes_on_with_what_it_trains_alone(tmp_path: Path) -> None:
    config = TrainConfig(epochs=1)
    for kept, other, said in ((by_hand, network_of, "does not train"), (network_of, by_hand, "trains")):
        folder = tmp_path / said.replace(" ", "-")
        train(kept(TREE) if kept is network_of else by_hand(), digits(), config, folder, progress=False)
        network = other(TREE) if other is network_of else by_hand()
        with pytest.raises(RunError) as error:
            train(network, digits(), config, folder, resume=True, progress=False)
        assert f"frozen: the run {said} weights.{BASAL}" in str(error.value)
        assert "network.freeze(**run.frozen)" in str(error.value)
        train(network.freeze(**Run.open(folder).frozen), digits(), config, folder, resume=True, progress=False)


def test_a_run_goes_on_from_its_folder_with_what_was_frozen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = datasets.load("digits")
    whole = train(by_hand(), data, TrainConfig(epochs=2), tmp_path / "whole", progress=False)
    stopped = tmp_path / "stopped"
    with monkeypatch.context() as patch:
        patch.setattr("dendrograph.training.train.reporter", lambda _: _Stopping())
        with pytest.raises(KeyboardInterrupt):
            train(by_hand(), data, TrainConfig(epochs=2), stopped)
    assert _exit_code("train", stopped, "--resume") == 0
    found = Run.open(stopped)
    assert found.identity == whole.identity and found.weights == whole.weights


class _Stopping(Silent):
    def epoch(self, row: Mapping[str, float]) -> None:
        raise KeyboardInterrupt


def test_a_frozen_cable_may_be_trained_by_hand(tmp_path: Path) -> None:
    network = network_of(tree(basal={"cable": {"trainable": False}}))
    network.requires_grad_(True)
    run = train(network, digits(), TrainConfig(epochs=1), tmp_path / "run", progress=False)
    assert run.record["network"]["unfrozen"] == ["weights.hidden/basal->hidden/soma"]
    assert not frozen_of(run.network())


def test_runs_of_before_that_do_not_say_what_was_frozen(tmp_path: Path) -> None:
    """Their checkpoint shows how many numbers were trained."""
    train(by_hand(), digits(), TrainConfig(epochs=1), tmp_path / "run", progress=False)
    record = read_record(tmp_path / "run" / "run.json")
    del record["reach"], record["network"]["frozen"]
    old = shutil.copytree(tmp_path / "run", tmp_path / "old")
    write_record(old / "run.json", record)
    state = torch.load(old / "checkpoint.pt", weights_only=True)
    del state["sha256"]  # older checkpoints have none
    state |= {"run": Run.open(old).identity, "checkpoint_format": checkpoint.UNSEALED}
    torch.save(state, old / "checkpoint.pt")
    (old / "metrics.json").unlink()
    network = network_of(TREE)
    with pytest.raises(RunError, match=r"the run trains [\d,]+ numbers, and this network [\d,]+"):
        train(network, digits(), TrainConfig(epochs=1), old, resume=True, progress=False)
    train(by_hand(), digits(), TrainConfig(epochs=1), old, resume=True, progress=False)


def test_nothing_left_to_train_is_told(tmp_path: Path) -> None:
    network = network_of(TREE).requires_grad_(False)
    with pytest.raises(TrainingError, match="nothing to train: all parameters are frozen"):
        train(network, digits(), TrainConfig(epochs=1), tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()
    with pytest.raises(ValueError, match="there is no parameter"):
        network.freeze(["weights.x"])


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "rmsprop", "sgd"])
def test_no_optimizer_moves_what_is_frozen(optimizer: str, tmp_path: Path) -> None:
    network = by_hand()
    before = state_of(network)
    config = TrainConfig(epochs=1, optimizer=optimizer, lr=0.01)
    train(network, digits(), config, tmp_path / "run", progress=False)
    assert torch.equal(network.weights[BASAL], before[f"weights.{BASAL}"])
    assert not torch.equal(network.biases["readout"], before["biases.readout"])


def test_networks_that_are_trained_together_keep_what_is_frozen(tmp_path: Path) -> None:
    from dendrograph.training.ensemble import reasons_against, train_together

    made = tree(basal={"synapses": {"count": 6, "trainable": False}, "bias": {"trainable": False}})
    configs = [TrainConfig(epochs=1, seed=seed) for seed in (0, 1)]
    networks = [network_of(made, seed) for seed in (0, 1)]
    before = [state_of(network) for network in networks]
    train_together(networks, digits(), configs, [tmp_path / "0", tmp_path / "1"])
    for seed, network in enumerate(networks):
        for name in (f"weights.{BASAL}", "biases.hidden/basal"):
            assert torch.equal(network.state_dict()[name], before[seed][name])
        alone = network_of(made, seed)
        run = train(alone, digits(), configs[seed], tmp_path / f"alone{seed}", progress=False)
        assert run.identity == Run.open(tmp_path / str(seed)).identity
    assert reasons_against([network_of(made), network_of(TREE)], configs)


def test_tasks_in_turn_keep_what_is_frozen(tmp_path: Path) -> None:
    from dendrograph.training.continual import Learned, learn_in_turn

    data = digits()
    network = by_hand()
    before = state_of(network)
    tasks = Tasks(data, "split", 2, "task-incremental")
    learn_in_turn(network, tasks, TrainConfig(epochs=1), tmp_path / "turn", progress=False)
    assert torch.equal(network.weights[BASAL], before[f"weights.{BASAL}"])
    learned = Learned.open(tmp_path / "turn")
    assert learned.record["network"]["frozen"] == [f"weights.{BASAL}"]
    assert learned.record["reach"]["trainable_parameters"] < network.graph.parameters
    with pytest.raises(RunError, match="network frozen: it has"):
        learn_in_turn(network_of(TREE), tasks, TrainConfig(epochs=1), tmp_path / "turn", resume=True, progress=False)


# -- controls and sweeps -----------------------------------------------------------------------------------------------


def test_controls_keep_what_is_frozen() -> None:
    made = tree(basal={"trainable": False, "nonlinearity": "nmda"}, file={"readout": {"bias": {"trainable": False}}})
    graph = network_of(made).graph
    found: dict[str, Graph] = {each.kind: each.graph for each in survey(graph) if each.graph is not None}
    assert {"linear", "shuffled", "fan-in-matched", "parameter-matched"} <= set(found)
    for kind in ("linear", "shuffled"):
        assert found[kind].frozen == graph.frozen
    assert found["fan-in-matched"].trainable_parameters == graph.trainable_parameters
    assert found["fan-in-matched"].parameters == graph.parameters
    own, wanted = found["parameter-matched"].trainable_parameters, graph.trainable_parameters
    assert abs(own / wanted - 1) < 0.2 and "biases.readout" in found["parameter-matched"].frozen


def test_a_layer_that_is_frozen_is_frozen_in_its_controls() -> None:
    graph = network_of(tree(layer={"trainable": False})).graph
    (control,) = survey(graph, "fan-in-matched")
    assert control.graph is not None
    assert control.graph.trainable_parameters == graph.trainable_parameters


def test_a_sweep_may_vary_what_is_trained(tmp_path: Path) -> None:
    from dendrograph.experiments.sweep.file import read

    path = tmp_path / "frozen.yaml"
    path.write_text(Morphology.from_dict(tree()).to_yaml())
    (tmp_path / "sweep.yaml").write_text(
        "name: frozen\nmorphologies: frozen.yaml\ndata: digits\nseeds: 1\ntrain: {epochs: 1}\n"
        "set: {layers.0.trainable: [true, false]}\n"
    )
    runs = read(tmp_path / "sweep.yaml").runs
    assert len({run.identity for run in runs}) == 2 == len(runs)


def test_exports_take_a_network_with_frozen_parts(tmp_path: Path) -> None:
    path = tmp_path / "frozen.yaml"
    path.write_text(Morphology.from_dict(tree(basal={"trainable": False})).to_yaml())
    for form in ("json", "graphml", "dot"):
        assert _exit_code("export", path, "--out", tmp_path / f"out.{form}") == 0
