"""The command line: every command and option, every mistake, exit codes, and that it is quick to answer."""

from __future__ import annotations

import itertools
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import small
import torch
from typer.main import get_command

import dendrograph
from dendrograph import Run, compile, load
from dendrograph.__main__ import main as entry
from dendrograph.base.progress import Printable
from dendrograph.cli.main import main
from dendrograph.cli.options import app
from dendrograph.morphology.shipped import shipped
from dendrograph.network.execution_plan import plan
from dendrograph.network.kernels import KERNELS

COMMANDS = ("train", "evaluate", "show", "check", "stimulate", "import", "list")


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str


Call = Callable[..., Result]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Call:
    """Run a command in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*words: object) -> Result:
        with pytest.raises(SystemExit) as stopped:
            main([str(word) for word in words])
        out, err = capsys.readouterr()
        return Result(int(stopped.value.code or 0), out, err)

    return run


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli") / "run"
    with pytest.raises(SystemExit):
        main(["train", "dann-lrf", "--epochs", "2", "--set", "somata=8", "--kernel", "scatter", "--out", str(folder)])
    return folder


def process(*words: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", *words], capture_output=True, text=True, check=False, **options
    )  # type: ignore[call-overload, no-any-return]


# Help


def test_bare_is_help(call: Call) -> None:
    bare = call()
    assert (bare.code, bare.err) == (0, "")
    assert bare == call("--help")
    for command in COMMANDS:
        assert re.search(rf"^  {command} +[A-Z][^.]*\.$", bare.out, re.MULTILINE), (
            f"{command} is told in one whole line"
        )


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_each_command(command: str, call: Call) -> None:
    result = call(command, "--help")
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith(f"Usage: dendrograph {command} ")
    for line in result.out.splitlines():
        assert len(line) <= 80 and "[/" not in line


def test_help_names_every_option_and_default(call: Call) -> None:
    text = " ".join(call("train", "--help").out.split())
    for option, default in {
        "--data": "digits",
        "--data-dir": None,
        "--epochs": "the paper's for the data set",
        "--batch-size": "128",
        "--lr": "0.001",
        "--optimizer": "adam",
        "--seed": "0",
        "--device": "auto",
        "--kernel": "auto",
        "--early-stop": None,
        "--noise": "0",
        "--sequential": None,
        "--set": None,
        "--out": "runs/NAME-DATA-seedN",
        "--resume": None,
    }.items():
        told = re.search(rf" {option} (.*?)(?= --|$)", text)
        assert told, option
        if default:
            assert f"[default: ({default})]" in told[1], (option, told[1])


EVERY_COMMAND: dict[str, Any] = dict(get_command(app).commands)  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", EVERY_COMMAND)
def test_help_shows_words_of_ours_and_examples_that_can_be_run(name: str, call: Call) -> None:
    text = call(name, "--help").out
    assert "<" not in text and "{" not in text  # types of Python and braces: RUN... and NUMBER are meant
    examples = [line.strip() for line in text.partition("Example")[2].splitlines()[1:] if line.strip()]
    assert examples
    for example in examples:
        program, named, *words = shlex.split(example)
        assert (program, named) == ("dendrograph", name)
        assert EVERY_COMMAND[name].make_context(name, words) is not None


def test_an_option_is_spelt_alike_in_all_commands() -> None:
    """And means the same: what differs by nature (what a file to make is, what a seed is of) is told in each."""
    of_each = {"out", "seed", "data", "weights", "resume", "figures"}
    found: dict[str, dict[Any, list[str]]] = {}
    for name, command in EVERY_COMMAND.items():
        for option in command.params:
            if option.param_type_name == "option":
                told = (frozenset(option.opts), option.metavar, option.name in of_each or option.help)
                found.setdefault(option.name, {}).setdefault(told, []).append(name)
    assert [name for name, told in found.items() if len(told) > 1] == ["data", "scale"]  # a run has its data
    ((spelling, *_),) = found["out"]
    assert spelling == {"--out", "-o"}


def test_version(call: Call) -> None:
    assert call("--version") == Result(0, f"dendrograph {dendrograph.__version__}\n", "")


HEAVY = ("torch", "numpy", "scipy", "sklearn", "matplotlib", "networkx", "safetensors", "ruamel", "rich.progress")
LIGHT = """
import sys
from dendrograph.cli.main import app, main
try:
    main({words!r})
except SystemExit as stopped:
    assert stopped.code == {code}, stopped.code
print([name for name in {heavy!r} if name in sys.modules], file=sys.stderr)
"""


def test_what_needs_nothing_heavy_imports_nothing_heavy() -> None:
    for words, code in (
        (["--help"], 0),
        (["--version"], 0),
        ([], 0),
        *(([command, "--help"], 0) for command in COMMANDS),
        (["trian"], 2),
        (["train", "--epochs", "abc", "vann"], 2),
    ):
        done = process("-c", LIGHT.format(words=words, code=code, heavy=HEAVY))
        assert done.returncode == 0, done.stderr
        assert done.stderr.endswith("[]\n"), (words, done.stderr)


def test_list_imports_no_torch() -> None:
    heavy = [name for name in HEAVY if name not in ("numpy", "ruamel")]
    done = process("-c", LIGHT.format(words=["list"], code=0, heavy=heavy))
    assert done.stderr == "[]\n"


def test_python_m_and_the_script_are_the_same() -> None:
    module = process("-m", "dendrograph", "--version")
    assert (module.returncode, module.stdout, module.stderr) == (0, f"dendrograph {dendrograph.__version__}\n", "")
    help_of_module = process("-m", "dendrograph", "--help").stdout
    assert help_of_module.startswith("Usage: dendrograph [OPTIONS]")
    script = shutil.which("dendrograph", path=str(Path(sys.executable).parent))
    if script:
        done = subprocess.run([script, "--help"], capture_output=True, text=True, check=True)
        assert done.stdout == help_of_module


# Each command once, with each option


def test_train_with_every_option(call: Call, tmp_path: Path) -> None:
    path = small.morphology_file(tmp_path)
    data = small.digits()
    arrays = {f"{kind}_{part}": tensor.numpy() for part, split in (("train", data.train), ("test", data.test))
              for kind, tensor in (("x", split.inputs["image"]), ("y", split.labels))}  # fmt: skip
    np.savez(tmp_path / "mine.npz", **arrays)
    result = call(
        "train", path, "--data", "mine.npz", "--epochs", 2, "--batch-size", 50, "--lr", "2e-3", "--optimizer", "sgd",
        "--seed", 7, "--device", "cpu", "--kernel", "fused", "--early-stop", "--noise", 0.25, "--sequential",
        "--set", "neurons.pyramidal.dropout=0.2", "--set", "layers.0.count=12", "--out", "deep/run", "--resume",
    )  # fmt: skip
    assert (result.code, result.err) == (0, "")
    run = Run.open("deep/run")
    assert run.record["config"] == {
        "epochs": 2,
        "batch_size": 50,
        "lr": 2e-3,
        "optimizer": "sgd",
        "seed": 7,
        "device": "cpu",
        "early_stop": True,
        "patience": 10,
        "noise": 0.25,
        "sequential": True,
        "validation": 0.1,
    }
    assert run.record["graph"]["seed"] == 7
    assert run.record["network"]["kernel"] == "fused"
    assert run.record["data"]["origin"]["name_or_path"] == str(tmp_path / "mine.npz")
    assert run.morphology.neurons["pyramidal"].dropout == 0.2 and run.graph().by_name["hidden/soma"].size == 12
    test = run.metrics["test"]
    assert result.out.splitlines()[-2:] == [
        f"test accuracy {test['accuracy']:.2%}, loss {test['loss']:.4f}, 100 samples",
        "results: deep/run",
    ]
    again = call("train", "deep/run", "--resume")
    assert again.code == 0 and again.out.startswith("deep/run: the run has ended; nothing to do\ntest accuracy ")
    assert call("evaluate", "deep/run").out.startswith(result.out.splitlines()[-2] + "\n")


def test_train_by_default(call: Call) -> None:
    result = call("train", "sann-lrf", "--epochs", 1, "--set", "somata=4")
    assert result.out.endswith("\nresults: runs/sann-lrf-digits-seed0\n")
    assert re.match(
        r"epoch 1/1  loss \d\.\d{4}, accuracy \d+\.\d\d%; validation \d\.\d{4}, \d+\.\d\d%  "
        r"[\d,]+ samples/s  0:00 left\ntest accuracy ",
        result.out,
    )


def test_the_papers_number_of_epochs_is_the_default(call: Call) -> None:
    """Found out without training for so long: by what a resumed run is said to have."""
    call("train", "sann-lrf", "--set", "somata=4", "--lr", "1e30", "--out", "run")
    assert Run.open("run").record["config"]["epochs"] == 50


def test_data_from_a_data_folder(call: Call, shared_data: Path, tmp_path: Path) -> None:
    words = ("train", "sann-lrf", "--set", "somata=8", "--data", "fashion_mnist", "--epochs", 1)
    result = call(*words, "--data-dir", shared_data, "--out", "run")
    assert result.code == 0, result.err
    assert call("evaluate", "run", "--data-dir", shared_data).code == 0
    assert "10,000 samples" in result.out


def test_evaluate(call: Call, finished: Path) -> None:
    result = call("evaluate", finished)
    test = Run.open(finished).metrics["test"]
    first, empty, heading, header, *rows = result.out.splitlines()
    assert (result.code, result.err, empty) == (0, "", "")
    assert first == f"test accuracy {test['accuracy']:.2%}, loss {test['loss']:.4f}, 360 samples"
    assert heading == "confusion matrix: rows are true classes, columns are predicted classes"
    assert header.split() == [str(number) for number in range(10)]
    assert [[int(cell) for cell in row.split()] for row in rows] == [
        [number, *row] for number, row in enumerate(test["confusion"])
    ]


@pytest.mark.parametrize("name", shipped())
def test_every_shipped_morphology_is_shown_and_checked(name: str, call: Call) -> None:
    declared = all(load(name).inputs.values())
    graph = compile(load(name), None if declared else (28, 28))
    shown = call("show", name)
    assert (shown.code, shown.err) == (0, "")
    lines = shown.out.splitlines()
    shapes = ", ".join(f"{stream} {'×'.join(map(str, shape))}" for stream, shape in graph.inputs.items())
    assert lines[0] == f"{name}: inputs {shapes}; 10 classes; seed 0"
    assert declared or shapes == "image 28×28"
    for group in graph.groups:
        assert any(line.split()[:3] == [group.name, group.role, f"{group.size:,}"] for line in lines)
    for projection in graph.projections:
        assert any(line.startswith(projection.name) and f" {projection.edges:,} " in line for line in lines)
    assert f"compartments  {graph.compartments:,}" in lines
    assert f"parameters    {graph.parameters:,}" in lines
    assert f"connectivity  {graph.connectivity_hash}" in lines
    checked = call("check", name)
    assert (checked.code, checked.err) == (0, "")
    assert checked.out.endswith(f"\n{name}: no errors; the wiring matches the morphology\n")


@pytest.mark.parametrize("command", ["show", "check", "controls"])
def test_units_without_an_output_are_told(call: Call, command: str) -> None:
    graph = compile(load("sann-random"), (28, 28))
    told = (
        f"dendritic/soma: {graph.without_output} of 512 units have no output: their activity does not reach the readout"
    )
    name = "dann-random" if command == "controls" else "sann-random"
    found = call(command, name)
    assert found.code == 0
    assert told.replace("dendritic", "hidden-dendrite" if command == "controls" else "dendritic") in found.out
    assert f"{graph.effective_parameters:,}" in found.out
    assert "no output" not in call(command, "vann").out


def test_show_with_every_option(call: Call) -> None:
    words = ("--inputs", "32x32x3", "--classes", 47, "--seed", 5, "--set", "somata=20", "--set", "layers=2")
    result = call("show", "dann-grf", *words, "--plan", "--kernel", "scatter")
    graph = compile(load("dann-grf", {"somata": 20, "layers": 2}), (32, 32, 3), 47, 5)
    assert result.code == 0
    assert result.out.startswith("dann-grf: inputs image 32×32×3; 47 classes; seed 5\n")
    assert f"connectivity  {graph.connectivity_hash}\n\nplan\n{plan(graph, 'scatter')}\n" in result.out
    checked = call("check", "dann-grf", *words)
    assert checked.code == 0 and "hidden2/dendrite: exactly 16 synapses" in checked.out


def test_the_plan_names_each_projections_kernel_and_every_refusal(call: Call) -> None:
    result = call("show", "dann-lrf", "--plan")
    chosen = plan(compile(load("dann-lrf"), (28, 28)))
    text = result.out.split("\nplan\n")[1]
    for choice in chosen.choices:
        names = {kernel.name for kernel in KERNELS}
        assert {choice.kernel.name, *(name for name, _ in choice.refusals)} == names
        block = text.split(f"{choice.projection}: {choice.kernel.name} ({choice.reason})\n")[1]
        lines = itertools.takewhile(lambda line: line.startswith("    "), block.splitlines())
        told = [line[8:].split(": ", 1) for line in lines if line.startswith("    not ")]
        assert {(name, reason) for heads, reason in told for name in heads.split(", ")} == set(choice.refusals)


def test_show_and_check_of_a_run(call: Call, finished: Path) -> None:
    run = Run.open(finished)
    shown = call("show", finished, "--plan")
    assert shown.out.startswith("dann-lrf: inputs image 8×8; 10 classes; seed 0\n")
    assert f"connectivity  {run.record['graph']['connectivity_hash']}\n" in shown.out
    assert f"plan\n{plan(run.graph(), 'scatter')}\n" in shown.out, "the run's own kernel"
    assert f"plan\n{plan(run.graph(), 'dense')}\n" in call("show", finished, "--plan", "--kernel", "dense").out
    assert call("check", finished).code == 0
    remedy = f"leave them out, or give {finished / 'morphology.yaml'}\n"
    for option in (("--seed", 0), ("--classes", 3), ("--inputs", "8x8"), ("--set", "somata=3")):
        for command in ("show", "check"):
            refused = call(command, finished, *option)
            assert (refused.code, refused.out) == (2, "")
            assert re.fullmatch(
                rf"error: .*run: the \w+ of a run cannot be changed: found {option[0]} .*\n  .*\n", refused.err
            )
            assert refused.err.endswith(remedy)


def test_inputs_of_several_streams(call: Call, tmp_path: Path) -> None:
    synapses = [{"from": "signal", "count": 3}, {"from": "cue", "count": "all"}]
    morphology = {
        **small.MORPHOLOGY,
        "inputs": {"signal": "auto", "cue": "auto"},
        "neurons": {"pyramidal": {"synapses": synapses}},
    }
    path = tmp_path / "streams.yaml"
    path.write_text(dendrograph.Morphology.from_dict(morphology).to_yaml())
    result = call("show", path, "--inputs", "signal=4x5", "--inputs", "cue=2")
    assert result.out.startswith("small: inputs signal 4×5, cue 2; 10 classes; seed 0\n")
    assert call("show", path, "--inputs", "cue=2").out.startswith("small: inputs signal 28×28, cue 2;")
    unknown = call("show", path, "--inputs", "queue=2")
    assert unknown == Result(2, "", "error: --inputs: there is no stream 'queue'\n  streams: signal, cue\n")


def test_list(call: Call) -> None:
    result = call("list")
    assert (result.code, result.err) == (0, "")
    header, *rows = result.out.splitlines()
    assert header.split() == ["name", "about", "parameters"]
    assert [row.split()[0] for row in rows] == list(shipped())
    of_the_paper = [row for row in rows if load(row.split()[0]).citation == "10.1038/s41467-025-56297-9"]
    assert len(of_the_paper) == 12
    for row in of_the_paper:
        for knob in ("dendrites=", "somata=", "synapses=", "layers="):
            assert knob in row


# Mistakes


MISTAKES: list[tuple[list[str], str]] = [
    (["show", "dann-lfr"], "error: dann-lfr: no such file, and no morphology of that name\n  did you mean 'dann-lrf'?"),
    (["train", "nowhere.yaml"], "error: nowhere.yaml: no such file, and no morphology of that name\n"),
    (["check", "."], "error: .: a folder, but no run folder"),
    (["evaluate", "nowhere"], "error: nowhere: no such folder\n"),
    (["evaluate", "dann-lrf"], "error: dann-lrf: no such folder\n"),
    (["evaluate", "."], "error: .: not a run folder"),
    (["evaluate", "file"], "error: file: not a run folder"),
    (["train", "vann", "--data", "mnits"], "error: unknown data set 'mnits'\n  did you mean 'mnist'? "),
    (["train", "vann", "--data", "no.npz"], "error: no.npz: no such file\n"),
    (["train", "vann", "--data", "mnist", "--data-dir", "no"], "error: data folder no (from --data-dir) does not"),
    (["train", "vann", "--data", "mnist", "--data-dir", "file"], "error: data folder file (from --data-dir) is a file"),
    (["train", "vann", "--data-dir", "."], "error: --data-dir .: digits lies in no data folder\n"),
    (["train", "vann", "--set", "dendrites"], "error: --set dendrites: not of the form PATH=VALUE\n"),
    (["train", "vann", "--set", "=3"], "error: --set =3: not of the form PATH=VALUE\n"),
    (["train", "vann", "--set", "somata=3", "--set", " somata=4"], "error: --set  somata=4: 'somata' is set twice\n"),
    (["train", "vann", "--set", "dendrite=4"], "error: --set dendrite=4: "),
    (["train", "vann", "--set", "somata=0"], "error: "),
    (["train", "vann", "--set", "somata=many"], "error: "),
    (["train", "vann", "--set", "somata=["], "error: --set"),
    (["train", "vann", "--set", "layers.5.count=3"], "error: --set layers.5.count=3"),
    (["train", "vann", "--frob"], "error: No such option: --frob"),
    (["train", "vann", "--epoch", "3"], "error: No such option: --epoch"),
    (["train"], "error: Missing argument 'MORPHOLOGY|RUN'"),
    (["evaluate"], "error: Missing argument 'RUN'"),
    (["train", "vann", "sann-lrf"], "error: Got unexpected extra argument"),
    (["list", "vann"], "error: Got unexpected extra argument"),
    (["trian", "vann"], "error: No such command 'trian'"),
    (["--frob"], "error: No such option: --frob"),
    (["train", "vann", "--epochs"], "error: Option '--epochs' requires an argument"),
    (["train", "vann", "--epochs", "abc"], "error: Invalid value for '--epochs'"),
    (["train", "vann", "--epochs", "1.5"], "error: Invalid value for '--epochs'"),
    (["train", "vann", "--lr", "fast"], "error: Invalid value for '--lr'"),
    (["show", "vann", "--classes", "0"], "error: Invalid value for '--classes'"),
    (["show", "vann", "--seed", "1e3"], "error: Invalid value for '--seed'"),
    (["train", "vann", "--epochs", "0"], "error: epochs must be a whole number of at least 1, found 0\n"),
    (["train", "vann", "--epochs", "-3"], "error: epochs must be a whole number of at least 1, found -3\n"),
    (["train", "vann", "--batch-size", "-1"], "error: batch_size must be a whole number of at least 1, found -1\n"),
    (["train", "vann", "--lr", "nan"], "error: lr must be a number greater than 0, found nan\n"),
    (["train", "vann", "--lr", "inf"], "error: lr must be a number greater than 0, found inf\n"),
    (["train", "vann", "--lr", "0"], "error: lr must be a number greater than 0, found 0.0\n"),
    (["train", "vann", "--noise", "-1"], "error: noise must be a number of at least 0, found -1.0\n"),
    (["train", "vann", "--seed", "-1"], "error: seed must be a whole number from 0 to 4294967295, found -1\n"),
    (["train", "vann", "--seed", "99999999999"], "error: seed must be a whole number from 0 to 4294967295, found 9"),
    (["show", "vann", "--seed", "-1"], "error: the seed must be a whole number of at least 0, found -1\n"),
    (["train", "vann", "--optimizer", "adm"], "error: unknown optimizer 'adm'\n  did you mean 'adam'? "),
    (["train", "vann", "--device", "gpu"], "error: device 'gpu' cannot be used: "),
    (["train", "vann", "--device", "meta"], "error: device 'meta' cannot be used: "),
    (["train", "vann", "--kernel", "fusd"], "error: unknown kernel 'fusd'\n  did you mean 'fused'? "),
    (["show", "vann", "--plan", "--kernel", "fusd"], "error: unknown kernel 'fusd'\n"),
    (["show", "vann", "--kernel", "fused"], "error: --kernel has no effect without --plan\n"),
    *((["show", "vann", f"--inputs={shape}"], f"error: --inputs {shape}: not a shape\n  write 784, 28x28, ")
      for shape in ("0x3", "28x", "x", "", "-3", "2.5", "1e3", "3x3x3x3", "8 8", "=28x28", "image=", "٣x٣", 20 * "9")),
    (["show", "vann", "--inputs", "8x8", "--inputs", "image=9x9"], "error: --inputs image=9x9: stream 'image' has"),
    (["show", "vann", "--inputs", "cue=3"], "error: --inputs: there is no stream 'cue'\n  streams: image\n"),
    (["show", "dann-lrf", "--inputs", "3x3"], "error: "),
    (["train", "vann", "--resume"], "error: --resume needs the folder of the run\n"),
    (["train", "vann", "--out", "file"], "error: file: already exists, and is not a run folder\n"),
    (["train", "vann", "--out", "file", "--resume"], "error: file: already exists, and is not a run folder\n"),
    (["train", "vann", "--out", "file/run"], "error: file/run: cannot be made: Not a directory\n"),
    (["train", "vann", "--out", "."], "error: .: already exists, and is not a run folder\n"),
    (["train", "declared.yaml"], "error: "),
    (["show", "vann", "--set", "somata=9000000000"], "error: "),
        (["train", "vann", "-o"], "error: Option '-o' requires an argument.\n  `dendrograph train --help` lists"),
    (["train", "vann", "--epochs", "x"], "error: Invalid value for '--epochs': give a whole number\n"),
    (["train", "vann", "--lr", "x"], "error: Invalid value for '--lr': give a number\n"),
    (["export", "vann", "x", "--classes", "0"], "error: Invalid value for '--classes': give a number of at least 1"),
    (["compare", "runs", "--by", "foo"], "error: --by foo: unknown measure\n  measures: accuracy, loss"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "beginning"), MISTAKES, ids=[" ".join(words)[:70] for words, _ in MISTAKES])
def test_mistakes(words: list[str], beginning: str, call: Call) -> None:
    Path("file").write_text("mine")
    declared = {**small.MORPHOLOGY, "inputs": {"image": [28, 28]}}
    Path("declared.yaml").write_text(dendrograph.Morphology.from_dict(declared).to_yaml())
    result = call(*words)
    assert result.code == 2
    assert result.err.startswith(beginning), result.err
    assert result.out == ""
    assert result.err.count("error: ") == 1 and "Traceback" not in result.err
    assert Path("file").read_text() == "mine"
    assert {path.name for path in Path().iterdir()} == {"file", "declared.yaml"}, "nothing is left behind"


def test_data_that_do_not_fit_the_declared_input(call: Call, tmp_path: Path) -> None:
    path = tmp_path / "declared.yaml"
    path.write_text(dendrograph.Morphology.from_dict({**small.MORPHOLOGY, "inputs": {"image": [28, 28]}}).to_yaml())
    error = call("train", path).err
    assert "declared as [28, 28], but the data has [8, 8]" in error
    assert "write auto to take the shape of the data" in error


def test_a_network_too_large_is_refused_with_its_size(call: Call) -> None:
    error = call("train", "dann-lrf", "--set", "somata=90000000").err
    assert "13,140,000,000 synapses and cables" in error and "810,000,000 compartments" in error
    assert "available\n  ask for fewer somata, dendrites or synapses\n" in error


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is CUDA")
def test_cuda_without_cuda(call: Call) -> None:
    result = call("train", "vann", "--device", "cuda")
    assert result.code == 2
    assert result.err.startswith("error: device 'cuda' cannot be used: ")
    assert result.err.endswith("\n  cpu always can, auto picks\n")
    assert not Path("runs").exists()


def test_all_faults_of_a_file_are_told(call: Call, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(
        "name: mine\nneurons:\n  p:\n    nonlinearity: leaky_rleu\n    synapses: {count: -1}\n"
        "layers:\n  - {neuron: q, count: 2}\n"
    )
    for command in ("show", "check", "train"):
        error = call(command, tmp_path / "mine.yaml").err
        assert error.startswith(f"error: {tmp_path}/mine.yaml:4:19: neurons.p.nonlinearity: ")
        assert error.count("mine.yaml:") == 3


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (KeyboardInterrupt(), 130, "interrupted\n"),
        (ConnectionResetError(104, "Connection reset by peer"), 2, "error: [Errno 104] Connection reset by peer\n"),
        (PermissionError(13, "Permission denied", "/data"), 2, "error: [Errno 13] Permission denied: '/data'\n"),
        (MemoryError("Unable to allocate 7 EiB"), 2, "error: not enough memory: Unable to allocate 7 EiB\n"),
    ],
)
def test_what_may_happen_while_data_are_loaded(
    error: BaseException, code: int, told: str, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*arguments: object) -> None:
        raise error

    monkeypatch.setattr("dendrograph.data.load.load", failing)
    assert call("train", "vann") == Result(code, "", told)
    assert not Path("runs").exists()


def test_no_network(call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from urllib.error import URLError

    def fetch_openml(*arguments: object, **options: object) -> None:
        raise URLError("no route to host")

    monkeypatch.setattr("sklearn.datasets.fetch_openml", fetch_openml)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    result = call("train", "vann", "--data", "kmnist")
    assert result.code == 2
    assert "downloading it failed: URLError: <urlopen error no route to host>" in result.err
    assert "\n  put these files into " in result.err


def test_an_error_of_ours_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*arguments: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("dendrograph.data.load.load", failing)
    with pytest.raises(ZeroDivisionError):
        main(["train", "vann"])


@pytest.mark.parametrize("buffered", [True, False])
def test_output_that_nobody_reads(buffered: bool) -> None:
    """As in `dendrograph list | head -1`: no traceback, and nothing at the interpreter's end either."""
    environment = {**os.environ, "PYTHONUNBUFFERED": "" if buffered else "1"}
    for words in (["list"], ["--help"]):
        reading, writing = os.pipe()
        os.close(reading)
        command = [sys.executable, "-W", "error", "-m", "dendrograph", *words]
        done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, env=environment, text=True, check=False)
        os.close(writing)
        assert (done.returncode, done.stderr) == (1, "")


def test_help_when_a_word_is_not_english(call: Call) -> None:
    """Names are taken as they are, whatever letters they have."""
    assert call("show", "dendrité").err.startswith("error: dendrité: no such file")


def test_a_knob_without_effect_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    for model, told in (("pdann", True), ("dann-lrf", False)):
        with pytest.raises(SystemExit) as stopped:
            main(["show", model, "--set", "synapses=3", "--set", "dendrites=2"])
        assert not stopped.value.code
        note = f"note: --set synapses has no effect: {model} does not use the parameter 'synapses'\n"
        assert capsys.readouterr().err == (note if told else "")


def test_closed_and_narrow_streams(tmp_path: Path) -> None:
    """Closed streams, and one that cannot show every character, end no command."""
    program = f"{sys.executable} -m dendrograph"
    for command in (f"{program} list >&-", f"{program} show vann >&- 2>&-", f"{program} train dann-lrf --epochs 1 >&-"):
        assert subprocess.run(["sh", "-c", command], cwd=tmp_path, timeout=120).returncode == 0, command
    done = subprocess.run(
        ["sh", "-c", f"PYTHONIOENCODING=ascii {program} show vann"], cwd=tmp_path, capture_output=True, timeout=120
    )
    assert done.returncode == 0 and b"28?28" in done.stdout and not done.stderr


# Ctrl-C, again and again


def test_an_interrupt_that_comes_while_one_is_told_shows_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The second Ctrl-C finds the handler of the first, or the imports of the start."""
    handler = signal.getsignal(signal.SIGINT)

    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("dendrograph.cli.main.main", interrupted)
    try:
        with pytest.raises(SystemExit) as stopped:
            entry()
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN, "a third one is not listened to"
    finally:
        signal.signal(signal.SIGINT, handler)
    assert stopped.value.code == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_the_command_that_is_installed_is_guarded_from_its_first_import() -> None:
    text = (Path(__file__).resolve().parents[2] / "pyproject.toml").read_text()
    assert 'dendrograph = "dendrograph.__main__:main"' in text
    program = (
        "import builtins\n"
        "real = builtins.__import__\n"
        "def stopping(name, *rest):\n"
        "    if name == 'typer':\n"
        "        raise KeyboardInterrupt\n"
        "    return real(name, *rest)\n"
        "builtins.__import__ = stopping\n"
        "from dendrograph.__main__ import main\n"
        "main()"
    )
    done = process("-c", program)
    assert (done.returncode, done.stderr) == (130, "interrupted\n")


@pytest.mark.parametrize("where", ["while a module is imported", "afterwards"])
def test_ctrl_c_never_raises_within_an_import(where: str, tmp_path: Path) -> None:
    """PyTorch's C++ code, which is begun there, aborts at an error of Python."""
    pressed = "import os, signal\ntry:\n    signal.raise_signal(2)\nexcept KeyboardInterrupt:\n    os.abort()\n"
    (tmp_path / "pressing.py").write_text(pressed)
    program = (
        "import signal, sys\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        f"sys.path.insert(0, {str(tmp_path)!r})\n"
        "import dendrograph.cli.main\n"
        "from dendrograph.__main__ import main\n"
        "def command():\n"
        f"    {'import pressing' if 'import' in where else 'signal.raise_signal(signal.SIGINT)'}\n"
        "dendrograph.cli.main.main = command\n"
        "main()"
    )
    done = process("-c", program)
    assert (done.returncode, done.stderr) == (130, "interrupted\n")


# Data that were moved


def test_the_data_of_a_run_may_have_been_moved_or_renamed(call: Call, tmp_path: Path) -> None:
    """The same file, by its SHA-256, is enough for every command that reads it; another one is refused."""
    rng = np.random.default_rng(0)
    made = {"x_train": rng.random((40, 8, 8)), "y_train": np.arange(40) % 2}
    made |= {"x_test": rng.random((10, 8, 8)), "y_test": np.arange(10) % 2}
    np.savez("here.npz", **made)
    morphology = small.morphology_file(tmp_path)
    assert call("train", morphology, "--data", "here.npz", "--epochs", 1, "--out", "run").code == 0
    first = call("evaluate", "run")
    Path("away").mkdir()
    Path("here.npz").rename("away/here.npz")
    for where in (("--data-dir", "away"), ("--data", "away/here.npz")):
        assert call("evaluate", "run", *where) == first
        assert call("analyse", "run", "--parts", "activity", *where).code == 0
        assert call("train", "run", "--resume", *where).code == 0
        assert call("draw", "run", "--view", "activity", "-o", "run.svg", *where).code == 0
    gone = call("evaluate", "run")
    assert gone.code == 2
    assert (
        "here.npz: no such file\n  the run read its data there; say where the same file lies now by --data" in gone.err
    )
    Path("away/here.npz").rename("away/renamed.npz")
    assert call("evaluate", "run", "--data", "away/renamed.npz") == first
    Path("run/metrics.json").unlink()  # it has not ended: its checkpoint is gone on with
    assert call("train", "run", "--resume", "--data", "away/renamed.npz").code == 0
    assert call("train", morphology, "--data", "away/renamed.npz", "--epochs", 1, "--out", "run", "--resume").code == 0
    np.savez("away/here.npz", **made | {"x_test": made["x_test"] / 2})
    for command in (("evaluate", "run"), ("analyse", "run"), ("train", "run", "--resume")):
        other = call(*command, "--data", "away/here.npz")
        assert other.code == 2 and "not the data that the run was trained on" in other.err
    useless = call("analyse", "run", "--parts", "weights", "--data", "away/here.npz")
    assert (useless.code, useless.err) == (2, "error: --data: no data is read for weights\n  leave it out\n")


def test_how_data_were_read_is_printed_as_a_note(call: Call, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (40, 8, 8)).astype(float)
    np.savez("raw.npz", x_train=x, y_train=np.arange(40) % 2, x_test=x, y_test=np.arange(40) % 2)
    result = call("train", small.morphology_file(tmp_path), "--data", "raw.npz", "--epochs", 1, "--out", "run")
    assert result.code == 0
    assert result.err == (
        "note: raw.npz: inputs of stream 'image' are floats from 0 to 255, which are taken as they are; save pixels of "
        "0 to 255 as uint8, and scale other numbers to [0, 1]\n"
    )


# What is printed is printable


def test_nothing_that_is_printed_commands_the_terminal(call: Call) -> None:
    """Names come from files of others: what a terminal would obey, or what would turn the line around, is shown."""
    hostile = "\x1b]0;owned\x07\x1b[2J\u202egnp\r\x9b31m"
    result = call("show", hostile)
    assert result.code == 2
    assert r"\x1b]0;owned\x07\x1b[2J\u202egnp\r\x9b31m" in result.err
    np.savez("mine.npz", **{hostile: np.zeros(3)})
    result = call("train", "dann-lrf", "--data", "mine.npz")
    assert r"there are: \x1b]0;owned\x07\x1b[2J\u202egnp\r\x9b31m" in result.err
    folder = Path(f"run{hostile.replace('/', '')}")
    assert call("train", "dann-lrf", "--epochs", "abc", "--out", folder).code == 2
    assert not set(result.err) & set(map(chr, [*range(9), *range(11, 32), *range(127, 160)]))


def test_what_a_program_prints_is_left_as_it_is(call: Call, capsys: pytest.CaptureFixture[str]) -> None:
    stream = Printable(sys.stdout)
    assert stream.write("µ × é 名\u00a0:\ttab\n") == 14
    stream.writelines(["a\x1b", "\udcff\n"])
    assert capsys.readouterr().out == "µ × é 名\u00a0:\ttab\na\\x1b\\udcff\n"
    assert stream.encoding == sys.stdout.encoding
    before = sys.stdout, sys.stderr
    call("list")
    assert (sys.stdout, sys.stderr) == before
