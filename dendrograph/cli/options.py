"""The application, the options that several commands share, and the readers of their values."""

from __future__ import annotations

import inspect
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer
from typer.core import TyperCommand
from typer.models import OptionInfo

from dendrograph.base.errors import DendrographError

if TYPE_CHECKING:
    from dendrograph.training.model_source import ModelSource

app = typer.Typer(
    name="dendrograph",
    help="Simulate and train networks of dendritic neurons, given as trees in YAML.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

_KINDS = {"Path": "PATH", "int": "NUMBER", "float": "NUMBER", "str": "TEXT"}  # metavar by type


class _Command(TyperCommand):
    """A command whose help shows only the metavar of an argument: `RUN...`, not `RUN... <list[Path]>`."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        for parameter in self.params:
            if parameter.param_type_name == "argument" and hasattr(parameter, "_usage_display_name"):
                shown: Any = parameter
                shown._usage_display_name = lambda metavar=shown.metavar: metavar
                shown.display_type_rich = lambda ctx: None


def command(name: str, *examples: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Declare a command. The examples come at the end of its help."""
    epilog = "\n".join(["\b", "Example:" if len(examples) == 1 else "Examples:", *(f"  {each}" for each in examples)])

    def declare(function: Callable[..., None]) -> Callable[..., None]:
        function.__annotations__ = inspect.get_annotations(function, eval_str=True)
        for hint in function.__annotations__.values():
            info = next((part for part in get_args(hint) if isinstance(part, OptionInfo)), None)
            if info is not None and info.metavar is None:
                kind = str(get_args(hint)[0])
                info.metavar = next((word for name, word in _KINDS.items() if name in kind), None)
        return app.command(name, cls=_Command, epilog=epilog)(function)

    return declare


MorphologyOrRun = Annotated[
    str,
    typer.Argument(metavar="MORPHOLOGY|RUN", help="A YAML file, a shipped name, or a run folder.", show_default=False),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="PATH=VALUE",
        help="Set a parameter, e.g. dendrites=64, or any other value, e.g. layers.0.count=512. Repeatable.",
    ),
]
Plugins = Annotated[
    list[str] | None,
    typer.Option(
        "--plugin",
        metavar="MODULE|FILE",
        help="Python code that adds nonlinearities or receptive fields: an installed plugin, my_package.mine or "
        "./mine.py. Repeatable.",
        show_default=False,
    ),
]
Inputs = Annotated[
    list[str] | None,
    typer.Option(
        "--inputs",
        metavar="SHAPE",
        help="Shape of a sample: 28x28, 32x32x3, 784. With several streams: STREAM=SHAPE, once for each stream.",
        show_default="28x28",
    ),
]
Classes = Annotated[
    int | None, typer.Option("--classes", min=1, help="Number of classes, one readout unit each.", show_default="10")
]
Seed = Annotated[int | None, typer.Option("--seed", help="Seed for the wiring.", show_default="0")]
DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        help="Folder with data sets. The environment variable DENDROGRAPH_DATA does the same.",
        show_default=False,
    ),
]
MovedData = Annotated[
    str | None,
    typer.Option(
        "--data",
        metavar="FILE",
        help="New path of the run's .npz file, if it was moved or renamed.",
        show_default=False,
    ),
]
Kernel = Annotated[
    str | None,
    typer.Option("--kernel", help="auto, or the kernel to use wherever it applies.", show_default="auto"),
]

LayerOfNeuron = Annotated[str | None, typer.Option("--layer", help="Layer of the neuron.", show_default="the first")]
NeuronNumber = Annotated[
    int | None, typer.Option("--neuron", help="Number of the neuron in its layer.", show_default="0")
]
SeedOfWeights = Annotated[
    int | None, typer.Option("--seed", help="Seed for the wiring and the initial weights.", show_default="0")
]

Force = Annotated[bool, typer.Option("--force", help="Replace existing files.")]
Workers = Annotated[int | None, typer.Option(help="Number of processes on this machine.", show_default="one a core")]

# Settings of a training.
Epochs = Annotated[
    int | None, typer.Option(help="Passes over the training set.", show_default="the paper's for the data set")
]
Data = Annotated[str | None, typer.Option(help="Name of a data set, or path of a .npz file.", show_default="digits")]
BatchSize = Annotated[int | None, typer.Option(help="Samples in each step.", show_default="128")]
LearningRate = Annotated[float | None, typer.Option(help="Learning rate.", show_default="0.001")]
Optimizer = Annotated[str | None, typer.Option(help="Optimizer: adam, adamw, rmsprop or sgd.", show_default="adam")]
TrainingSeed = Annotated[
    int | None, typer.Option(help="Seed for wiring, weights, split, sample order and noise.", show_default="0")
]
Device = Annotated[str | None, typer.Option(help="Device: cpu, cuda or auto.", show_default="auto")]
Noise = Annotated[
    float | None, typer.Option(help="Standard deviation of Gaussian noise on all inputs.", show_default="0")
]
EarlyStop = Annotated[
    bool | None,
    typer.Option("--early-stop", help="Stop after 10 epochs without a lower validation loss; keep the best weights."),
]


def given(**options: Any) -> dict[str, Any]:
    """Return the options that the user gave; the others are None."""
    return {name: value for name, value in options.items() if value is not None}


def rank() -> int:
    """Return the number of this process under `torchrun`, else 0. Only process 0 prints."""
    rank, size = (os.environ.get(name, "") for name in ("RANK", "WORLD_SIZE"))
    several = "MASTER_ADDR" in os.environ and size.isdecimal() and int(size) > 1
    return int(rank) if several and rank.isdecimal() else 0


def shapes(texts: list[str] | None) -> dict[str, tuple[int, ...]]:
    """Read `--inputs`: the shape of each stream."""
    shapes: dict[str, tuple[int, ...]] = {}
    for text in texts or []:
        stream, equals, sides = text.rpartition("=")
        stream = stream.strip() if equals else "image"
        parts = sides.lower().replace("×", "x").split("x")
        if not stream or len(parts) > 3 or not all(re.fullmatch("[1-9][0-9]{0,8}", part) for part in parts):
            raise DendrographError(f"--inputs {text}: not a shape\n  write 784, 28x28, 32x32x3, or STREAM=28x28")
        if stream in shapes:
            raise DendrographError(f"--inputs {text}: stream '{stream}' has two shapes\n  give each stream once")
        shapes[stream] = tuple(int(part) for part in parts)
    return shapes


def assignments(settings: list[str] | None) -> dict[str, str]:
    """Read `--set`: the text of the value for each path."""
    assignments: dict[str, str] = {}
    for setting in settings or []:
        path, equals, value = setting.partition("=")
        path = path.strip()
        if not equals or not path:
            raise DendrographError(
                f"--set {setting}: not of the form PATH=VALUE\n  write, for example, --set dendrites=64"
            )
        if path in assignments:
            raise DendrographError(f"--set {setting}: '{path}' is set twice\n  set each path once")
        assignments[path] = value
    return assignments


def source(
    model: str | Path,
    settings: list[str] | None = None,
    plugins: list[str] | None = None,
    inputs: list[str] | None = None,
    **options: Any,
) -> ModelSource:
    """The model that the options of a command name.

    A parameter of `--set` that nothing uses is allowed, since a sweep sets the same parameters for all models; a note
    on standard error says so.

    Args:
        model: the name of a morphology, a file or a run folder.
        settings: values of `--set`.
        plugins: values of `--plugin`.
        inputs: values of `--inputs`.
        **options: other options of `ModelSource`.
    """
    from dendrograph.training.model_source import ModelSource

    overrides = assignments(settings)
    made = ModelSource(model, overrides=overrides, inputs=shapes(inputs), plugins=plugins or (), **options)
    if overrides and not rank() and made.run is None:  # the overrides of a run are refused later
        for name in sorted(set(made.morphology().idle_parameters) & set(overrides)):
            note = f"--set {name} has no effect: {model} does not use the parameter '{name}'"
            print(f"note: {note}", file=sys.stderr)
    return made
