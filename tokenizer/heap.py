"""A heap of token pairs, the most frequent on top. Each row also locates the list of the pair's positions."""

from __future__ import annotations

from typing import Final

import numba
import numpy as np
import numpy.typing as npt

from tokenizer.memory import kernel

Heap = npt.NDArray[np.int64]
"""int64[n, 5]: one entry per row, in the order of a heap with _BRANCHES children per node."""

COUNT, KEY, PAIR, START, SIZE = range(5)
"""Columns of a Heap: the count that sorts it, left id << 32 | right id, the pair's row in its table, and its slice of the positions."""

_BRANCHES: Final = 4


@kernel
def sift_up(heap: Heap, node: int, count: int, key: int, pair: int, start: int, size: int) -> None:
    """Put a new entry into row `node` at the end of the heap and move it up to its place."""
    while node > 0:
        parent = (node - 1) // _BRANCHES
        if not _is_before(count, key, heap[parent, COUNT], heap[parent, KEY]):
            break
        for column in range(5):
            heap[node, column] = heap[parent, column]
        node = parent
    heap[node, COUNT], heap[node, KEY], heap[node, PAIR], heap[node, START], heap[node, SIZE] = count, key, pair, start, size


@kernel
def sift_down(heap: Heap, n_heap: int, entry: int, count: int) -> None:
    """Put the entry of row `entry`, with this count, at the top of n_heap entries and move it down to its place."""
    key, pair, start, size = heap[entry, KEY], heap[entry, PAIR], heap[entry, START], heap[entry, SIZE]
    node = 0
    while _BRANCHES * node + 1 < n_heap:
        best = _BRANCHES * node + 1
        for child in range(best + 1, min(best + _BRANCHES, n_heap)):
            if _is_before(heap[child, COUNT], heap[child, KEY], heap[best, COUNT], heap[best, KEY]):
                best = child
        if not _is_before(heap[best, COUNT], heap[best, KEY], count, key):
            break
        for column in range(5):
            heap[node, column] = heap[best, column]
        node = best
    heap[node, COUNT], heap[node, KEY], heap[node, PAIR], heap[node, START], heap[node, SIZE] = count, key, pair, start, size


@numba.njit(cache=True, nogil=True)
def compact_positions(heap: Heap, n_heap: int, positions: npt.NDArray[np.int32]) -> np.int64:
    """Move the positions of the entries that are still in the heap to the front; returns their end."""
    order = np.argsort(heap[:n_heap, START])
    end = np.int64(0)
    for entry in order:
        start, size = heap[entry, START], heap[entry, SIZE]
        heap[entry, START] = end
        for i in range(size):
            positions[end + i] = positions[start + i]
        end += size
    return end


@kernel
def _is_before(count: int, key: int, other_count: int, other_key: int) -> bool:
    """The larger count comes first; of equal counts, the smaller ids."""
    return count > other_count or (count == other_count and key < other_key)
