"""The experiments: the sweep file of each, and the groups of its runs that are compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dendrograph.base.errors import DendrographError
from dendrograph.base.suggestions import did_you_mean
from dendrograph.experiments.reproduce import SCALES
from dendrograph.experiments.sweep.runs import SweepRun


@dataclass(frozen=True)
class RunGroup:
    """Runs that are compared with each other.

    name: of the files and of the block of the page
    about: the heading of its tables
    holds: whether a run of the sweep belongs to it
    reference: the morphology with which the others are compared, seed by seed; None for no pairs
    """

    name: str
    about: str
    holds: Callable[[SweepRun], bool]
    reference: str | None = None


@dataclass(frozen=True)
class Experiment:
    """One experiment.

    about: a description; its sweep file names the data
    groups: comparisons of accuracy and loss
    measured: parts of `dendrograph.analysis.analyse` with a table over seeds
    """

    name: str
    about: str
    groups: tuple[RunGroup, ...] = ()
    measured: tuple[str, ...] = ()


def _any(_cell: SweepRun) -> bool:
    return True


def _size(dendrites: int, somata: int) -> Callable[[SweepRun], bool]:
    return lambda run: (
        run.morphology["parameters"]["dendrites"] == dendrites and run.morphology["parameters"]["somata"] == somata
    )


def _of(*beginnings: str) -> Callable[[SweepRun], bool]:
    """Runs of a morphology with its controls, and of others by their full names."""
    own, *others = beginnings
    return lambda run: run.morphology["name"].startswith(own) or run.morphology["name"] in others


def _noise(sigma: float) -> Callable[[SweepRun], bool]:
    return lambda run: run.config.noise == sigma and not run.config.sequential


def _depth(layers: int) -> Callable[[SweepRun], bool]:
    return lambda run: run.morphology["parameters"].get("layers", 1) == layers and _plain(run)


def _with_dropout(share: float) -> Callable[[SweepRun], bool]:
    return lambda run: _dropout(run) == share


def _dropout(run: SweepRun) -> float:
    neuron = next(iter(run.morphology["neurons"].values()))
    return float(neuron.get("dropout", 0.0))


def _plain(run: SweepRun) -> bool:
    return not _dropout(run) and not run.config.early_stop


EXPERIMENTS: tuple[Experiment, ...] = (
    Experiment(
        "fig2",
        "accuracy and loss against parameters",
        (
            RunGroup("fig2", "all models and sizes", _any),
            RunGroup("fig2-width", "against vann of the same width, 8 dendrites × 64 somata", _size(8, 64), "vann"),
        ),
    ),
    Experiment(
        "fig3",
        "accuracy and loss against parameters, on other data",
        (
            RunGroup("fig3", "all models and sizes", _any),
            RunGroup("fig3-width", "against vann of the same width, 8 dendrites × 64 somata", _size(8, 64), "vann"),
        ),
    ),
    Experiment("fig4", "weights after training", measured=("weights",)),
    Experiment("fig5", "responses of units: entropy and selectivity", measured=("activity",)),
    Experiment(
        "fig6",
        "noise, and classes one after the other",
        (
            *(
                RunGroup(
                    f"fig6-noise-{sigma:g}", f"Gaussian noise of σ = {sigma:g} on all inputs", _noise(sigma), "dann-lrf"
                )
                for sigma in (0.0, 0.25, 0.5, 0.75)
            ),
            RunGroup("fig6-sequential", "classes one after the other", lambda run: run.config.sequential, "dann-lrf"),
        ),
    ),
    Experiment(
        "fig7",
        "depth, dropout and early stopping",
        (
            *(RunGroup(f"fig7-depth-{n}", f"{n} layers of neurons", _depth(n), "vann") for n in (1, 2, 3)),
            *(
                RunGroup(f"fig7-dropout-{p:g}", f"dropout {p:g} in all compartments", _with_dropout(p), "vann")
                for p in (0.2, 0.5)
            ),
            RunGroup("fig7-early-stop", "early stopping", lambda run: run.config.early_stop, "vann"),
        ),
    ),
    Experiment(
        "controls",
        "dendritic networks of about 10,000 parameters against fair controls",
        (
            RunGroup("controls-dann-lrf", "against dann-lrf", _of("dann-lrf", "vann"), "dann-lrf"),
            RunGroup("controls-dann-random", "against dann-random", _of("dann-random", "vann"), "dann-random"),
            RunGroup("controls-dann-grf", "against dann-grf", _of("dann-grf"), "dann-grf"),
        ),
    ),
    Experiment("continual", "tasks one after the other: classes split, pixels permuted"),
)
NAMES = tuple(experiment.name for experiment in EXPERIMENTS)


def chosen(names: list[str]) -> tuple[Experiment, ...]:
    """The experiments of these names, in the order of `EXPERIMENTS`; `all` means every one.

    Raises:
        DendrographError: a name is unknown.
    """
    for name in names:
        if name not in (*NAMES, "all"):
            raise DendrographError(
                f"unknown experiment '{name}'\n  {did_you_mean(name, (*NAMES, 'all'), 'experiments')}"
            )
    return tuple(experiment for experiment in EXPERIMENTS if experiment.name in names or "all" in names)


def file_of(experiment: str, scale: str) -> Path:
    """The sweep file of an experiment, in the installed package or in a checkout.

    Raises:
        DendrographError: the scale is unknown.
    """
    if scale not in SCALES:
        raise DendrographError(f"unknown scale '{scale}'\n  {did_you_mean(scale, SCALES, 'scales')}")
    here = Path(__file__).resolve().parents[2]
    installed = here / "reproductions"
    folder = installed if installed.is_dir() else here.parent / "examples" / "reproduce"
    return folder / scale / f"{experiment}.yaml"
