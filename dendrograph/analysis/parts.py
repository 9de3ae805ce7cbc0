"""The parts of an analysis: one class per part, with its settings, checks and tables."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import torch

from dendrograph.analysis import activity, embedding_and_silhouette, learning_curves, robustness, weight_distributions
from dendrograph.analysis.embedding_and_silhouette import EmbeddingSettings
from dendrograph.analysis.lesions import lesions, removable
from dendrograph.analysis.robustness import Draws
from dendrograph.analysis.single_lesions import removable_units, single_lesions
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
    """The settings of the parts of an analysis. Each part uses those that its class lists.

    Attributes:
        active: Threshold of activity above which a unit is active.
        answers: Share of the samples of a class in which a unit must be active to respond to the class.
        embeddings: Names in `embedding_and_silhouette.METHODS`.
        samples: Maximal number of samples that are embedded at a time.
        neighbours: Number of neighbours in the scores of embeddings.
        repeats: Draws of samples, noise, patches or lesions; by default five for embeddings and three for the others.
        seed: Seed of all draws.
        at_most: Maximal number of dendrites that are removed one at a time.

    Raises:
        DendrographError: A value is not allowed.
    """

    active: float = 0.0
    answers: float = 0.5
    embeddings: tuple[str, ...] = tuple(EmbeddingSettings.methods)
    samples: int = EmbeddingSettings.samples
    neighbours: int = EmbeddingSettings.neighbours
    repeats: int | None = None
    seed: int = 0
    at_most: int = 200

    def __post_init__(self) -> None:
        if not _is_number(self.active) or not math.isfinite(self.active):
            raise DendrographError(
                f"{setting('active')}: found {self.active}, which is no threshold\n  give a finite number"
            )
        if not _is_number(self.answers) or not 0 < self.answers <= 1:
            raise DendrographError(
                f"{setting('answers')}: found {self.answers}, which is no share of samples\n"
                "  give a number above 0, and at most 1"
            )
        for name, least in (("samples", 3), ("neighbours", 1), ("repeats", 1), ("seed", 0), ("at_most", 1)):
            value = getattr(self, name)
            if (type(value) is not int or not least <= value < 2**32) and (name, value) != ("repeats", None):
                raise DendrographError(
                    f"{setting(name)}: found {clip(repr(value))}\n  give a whole number of at least {least}"
                )
        if type(self.embeddings) not in (tuple, list):
            raise DendrographError(f"embeddings: found {clip(repr(self.embeddings))}\n  give a tuple of names")
        embedding_and_silhouette.check_methods(self.embeddings)

    @property
    def draws(self) -> Draws:
        """The repeats and the seed of the measures of robustness."""
        return Draws(seed=self.seed) if self.repeats is None else Draws(repeats=self.repeats, seed=self.seed)

    @property
    def embedding(self) -> EmbeddingSettings:
        """The settings of embeddings."""
        return EmbeddingSettings(
            methods=self.embeddings,
            samples=self.samples,
            neighbours=self.neighbours,
            repeats=EmbeddingSettings.repeats if self.repeats is None else self.repeats,
            seed=self.seed,
        )


@dataclass(frozen=True, eq=False)
class MeasuredNetwork:
    """The network that an analysis measures, with its samples and settings.

    Attributes:
        split: The test samples, with the noise of the run.
        scale: Divisor of bytes (`Dataset.scale`).
        run: The run; None for a network from Python.
        dataset: The data of the run; None for a network from Python.
    """

    network: DendriticNetwork
    settings: Settings
    split: Split | None = None
    scale: float = 1.0
    run: Run | None = None
    dataset: Dataset | None = None

    @property
    def samples(self) -> Split:
        """The split.

        Raises:
            DendrographError: It has no samples.
        """
        if self.split is None or not len(self.split):
            raise DendrographError("there are no samples to analyse")
        return self.split

    @property
    def arguments(self) -> tuple[DendriticNetwork, Split, float]:
        """The network, samples and scale, as the measures take them."""
        return self.network, self.samples, self.scale


class Part(ABC):
    """A part of an analysis. Each part is a subclass, with one instance in `PARTS`.

    Attributes:
        name: The name of the part.
        settings: The names of the `Settings` that it uses.
        needs_data: Whether it needs samples.
        needs_run: Whether it needs a finished run.
    """

    name: ClassVar[str]
    settings: ClassVar[tuple[str, ...]] = ()
    needs_data: ClassVar[bool] = True
    needs_run: ClassVar[bool] = False

    @property
    def has_check(self) -> bool:
        """Whether the part has something to check before it is measured."""
        return type(self).check is not Part.check

    def check(self, measured: MeasuredNetwork) -> None:  # noqa: B027 (some parts have nothing to check)
        """Check, before anything is measured, that this part can be measured.

        Raises:
            DendrographError: It cannot.
        """

    @abstractmethod
    def tables(self, measured: MeasuredNetwork) -> Tables:
        """Return the tables of this part, by name."""


class Activity(Part):
    """Activity of units and groups."""

    name = "activity"
    settings = ("active", "answers")

    def tables(self, measured: MeasuredNetwork) -> Tables:
        """Return the tables `units`, `groups` and `hits`."""
        return activity.tables(*measured.arguments, measured.settings.active, measured.settings.answers)


class Weights(Part):
    """Distributions of weights."""

    name = "weights"
    needs_data = False

    def tables(self, measured: MeasuredNetwork) -> Tables:
        """Return the tables `weights` and `densities`."""
        return weight_distributions.tables(measured.network)


class Learning(Part):
    """Learning curves and generalisation gaps of a run."""

    name = "learning"
    needs_run = True

    def tables(self, measured: MeasuredNetwork) -> Tables:
        """Return the tables `learning` and `results`."""
        assert measured.run is not None and measured.dataset is not None
        return learning_curves.tables(measured.run, measured.network, measured.dataset)


class Embedding(Part):
    """Embeddings of the activity, and scores of the separation of classes."""

    name = "embedding"
    settings = ("embeddings", "samples", "neighbours", "repeats", "seed")

    def check(self, measured: MeasuredNetwork) -> None:
        """Check that there are enough samples and classes."""
        labels = measured.samples.labels.cpu().numpy()
        embedding_and_silhouette.check_enough_samples(labels, measured.settings.embedding)

    def tables(self, measured: MeasuredNetwork) -> Tables:
        """Return the tables `embedding` and `points`."""
        network, split, scale = measured.arguments
        return embedding_and_silhouette.tables(
            lambda rows: activity.record_activity(network, split.take(torch.from_numpy(rows)), scale),
            split.labels.cpu().numpy(),
            measured.settings.embedding,
        )


class Robustness(Part):
    """A measure of robustness, which gives a curve of accuracy."""

    settings: ClassVar[tuple[str, ...]] = ("repeats", "seed")

    def check(self, measured: MeasuredNetwork) -> None:
        """Check that the samples fit the network."""
        robustness.check_samples(*measured.arguments)

    def tables(self, measured: MeasuredNetwork) -> Tables:
        """Return the rows of the measure and the summary of their curves; chance is 1 / classes of the samples."""
        rows = self.rows(measured)
        classes = len(measured.samples.labels.unique())
        return {self.name: rows, f"{self.name}_summary": robustness.summary(rows, classes)}

    @abstractmethod
    def rows(self, measured: MeasuredNetwork) -> tuple[Row, ...]:
        """Return the rows of the measure."""


class Noise(Robustness):
    """Robustness to noise on the input."""

    name = "noise"

    def check(self, measured: MeasuredNetwork) -> None:
        """Check that the samples fit the network and are within [0, 1]."""
        super().check(measured)
        with _or_leave_out(self.name):
            check_scaled(self._clean_samples(measured))

    def rows(self, measured: MeasuredNetwork) -> tuple[Row, ...]:
        """Return the rows of `noise`, with the noise that the network was trained with."""
        split, draws = self._clean_samples(measured), measured.settings.draws
        sigma = measured.run.config.noise if measured.run else 0.0
        return robustness.noise(measured.network, split, measured.scale, draws=draws, trained_sigma=sigma)

    def _clean_samples(self, measured: MeasuredNetwork) -> Split:
        """Return the samples without the noise of the run."""
        return measured.dataset.test if measured.run and measured.dataset else measured.samples


class Occlusion(Robustness):
    """Robustness to hidden patches of the input."""

    name = "occlusion"

    def rows(self, measured: MeasuredNetwork) -> tuple[Row, ...]:
        """Return the rows of `occlusion`."""
        return robustness.occlusion(*measured.arguments, draws=measured.settings.draws)


class Lesions(Robustness):
    """Robustness to the removal of dendrites, somata and synapses."""

    name = "lesions"
    settings = ("repeats", "seed", "at_most")

    def check(self, measured: MeasuredNetwork) -> None:
        """Check that the samples fit the network, and that it has something to remove."""
        super().check(measured)
        with _or_leave_out(self.name):
            removable(measured.network.graph, None)
            removable_units(measured.network.graph, None)

    def rows(self, measured: MeasuredNetwork) -> tuple[Row, ...]:
        """Return the rows of `lesions`."""
        return lesions(*measured.arguments, draws=measured.settings.draws)

    def tables(self, measured: MeasuredNetwork) -> Tables:
        """Return also the rows of `single_lesions`."""
        settings = measured.settings
        single = single_lesions(*measured.arguments, settings.at_most, settings.seed)
        return {**super().tables(measured), "single_lesions": single}


@contextmanager
def _or_leave_out(part: str) -> Iterator[None]:
    try:
        yield
    except DendrographError as error:
        raise DendrographError(f"{error}\n  or leave the part '{part}' out") from None


PARTS: Mapping[str, Part] = {
    part.name: part for part in (Activity(), Weights(), Learning(), Embedding(), Noise(), Occlusion(), Lesions())
}
OF_A_NETWORK = ("activity", "weights")  # the default parts
OF_A_RUN = (*OF_A_NETWORK, "learning")


def choose(parts: Iterable[str]) -> tuple[str, ...]:
    """Return the names of parts in the order of `PARTS`; `all` means every part.

    Raises:
        DendrographError: A name is unknown, or there is none.
    """
    asked = (parts,) if isinstance(parts, str) else tuple(parts)
    for name in asked:
        if name != "all" and name not in PARTS:
            raise DendrographError(
                f"unknown part '{clip(str(name))}' of an analysis\n  {did_you_mean(name, [*PARTS, 'all'], 'parts')}"
            )
    if not asked:
        raise DendrographError(f"no part of an analysis is given\n  {did_you_mean('', [*PARTS, 'all'], 'parts')}")
    return tuple(name for name in PARTS if name in asked or "all" in asked)


def settings_for(chosen: Sequence[str], settings: Settings | None) -> Settings:
    """Return the settings. Each that differs from its default must be of use to a chosen part."""
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
