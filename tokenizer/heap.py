"""The pairs that are followed, the most frequent on top: a heap of rows, each with where the pair's places lie."""

from __future__ import annotations

from typing import Final

import numba
import numpy as np

from tokenizer.memory import kernel

COUNT, KEY, PAIR, START, SIZE = range(5)
"""Columns of the heap; the last two are the pair's places, a part of one long array."""

_BRANCHES: Final = 4  # of a node


@kernel
def rise(heap, place, count, key, pair, start, size):  # type: ignore[no-untyped-def]
    """Put an entry into the hole at the end of the heap, and up from there."""
    while place > 0:
        parent = (place - 1) // _BRANCHES
        if not _is_before(count, key, heap[parent, COUNT], heap[parent, KEY]):
            break
        for i in range(5):
            heap[place, i] = heap[parent, i]
        place = parent
    heap[place, COUNT], heap[place, KEY], heap[place, PAIR], heap[place, START], heap[place, SIZE] = count, key, pair, start, size


@kernel
def sink(heap, n_heap, entry, count):  # type: ignore[no-untyped-def]
    """Put the entry at row `entry`, with this count, into the hole at the top of a heap of n_heap entries, and down from there."""
    key, pair, start, size = heap[entry, KEY], heap[entry, PAIR], heap[entry, START], heap[entry, SIZE]
    place = 0
    while _BRANCHES * place + 1 < n_heap:
        best = _BRANCHES * place + 1
        for child in range(best + 1, min(best + _BRANCHES, n_heap)):
            if _is_before(heap[child, COUNT], heap[child, KEY], heap[best, COUNT], heap[best, KEY]):
                best = child
        if not _is_before(heap[best, COUNT], heap[best, KEY], count, key):
            break
        for i in range(5):
            heap[place, i] = heap[best, i]
        place = best
    heap[place, COUNT], heap[place, KEY], heap[place, PAIR], heap[place, START], heap[place, SIZE] = count, key, pair, start, size


@numba.njit(cache=True, nogil=True)
def close_up(heap, n_heap, lists):  # type: ignore[no-untyped-def]
    """Move the lists that are still in the heap to the front; returns where they end."""
    order = np.argsort(heap[:n_heap, START])
    end = np.int64(0)
    for entry in order:
        start, size = heap[entry, START], heap[entry, SIZE]
        heap[entry, START] = end
        for i in range(size):
            lists[end + i] = lists[start + i]
        end += size
    return end


@kernel
def _is_before(count, key, other_count, other_key):  # type: ignore[no-untyped-def]
    """The larger count first; of equal ones the smaller ids."""
    return count > other_count or (count == other_count and key < other_key)
