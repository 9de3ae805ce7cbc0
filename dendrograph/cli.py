"""The command line: parses, calls, prints. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import io
import math
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from dendrograph import __version__
from dendrograph.errors import DendrographError

app = typer.Typer(
    name="dendrograph",
    help="Simulate and train networks of dendritic neurons, declared as trees in YAML.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

MorphologyArgument = Annotated[
    str,
    typer.Argument(metavar="MORPHOLOGY", help="A YAML file, or the name of a shipped morphology.", show_default=False),
]
MorphologyOrRun = Annotated[
    str,
    typer.Argument(metavar="MORPHOLOGY|RUN", help="A YAML file, a shipped name, or a run folder.", show_default=False),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="PATH=VALUE", help="Turn a knob: dendrites=64, layers.0.count=512. May stand several times."
    ),
]
Plugins = Annotated[
    list[str] | None,
    typer.Option(
        "--plugin",
        metavar="MODULE|FILE",
        help="Python that adds nonlinearities and fields: an installed plugin, my_package.mine, ./mine.py. "
        "May stand several times.",
        show_default=False,
    ),
]
Inputs = Annotated[
    list[str] | None,
    typer.Option(
        "--inputs",
        metavar="SHAPE",
        help="Shape of a sample: 28x28, 32x32x3, 784; or STREAM=SHAPE, once a stream.",
        show_default="28x28",
    ),
]
Classes = Annotated[int | None, typer.Option("--classes", min=1, help="Units of the readout.", show_default="10")]
Seed = Annotated[int | None, typer.Option("--seed", help="Seed of the wiring.", show_default="0")]
DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", help="Folder of data sets; DENDROGRAPH_DATA says the same.", show_default=False),
]
Kernel = Annotated[
    str | None,
    typer.Option("--kernel", help="auto, or a kernel to use wherever it can serve.", show_default="auto"),
]


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Entry point: whatever the user can mend is a message and exit code 2; a traceback is a bug of ours."""
    _mend_streams()
    command = typer.main.get_command(app)
    try:
        given = sys.argv[1:] if arguments is None else list(arguments)
        with command.make_context("dendrograph", given) as context:
            command.invoke(context)
        sys.stdout.flush()
    except typer.Exit as exit:
        sys.exit(exit.exit_code)
    except DendrographError as error:
        _fail(f"error: {error}", 2)
    except KeyboardInterrupt as interrupt:
        _fail(str(interrupt) or "interrupted", 130)
    except BrokenPipeError:  # whoever read our output has read enough; the interpreter must not flush into the pipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        _fail(f"error: {error}", 2)
    except MemoryError as error:
        _fail(f"error: not enough memory: {error}", 2)
    except Exception as error:
        if not hasattr(error, "format_message"):  # the command line's own errors have it
            raise
        _fail(f"error: {_usage(error)}", 2)
    sys.exit(0)


def _mend_streams() -> None:
    """Whoever closed a stream does not want to read it; one that cannot show a character shows another in its place."""
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 (it stays open as long as the process)
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _fail(text: str, code: int) -> NoReturn:
    print(f"process {_rank()}: {text}" if _rank() else text, file=sys.stderr)
    sys.exit(code)


def _rank() -> int:
    """The number of this process among those that `torchrun` started: the first speaks for all; 0 without it."""
    rank, size = (os.environ.get(name, "") for name in ("RANK", "WORLD_SIZE"))
    several = "MASTER_ADDR" in os.environ and size.isdecimal() and int(size) > 1
    return int(rank) if several and rank.isdecimal() else 0


def _usage(error: Any) -> str:
    command = error.ctx.command_path if getattr(error, "ctx", None) else "dendrograph"
    return f"{error.format_message()}\n  `{command} --help` says what is allowed"


@app.callback(invoke_without_command=True)
def _dendrograph(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if version:
        print(f"dendrograph {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        print(context.get_help())


@app.command("train")
def train_command(
    morphology: MorphologyOrRun,
    data: Annotated[
        str | None, typer.Option(help="A data set's name, or the path of a .npz file.", show_default="digits")
    ] = None,
    data_dir: DataDir = None,
    epochs: Annotated[
        int | None, typer.Option(help="Passes over the data.", show_default="the paper's for the data set")
    ] = None,
    batch_size: Annotated[int | None, typer.Option(help="Samples a step.", show_default="128")] = None,
    lr: Annotated[float | None, typer.Option(help="Learning rate.", show_default="0.001")] = None,
    optimizer: Annotated[str | None, typer.Option(help="adam, adamw, rmsprop or sgd.", show_default="adam")] = None,
    seed: Annotated[
        int | None, typer.Option(help="Of wiring, weights, split, order and noise.", show_default="0")
    ] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda, or auto.", show_default="auto")] = None,
    kernel: Kernel = None,
    early_stop: Annotated[
        bool | None,
        typer.Option("--early-stop", help="Stop after 10 epochs without a lower validation loss; keep the best."),
    ] = None,
    noise: Annotated[
        float | None, typer.Option(help="Sigma of Gaussian noise on all inputs.", show_default="0")
    ] = None,
    sequential: Annotated[
        bool | None, typer.Option("--sequential", help="Present the classes one after the other.")
    ] = None,
    settings: Settings = None,
    plugins: Plugins = None,
    out: Annotated[Path | None, typer.Option(help="The run folder.", show_default="runs/NAME-DATA-seedN")] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume", help="Go on with the run in --out (or with the RUN given); begin it if it has not begun."
        ),
    ] = False,
) -> None:
    """Train a network and leave a run folder.

    Weights, history, metrics and learning curves are kept, and a checkpoint after every epoch: an interrupted run
    goes on by --resume, to the same result.
    """
    from dendrograph.experiment import train_by_name

    chosen = {
        "epochs": epochs,
        "batch_size": batch_size,
        "lr": lr,
        "optimizer": optimizer,
        "seed": seed,
        "device": device,
        "early_stop": early_stop,
        "noise": noise,
        "sequential": sequential,
    }
    given = {key: value for key, value in chosen.items() if value is not None}
    turned = _assignments(settings)
    _tell_idle(morphology, turned, plugins)
    run = train_by_name(morphology, data, data_dir, kernel, given, turned, out, resume, plugins=plugins or ())
    if _rank():
        return
    test = run.metrics["test"]
    print(f"test accuracy {test['accuracy']:.2%}, loss {test['loss']:.4f}, {test['samples']:,} samples")
    print(f"results: {run.folder}")


@app.command("evaluate")
def evaluate_command(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.", show_default=False)],
    data_dir: DataDir = None,
    plugins: Plugins = None,
) -> None:
    """Test a finished run again, from its folder alone.

    Loss, accuracy and confusion matrix on its test data.
    """
    from dendrograph.describe import confusion
    from dendrograph.experiment import evaluate_run

    result = evaluate_run(run, data_dir, plugins or ())
    print(f"test accuracy {result.accuracy:.2%}, loss {result.loss:.4f}, {result.samples:,} samples")
    print("\nconfusion: rows are true classes, columns answers")
    print(confusion(result.confusion))


@app.command("analyse")
def analyse_command(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.", show_default=False)],
    active: Annotated[float, typer.Option(help="A unit is active above this.")] = 0.0,
    answers: Annotated[
        float, typer.Option(help="Share of a class's samples from which on a unit answers to it.")
    ] = 0.5,
    data_dir: DataDir = None,
    plugins: Plugins = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="A folder to make, with the tables as CSV.", show_default=False)
    ] = None,
) -> None:
    """Measure a finished run on its test data: activity, selectivity, weights.

    A row a group and a row a projection are printed; --out also keeps a row a unit.
    """
    from dendrograph import atomic
    from dendrograph.analyse import analyse_run
    from dendrograph.describe import analysis

    if out is not None and out.exists():
        raise DendrographError(f"{out}: there is something already\n  name a folder that is to be made")
    result = analyse_run(run, data_dir, plugins or (), active, answers)
    if out is not None:
        atomic.make_folder(out, {f"{name}.csv": text for name, text in result.to_csv().items()})
    print(analysis(result))
    if out is not None:
        print(f"\ntables: {out}")


@app.command("show")
def show_command(
    morphology: MorphologyOrRun,
    plan: Annotated[
        bool, typer.Option("--plan", help="The kernel of each projection, and why not the others.")
    ] = False,
    inputs: Inputs = None,
    classes: Classes = None,
    settings: Settings = None,
    plugins: Plugins = None,
    seed: Seed = None,
    kernel: Kernel = None,
) -> None:
    """Show what a network is made of; nothing is trained.

    Groups, compartments, synapses, parameters and memory.
    """
    from dendrograph.describe import describe
    from dendrograph.experiment import graph_of, plan_of

    if kernel and not plan:
        raise DendrographError("--kernel says nothing without --plan\n  add --plan, or leave --kernel out")
    turned = _assignments(settings)
    graph = graph_of(morphology, turned, _shapes(inputs), classes, seed, plugins or ())
    _tell_idle(morphology, turned, plugins)
    text = describe(graph)
    if plan:
        text += f"\n\nplan\n{plan_of(morphology, graph, kernel)}"
    print(text)


@app.command("check")
def check_command(
    morphology: MorphologyOrRun,
    inputs: Inputs = None,
    classes: Classes = None,
    settings: Settings = None,
    plugins: Plugins = None,
    seed: Seed = None,
) -> None:
    """Validate a morphology, compile it, verify its wiring."""
    from dendrograph.experiment import graph_of
    from dendrograph.verify import verify

    turned = _assignments(settings)
    graph = graph_of(morphology, turned, _shapes(inputs), classes, seed, plugins or ())
    _tell_idle(morphology, turned, plugins)
    for line in verify(graph):
        print(line)
    print(f"{morphology}: the language is right and the wiring is as declared")


@app.command("stimulate")
def stimulate_command(
    morphology: MorphologyOrRun,
    at: Annotated[
        list[str] | None,
        typer.Option(
            "--at",
            metavar="SITE[+SITE]",
            help="Where input goes: basal[0], basal[0]+basal[1], basal[0]+basal[0]. May stand several times.",
            show_default="the first of each terminal dendrite",
        ),
    ] = None,
    record: Annotated[
        list[str] | None,
        typer.Option(metavar="SITE", help="Whose activity is measured. May stand several times.", show_default="soma"),
    ] = None,
    amplitudes: Annotated[
        str | None,
        typer.Option(metavar="FROM:TO:NUMBER", help="Input on each compartment.", show_default="0:4:41"),
    ] = None,
    layer: Annotated[str | None, typer.Option(help="The neuron's layer.", show_default="the first")] = None,
    neuron: Annotated[
        str | None, typer.Option(help="The kind of neuron; its first layer is taken.", show_default=False)
    ] = None,
    index: Annotated[int | None, typer.Option(help="The neuron's number in its layer.", show_default="0")] = None,
    weights: Annotated[
        str | None,
        typer.Option(help="Of a morphology's cables: unit, or initial as in a training.", show_default="unit"),
    ] = None,
    settings: Settings = None,
    plugins: Plugins = None,
    inputs: Inputs = None,
    seed: Annotated[int | None, typer.Option(help="Of wiring and initial weights.", show_default="0")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The figure: FILE.pdf, .svg or .png.", show_default=False)
    ] = None,
    table: Annotated[Path | None, typer.Option(help="The table: FILE.csv.", show_default=False)] = None,
) -> None:
    """Put input on a neuron's compartments and record its answer.

    Alone, and in pairs against the arithmetic sum. Files that are there already are replaced.
    """
    from dendrograph import atomic
    from dendrograph.describe import listed, stimulation
    from dendrograph.draw.files import as_bytes, form_of
    from dendrograph.draw.stimulation import stimulation_figure
    from dendrograph.stimulation import stimulate_by_name

    form = form_of(out) if out else ""
    if table and table.suffix.lower() != ".csv":
        raise DendrographError(f"{table}: a table is written as FILE.csv\n  a figure is written by --out")
    turned = _assignments(settings)
    _tell_idle(morphology, turned, plugins)
    given: dict[str, Any] = {"layer": layer, "neuron": neuron, "index": index or 0, "weights": weights, "seed": seed}
    if amplitudes is not None:
        given["amplitudes"] = _amplitudes(amplitudes)
    result = stimulate_by_name(
        morphology, at, record, set=turned, inputs=_shapes(inputs), plugins=plugins or (), **given
    )
    figure = as_bytes(stimulation_figure(result.table), form) if out else b""
    print(stimulation(result))
    if result.left_out:
        print(f"note: not stimulated: {listed(result.left_out)}; name them by --at", file=sys.stderr)
    if table:
        atomic.write(table, result.to_csv())
        print(f"table: {table}")
    if out:
        atomic.write(out, figure)
        print(f"figure: {out}")


@app.command("draw")
def draw_command(
    morphologies: Annotated[
        list[str],
        typer.Argument(
            metavar="MORPHOLOGY|RUN...", help="YAML files, shipped names, run folders: one or several side by side."
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "-o",
            help="FILE.pdf, .svg or .png; FILE.html for an interactive page of the network.",
            show_default=False,
        ),
    ],
    view: Annotated[
        str | None,
        typer.Option(
            metavar="VIEW[,VIEW]",
            help="neuron, network, fields, matrix, weights, activity. Several become panels with letters.",
            show_default="neuron",
        ),
    ] = None,
    style: Annotated[str | None, typer.Option(help="paper, talk or dark.", show_default="paper")] = None,
    width: Annotated[
        str | None,
        typer.Option(
            metavar="WIDTH", help="single, double, or a number of cm.", show_default="single; for a talk a slide"
        ),
    ] = None,
    palette: Annotated[
        str | None, typer.Option(help="okabe-ito, bright, muted or grey.", show_default="okabe-ito")
    ] = None,
    font: Annotated[str | None, typer.Option(help="A font of this machine.", show_default="DejaVu Sans")] = None,
    columns: Annotated[int | None, typer.Option(help="Panels in a row.", show_default="as many as fit")] = None,
    label: Annotated[bool, typer.Option("--label/--no-label", help="Names and numbers.")] = True,
    legend: Annotated[bool, typer.Option("--legend/--no-legend", help="What the colours mean.")] = True,
    fold: Annotated[bool, typer.Option("--fold/--no-fold", help="Few units stand for many like ones.")] = True,
    layer: Annotated[str | None, typer.Option(help="The neuron's layer.", show_default="the first")] = None,
    neuron: Annotated[int | None, typer.Option(help="Its number in the layer.", show_default="0")] = None,
    sample: Annotated[
        list[int] | None,
        typer.Option(
            help="Number of a test sample, for activity and under fields; several make a file each.", show_default="0"
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(help="Data set of the sample; a run has its own.", show_default="digits, where its shape fits"),
    ] = None,
    data_dir: DataDir = None,
    inputs: Inputs = None,
    classes: Classes = None,
    settings: Settings = None,
    plugins: Plugins = None,
    seed: Annotated[int | None, typer.Option(help="Of wiring and initial weights.", show_default="0")] = None,
) -> None:
    """Draw networks: neurons as trees, layers, receptive fields, connectivity, weights, activity.

    Nothing need be trained. A file that is there already is replaced.
    """
    from dendrograph.drawing import draw_to

    given = {
        "style": style,
        "width": width,
        "palette": palette,
        "font": font,
        "columns": columns,
        "layer": layer,
        "neuron": neuron,
        "data": data,
        "data_dir": data_dir,
        "classes": classes,
        "seed": seed,
    }
    turned = _assignments(settings)
    for morphology in morphologies:
        _tell_idle(morphology, turned, plugins)
    paths, notes = draw_to(
        out,
        morphologies,
        view,
        sample or (),
        label=label,
        legend=legend,
        fold=fold,
        set=turned,
        inputs=_shapes(inputs),
        plugins=plugins or (),
        **{name: value for name, value in given.items() if value is not None},
    )
    for note in notes:
        print(f"note: {note}", file=sys.stderr)
    for path in paths:
        print(f"figure: {path}")


@app.command("import")
def import_command(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An SWC file.", show_default=False)],
    out: Annotated[Path | None, typer.Option(help="The file to make.", show_default="NAME.yaml")] = None,
    name: Annotated[str | None, typer.Option(help="Of the morphology.", show_default="the file's name")] = None,
    about: Annotated[str | None, typer.Option(help="A line about it.", show_default="one that names FILE")] = None,
    reduce: Annotated[
        str | None, typer.Option(help="A dendrite a section, a branch order, or bins.", show_default="section")
    ] = None,
    bin_um: Annotated[
        float | None, typer.Option("--bin-um", help="Length of a bin at most, in µm.", show_default="50")
    ] = None,
    orders: Annotated[
        int | None, typer.Option(help="Leave out branches of a higher order.", show_default="all")
    ] = None,
    scale: Annotated[float | None, typer.Option(help="µm to one unit of the file.", show_default="1")] = None,
    join_trees: Annotated[
        bool, typer.Option("--join-trees", help="Hang trees that nothing joins to the soma on it.")
    ] = False,
    synapses: Annotated[int | None, typer.Option(help="Synapses of each dendrite.", show_default="16")] = None,
    synapses_per_um: Annotated[
        float | None,
        typer.Option("--synapses-per-um", help="Instead: synapses to each µm of dendrite.", show_default=False),
    ] = None,
    field: Annotated[str | None, typer.Option(help="Receptive field.", show_default="local")] = None,
    neurons: Annotated[int | None, typer.Option(help="Neurons of the layer.", show_default="64")] = None,
    soma: Annotated[str | None, typer.Option(help="Nonlinearity of the soma.", show_default="leaky_relu")] = None,
    basal: Annotated[
        str | None, typer.Option(help="Nonlinearity of basal dendrites.", show_default="leaky_relu")
    ] = None,
    apical: Annotated[
        str | None, typer.Option(help="Nonlinearity of apical dendrites.", show_default="leaky_relu")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there already.")] = False,
) -> None:
    """Make a morphology of a neuron's reconstruction (SWC).

    Lengths, diameters and the types basal and apical are taken over; the axon is left out.
    """
    from dendrograph.importing import Choices, import_swc

    given: dict[str, Any] = {
        "name": name,
        "about": about,
        "reduce": reduce,
        "bin_um": bin_um,
        "orders": orders,
        "scale": scale,
        "synapses": synapses,
        "synapses_per_um": synapses_per_um,
        "field": field,
        "neurons": neurons,
    }
    nonlinearities = {"soma": soma, "basal": basal, "apical": apical}
    choices = Choices(
        join_trees=join_trees,
        nonlinearities={kind: chosen for kind, chosen in nonlinearities.items() if chosen is not None},
        **{key: value for key, value in given.items() if value is not None},
    )
    imported = import_swc(file, out, force, choices)
    for note in imported.notes:
        print(f"note: {note}", file=sys.stderr)
    for line in imported.summary:
        print(line)


@app.command("export")
def export_command(
    morphology: MorphologyOrRun,
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "-o",
            help="The file to make; its suffix says the format: .graphml, .dot, .json, .csv, .npz, .safetensors "
            "(PyTorch Geometric), .swc, .onnx, .mmd (Mermaid), .tex (TikZ).",
            show_default=False,
        ),
    ],
    weights: Annotated[
        str | None,
        typer.Option(help="Of a morphology: initial, as a training starts from.", show_default="none"),
    ] = None,
    layer: Annotated[str | None, typer.Option(help="SWC: the neuron's layer.", show_default="the first")] = None,
    neuron: Annotated[int | None, typer.Option(help="SWC: its number in the layer.", show_default="0")] = None,
    inputs: Inputs = None,
    classes: Classes = None,
    settings: Settings = None,
    plugins: Plugins = None,
    seed: Annotated[int | None, typer.Option(help="Of wiring and initial weights.", show_default="0")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there already.")] = False,
) -> None:
    """Write a network as a file that another program reads.

    A run has its trained weights, a morphology its structure alone.
    """
    from dendrograph.export import export

    turned = _assignments(settings)
    result = export(
        morphology,
        out,
        weights=weights,
        layer=layer,
        neuron=neuron,
        force=force,
        set=turned,
        inputs=_shapes(inputs),
        classes=classes,
        seed=seed,
        plugins=plugins or (),
    )
    _tell_idle(morphology, turned, plugins)
    for note in result.notes:
        print(f"note: {note}", file=sys.stderr)
    print(result)


@app.command("new")
def new_command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of the morphology.", show_default=False)],
    out: Annotated[Path | None, typer.Option(help="The file to make.", show_default="NAME.yaml")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there already.")] = False,
) -> None:
    """Write a commented morphology to start from."""
    from dendrograph.starter import new

    file = new(name, out, force)
    print(f"{file}: a neuron with two kinds of dendrites; what may stand in it is told beside it")
    print(f"next: dendrograph check {file}")


@app.command("schema")
def schema_command(
    out: Annotated[Path | None, typer.Option(help="The file to make.", show_default="printed")] = None,
    plugins: Plugins = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there already.")] = False,
) -> None:
    """The JSON Schema of morphology files, by which editors complete and check them."""
    import json

    from dendrograph import atomic
    from dendrograph.schema import schema

    text = json.dumps(schema(plugins or ()), indent=2, ensure_ascii=False) + "\n"
    if out is None:
        print(text, end="")
        return
    atomic.refuse(out, force, "dendrograph.schema.json")
    atomic.write(out, text)
    print(f"{out}: name it in the first line of a file: # yaml-language-server: $schema={out}")


@app.command("list")
def list_command() -> None:
    """The morphologies that ship with dendrograph."""
    from dendrograph.describe import morphologies

    print(morphologies())


def _shapes(texts: list[str] | None) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    for text in texts or []:
        stream, equals, sides = text.rpartition("=")
        stream = stream.strip() if equals else "image"
        parts = sides.lower().replace("×", "x").split("x")
        if not stream or len(parts) > 3 or not all(re.fullmatch("[1-9][0-9]{0,8}", part) for part in parts):
            raise DendrographError(f"--inputs {text}: no shape\n  write 784, 28x28, 32x32x3, or STREAM=28x28")
        if stream in shapes:
            raise DendrographError(f"--inputs {text}: stream '{stream}' has a shape already\n  give each stream once")
        shapes[stream] = tuple(int(part) for part in parts)
    return shapes


def _amplitudes(text: str) -> list[float]:
    """`0:4:41`: so many amplitudes, evenly spaced, both ends included."""
    from dendrograph.stimulation import refuse_number

    parts = text.split(":")
    try:
        low, high = (float(part) for part in parts[:2])
        whole = len(parts) == 3 and re.fullmatch("[0-9]{1,18}", parts[2].strip()) and math.isfinite(high - low)
    except ValueError:
        whole = None
    if not whole or not low < high or int(parts[2]) < 2:
        raise DendrographError(
            f"--amplitudes {text}: no FROM:TO:NUMBER, FROM below TO and NUMBER at least 2\n"
            "  write 0:4:41 for 0, 0.1, 0.2 and so on to 4"
        )
    refuse_number(int(parts[2]))
    steps = int(parts[2]) - 1
    return [low + (high - low) * (step / steps) for step in range(steps + 1)]


def _tell_idle(morphology: str, turned: dict[str, str], plugins: list[str] | None = None) -> None:
    """Turning a knob that changes nothing is allowed, since a sweep turns the same for all models, but is told."""
    from dendrograph.morphology import load
    from dendrograph.run import is_run

    if turned and not _rank() and not is_run(morphology):  # a run has no knobs: it is refused, in its own words
        for name in sorted(set(load(morphology, turned, plugins or ()).idle_parameters) & set(turned)):
            print(
                f"note: nothing in {morphology} uses the parameter '{name}', so --set {name} changes nothing",
                file=sys.stderr,
            )


def _assignments(settings: list[str] | None) -> dict[str, str]:
    assignments: dict[str, str] = {}
    for setting in settings or []:
        path, equals, value = setting.partition("=")
        path = path.strip()
        if not equals or not path:
            raise DendrographError(
                f"--set {setting}: no PATH=VALUE\n  write --set PATH=VALUE, such as --set dendrites=64"
            )
        if path in assignments:
            raise DendrographError(f"--set {setting}: '{path}' is set already\n  set each path once")
        assignments[path] = value
    return assignments


if __name__ == "__main__":
    main()
