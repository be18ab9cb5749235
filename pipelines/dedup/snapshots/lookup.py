"""Finding keys in files of sorted keys, by binary search in mapped files: the cost depends on the number of keys to find."""

from __future__ import annotations

import numba
import numpy as np
import pyarrow as pa

from pipelines.dedup.arrays import Int64s, UInt64s
from pipelines.dedup.row_refs import row_ref


def look_up_keys(path: str, keys: UInt64s, max_rows: int, first_segment: int) -> tuple[UInt64s, UInt64s]:
    """(key, row reference) of the rows of one KEYS file with one of `keys`, which ascend; at most `max_rows` of a key.

    `first_segment` is the segment number of the snapshot's first documents file.
    """
    with pa.memory_map(path) as file:
        batch = pa.ipc.open_file(file).get_batch(0)
        stored = batch.column("key").to_numpy()
        keys = keys[slice(*np.searchsorted(keys, [stored[0], stored[-1]], side="left") + np.array([0, 1]))]
        low, n = equal_runs(stored, keys, max_rows)
        rows = np.repeat(low, n) + ramp(n)
        return np.repeat(keys, n), batch.column("at").to_numpy()[rows] + row_ref(first_segment)


@numba.njit(cache=True, nogil=True)
def equal_runs(stored: UInt64s, keys: UInt64s, max_rows: int) -> tuple[Int64s, Int64s]:
    """(where the run of each key begins or would begin in `stored`, how many rows it has, at most `max_rows`).

    `stored` and `keys` ascend, `keys` without repeats. Each search gallops on from the one before: it costs the logarithm of the distance.
    """
    begins, n = np.empty(len(keys), np.int64), np.zeros(len(keys), np.int64)
    low = 0
    for i in range(len(keys)):
        high, step = low, 1
        while high < len(stored) and stored[high] < keys[i]:
            low = high + 1
            high += step
            step *= 2
        high = min(high, len(stored))
        while low < high:
            middle = (low + high) // 2
            if stored[middle] < keys[i]:
                low = middle + 1
            else:
                high = middle
        begins[i] = low
        while n[i] < max_rows and low + n[i] < len(stored) and stored[low + n[i]] == keys[i]:
            n[i] += 1
    return begins, n


def ramp(counts: Int64s) -> Int64s:
    """0, 1, ... for each count: [2, 0, 3] gives [0, 1, 0, 1, 2]."""
    ends = np.cumsum(counts)
    return np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - counts, counts)
