"""What a sweep names: morphologies and data sets, each read once."""

from __future__ import annotations

import re
from pathlib import Path

from dendrograph.base.errors import DendrographError
from dendrograph.base.suggestions import did_you_mean
from dendrograph.data import load as datasets
from dendrograph.data.dataset import Dataset
from dendrograph.experiments.sweep.choices import Choice
from dendrograph.morphology.document import Document
from dendrograph.morphology.shipped import shipped
from dendrograph.training.run_format import load


class Sources:
    """Morphologies and data sets by what a sweep's file calls them; what is none is noted as a fault, once.

    Args:
        folder: of the sweep's file, from which its paths are taken.
        data_dir: where data sets lie.
        plugins: what the morphologies need.
    """

    def __init__(self, folder: Path, data_dir: str | None, plugins: tuple[str, ...]) -> None:
        self.folder = folder
        self.data_dir = data_dir
        self.plugins = plugins
        self._datasets: dict[str, Dataset | None] = {}
        self._documents: dict[str, Document | None] = {}

    def document(self, choice: Choice) -> Document | None:
        """The document of a morphology; None, and a fault, where there is none."""
        if not isinstance(choice.value, str):
            choice.cursor.expected("a file, or the name of a morphology that ships", did_you_mean("", shipped()))
            return None
        path = self.path(choice.value)
        if path not in self._documents:
            self._documents[path] = None
            try:
                self._documents[path] = load(path, None, self.plugins).document
            except DendrographError as error:
                choice.tell(error)
        return self._documents[path]

    def path(self, morphology: str) -> str:
        """A file is taken from where the sweep's file lies; a name is that of a morphology that ships."""
        beside = self.folder / morphology
        return str(beside) if beside.exists() else morphology

    def dataset(self, choice: Choice) -> Dataset | None:
        """A data set; None, and a fault, where there is none."""
        if not isinstance(choice.value, str):
            choice.cursor.expected("the name of a data set, or the path of a .npz file")
            return None
        if choice.value not in self._datasets:
            self._datasets[choice.value] = None
            try:
                self._datasets[choice.value] = datasets.load(self.data_path(choice.value), self.data_dir)
            except DendrographError as error:
                choice.tell(error)
        return self._datasets[choice.value]

    def data_path(self, name: str) -> str:
        """A `.npz`, or a task cut from one, is taken from where the sweep's file lies; the others have names."""
        own = re.search(r"\.npz(/|\Z)", name, re.IGNORECASE) and not Path(name).is_absolute()
        return str(self.folder / name) if own else name
