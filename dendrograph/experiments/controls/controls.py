"""Fair controls: morphologies that share everything with another morphology except one property."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from dendrograph.base.errors import DendrographError, WiringError, argument, clip
from dendrograph.base.suggestions import did_you_mean
from dendrograph.comparison.conditions import control_name
from dendrograph.experiments.controls.fan_in_matched import Made, fan_in_matched
from dendrograph.experiments.controls.linear_and_shuffled import linear, shuffled
from dendrograph.experiments.controls.parameter_matched import compute_matched, parameter_matched
from dendrograph.graph.compiler import compile
from dendrograph.graph.graph import Graph
from dendrograph.morphology.morphology import Morphology
from dendrograph.morphology.registry import CONTROLS
from dendrograph.training.model_source import Model, ModelSource

Maker = Callable[[Graph, str, str], Made]


@dataclass(frozen=True)
class Kind:
    """A kind of control: how it is made of a graph, a description, and the properties that it keeps and removes."""

    make: Maker
    about: str
    keeps: str
    removes: str


KINDS: Mapping[str, Kind] = {
    "parameter-matched": Kind(
        parameter_matched,
        "an MLP with as many parameters",
        "the trainable parameters, the number of layers",
        "dendrites and sparse synapses (point neurons, all-to-all, of one width)",
    ),
    "linear": Kind(
        linear,
        "linear dendrites",
        "the trees, every synapse and cable, somata and readout",
        "the nonlinearity of dendrites and single synapses",
    ),
    "shuffled": Kind(
        shuffled,
        "shuffled somata",
        "the trees, every dendrite's synapses, the synapses of each input",
        "which of them share a soma",
    ),
    "fan-in-matched": Kind(
        fan_in_matched,
        "a sparse ANN with the same fan-in",
        "units of each kind, their nonlinearity, the number and sources of their synapses",
        "trees and receptive fields (point neurons that draw at random)",
    ),
    "compute-matched": Kind(
        compute_matched,
        "a vanilla ANN with as many multiplications",
        "synapses and cables (multiplications a sample), the proportions of the layers",
        "trees and sparse synapses (point neurons, all-to-all)",
    ),
}


@dataclass(frozen=True, eq=False)
class Control:
    """A control: its compiled network, or the reason why there is none; `notes` list other differences."""

    kind: str
    graph: Graph | None
    missing: str = ""
    notes: tuple[str, ...] = ()

    @property
    def morphology(self) -> Morphology:
        """The control itself."""
        assert self.graph is not None and self.graph.morphology is not None
        return self.graph.morphology


def controls(source: ModelSource | Model, names: Iterable[str] | None = None) -> dict[str, Morphology]:
    """The controls of a morphology, by the names in `CONTROLS`.

        controls(ModelSource("dann-grf", inputs=(28, 28), classes=10), ["linear"])

    Args:
        source: a `ModelSource` or a model. Controls match the inputs and classes of its graph.
        names: names of controls; by default all that the morphology has.

    Raises:
        DendrographError: a name is unknown, or the morphology has no such control; or data are given for a run.
        MorphologyError: the morphology does not compile for these inputs.
    """
    graph = graph_to_match(ModelSource.of(source))
    found = survey(graph, names)
    if names is not None:
        check_missing(graph.name, found)
    return {control.kind: control.morphology for control in found if control.graph is not None}


def graph_to_match(source: ModelSource) -> Graph:
    """The graph that controls are made of.

    Raises:
        DendrographError: data are given for a run.
    """
    for option in ("data", "data_dir"):
        if source.run and getattr(source, option) is not None:
            raise DendrographError(f"{source}: a run has its own data\n  leave {argument(option)} out")
    return source.graph()


def check_missing(name: str, found: Iterable[Control]) -> None:
    """Check that all controls exist.

    Raises:
        DendrographError: with the reason for each missing one.
    """
    missing = [f"{name} has no control '{each.kind}'\n  {each.missing}" for each in found if each.graph is None]
    if missing:
        raise DendrographError("\n".join(missing))


def survey(graph: Graph, names: Iterable[str] | None = None) -> tuple[Control, ...]:
    """Each control of a compiled morphology, compiled for the same inputs, classes and seed, or the reason why not.

    Raises:
        DendrographError: a name is unknown.
    """
    if names is not None and not isinstance(names, Iterable):
        raise DendrographError(f"names must be names of controls, not {clip(repr(names))}\n  {', '.join(CONTROLS)}")
    wanted = CONTROLS if names is None else (names,) if isinstance(names, str) else tuple(dict.fromkeys(names))
    for name in wanted:
        if name not in CONTROLS:
            raise DendrographError(f"unknown control '{clip(str(name))}'\n  {did_you_mean(name, CONTROLS, 'controls')}")
    return tuple(_made(graph, name) for name in wanted)


def _made(graph: Graph, kind: str) -> Control:
    about = KINDS[kind].about[0].upper() + KINDS[kind].about[1:]
    try:
        morphology, notes = KINDS[kind].make(
            graph, control_name(graph.name, kind), f"{about} (a control of {graph.name})."
        )
        made = compile(morphology, dict(graph.inputs), graph.classes, graph.seed)
    except WiringError:  # an internal error
        raise
    except DendrographError as error:
        return Control(kind, None, str(error))
    if _likeness(made) == _likeness(graph):
        return Control(kind, None, "it would be the same network")
    return Control(kind, made, "", notes)


def as_file(control: Control, graph: Graph) -> str:
    """The text of a morphology file with a comment on its morphology and the matched numbers."""
    kind, made, shapes = KINDS[control.kind], control.graph, shapes_text(graph)
    assert made is not None, "there is one"
    counted = (("trainable parameters", "trainable_parameters"), ("synapses and cables", "edges"))
    sizes = [f"{getattr(made, key):,} {what}, of {graph.name} {getattr(graph, key):,}" for what, key in counted]
    lines = (
        f"{made.name}: a control of {graph.name}, {kind.about}.",
        "",
        f"It keeps {kind.keeps}.",
        f"It removes {kind.removes}.",
        *(f"Note: {note}." for note in control.notes),
        "",
        f"For {shapes} and {graph.classes} classes it has {sizes[0]},",
        f"and {sizes[1]}. Made by `dendrograph controls`: make another one for other data.",
    )
    return "".join(f"# {line}".rstrip() + "\n" for line in lines) + control.morphology.to_yaml()


def shapes_text(graph: Graph) -> str:
    """The input streams of a network, such as `image 28×28`."""
    return ", ".join(f"{name} {'×'.join(map(str, shape))}" for name, shape in graph.inputs.items())


def _likeness(graph: Graph) -> object:
    """Everything that defines a network, except names and random draws."""
    numbers = {group.name: number for number, group in enumerate(graph.groups)}
    groups = [
        replace(each, name="", layer="", role="soma" if each.role == "dendrite" else each.role)
        for each in (replace(group, start=0, stage=0, neurons=0) for group in graph.groups)
    ]
    projections = []
    for each in graph.projections:
        field = each.field
        rule: object = each.kind
        if each.edges == each.sources * each.targets and (field is None or field.distinct):
            rule = "all"  # also a cable of one dendrite and one soma
        elif field is not None:
            rule = (field.rule, field.fan_in, field.distinct, field.members, field.drawn_for is None)
        own = (each.edges, each.init, each.reduce, each.nonlinearity, each.sign, each.factor, each.trainable)
        projections.append((numbers[each.source], numbers[each.target], rule, *own))
    return groups, sorted(projections, key=repr)
