"""Trainings as one graph: each ends as it would by itself, whatever becomes of the others."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import small
import torch

from dendrograph import DendriticNetwork, Morphology, Run, TrainConfig, build, compile, datasets, train
from dendrograph.base.errors import DataError, DendrographError, RunError, TrainingError
from dendrograph.cli.main import main
from dendrograph.training.ensemble import Joint, reasons_against, train_together
from dendrograph.training.train import Interrupted

SEEDS = (0, 1, 2)


def network(seed: int = 0, name: str = "dann-lrf", **knobs: Any) -> DendriticNetwork:
    return build(name, (8, 8), 10, seed, overrides={"somata": 8, "dendrites": 4, **knobs})


def networks(**knobs: Any) -> list[DendriticNetwork]:
    return [network(seed, **knobs) for seed in SEEDS]


def configs(**settings: Any) -> list[TrainConfig]:
    return [TrainConfig(**{"epochs": 3, "seed": seed, "device": "cpu", **settings}) for seed in SEEDS]


def folders(path: Path, name: str) -> list[Path]:
    return [path / f"{name}{seed}" for seed in SEEDS]


def alone(
    nets: Sequence[DendriticNetwork], data: Any, settings: Sequence[TrainConfig], outs: Sequence[Path]
) -> list[Run]:
    return [
        train(net, data, config, out, progress=False) for net, config, out in zip(nets, settings, outs, strict=True)
    ]


def near(found: Any, expected: Any) -> None:
    """Two trainings of the same thing, whose sums were made in another order."""
    assert isinstance(found, Run), found
    for mine, its in zip(found.history, expected.history, strict=True):
        assert mine == pytest.approx(its, rel=1e-4)
    for split in ("test", "validation"):
        assert found.metrics[split]["accuracy"] == expected.metrics[split]["accuracy"]
        assert found.metrics[split]["confusion"] == expected.metrics[split]["confusion"]
    for key in ("epochs", "weights_of_epoch", "parameters"):
        assert found.metrics[key] == expected.metrics[key]
    states = [run.parse_checkpoint(run.read_checkpoint() or b"") for run in (found, expected)]
    for name, tensor in found.network().state_dict().items():
        other = expected.network().state_dict()[name]
        # Where a gradient is nothing but rounding Adam makes a step of it: no single weight tells, but all together do.
        assert (tensor - other).norm() <= 1e-4 * other.norm(), name
    mine, its = (state["optimizer"]["state"][0] for state in states)
    assert mine.keys() == its.keys()
    for name, value in its.items():
        torch.testing.assert_close(mine[name], value, rtol=1e-3, atol=1e-6)
    assert states[0]["optimizer"]["param_groups"] == states[1]["optimizer"]["param_groups"]


def content(folder: Path) -> dict[str, Any]:
    """All that a run is, but for times."""
    metrics = {**json.loads((folder / "metrics.json").read_text()), "seconds": None, "sha256": None}
    return {name: (folder / name).read_bytes() for name in ("weights.safetensors", "history.csv", "run.json")} | metrics


# The law


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"optimizer": "sgd", "lr": 0.05},
        {"optimizer": "rmsprop", "noise": 0.3, "sequential": True},
        {"optimizer": "adamw", "validation": 0.3, "batch_size": 77},
    ],
    ids=lambda settings: "+".join(settings) or "adam",
)
def test_each_ends_as_by_itself(settings: dict[str, Any], tmp_path: Path) -> None:
    data = datasets.load("digits")
    expected = alone(networks(), data, configs(**settings), folders(tmp_path, "alone"))
    nets = networks()
    found = train_together(nets, data, configs(**settings), folders(tmp_path, "together"))
    for run, other, net in zip(found, expected, nets, strict=True):
        near(run, other)
        assert isinstance(run, Run) and {path.name for path in run.folder.iterdir()} == small.FILES
        assert run.identity == other.identity
        assert not net.training
        for name, tensor in run.network().state_dict().items():
            assert torch.equal(tensor, net.state_dict()[name]), "the networks are trained in place"
    assert len({run.metrics["test"]["loss"] for run in expected}) == len(SEEDS), "the members differ"


@pytest.mark.parametrize("name", ["vann", "asymmetric-pyramidal"])
def test_other_kinds_of_networks(name: str, tmp_path: Path) -> None:
    data, nets = (
        small.digits(),
        [[build(name, (8, 8), 10, seed, overrides={"somata": 6}) for seed in SEEDS] for _ in "ab"],
    )
    expected = alone(nets[0], data, configs(epochs=2), folders(tmp_path, "alone"))
    for run, other in zip(
        train_together(nets[1], data, configs(epochs=2), folders(tmp_path, "together")), expected, strict=True
    ):
        near(run, other)


def test_sizes_epochs_noise_and_order_may_differ(tmp_path: Path) -> None:
    data = datasets.load("digits")
    nets = [[network(0, somata=4), network(1, dendrites=7), network(2, synapses=5)] for _ in "ab"]
    plain = configs()
    settings = [replace(plain[0], epochs=1), replace(plain[1], noise=0.2), replace(plain[2], sequential=True)]
    expected = alone(nets[0], data, settings, folders(tmp_path, "alone"))
    found = train_together(nets[1], data, settings, folders(tmp_path, "together"))
    for run, other in zip(found, expected, strict=True):
        near(run, other)


def test_a_data_sets_own_validation_split(tmp_path: Path) -> None:
    whole = datasets.load("digits").train
    x, y = whole.inputs["image"].float() / 16, whole.labels
    data = datasets.from_tensors(x[:500], y[:500], x[500:600], y[500:600], x_val=x[600:700], y_val=y[600:700])
    expected = alone(networks(), data, configs(epochs=2), folders(tmp_path, "alone"))
    found = train_together(networks(), data, configs(epochs=2), folders(tmp_path, "together"))
    for run, other in zip(found, expected, strict=True):
        near(run, other)


def test_one_network_is_trained_as_ever(tmp_path: Path) -> None:
    data = small.digits()
    expected = train(network(), data, configs()[0], tmp_path / "alone", progress=False)
    (run,) = train_together([network()], data, configs()[:1], [tmp_path / "together"])
    assert isinstance(run, Run) and content(run.folder) == content(expected.folder)


def test_the_same_seeds_give_the_same_bits(tmp_path: Path) -> None:
    data = small.digits()
    for name in "ab":
        train_together(networks(), data, configs(), folders(tmp_path, name))
    for one, other in zip(folders(tmp_path, "a"), folders(tmp_path, "b"), strict=True):
        assert content(one) == content(other)


def test_the_callers_random_numbers_stay_as_they_were(tmp_path: Path) -> None:
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    train_together(networks(), small.digits(), configs(epochs=1), folders(tmp_path, "run"))
    assert torch.equal(torch.rand(3), expected)


def test_run_json_says_how_many_were_trained_together(tmp_path: Path) -> None:
    (run, *_) = train_together(networks(), small.digits(), configs(epochs=1), folders(tmp_path, "run"))
    assert isinstance(run, Run) and run.record["surroundings"]["networks together"] == 3


def test_what_is_frozen_stays_so(tmp_path: Path) -> None:
    data, nets = small.digits(), [networks() for _ in "ab"]
    for net in (*nets[0], *nets[1]):
        next(iter(net.weights.values())).requires_grad_(False)
    expected = alone(nets[0], data, configs(epochs=2), folders(tmp_path, "alone"))
    found = train_together(nets[1], data, configs(epochs=2), folders(tmp_path, "together"))
    for run, other in zip(found, expected, strict=True):
        near(run, other)
    with_one_frozen = [nets[1][0], network(1)]
    assert "have other parameters that are not trained: weights.image->" in reason(with_one_frozen, configs()[:2])


# Each by itself: stopping early, failing, having ended


def test_each_stops_early_by_itself(tmp_path: Path) -> None:
    data, settings = small.digits(), configs(epochs=40, early_stop=True, patience=2, lr=0.05)
    expected = alone(networks(), data, settings, folders(tmp_path, "alone"))
    found = train_together(networks(), data, settings, folders(tmp_path, "together"))
    assert len({run.metrics["epochs"] for run in expected}) > 1, "they stop at several epochs"
    for run, other in zip(found, expected, strict=True):
        assert isinstance(run, Run)
        assert run.metrics["epochs"] == other.metrics["epochs"]
        assert run.metrics["weights_of_epoch"] == other.metrics["weights_of_epoch"]
        assert run.metrics["test"]["loss"] == pytest.approx(other.metrics["test"]["loss"], rel=1e-2)


@pytest.mark.parametrize("weight", [1e30, 3e38, float("nan")])
@pytest.mark.parametrize("name", ["dann-lrf", "vann"])
def test_who_fails_fails_alone(name: str, weight: float, tmp_path: Path) -> None:
    data = small.digits()

    def made() -> list[DendriticNetwork]:
        nets = networks(name=name)
        with torch.no_grad():
            for parameter in nets[1].weights.values():
                parameter.fill_(weight)
        return nets

    expected = alone(made()[::2], data, configs()[::2], folders(tmp_path, "alone")[::2])
    with pytest.raises(TrainingError) as own:
        alone(made()[1:2], data, configs()[1:2], folders(tmp_path, "alone")[1:2])
    first, failed, last = train_together(made(), data, configs(), folders(tmp_path, "together"))
    assert isinstance(failed, TrainingError) and str(failed) == str(own.value)
    near(first, expected[0])
    near(last, expected[1])
    assert not Run.open(folders(tmp_path, "together")[1]).finished


def test_who_is_suspected_wrongly_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever passes an epoch by itself is trained together with the others again."""
    data, epoch, seen = small.digits(), Joint.epoch, []

    def once(joint: Joint, number: int, *more: Any) -> Any:
        seen.append((number, len(joint.members)))
        found = epoch(joint, number, *more)
        return [None, *found[1:]] if seen == [(1, 3)] else found

    expected = alone(networks(), data, configs(), folders(tmp_path, "alone"))
    monkeypatch.setattr(Joint, "epoch", once)
    found = train_together(networks(), data, configs(), folders(tmp_path, "together"))
    assert seen == [(1, 3), (1, 2), (2, 3), (3, 3)]
    for run, other in zip(found, expected, strict=True):
        near(run, other)


def test_what_has_ended_is_left_as_it_is(tmp_path: Path) -> None:
    data, outs = small.digits(), folders(tmp_path, "run")
    train_together(networks()[:2], data, configs()[:2], outs[:2])
    before = [{path.name: path.read_bytes() for path in out.iterdir()} for out in outs[:2]]
    nets = networks()
    found = train_together(nets, data, configs(), outs)
    assert [isinstance(run, Run) and run.finished for run in found] == [True] * 3
    assert [{path.name: path.read_bytes() for path in out.iterdir()} for out in outs[:2]] == before
    stored = Run.open(outs[0]).network().state_dict()
    assert all(torch.equal(tensor, stored[name]) for name, tensor in nets[0].state_dict().items())


def test_a_folder_that_is_damaged_is_one_members_fault(tmp_path: Path) -> None:
    data, outs = small.digits(), folders(tmp_path, "run")
    train_together(networks(), data, configs(epochs=1), outs)
    (outs[0] / "metrics.json").unlink()
    (outs[0] / "checkpoint.pt").write_bytes(b"damaged")
    outs[1].joinpath("weights.safetensors").unlink()
    (tmp_path / "run2" / "run.json").write_text("{}")
    first, second, third = train_together(networks(), data, configs(epochs=1), outs)
    assert isinstance(first, RunError) and "checkpoint.pt: damaged" in str(first)
    assert isinstance(second, RunError) and "weights.safetensors: cannot be read" in str(second)
    assert isinstance(third, RunError) and "run.json: damaged" in str(third)


def test_without_resume_a_run_that_is_there_is_refused(tmp_path: Path) -> None:
    data, outs = small.digits(), folders(tmp_path, "run")
    train_together(networks()[:1], data, configs(epochs=1)[:1], outs[:1])
    first, *others = train_together(networks(), data, configs(epochs=1), outs, resume=False)
    assert isinstance(first, RunError) and "a run is there already" in str(first)
    assert all(isinstance(run, Run) for run in others)


# Going on


@pytest.fixture
def stopping(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Ctrl-C in the middle of the epoch that is named."""
    when, epoch = {"at": 0}, Joint.epoch

    def stops(joint: Joint, number: int, *more: Any) -> Any:
        if number == when["at"]:
            raise KeyboardInterrupt
        return epoch(joint, number, *more)

    monkeypatch.setattr(Joint, "epoch", stops)
    return when


@pytest.mark.parametrize("settings", [{}, {"optimizer": "sgd"}], ids=["adam", "sgd"])
def test_what_was_stopped_goes_on_to_the_same_bits(
    settings: dict[str, Any], tmp_path: Path, stopping: dict[str, int]
) -> None:
    data = small.digits()
    train_together(networks(), data, configs(**settings), folders(tmp_path, "whole"))
    stopping["at"] = 3
    with pytest.raises(Interrupted, match=r"run0 2, .*run1 2, .*run2 2\n  go on with them: train_together"):
        train_together(networks(), data, configs(**settings), folders(tmp_path, "run"))
    stopping["at"] = 0
    train_together(networks(), data, configs(**settings), folders(tmp_path, "run"))
    for one, other in zip(folders(tmp_path, "whole"), folders(tmp_path, "run"), strict=True):
        assert content(one) == content(other)


def test_train_goes_on_with_one_and_together_with_the_others(tmp_path: Path, stopping: dict[str, int]) -> None:
    """One of three is carried on by itself for an epoch; the others catch up before they are joined."""
    data, outs = datasets.load("digits"), folders(tmp_path, "run")
    expected = alone(networks(), data, configs(epochs=4), folders(tmp_path, "alone"))
    stopping["at"] = 2
    with pytest.raises(Interrupted):
        train_together(networks(), data, configs(epochs=4), outs)
    stopping["at"] = 0
    assert main_goes_on(outs[0]) == 0
    near(Run.open(outs[0]), expected[0])
    found = train_together(networks(), data, configs(epochs=4), outs)
    for run, other in zip(found, expected, strict=True):
        near(run, other)


def main_goes_on(folder: Path) -> int:
    """`dendrograph train FOLDER --resume`."""
    import sys

    before, sys.argv = sys.argv, ["dendrograph", "train", str(folder), "--resume"]
    try:
        main()
    except SystemExit as stopped:
        return int(stopped.code or 0)
    finally:
        sys.argv = before
    return 0


def test_those_behind_catch_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, outs, keep, seen = small.digits(), folders(tmp_path, "run"), Run.save_checkpoint, []

    def stops(run: Run, state: Any) -> None:
        keep(run, state)
        if run.folder == outs[1] and len(state["history"]) == 1:
            raise KeyboardInterrupt  # the third has no checkpoint of this epoch

    expected = alone(networks(), data, configs(), folders(tmp_path, "alone"))
    monkeypatch.setattr(Run, "save_checkpoint", stops)
    with pytest.raises(Interrupted, match=r"run0 1, .*run1 1, .*run2 0"):
        train_together(networks(), data, configs(), outs)
    monkeypatch.setattr(Run, "save_checkpoint", keep)
    epoch = Joint.epoch
    monkeypatch.setattr(Joint, "epoch", lambda joint, number, show: seen.append(number) or epoch(joint, number, show))
    found = train_together(networks(), data, configs(), outs)
    assert seen == [2, 3], "the third makes its first epoch by itself"
    for run, other in zip(found, expected, strict=True):
        near(run, other)


# What is refused


def reason(nets: Sequence[DendriticNetwork], settings: Sequence[TrainConfig]) -> str:
    (found,) = reasons_against(nets, settings)
    return found


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({"lr": 0.1}, "lr 0.001 and 0.1"),
        ({"batch_size": 64}, "batch_size 128 and 64"),
        ({"optimizer": "sgd"}, "optimizer adam and sgd"),
        ({"validation": 0.2}, "validation 0.1 and 0.2"),
    ],
    ids=str,
)
def test_what_one_step_decides_for_all_must_be_the_same(changed: dict[str, Any], found: str) -> None:
    plain = TrainConfig(device="cpu")
    assert reason([network(0), network(1)], [plain, replace(plain, **changed)]) == f"networks 0 and 1 have {found}"


def test_kernels_and_types_must_be_the_same() -> None:
    pair = [network(0), DendriticNetwork(network(1).graph, "fused")]
    assert reason(pair, configs()[:2]) == "networks 0 and 1 have kernels auto and fused"
    pair = [network(0), network(1).double()]
    assert reason(pair, configs()[:2]) == "networks 0 and 1 have weights of torch.float32 and torch.float64"


def test_what_cannot_be_trained_together_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    data = small.digits()
    graph = compile(Morphology.from_dict(small.MORPHOLOGY), data.shapes, data.classes)
    nets = [DendriticNetwork(graph, seed=seed) for seed in SEEDS]
    with pytest.raises(DendrographError) as refused:
        train_together(nets, data, configs(), folders(tmp_path, "run"))
    assert str(refused.value) == (
        "these 3 networks cannot be trained together\n"
        "  hidden/basal has dropout, whose random numbers would be others than those of a training of its own\n"
        "  hidden/soma has dropout, whose random numbers would be others than those of a training of its own\n"
        "  train each by itself"
    )
    assert not any(out.exists() for out in folders(tmp_path, "run"))


def test_several_processes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dendrograph.training.ensemble.started", lambda: 2)
    assert reason([network()], configs()[:1]).startswith("2 processes train together here")


def test_arguments_that_do_not_fit_each_other(tmp_path: Path) -> None:
    data, outs = small.digits(), folders(tmp_path, "run")
    with pytest.raises(DendrographError, match=r"^3 networks, 2 configurations and 3 run folders\n"):
        train_together(networks(), data, configs()[:2], outs)
    with pytest.raises(RunError, match="the folder of two runs"):
        train_together(networks()[:2], data, configs()[:2], [outs[0], tmp_path / "more" / ".." / "run0"])
    with pytest.raises(DendrographError, match="network 1 stands twice"):
        train_together([network()] * 2, data, configs()[:2], outs[:2])
    with pytest.raises(DendrographError, match=r"^3 networks and 1 configurations\n"):
        reasons_against(networks(), configs()[:1])
    assert train_together([], data, [], []) == []


def test_data_that_do_not_fit_are_each_members_error(tmp_path: Path) -> None:
    nets = [build("dann-lrf", (4, 8), 10, seed, overrides={"somata": 4}) for seed in SEEDS]
    found = train_together(nets, small.digits(), configs(), folders(tmp_path, "run"))
    assert all(isinstance(error, DataError) and "does not fit the network" in str(error) for error in found)


def test_progress_shows_means(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = train_together(networks(), small.digits(), configs(epochs=2), folders(tmp_path, "run"), progress=True)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in lines] == ["epoch 1/2", "epoch 2/2"]
    mean = sum(run.history[-1]["train_loss"] for run in found if isinstance(run, Run)) / 3
    assert f"loss {mean:.4f}" in lines[-1]
