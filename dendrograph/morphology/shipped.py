"""The morphologies that ship with the package, by name, and the commented morphology of `dendrograph new`."""

from __future__ import annotations

from pathlib import Path

from dendrograph.base import files
from dendrograph.base.errors import DendrographError, clip
from dendrograph.morphology.registry import NAME_RULE, is_name


def folder() -> Path:
    """The folder of the shipped morphologies: inside the installed package, or beside it in a checkout."""
    here = Path(__file__).resolve().parent.parent
    installed = here / "morphologies"
    return installed if installed.is_dir() else here.parent / "morphologies"


def shipped() -> dict[str, Path]:
    """The file of every shipped morphology by its name, in alphabetical order."""
    return {path.stem: path for path in sorted(folder().glob("*.yaml"))}


STARTER = """\
# {name}: a morphology of dendrograph. Try it:
#
#   dendrograph check {file}
#   dendrograph train {file} --data digits
#
# docs/reference/language.md lists every key. For an editor that completes and checks this file, write the schema
# by `dendrograph schema --out dendrograph.schema.json`, and begin this file with the line
#   `# yaml-language-server: $schema=dendrograph.schema.json`
name: "{name}"
about: Basal dendrites at the soma, and an apical trunk with a tuft.

# Parameters, used below as $name. Change them without an edit: --set somata=128
parameters: {{somata: 64, basals: 4, tufts: 4, synapses: 16}}

# Values for every compartment, cable and synapse that sets no other.
defaults:
  # relu, elu, gelu, sigmoid, tanh, softplus, sublinear, nmda, dcaap, ...: see docs/reference/nonlinearities.md
  nonlinearity: {{name: leaky_relu, slope: 0.1}}
  # how weights start: glorot, glorot_dense, he, or {{name: constant, value: 0.1}}
  synapses: {{init: glorot}}

# Kinds of neurons. Each is the tree of its soma; dendrites may have dendrites, of any depth.
neurons:
  pyramidal:
    dendrites:
      - name: basal
        count: $basals # of each soma
        # from: the source of the synapses; previous is the input, or the layer before. field: how sources are drawn:
        # random, local, global, pooled, tiled, or all.
        synapses: {{count: $synapses, from: previous, field: local}}
      - name: trunk # no synapses of its own: it sums its branches
        # cable: {{length_um: 200, diameter_um: 3}} # with attenuation
        dendrites:
          - name: tuft
            count: $tufts # of each trunk
            nonlinearity: nmda # a plateau above a threshold
            synapses: {{count: $synapses, from: previous, field: random}}

# Populations of neurons, from the input to the readout, which is a linear unit for each class.
layers:
  - {{name: hidden, neuron: pyramidal, count: $somata}}
"""


def write_starter(name: str, out: Path | None = None, force: bool = False) -> Path:
    """Write a commented morphology that compiles and trains without changes.

    Args:
        name: the name of the morphology.
        out: the file to write; by default NAME.yaml in the current folder.
        force: whether an existing file may be replaced.

    Returns:
        The file.

    Raises:
        DendrographError: the name is not valid, or the file exists or cannot be written.
    """
    if not is_name(name):
        raise DendrographError(f"'{clip(name)}' is no name\n  {NAME_RULE}")
    file = Path(f"{name}.yaml") if out is None else out
    files.check_new_file(file, force, f"{name}.yaml")
    files.write(file, STARTER.format(name=name, file=clip(str(file))))
    return file
