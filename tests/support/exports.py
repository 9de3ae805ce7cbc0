"""Small networks of the shipped morphologies, which the tests of exports share."""

from __future__ import annotations

from functools import cache

import torch

from dendrograph import DendriticNetwork, compile, load

SMALL = {"somata": 3, "synapses": 2, "dendrites": 2, "interneurons": 2, "layers": 3}


def turned(name: str) -> dict[str, int]:
    """The knobs of a shipped morphology, so that it is small."""
    knobs = load(name).parameters
    return {knob: min(value, knobs[knob]) for knob, value in SMALL.items() if knob in knobs}


@cache
def small(name: str) -> DendriticNetwork:
    morphology = load(name, turned(name))
    shapes = {stream: shape or (6, 6) for stream, shape in morphology.inputs.items()}
    return biased(DendriticNetwork(compile(morphology, shapes, 3)))


def biased(network: DendriticNetwork) -> DendriticNetwork:
    """With biases that are not zero."""
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for bias in network.biases.values():
            bias.copy_(torch.randn(bias.shape, generator=generator))
    return network.eval()
