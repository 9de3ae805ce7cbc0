"""The text that `show`, `list`, `evaluate`, `controls`, `continual` and `stimulate` print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dendrograph.base.tables import table
from dendrograph.morphology.morphology import load
from dendrograph.morphology.shipped import shipped
from dendrograph.morphology.weights import Sign

if TYPE_CHECKING:  # keeps `list` fast
    import numpy as np
    from numpy.typing import NDArray

    from dendrograph.analysis.stimulate import Stimulation
    from dendrograph.experiments.controls.controls import Control
    from dendrograph.graph.graph import Graph, Group, Projection
    from dendrograph.training.continual import Learned

MOST_SHOWN = 9  # amplitudes of one curve that are printed


def describe(graph: Graph) -> str:
    """Describe groups, projections, and totals with the memory for training."""
    from dendrograph.graph.size_limits import format_bytes  # here, to keep `list` fast

    groups = [
        (
            group.name,
            group.role,
            f"{group.size:,}",
            str(group.stage),
            _integration(group) if group.role in ("soma", "dendrite") else "-",
            _nonlinearity(group) if group.role in ("soma", "dendrite") else "-",
            f"{group.size if group.bias else 0:,}{', fixed' * (group.bias and not group.bias_trainable)}",
        )
        for group in graph.groups
    ]
    projections = [
        (
            projection.name,
            projection.kind,
            projection.field.shown if projection.field else "all" if projection.all_to_all else "tree",
            f"{projection.edges:,}",
            _fan_in(projection.fan_in()),
            _weights(projection),
        )
        for projection in graph.projections
    ]
    shapes = ", ".join(f"{name} {'×'.join(map(str, shape))}" for name, shape in graph.inputs.items())
    cables, to_readout = graph.edges - graph.synapses, sum(each.edges for each in graph.onto("readout"))
    own, all_in_all = format_bytes(4 * graph.parameters), format_bytes(_training(graph))
    return "\n".join(
        [
            f"{graph.name}: inputs {shapes}; {graph.classes} classes; seed {graph.seed}",
            "",
            table(("group", "role", "units", "stage", "integration", "nonlinearity", "biases"), groups),
            "",
            table(("projection", "kind", "field", "edges", "fan-in", "weights"), projections),
            "",
            f"compartments  {graph.compartments:,}",
            f"synapses      {graph.synapses:,} (the readout's {to_readout:,} included) and {cables:,} cables",
            f"parameters    {graph.parameters:,}",
            *[f"trainable     {graph.trainable_parameters:,} of them"] * bool(graph.frozen),
            f"effective     {graph.effective_parameters:,} of them: the output depends on these",
            *(f"note          {line}" for line in idle_units(graph)),
            f"memory        {own} of parameters, about {all_in_all} to train",
            f"connectivity  {graph.connectivity_hash}",
        ]
    )


def idle_units(graph: Graph) -> list[str]:
    """Describe units without effect, one line a group: those without a path to the output or without input."""
    lines = []
    for group in graph.groups:
        if group.role == "input":
            continue
        silent, unheard = (int((~of[group.name]).sum()) for of in (graph.reach.with_input, graph.reach.with_output))
        of = f"of {group.size:,} units"
        lines += [f"{group.name}: {unheard:,} {of} have no output: their activity does not reach the readout"] * bool(
            unheard
        )
        lines += [f"{group.name}: {silent:,} {of} have no input: their activity is constant"] * bool(silent)
    return lines


def fair_controls(graph: Graph, found: Sequence[Control]) -> str:
    """Describe the controls of a network: sizes, properties kept and removed, or why a control does not exist."""
    from dendrograph.experiments.controls.controls import KINDS

    networks = [made for made in (graph, *(each.graph for each in found)) if made is not None]
    sizes = ["parameters", *["trainable_parameters"] * any(made.frozen for made in networks)]
    rows = [
        (
            name,
            *(f"{getattr(made, key):,}" for key in sizes),
            f"{made.trainable_parameters / max(1, graph.trainable_parameters):.3f}",
            f"{made.effective_parameters:,}",
            f"{made.edges:,}",
            f"{made.edges / graph.edges:.3f}",
        )
        for name, made in ((graph.name, graph), *((each.kind, each.graph) for each in found))
        if made is not None
    ]
    texts = [
        table(
            ("control", *(key.split("_")[0] for key in sizes), "ratio", "effective", "synapses and cables", "ratio"),
            rows,
        )
    ]
    for each in found:
        kind = KINDS[each.kind]
        if each.graph is None:
            texts.append(f"{each.kind}: does not exist: {each.missing}")
        else:
            lines = (f"{each.kind}: {kind.about}", f"keeps: {kind.keeps}", f"removes: {kind.removes}")
            notes = [*each.notes, *idle_units(each.graph)]
            texts.append("\n  ".join((*lines, *(f"note: {note}" for note in notes))))
    return "\n\n".join(texts)


def _integration(group: Group) -> str:
    return group.integration + (f", {group.normalisation} normalisation" if group.normalisation != "none" else "")


def _nonlinearity(group: Group) -> str:
    shown = group.nonlinearity.shown
    return shown if group.trainable else shown.replace("(trained, one a ", "(fixed, one a ")


def _weights(projection: Projection) -> str:
    """Describe the initial weights, sign, attenuation and nonlinearity of a projection."""
    init = projection.init
    said = [init.name if init.value is None else f"{init.name} {init.value:.3g}"]
    said += [projection.sign] if projection.sign != Sign.FREE else []
    said += [f"x {projection.factor:.3g}"] if projection.factor != 1 else []
    said += [projection.nonlinearity.shown] if projection.nonlinearity else []
    return ", ".join(said + ([] if projection.trainable else ["fixed"]))


def _fan_in(counts: NDArray[np.int64]) -> str:
    if not len(counts):
        return "0"
    low, high = int(counts.min()), int(counts.max())
    return str(low) if low == high else f"{low}-{high}"


def _training(graph: Graph) -> int:
    from dendrograph.graph.size_limits import training_memory

    dense = sum(projection.edges for projection in graph.projections if projection.all_to_all)
    messages = sum(projection.edges for projection in graph.projections if projection.nonlinear)
    return training_memory(graph.edges - dense, dense, graph.nodes, messages)


def morphologies() -> str:
    """List the shipped morphologies with their descriptions and parameters."""
    loaded = [load(path) for path in shipped().values()]
    parameters = [" ".join(f"{key}={value}" for key, value in morphology.parameters.items()) for morphology in loaded]
    rows = [(morphology.name, morphology.about, text) for morphology, text in zip(loaded, parameters, strict=True)]
    return table(("name", "about", "parameters"), rows)


def confusion(counts: NDArray[np.int64]) -> str:
    """Format a confusion matrix: rows are true classes, columns are predicted classes."""
    classes = range(len(counts))
    rows = [[f"{true}", *(f"{counts[true, answer]}" for answer in classes)] for true in classes]
    return table(["", *map(str, classes)], rows)


def stimulation(result: Stimulation) -> str:
    """Format the responses of a neuron: a few amplitudes for each recorded compartment and stimulus."""
    curves: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in result.table:
        curves.setdefault((row["recorded"], row["sites"]), []).append(row)
    rest = ", ".join(f"{site} {value:.4g}" for site, value in result.rest.items())
    header = ("recorded", "sites", "kind", "amplitude", "arithmetic sum", "measured", "supralinearity")
    rows = []
    for curve in curves.values():
        last = len(curve) - 1
        for number in sorted({round(last * part / (MOST_SHOWN - 1)) for part in range(MOST_SHOWN)}):
            row = curve[number]
            numbers = (_number(row[key]) for key in ("arithmetic_sum", "measured", "supralinearity"))
            rows.append((row["recorded"], row["sites"], row["kind"], f"{row['amplitude']:.3f}", *numbers))
    about = f"neuron {result.index} of layer {result.layer}, {result.weights} weights; at rest {rest}"
    return f"{about}\n\n{table(header, rows)}"


def continual(learned: Learned) -> str:
    """Format the test accuracy on each task, before training and after each task, and its measures, in per cent."""
    rows = [[str(learnt), *(f"{100 * share:.2f}" for share in row)] for learnt, row in enumerate(learned.matrix)]
    tasks = [str(task) for task in range(1, len(rows))]
    measures = [(name.replace("_", " "), f"{100 * value:.2f}") for name, value in learned.measures.items()]
    about = f"{learned.record['scenario']} {learned.record['protocol']}"
    matrix = table(["tasks learnt", *tasks], rows)
    return f"{about}: test accuracy (%) on task 1 to {tasks[-1]}\n{matrix}\n\n{table(('measure', '%'), measures)}"


def listed(words: Sequence[str], most: int = 5) -> str:
    """Join words; of many words only the first."""
    more = f" and {len(words) - most:,} more" if len(words) > most else ""
    return ", ".join(words[:most]) + more


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value + 0.0:.4f}".replace("-0.0000", "0.0000")
