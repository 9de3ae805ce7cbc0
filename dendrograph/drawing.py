"""Diagrams from names: which network, which view of it, with which numbers; as a figure, on axes, or as a file."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from dendrograph import atomic
from dendrograph import data as datasets
from dendrograph import plugins as plugin
from dendrograph.compiler import compile
from dendrograph.dataset import Dataset
from dendrograph.draw.files import FORMS, as_bytes, form_of
from dendrograph.draw.interactive import page as page_of
from dendrograph.draw.panels import Options, Subject, compose, draw_on, views_of
from dendrograph.draw.style import FONT, style_of
from dendrograph.errors import DendrographError, clip, did_you_mean
from dendrograph.experiment import DEFAULT_DATA, graph_of
from dendrograph.graph import Graph
from dendrograph.morphology import Compartment, Layer, Morphology, load
from dendrograph.network import DendriticNetwork
from dendrograph.run import Run, is_run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Shapes = Mapping[str, tuple[int, ...]]
Drawn = str | Path | Compartment | Morphology | Graph | DendriticNetwork | Run


@dataclasses.dataclass(frozen=True)
class Source:
    """Where a network and its sample come from: the options of the command line.

    set: knobs of the morphology
    inputs: shapes of its streams; those of which nothing is said are taken as 28 × 28
    classes, seed: as `compile` takes them
    plugins: what the morphology needs, as `load` takes them
    data, data_dir: the data set that a sample is taken from; that of the run, or digits, by default
    sample: its number among the test samples
    """

    set: Mapping[str, Any] | None = None
    inputs: Shapes | None = None
    classes: int | None = None
    seed: int | None = None
    plugins: Iterable[str | Path] = ()
    data: str | None = None
    data_dir: Path | None = None
    sample: int | None = None


def figure(what: Drawn | Sequence[Drawn], view: str | Sequence[str] = "neuron", **options: Any) -> Figure:
    """A matplotlib figure of one network or of several side by side.

        from dendrograph import draw

        draw.figure("dann-lrf", "neuron,network", width="double")

    Args:
        what: a shipped name, a file, a run folder, a Compartment (one neuron's tree), a Morphology, a Graph, a
            DendriticNetwork or a Run; or a list of them.
        view: `neuron`, `network`, `fields`, `matrix`, `weights`, `activity`; several make panels with letters.
        options: style (`paper`, `talk`, `dark`), width (`single`, `double`, or cm), palette, font, label, legend, fold,
            layer, neuron (its number in the layer), columns (of panels); and, of what is drawn, those of `Source`: set,
            inputs, classes, seed, plugins, data, data_dir, sample.

    Raises:
        DendrographError: there is no such thing, view or option.
    """
    drawn, _ = _figure(what, view, options)
    return drawn


def on(axes: Axes, what: Drawn, view: str = "neuron", **options: Any) -> None:
    """Draw one view on axes of yours, as large as they are; see `figure` for the arguments.

    Give `width` no value: it is that of the axes.
    """
    how, source = _split(options)
    (name,) = views_of([view])
    draw_on(axes, subject_of(what, (name,), source), name, how)


def page(what: Drawn, **options: Any) -> str:
    """An interactive page of one network, as the text of an HTML file that works offline; see `figure` for `what`.

    A run's or a network's weights are on it; of all else the structure alone is.

        Path("net.html").write_text(draw.page("dann-lrf"), encoding="utf-8")

    Args:
        what: as `figure` takes it.
        options: style, palette, legend, fold (large layers are folded at first); and, of what is drawn, set, inputs,
            classes, seed, plugins, data, data_dir.

    Raises:
        DendrographError: there is no such thing or option, or the network has too many edges for a page.
    """
    how, source = _split(options)
    plain = Options(style=how.style, palette=how.palette, legend=how.legend, fold=how.fold)
    idle = next(
        (one.name for one in dataclasses.fields(Options) if getattr(how, one.name) != getattr(plain, one.name)), ""
    )
    idle = idle or ("sample" if source.sample is not None else "")
    if idle:
        raise DendrographError(
            f"'{idle}' has no effect on an interactive page\n  leave it out, or draw a figure: .pdf, .svg or .png"
        )
    trained = isinstance(what, DendriticNetwork | Run) or (isinstance(what, str | Path) and is_run(what))
    subject = subject_of(what, ("weights",) if trained else ("network",), source)
    style = style_of(how.style, how.palette, FONT, lambda text, size: 0.0)  # the browser measures its text
    return page_of(subject, style, fold=how.fold, legend=how.legend)


def save(drawn: Figure, path: str | Path) -> None:
    """Write a figure as FILE.pdf, .svg or .png, whole or not at all; the same figure gives the same bytes."""
    path = Path(path)
    form = form_of(path)
    atomic.write(path, as_bytes(drawn, form))


def draw_to(
    path: Path,
    what: Sequence[Drawn],
    view: str | Sequence[str] | None = None,
    samples: Sequence[int] = (),
    **options: Any,
) -> tuple[list[Path], tuple[str, ...]]:
    """Draw files, one for each sample; say which, and what the diagrams leave out."""
    form = form_of(path, (*FORMS, "html"))
    atomic.hold_folder(path)
    if form == "html":
        atomic.write(path, _only_page(path, what, view, samples, options))
        return [path], ()
    paths: list[Path] = []
    contents: list[bytes] = []
    notes: list[str] = []
    for sample in samples or (None,):
        drawn, left_out = _figure(what, view or "neuron", {**options, "sample": sample})
        paths.append(path if len(samples) < 2 else path.with_name(f"{path.stem}-{sample}{path.suffix}"))
        contents.append(as_bytes(drawn, form))
        notes += left_out
    for own, content in zip(paths, contents, strict=True):
        atomic.write(own, content)
    return paths, tuple(dict.fromkeys(notes))


def _only_page(
    path: Path,
    what: Sequence[Drawn],
    view: str | Sequence[str] | None,
    samples: Sequence[int],
    options: Mapping[str, Any],
) -> str:
    """The page of what is drawn, which has to be one network, seen as a whole."""
    if len(what) != 1:
        raise DendrographError(
            f"{path}: an interactive page shows one network, not {len(what)}\n  make a page for each"
        )
    if view is not None and views_of(view) != ("network",):
        raise DendrographError(
            f"{path}: an interactive page shows the network\n"
            "  leave --view out, or draw the view as a figure: .pdf, .svg or .png"
        )
    return page(what[0], **options, **({"sample": samples[0]} if samples else {}))


def _figure(
    what: Drawn | Sequence[Drawn], view: str | Sequence[str], options: Mapping[str, Any]
) -> tuple[Figure, tuple[str, ...]]:
    how, source = _split(options)
    views = views_of(view)
    several: list[Any] = list(what) if isinstance(what, list | tuple) else [what]
    if not several:
        raise DendrographError("nothing to draw\n  name a morphology or a run")
    return compose([subject_of(one, views, source) for one in several], views, how)


def _split(options: Mapping[str, Any]) -> tuple[Options, Source]:
    fields = [{entry.name for entry in dataclasses.fields(kind)} for kind in (Options, Source)]
    for name in options:
        if name not in fields[0] | fields[1]:
            raise DendrographError(
                f"no option '{clip(name)}'\n  {did_you_mean(name, sorted(fields[0] | fields[1]), 'options')}"
            )
    of = [{name: value for name, value in options.items() if name in own} for own in fields]
    return Options(**of[0]), Source(**of[1])


def subject_of(what: Drawn, views: Sequence[str], source: Source) -> Subject:
    """The graph, and the numbers that the views need: no more is worked out."""
    numbers = bool({"weights", "activity"} & set(views)) or source.sample is not None
    wants_sample = "activity" in views or source.sample is not None
    run = what if isinstance(what, Run) else Run.open(what) if isinstance(what, str | Path) and is_run(what) else None
    network: DendriticNetwork | None = what if isinstance(what, DendriticNetwork) else None
    dataset: Dataset | None = None
    if run is not None:
        plugin.use(source.plugins)
        network = run.network() if numbers else None
        graph = (
            network.graph
            if network is not None
            else graph_of(str(run.folder), source.set, source.inputs, source.classes, source.seed)
        )
        about = "trained"
        dataset = _data(source) if source.data else run.dataset(source.data_dir) if wants_sample else None
    else:
        dataset = _data(source) if source.data or source.data_dir else None
        graph, dataset = _graph(what, source, dataset, wants_sample)
        about = "initial" if network is None else ""
    if not numbers:
        return Subject(graph)
    network = network or DendriticNetwork(graph)
    network = network.eval()
    with torch.no_grad():
        weights = {one.name: network.weight(one.name).cpu().numpy() for one in graph.projections}
        if not wants_sample:
            return Subject(graph, weights, about)
        x, told, label = _sample(graph, dataset, source.sample or 0)
        first = next(network.parameters())
        activity = network.activations({name: value.to(first) for name, value in x.items()})
    found = {name: values[0].float().cpu().numpy() for name, values in activity.items()}
    if label is not None and graph.output.role == "readout":
        told += f": class {label}, answer {int(np.argmax(found[graph.output.name]))}"
    return Subject(graph, weights, about, found, f"{told}; {about} weights" if about == "initial" else told)


def _graph(what: Any, source: Source, dataset: Dataset | None, wants_sample: bool) -> tuple[Graph, Dataset | None]:
    """The graph of what is no run; with a sample of digits where its shapes are free, one for those of a data set."""
    if isinstance(what, Graph | DendriticNetwork):
        graph = what if isinstance(what, Graph) else what.graph
        given = [name for name in ("set", "inputs", "classes", "seed") if getattr(source, name) not in (None, {}, [])]
        if given:
            raise DendrographError(
                f"{graph.name}: a graph is fixed, and takes no '{given[0]}'\n  leave it out, or give a morphology"
            )
        return graph, dataset
    if isinstance(what, Compartment):
        what = Morphology("neuron", neurons={"neuron": what}, layers=(Layer("layer", "neuron", 1),))
    if isinstance(what, Morphology):
        if source.set:
            raise DendrographError(f"{what.name}: a Morphology has no knobs left to turn by 'set'\n  load it with them")
        tree = what
    elif isinstance(what, str | Path):
        tree = load(what, source.set, source.plugins)
    else:
        raise DendrographError(
            f"{type(what).__name__} is nothing that can be drawn\n"
            "  give a name, a file, a run, a Morphology, a Graph or a network"
        )
    free = len(tree.inputs) == 1 and next(iter(tree.inputs.values())) is None
    if dataset is None and wants_sample and free and not source.inputs:
        dataset = datasets.load(DEFAULT_DATA, None)
    if dataset is not None:
        if source.inputs:
            raise DendrographError("--inputs and --data both say what the inputs are\n  leave one of them out")
        classes = dataset.classes if source.classes is None else source.classes
        return compile(tree, dataset.shapes, classes, source.seed or 0), dataset
    shapes = source.inputs or {}
    unknown = [name for name in shapes if name not in tree.inputs and name != "image"]
    if unknown:
        raise DendrographError(f"--inputs {unknown[0]}=…: no such stream\n  streams: {', '.join(tree.inputs)}")
    named = {name: shapes.get(name, shapes.get("image") if len(tree.inputs) == 1 else None) for name in tree.inputs}
    bound = {name: shape or (28, 28) for name, shape in named.items() if shape or tree.inputs[name] is None}
    return compile(tree, bound, 10 if source.classes is None else source.classes, source.seed or 0), None


def _data(source: Source) -> Dataset:
    return datasets.load(source.data or DEFAULT_DATA, source.data_dir)


def _sample(graph: Graph, dataset: Dataset | None, number: int) -> tuple[dict[str, torch.Tensor], str, int | None]:
    """One sample of each stream, what it is in words, and its class where it has one."""
    if dataset is None:
        rng = np.random.default_rng(number)
        x = {name: torch.from_numpy(rng.random((1, *shape), dtype=np.float32)) for name, shape in graph.inputs.items()}
        return x, f"random input {number}", None
    test = dataset.test
    if not 0 <= number < len(test):
        raise DendrographError(
            f"no test sample {number} in {dataset.name}\n  they are numbered from 0 to {len(test) - 1:,}"
        )
    taken = test.take(torch.tensor([number]))
    given = {
        name: value / dataset.scale if value.dtype == torch.uint8 else value for name, value in taken.inputs.items()
    }
    if len(given) == len(graph.inputs) == 1:
        given = dict(zip(graph.inputs, given.values(), strict=True))
    return given, f"{dataset.name}, test sample {number}", int(taken.labels[0])
