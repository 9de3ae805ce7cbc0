"""Morphologies and networks as files, from elsewhere and for elsewhere."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from dendrograph.cli.options import (
    Classes,
    Inputs,
    LayerOfNeuron,
    MorphologyOrRun,
    NeuronNumber,
    Plugins,
    SeedOfWeights,
    Settings,
    command,
    source,
)


@command("import", "dendrograph import cell.swc --reduce order --out cell.yaml")
def import_command(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="SWC files.", show_default=False)],
    out: Annotated[
        str | None,
        typer.Option(
            "--out", "-o", metavar="PATH", help="The file to make, or the folder for several.", show_default="NAME.yaml"
        ),
    ] = None,
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
    min_radius: Annotated[
        float | None,
        typer.Option("--min-radius", help="In µm: for unknown and smaller radii.", show_default="none is changed"),
    ] = None,
    root_soma: Annotated[
        bool, typer.Option("--root-soma", help="Take the root for the soma where no sample has type 1.")
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
    force: Annotated[bool, typer.Option("--force", help="Replace what is there already.")] = False,
) -> None:
    """Make a morphology of each neuron's reconstruction (SWC).

    Lengths, diameters and the types basal and apical are taken over; the axon is left out.
    """
    from dendrograph.morphology.swc.importing import Choices, import_several, import_swc

    given: dict[str, Any] = {
        "name": name,
        "about": about,
        "reduce": reduce,
        "bin_um": bin_um,
        "orders": orders,
        "scale": scale,
        "min_radius": min_radius,
        "synapses": synapses,
        "synapses_per_um": synapses_per_um,
        "field": field,
        "neurons": neurons,
    }
    nonlinearities = {"soma": soma, "basal": basal, "apical": apical}
    choices = Choices(
        join_trees=join_trees,
        root_soma=root_soma,
        nonlinearities={kind: chosen for kind, chosen in nonlinearities.items() if chosen is not None},
        **{key: value for key, value in given.items() if value is not None},
    )
    one = len(files) == 1
    for imported in [import_swc(files[0], out, force, choices)] if one else import_several(files, out, force, choices):
        for note in imported.notes:
            print(f"note: {note}", file=sys.stderr)
        for line in imported.summary:
            print(line)


@command("export", "dendrograph export runs/first --out network.onnx")
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
    layer: LayerOfNeuron = None,
    neuron: NeuronNumber = None,
    inputs: Inputs = None,
    classes: Classes = None,
    settings: Settings = None,
    plugins: Plugins = None,
    seed: SeedOfWeights = None,
    force: Annotated[bool, typer.Option("--force", help="Replace what is there already.")] = False,
) -> None:
    """Write a network as a file that another program reads.

    A run has its trained weights, a morphology its structure alone.
    """
    from dendrograph.export import export

    model = source(morphology, settings, plugins, inputs, classes=classes, seed=seed)
    result = export(model, out, weights=weights, layer=layer, neuron=neuron, force=force)
    for note in result.notes:
        print(f"note: {note}", file=sys.stderr)
    print(result)


@command("new", "dendrograph new mine")
def new_command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of the morphology.", show_default=False)],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="The file to make.", show_default="NAME.yaml")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace what is there already.")] = False,
) -> None:
    """Write a commented morphology to start from."""
    from dendrograph.morphology.shipped import write_starter

    file = write_starter(name, out, force)
    print(f"{file}: a neuron with two kinds of dendrites; what may stand in it is told beside it")
    print(f"next: dendrograph check {file}")


@command("schema", "dendrograph schema --out dendrograph.schema.json")
def schema_command(
    out: Annotated[Path | None, typer.Option("--out", "-o", help="The file to make.", show_default="printed")] = None,
    plugins: Plugins = None,
    force: Annotated[bool, typer.Option("--force", help="Replace what is there already.")] = False,
) -> None:
    """The JSON Schema of morphology files, by which editors complete and check them."""
    import json

    from dendrograph.base import files as atomic
    from dendrograph.morphology.json_schema import schema

    text = json.dumps(schema(plugins or ()), indent=2, ensure_ascii=False) + "\n"
    if out is None:
        print(text, end="")
        return
    atomic.check_new_file(out, force, "dendrograph.schema.json")
    atomic.write(out, text)
    print(f"{out}: name it in the first line of a file: # yaml-language-server: $schema={out}")


@command("list", "dendrograph list")
def list_command() -> None:
    """The morphologies that ship with dendrograph."""
    from dendrograph.cli.text import morphologies

    print(morphologies())
