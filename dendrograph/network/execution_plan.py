"""The plan of a network: which kernel runs each projection, why, and why the others do not."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from dendrograph.base.errors import DendrographError, clip, expect
from dendrograph.base.suggestions import did_you_mean
from dendrograph.graph.graph import Graph, Group, Projection
from dendrograph.morphology.weights import Sign
from dendrograph.network.kernels import KERNELS, branch
from dendrograph.network.kernels.compiled import COMPILED
from dendrograph.network.kernels.dense import DENSE
from dendrograph.network.kernels.fused import FUSED
from dendrograph.network.kernels.kernel import Kernel
from dendrograph.network.kernels.tree import TREE

# Densities above which a matrix product is faster than the sparse kernels. benchmarks/crossover.py measures them, and
# docs/concepts/kernels.md has the table.
CROSSOVER = {"compiled": 0.4, "fused": 0.2}


@dataclass(frozen=True, kw_only=True)
class KernelChoice:
    """The kernel of one projection, the reason for it, and (name, reason) for each kernel that was refused."""

    projection: str
    kernel: Kernel
    reason: str
    refusals: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class PassChoice:
    """A group of dendrites that runs in one pass with its synapses and its cables: see kernels/branch.py."""

    group: str
    parent: str
    synapses: str
    cables: str


@dataclass(frozen=True, kw_only=True)
class ExecutionPlan:
    """How a network runs.

    Attributes:
        choices: one for each projection, in the order of the graph.
        passes: the groups of dendrites that run in one pass.
        not_in_one_pass: (group, reason) for the other groups of dendrites.
    """

    choices: tuple[KernelChoice, ...]
    passes: tuple[PassChoice, ...] = ()
    not_in_one_pass: tuple[tuple[str, str], ...] = ()

    def __deepcopy__(self, memo: dict[int, Any]) -> ExecutionPlan:
        """Return the plan itself, because nothing in it changes: copies of a network share it."""
        return self

    def __str__(self) -> str:
        passes = {found.synapses: found for found in self.passes}
        lines = []
        for choice in self.choices:
            lines.append(f"{choice.projection}: {choice.kernel.name} ({choice.reason})")
            if found := passes.get(choice.projection):
                lines.append(
                    f"    in one pass with bias and nonlinearity of {found.group} and its cables, {found.cables}"
                )
            together: dict[str, list[str]] = {}
            for name, reason in choice.refusals:
                together.setdefault(reason, []).append(name)
            lines += [f"    not {', '.join(names)}: {reason}" for reason, names in together.items()]
        lines += [f"{group}: not in one pass with its cables: {reason}" for group, reason in self.not_in_one_pass]
        return "\n".join(lines)


def plan(graph: Graph, kernel: str = "auto", device: str = "cpu") -> ExecutionPlan:
    """Choose a kernel for each projection.

    Args:
        graph: a graph that `compile` made.
        kernel: `auto`, or the name of a kernel that runs everything that it can serve.
        device: the kind of device, such as `cpu` or `cuda`.

    Raises:
        DendrographError: no kernel has that name.
    """
    expect("kernel", kernel, str)
    names = [known.name for known in KERNELS]
    if kernel != "auto" and kernel not in names:
        known = did_you_mean(kernel, ["auto", *names], "kernels")
        raise DendrographError(f"unknown kernel '{clip(kernel)}'\n  {known}")
    choices = {projection.name: _choose(projection, kernel, device) for projection in graph.projections}
    passes: list[PassChoice] = []
    refused: list[tuple[str, str]] = []
    for group in graph.groups:
        if group.role != "dendrite":
            continue
        found = _in_one_pass(graph, group, choices, kernel, {earlier.cables for earlier in passes})
        if isinstance(found, str):
            refused.append((group.name, found))
            continue
        passes.append(found)
        choices[found.cables] = KernelChoice(
            projection=found.cables,
            kernel=COMPILED,
            reason=f"within the pass over {group.name}",
            refusals=tuple((name, "the pass sums them on its way") for name in names if name != COMPILED.name),
        )
    return ExecutionPlan(choices=tuple(choices.values()), passes=tuple(passes), not_in_one_pass=tuple(refused))


def _choose(projection: Projection, wanted: str, device: str) -> KernelChoice:
    refusals: list[tuple[str, str]] = []
    chosen: tuple[Kernel, str] | None = None
    sparse = FUSED if COMPILED.reasons_against(projection, device) else COMPILED
    crossover = CROSSOVER[sparse.name]
    for kernel in sorted(KERNELS, key=lambda known: known.name != wanted):  # stable: the wanted one comes first
        reasons = kernel.reasons_against(projection, device)
        if not reasons and kernel is DENSE and kernel.name != wanted and projection.density < crossover:
            limit = f"{crossover}, where a matrix product becomes faster"
            reasons = (f"density {projection.density:.3g} is below {limit}",)
        if reasons:
            refusals.append((kernel.name, "; ".join(reasons)))
        elif chosen:
            refusals.append((kernel.name, f"{chosen[0].name} comes first"))
        else:
            chosen = (kernel, "asked for" if kernel.name == wanted else kernel.description)
    assert chosen, "the reference kernel serves everything"
    return KernelChoice(projection=projection.name, kernel=chosen[0], reason=chosen[1], refusals=tuple(refusals))


def _in_one_pass(
    graph: Graph, group: Group, choices: Mapping[str, KernelChoice], wanted: str, taken: Collection[str]
) -> PassChoice | str:
    """The pass over a group of dendrites, or why there is none. Earlier passes sum the cables `taken`."""
    onto, (cables,) = graph.onto(group), (found for found in graph.projections if found.source == group.name)
    if wanted not in ("auto", COMPILED.name):
        return f"{wanted} was asked for"
    if len(onto) != 1:
        return f"{len(onto)} projections reach it, and the pass serves one"
    (synapses,) = onto
    kernel = choices[synapses.name].kernel
    unserved, no_tree = branch.reasons_against(group.nonlinearity), TREE.reasons_against(cables)
    obstacles = (
        (synapses.name in taken, "another pass sums its input"),
        (kernel is not COMPILED, f"its synapses run by {kernel.name}"),
        (unserved, "; ".join(unserved)),
        (group.dropout, "dropout acts on it"),
        (group.integration != "sum", f"it takes the {group.integration} of its synapses"),
        (group.normalisation != "none", "it is normalised"),
        (synapses.sign == Sign.SHUNTING, "its synapses shunt"),
        (no_tree, "; ".join(no_tree)),
    )
    if reasons := [reason for applies, reason in obstacles if applies]:
        return reasons[0]
    return PassChoice(group=group.name, parent=cables.target, synapses=synapses.name, cables=cables.name)
