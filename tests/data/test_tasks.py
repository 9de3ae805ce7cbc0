"""Tasks of a data set: split, they are a partition of it; permuted, they are its samples in another order of pixels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from dendrograph import Run, TrainConfig, build, train
from dendrograph.base.errors import DataError
from dendrograph.data import load as data
from dendrograph.data.dataset import Dataset
from dendrograph.data.tasks import CLASS, DOMAIN, TASK, Tasks, parse, permutation
from dendrograph.training.evaluation import evaluate


def message(action: Callable[[], object]) -> str:
    with pytest.raises(DataError) as caught:
        action()
    return str(caught.value)


def rows(dataset: Dataset, part: str = "train") -> list[tuple[int, ...]]:
    """Every sample with its label, sorted."""
    split = getattr(dataset, part)
    flat = split.inputs["image"].flatten(1).numpy()
    return sorted(map(tuple, np.column_stack([flat, split.labels.numpy()]).tolist()))


@pytest.mark.parametrize("part", ["train", "test"])
@pytest.mark.parametrize("number", [2, 5])
def test_split_tasks_are_a_partition_of_samples_and_of_classes(number: int, part: str) -> None:
    tasks = [data.load(f"digits/split-{number}/{task}") for task in range(1, number + 1)]
    assert sorted(chain.from_iterable(rows(task, part) for task in tasks)) == rows(data.load("digits"), part)
    labels = [getattr(task, part).labels.unique().tolist() for task in tasks]
    assert list(chain.from_iterable(labels)) == list(range(10)), "in the order of the classes"
    assert all(len(each) == 10 // number for each in labels)
    assert {task.classes for task in tasks} == {10}


def test_labels_of_a_domain_split_count_within_the_task() -> None:
    for task in (1, 3):
        plain, domain = (data.load(f"digits/{kind}-5/{task}") for kind in ("split", "domain-split"))
        assert domain.classes == 2
        assert torch.equal(domain.train.inputs["image"], plain.train.inputs["image"])
        assert torch.equal(domain.test.labels, plain.test.labels - 2 * (task - 1))
        assert domain.digest != plain.digest or task == 1


def test_a_permuted_task_is_one_permutation_of_every_sample() -> None:
    digits, tasks = data.load("digits"), [data.load(f"digits/permuted-3/{task}") for task in (1, 2, 3)]
    for part in ("train", "test"):
        whole = getattr(digits, part)
        for task, permuted in enumerate(tasks, 1):
            split = getattr(permuted, part)
            order = permutation((8, 8), "image", task)
            assert sorted(order) == list(range(64))
            assert torch.equal(split.labels, whole.labels)
            for sample in (0, -1):
                assert split.inputs["image"][sample].flatten().tolist() == (
                    whole.inputs["image"][sample].flatten()[order].tolist()
                )
    assert torch.equal(tasks[0].train.inputs["image"], digits.train.inputs["image"]), "the first is as it was"
    assert tasks[0].digest == digits.digest
    assert len({task.digest for task in tasks}) == 3


def test_a_permutation_depends_on_task_and_shape_and_on_nothing_else() -> None:
    assert data.load("digits/permuted-3/2").digest == data.load("digits/permuted-9/2").digest
    orders = [permutation((8, 8), "image", task).tolist() for task in range(1, 9)]
    assert len({tuple(order) for order in orders}) == 8
    assert permutation((8, 8), "image", 2).tolist() == permutation((64,), "image", 2).tolist() == orders[1]
    assert permutation((8, 8), "left", 2).tolist() != orders[1], "each stream has its own"


def test_channels_stay_together() -> None:
    images = torch.arange(2 * 4 * 5 * 3, dtype=torch.uint8).reshape(2, 4, 5, 3)
    whole = data.from_tensors(images, [0, 1], images, [0, 1])
    for split in (Tasks(whole, "permuted", 2, DOMAIN).task(2).train, Tasks(whole, "permuted", 2, DOMAIN).test(2)):
        pixels = split.inputs["image"].reshape(2, 20, 3)
        assert torch.equal(pixels[:, :, 1], pixels[:, :, 0] + 1)
        assert sorted(map(tuple, pixels[0].tolist())) == sorted(map(tuple, images[0].reshape(20, 3).tolist()))
        assert not torch.equal(pixels, images.reshape(2, 20, 3))


def test_what_a_data_set_has_of_its_own_is_kept() -> None:
    x, y = torch.rand(8, 3), torch.arange(8) % 4
    whole = data.from_tensors({"a": x, "b": 1 - x}, y, {"a": x, "b": x}, y, x_val={"a": x, "b": x}, y_val=y)
    task = Tasks(replace(whole, scale=7.0), "split", 2, CLASS).task(2)
    assert task.scale == 7 and task.origin == {} and task.shapes == whole.shapes
    assert task.validation is not None and task.validation.labels.tolist() == [2, 3, 2, 3]
    assert torch.equal(task.train.inputs["b"], (1 - x)[y >= 2])


def test_answers_are_the_classes_that_the_scenario_leaves() -> None:
    digits = data.load("digits")
    for scenario, readout, answers in ((CLASS, 10, range(10)), (TASK, 10, range(2, 4)), (DOMAIN, 2, range(2))):
        tasks = Tasks(digits, "split", 5, scenario)
        assert (tasks.classes, tasks.answers(2)) == (readout, answers)
        assert set(tasks.task(2).test.labels.tolist()) <= set(answers)
        assert tasks.task(2).digest == data.load(tasks.name(2)).digest
    assert Tasks(digits, "permuted", 5, DOMAIN).answers(2) == range(10)


@pytest.mark.slow
def test_a_task_is_an_ordinary_data_set_of_an_npz_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digits = data.load("digits")
    arrays = {"x_train": digits.train.inputs["image"][:300], "x_test": digits.test.inputs["image"]}
    np.savez(tmp_path / "own.npz", **arrays, y_train=digits.train.labels[:300], y_test=digits.test.labels)
    monkeypatch.chdir(tmp_path)
    task = data.load("own.npz/split-5/4")
    assert task.name == "own/split-5/4" and task.train.labels.unique().tolist() == [6, 7]
    assert task.origin == {"name_or_path": f"{tmp_path}/own.npz/split-5/4", "data_dir": None}
    run = train(build("dann-lrf", task.shapes, overrides={"somata": 4}), task, TrainConfig(epochs=1), progress=False)
    monkeypatch.chdir("/")
    folder = tmp_path / run.folder
    assert Run.open(folder).dataset().digest == task.digest
    assert evaluate(folder).samples == len(task.test)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("digits/", "'digits/' names no task of a data set\n  protocols: domain-split, permuted, split\n"),
        ("digits/splt-5/1", "'digits/splt-5/1' names no task of a data set\n  did you mean 'split'? protocols: "),
        ("digits/split-5", "'digits/split-5' names no task of a data set\n  write digits/split-5/2 for the second of "),
        ("digits/split-5/0", "'digits/split-5/0' names no task of a data set\n  write digits/split-5/2 for"),
        ("digits/split-05/1", "'digits/split-05/1' names no task"),
        ("digits/split-5/٢", "'digits/split-5/٢' names no task"),
        ("digits/split-5/1/permuted-2/1", "'digits/split-5/1/permuted-2/1' names no task"),
        ("digits/split-5/6", "digits/split-5/6: there is no task 6 of 5\n  tasks: 1 to 5"),
        ("digits/permuted-2/3", "digits/permuted-2/3: there is no task 3 of 2\n  tasks: 1 to 2"),
        ("digits/permuted-1/1", "1 tasks\n  give a whole number from 2 to 999"),
        (
            "digits/split-3/1",
            "digits: 10 classes do not make 3 tasks of as many classes each, two or more\n  "
            "it can be split into 2 and 5",
        ),
        ("digits/split-10/1", "digits: 10 classes do not make 10 tasks of as many classes each, two or more\n"),
        ("digit/split-5/1", "unknown data set 'digit/split-5/1'\n"),
        ("none.npz/split-5/1", "none.npz: no such file\n"),
    ],
)
def test_a_name_that_is_none_is_told(name: str, wanted: str) -> None:
    assert message(lambda: data.load(name)).startswith(wanted)


def test_what_has_a_slash_and_is_no_task_is_left_alone() -> None:
    for name in ("digits", "mnist/own.npz", "a/b/own.npz", "x.npz/own.npz", "other/split-5/1", ""):
        assert parse(name, ("digits", "mnist")) is None
    assert str(parse("a/B.NPZ/permuted-2/1", ())) == "a/B.NPZ/permuted-2/1"


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (("spilt", 5, CLASS), "unknown protocol 'spilt'\n  did you mean 'split'? protocols: permuted, split"),
        (("split", 5, "clas-incremental"), "no scenario 'clas-incremental'\n  did you mean 'class-incremental'? "),
        (("permuted", 5, TASK), "no scenario 'task-incremental'\n  "),
        (("permuted", 1, DOMAIN), "1 tasks\n  give a whole number from 2 to 999"),
        (("permuted", 2.0, DOMAIN), "2.0 tasks\n"),
        (("permuted", 1000, DOMAIN), "1000 tasks\n"),
    ],
)
def test_a_cut_that_cannot_be_is_told(given: Any, wanted: str) -> None:
    assert message(lambda: Tasks(data.load("digits"), *given)).startswith(wanted)


def test_too_few_classes_or_samples_are_told() -> None:
    x, y = torch.rand(6, 2), torch.arange(6) % 3
    assert message(lambda: Tasks(data.from_tensors(x, y, x, y), "split", 3, CLASS)) == (
        "tensors: 3 classes do not make 3 tasks of as many classes each, two or more\n"
        "  it cannot be split: take the protocol permuted"
    )
    lacking = data.from_tensors(x, y, x[:2], [0, 1], classes=4)
    assert message(lambda: Tasks(lacking, "split", 2, CLASS).task(2)) == (
        "tensors/split-2/2: the test split of tensors has no sample of classes 2 and 3\n"
        "  every task needs samples in every split"
    )
    assert message(Tasks(lacking, "split", 2, CLASS).check_samples).startswith("tensors/split-2/2: the test split of")
    Tasks(lacking, "permuted", 2, DOMAIN).check_samples()
    task = data.load("digits/split-5/1")
    assert message(lambda: Tasks(task, "permuted", 2, DOMAIN)).startswith("digits/split-5/1: is a task already\n")
