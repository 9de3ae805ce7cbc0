"""Which kernel runs each projection, with the reason, and why each other one does not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dendrograph.errors import DendrographError, did_you_mean
from dendrograph.graph import Graph, Projection
from dendrograph.kernels import KERNELS, Kernel

# Density above which a matrix product overtakes the sparse kernel; benchmarks/crossover.py measures it, and
# docs/choosing-a-kernel.md holds the table.
CROSSOVER = 0.06


@dataclass(frozen=True)
class Choice:
    """The kernel of one projection, why it was taken, and why the others were not: (name, reason) each."""

    projection: str
    kernel: Kernel
    reason: str
    refusals: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Plan:
    """One choice for each projection of a graph, in its order."""

    choices: tuple[Choice, ...]

    def __deepcopy__(self, memo: dict[int, Any]) -> Plan:
        """Itself, since nothing in it changes: a kernel is a module, and modules cannot be copied."""
        return self

    def __str__(self) -> str:
        lines = []
        for choice in self.choices:
            lines.append(f"{choice.projection}: {choice.kernel.NAME} ({choice.reason})")
            lines += [f"    not {name}: {reason}" for name, reason in choice.refusals]
        return "\n".join(lines)


def plan(graph: Graph, kernel: str = "auto") -> Plan:
    """Choose a kernel for each projection.

    Args:
        graph: what `compile` gives.
        kernel: `auto`, or a kernel's name to have it everywhere that it can serve.

    Raises:
        DendrographError: there is no kernel of that name.
    """
    names = [entry.NAME for entry in KERNELS]
    if kernel != "auto" and kernel not in names:
        raise DendrographError(f"unknown kernel '{kernel}'\n  {did_you_mean(kernel, ['auto', *names], 'kernels')}")
    return Plan(tuple(_choose(projection, kernel) for projection in graph.projections))


def _choose(projection: Projection, wanted: str) -> Choice:
    refusals: list[tuple[str, str]] = []
    chosen: tuple[Kernel, str] | None = None
    for kernel in sorted(KERNELS, key=lambda entry: entry.NAME != wanted):  # stable: the one asked for comes first
        reasons = kernel.reasons_against(projection)
        if not reasons and kernel.NAME != wanted and kernel.NAME == "dense" and projection.density < CROSSOVER:
            reasons = (f"density {projection.density:.3g} is below {CROSSOVER}, where a matrix product begins to pay",)
        if reasons:
            refusals.append((kernel.NAME, "; ".join(reasons)))
        elif chosen:
            refusals.append((kernel.NAME, f"{chosen[0].NAME} stands before it"))
        else:
            chosen = (kernel, "asked for" if kernel.NAME == wanted else kernel.HOW)
    assert chosen, "the reference kernel serves everything"
    return Choice(projection.name, chosen[0], chosen[1], tuple(refusals))
