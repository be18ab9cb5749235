"""Keys are found where searching for each of them finds them."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipelines.dedup.snapshots.lookup import equal_runs, ramp


@given(st.lists(st.integers(0, 40)), st.sets(st.integers(0, 42)), st.integers(1, 3))
def test_runs_of_keys_are_those_that_searching_each_gives(stored: list[int], keys: set[int], most: int) -> None:
    ascending, wanted = np.sort(np.array(stored, np.uint64)), np.sort(np.array(list(keys), np.uint64))
    begins, n = equal_runs(ascending, wanted, most)
    low, high = np.searchsorted(ascending, wanted, side="left"), np.searchsorted(ascending, wanted, side="right")
    assert begins.tolist() == low.tolist()
    assert n.tolist() == np.minimum(high - low, most).tolist()


def test_a_ramp_counts_up_anew_for_each_count() -> None:
    assert ramp(np.array([2, 0, 3])).tolist() == [0, 1, 0, 1, 2]
    assert ramp(np.zeros(0, np.int64)).tolist() == []
