"""Memory as numbers and as text. test_compiler.py has the networks that are refused."""

from __future__ import annotations

import pytest

from dendrograph import compile, load
from dendrograph.graph.size_limits import available_memory, format_bytes, training_memory


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (1.5e9, "1.5 GB"),
        (2.5e15, "2,500.0 TB"),
        (1e18, "more than a million TB"),
    ],
)
def test_bytes_as_text(size: float, text: str) -> None:
    assert format_bytes(size) == text


def test_training_takes_more_memory_for_sampled_wiring_and_for_stored_messages() -> None:
    graph = compile(load("dann-lrf"), (28, 28))
    dense = training_memory(0, graph.edges, graph.nodes)
    sampled = training_memory(graph.edges, 0, graph.nodes)
    assert 16 * graph.parameters < dense < sampled < training_memory(graph.edges, 0, graph.nodes, graph.edges)


def test_some_memory_is_available() -> None:
    assert available_memory() > 1_000_000
