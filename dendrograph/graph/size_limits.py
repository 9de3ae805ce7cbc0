"""Limits of size: the memory that a network needs, the memory that is available, and enough sources for every field."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import psutil

from dendrograph.base.errors import DendrographError, Fault, Faults
from dendrograph.graph.populations import Population, PresynapticGroup, takes_positions
from dendrograph.graph.tree import Branching, branchings
from dendrograph.morphology.cable import LEAST
from dendrograph.morphology.morphology import Morphology
from dendrograph.morphology.synapses import Synapses
from dendrograph.morphology.weights import Sign

MOST_GROUPS = 100_000  # of compartments and of synapses: each takes time, also if it is small

# While training in float32, a weight, its gradient, its place in the vector of all gradients, and Adam's two moments
# are 20 bytes. Sampled wiring is stored as source and target (8 bytes), and, if its sources are compartments, again
# sorted by source (12 bytes, and 8 while it is sorted). benchmarks/scale.py measures the memory that training takes.
BYTES_PER_SAMPLED_SYNAPSE = 48
BYTES_PER_DENSE_SYNAPSE = 20
BYTES_PER_COMPARTMENT = 4 * 128 * 4  # a batch of 128: input, output and their gradients
BYTES_PER_MESSAGE = 4 * 128 * 4  # the same for an edge whose message is stored, because it is not summed as it comes


def available_memory() -> int:
    """Bytes that this process may still take: of the machine, or of its control group if that allows fewer."""
    free = int(psutil.virtual_memory().available)
    try:
        group = Path("/sys/fs/cgroup")
        limit = int((group / "memory.max").read_text())
        used = int((group / "memory.current").read_text())
    except (OSError, ValueError):
        return free
    return min(free, max(0, limit - used))


def training_memory(sampled: int, dense: int, compartments: int, messages: int = 0) -> int:
    """Bytes that training takes.

    Args:
        sampled: number of sampled synapses and cables.
        dense: number of all-to-all synapses.
        compartments: number of compartments and other units.
        messages: number of edges whose messages are stored, such as for a nonlinearity of the synapse or a maximum.
    """
    weights = sampled * BYTES_PER_SAMPLED_SYNAPSE + dense * BYTES_PER_DENSE_SYNAPSE
    return weights + compartments * BYTES_PER_COMPARTMENT + messages * BYTES_PER_MESSAGE


def format_bytes(size: float) -> str:
    """A number of bytes as text, such as `1.5 GB`."""
    if size >= 1e18:
        return "more than a million TB"
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:,.1f} TB"


def check_size(
    morphology: Morphology,
    shapes: Mapping[str, tuple[int, ...]],
    populations: Sequence[Population],
    classes: int | None,
    limit: int | None,
) -> None:
    """Check that a network fits into memory and that every field has enough sources, before anything is allocated.

    Args:
        morphology: the morphology.
        shapes: the shape of each input stream.
        populations: the layers of the morphology.
        classes: units of the readout; None for none.
        limit: bytes that training may take; None for the memory that is available.

    Raises:
        MorphologyError: a field has too few sources, or a single compartment is to be normalised or shuffled.
        DendrographError: the network does not fit.
    """
    sources = {stream: PresynapticGroup(stream, shape) for stream, shape in shapes.items()}
    inputs = sum(source.size for source in sources.values())
    counts: Counter[str] = Counter()
    faults: dict[int, Fault] = {}  # one for each part of the document, also if several layers use it
    for population in populations:
        for place in branchings(population.neuron):
            counts.update(_count(population, place, sources))
            for part, fault in _faults(population, place, sources):
                faults.setdefault(id(part), fault)
        sources[population.name] = population.somata
        if counts["groups"] > MOST_GROUPS:
            raise DendrographError(
                f"{morphology.file}: more than {MOST_GROUPS:,} kinds of compartments and synapses, layer by layer\n"
                "  write compartments that are alike once, with a count"
            )
    Faults(faults.values()).raise_if_any()
    counts["dense"] += populations[-1].count * (classes or 0)
    sampled, dense, compartments, messages = (counts[key] for key in ("sampled", "dense", "compartments", "messages"))
    needed = training_memory(sampled, dense, inputs + compartments + (classes or 0), messages)
    there = available_memory() if limit is None else limit
    if needed > there:
        stored = f"; {_shown(messages)} messages are stored: max, min, product and a synapse's nonlinearity need them"
        asked = f"{_shown(sampled + dense)} synapses and cables, {_shown(compartments)} compartments and "
        raise DendrographError(
            f"{morphology.file}: {asked}{_shown(inputs)} input units were asked for, which takes about "
            f"{format_bytes(needed)} to train; {format_bytes(there)} of memory is available\n"
            f"  ask for fewer somata, dendrites or synapses{stored * bool(messages)}"
        )


def _count(population: Population, place: Branching, sources: Mapping[str, PresynapticGroup]) -> Counter[str]:
    """Count the compartments of a population at one place of the tree, with their synapses and cables."""
    compartment, size = place.compartment, population.count * place.size
    stores_messages = place.reduction != "sum"
    counts = Counter(groups=1 + len(compartment.synapses), compartments=size)
    counts["sampled"] += size if place.parent is not None else 0
    counts["messages"] += stores_messages * size * sum(dendrite.count for dendrite in compartment.dendrites)
    for synapses in compartment.synapses:
        found = population.presynaptic(synapses, sources)
        total = sum(source.size for source in found)
        each = total if synapses.count == "all" else synapses.count
        each *= found[0].channels if takes_positions(synapses.field) else 1
        if synapses.sign != Sign.SHUNTING and (stores_messages or synapses.nonlinearity):
            counts["messages"] += size * each
        counts["dense" if synapses.count == "all" else "sampled"] += size * (total if synapses.count == "all" else each)
    return counts


def _shown(number: int) -> str:
    return f"{number:,}" if number < 10**18 else "more than 10^18"


def _faults(
    population: Population, place: Branching, sources: Mapping[str, PresynapticGroup]
) -> Iterator[tuple[object, Fault]]:
    """Each part of the morphology that is faulty in a population, with its fault."""
    compartment, size, name = place.compartment, population.count * place.size, population.name
    lonely = f"there is one such compartment in layer '{name}': nothing to"
    if compartment.normalisation != "none" and size == 1:
        remedy = "write normalisation: none, or ask for more of them"
        yield compartment, compartment.where.fault(f"{lonely} normalise over", remedy, "normalisation")
    if place.passed < LEAST:
        problem = f"a cable in layer '{name}' passes {place.passed:.1g} of the voltage of its dendrite"
        remedy = "the conductance at its parent takes the rest: are all lengths and diameters in µm?"
        yield compartment, compartment.where.fault(problem, remedy, "cable")
    shuffled = next((synapses for synapses in compartment.synapses if synapses.shuffle), None)
    if shuffled and size == 1:
        remedy = "write shuffle: false, or ask for more of them"
        yield shuffled, shuffled.where.fault(f"{lonely} shuffle", remedy, "shuffle")
    for synapses in compartment.synapses:
        if synapses.count != "all" and (fault := _too_few(synapses, population.presynaptic(synapses, sources), name)):
            yield synapses, fault


def _too_few(synapses: Synapses, sources: list[PresynapticGroup], layer: str) -> Fault | None:
    count = synapses.count
    assert isinstance(count, int)
    drawn_from = " and ".join(f"'{source.group.split('/')[0]}'" for source in sources)
    total = sum(source.size for source in sources)
    if takes_positions(synapses.field):
        if len(sources) > 1:
            problem = f"field '{synapses.field}' lies on one grid, but there are {len(sources)} sources"
            return synapses.where.fault(problem, "write an entry of synapses for each source", "from")
        positions = total // sources[0].channels
        if count > positions:
            problem = f"{count} positions asked for in layer '{layer}', but {drawn_from} has {positions}"
            return synapses.where.fault(problem, f"at most {positions}", "count")
    elif count > total and not synapses.replace:
        have = "have" if len(sources) > 1 else "has"
        problem = f"{count} synapses a compartment asked for in layer '{layer}', but {drawn_from} {have} {total} units"
        twice = ", or replace: true" if synapses.field in ("random", "pooled") else ""
        return synapses.where.fault(problem, f"at most {total}{twice}", "count")
    return None
