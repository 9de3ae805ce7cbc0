"""Tasks that are learnt one after the other: a data set is cut into several, each with its own name.

split         each task has some of the classes: `mnist/split-5/2` is the second of five, classes 2 and 3
domain-split  the same samples, with labels that count within the task (0 and 1 in each of `mnist/domain-split-5/…`)
permuted      each task has all samples, their pixels in an order of its own: `mnist/permuted-10/3`; the first task
              leaves them as they are
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from dendrograph.base.errors import DataError, clip
from dendrograph.base.suggestions import did_you_mean
from dendrograph.data.dataset import Dataset, Split, assemble

CLASS, TASK, DOMAIN = "class-incremental", "task-incremental", "domain-incremental"
SCENARIOS = {"split": (CLASS, TASK, DOMAIN), "permuted": (DOMAIN,)}  # of each protocol; the first is its default
KINDS = ("split", "domain-split", "permuted")  # the protocols as names of data sets say them
PERMUTATION_SEED = 0  # of all permutations, so that every network and every run has the same
MOST = 999  # tasks: three digits


@dataclass(frozen=True)
class Name:
    """The parts of the name of a task: the data set, the protocol, the number of tasks, and the task, from 1."""

    base: str
    kind: str
    tasks: int
    task: int

    def __str__(self) -> str:
        return f"{self.base}/{self.kind}-{self.tasks}/{self.task}"


def parse(name: str, known: Collection[str]) -> Name | None:
    """Parse the name of a task; None if it is not the name of a task.

    Args:
        name: as `data.load` takes it.
        known: names of data sets.

    Raises:
        DataError: it begins like the name of a task, but is not one.
    """
    base, rest = _parts(name, known)
    if not rest:
        return None
    found = re.fullmatch(r"([a-z-]+)-([1-9][0-9]{0,2})/([1-9][0-9]{0,2})", rest)
    if found is None or found[1] not in KINDS:
        kind = re.sub(r"-?[0-9]*(/.*)?$", "", rest)
        near = "" if kind in KINDS else f"  {did_you_mean(kind, KINDS, 'protocols')}\n"
        raise DataError(
            f"'{clip(name)}' names no task of a data set\n{near}"
            f"  write {base}/split-5/2 for the second of five tasks (1 to {MOST}, no leading zero)"
        )
    return Name(base, found[1], int(found[2]), int(found[3]))


def _parts(name: str, known: Collection[str]) -> tuple[str, str]:
    """The data set, and what follows its slash: empty where there is none."""
    if name.lower().endswith(".npz"):
        return name, ""
    own = re.fullmatch(r"(.+\.npz)/(.*)", name, re.IGNORECASE | re.DOTALL)
    base, slash, rest = (own[1], "/", own[2]) if own else name.partition("/")
    if not slash or not (own or base in known):
        return name, ""
    return base, rest or "?"


@dataclass(frozen=True, eq=False)
class Tasks:
    """A data set cut into tasks, and the scenario: the information that the network has about the task.

    The scenarios are those of van de Ven & Tolias (arXiv:1904.07734, 2019; with Tuytelaars in Nature Machine
    Intelligence 4, 1185, 2022): the classes among which the network chooses.

    class-incremental: the class among all classes, of all tasks
    task-incremental: the class among those of the task, which the network is told
    domain-incremental: the class within the task, of which the network is not told which it is

    Attributes:
        whole: the data set.
        protocol: `split` or `permuted`.
        number: how many tasks, 2 or more.
        scenario: one of `SCENARIOS[protocol]`; by default the first.

    Raises:
        DataError: the data set cannot be cut so.
    """

    whole: Dataset
    protocol: str
    number: int
    scenario: str | None = None

    def __post_init__(self) -> None:
        if self.protocol not in SCENARIOS:
            known = did_you_mean(self.protocol, SCENARIOS, "protocols")
            raise DataError(f"unknown protocol '{clip(str(self.protocol))}'\n  {known}")
        allowed = SCENARIOS[self.protocol]
        if self.scenario is None:
            object.__setattr__(self, "scenario", allowed[0])
        if self.scenario not in allowed:
            known = did_you_mean(self.scenario, allowed, f"of {self.protocol}")
            raise DataError(f"no scenario '{clip(str(self.scenario))}'\n  {known}")
        if re.search(rf"/({'|'.join(KINDS)})-[0-9]+/[0-9]+$", self.whole.name):
            raise DataError(f"{self.whole.name}: is a task already\n  name the whole data set")
        if type(self.number) is not int or not 2 <= self.number <= MOST:
            raise DataError(f"{self.number!r} tasks\n  give a whole number from 2 to {MOST}")
        if self.protocol == "split" and self.number not in (fits := _divisors(self.whole.classes)):
            can = f"it can be split into {_listed(fits)}" if fits else "it cannot be split: take the protocol permuted"
            raise DataError(
                f"{self.whole.name}: {self.whole.classes} classes do not make {self.number} tasks of as many classes "
                f"each, two or more\n  {can}"
            )

    @property
    def kind(self) -> str:
        """The protocol as it is written in names of data sets."""
        return "domain-split" if self.protocol == "split" and self.scenario == DOMAIN else self.protocol

    @property
    def classes(self) -> int:
        """The number of units of the readout."""
        return self._per_task if self.kind == "domain-split" else self.whole.classes

    @property
    def _per_task(self) -> int:
        return self.whole.classes // self.number if self.protocol == "split" else self.whole.classes

    def name(self, task: int) -> str:
        """The name of a task's data set; tasks are counted from 1."""
        return str(Name(self.whole.name, self.kind, self.number, task))

    def about(self, task: int) -> str:
        """The content of a task in words."""
        if self.protocol == "split":
            first = (task - 1) * self._per_task
            return f"classes {_listed(range(first, first + self._per_task))}"
        return "pixels as they are" if task == 1 else f"pixels in permutation {task}"

    def answers(self, task: int) -> range:
        """The classes among which a network chooses, in the loss and when it is tested."""
        if self.scenario == TASK:
            return range((task - 1) * self._per_task, task * self._per_task)
        return range(self.classes)

    def check_samples(self) -> None:
        """Check by the labels that every task has samples.

        Raises:
            DataError: naming the task and the split.
        """
        for number in range(1, self.number + 1):
            self._check_samples(number)

    def _check_samples(self, number: int) -> None:
        for part, split in self._parts.items():
            if not len(self._rows(split, number)):
                what = f"the {part} split of {self.whole.name} has no sample of {self.about(number)}"
                raise DataError(f"{self.name(number)}: {what}\n  every task needs samples in every split")

    def task(self, number: int) -> Dataset:
        """The data set of a task, made again at each call."""
        self._check_samples(number)
        whole, name = self.whole, self.name(number)
        arrays: dict[str, torch.Tensor] = {}
        for part, split in self._parts.items():
            made = self._cut(split, number)
            arrays |= {f"x_{part}_{stream}": tensor for stream, tensor in made.inputs.items()}
            arrays[f"y_{part}"] = made.labels
        source = f"{whole.source}: task {number} of {self.number}, {self.about(number)}"
        made_of = assemble(arrays, name=name, source=source, where=f"{name}: ", classes=self.classes, scale=whole.scale)
        if not whole.origin:
            return made_of
        given = str(Name(str(whole.origin["name_or_path"]), self.kind, self.number, number))
        return replace(made_of, origin={**whole.origin, "name_or_path": given})

    def test(self, number: int) -> Split:
        """The test split of a task alone."""
        return self._cut(self.whole.test, number)

    @property
    def _parts(self) -> dict[str, Split]:
        parts = {"train": self.whole.train, "val": self.whole.validation, "test": self.whole.test}
        return {part: split for part, split in parts.items() if split is not None}

    def _rows(self, split: Split, task: int) -> torch.Tensor:
        """The rows of the samples of a task."""
        if self.protocol == "permuted":
            return torch.arange(len(split))
        return (split.labels // self._per_task == task - 1).nonzero().flatten()

    def _cut(self, split: Split, task: int) -> Split:
        if self.protocol == "permuted":
            return Split({stream: _permuted(x, stream, task) for stream, x in split.inputs.items()}, split.labels)
        mine = split.take(self._rows(split, task))
        return mine if self.kind == "split" else Split(mine.inputs, mine.labels % self._per_task)


def derive(whole: Dataset, name: Name) -> Dataset:
    """The task of that name, of its data set.

    Raises:
        DataError: the data set cannot be cut so, or has fewer tasks.
    """
    protocol = "permuted" if name.kind == "permuted" else "split"
    scenario = DOMAIN if name.kind in ("permuted", "domain-split") else CLASS
    tasks = Tasks(whole, protocol, name.tasks, scenario)
    if name.task > name.tasks:
        raise DataError(f"{name}: there is no task {name.task} of {name.tasks}\n  tasks: 1 to {name.tasks}")
    return tasks.task(name.task)


def permutation(shape: tuple[int, ...], stream: str, task: int) -> NDArray[np.int64]:
    """The source of each position in a sample of a permuted task, shape (positions,).

    It is the same for every data set of that shape.

    Channels, the last of three axes, stay together. The first task is as it was.
    """
    positions = math.prod(shape[:2] if len(shape) == 3 else shape)
    if task == 1:
        return np.arange(positions)
    return np.random.default_rng([PERMUTATION_SEED, task, *stream.encode()]).permutation(positions)


def _permuted(samples: torch.Tensor, stream: str, task: int) -> torch.Tensor:
    order = torch.from_numpy(permutation(tuple(samples.shape[1:]), stream, task))
    return samples.reshape(len(samples), len(order), -1).index_select(1, order).reshape(samples.shape)


def _divisors(classes: int) -> list[int]:
    return [number for number in range(2, min(classes // 2, MOST) + 1) if classes % number == 0]


def _listed(numbers: Collection[int]) -> str:
    *most, last = map(str, numbers)
    return f"{', '.join(most)} and {last}" if most else last
