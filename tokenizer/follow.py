"""Which pairs to follow: those that reach a threshold, with how often and at which places they occur."""

from __future__ import annotations

from typing import Final, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from schemas.buffers import Offsets
from tokenizer.heap import rise
from tokenizer.memory import kernel

NONE: Final = -1
"""No pair, no token, no place."""

_FALL: Final = 16
"""What the threshold is divided by."""
_MIX: Final = np.uint64(0x9E3779B97F4A7C15)


class Words(NamedTuple):
    """Words as places: word i has the places offsets[i] to offsets[i + 1] and occurs counts[i] times."""

    places: npt.NDArray[np.uint16] | npt.NDArray[np.uint32]
    """uint16 or uint32 per place: a token's id at its first place and its last one; those between do not matter."""
    offsets: Offsets
    counts: npt.NDArray[np.int64]


@numba.njit(cache=True, nogil=True)
def follow(words, spans, lengths, n_first, max_length, min_frequency, threshold, all_pairs):  # type: ignore[no-untyped-def]
    """Look through all words for the pairs that reach a threshold lower than the given one, which is 0 the first time.

    Three times: counts by hash of a pair tell which ones may reach it; those are counted; then their places are noted.
    """
    buckets = np.zeros(power_of_two(min(len(words.places) // 8, 1 << 20)), np.int64)
    _count_buckets(words, spans, lengths, n_first, max_length, buckets)
    if not all_pairs:
        most = buckets.max()
        threshold = max((min(most, threshold) if threshold else most) // _FALL, min_frequency)
    pairs, sizes = np.empty((1 << 11, 2), np.int64), np.zeros(1 << 11, np.int64)  # count, key; places
    table = np.full(1 << 12, NONE, np.int32)
    n_pairs = word = at = 0
    while word < len(words.counts):
        n_pairs, word, at = _count_pairs(
            words, spans, lengths, n_first, max_length, buckets, threshold, table, pairs, sizes, n_pairs, word, at
        )
        if 2 * (n_pairs + 1) > len(table):
            table = larger_table(pairs, n_pairs, 2 * len(table))
        if n_pairs == len(pairs):
            pairs = np.concatenate((pairs, np.empty_like(pairs)))
            sizes = np.append(sizes, np.zeros_like(sizes))

    heap = np.empty((np.count_nonzero(pairs[:n_pairs, 0] >= threshold) + 16, 5), np.int64)
    n_heap, n_places = 0, np.int64(0)
    cursors = np.full(n_pairs, NONE, np.int64)
    for pair in range(n_pairs):
        if pairs[pair, 0] >= threshold:
            rise(heap, n_heap, pairs[pair, 0], pairs[pair, 1], pair, n_places, sizes[pair])
            n_heap += 1
            cursors[pair] = n_places
            n_places += sizes[pair]
    lists = np.empty(n_places + n_places // 4 + 1024, np.int32)
    _note_places(words, spans, buckets, threshold, table, pairs, cursors, lists)
    return table, pairs, n_pairs, heap, n_heap, lists, n_places, threshold


@kernel
def _count_buckets(words, spans, lengths, n_first, max_length, buckets):  # type: ignore[no-untyped-def]
    symbols, offsets, counts = words
    for word in range(len(counts)):
        at, stop, count = offsets[word], offsets[word + 1], counts[word]
        right = np.int64(symbols[at])
        at += spans[right]
        while at < stop:
            left, right = right, np.int64(symbols[at])
            at += spans[right]
            if lengths[left] + lengths[right] < max_length or (left < n_first and right < n_first):
                buckets[_home(buckets, (left << 32) | right)] += count


@kernel
def _count_pairs(words, spans, lengths, n_first, max_length, buckets, threshold, table, pairs, sizes, n_pairs, word, at):  # type: ignore[no-untyped-def]
    """Count on from the token at `at` of a word, or from its beginning for 0; returns where there was no room for a further pair."""
    symbols, offsets, counts = words
    while word < len(counts):
        stop, count = offsets[word + 1], counts[word]
        place = max(at, offsets[word])
        right = np.int64(symbols[place])
        at = place + spans[right]
        while at < stop:
            left, right = right, np.int64(symbols[at])
            key = (left << 32) | right
            if buckets[_home(buckets, key)] >= threshold and (
                lengths[left] + lengths[right] < max_length or (left < n_first and right < n_first)
            ):
                slot = pair_slot(table, pairs, key)
                if table[slot] == NONE:
                    if n_pairs == len(pairs) or 2 * (n_pairs + 1) > len(table):
                        return n_pairs, word, place
                    pairs[n_pairs, 0], pairs[n_pairs, 1] = 0, key
                    table[slot] = n_pairs
                    n_pairs += 1
                pairs[table[slot], 0] += count
                sizes[table[slot]] += 1
            place = at
            at += spans[right]
        word += 1
        at = 0
    return n_pairs, word, at


@kernel
def _note_places(words, spans, buckets, threshold, table, pairs, cursors, lists):  # type: ignore[no-untyped-def]
    symbols, offsets, counts = words
    for word in range(len(counts)):
        place, stop = offsets[word], offsets[word + 1]
        right = np.int64(symbols[place])
        at = place + spans[right]
        while at < stop:
            left, right = right, np.int64(symbols[at])
            key = (left << 32) | right
            if buckets[_home(buckets, key)] >= threshold:
                pair = np.int64(table[pair_slot(table, pairs, key)])
                if pair != NONE and cursors[pair] != NONE:
                    lists[cursors[pair]] = place
                    cursors[pair] += 1
            place = at
            at += spans[right]


@kernel
def pair_slot(table, pairs, key):  # type: ignore[no-untyped-def]
    slot = _home(table, key)
    while table[slot] != NONE and pairs[table[slot], 1] != key:
        slot = (slot + 1) & (len(table) - 1)
    return slot


@numba.njit(cache=True, nogil=True)
def larger_table(pairs, n_pairs, size):  # type: ignore[no-untyped-def]
    table = np.full(size, NONE, np.int32)
    for pair in range(n_pairs):
        table[pair_slot(table, pairs, pairs[pair, 1])] = pair
    return table


@kernel
def _home(table, key):  # type: ignore[no-untyped-def]
    return np.int64((np.uint64(key) * _MIX) >> np.uint64(32)) & (len(table) - 1)


@numba.njit(cache=True, nogil=True)
def power_of_two(least):  # type: ignore[no-untyped-def]
    size = 16
    while size < least:
        size *= 2
    return size
