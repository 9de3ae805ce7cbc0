"""Initial weights. NumPy draws them, so that the same seed gives the same weights on every machine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dendrograph.graph.graph import Projection
from dendrograph.graph.wiring import blocks, stream

_WEIGHTS = 2  # the purpose of this stream of random numbers; those of the compiler are 0, 1 and 3


def initial_weights(projection: Projection, seed: int, number: int) -> NDArray[np.float32]:
    """Initial weight of each edge, drawn in float64, then rounded to float32.

    - `glorot`: uniform in ±sqrt(6 / (fan_in + fan_out)), with the fan-in of the edge's target and the fan-out of its
      source in this projection (Glorot & Bengio, AISTATS 2010).
    - `glorot_dense`: the same with the fans of an all-to-all block of this size, as when a dense matrix is initialised
      and then masked (Chavlis & Poirazi, Nature Communications 2025).
    - `he`: uniform in ±sqrt(6 / fan_in) (He et al., ICCV 2015).
    - `constant`: the declared value.

    Args:
        projection: the projection that owns the weights.
        seed: seed of the network.
        number: position of the projection in the graph, so that each has a stream of random numbers of its own.

    Returns:
        Shape (edges,), in the order of the edge index.
    """
    init = projection.init
    if init.value is not None:
        return np.full(projection.edges, init.value, dtype=np.float32)
    rng = stream(seed, _WEIGHTS, number)
    weights = np.empty(projection.edges, dtype=np.float32)
    fans = _fans(projection)
    for part in blocks(projection.edges):
        weights[part] = rng.uniform(-1.0, 1.0, size=part.stop - part.start) * np.sqrt(6.0 / fans(part))
    return weights


def _fans(projection: Projection) -> Callable[[slice], Any]:
    """A function that gives the fans of some edges: one number for all, or one for each edge."""
    he = projection.init.name == "he"
    if projection.init.name == "glorot_dense" or projection.pairs is None:
        same = max(1, projection.sources + (0 if he else projection.targets))
        return lambda edges: same
    source, target = projection.pairs
    fan_in, fan_out = projection.fan_in(), projection.fan_out()
    if he:
        return lambda edges: fan_in[target[edges]]
    return lambda edges: fan_in[target[edges]] + fan_out[source[edges]]
