"""Counts the n-grams of one document's words for n = 2, 3, ..., inside compiled kernels.

An n-gram can only occur twice where its first n - 1 words do. So each n looks only at the positions that the n before left, and most text
is done after n = 3.
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from pipelines.text.hashing import append_hash, slot_of, table_size


class NgramTables(NamedTuple):
    """Memory for one document."""

    grams: npt.NDArray[np.uint64]
    """By position, the hash of the n-gram that begins there."""
    places: npt.NDArray[np.int32]
    """Positions whose n-gram may occur more than once, ascending."""
    keys: npt.NDArray[np.uint64]
    """Open-addressing table of n-gram hashes."""
    counts: npt.NDArray[np.int32]
    """By slot of `keys`, how often the n-gram occurs."""
    slots: npt.NDArray[np.int64]
    """By index in `places`, the slot of the n-gram there."""


@numba.njit(cache=True, nogil=True)
def new_tables(most):  # type: ignore[no-untyped-def]
    """Tables for documents of at most so many words, or other keys."""
    keys = np.empty(table_size(most), np.uint64)
    counts = np.empty(len(keys), np.int32)
    return NgramTables(np.empty(most, np.uint64), np.empty(most, np.int32), keys, counts, np.empty(most, np.int64))


@numba.njit(cache=True, nogil=True)
def count_ngrams(n, hashes, n_places, tables):  # type: ignore[no-untyped-def]
    """Count the n-grams of the words with these `hashes` that begin at the first `n_places` places; how many of the places are left.

    On entry `tables.grams` holds the hashes of the (n - 1)-grams, afterwards those of the n-grams.
    """
    grams, places, keys, counts, slots = tables
    while n_places and places[n_places - 1] + n > len(hashes):
        n_places -= 1
    size = table_size(n_places)
    keys[:size] = 0
    counts[:size] = 0
    for k in range(n_places):
        i = places[k]
        grams[i] = append_hash(grams[i], hashes[i + n - 1])
        slot = slot_of(keys[:size], grams[i])
        keys[slot] = grams[i]
        counts[slot] += 1
        slots[k] = slot
    return n_places


@numba.njit(cache=True, nogil=True)
def most_frequent_ngram(n_places, tables):  # type: ignore[no-untyped-def]
    """(position, count) of the most frequent n-gram; of equally frequent ones the first in the text."""
    top, top_count = 0, 1  # if none is repeated it is the first, which may not be in `places`
    for k in range(n_places):
        if tables.counts[tables.slots[k]] > top_count:
            top, top_count = tables.places[k], tables.counts[tables.slots[k]]
    return top, top_count


@numba.njit(cache=True, nogil=True)
def keep_repeated(n_places, tables):  # type: ignore[no-untyped-def]
    """Move the places whose n-gram occurs more than once to the front; how many there are."""
    kept = 0
    for k in range(n_places):
        if tables.counts[tables.slots[k]] != 1:
            tables.places[kept] = tables.places[k]
            kept += 1
    return kept
