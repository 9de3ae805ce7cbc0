"""The optimizer. All parameters of a network are one vector: one optimizer step and one message between processes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dendrograph.training.config import TrainConfig


class FlatParameters:
    """One vector; the parameters of a network are views of it, and their gradients have the same order.

    Args:
        network: its trainable parameters become views until `release`. All have one type and one device. Existing
            gradients are dropped.
        more: count of numbers after the gradients in `message`, to be summed over processes with them.

    Attributes:
        vector: all parameters in the order of `network.parameters()`, shape (parameters,); `collect` fills its
            gradient.
        message: the gradient and `more` numbers after it, in one block of memory, shape (parameters + more,).
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
        """Move the gradients of a backward pass into that of the vector; a missing gradient counts as zero."""
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
        """Give each parameter separate memory again, with its present values."""
        for parameter in self.parameters:
            parameter.data = parameter.detach().clone()


def optimizer_for(vector: nn.Parameter, config: TrainConfig) -> torch.optim.Optimizer:
    """The optimizer that a configuration names, over all parameters as one vector."""
    parameters = [vector]
    match config.optimizer:
        case "adam":
            return torch.optim.Adam(parameters, lr=config.lr, eps=1e-7, fused=True)
        case "adamw":
            return torch.optim.AdamW(parameters, lr=config.lr, eps=1e-7, fused=True)
        case "rmsprop":
            return torch.optim.RMSprop(parameters, lr=config.lr)
        case _:
            return torch.optim.SGD(parameters, lr=config.lr, momentum=0.9)
