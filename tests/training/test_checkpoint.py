"""Checkpoints: sealed, and held to the run in every tensor and number before anything of them is used."""

from __future__ import annotations

import io
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import small
import torch
from small import train_named

from dendrograph.base.errors import RunError
from dendrograph.training import checkpoint
from dendrograph.training import loop as training
from dendrograph.training.run import Run

State = dict[str, Any]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was interrupted after its second epoch of three."""
    folder, keep = tmp_path_factory.mktemp("kept"), training.finish_epoch

    def stopped(loop: Any, state: Any, *more: Any) -> None:
        keep(loop, state, *more)
        if len(state.history) == 2:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dendrograph.training.loop.finish_epoch", stopped)
        settings = {"epochs": 3, "early_stop": True, "batch_size": 512}
        with pytest.raises(KeyboardInterrupt):
            train_named(str(small.morphology_file(folder)), settings=settings, out=folder / "run", progress=False)
    return folder / "run"


@pytest.fixture
def begun(kept: Path, tmp_path: Path) -> Path:
    shutil.copytree(kept, tmp_path / "run")
    return tmp_path / "run"


def state_of(folder: Path) -> State:
    return dict(torch.load(folder / "checkpoint.pt", weights_only=True))


def write(folder: Path, state: State, sealed: bool = True) -> None:
    if sealed:
        state.pop("sha256", None)
        state["sha256"] = checkpoint.digest(state)
    torch.save(state, folder / "checkpoint.pt")


def go_on(folder: Path) -> Run:
    return train_named(str(folder), resume=True, progress=False)


def refused(folder: Path) -> str:
    with pytest.raises(RunError) as error:
        go_on(folder)
    text = str(error.value)
    assert text.startswith(f"{folder / 'checkpoint.pt'}: ")
    assert text.endswith("\n  delete this file, and the run begins anew")
    return text.removeprefix(f"{folder / 'checkpoint.pt'}: ").splitlines()[0]


def vector(state: State, name: str = "exp_avg") -> Any:
    return state["optimizer"]["state"][0][name]


def put(*path: Any) -> Callable[[State], None]:
    """Put the last of these where the others lead."""
    *above, last, value = path

    def change(state: Any) -> None:
        for key in above:
            state = state[key]
        state[last] = value

    return change


def take(*path: Any) -> Callable[[State], None]:
    *above, last = path

    def change(state: Any) -> None:
        for key in above:
            state = state[key]
        del state[last]

    return change


def of_vector(make: Callable[[torch.Tensor], Any], name: str = "exp_avg") -> Callable[[State], None]:
    """Put what is made of the optimizer's vector in its place."""
    return lambda state: put(*STATE_OF_VECTOR, name, make(vector(state)))(state)


STATE_OF_VECTOR = ("optimizer", "state", 0)
ROW = dict.fromkeys(("train_loss", "train_accuracy", "validation_loss", "validation_accuracy"), 0.5)

MALFORMED: dict[str, tuple[Callable[[State], None], str]] = {
    "optimizer of one element": (put(*STATE_OF_VECTOR, "exp_avg", torch.zeros(1)), "optimizer.exp_avg"),
    "optimizer of one more element": (put(*STATE_OF_VECTOR, "exp_avg_sq", torch.zeros(10**4)), "optimizer.exp_avg_sq"),
    "optimizer of another type": (lambda s: s["optimizer"]["state"][0].update(exp_avg=vector(s).half()), "float16"),
    "optimizer is sparse": (lambda s: s["optimizer"]["state"][0].update(exp_avg=vector(s).to_sparse()), "tensor"),
    "optimizer is nested": (of_vector(lambda t: torch.nested.nested_tensor([t])), "expected a tensor"),
    "optimizer is negated when it is read": (of_vector(torch._neg_view), "expected a tensor"),
    "optimizer is conjugated when it is read": (
        of_vector(lambda t: torch.conj(t.to(torch.complex64))),
        "expected a tensor",
    ),
    "optimizer of bits": (of_vector(lambda t: torch.empty(t.shape, dtype=torch.bits8)), "expected a tensor"),
    "optimizer with squares below nothing": (of_vector(lambda t: -torch.ones_like(t), "exp_avg_sq"), "below 0"),
    "optimizer without a vector": (take(*STATE_OF_VECTOR, "exp_avg"), "has no exp_avg"),
    "optimizer with one more": (put(*STATE_OF_VECTOR, "more", torch.zeros(1)), "has more"),
    "optimizer of nothing": (put("optimizer", "state", {}), "optimizer.state"),
    "optimizer is a list": (put("optimizer", []), "'optimizer' is a list of 0, expected a mapping"),
    "optimizer is missing": (take("optimizer"), "'optimizer' is missing"),
    "steps never made": (put(*STATE_OF_VECTOR, "step", torch.tensor(1e9)), "optimizer.step"),
    "no groups": (put("optimizer", "param_groups", []), "param_groups"),
    "another rate": (put("optimizer", "param_groups", 0, "lr", 99.0), "optimizer.lr: 99.0, but the run's is 0.001"),
    "a rate in words": (put("optimizer", "param_groups", 0, "lr", "fast"), "optimizer.lr"),
    "other decay": (put("optimizer", "param_groups", 0, "betas", (0.5, 0.999)), "optimizer.betas"),
    "network is missing": (take("network"), "'network' is missing"),
    "network is a list": (put("network", [1]), "'network' is a list of 1"),
    "network of other shape": (put("network", "biases.readout", torch.zeros(1, 10)), "network.biases.readout"),
    "network of other type": (put("network", "biases.readout", torch.zeros(10).double()), "torch.float64"),
    "network with numbers": (put("network", "biases.readout", [0.0] * 10), "network.biases.readout"),
    "network without a tensor": (take("network", "biases.readout"), "has no biases.readout"),
    "network expanded": (put("network", "biases.readout", torch.zeros(1).expand(10**12)), "larger than the file"),
    "best of other shape": (put("best", "biases.readout", torch.zeros(9)), "best.biases.readout"),
    "best is missing": (put("best", {}), "best: has no"),
    "history of words": (put("history", ["one", "two"]), "history"),
    "history with nan": (put("history", 0, "train_loss", float("nan")), "history"),
    "history of other epochs": (put("history", 0, "epoch", 5), "history"),
    "history without a column": (take("history", 0, "train_loss"), "history"),
    "history too long": (put("history", [{"epoch": n, **ROW} for n in range(1, 9)]), "optimizer.step"),
    "history of none": (put("history", []), "history"),
    "an epoch far away": (put("best_epoch", 10**9), "best_epoch"),
    "an epoch in words": (put("best_epoch", "two"), "'best_epoch' is 'two', expected a whole number"),
    "another epoch": (put("best_epoch", 1), "best_epoch: 1, by its history it is 2"),
    "seconds in words": (put("seconds", "long"), "'seconds' is 'long'"),
    "seconds below nothing": (put("seconds", -1.0), "'seconds' is -1.0"),
    "seconds without end": (put("seconds", float("inf")), "'seconds' is inf"),
    "one more field": (put("more", 1), "it holds 'more', which no checkpoint has"),
}


# Those whose SHA-256 takes long, or that have none.
UNREADABLE = {"network expanded", *(name for name in MALFORMED if name.endswith(("is read", "nested", "of bits")))}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
@pytest.mark.parametrize("name", MALFORMED)
def test_what_does_not_fit_the_run_is_refused_although_it_is_sealed(name: str, begun: Path) -> None:
    change, told = MALFORMED[name]
    state = state_of(begun)
    change(state)
    state["sha256"] = ""
    if name not in UNREADABLE:
        state.pop("sha256")
        state["sha256"] = checkpoint.digest({key: _dense(value) for key, value in state.items()})
    torch.save(state, begun / "checkpoint.pt")
    before = {path.name: path.read_bytes() for path in begun.iterdir()}
    assert told in refused(begun)
    assert {path.name: path.read_bytes() for path in begun.iterdir()} == before


def _dense(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _dense(part) for key, part in value.items()}
    return value.to_dense() if isinstance(value, torch.Tensor) else value


@pytest.mark.parametrize(
    "lie",
    [
        lambda t: torch.stack([t, torch.zeros_like(t)], 1)[:, 0],
        lambda t: torch.cat([torch.zeros(3), t, torch.zeros(3)])[3:-3],
        lambda t: t.clone().requires_grad_(),
        torch.nn.Parameter,
    ],
    ids=["with gaps", "within another", "with a gradient", "a parameter"],
)
def test_values_are_what_counts_however_they_lie_in_memory(
    lie: Callable[[torch.Tensor], torch.Tensor], begun: Path, kept: Path, tmp_path: Path
) -> None:
    shutil.copytree(kept, tmp_path / "as it was")
    state = state_of(begun)
    for name in ("exp_avg", "exp_avg_sq"):
        of_optimizer = state["optimizer"]["state"][0]
        of_optimizer[name] = lie(of_optimizer[name])
    write(begun, state, sealed=False)
    assert go_on(begun).metrics["weights"] == go_on(tmp_path / "as it was").metrics["weights"]


def test_each_tensor_that_is_read_has_memory_of_its_own(begun: Path) -> None:
    state = state_of(begun)
    both = torch.zeros(1).expand(vector(state).shape)
    state["optimizer"]["state"][0].update(exp_avg=both, exp_avg_sq=both)
    name, weights = next(iter(state["network"].items()))
    state["network"][name] = torch.cat([weights.flatten(), torch.zeros(10**5)])[: weights.numel()].view(weights.shape)
    write(begun, state)
    read = Run.open(begun).parse_checkpoint((begun / "checkpoint.pt").read_bytes())
    one, other = vector(read), vector(read, "exp_avg_sq")
    assert one.is_contiguous()
    assert one.untyped_storage().nbytes() == one.numel() * one.element_size()
    assert one.untyped_storage().data_ptr() != other.untyped_storage().data_ptr()


@pytest.mark.parametrize("seal", [None, torch.zeros(1), ["x"]], ids=["none", "a tensor", "a list"])
def test_a_seal_that_is_no_text_is_refused(seal: Any, begun: Path) -> None:
    state = state_of(begun)
    state["sha256"] = seal
    write(begun, state, sealed=False)
    assert refused(begun) == "damaged or changed: its content is not what its SHA-256 says"


@pytest.mark.parametrize(
    "change",
    [
        lambda state: state["network"].update({key: value + 1 for key, value in state["network"].items()}),
        lambda state: state["best"].update({key: value + 1 for key, value in state["best"].items()}),
        lambda state: vector(state).add_(1),
        put("seconds", 5.0),
        put("history", 0, "train_accuracy", 0.99),
    ],
    ids=["weights", "best weights", "optimizer", "seconds", "history"],
)
def test_an_edited_value_is_not_taken(change: Callable[[State], None], begun: Path) -> None:
    state = state_of(begun)
    change(state)
    write(begun, state, sealed=False)
    assert refused(begun) == "damaged or changed: its content is not what its SHA-256 says"


def test_a_checkpoint_that_lost_its_seal_is_refused(begun: Path) -> None:
    state = state_of(begun)
    del state["sha256"]
    write(begun, state, sealed=False)
    assert refused(begun) == "damaged or changed: its content is not what its SHA-256 says"


def test_a_checkpoint_of_an_older_version_goes_on_to_the_same_result(begun: Path, kept: Path, tmp_path: Path) -> None:
    """It had no SHA-256: its weights are held to the losses of its history. Newer runs never had such a checkpoint."""
    shutil.copytree(kept, tmp_path / "new")
    state = state_of(begun)
    del state["sha256"]
    state["checkpoint_format"] = checkpoint.UNSEALED
    write(begun, state, sealed=False)
    assert "it has no SHA-256, which this run's checkpoints have had" in refused(begun)
    small.as_older(begun)
    for part in ("network", "best"):
        changed = {**state, part: {key: value + 1 for key, value in state[part].items()}}
        write(begun, changed, sealed=False)
        assert f"{part}: with these weights the validation loss is" in refused(begun)
    del state["optimizer"]["param_groups"][0]["amsgrad"]  # another version of PyTorch may not know it
    write(begun, state, sealed=False)
    assert Run.open(begun).epochs_kept == 2
    assert go_on(begun).metrics["weights"] == go_on(tmp_path / "new").metrics["weights"]


def test_a_checkpoint_that_unpacks_to_more_is_not_unpacked(begun: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = begun / "checkpoint.pt"
    stream = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.infolist():
            new.writestr(part.filename, bytes(10**7) if "/data/" in part.filename else old.read(part))
    path.write_bytes(stream.getvalue())

    def unpacked(*arguments: Any, **options: Any) -> None:
        raise AssertionError("it was unpacked")

    monkeypatch.setattr("torch.load", unpacked)
    monkeypatch.setattr("zipfile.ZipFile.testzip", unpacked)
    assert refused(begun) == "damaged, or no checkpoint"


def test_a_file_far_larger_than_any_checkpoint_of_the_run_is_not_read(begun: Path) -> None:
    with (begun / "checkpoint.pt").open("r+b") as file:
        file.truncate(2**40)  # takes no space
    with pytest.raises(RunError, match=r"checkpoint\.pt: damaged: it has 1,099,511,627,776 bytes"):
        go_on(begun)


@pytest.mark.parametrize("optimizer", ["adamw", "rmsprop", "sgd"])
def test_every_optimizer_goes_on_whatever_the_callers_default_type_is(optimizer: str, tmp_path: Path) -> None:
    morphology = str(small.morphology_file(tmp_path))
    finish_epoch = training.finish_epoch

    def stopped(*arguments: Any) -> None:
        finish_epoch(*arguments)
        raise KeyboardInterrupt

    settings = {"epochs": 2, "optimizer": optimizer, "batch_size": 512, "noise": 0.1}
    whole = train_named(morphology, settings=settings, out=tmp_path / "whole", progress=False)
    torch.set_default_dtype(torch.float64)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("dendrograph.training.loop.finish_epoch", stopped)
            with pytest.raises(KeyboardInterrupt):
                train_named(morphology, settings=settings, out=tmp_path / "run", progress=False)
    finally:
        torch.set_default_dtype(torch.float32)
    assert go_on(tmp_path / "run").metrics["weights"] == whole.metrics["weights"]
