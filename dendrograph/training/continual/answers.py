"""A readout of which some units are closed, so that a network chooses among the others alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch

from dendrograph.base.errors import DendrographError
from dendrograph.network.network import DendriticNetwork

CLOSED = -1e6  # exp of it is 0 in single precision, whatever else a unit sums


class Answers:
    """The readout of a network. Every unit's own bias is kept here while the unit is closed.

    A unit is closed by a bias of −10⁶: its share of the softmax is 0 to the last bit, and so is the gradient that it
    passes on. The loss is that over the other units, and the unit's own weights stay as they are (but for the decay of
    `adamw`). As nothing but a parameter changes, the network trains, is saved, resumed and tested like any other.
    """

    def __init__(self, network: DendriticNetwork) -> None:
        self._network = network
        self._own = network.biases["readout"].detach().clone() if "readout" in network.biases else None

    @contextmanager
    def limited_to(self, answers: Sequence[int], learning: bool = False) -> Iterator[None]:
        """Close all units but these, and open all in the end.

        Args:
            answers: classes. Where they are all, nothing is done.
            learning: the biases that these units have in the end become their own.

        Raises:
            DendrographError: the readout has no biases.
        """
        if len(answers) == self._network.graph.classes:
            yield
            return
        if self._own is None:
            raise DendrographError(
                f"{self._network.graph.name}: its readout has no biases, by which units of other tasks are closed\n"
                "  let it have them (readout: {bias: true}), or take another scenario"
            )
        open_ = list(answers)
        limited = torch.full_like(self._own, CLOSED)
        limited[open_] = self._own[open_]
        self._write(limited)
        try:
            yield
        finally:
            if learning:
                self._own[open_] = self._network.biases["readout"].detach()[open_]
            self._write(self._own)

    def _write(self, bias: torch.Tensor) -> None:
        with torch.no_grad():
            self._network.biases["readout"].copy_(bias)
