"""The commands `import`, `export`, `new`, `schema` and `list`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from dendrograph.cli.options import (
    Classes,
    Force,
    Inputs,
    LayerOfNeuron,
    MorphologyOrRun,
    NeuronNumber,
    Plugins,
    SeedOfWeights,
    Settings,
    command,
    given,
    source,
)


@command("import", "dendrograph import cell.swc --reduce order --out cell.yaml")
def import_command(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="SWC files.", show_default=False)],
    out: Annotated[
        str | None,
        typer.Option(
            "--out", "-o", metavar="PATH", help="New file, or a folder for several files.", show_default="NAME.yaml"
        ),
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the morphology.", show_default="name of the file")] = None,
    about: Annotated[
        str | None, typer.Option(help="One line about the morphology.", show_default="a line that names FILE")
    ] = None,
    reduce: Annotated[
        str | None,
        typer.Option(
            help="Each dendrite stands for a section, a branch order (order) or equal pieces (bins).",
            show_default="section",
        ),
    ] = None,
    bin_um: Annotated[
        float | None, typer.Option("--bin-um", help="Largest length of a bin, in µm.", show_default="50")
    ] = None,
    orders: Annotated[int | None, typer.Option(help="Highest branch order to keep.", show_default="all")] = None,
    scale: Annotated[
        float | None, typer.Option(help="Length of one unit of the file, in µm.", show_default="1")
    ] = None,
    join_trees: Annotated[bool, typer.Option("--join-trees", help="Attach separate trees to the soma.")] = False,
    min_radius: Annotated[
        float | None,
        typer.Option(
            "--min-radius",
            help="Smallest radius, in µm; it replaces unknown and smaller ones.",
            show_default="no change",
        ),
    ] = None,
    root_soma: Annotated[
        bool, typer.Option("--root-soma", help="Take the root as the soma if no sample has type 1.")
    ] = False,
    synapses: Annotated[
        int | None, typer.Option(help="Number of synapses on each dendrite.", show_default="16")
    ] = None,
    synapses_per_um: Annotated[
        float | None,
        typer.Option(
            "--synapses-per-um", help="Synapses per µm of dendrite, in place of --synapses.", show_default=False
        ),
    ] = None,
    field: Annotated[str | None, typer.Option(help="Receptive field of the synapses.", show_default="local")] = None,
    neurons: Annotated[int | None, typer.Option(help="Number of neurons in the layer.", show_default="64")] = None,
    soma: Annotated[str | None, typer.Option(help="Nonlinearity of the soma.", show_default="leaky_relu")] = None,
    basal: Annotated[
        str | None, typer.Option(help="Nonlinearity of basal dendrites.", show_default="leaky_relu")
    ] = None,
    apical: Annotated[
        str | None, typer.Option(help="Nonlinearity of apical dendrites.", show_default="leaky_relu")
    ] = None,
    force: Force = False,
) -> None:
    """Make a morphology from a reconstructed neuron (SWC).

    It keeps lengths, diameters and the types basal and apical. The axon is left out.
    """
    from dendrograph.morphology.swc.importing import Choices, import_several, import_swc

    chosen = given(
        name=name,
        about=about,
        reduce=reduce,
        bin_um=bin_um,
        orders=orders,
        scale=scale,
        min_radius=min_radius,
        synapses=synapses,
        synapses_per_um=synapses_per_um,
        field=field,
        neurons=neurons,
    )
    choices = Choices(
        join_trees=join_trees,
        root_soma=root_soma,
        nonlinearities=given(soma=soma, basal=basal, apical=apical),
        **chosen,
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
            help="New file. Its suffix selects the format: .graphml, .dot, .json, .csv, .npz, .safetensors "
            "(PyTorch Geometric), .swc, .onnx, .mmd (Mermaid), .tex (TikZ).",
            show_default=False,
        ),
    ],
    weights: Annotated[
        str | None,
        typer.Option(help="Weights of a morphology: initial, with which a training starts.", show_default="none"),
    ] = None,
    layer: LayerOfNeuron = None,
    neuron: NeuronNumber = None,
    inputs: Inputs = None,
    classes: Classes = None,
    settings: Settings = None,
    plugins: Plugins = None,
    seed: SeedOfWeights = None,
    force: Force = False,
) -> None:
    """Write a network as a file for another program.

    A run is written with its trained weights, a morphology without weights.
    """
    from dendrograph.export import export

    model = source(morphology, settings, plugins, inputs, classes=classes, seed=seed)
    result = export(model, out, weights=weights, layer=layer, neuron=neuron, force=force)
    for note in result.notes:
        print(f"note: {note}", file=sys.stderr)
    print(result)


@command("new", "dendrograph new mine")
def new_command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the morphology.", show_default=False)],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="New file.", show_default="NAME.yaml")] = None,
    force: Force = False,
) -> None:
    """Write a commented morphology to start from."""
    from dendrograph.morphology.shipped import write_starter

    file = write_starter(name, out, force)
    print(f"{file}: a neuron with two kinds of dendrites; its comments explain every key")
    print(f"next: dendrograph check {file}")


@command("schema", "dendrograph schema --out dendrograph.schema.json")
def schema_command(
    out: Annotated[Path | None, typer.Option("--out", "-o", help="New file.", show_default="printed")] = None,
    plugins: Plugins = None,
    force: Force = False,
) -> None:
    """Print the JSON Schema of morphology files.

    Editors use it to complete and check them.
    """
    import json

    from dendrograph.base import files as atomic
    from dendrograph.morphology.json_schema import schema

    text = json.dumps(schema(plugins or ()), indent=2, ensure_ascii=False) + "\n"
    if out is None:
        print(text, end="")
        return
    atomic.check_new_file(out, force, "dendrograph.schema.json")
    atomic.write(out, text)
    print(f"{out}: to use it, begin a morphology with the line # yaml-language-server: $schema={out}")


@command("list", "dendrograph list")
def list_command() -> None:
    """List the morphologies that ship with dendrograph."""
    from dendrograph.cli.text import morphologies

    print(morphologies())
