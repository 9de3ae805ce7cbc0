"""The base class of all kernels."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.utils._python_dispatch import is_in_torch_dispatch_mode

from dendrograph.graph.graph import Projection


class Kernel(ABC):
    """A way to run one projection: u[t] = sum of w[e] x[s] over the edges e = (s, t).

    A projection may ask for more: an edge then carries the message g(w[e] x[s]), and the target takes the maximum, the
    minimum or the product of its messages. Only the kernels `scatter` and `reference` serve such projections.

    A kernel has no state. To add one, write a subclass in a file of its own and add an instance to `KERNELS`.

    Attributes:
        name: the name for the argument `kernel` and in the plan.
        description: how the kernel works. The plan gives it as the reason for the choice.
    """

    name: ClassVar[str]
    description: ClassVar[str]

    def reasons_against(self, projection: Projection, device: str = "cpu") -> tuple[str, ...]:
        """Why the kernel cannot run the projection on the device; empty if it can.

        The default serves every projection whose targets sum linear messages.
        """
        return (projection.nonlinear,) if projection.nonlinear else ()

    def prepare(self, projection: Projection) -> tuple[Any, ...]:
        """The indices that `apply` takes, made once. Each has a method `to(device)`."""
        return ()

    @abstractmethod
    def apply(self, weight: Tensor, x: Tensor, targets: int, *index: Any) -> Tensor:
        """Run the projection. It can be differentiated twice.

        Args:
            weight: shape (edges,), in the order of the projection's edge index.
            x: activity of the sources, shape (sources, batch).
            targets: number of targets.
            index: the result of `prepare`.

        Returns:
            Shape (targets, batch).
        """

    def apply_with_bias(self, weight: Tensor, x: Tensor, bias: Tensor, *index: Any) -> Tensor:
        """Run the projection and add a bias of shape (targets,) to each target."""
        return self.apply(weight, x, bias.shape[0], *index) + bias.unsqueeze(1)

    def __deepcopy__(self, memo: dict[int, Any]) -> Kernel:
        """Return the kernel itself, because it has no state."""
        return self


def is_traced() -> bool:
    """Whether PyTorch records the operations: under compile, export, jit, or a dispatch mode such as make_fx.

    Work on raw addresses would be lost in the record.
    """
    if torch.compiler.is_compiling():
        return True
    return torch.jit.is_tracing() or is_in_torch_dispatch_mode()  # type: ignore[attr-defined]
