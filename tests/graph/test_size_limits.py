"""Memory: blocks of rows, which keep what is only made on the way small."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dendrograph.graph import size_limits as memory


@given(st.integers(0, 500), st.integers(0, 300), st.integers(1, 200))
def test_blocks_are_all_rows_in_their_order(rows: int, width: int, size: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(memory, "BLOCK", size)
        parts = list(memory.blocks(rows, width))
    every = np.arange(rows)
    assert [row for part in parts for row in every[part].tolist()] == every.tolist()
    lengths = [part.stop - part.start for part in parts]
    assert all(length == 1 or 1 < length * max(1, width) <= size for length in lengths)
    assert len(set(lengths[:-1])) <= 1, "all alike, but for the last"


def test_what_fits_is_one_block() -> None:
    assert list(memory.blocks(memory.BLOCK // 16, 16)) == [slice(0, memory.BLOCK // 16)]
    assert list(memory.blocks(0, 16)) == []
    assert list(memory.blocks(-1)) == [], "no step from an edge to the next where there is no edge"
    assert list(memory.blocks(2, 10 * memory.BLOCK)) == [slice(0, 1), slice(1, 2)], "a row is never cut"
