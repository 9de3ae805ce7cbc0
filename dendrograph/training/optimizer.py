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
        if not self.parameters:
            raise ValueError("no parameter of the network is trainable")
        self.vector = nn.Parameter(torch.cat([parameter.detach().reshape(-1) for parameter in self.parameters]))
        self.message = torch.zeros(len(self.vector) + more, dtype=self.vector.dtype, device=self.vector.device)
        self._gradient = self.message[: len(self.vector)]
        sizes = [parameter.numel() for parameter in self.parameters]
        self._places = [
            place.view_as(parameter)
            for parameter, place in zip(self.parameters, self._gradient.split(sizes), strict=True)
        ]
        for parameter, part in zip(self.parameters, self.vector.detach().split(sizes), strict=True):
            parameter.data = part.view_as(parameter)
            parameter.grad = None

    def collect(self) -> Tensor:
        """Gather the gradients of a backward pass in the vector's and forget them; a missing one counts as zero."""
        places, gradients = [], []
        for parameter, place in zip(self.parameters, self._places, strict=True):
            if parameter.grad is None:
                place.zero_()
            else:
                places.append(place)
                gradients.append(parameter.grad)
                parameter.grad = None
        if gradients:
            torch._foreach_copy_(places, gradients)
        self.vector.grad = self._gradient  # an optimizer's zero_grad may have taken it away
        return self._gradient

    def release(self) -> None:
        """Give each parameter memory of its own again, with the values that it has."""
        for parameter in self.parameters:
            parameter.data = parameter.detach().clone()
