"""Which kernel runs each projection, with the reason, and why each other one does not."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from dendrograph.base.errors import DendrographError, clip, expect
from dendrograph.base.suggestions import did_you_mean
from dendrograph.graph.graph import Graph, Group, Projection
from dendrograph.morphology.weights import Sign
from dendrograph.network.kernels import KERNELS, Kernel, branch, compiled, tree

# Densities above which a matrix product overtakes the sparse kernels; benchmarks/crossover.py measures them, and
# docs/concepts/kernels.md holds the table.
CROSSOVER = {"compiled": 0.4, "fused": 0.2}


@dataclass(frozen=True)
class Choice:
    """The kernel of one projection, why it was taken, and why the others were not: (name, reason) each."""

    projection: str
    kernel: Kernel
    reason: str
    refusals: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Pass:
    """A group of dendrites that runs in one pass with its synapses and its cables: see kernels/branch.py."""

    group: str
    parent: str
    synapses: str
    cables: str


@dataclass(frozen=True)
class Plan:
    """One choice for each projection of a graph, in its order; what runs in one pass; and why the rest does not.

    `not_in_one_pass` holds (group, reason) for each group of dendrites that the pass does not serve.
    """

    choices: tuple[Choice, ...]
    passes: tuple[Pass, ...] = ()
    not_in_one_pass: tuple[tuple[str, str], ...] = ()

    def __deepcopy__(self, memo: dict[int, Any]) -> Plan:
        """Itself, since nothing in it changes: a kernel is a module, and modules cannot be copied."""
        return self

    def __str__(self) -> str:
        passes = {one.synapses: one for one in self.passes}
        lines = []
        for choice in self.choices:
            lines.append(f"{choice.projection}: {choice.kernel.NAME} ({choice.reason})")
            if one := passes.get(choice.projection):
                lines.append(f"    in one pass with bias and nonlinearity of {one.group} and its cables, {one.cables}")
            together: dict[str, list[str]] = {}
            for name, reason in choice.refusals:
                together.setdefault(reason, []).append(name)
            lines += [f"    not {', '.join(names)}: {reason}" for reason, names in together.items()]
        lines += [f"{group}: not in one pass with its cables: {reason}" for group, reason in self.not_in_one_pass]
        return "\n".join(lines)


def plan(graph: Graph, kernel: str = "auto", device: str = "cpu") -> Plan:
    """Choose a kernel for each projection.

    Args:
        graph: what `compile` gives.
        kernel: `auto`, or a kernel's name to have it everywhere that it can serve.
        device: the kind of device, such as `cpu` or `cuda`.

    Raises:
        DendrographError: there is no kernel of that name.
    """
    expect("kernel", kernel, str)
    names = [entry.NAME for entry in KERNELS]
    if kernel != "auto" and kernel not in names:
        known = did_you_mean(kernel, ["auto", *names], "kernels")
        raise DendrographError(f"unknown kernel '{clip(kernel)}'\n  {known}")
    choices = {projection.name: _choose(projection, kernel, device) for projection in graph.projections}
    passes: list[Pass] = []
    refused: list[tuple[str, str]] = []
    for group in graph.groups:
        if group.role != "dendrite":
            continue
        found = _in_one_pass(graph, group, choices, kernel, {one.cables for one in passes})
        if isinstance(found, Pass):
            passes.append(found)
            others = tuple((name, "the pass sums them on its way") for name in names if name != compiled.NAME)
            choices[found.cables] = Choice(found.cables, compiled, f"within the pass over {group.name}", others)
        else:
            refused.append((group.name, found))
    return Plan(tuple(choices.values()), tuple(passes), tuple(refused))


def _choose(projection: Projection, wanted: str, device: str) -> Choice:
    refusals: list[tuple[str, str]] = []
    chosen: tuple[Kernel, str] | None = None
    sparse = "fused" if compiled.reasons_against(projection, device) else "compiled"
    for kernel in sorted(KERNELS, key=lambda entry: entry.NAME != wanted):  # stable: the one asked for comes first
        reasons = kernel.reasons_against(projection, device)
        if not reasons and kernel.NAME != wanted and kernel.NAME == "dense" and projection.density < CROSSOVER[sparse]:
            limit = f"{CROSSOVER[sparse]}, where a matrix product begins to pay"
            reasons = (f"density {projection.density:.3g} is below {limit}",)
        if reasons:
            refusals.append((kernel.NAME, "; ".join(reasons)))
        elif chosen:
            refusals.append((kernel.NAME, f"{chosen[0].NAME} stands before it"))
        else:
            chosen = (kernel, "asked for" if kernel.NAME == wanted else kernel.HOW)
    assert chosen, "the reference kernel serves everything"
    return Choice(projection.name, chosen[0], chosen[1], tuple(refusals))


def _in_one_pass(
    graph: Graph, group: Group, choices: Mapping[str, Choice], wanted: str, taken: Collection[str]
) -> Pass | str:
    """The pass over a group of dendrites, or why there is none; `taken` are the cables that other passes sum."""
    onto, (cables,) = graph.onto(group), (one for one in graph.projections if one.source == group.name)
    if wanted not in ("auto", "compiled"):
        return f"{wanted} was asked for"
    if len(onto) != 1:
        return f"{len(onto)} projections reach it, and the pass serves one"
    (synapses,) = onto
    if synapses.name in taken:
        return "what reaches it is summed in another pass"
    if choices[synapses.name].kernel is not compiled:
        return f"its synapses run by {choices[synapses.name].kernel.NAME}"
    if reasons := branch.reasons_against(group.nonlinearity):
        return "; ".join(reasons)
    if group.dropout:
        return "dropout acts on it"
    if group.integration != "sum":
        return f"it takes the {group.integration} of its synapses"
    if group.normalisation != "none":
        return "it is normalised"
    if synapses.sign == Sign.SHUNTING:
        return "its synapses shunt"
    if cables.nonlinear:
        return cables.nonlinear
    if reasons := tree.reasons_against(cables):
        return "; ".join(reasons)
    return Pass(group.name, cables.target, synapses.name, cables.name)
