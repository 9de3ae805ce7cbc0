"""All parameters of a network as one vector: one optimizer step for all, and one message between processes."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class FlatParameters:
    """One vector that a network's parameters are views of, with their gradients in the same order.

    Args:
        network: whose trainable parameters become views, until `release`. All are of one type and on one device.
            Gradients that they bring are forgotten.
        more: numbers after the gradients in `message`, for what is summed over processes along with them.

    Attributes:
        vector: a parameter, all parameters in the order of `network.parameters()`; its gradient is filled by `collect`.
        message: the gradient and `more` numbers after it, one block of memory.
    """

    def __init__(self, network: nn.Module, more: int = 0) -> None:
        self.parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
        self.vector = nn.Parameter(torch.cat([parameter.detach().reshape(-1) for parameter in self.parameters]))
        self.message = torch.zeros(len(self.vector) + more, dtype=self.vector.dtype, device=self.vector.device)
        self._gradient = self.message[: len(self.vector)]
        self.vector.grad = self._gradient
        sizes = [parameter.numel() for parameter in self.parameters]
        for parameter, part in zip(self.parameters, self.vector.detach().split(sizes), strict=True):
            parameter.data = part.view_as(parameter)
            parameter.grad = None

    def collect(self) -> Tensor:
        """Gather the gradients of a backward pass in the vector's and forget them; a missing one counts as zero."""
        found = [
            torch.zeros_like(parameter) if parameter.grad is None else parameter.grad for parameter in self.parameters
        ]
        torch.cat([gradient.reshape(-1) for gradient in found], out=self._gradient)
        for parameter in self.parameters:
            parameter.grad = None
        return self._gradient

    def release(self) -> None:
        """Give each parameter memory of its own again, with the values that it has."""
        for parameter in self.parameters:
            parameter.data = parameter.detach().clone()
