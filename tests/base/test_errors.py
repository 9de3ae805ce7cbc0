"""Messages name arguments as their reader writes them: as options at the command line, as arguments in Python."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import small
import torch
from small import train_named
from torch import nn
from torch.utils.data import DataLoader

import dendrograph
from dendrograph import (
    DendriticLayer,
    DendriticNetwork,
    DendrographError,
    Graph,
    Morphology,
    Run,
    TrainConfig,
    build,
    compile,
    datasets,
    draw,
    load,
    parameter_groups,
    register_nonlinearity,
    stimulate,
    train,
)
from dendrograph.analysis.parts import Settings
from dendrograph.analysis.stimulate import NeuronIndex
from dendrograph.base.errors import KindError, argument, expect, for_command_line, is_for_command_line, worded
from dendrograph.cli.main import main
from dendrograph.comparison.compare import compare
from dendrograph.data.dataset import Dataset
from dendrograph.export import export, to_networkx
from dendrograph.morphology.swc.importing import Choices
from dendrograph.training.evaluation import evaluate
from dendrograph.training.resume import check_same_training

# one for all tests that only need some graph
GRAPH = compile(load("dann-lrf", {"somata": 2, "dendrites": 2, "synapses": 2}), (8, 8), 3)
PACKAGE = Path(dendrograph.__file__).resolve().parent


@pytest.mark.parametrize(
    ("arguments", "option", "keyword"),
    [
        (("out",), "--out", "`out`"),
        (("data_dir", Path("a b")), "--data-dir a b", "data_dir='a b'"),
        (("resume", True), "--resume", "resume=True"),
        (("fold", False), "--no-fold", "fold=False"),
        (("scale", 0.0), "--scale 0", "scale=0.0"),
        (("neuron", 64), "--neuron 64", "neuron=64"),
        (("select", ["lr", "seed"]), "--select lr,seed", "select=['lr', 'seed']"),
        (("overrides", {"somata": 3}), "--set somata=3", "overrides={'somata': 3}"),
        (("processes", 0, "workers"), "--workers 0", "processes=0"),
    ],
)
def test_an_argument_is_written_as_its_reader_writes_it(arguments: Any, option: str, keyword: str) -> None:
    assert argument(*arguments) == keyword and worded(option, keyword) == keyword
    with for_command_line():
        assert argument(*arguments) == option and worded(option, keyword) == option
        with for_command_line(False):
            assert argument(*arguments) == keyword
    assert argument(*arguments) == keyword


def test_the_command_line_leaves_python_as_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["train", "vann", "--resume"])
    assert capsys.readouterr().err.startswith("error: --resume needs the folder of the run\n  give it by --out, or")
    assert not is_for_command_line()
    with pytest.raises(DendrographError, match="resume=True needs the folder of the run\n  give it by `out`, or"):
        train_named("vann", resume=True)


def test_a_setting_is_told_as_it_was_given(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(DendrographError, match=r"^overrides=\{'dendrits': 3\}: there is no parameter 'dendrits'"):
        load("dann-lrf", {"dendrits": 3})
    with pytest.raises(DendrographError, match=r"^overrides=\{'somata': 'many'\}: "):
        load("dann-lrf", {"somata": "many"})
    with pytest.raises(SystemExit):
        main(["show", "dann-lrf", "--set", "dendrits=3"])
    assert capsys.readouterr().err.startswith("error: --set dendrits=3: there is no parameter 'dendrits'")


def test_choices_of_an_import_are_told_by_their_names_in_python() -> None:
    with pytest.raises(DendrographError, match=r"^`bin_um` says nothing without bins\n  add reduce='bins', or"):
        Choices(bin_um=3.0).check()


def _texts(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Strings of a module that are no docstrings."""
    nodes = [node for node in ast.walk(tree) if hasattr(node, "body") and isinstance(node.body, list)]
    documentation = {id(body[0].value) for node in nodes if (body := node.body) and isinstance(body[0], ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
            yield node.lineno, node.value


# What the command line alone says, files that it makes, and the two places that say how an option is spelt.
OF_THE_COMMAND_LINE = {"morphology/shipped.py", "base/errors.py", "morphology/json_schema.py"}


@pytest.mark.slow
def test_no_message_of_the_package_spells_an_option() -> None:
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        if name.startswith("cli/") or name in OF_THE_COMMAND_LINE:
            continue
        text = path.read_text(encoding="utf-8")
        for line, string in _texts(ast.parse(text)):
            if re.search(r"(?<![\w-])--[a-z]", string) and "worded(" not in text.splitlines()[line - 1]:
                found.append(f"{name}:{line}: {string}")
    assert not found, "use `argument` or `worded` of errors.py"


# --- objects of another kind ------------------------------------------------------------------------------------------


class DataFrame:
    """As pandas has one, which the tests do not need to be installed."""

    shape = (2, 3)


def _wrong(*right: type) -> list[Any]:
    """Objects that users pass by mistake, without those of the right kinds."""
    graph = compile(load("dann-lrf", {"somata": 2, "dendrites": 2, "synapses": 2}), (8, 8), 3)
    objects: list[Any] = [np.zeros((2, 8, 8)), [1.0], None, 2.5, True, b"runs", "runs/none", Path("none"), {"a": 1}]
    objects += [graph, graph.morphology, DendriticNetwork(graph), DataFrame(), torch.zeros(2), TrainConfig(epochs=1)]
    objects += [small.digits(), DataLoader([0]), DendriticNetwork, nn.Linear(2, 2), object(), iter([1])]
    return [one for one in objects if not isinstance(one, right)]


def _train(**given: Any) -> Any:
    network = build("dann-lrf", (8, 8), overrides={"somata": 2, "dendrites": 2, "synapses": 2})
    return train(**{"source": network, "data": small.digits(), "out": "run", "progress": False, **given})


NAMES = (str, Path)
CALLS: dict[str, tuple[Any, tuple[type, ...]]] = {
    "model": (lambda one: train(one, small.digits(), progress=False), (*NAMES, Morphology, Graph, DendriticNetwork)),
    "data": (lambda one: _train(data=one), (*NAMES, Dataset, type(None))),
    "config": (lambda one: _train(config=one), (TrainConfig, type(None))),
    "out": (lambda one: _train(out=one), (*NAMES, type(None))),
    "graph": (DendriticNetwork, (Graph,)),
    "morphology": (lambda one: compile(one, (8, 8)), (Morphology,)),
    "path_or_name": (load, NAMES),
    "overrides": (lambda one: load("dann-lrf", one), (dict, type(None))),
    "kernel": (lambda one: DendriticNetwork(compile(load("xor-dcaap"), (2,), 2), one), (str,)),
    "name_or_path": (datasets.load, NAMES),
    "data_dir": (lambda one: datasets.load("mnist", one), (*NAMES, type(None))),
    "folder": (Run.open, NAMES),
    "split": (lambda one: evaluate(DendriticNetwork(compile(load("xor-dcaap"), (2,), 2)), one, 1.0), (type(None),)),
    "path": (lambda one: export("xor-dcaap", one), NAMES),
    "at": (lambda one: stimulate(compile(load("xor-dcaap"), (2,), 2), one), (str, list, type(None))),
}


@pytest.mark.parametrize("name", CALLS)
def test_an_object_of_another_kind_is_told_with_what_was_expected(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    call, right = CALLS[name]
    for wrong in _wrong(*right):
        with pytest.raises(TypeError) as error:
            call(wrong)
        text = str(error.value)
        assert isinstance(error.value, DendrographError)
        assert text.startswith(f"`{name}`: expected ") and ", found " in text and len(text) < 300, text
    assert not any(tmp_path.iterdir()), "nothing is written"


@pytest.mark.parametrize(
    ("kinds", "value", "text"),
    [
        ((torch.Tensor,), np.zeros(3), "expected torch.Tensor, found an object of type numpy.ndarray of shape (3,)\n"
         "  pass torch.from_numpy(it).float()"),
        ((torch.Tensor,), DataFrame(), "of shape (2, 3)\n  pass torch.from_numpy(it.to_numpy()).float()"),
        ((Graph,), load("xor-dcaap"), "pass compile(it, inputs, classes)"),
        ((Graph,), "dann-lrf", "found 'dann-lrf'\n  pass compile(load(it), inputs, classes)"),
        ((DendriticNetwork,), Path("run"), "Run.open(it).network() of a run folder"),
        ((Morphology,), {"name": "a"}, "found {'name': 'a'}\n  pass Morphology.from_dict(it)"),
        ((Dataset,), (1, 2), "found (1, 2)\n  pass datasets.from_tensors(x_train, y_train, x_test, y_test)"),
        ((TrainConfig, None), 5, "expected TrainConfig or None, found 5\n  pass TrainConfig(epochs=5)"),
        ((Run,), "runs/a", "pass Run.open(it)"),
        ((int,), True, "expected int, found True"),
        ((str,), torch.device("cpu"), "pass str(it)"),
        ((str,), DendriticNetwork, "found the class dendrograph.DendriticNetwork itself"),
        ((str,), len, "found the function len"),
    ],
)  # fmt: skip
def test_what_to_pass_instead(kinds: tuple[Any, ...], value: Any, text: str) -> None:
    with pytest.raises(KindError) as error:
        expect("it", value, *kinds)
    assert str(error.value).startswith("`it`: expected ")
    assert text.replace("epochs=5", "epochs=it") in str(error.value)


def test_a_setting_is_named_as_its_reader_gives_it() -> None:
    run = Run.open(PACKAGE.parent / "tests/old_runs/finished")
    record = {**run.record, "config": {**run.record["config"], "batch_size": 9}}
    for told, called in ((True, "--batch-size"), (False, "batch_size")):
        with for_command_line(told), pytest.raises(DendrographError) as error:
            check_same_training(run, record, begun=True)
        assert f"  {called}: the run has 128, asked for is 9" in str(error.value)
        with for_command_line(told), pytest.raises(DendrographError) as error:
            Settings(samples=-1)
        assert str(error.value).startswith("--samples: found -1" if told else "samples: found -1")


def test_text_in_the_place_of_a_batch_is_not_told_of_knobs() -> None:
    with pytest.raises(TypeError, match="found 'abc'") as error:
        DendriticNetwork(GRAPH)("abc")  # type: ignore[arg-type]
    assert "somata" not in str(error.value)


def test_the_right_kinds_pass() -> None:
    expect("it", None, int, None)
    expect("it", 3, int)
    expect("it", True, bool)
    expect("it", "a", str, Path)


@pytest.mark.parametrize("name", ["epochs", "batch_size", "lr", "optimizer", "seed", "device", "early_stop", "noise"])
def test_settings_of_another_kind_are_refused_in_a_short_text(name: str) -> None:
    for wrong in (np.array([1, 2]), load("dann-lrf"), [1] * 999, object(), torch.zeros(9, 9)):
        with pytest.raises(DendrographError) as error:
            TrainConfig(**{name: wrong})
        assert name in str(error.value) and len(str(error.value)) < 200


WRONG_KINDS: dict[str, Callable[[], Any]] = {
    "memory_limit": lambda: compile(load("xor-dcaap"), memory_limit="x"),  # type: ignore[arg-type]
    "resume": lambda: _train(resume="yes"),
    "progress": lambda: _train(progress=np.zeros(2)),
    "reference": lambda: compare("runs", reference=5),  # type: ignore[arg-type]
    "by": lambda: compare("runs", by=np.zeros(2)),  # type: ignore[arg-type]
    "select": lambda: compare("runs", select=5),  # type: ignore[arg-type]
    "weights": lambda: to_networkx(GRAPH, weights=np.zeros(2)),  # type: ignore[arg-type]
    "force": lambda: export(GRAPH, "x.npz", force=np.zeros(2)),  # type: ignore[arg-type]
    "layer": lambda: stimulate(GRAPH, neuron=NeuronIndex(layer=5)),  # type: ignore[arg-type]
    "neuron": lambda: stimulate(GRAPH, neuron=NeuronIndex(kind=["a"])),  # type: ignore[arg-type]
    "plugins": lambda: load("xor-dcaap", plugins=None),  # type: ignore[arg-type]
    "name": lambda: Morphology.from_dict({"faulty": 1}, 5),  # type: ignore[arg-type]
    "positive": lambda: register_nonlinearity("own", equation="u", positive=5),  # type: ignore[arg-type]
    "frozen": lambda: DendriticNetwork(GRAPH).freeze(None),  # type: ignore[arg-type]
    "path": lambda: draw.save(None, None),  # type: ignore[arg-type]
    "_extra_state": lambda: DendriticLayer(4, 2, 2, 2).load_state_dict({"_extra_state": "abc"}, strict=False),
    "weight_decay": lambda: parameter_groups(nn.Linear(2, 2), None),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("name", WRONG_KINDS)
def test_options_of_another_kind_are_told(name: str) -> None:
    with pytest.raises(TypeError, match=f"^`{name}`: expected .*, found ") as error:
        WRONG_KINDS[name]()
    assert isinstance(error.value, DendrographError)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: stimulate(GRAPH, neuron=NeuronIndex(index=np.zeros(2))), "`index`: expected int, found an object"),
        (lambda: stimulate(GRAPH, amplitudes=0.5), "amplitudes must be a list of numbers, found 0.5"),
        (lambda: stimulate(GRAPH, amplitudes=None), "amplitudes must be a list of numbers, found None"),
        (lambda: compile(load("dann-lrf"), b"xx"), "is no shape of an input"),
        (lambda: compare(["x" * 5000]), "there is no such folder"),
        (lambda: parameter_groups(nn.Linear(2, 2), -5), "weight_decay must be a number of at least 0, found -5"),
        (lambda: parameter_groups(nn.Linear(2, 2), np.nan), "weight_decay must be a number of at least 0, found nan"),
    ],
)
def test_values_that_cannot_be_meant_are_told(call: Callable[[], Any], text: str) -> None:
    with pytest.raises(DendrographError) as error:
        call()
    assert text in str(error.value)


def test_one_name_stands_for_a_list_of_one() -> None:
    network = DendriticNetwork(GRAPH)
    name = next(name for name, _ in network.named_parameters())
    assert network.freeze(name).frozen_otherwise == {"frozen": [name]}
    with pytest.raises(ValueError, match=r"there is no parameter 'biases\.nope'\n  "):
        network.freeze("biases.nope")
    assert stimulate(GRAPH, amplitudes=(0.5 for _ in range(1))).table == stimulate(GRAPH, amplitudes=[0.5]).table
