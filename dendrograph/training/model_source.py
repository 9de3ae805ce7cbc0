"""What a user names as a model (a name, a file, a run folder or an object in Python), resolved in one place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from numbers import Integral
from os import PathLike
from pathlib import Path
from typing import Any

from dendrograph.base.errors import DataError, DendrographError, argument, clip, expect
from dendrograph.data import load as datasets
from dendrograph.data.dataset import Dataset
from dendrograph.graph.compiler import compile
from dendrograph.graph.graph import Graph
from dendrograph.morphology.layers import Layer
from dendrograph.morphology.morphology import Morphology, Shape
from dendrograph.morphology.neuron import Compartment
from dendrograph.morphology.plugins import import_plugins
from dendrograph.network.execution_plan import ExecutionPlan, plan
from dendrograph.network.network import DendriticNetwork
from dendrograph.training.config import TrainConfig
from dendrograph.training.run import Run, is_run
from dendrograph.training.run_format import load

DEFAULT_DATA = "digits"
DEFAULT_SHAPE = (28, 28)  # of a stream that is declared `auto`
DEFAULT_CLASSES = 10

NONE, INITIAL, TRAINED, OWN = "none", "initial", "trained", "own"  # whose weights a model has

Model = str | PathLike[str] | Compartment | Morphology | Graph | DendriticNetwork | Run


@dataclass(frozen=True, eq=False)
class ModelSource:
    """A model, named in any way, with the options that complete it. Each part is made when it is first needed.

        source = ModelSource("dann-lrf", overrides={"dendrites": 8}, data="mnist")
        network, dataset = source.network(), source.dataset()

    Attributes:
        what: the name of a shipped morphology, the path of a YAML file or of a run folder, a `Compartment` (the tree of
            one neuron), a `Morphology`, a `Graph`, a `DendriticNetwork` or a `Run`.
        overrides: values that replace those of the morphology file, by parameter or path.
        inputs: the shape of each input stream, such as `{"image": (32, 32, 3)}`; the shape alone names the only stream.
            Streams that are declared `auto` are 28 × 28 by default.
        classes: units of the readout; 10 by default.
        seed: seed of the wiring and of the initial weights; 0 by default.
        plugins: Python modules and files that the morphology needs, as `load` takes them.
        data: a `Dataset`, the name of one, or the path of a `.npz` file; its shapes and classes replace `inputs` and
            `classes`. Of a run: where its data lie now.
        data_dir: the folder of data sets.
        kernel: kernel of the network; `auto` by default, or the kernel of the run.

    Raises:
        DendrographError: an option is of another type, or does not go with the model.
    """

    what: Model
    overrides: Mapping[str, Any] | None = None
    inputs: Mapping[str, Shape | int] | Shape | int | None = None
    classes: int | None = None
    seed: int | None = None
    plugins: Iterable[str | Path] = ()
    data: str | PathLike[str] | Dataset | None = None
    data_dir: str | PathLike[str] | None = None
    kernel: str | None = None

    def __post_init__(self) -> None:
        expect("model", self.what, str, PathLike, Compartment, Morphology, Graph, DendriticNetwork, Run)
        expect("overrides", self.overrides, Mapping, None)
        expect("inputs", self.inputs, Mapping, tuple, list, int, None)
        expect("seed", self.seed, Integral, None)
        expect("data", self.data, str, PathLike, Dataset, None)
        if not isinstance(self.plugins, str | Path):  # `import_plugins` refuses these
            object.__setattr__(self, "plugins", tuple(self.plugins))

    @classmethod
    def of(cls, model: ModelSource | Model) -> ModelSource:
        """The source itself, or the source that a model makes without options."""
        return model if isinstance(model, ModelSource) else cls(model)

    def with_options(self, **changes: Any) -> ModelSource:
        """A copy with other options. It shares the morphology, which is not read twice."""
        made = replace(self, **changes)
        if not changes.keys() & {"what", "overrides", "plugins"} and "_morphology" in self.__dict__:
            made.__dict__["_morphology"] = self._morphology
        return made

    def __str__(self) -> str:
        """The model as messages name it: the name or path, or the name of the object."""
        what = self.what
        if isinstance(what, Run):
            return str(what.folder)
        if isinstance(what, DendriticNetwork):
            return what.graph.name
        return what.name if isinstance(what, Compartment | Morphology | Graph) else str(what)

    @cached_property
    def run(self) -> Run | None:
        """The run; None unless the model is a run or its folder.

        Raises:
            RunError: the run.json of the folder is damaged.
        """
        if isinstance(self.what, Run):
            found = self.what
        elif isinstance(self.what, str | PathLike) and is_run(Path(self.what)):
            found = Run.open(Path(self.what))
        else:
            return None
        import_plugins(self.plugins)
        return found

    @property
    def is_morphology(self) -> bool:
        """Whether the model is still a morphology: shapes, classes and seed may be chosen."""
        return self.run is None and not isinstance(self.what, Graph | DendriticNetwork)

    def morphology(self) -> Morphology:
        """The morphology, with all overrides.

        Raises:
            DendrographError: it cannot be read, or an option does not go with it.
        """
        return self._morphology

    def graph(self) -> Graph:
        """The compiled graph: of the data if they are given, else of `inputs` and `classes`.

        Raises:
            DendrographError: it cannot be compiled, or an option does not go with it.
        """
        return self._graph

    def network(self, weights: str | None = None) -> DendriticNetwork:
        """A network; a `DendriticNetwork` is returned itself, everything else makes a new one.

        Args:
            weights: `trained` (of a run), `own` (of a network) or `initial`; by default the weights that the model has,
                or else the initial ones.

        Raises:
            DendrographError: the model has no such weights, or the run has not ended.
        """
        self._check_fixed()
        has = INITIAL if self.weights == NONE else self.weights
        wanted = weights or has
        if wanted == INITIAL and self.run:
            return self.run.untrained(self.kernel)
        if wanted != has:
            raise DendrographError(f"{self}: has no {wanted} weights\n  its weights: {has}")
        if self.run:
            return self.run.network()
        return self.what if isinstance(self.what, DendriticNetwork) else DendriticNetwork(self._graph, self._kernel)

    def dataset(self) -> Dataset:
        """The data: as given, else those of the run, else digits.

        Raises:
            DataError: they cannot be read, or are no longer those of the run.
        """
        return self._dataset

    def plan(self) -> ExecutionPlan:
        """The kernel of each projection: `kernel` if given, else that of the run, else the best for each."""
        return plan(self._graph, self._kernel)

    def config(self) -> TrainConfig:
        """The configuration of the run, or the default."""
        return self.run.config if self.run else TrainConfig()

    @property
    def weights(self) -> str:
        """Whose weights the model has: `trained` of a run, `own` of a network, `none` of everything else."""
        if isinstance(self.what, DendriticNetwork):
            return OWN
        return TRAINED if self.run else NONE

    def choose_weights(self, asked: str | None, default: str = NONE) -> str:
        """Whose weights are used: those of the model, else those asked for, else the default.

        Raises:
            DendrographError: the model has weights, and others are asked for.
        """
        if self.weights == NONE:
            return asked or default
        if asked is not None:
            kind = "run" if self.run else "network"
            fixed = f"{self}: the weights of a {kind} are fixed: found {argument('weights', asked)}"
            raise DendrographError(f"{fixed}\n  leave {argument('weights')} out")
        return self.weights

    @property
    def _kernel(self) -> str:
        if self.kernel is None and isinstance(self.what, DendriticNetwork):
            return self.what.kernel
        return self.kernel or (str(self.run.record["network"]["kernel"]) if self.run else "auto")

    @cached_property
    def _morphology(self) -> Morphology:
        what = self.what
        if self.run:
            self._check_fixed()
            return self.run.morphology
        if isinstance(what, Graph | DendriticNetwork):
            graph = self._graph
            if graph.morphology is None:
                raise DendrographError(f"{graph.name}: the graph has no morphology\n  compile it from one")
            return graph.morphology
        if isinstance(what, str | PathLike):
            return load(Path(what) if isinstance(what, PathLike) else what, self.overrides, self.plugins)
        self._check_no("overrides", "Morphology", "load the morphology with them")
        if isinstance(what, Compartment):
            return Morphology("neuron", neurons={"neuron": what}, layers=(Layer("layer", "neuron", 1),))
        assert isinstance(what, Morphology)
        return what

    @cached_property
    def _graph(self) -> Graph:
        self._check_fixed()
        if self.run:
            return self.run.graph()
        if isinstance(self.what, Graph):
            return self.what
        if isinstance(self.what, DendriticNetwork):
            return self.what.graph
        morphology = self._morphology
        if self.data is None:
            if self.data_dir is not None:
                idle = f"{argument('data_dir', self.data_dir)} has no effect without {argument('data')}"
                raise DendrographError(f"{idle}\n  name the data set that lies there")
            classes = DEFAULT_CLASSES if self.classes is None else self.classes
            return compile(morphology, self._shapes(morphology), classes, self.seed or 0)
        if self.inputs:
            both = f"{argument('inputs')} and {argument('data')} both give the shape of the inputs"
            raise DendrographError(f"{both}\n  leave one of them out")
        classes = self._dataset.classes if self.classes is None else self.classes
        return compile(morphology, self._dataset.shapes, classes, self.seed or 0)

    def _shapes(self, morphology: Morphology) -> dict[str, Shape | int]:
        """The shape of each stream that needs one."""
        streams, given = morphology.inputs, self.inputs
        inputs = given if isinstance(given, Mapping) else {} if given is None else {"image": given}
        if unknown := [name for name in inputs if name not in streams and name != "image"]:
            found = f"{argument('inputs')}: there is no stream '{clip(unknown[0])}'"
            raise DendrographError(f"{found}\n  streams: {', '.join(streams)}")
        shapes = {name: inputs.get(name, inputs.get("image") if len(streams) == 1 else None) for name in streams}
        return {name: shape or DEFAULT_SHAPE for name, shape in shapes.items() if shape or streams[name] is None}

    @cached_property
    def _dataset(self) -> Dataset:
        if isinstance(self.data, Dataset):
            return self.data
        if self.run:
            return self.run.dataset(self.data_dir, self.data)
        return load_dataset(DEFAULT_DATA if self.data is None else self.data, self.data_dir)

    def _check_fixed(self) -> None:
        """Refuse options that would change what a run, a network or a graph has already.

        Raises:
            DendrographError: naming the options.
        """
        options = ("overrides", "inputs", "classes", "seed")
        if self.run:
            self._check_no(options, "run", f"leave them out, or give {self.run.folder / 'morphology.yaml'}")
        elif not self.is_morphology:
            kind = "network" if isinstance(self.what, DendriticNetwork) else "graph"
            self._check_no(options, kind, "leave them out, or give a morphology")

    def _check_no(self, options: str | tuple[str, ...], kind: str, remedy: str) -> None:
        names = (options,) if isinstance(options, str) else options
        given = {name: value for name in names if (value := getattr(self, name)) not in (None, {})}
        if given:
            what = " and ".join("parameters" if name == "overrides" else name for name in given)
            found = ", ".join(argument(name, value) for name, value in given.items())
            raise DendrographError(f"{self}: the {what} of a {kind} cannot be changed: found {found}\n  {remedy}")


def load_dataset(data: str | PathLike[str], data_dir: str | PathLike[str] | None) -> Dataset:
    """A data set by its name or path.

    Raises:
        DataError: there is no such data set; or a folder is given for data that lie in no data folder.
    """
    dataset = datasets.load(data, data_dir)
    if data_dir is not None and dataset.origin["data_dir"] is None:
        idle = f"{argument('data_dir', data_dir)}: {data} lies in no data folder"
        raise DataError(f"{idle}\n  leave it out, or name {argument('data')}")
    return dataset
