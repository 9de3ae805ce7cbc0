"""Grow the reconstructions of this folder: synthetic neurons of realistic size, free of anyone's rights.

python examples/neurons/grow.py [FOLDER]

Lengths and diameters are those of textbook cells (a pyramidal neuron of layer 5, a multipolar interneuron); branches
wander, taper, and thin out at forks. Nothing of them was measured.
"""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

SOMA, AXON, BASAL, APICAL = 1, 2, 3, 4
STEP = 10.0  # µm between samples, about

Vector = tuple[float, float, float]


@dataclass
class Neuron:
    """Samples of a neuron that grows: (type, x, y, z, radius, parent), numbered from 1."""

    rng: random.Random
    samples: list[tuple[int, float, float, float, float, int]] = field(default_factory=list)

    def add(self, kind: int, point: Vector, radius: float, parent: int) -> int:
        """A sample; returns its number."""
        self.samples.append((kind, *point, radius, parent))
        return len(self.samples)

    def grow(
        self, kind: int, parent: int, start: Vector | None, towards: Vector, um: float, taper: Sequence[float]
    ) -> int:
        """A section of so many µm that tapers from one diameter to another; returns its last sample."""
        steps = max(2, round(um / STEP))
        point = start or self.at(parent)
        if start:  # a stem begins on the surface of the soma
            parent = self.add(kind, start, taper[0] / 2, parent)
        for step in range(1, steps + 1):
            wander = unit((self.rng.gauss(0, 1), self.rng.gauss(0, 1), self.rng.gauss(0, 1)))
            towards = unit(plus(towards, wander, 0.25))
            point = plus(point, towards, um / steps)
            diameter = taper[0] + (taper[1] - taper[0]) * step / steps
            parent = self.add(kind, point, diameter / 2, parent)
        return parent

    def fork(self, kind: int, parent: int, towards: Vector, ums: Sequence[float], taper: Sequence[float]) -> list[int]:
        """Two branches or more, which part by some 70 degrees; returns the last sample of each."""
        side = unit(cross(towards, (self.rng.gauss(0, 1), self.rng.gauss(0, 1), self.rng.gauss(0, 0.5))))
        ends = []
        for number, um in enumerate(ums):
            aside = 0.7 * (1 - 2 * number / (len(ums) - 1))
            ends.append(self.grow(kind, parent, None, unit(plus(towards, side, aside)), um, taper))
        return ends

    def at(self, sample: int) -> Vector:
        """Where a sample lies."""
        return self.samples[sample - 1][1:4]

    def heading(self, sample: int) -> Vector:
        """The direction in which the branch grows that ends at a sample."""
        return unit(plus(self.at(sample), self.at(self.samples[sample - 1][5]), -1))

    def text(self, header: Sequence[str]) -> str:
        """The SWC file."""
        lines = [*(f"# {line}" for line in (*header, *ORIGIN)), "# id type x y z radius parent"]
        for number, (kind, *point, radius, parent) in enumerate(self.samples, start=1):
            x, y, z = (round(each, 2) + 0.0 for each in point)  # no -0.00
            lines.append(f"{number} {kind} {x:.2f} {y:.2f} {z:.2f} {radius:.3f} {parent}")
        return "\n".join(lines) + "\n"


ORIGIN = (
    "Synthetic: grown by examples/neurons/grow.py, not measured. Not a recording of a real neuron.",
    "Part of dendrograph, under its licence (MIT). Lengths in um.",
)


def plus(a: Vector, b: Vector, times: float = 1.0) -> Vector:
    return (a[0] + times * b[0], a[1] + times * b[1], a[2] + times * b[2])


def unit(a: Vector) -> Vector:
    size = math.hypot(*a) or 1.0
    return (a[0] / size, a[1] / size, a[2] / size)


def cross(a: Vector, b: Vector) -> Vector:
    return (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])


def around(number: int, of: int, height: float) -> Vector:
    """Directions all around the vertical axis."""
    angle = 2 * math.pi * number / of
    return unit((math.cos(angle), height, math.sin(angle)))


def axon(neuron: Neuron, soma: int, start: Vector) -> None:
    stem = neuron.grow(AXON, soma, start, (0, -1, 0), 90, (1.0, 0.6))
    for end in neuron.fork(AXON, stem, (0, -1, 0), (120, 80), (0.5, 0.4)):
        neuron.fork(AXON, end, neuron.heading(end), (60, 50), (0.4, 0.3))


def pyramidal() -> str:
    """Five basal trees; an apical trunk with three oblique branches, and a tuft."""
    rng = random.Random(5)
    neuron = Neuron(rng)
    radius = 8.0
    soma = neuron.add(SOMA, (0, 0, 0), radius, -1)  # three points: the cylinder of neuromorpho.org
    neuron.add(SOMA, (0, -radius, 0), radius, soma)
    neuron.add(SOMA, (0, radius, 0), radius, soma)
    for number in range(5):
        out = around(number, 5, -0.5)
        stem = neuron.grow(BASAL, soma, plus((0, 0, 0), out, radius), out, rng.uniform(18, 32), (2.2, 1.6))
        ends = neuron.fork(BASAL, stem, out, (rng.uniform(60, 120), rng.uniform(60, 120)), (1.2, 0.8))
        if number % 2:
            neuron.fork(BASAL, ends[0], neuron.heading(ends[0]), (rng.uniform(50, 90), rng.uniform(50, 90)), (0.8, 0.6))
    up = (0.0, 1.0, 0.0)
    trunk = neuron.grow(APICAL, soma, (0, radius, 0), up, 70, (4.2, 3.6))
    for number, (um, thick) in enumerate(((110, 3.6), (130, 3.0), (140, 2.5))):
        aside = around(number, 3, 0.4)
        neuron.grow(APICAL, trunk, None, aside, rng.uniform(90, 160), (1.2, 0.8))
        trunk = neuron.grow(APICAL, trunk, None, up, um, (thick, thick - 0.5))
    for end in neuron.fork(APICAL, trunk, up, (70, 85), (1.8, 1.4)):
        neuron.fork(APICAL, end, neuron.heading(end), (rng.uniform(90, 140), rng.uniform(90, 140)), (1.1, 0.7))
    axon(neuron, soma, (0, -radius, 0))
    return neuron.text(("A pyramidal neuron, as of layer 5.",))


def interneuron() -> str:
    """Six thin dendrites all around; the soma is drawn as an outline."""
    rng = random.Random(11)
    neuron = Neuron(rng)
    radius, corners = 6.0, 8
    first = last = neuron.add(SOMA, (radius, 0, 0), 0.1, -1)
    for corner in range(1, corners):
        angle = 2 * math.pi * corner / corners
        last = neuron.add(SOMA, (radius * math.cos(angle), radius * math.sin(angle), 0), 0.1, last)
    for number in range(6):
        angle = 2 * math.pi * number / 6
        out = unit((math.cos(angle), math.sin(angle), rng.gauss(0, 0.3)))
        stem = neuron.grow(BASAL, first, plus((0, 0, 0), out, radius + 0.5), out, rng.uniform(30, 70), (1.3, 1.0))
        ends = neuron.fork(BASAL, stem, out, (rng.uniform(60, 130), rng.uniform(60, 130)), (0.9, 0.6))
        if number == 3:
            neuron.fork(BASAL, ends[1], neuron.heading(ends[1]), (rng.uniform(40, 80), rng.uniform(40, 80)), (0.6, 0.5))
    axon(neuron, first, (0, -radius, 0))
    return neuron.text(("A multipolar interneuron without spines.",))


def tiny() -> str:
    """A neuron for reading: two basal dendrites that fork, and an apical one."""
    neuron = Neuron(random.Random(2))
    soma = neuron.add(SOMA, (0, 0, 0), 5.0, -1)
    for side in (-1.0, 1.0):
        stem = neuron.grow(BASAL, soma, (5 * side, 0, 0), (side, 0, 0), 20, (2.0, 1.6))
        neuron.fork(BASAL, stem, (side, 0, 0), (30, 40), (1.0, 0.8))
    neuron.grow(APICAL, soma, (0, 5, 0), (0, 1, 0), 60, (2.5, 1.5))
    return neuron.text(("A neuron of two basal dendrites and an apical one.",))


NEURONS = {"pyramidal": pyramidal, "interneuron": interneuron, "tiny": tiny}

if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    for name, grown in NEURONS.items():
        text = grown()
        (folder / f"{name}.swc").write_text(text)
        print(f"{folder / name}.swc: {text.count(chr(10)):,} lines")
