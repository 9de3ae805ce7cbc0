"""`dendrograph import`: writes a reconstruction of a neuron as an ordinary morphology file, for people to edit."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dendrograph.base import files
from dendrograph.base.errors import DendrographError, MorphologyError, argument, clip, worded
from dendrograph.base.suggestions import did_you_mean
from dendrograph.morphology import receptive_fields
from dendrograph.morphology.document import Document
from dendrograph.morphology.morphology import Morphology
from dendrograph.morphology.nonlinearities import NONLINEARITIES
from dendrograph.morphology.registry import NAME_RULE, is_name
from dendrograph.morphology.swc.reduction import (
    BIN_UM,
    BINS,
    ORDER,
    REDUCTIONS,
    SECTION,
    Part,
    advice,
    dendrites,
    entries,
    nested,
    reduced,
    within,
)
from dendrograph.morphology.swc.sections import APICAL, BASAL, OTHER, Reconstruction, counted, read
from dendrograph.morphology.yaml_reader import decoded, written

SOMA = "soma"
USUAL = "leaky_relu"
SYNAPSES = 16
MOST_HEADER = 20  # lines that are copied from the header of the reconstruction
WIDTH = 120

DONE = {
    SECTION: "one dendrite a section",
    ORDER: "one dendrite a branch order and stem",
    BINS: "sections cut into pieces of at most {bin_um:g} µm",
}
HOW = {
    SECTION: "Each dendrite is a section: what lies between two forks, or between changes of type.",
    ORDER: (
        "Each dendrite stands for the sections of one branch order of a stem; its length is their mean, its diameter "
        "their mean weighted by length. In a regular stem `count` says how many there are, in others it is 1."
    ),
    BINS: "Each section is cut into equal pieces of at most {bin_um:g} µm, one dendrite on the other.",
}
CABLES = (
    "length_um is the length along the path (for a stem, the gap from the surface of the soma included), diameter_um "
    "the mean diameter along it. Each cable passes what a branching cable with sealed ends passes (ends: sealed), see "
    "docs/concepts/cables.md."
)
BLOCKS = 8  # levels of dendrites that are indented; deeper ones are written in brackets


@dataclass(frozen=True)
class Choices:
    """Options of an import.

    Attributes:
        name: of the morphology; by default from the name of the file.
        about: a description of the morphology, instead of one that names the file.
        reduce: `section`, `order` or `bins` (of at most `bin_um`).
        bin_um: the largest length of a bin, in µm.
        orders: the highest branch order; branches of higher orders are left out.
        scale: µm per unit of the file.
        join_trees: whether unconnected trees are joined to the soma.
        min_radius: in µm; it replaces unknown and smaller radii.
        root_soma: whether the root is the soma if no sample has type 1.
        synapses: synapses of each dendrite; the parameter `$synapses` of the file.
        synapses_per_um: instead, synapses per µm of dendrite, at least one per dendrite.
        field: the receptive field of the synapses.
        neurons: neurons of the layer; the parameter `$somata` of the file.
        nonlinearities: of `soma`, `basal` and `apical`, if not `leaky_relu`.
    """

    name: str | None = None
    about: str | None = None
    reduce: str = SECTION
    bin_um: float | None = None
    orders: int | None = None
    scale: float = 1.0
    join_trees: bool = False
    min_radius: float | None = None
    root_soma: bool = False
    synapses: int | None = None
    synapses_per_um: float | None = None
    field: str = "local"
    neurons: int = 64
    nonlinearities: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def check(self) -> None:
        """Check each option.

        Raises:
            DendrographError: an option is not valid.
        """

        def check(key: str, is_valid: Callable[[Any], bool], problem: str) -> None:
            value = getattr(self, key)
            if value is not None and not is_valid(value):
                raise DendrographError(f"{argument(key, clip(value) if isinstance(value, str) else value)}: {problem}")

        fields = tuple(name for name in receptive_fields.known() if name != "all")  # which takes no count
        check("name", is_name, f"no name\n  {NAME_RULE}")
        check("about", str.isprintable, "expected text on one line")
        check("reduce", REDUCTIONS.__contains__, did_you_mean(self.reduce, REDUCTIONS))
        if self.bin_um is not None and self.reduce != BINS:
            unused = f"{argument('bin_um')} says nothing without bins"
            raise DendrographError(f"{unused}\n  add {argument('reduce', BINS)}, or leave it out")
        for key in ("bin_um", "scale", "min_radius", "synapses_per_um"):
            check(key, lambda value: 1e-6 <= value <= 1e6, "expected a number from 1e-6 to 1e6")
        for key in ("orders", "synapses", "neurons"):
            check(key, lambda count: count >= 1, "expected a whole number of at least 1")
        if self.synapses is not None and self.synapses_per_um is not None:
            both = f"{argument('synapses')} and {argument('synapses_per_um')}"
            raise DendrographError(f"{both} say the same in two ways\n  give one of them")
        check("field", fields.__contains__, did_you_mean(self.field, fields))
        for kind, name in self.nonlinearities.items():
            if name not in NONLINEARITIES:
                raise DendrographError(f"{_choice(kind, clip(name))}: {did_you_mean(name, NONLINEARITIES)}")


def _choice(kind: str, nonlinearity: str) -> str:
    """The option that chose a nonlinearity, as messages write it."""
    return worded(argument(kind, nonlinearity), argument("nonlinearities", {kind: nonlinearity}))


@dataclass(frozen=True)
class Imported:
    """A written morphology file: its path, its text, a summary of its dendrites, and notes for the user."""

    path: Path
    text: str
    summary: tuple[str, ...]
    notes: tuple[str, ...]


def import_swc(
    path: str | Path, out: str | Path | None = None, force: bool = False, choices: Choices | None = None
) -> Imported:
    """Write an SWC file as a morphology file.

    Args:
        path: the SWC file.
        out: the file to write, or a folder for it; by default NAME.yaml in the current folder. A text that ends in `/`
            is a folder, which is made if it does not exist.
        force: whether an existing file may be replaced.
        choices: options of the reduction, and of values that a reconstruction does not have.

    Raises:
        DendrographError: an option is not valid, the file is not a reconstruction or too large for a morphology, or
            `out` exists.
    """
    chosen = choices or Choices()
    chosen.check()
    name = chosen.name or _name(Path(path))
    target = _target(name, out)
    if target.exists() and Path(path).exists() and target.samefile(path):
        raise DendrographError(f"{target}: is the reconstruction itself\n  give another {argument('out')}")
    files.check_new_file(target, force, f"{name}.yaml")
    makes_folder = _is_folder(out) and not target.parent.exists()
    files.check_writable(target.parent if makes_folder else target)
    reconstruction = read(
        Path(path), chosen.scale, chosen.join_trees, chosen.min_radius or 0.0, root_soma=chosen.root_soma
    )
    parts = reduced(reconstruction, chosen.reduce, chosen.bin_um or BIN_UM, chosen.orders)
    text = morphology_text(reconstruction, parts, name, chosen)
    _check_text(text, reconstruction, name, parts, chosen)
    if makes_folder:
        files.check_name_lengths(target)
        target.parent.mkdir(exist_ok=True)
    files.write(target, text)
    unused = [
        f"there are no {kind} dendrites: {_choice(kind, chosen.nonlinearities[kind])} changes nothing"
        for kind in (BASAL, APICAL)
        if kind in chosen.nonlinearities and kind not in _kinds(reconstruction)
    ]
    copies = f" ({dendrites(parts):,} a neuron)" if dendrites(parts) > entries(parts) else ""
    summary = (
        *_summary(reconstruction, chosen),
        f"{target}: {counted(entries(parts), 'dendrite')}{copies}, at most {nested(parts)} in a row; "
        + DONE[chosen.reduce].format(bin_um=chosen.bin_um or BIN_UM),
    )
    return Imported(target, text, summary, (*reconstruction.notes, *unused))


def import_several(
    paths: Sequence[str | Path], out: str | Path | None = None, force: bool = False, choices: Choices | None = None
) -> Iterator[Imported]:
    """Write several SWC files as one morphology file each. All readable files are written.

    Args:
        paths: the SWC files.
        out: a folder for the files, which is made if it does not exist; by default the current folder.
        force: whether existing files may be replaced.
        choices: as for `import_swc`, without a name and a description.

    Raises:
        DendrographError: two files would have the same name, in which case nothing is written; or, at the end, the
            errors of all files that could not be imported.
    """
    chosen = choices or Choices()
    chosen.check()
    for option in (argument(key) for key in ("name", "about") if getattr(chosen, key) is not None):
        raise DendrographError(f"{option}: there are {len(paths):,} files\n  give {option} for one file at a time")
    if out is not None and Path(out).exists() and not Path(out).is_dir():
        raise DendrographError(
            f"{out}: is a file, and there are {len(paths):,} to make\n  give {argument('out')} a folder"
        )
    made: dict[Path, str | Path] = {}
    for path in paths:
        target = Path(out or ".") / f"{_name(Path(path))}.yaml"
        if target in made:
            both = f"{made[target]} and {path}"
            remedy = f"import them one at a time, with {argument('out')} or {argument('name')}"
            raise DendrographError(f"{both} would both become {target}\n  {remedy}")
        made[target] = path
    if out is not None and not Path(out).exists():
        files.check_writable(Path(out))
    refused = []
    for path in paths:
        try:
            yield import_swc(path, f"{out or '.'}/", force, chosen)
        except DendrographError as error:
            refused.append(str(error))
    if refused:
        counts = f"{len(refused):,} of {len(paths):,} files not imported" if len(paths) > 1 else ""
        raise DendrographError("\n".join([*refused, *([counts] if counts else [])]))


def _target(name: str, out: str | Path | None) -> Path:
    """The file to write: `out`, or NAME.yaml in it if it is a folder."""
    if out is None:
        return Path(f"{name}.yaml")
    return Path(out) / f"{name}.yaml" if Path(out).is_dir() or _is_folder(out) else Path(out)


def _is_folder(out: str | Path | None) -> bool:
    """Whether a text names a folder, which need not exist."""
    return isinstance(out, str) and out.endswith(("/", os.sep))


def morphology_text(reconstruction: Reconstruction, parts: Sequence[Part], name: str, chosen: Choices) -> str:
    """The text of the morphology file, with comments."""
    per_um = chosen.synapses_per_um
    bin_um = chosen.bin_um or BIN_UM
    file = clip(Path(reconstruction.file).name)
    axon = "; the axon is left out" if reconstruction.axon[0] else ""
    about = chosen.about or f"Neuron reconstructed in {file}, {DONE[chosen.reduce].format(bin_um=bin_um)}{axon}."
    parameters = {"somata": chosen.neurons, **({} if per_um else {"synapses": chosen.synapses or SYNAPSES})}
    header = [clip(line, WIDTH - 6) for line in reconstruction.header]
    lines = [
        *_comment(f"{name}: a neuron reconstructed in {file}, made by `dendrograph import`."),
        "#",
        *(f"#   {line}" for line in _summary(reconstruction, chosen)),
        "#",
        *_comment(f"{HOW[chosen.reduce].format(bin_um=bin_um)} {CABLES}"),
        *(["#", "# The header of the reconstruction:"] if header else []),
        *(f"#   {line}" for line in header[:MOST_HEADER]),
        *([f"#   ({len(header) - MOST_HEADER:,} more lines)"] if len(header) > MOST_HEADER else []),
        f"name: {_quoted(name)}",
        f"about: {json.dumps(about, ensure_ascii=False)}",
        "",
        f"# Parameters: somata of the layer{'' if per_um else ', synapses of each dendrite'}.",
        f"parameters: {{{', '.join(f'{key}: {value}' for key, value in parameters.items())}}}",
        "",
        *([f"# Synapses: {per_um:g} to each µm of dendrite, at least one a dendrite."] if per_um else []),
        "# A reconstruction has no synapses and nonlinearities: choose them as you like.",
        "defaults:",
        f"  nonlinearity: {USUAL}",
        "  cable: {ends: sealed}",
        f"  synapses: {{from: previous, field: {chosen.field}}}",
        "",
        "neurons:",
        f"  {_quoted(name)}: # the soma: {reconstruction.soma}",
        *([f"    nonlinearity: {at_soma}"] if (at_soma := chosen.nonlinearities.get(SOMA, USUAL)) != USUAL else []),
        *_dendrites(parts, chosen),
        "",
        "layers:",
        f"  - {{name: hidden, neuron: {_quoted(name)}, count: $somata}}",
        "",
    ]
    return "\n".join(lines)


def _quoted(name: str) -> str:
    """A name, in quotes if YAML would not read it as text."""
    return json.dumps(name) if name.lower() in ("null", "true", "false") else name


def _dendrites(parts: Sequence[Part], chosen: Choices) -> Iterator[str]:
    """The lines of `dendrites:` with all levels.

    Levels beyond `BLOCKS` are written in brackets, so that the indentation stops growing.
    """
    yield "    dendrites:"
    waiting: list[str | tuple[Part, int, int]] = [(part, part.count, 1) for part in reversed(parts)]
    while waiting:
        here = waiting.pop()
        if isinstance(here, str):
            yield here
            continue
        part, copies, depth = here
        indent = "    " * min(depth, BLOCKS + 2)
        stands = f" # {part.sections} sections, {_number(part.total_um)} µm" if part.sections > 1 else ""
        settings = _settings(part, copies, chosen)
        if depth > BLOCKS:
            opens, closes = (", dendrites: [", "]},") if part.dendrites else ("},", "")
            yield f"{indent}{{name: {part.name}, {', '.join(settings)}{opens}{stands}"
        else:
            opens, closes = (" [", "    ]") if depth == BLOCKS else ("", "")
            yield f"{indent}  - name: {part.name}{stands}"
            yield from (f"{indent}    {setting}" for setting in settings)
            if part.dendrites:
                yield f"{indent}    dendrites:{opens}"
        if part.dendrites and closes:
            waiting.append(f"{indent}{closes}")
        waiting += [(child, copies * child.count, depth + 1) for child in reversed(part.dendrites)]


def _settings(part: Part, copies: int, chosen: Choices) -> list[str]:
    """The settings of one dendrite in the file; a neuron has `copies` of it."""
    nonlinearity = chosen.nonlinearities.get(part.kind, USUAL)
    synapses = "$synapses"
    if chosen.synapses_per_um:
        synapses = str(max(1, round(chosen.synapses_per_um * part.total_um / copies)))
    return [
        *([f"count: {part.count}"] if part.count > 1 else []),
        *([f"nonlinearity: {nonlinearity}"] if nonlinearity != USUAL else []),
        f"cable: {{length_um: {_number(part.length_um)}, diameter_um: {_number(part.diameter_um)}}}",
        f"synapses: {{count: {synapses}}}",
    ]


def _check_text(text: str, reconstruction: Reconstruction, name: str, parts: Sequence[Part], chosen: Choices) -> None:
    """Check that the text is a valid morphology, also with all defaults written out, as a run folder stores it."""
    file = reconstruction.file
    try:
        morphology = Morphology.from_document(Document.from_text(text, name))
        plain = morphology.to_dict()
        decoded(written(plain).encode(), name)
        again = Morphology.from_document(Document.from_plain(plain, name))
    except MorphologyError as error:
        if any(word in fault.problem for fault in error.faults for word in ("too large", "values")):
            problem = f"{entries(parts):,} dendrites are more than a morphology file may hold"
            remedy = advice(reconstruction, chosen.reduce, chosen.bin_um or BIN_UM, chosen.orders)
            raise DendrographError(f"{file}: {problem}\n  {remedy}") from None
        fault = error.faults[0]
        remedy = f"are the coordinates in µm? {argument('scale')} says how many µm one unit of the file is"
        here, line = parts, 0
        for index in re.findall(r"dendrites\[([0-9]+)\]", fault.path):
            here, line = here[int(index)].dendrites, here[int(index)].line
        place = f"{file}:{line}:1: the dendrite that ends here" if line else f"{file}: no morphology"
        raise DendrographError(f"{place}: {fault.problem}\n  {remedy}") from None
    if again != morphology:
        raise DendrographError(
            f"{file}: internal error: the written morphology differs when it is read again\n  report it, with the file"
        )


def _summary(reconstruction: Reconstruction, chosen: Choices) -> Iterator[str]:
    """A summary of the reconstruction: its parts, and those that are left out."""
    rows = [("soma", reconstruction.soma)]
    for kind in _kinds(reconstruction):
        here = [section for section in reconstruction.sections if section.kind == kind]
        stems = sum(section.parent is None for section in here)
        length = sum(section.length for section in here)
        rows.append((kind, f"{counted(len(here), 'section')}, {length:,.0f} µm, {stems} on the soma"))
    if reconstruction.axon[0]:
        rows.append(
            ("axon", f"{counted(reconstruction.axon[0], 'section')}, {reconstruction.axon[1]:,.0f} µm: left out")
        )
    if chosen.orders is not None:
        kept = set(within(reconstruction, chosen.orders))
        beyond = [section.length for place, section in enumerate(reconstruction.sections) if place not in kept]
        rows.append(
            (f"beyond order {chosen.orders}", f"{counted(len(beyond), 'section')}, {sum(beyond):,.0f} µm: left out")
        )
    width = max(len(what) for what, _ in rows)
    return (f"{what:<{width}}  {said}" for what, said in rows)


def _kinds(reconstruction: Reconstruction) -> list[str]:
    there = {section.kind for section in reconstruction.sections}
    return [kind for kind in (BASAL, APICAL, OTHER) if kind in there]


def _name(path: Path) -> str:
    """A valid name from the name of a file: `cnic 001.CNG.swc` gives `cnic-001-CNG`."""
    stem = path.name[:-4] if path.suffix.lower() == ".swc" else path.name
    name = re.sub("[^A-Za-z0-9_]+", "-", stem).strip("-")
    return (name if name[:1].isalpha() else f"neuron-{name}".rstrip("-"))[:64]


def _number(value: float) -> str:
    """A length in the file: rounded to a nanometre, or to three digits below ten nanometres."""
    if value < 0.01:
        return f"{value:.3g}"
    return f"{value:.3f}".rstrip("0").rstrip(".")


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(text, WIDTH - 2)]
