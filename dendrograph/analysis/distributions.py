"""How the weights of a network's projections are distributed: tables of moments and of densities."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray

from dendrograph.analysis import measures
from dendrograph.base.errors import DendrographError
from dendrograph.base.tables import Row
from dendrograph.graph.graph import Projection
from dendrograph.network.network import DendriticNetwork


def tables(network: DendriticNetwork) -> dict[str, tuple[Row, ...]]:
    """The tables `weights`, a row a projection, and `densities`, a row a point of each projection's density.

    Weights are taken as they act, sign and attenuation included. A projection whose weights are all alike has no
    density.

    Raises:
        DendrographError: weights are not finite.
    """
    weights: list[Row] = []
    densities: list[Row] = []
    for projection, values in _projections(network):
        about = {"projection": projection.name, "kind": projection.kind}
        weights.append({**about, **asdict(measures.moments(values))})
        x, density = measures.density(values)
        densities += [{**about, "x": a, "density": b} for a, b in zip(x.tolist(), density.tolist(), strict=True)]
    return {"weights": tuple(weights), "densities": tuple(densities)}


def _projections(network: DendriticNetwork) -> Iterator[tuple[Projection, NDArray[np.float64]]]:
    for projection in network.graph.projections:
        if projection.edges:
            values = network.weight(projection.name).detach().cpu().double().numpy()
            if not np.isfinite(values).all():
                raise DendrographError(
                    f"{projection.name}: weights that are not finite have no distribution\n"
                    "  train with a smaller learning rate, or set them to finite numbers"
                )
            yield projection, values.ravel()
