"""Finding keys in files of sorted keys: binary search in mapped files, so that what it costs depends on the keys that are looked for."""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.dedup.minhash import Rows, UInt64s


def look_up(path: str, keys: UInt64s, most: int, first: int) -> tuple[UInt64s, UInt64s]:
    """(key, place) of the rows of one KEYS file with one of `keys`; `first` is the number of the snapshot's first documents file."""
    with pa.memory_map(path) as file:
        batch = pa.ipc.open_file(file).get_batch(0)
        stored = batch.column("key").to_numpy()
        keys = keys[slice(*np.searchsorted(keys, [stored[0], stored[-1]], side="left") + np.array([0, 1]))]
        low, n = equal_runs(stored, keys, most)
        rows = np.repeat(low, n) + ramp(n)
        return np.repeat(keys, n), batch.column("at").to_numpy()[rows] + np.uint64(first << 32)


@numba.njit(cache=True, nogil=True)
def equal_runs(stored: UInt64s, keys: UInt64s, most: int) -> tuple[Rows, Rows]:
    """(where the run of each key in `stored` begins or would, how many it has, `most` at most); both ascend, `keys` without repeats.

    Each search gallops on from the one before, so that it costs the logarithm of the way between the two.
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
        while n[i] < most and low + n[i] < len(stored) and stored[low + n[i]] == keys[i]:
            n[i] += 1
    return begins, n


def ramp(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """0, 1, ... for each count: [2, 0, 3] gives [0, 1, 0, 1, 2]."""
    ends = np.cumsum(counts)
    return np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - counts, counts)
