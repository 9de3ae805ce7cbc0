"""`dendrograph import`: a reconstruction of a neuron becomes an ordinary morphology file, for people to edit."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dendrograph.base import files
from dendrograph.base.errors import DendrographError, MorphologyError, argument, clip, worded
from dendrograph.base.suggestions import did_you_mean
from dendrograph.morphology.document import Document
from dendrograph.morphology.morphology import Morphology
from dendrograph.morphology.nonlinearities import NONLINEARITIES
from dendrograph.morphology.receptive_fields import known as known_fields
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
MOST_HEADER = 20  # lines of the reconstruction's own header that are taken over
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
BLOCKS = 8  # dendrites on one path that are written below each other; what grows from there is written on one line


@dataclass(frozen=True)
class Choices:
    """What a user chooses of the morphology that an import makes.

    about: a line on the morphology, in place of one that names the file
    reduce: `section`, `order` or `bins` (of at most `bin_um`)
    orders: leave out branches of a higher order
    scale: µm to one unit of the file
    join_trees: take trees that nothing joins to the soma to grow from it
    min_radius: in µm; unknown and smaller radii are taken to be this
    root_soma: take the root for the soma where no sample has type 1
    synapses: of each dendrite; the file's parameter `$synapses`
    synapses_per_um: instead, so many for each µm of dendrite, at least one
    field: from which they are drawn
    neurons: of the layer; the file's parameter `$somata`
    nonlinearities: of `soma`, `basal` and `apical`, where it is not `leaky_relu`
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
        """Hold each choice to what it may be.

        Raises:
            DendrographError: by the names of the options.
        """
        if self.name is not None and not is_name(self.name):
            raise DendrographError(f"{argument('name', clip(self.name))}: no name\n  {NAME_RULE}")
        if self.about is not None and not self.about.isprintable():
            raise DendrographError(f"{argument('about', clip(self.about))}: expected text on one line")
        if self.reduce not in REDUCTIONS:
            known = did_you_mean(self.reduce, REDUCTIONS)
            raise DendrographError(f"{argument('reduce', clip(self.reduce))}: {known}")
        if self.bin_um is not None and self.reduce != BINS:
            idle = f"{argument('bin_um')} says nothing without bins"
            raise DendrographError(f"{idle}\n  add {argument('reduce', BINS)}, or leave it out")
        for key, value in (
            ("bin_um", self.bin_um),
            ("scale", self.scale),
            ("min_radius", self.min_radius),
            ("synapses_per_um", self.synapses_per_um),
        ):
            if value is not None and not (1e-6 <= value <= 1e6):
                raise DendrographError(f"{argument(key, value)}: expected a number from 1e-6 to 1e6")
        for key, count in (("orders", self.orders), ("synapses", self.synapses), ("neurons", self.neurons)):
            if count is not None and count < 1:
                raise DendrographError(f"{argument(key, count)}: expected a whole number of at least 1")
        if self.synapses is not None and self.synapses_per_um is not None:
            both = f"{argument('synapses')} and {argument('synapses_per_um')}"
            raise DendrographError(f"{both} say the same in two ways\n  give one of them")
        fields = tuple(name for name in known_fields() if name != "all")  # which has no count
        if self.field not in fields:
            known = did_you_mean(self.field, fields)
            raise DendrographError(f"{argument('field', clip(self.field))}: {known}")
        for kind, name in self.nonlinearities.items():
            if name not in NONLINEARITIES:
                raise DendrographError(f"{_choice(kind, clip(name))}: {did_you_mean(name, NONLINEARITIES)}")


def _choice(kind: str, nonlinearity: str) -> str:
    """A nonlinearity as it was chosen."""
    return worded(argument(kind, nonlinearity), argument("nonlinearities", {kind: nonlinearity}))


@dataclass(frozen=True)
class Imported:
    """A morphology file that was made: where it lies, its text, what was made of what, and what to know of it."""

    path: Path
    text: str
    summary: tuple[str, ...]
    notes: tuple[str, ...]


def import_swc(
    path: str | Path, out: str | Path | None = None, force: bool = False, choices: Choices | None = None
) -> Imported:
    """Make a morphology file of an SWC file.

    Args:
        path: of the SWC file.
        out: the file to make, or a folder for it; by default NAME.yaml in the current folder. Text that ends in `/` is
            a folder, which is made where it is not there.
        force: whether a file that is there already may be replaced.
        choices: of the reduction, and of what a reconstruction does not tell.

    Raises:
        DendrographError: a choice that is none, a file that is no reconstruction or too large for a morphology, or
            `out` is there already.
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
    _holds(text, reconstruction, name, parts, chosen)
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
        *_told(reconstruction, chosen),
        f"{target}: {counted(entries(parts), 'dendrite')}{copies}, at most {nested(parts)} in a row; "
        + DONE[chosen.reduce].format(bin_um=chosen.bin_um or BIN_UM),
    )
    return Imported(target, text, summary, (*reconstruction.notes, *unused))


def import_several(
    paths: Sequence[str | Path], out: str | Path | None = None, force: bool = False, choices: Choices | None = None
) -> Iterator[Imported]:
    """Make a morphology file of each of several SWC files. One that cannot be read keeps no other from being made.

    Args:
        paths: of the SWC files.
        out: a folder for the files; it is made where it is not there. By default the current folder.
        force: whether files that are there already may be replaced.
        choices: as for `import_swc`; a name and a line about it cannot be given to several.

    Raises:
        DendrographError: two would make the same file, and nothing is made; or, once all others are made, what was
            wrong with each that was not.
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
    """The file to make: `out`, or NAME.yaml in it where it is a folder."""
    if out is None:
        return Path(f"{name}.yaml")
    return Path(out) / f"{name}.yaml" if Path(out).is_dir() or _is_folder(out) else Path(out)


def _is_folder(out: str | Path | None) -> bool:
    """Whether the text says that it is a folder, there or not."""
    return isinstance(out, str) and out.endswith(("/", os.sep))


def morphology_text(reconstruction: Reconstruction, parts: Sequence[Part], name: str, chosen: Choices) -> str:
    """The morphology as a commented file."""
    per_um = chosen.synapses_per_um
    bin_um = chosen.bin_um or BIN_UM
    file = clip(Path(reconstruction.file).name)
    axon = "; the axon is left out" if reconstruction.axon[0] else ""
    about = chosen.about or f"Neuron reconstructed in {file}, {DONE[chosen.reduce].format(bin_um=bin_um)}{axon}."
    knobs = {"somata": chosen.neurons, **({} if per_um else {"synapses": chosen.synapses or SYNAPSES})}
    header = [clip(line, WIDTH - 6) for line in reconstruction.header]
    lines = [
        *_comment(f"{name}: a neuron reconstructed in {file}, made by `dendrograph import`."),
        "#",
        *(f"#   {line}" for line in _told(reconstruction, chosen)),
        "#",
        *_comment(f"{HOW[chosen.reduce].format(bin_um=bin_um)} {CABLES}"),
        *(["#", "# What the reconstruction says of itself:"] if header else []),
        *(f"#   {line}" for line in header[:MOST_HEADER]),
        *([f"#   ({len(header) - MOST_HEADER:,} more lines)"] if len(header) > MOST_HEADER else []),
        f"name: {_quoted(name)}",
        f"about: {json.dumps(about, ensure_ascii=False)}",
        "",
        f"# The knobs: somata of the layer{'' if per_um else ', synapses of each dendrite'}.",
        f"parameters: {{{', '.join(f'{key}: {value}' for key, value in knobs.items())}}}",
        "",
        *([f"# Synapses: {per_um:g} to each µm of dendrite, at least one a dendrite."] if per_um else []),
        "# A reconstruction does not tell of synapses and nonlinearities: turn them as you like.",
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
    """A name that YAML does not take for something else."""
    return json.dumps(name) if name.lower() in ("null", "true", "false") else name


def _dendrites(parts: Sequence[Part], chosen: Choices) -> Iterator[str]:
    """The lines of `dendrites:` and all below it.

    What lies deeper than `BLOCKS` stands in brackets, so that indentation does not grow with every dendrite.
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
    """What the file says of one dendrite, of which so many stand on a neuron."""
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


def _holds(text: str, reconstruction: Reconstruction, name: str, parts: Sequence[Part], chosen: Choices) -> None:
    """The text is a morphology, and so is what it becomes with every default worked out, as a run folder keeps it."""
    file = reconstruction.file
    try:
        morphology = Morphology.from_document(Document.from_text(text, name))
        plain = morphology.to_dict()
        decoded(written(plain).encode(), name)
        again = Morphology.from_document(Document.from_plain(plain, name))
    except MorphologyError as error:
        if any(word in fault.problem for fault in error.faults for word in ("too large", "values")):
            told = f"{entries(parts):,} dendrites are more than a morphology file may hold"
            remedy = advice(reconstruction, chosen.reduce, chosen.bin_um or BIN_UM, chosen.orders)
            raise DendrographError(f"{file}: {told}\n  {remedy}") from None
        fault = error.faults[0]
        remedy = f"are the coordinates in µm? {argument('scale')} says how many µm one unit of the file is"
        here, line = parts, 0
        for index in re.findall(r"dendrites\[([0-9]+)\]", fault.path):
            here, line = here[int(index)].dendrites, here[int(index)].line
        place = f"{file}:{line}:1: the dendrite that ends here" if line else f"{file}: no morphology"
        raise DendrographError(f"{place}: {fault.problem}\n  {remedy}") from None
    if again != morphology:
        raise DendrographError(f"{file}: the morphology does not come back as it was\n  a fault of ours")


def _told(reconstruction: Reconstruction, chosen: Choices) -> Iterator[str]:
    """What was found, and what was left out."""
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
    """A name of the language from that of a file: `cnic 001.CNG.swc` gives `cnic-001-CNG`."""
    stem = path.name[:-4] if path.suffix.lower() == ".swc" else path.name
    name = re.sub("[^A-Za-z0-9_]+", "-", stem).strip("-")
    return (name if name[:1].isalpha() else f"neuron-{name}".rstrip("-"))[:64]


def _number(value: float) -> str:
    """A length as the file shows it: to a nanometre, or to three digits where it is smaller than ten of them."""
    if value < 0.01:
        return f"{value:.3g}"
    return f"{value:.3f}".rstrip("0").rstrip(".")


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(text, WIDTH - 2)]
