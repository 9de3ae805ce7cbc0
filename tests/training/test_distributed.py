"""Several processes train one network: as one alone would, the same every time, and with one voice.

A process here is forked off one that has PyTorch imported, in the surroundings that `torchrun` gives (its environment
variables, and the store that its agent holds). `torchrun` itself starts the command in one test.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import small
import torch
import torch.distributed as dist
from cases import for_each
from safetensors.torch import load_file, save_file
from small import train_named

from dendrograph import DendriticNetwork, Run, TrainConfig, build, train
from dendrograph.base.errors import RunError
from dendrograph.cli.main import main
from dendrograph.data.dataset import Dataset
from dendrograph.network.kernels import KERNELS
from dendrograph.training.distributed import ALONE, Ranks, join

SECONDS = 60  # after which a process is taken to hang


@dataclass(frozen=True)
class Outcome:
    """How a process ended, and what it printed."""

    code: int | None
    out: str
    err: str


def as_rank(rank: int, size: int, port: int, folder: Path, target: Callable[..., Any], arguments: Any) -> None:
    """In its process: what torchrun's worker finds when it begins."""
    os.environ |= {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(size),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "TORCHELASTIC_USE_AGENT_STORE": "True",
        "TORCHELASTIC_RESTART_COUNT": "0",
    }
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, name in ((1, "out"), (2, "err")):
        descriptor = os.open(folder / f"{rank}.{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(descriptor, number)
    target(*arguments)


class Together:
    """Processes that train together. With a list of arguments for each, they differ.

    Like torchrun, it ends the others as soon as one has failed.
    """

    def __init__(self, size: int, folder: Path, target: Callable[..., Any], *arguments: Any, each: Any = None) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.store = dist.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
        self.processes = [
            small.processes.Process(
                target=as_rank, args=(rank, size, self.store.port, folder, target, each[rank] if each else arguments)
            )
            for rank in range(size)
        ]
        for process in self.processes:
            process.start()

    def signal(self, number: int) -> None:
        for process in self.processes:
            if process.pid is not None and process.is_alive():
                os.kill(process.pid, number)

    def wait(self, patience: float = SECONDS / 2) -> list[Outcome]:
        """Wait for all; once one has failed, the others have so many seconds to say what they have to say."""
        end = time.monotonic() + SECONDS
        while any(process.is_alive() for process in self.processes) and time.monotonic() < end:
            time.sleep(0.01)
            if any(process.exitcode for process in self.processes):
                end = min(end, time.monotonic() + patience)
        hung = [rank for rank, process in enumerate(self.processes) if process.is_alive()]
        self.signal(signal.SIGKILL)
        for process in self.processes:
            process.join()
        assert not hung, f"processes {hung} did not end; {self.outcomes()}"
        return self.outcomes()

    def outcomes(self) -> list[Outcome]:
        def text(rank: int, name: str) -> str:
            path = self.folder / f"{rank}.{name}"
            return path.read_text() if path.exists() else ""

        return [
            Outcome(process.exitcode, text(rank, "out"), text(rank, "err"))
            for rank, process in enumerate(self.processes)
        ]


def together(size: int, folder: Path, target: Callable[..., Any], *arguments: Any, each: Any = None) -> list[Outcome]:
    return Together(size, folder, target, *arguments, each=each).wait()


def well(outcomes: list[Outcome]) -> None:
    assert [outcome.code for outcome in outcomes] == [0] * len(outcomes), outcomes


def go(words: list[str]) -> None:
    main(words)


def go_slowly(words: list[str]) -> None:
    """From the fourth epoch on: there is time to stop it."""
    from dendrograph.training import train as training

    make = training.reporter

    def slow(progress: bool) -> Any:
        show = make(progress)
        show.batch = lambda epoch, *_: time.sleep(0.1 if epoch > 3 else 0)
        return show

    training.reporter = slow
    go(words)


def files(folder: Path) -> dict[str, Any]:
    """All that must be equal: every file but the checkpoint (it holds the time), and no time."""
    names = {path.name for path in folder.iterdir()}
    assert names == small.FILES | small.FIGURES
    content: dict[str, Any] = {name: (folder / name).read_bytes() for name in names - {"checkpoint.pt"}}
    content["metrics.json"] = {**json.loads(content["metrics.json"]), "seconds": None, "sha256": None}
    return content


def assert_alike(one: Path, other: Path, samples: int) -> None:
    """The same but for the last digits; a sample or two may be taken for another class."""
    first, second = Run.open(one), Run.open(other)
    for section in ("config", "data", "graph", "network"):
        assert first.record[section] == second.record[section], section
    ours, theirs = load_file(one / "weights.safetensors"), load_file(other / "weights.safetensors")
    assert ours.keys() == theirs.keys()
    for name, tensor in ours.items():
        torch.testing.assert_close(tensor, theirs[name], rtol=1e-4, atol=1e-4)
    assert len(first.history) == len(second.history)
    for row, wanted in zip(first.history, second.history, strict=True):
        for key, value in row.items():
            assert value == pytest.approx(wanted[key], rel=1e-4, abs=2.5 / samples if "accuracy" in key else 1e-9), key
    for part in ("test", "validation"):
        assert first.metrics[part]["samples"] == second.metrics[part]["samples"]
        assert np.abs(np.subtract(first.metrics[part]["confusion"], second.metrics[part]["confusion"])).sum() <= 4
    assert first.metrics["weights_of_epoch"] == second.metrics["weights_of_epoch"]
    assert first.record["surroundings"]["processes"] != second.record["surroundings"]["processes"]


# What a process is given


@for_each("size", [1, 2, 3, 4, 7])
@for_each("number", [0, 1, 2, 3, 5, 6, 128, 1001])
def test_shares_are_a_partition_into_nearly_equal_parts(size: int, number: int) -> None:
    shares = [Ranks(rank, size).share(number) for rank in range(size)]
    assert [row for share in shares for row in range(number)[share]] == list(range(number))
    sizes = [share.stop - share.start for share in shares]
    assert max(sizes) - min(sizes) <= 1 and sum(sizes) == number


def test_a_process_alone_needs_no_other() -> None:
    assert ALONE == Ranks(0, 1) and ALONE.first and not Ranks(1, 2).first
    tensor = torch.arange(3.0)
    ALONE.sum(tensor)
    ALONE.agree({"settings": "any"})
    assert tensor.tolist() == [0, 1, 2]
    assert ALONE.send(b"abc") == b"abc" and ALONE.send(b"") == ALONE.send(None) == b""
    assert join("cpu") == ALONE
    assert not dist.is_initialized()


CONTENTS = (b"", b"one", b"", bytes(range(256)) * 5000, b"\0")


def exchange(folder: Path) -> None:
    """Everything that processes say to each other, checked in each of them."""
    rank = int(os.environ["RANK"])
    ranks = join("cpu")
    assert ranks == Ranks(rank, 3) and ranks.first == (rank == 0)
    assert join("cpu") == ranks, "a second training is among the same processes"
    for content in CONTENTS:
        assert ranks.send(content if ranks.first else None) == content
    for dtype in (torch.float32, torch.float64, torch.int64):
        tensor = torch.tensor([rank, 10**rank], dtype=dtype)
        ranks.sum(tensor)
        assert tensor.tolist() == [3, 111]
    ranks.agree({"a": "same", "b": "too"})
    for facts in ({"a": str(rank == 2), "b": "same", "c": str(rank > 0)}, {"a": str(rank)}):
        with pytest.raises(RunError) as error:
            ranks.agree(facts)
        print(error.value)


def test_what_processes_say_to_each_other(tmp_path: Path) -> None:
    outcomes = together(3, tmp_path / "said", exchange, tmp_path)
    well(outcomes)
    told = (
        "the processes do not train the same thing: these differ from process 0\n  {}\n"
        "  start all with the same arguments, files and versions\n"
    )
    assert {outcome.out for outcome in outcomes} == {
        told.format("a: process 2\n  c: process 1, 2") + told.format("a: process 1, 2")
    }


def join_again_and_again() -> None:
    """With pauses that let now one, now another process come first."""
    rank = int(os.environ["RANK"])
    for number in range(12):
        ranks = join("cpu")
        tensor = torch.ones(1)
        ranks.sum(tensor)
        assert tensor.item() == ranks.size
        time.sleep(0.02 * ((number + rank) % 3))
        time.sleep(0.02 * ((number + 2 * rank) % 3))


def test_processes_join_as_often_as_they_like(tmp_path: Path) -> None:
    """A script may train one network after the other."""
    well(together(2, tmp_path / "said", join_again_and_again))


# The same training


def plain_file(folder: Path) -> Path:
    """The small morphology without dropout, which each process draws for its own samples."""
    path = folder / "plain.yaml"
    text, turned = re.subn(r"dropout: [0-9.]+", "dropout: 0.0", small.morphology_file(folder).read_text())
    assert turned == 2
    path.write_text(text)
    return path


STREAMS = """
name: two-streams
inputs: {signal: auto, cue: auto}
neurons:
  gated:
    nonlinearity: leaky_relu
    dendrites:
      - name: basal
        count: 4
        nonlinearity: relu
        synapses:
          - {from: signal, count: 6, field: random}
          - {from: cue, field: all}
layers:
  - {neuron: gated, count: 8}
"""


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two morphologies and two data sets."""
    folder = tmp_path_factory.mktemp("sources")
    plain_file(folder)
    (folder / "streams.yaml").write_text(STREAMS)
    rng = np.random.default_rng(0)
    arrays: dict[str, np.ndarray] = {}
    for part, samples in (("train", 300), ("test", 50)):
        signal, cue = rng.normal(size=(samples, 8)).astype(np.float32), rng.integers(0, 2, (samples, 1))
        labels = np.where(cue[:, 0] > 0, signal[:, :4].sum(1), signal[:, 4:].sum(1)) > 0
        arrays |= {f"x_{part}_signal": signal, f"x_{part}_cue": cue.astype(np.float32), f"y_{part}": labels.astype(int)}
    np.savez(folder / "gated.npz", **arrays)
    data = small.digits(310)
    for name, samples in (("few.npz", 310), ("fewer.npz", 300)):
        np.savez(
            folder / name,
            x_train=(data.train.inputs["image"][:samples] * 255).byte().numpy(),
            y_train=data.train.labels[:samples].numpy(),
            x_test=(data.test.inputs["image"] * 255).byte().numpy(),
            y_test=data.test.labels.numpy(),
        )
    return folder


# Of 310 samples 31 are for validation; of the other 279, the last batch of 139 holds a single one.
CASES: Mapping[str, list[str]] = {
    "adam": ["plain.yaml", "--epochs", "4"],
    "early stop": ["plain.yaml", "--epochs", "60", "--early-stop", "--lr", "0.05"],
    "noise": ["plain.yaml", "--epochs", "3", "--noise", "0.3", "--optimizer", "adamw"],
    "sequential": ["plain.yaml", "--epochs", "3", "--sequential", "--optimizer", "rmsprop"],
    "two streams": ["streams.yaml", "--epochs", "4", "--batch-size", "32", "--lr", "0.01"],
    "an empty share": ["plain.yaml", "--epochs", "3", "--batch-size", "139", "--optimizer", "sgd"],
}


def words(sources: Path, case: list[str], out: Path) -> list[str]:
    data = "gated.npz" if case[0] == "streams.yaml" else "few.npz"
    return ["train", str(sources / case[0]), *case[1:], "--data", str(sources / data), "--out", str(out)]


def every_case(sources: Path, folder: Path) -> None:
    for case, arguments in CASES.items():
        with pytest.raises(SystemExit) as ended:
            main(words(sources, arguments, folder / case))
        assert ended.value.code == 0


@pytest.fixture(scope="module")
def trained(sources: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every case by one process, by two and by three, in a folder for each number."""
    folder = tmp_path_factory.mktemp("trained")
    every_case(sources, folder / "1")
    for size in (2, 3):
        well(together(size, folder / f"said{size}", every_case, sources, folder / str(size)))
    return folder


@pytest.mark.parametrize("size", [2, 3])
@pytest.mark.parametrize("case", CASES)
def test_several_train_as_one_alone(case: str, size: int, trained: Path) -> None:
    assert_alike(trained / str(size) / case, trained / "1" / case, samples=31)
    if case == "early stop":
        metrics = Run.open(trained / str(size) / case).metrics
        assert metrics["weights_of_epoch"] < metrics["epochs"] < 60
    if case == "an empty share":
        assert 279 % 139 == 1, "in the last batch, all processes but one have nothing to do"


def by_every_kernel(folder: Path) -> None:
    data = small.digits()
    for kernel in KERNELS:
        network = build("dann-lrf", data.shapes, data.classes, kernel=kernel.name, overrides={"somata": 8})
        config = TrainConfig(epochs=2, batch_size=359)
        train(network, data, config, folder / kernel.name, progress=False)


def test_an_empty_share_is_no_trouble_to_any_kernel(tmp_path: Path) -> None:
    """360 samples to train with: the second batch has one sample for three processes."""
    well(together(3, tmp_path / "said", by_every_kernel, tmp_path))
    losses = {kernel.name: Run.open(tmp_path / kernel.name).history[-1]["validation_loss"] for kernel in KERNELS}
    assert losses == {name: pytest.approx(losses["reference"], rel=1e-4) for name in losses}


def test_the_same_number_of_processes_gives_the_same_bits(sources: Path, tmp_path: Path) -> None:
    """With dropout, of which each process draws its own."""
    case = ["small.yaml", "--epochs", "3", "--noise", "0.2", "--early-stop"]
    for name in ("one", "other"):
        well(together(3, tmp_path / "said", go, words(sources, case, tmp_path / name)))
    assert files(tmp_path / "one") == files(tmp_path / "other")


def test_each_process_draws_dropout_of_its_own(tmp_path: Path) -> None:
    from dendrograph.training.splits import derived_seed

    names = ["dropout", *(f"dropout {rank}" for rank in range(1, 20))]
    assert len({derived_seed(seed, name, epoch) for seed in range(5) for name in names for epoch in range(5)}) == 500


# One voice


def test_one_writes_and_one_speaks(sources: Path, tmp_path: Path) -> None:
    outcomes = together(3, tmp_path / "said", go, words(sources, CASES["adam"], tmp_path / "run"))
    well(outcomes)
    first, *others = outcomes
    assert re.fullmatch(r"(epoch \d/4  loss .*left\n){4}test accuracy .*, 100 samples\nresults: .*/run\n", first.out), (
        first.out
    )
    assert all(not outcome.out for outcome in others) and all(not outcome.err for outcome in outcomes)
    assert {path.name for path in (tmp_path / "run").iterdir()} == small.FILES | small.FIGURES
    assert {path.name for path in tmp_path.iterdir()} == {"run", "said"}


COMMAND = """
import atexit, os, sys
from pathlib import Path

@atexit.register  # what is registered first is called last
def list_threads() -> None:
    tasks = Path("/proc/self/task")  # as Linux lists them
    threads = [task.joinpath("comm").read_text() for task in tasks.iterdir()] if tasks.is_dir() else []
    Path("threads" + os.environ["RANK"]).write_text("".join(threads))

from dendrograph.cli.main import main
main()
"""


def test_torchrun_starts_the_command(sources: Path, tmp_path: Path) -> None:
    """The command itself, with a knob that changes nothing: that is told once; and the default folder is one.

    No thread that exchanges tensors outlives the training: it could abort the process while the interpreter ends.
    """
    (tmp_path / "command.py").write_text(COMMAND)
    launch = [sys.executable, "-W", "error", "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    case = ["dann-lrf", "--epochs", "2", "--set", "somata=8"]
    done = subprocess.run(
        [*launch, "command.py", "train", *case],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=SECONDS * 2,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(
        r"(epoch \d/2  loss .*\n){2}test accuracy .*\nresults: runs/dann-lrf-digits-seed0\n", done.stdout
    )
    assert done.stderr == ""
    (folder,) = (tmp_path / "runs").iterdir()
    assert {path.name for path in folder.iterdir()} == small.FILES | small.FIGURES
    assert Run.open(folder).record["surroundings"]["processes"] == 2
    threads = [(tmp_path / f"threads{rank}").read_text() for rank in range(2)]
    assert not any("gloo" in names for names in threads), threads


# What is refused


def refused(outcomes: list[Outcome], message: str) -> None:
    """All say so and end, without a traceback; all but the first say who they are."""
    for rank, outcome in enumerate(outcomes):
        assert outcome.code == 2, outcomes
        assert outcome.err == (f"process {rank}: " if rank else "") + f"error: {message}\n"
        assert outcome.out == ""


def test_processes_that_differ_are_refused_with_what_differs(sources: Path, tmp_path: Path) -> None:
    own = words(sources, CASES["adam"], tmp_path / "run")
    told = "the processes do not train the same thing: these differ from process 0\n  {}\n  start all with the same "
    told += "arguments, files and versions"
    others = {
        "settings: process 1\n  wiring: process 1\n  initial weights: process 1": [*own, "--seed", "1"],
        "settings: process 1": [*own, "--lr", "0.01"],
        "data: process 1": [str(sources / "fewer.npz") if word.endswith("few.npz") else word for word in own],
    }
    for different, other in others.items():
        refused(together(2, tmp_path / "said", go, each=[(own,), (other,)]), told.format(different))
        assert not (tmp_path / "run").exists()
    other = [*own, "--kernel", "reference"]
    for outcome in together(2, tmp_path / "said", go, each=[(own,), (other,)]):
        assert outcome.code == 2 and re.search(r"differ from process 0\n  kernels?: process 1\n", outcome.err), outcome


def test_an_error_ends_all(sources: Path, tmp_path: Path) -> None:
    """One that each process meets, each tells; one that only the first can meet, it tells, and no other hangs."""
    outcomes = together(2, tmp_path / "said", go, ["train", "dann-lrg", "--out", str(tmp_path / "run")])
    message = outcomes[0].err.removeprefix("error: ").removesuffix("\n")
    assert "dann-lrg" in message and "did you mean 'dann-lrf'?" in message
    refused(outcomes, message)
    own = words(sources, CASES["adam"], tmp_path / "run")
    with pytest.raises(SystemExit):
        main(own)
    before = {path: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    first, second = together(2, tmp_path / "said", go, own)
    assert first.code == 2 and first.out == second.out == ""
    assert first.err.startswith(f"error: {tmp_path / 'run'}: a run is there already\n  go on with it by --resume")
    assert second.code == 2 and "Traceback" not in second.err
    assert {path: path.read_bytes() for path in (tmp_path / "run").iterdir()} == before


def test_a_loss_that_is_not_finite_stops_all(sources: Path, tmp_path: Path) -> None:
    own = [*words(sources, CASES["adam"], tmp_path / "run"), "--lr", "1e20"]
    for rank, outcome in enumerate(together(2, tmp_path / "said", go, own)):
        assert outcome.code == 2
        assert outcome.err.startswith(("process 1: " if rank else "") + "error: epoch 1, after ")
        assert "no epoch was finished" in outcome.err and "Traceback" not in outcome.err


# Stopped and gone on with


LONG = ["small.yaml", "--epochs", "30", "--early-stop", "--noise", "0.1", "--lr", "0.0001"]


def begun(sources: Path, tmp_path: Path) -> Together:
    """Two processes in the midst of a training of which some epochs are done."""
    processes = Together(2, tmp_path / "said", go_slowly, words(sources, LONG, tmp_path / "run"))
    end = time.monotonic() + SECONDS
    try:
        while "epoch  3/" not in processes.outcomes()[0].out:
            assert time.monotonic() < end and all(process.is_alive() for process in processes.processes)
            time.sleep(0.01)
    except AssertionError:
        processes.signal(signal.SIGKILL)
        raise
    return processes


@pytest.fixture(scope="module")
def whole(sources: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("whole")
    well(together(2, folder / "said", go, words(sources, LONG, folder / "run")))
    return files(folder / "run")


def test_killed_and_gone_on_with(sources: Path, whole: dict[str, Any], tmp_path: Path) -> None:
    processes = begun(sources, tmp_path)
    processes.signal(signal.SIGKILL)
    first, second = processes.wait()
    # The second may find the first gone before it is killed itself.
    assert first.code == -signal.SIGKILL and second.code in (-signal.SIGKILL, 2)
    run = Run.open(tmp_path / "run")
    assert not run.finished and 3 <= run.epochs_kept < 30
    well(together(2, tmp_path / "said", go, [*words(sources, LONG, run.folder), "--resume"]))
    assert files(run.folder) == whole
    outcomes = together(2, tmp_path / "said", leave_the_weights, run.folder, tmp_path)
    well(outcomes)
    assert outcomes[0].out == f"{run.folder}: the run has ended; nothing to do\n" and outcomes[1].out == ""
    assert (tmp_path / "0").read_bytes() == (tmp_path / "1").read_bytes()
    assert files(run.folder) == whole


def leave_the_weights(folder: Path, under: Path) -> None:
    """Go on with a run that has ended: every process gets its weights, ready for use."""
    run = Run.open(folder)
    network = DendriticNetwork(run.graph())
    config = TrainConfig.from_record(run.record["config"])
    again = train(network, run.dataset(), config, folder, resume=True)
    assert not network.training
    assert again.finished and again.metrics["epochs"] == len(again.history)
    save_file(network.state_dict(), under / os.environ["RANK"])


def test_interrupted_and_gone_on_with(sources: Path, whole: dict[str, Any], tmp_path: Path) -> None:
    processes = begun(sources, tmp_path)
    processes.signal(signal.SIGINT)
    first, second = processes.wait()
    run = Run.open(tmp_path / "run")
    kept = run.epochs_kept
    assert not run.finished and 3 <= kept < 30
    told = f"{run.folder}: interrupted; epoch {kept} is the last that was finished and kept\n"
    assert first.err == f"{told}  go on with it: dendrograph train {run.folder} --resume\n"
    assert first.code == 130 and second.code in (130, 2)  # it may find the first gone before it is interrupted itself
    assert "Traceback" not in second.err and "no epoch was finished" not in second.err
    outcomes = together(2, tmp_path / "said", go, ["train", str(run.folder), "--resume"])
    well(outcomes)
    assert outcomes[0].out.startswith(f"epoch {kept + 1:2}/30  ")
    assert files(run.folder) == whole


def test_another_number_of_processes_goes_on_with_a_word(sources: Path, tmp_path: Path) -> None:
    processes = begun(sources, tmp_path)
    processes.signal(signal.SIGKILL)
    processes.wait()
    (first, *_) = outcomes = together(3, tmp_path / "said", go, ["train", str(tmp_path / "run"), "--resume"])
    well(outcomes)
    told = "the run began with processes 2 and goes on with 3: results may differ in the last digits\n"
    assert first.out.startswith(told) and first.out.count(told) == 1


@pytest.mark.parametrize("gone", [0, 1])
def test_one_that_is_killed_leaves_no_other_behind(gone: int, sources: Path, tmp_path: Path) -> None:
    processes = begun(sources, tmp_path)
    processes.processes[gone].kill()
    other = processes.wait()[1 - gone]
    assert other.code == 2 and "Traceback" not in other.err, other


# From Python


def in_python(folder: Path) -> None:
    """Two trainings one after the other; what is true of each process is asserted in it."""
    data, rank = small.digits(), int(os.environ["RANK"])
    for number in range(2):
        network = build("dann-lrf", data.shapes, data.classes, overrides={"somata": 8})
        run = train(network, data, TrainConfig(epochs=2, seed=number), folder / f"run{number}", progress=False)
        assert run.folder == folder / f"run{number}" and not network.training
        assert run.finished and run.metrics["epochs"] == len(run.history) == 2
        assert all(torch.equal(network.state_dict()[name], own) for name, own in run.network().state_dict().items())
        save_file(network.state_dict(), folder / f"{number}-{rank}")


def test_from_python_every_process_has_the_run_and_the_network(tmp_path: Path) -> None:
    outcomes = together(3, tmp_path / "said", in_python, tmp_path)
    well(outcomes)
    assert all(not outcome.out and not outcome.err for outcome in outcomes)
    for number in range(2):
        assert len({(tmp_path / f"{number}-{rank}").read_bytes() for rank in range(3)}) == 1


def in_a_group_of_ones_own(folder: Path) -> None:
    dist.init_process_group("gloo")
    data: Dataset = small.digits()
    network = build("dann-lrf", data.shapes, data.classes, overrides={"somata": 8})
    train(network, data, TrainConfig(epochs=1), folder / "run", progress=False)
    assert dist.is_initialized() and dist.get_world_size() == 2
    dist.destroy_process_group()


def test_a_group_that_is_there_is_used_and_left_as_it_was(tmp_path: Path) -> None:
    well(together(2, tmp_path / "said", in_a_group_of_ones_own, tmp_path))
    assert Run.open(tmp_path / "run").record["surroundings"]["processes"] == 2


# Surroundings that are not torchrun's


@pytest.mark.parametrize(
    "variables",
    [{"MASTER_ADDR": "127.0.0.1"}, {"WORLD_SIZE": "4"}, {"RANK": "1"}, {"MASTER_ADDR": "127.0.0.1", "WORLD_SIZE": "1"}],
)
def test_left_over_variables_make_no_group(
    variables: dict[str, str], sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    run = train_named(str(sources / "plain.yaml"), settings={"epochs": 1}, out=tmp_path / "run", progress=False)
    assert run.record["surroundings"]["processes"] == 1


@pytest.mark.parametrize(
    "variables",
    [
        {"WORLD_SIZE": "two", "RANK": "0", "MASTER_PORT": "29500"},
        {"WORLD_SIZE": "2", "RANK": "first", "MASTER_PORT": "29500"},
        {"WORLD_SIZE": "2", "MASTER_PORT": "29500"},
        {"WORLD_SIZE": "2", "RANK": "0"},
        {"WORLD_SIZE": "2", "RANK": "0", "MASTER_PORT": "port"},
    ],
)
def test_variables_that_say_nothing_are_refused_in_words(
    variables: dict[str, str],
    sources: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in {"MASTER_ADDR": "127.0.0.1", **variables}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as ended:
        main(words(sources, CASES["adam"], tmp_path / "run"))
    assert ended.value.code == 2
    assert capsys.readouterr().err.removeprefix("process 1: ").startswith("error: ")
    assert not (tmp_path / "run").exists()
