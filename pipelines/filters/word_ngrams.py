"""Counting the n-grams of one document's words for n = 2, 3, ..., inside compiled kernels.

An n-gram can only occur twice where its first n - 1 words do, so each n looks only at the places that the n before left over,
and most text is done after n = 3.
"""

from __future__ import annotations

import numba

from pipelines.text.hashing import append_hash, slot_of, table_size


@numba.njit(cache=True, nogil=True)
def count_ngrams(n, hashes, first, n_words, grams, places, n_places, keys, counts, slots):  # type: ignore[no-untyped-def]
    """Count the n-grams that begin at `places`; how many of those places are left.

    `grams[i]` holds the hash of the (n - 1)-gram at place i and then that of the n-gram; slots[k] is the slot of the one at places[k]
    in the emptied tables `keys` and `counts`.
    """
    while n_places and places[n_places - 1] + n > n_words:
        n_places -= 1
    size = table_size(n_places)
    keys[:size] = 0
    counts[:size] = 0
    for k in range(n_places):
        i = places[k]
        grams[i] = append_hash(grams[i], hashes[first + i + n - 1])
        slot = slot_of(keys[:size], grams[i])
        keys[slot] = grams[i]
        counts[slot] += 1
        slots[k] = slot
    return n_places


@numba.njit(cache=True, nogil=True)
def most_frequent_ngram(places, n_places, counts, slots):  # type: ignore[no-untyped-def]
    """(place, count) of the most frequent n-gram, of equals the first in the text."""
    top, top_count = 0, 1  # with no repeated n-gram it is the first, which may be no candidate
    for k in range(n_places):
        if counts[slots[k]] > top_count:
            top, top_count = places[k], counts[slots[k]]
    return top, top_count


@numba.njit(cache=True, nogil=True)
def keep_repeated(places, n_places, counts, slots):  # type: ignore[no-untyped-def]
    """Move the places whose n-gram occurs more than once to the front; how many there are."""
    kept = 0
    for k in range(n_places):
        if counts[slots[k]] != 1:
            places[kept] = places[k]
            kept += 1
    return kept
