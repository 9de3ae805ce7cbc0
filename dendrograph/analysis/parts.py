"""The parts of an analysis: what each takes and which tables it makes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any

import torch

from dendrograph.analysis import activity, distributions, embedding, robustness
from dendrograph.analysis import learning_curves as generalisation
from dendrograph.analysis.disturbance import hold_samples
from dendrograph.analysis.lesions import removable
from dendrograph.analysis.single_lesions import units_of
from dendrograph.base.errors import DendrographError, clip, expect, setting
from dendrograph.base.suggestions import did_you_mean
from dendrograph.base.tables import Row
from dendrograph.data.batches import check_scaled
from dendrograph.data.dataset import Dataset, Split
from dendrograph.network.network import DendriticNetwork
from dendrograph.training.run import Run

Tables = Mapping[str, tuple[Row, ...]]


@dataclass(frozen=True)
class Settings:
    """What the parts of an analysis take; each setting is of use to the parts that `PARTS` names beside it.

    active: a unit is active where its activity is above this
    answers: a unit answers to a class where it is active in at least this share of its samples
    embeddings: of `embedding.METHODS`
    samples: at most so many are embedded at a time
    neighbours: of the scores of embeddings
    repeats: draws of samples, noise, patches or lesions; by default what each part takes: five embeddings, three others
    seed: of all that is drawn
    at_most: dendrites that are removed one at a time

    Raises:
        DendrographError: a value that is not allowed.
    """

    active: float = 0.0
    answers: float = 0.5
    embeddings: tuple[str, ...] = embedding.DEFAULT
    samples: int = embedding.SAMPLES
    neighbours: int = embedding.NEIGHBOURS
    repeats: int | None = None
    seed: int = 0
    at_most: int = 200

    def __post_init__(self) -> None:
        if not _is_number(self.active) or not math.isfinite(self.active):
            raise DendrographError(f"{setting('active')}: {self.active} is no threshold\n  give a finite number")
        if not _is_number(self.answers) or not 0 < self.answers <= 1:
            raise DendrographError(
                f"{setting('answers')}: {self.answers} is no share of samples\n  give a number above 0, and at most 1"
            )
        for name, least in (("samples", 3), ("neighbours", 1), ("repeats", 1), ("seed", 0), ("at_most", 1)):
            value = getattr(self, name)
            if (type(value) is not int or not least <= value < 2**32) and (name, value) != ("repeats", None):
                raise DendrographError(
                    f"{setting(name)}: found {clip(repr(value))}\n  give a whole number of at least {least}"
                )
        if type(self.embeddings) not in (tuple, list):
            raise DendrographError(f"embeddings: found {clip(repr(self.embeddings))}\n  give a tuple of names")
        embedding.require(self.embeddings)


@dataclass(frozen=True, eq=False)
class Subject:
    """What is analysed; `run` and `dataset` are there where it is a run.

    split: the samples as the run was tested on them, noise included
    scale: what bytes are divided by (`Dataset.scale`)
    """

    network: DendriticNetwork
    split: Split | None
    scale: float
    settings: Settings
    run: Run | None = None
    dataset: Dataset | None = None

    @property
    def samples(self) -> Split:
        """The split.

        Raises:
            DendrographError: it holds no sample.
        """
        if self.split is None or not len(self.split):
            raise DendrographError("there is no sample to analyse")
        return self.split


@dataclass(frozen=True)
class Part:
    """A part of an analysis.

    make: gives its tables
    settings: those of `Settings` that it uses
    hold: refuses what it cannot measure, before anything is measured
    data, run: whether it takes samples, and a run that has ended
    """

    make: Callable[[Subject], Tables]
    settings: tuple[str, ...] = ()
    hold: Callable[[Subject], None] | None = None
    data: bool = True
    run: bool = False


def _activity(subject: Subject) -> Tables:
    settings = subject.settings
    return activity.tables(subject.network, subject.samples, subject.scale, settings.active, settings.answers)


def _weights(subject: Subject) -> Tables:
    return distributions.tables(subject.network)


def _learning(subject: Subject) -> Tables:
    assert subject.run is not None and subject.dataset is not None
    return generalisation.tables(subject.run, subject.network, subject.dataset)


def _embedding(subject: Subject) -> Tables:
    split, settings = subject.samples, subject.settings
    repeats = embedding.REPEATS if settings.repeats is None else settings.repeats
    return embedding.tables(
        lambda rows: activity.recorded(subject.network, split.take(torch.from_numpy(rows)), subject.scale),
        split.labels.cpu().numpy(),
        settings.embeddings,
        settings.samples,
        settings.neighbours,
        repeats,
        settings.seed,
    )


def _hold_embedding(subject: Subject) -> None:
    settings = subject.settings
    embedding.refuse_too_few(subject.samples.labels.cpu().numpy(), settings.samples, settings.neighbours)


def _noise(subject: Subject) -> Tables:
    split, sigma = _without_noise(subject)
    drawn = _drawn(subject.settings)
    rows = robustness.noise(subject.network, split, subject.scale, **drawn, trained_sigma=sigma)
    return _with_summary("noise", rows, subject)


def _hold_noise(subject: Subject) -> None:
    _hold_samples(subject)
    with _or_leave_out("noise"):
        check_scaled(_without_noise(subject)[0])


def _without_noise(subject: Subject) -> tuple[Split, float]:
    """The samples to which noise is to be added, and the noise that the network was trained with."""
    if subject.run is None or subject.dataset is None:
        return subject.samples, 0.0
    return subject.dataset.test, subject.run.config.noise


def _hold_samples(subject: Subject) -> None:
    hold_samples(subject.network, subject.samples, subject.scale)


def _hold_lesions(subject: Subject) -> None:
    _hold_samples(subject)
    with _or_leave_out("lesions"):
        removable(subject.network.graph, None)
        units_of(subject.network.graph, None)


@contextmanager
def _or_leave_out(part: str) -> Iterator[None]:
    try:
        yield
    except DendrographError as error:
        raise DendrographError(f"{error}\n  or leave the part '{part}' out") from None


def _occlusion(subject: Subject) -> Tables:
    drawn = _drawn(subject.settings)
    rows = robustness.occlusion(subject.network, subject.samples, subject.scale, **drawn)
    return _with_summary("occlusion", rows, subject)


def _lesions(subject: Subject) -> Tables:
    network, split, scale, settings = subject.network, subject.samples, subject.scale, subject.settings
    rows = robustness.lesions(network, split, scale, **_drawn(settings))
    single = robustness.single_lesions(network, split, scale, settings.at_most, settings.seed)
    return {**_with_summary("lesions", rows, subject), "single_lesions": single}


def _with_summary(name: str, rows: tuple[Row, ...], subject: Subject) -> Tables:
    """The rows, and what their curves come to. Chance is among the classes that the samples have."""
    classes = len(subject.samples.labels.unique())
    return {name: rows, f"{name}_summary": robustness.summary(rows, classes)}


def _drawn(settings: Settings) -> dict[str, Any]:
    given = {} if settings.repeats is None else {"repeats": settings.repeats}
    return {**given, "seed": settings.seed}


PARTS: Mapping[str, Part] = {
    "activity": Part(_activity, ("active", "answers")),
    "weights": Part(_weights, data=False),
    "learning": Part(_learning, run=True),
    "embedding": Part(_embedding, ("embeddings", "samples", "neighbours", "repeats", "seed"), _hold_embedding),
    "noise": Part(_noise, ("repeats", "seed"), _hold_noise),
    "occlusion": Part(_occlusion, ("repeats", "seed"), _hold_samples),
    "lesions": Part(_lesions, ("repeats", "seed", "at_most"), _hold_lesions),
}
OF_A_NETWORK = ("activity", "weights")  # what is measured if nothing else is asked for
OF_A_RUN = (*OF_A_NETWORK, "learning")


def choose(parts: Iterable[str]) -> tuple[str, ...]:
    """The names of parts, in the order of `PARTS`; `all` is every one.

    Raises:
        DendrographError: one is none, or there is none.
    """
    asked = (parts,) if isinstance(parts, str) else tuple(parts)
    for name in asked:
        if name != "all" and name not in PARTS:
            raise DendrographError(
                f"unknown part '{clip(str(name))}' of an analysis\n  {did_you_mean(name, [*PARTS, 'all'], 'parts')}"
            )
    if not asked:
        raise DendrographError(f"there is no part to analyse\n  {did_you_mean('', [*PARTS, 'all'], 'parts')}")
    return tuple(name for name in PARTS if name in asked or "all" in asked)


def settings_for(chosen: Sequence[str], settings: Settings | None) -> Settings:
    """The settings. Each that is not at its default must be of use to a chosen part."""
    expect("settings", settings, Settings, None)
    settings = settings or Settings()
    for field in fields(Settings):
        users = [part for part in PARTS if field.name in PARTS[part].settings]
        if getattr(settings, field.name) != field.default and not set(users) & set(chosen):
            raise DendrographError(
                f"{setting(field.name)}: of no use to {', '.join(chosen)}\n"
                f"  leave it out, or ask for a part that uses it: {', '.join(users)}"
            )
    return settings


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)
