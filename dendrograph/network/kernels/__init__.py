"""Kernels: ways to run one projection, one class a file, in the order in which the plan tries them.

benchmarks/crossover.py measures the reasons for the order.
"""

from __future__ import annotations

from dendrograph.network.kernels.compiled import COMPILED
from dendrograph.network.kernels.dense import DENSE
from dendrograph.network.kernels.fused import FUSED
from dendrograph.network.kernels.kernel import Kernel
from dendrograph.network.kernels.reference import REFERENCE
from dendrograph.network.kernels.scatter import SCATTER
from dendrograph.network.kernels.tree import TREE

KERNELS: tuple[Kernel, ...] = (TREE, DENSE, COMPILED, FUSED, SCATTER, REFERENCE)
