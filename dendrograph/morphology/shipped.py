"""The morphologies that ship with the package, found by name from anywhere."""

from __future__ import annotations

from pathlib import Path

from dendrograph.base import files
from dendrograph.base.errors import DendrographError, clip
from dendrograph.morphology.registry import NAME_RULE, is_name


def folder() -> Path:
    """Where they lie: inside the installed package, or beside it in a checkout."""
    here = Path(__file__).resolve().parent.parent
    installed = here / "morphologies"
    return installed if installed.is_dir() else here.parent / "morphologies"


def shipped() -> dict[str, Path]:
    """Name -> file of every morphology that ships, in alphabetical order."""
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

# Knobs: numbers that stand below as $name. Turn them without an edit: --set somata=128
parameters: {{somata: 64, basals: 4, tufts: 4, synapses: 16}}

# What holds for every compartment, cable and synapse that says nothing else.
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
        # Where synapses come from: previous is the input, or the layer before. How they are drawn: random, local,
        # global, pooled, tiled, or all.
        synapses: {{count: $synapses, from: previous, field: local}}
      - name: trunk # no synapses of its own: it sums what its branches bring
        # cable: {{length_um: 200, diameter_um: 3}} # what passes is then attenuated
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
    """Write a commented morphology that compiles and trains as it is.

    Args:
        name: of the morphology.
        out: the file to make; by default NAME.yaml in the current folder.
        force: whether a file that is there already may be replaced.

    Returns:
        The file.

    Raises:
        DendrographError: it is no name, or the file is there already or cannot be written.
    """
    if not is_name(name):
        raise DendrographError(f"'{clip(name)}' is no name\n  {NAME_RULE}")
    file = Path(f"{name}.yaml") if out is None else out
    files.check_new_file(file, force, f"{name}.yaml")
    files.write(file, STARTER.format(name=name, file=clip(str(file))))
    return file
