"""How weights start. NumPy draws them, so that the same seed gives the same weights on every machine."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dendrograph.graph import Projection
from dendrograph.wiring import stream

_WEIGHTS = 2  # the purpose of this stream of random numbers; the compiler's are 0 and 1


def initial_weights(projection: Projection, seed: int, number: int) -> NDArray[np.float64]:
    """Initial weight of each edge, in the order of the edge index. Shape (edges,).

    - `glorot`: uniform in ±sqrt(6 / (fan_in + fan_out)), with the fan-in of the edge's target and the fan-out of its
      source in this projection (Glorot & Bengio, AISTATS 2010).
    - `glorot_dense`: the same with the fans of an all-to-all block of this size, as when a dense matrix is initialised
      and then masked (Chavlis & Poirazi, Nature Communications 2025).
    - `he`: uniform in ±sqrt(6 / fan_in) (He et al., ICCV 2015).
    - `constant`: the value given.

    Args:
        projection: whose weights.
        seed: of the network.
        number: the projection's place in the graph, so that each has a stream of its own.
    """
    init = projection.init
    if init.name == "constant":
        return np.full(projection.edges, init.value)
    rng = stream(seed, _WEIGHTS, number)
    bound: float | NDArray[np.float64]
    if init.name == "glorot_dense" or (init.name == "glorot" and projection.pairs is None):
        bound = np.sqrt(6.0 / max(1, projection.sources + projection.targets))
    elif init.name == "he" and projection.pairs is None:
        bound = np.sqrt(6.0 / max(1, projection.sources))
    else:
        assert projection.pairs is not None
        source, target = projection.pairs
        fans = projection.fan_in()[target]
        if init.name == "glorot":
            fans = fans + projection.fan_out()[source]
        bound = np.sqrt(6.0 / fans)
    return rng.uniform(-1.0, 1.0, size=projection.edges) * bound
