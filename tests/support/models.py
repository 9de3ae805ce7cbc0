"""The models of Chavlis & Poirazi (2025) among those that ship: of them the tests know formulas and wiring."""

from __future__ import annotations

PAPERS = (
    *("dann-random", "dann-grf", "dann-lrf", "vann", "vann-random", "vann-grf", "vann-lrf"),
    *("sann-random", "sann-grf", "sann-lrf", "pdann", "psann"),
)
