"""Counted words -> merges: the training loop of BPE as a kernel.

Again and again the most frequent pair is merged; of equally frequent ones that with the smaller left id, then right id. Counts change
only in the words where a pair stands, so these are remembered per pair, and a heap holds the pairs with counts that may be out of
date: one that comes up is put back with its present count.

It follows the trainer of the `tokenizers` library step by step, its two oddities included: a merge that spells a token which
exists takes that token's id, and occurrences that such a token brings to an old pair wait in an entry of their own.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from schemas.buffers import Bytes, Offsets
from tokenizer.counts import hash_bytes, same_bytes
from tokenizer.memory import prefetch
from tokenizer.merge import Ids

_NONE: Final = -1
_BRANCHES: Final = 4  # of a node of the heap
_AHEAD: Final = 16
"""Words asked for from memory before their turn."""
_MIX: Final = np.uint64(0x9E3779B97F4A7C15)


class Learned(NamedTuple):
    """Merges in the order of their ranks, and the bytes of all tokens, the first ones included."""

    left: Ids
    right: Ids
    merged: Ids
    data: Bytes
    offsets: Offsets


def learn_merges(
    symbols: Ids,
    word_offsets: Offsets,
    counts: npt.NDArray[np.int64],
    data: Bytes,
    offsets: Offsets,
    *,
    n_tokens: int,
    min_frequency: int,
    max_token_length: int | None,
) -> Learned:
    """Merges until there are n_tokens, or no pair occurs min_frequency times.

    Word i has the ids `symbols[word_offsets[i]:word_offsets[i + 1]]` and occurs counts[i] times; token j has the bytes
    `data[offsets[j]:offsets[j + 1]]`. Tokens made of max_token_length symbols or more are not formed. `symbols` is overwritten.
    """
    longest = np.iinfo(np.int64).max if max_token_length is None else max_token_length
    return Learned(*_learn(symbols, word_offsets, counts, data, offsets, n_tokens, max(min_frequency, 1), longest))


@numba.njit(cache=True, nogil=True)
def _learn(symbols, word_offsets, counts, data, offsets, n_tokens, min_frequency, max_length):  # type: ignore[no-untyped-def]
    n_words = len(counts)
    spans = np.empty((n_words, 3), np.int64)  # first symbol, symbols, count: side by side, since a word is a leap in memory
    for word in range(n_words):
        spans[word] = (word_offsets[word], word_offsets[word + 1] - word_offsets[word], counts[word])

    # Tokens: their bytes, how many first symbols they consist of, and a table that finds one by its bytes.
    n = len(offsets) - 1
    bytes_ = np.empty(max(2 * len(data), 1024), np.uint8)
    bytes_[: len(data)] = data
    bounds = np.zeros(max(n, n_tokens) + 2, np.int64)
    bounds[: n + 1] = offsets
    lengths = np.ones(max(n, n_tokens) + 1, np.int64)
    by_bytes = np.full(_power_of_two(4 * max(n, n_tokens) + 16), _NONE, np.int64)
    for token in range(n):
        if bounds[token + 1] > bounds[token]:
            by_bytes[_place_of(bytes_, bounds[token], bounds[token + 1], by_bytes, bytes_, bounds)] = token

    # Pairs: their number by key in a table; count, first of the waiting words, last step, key by number.
    table = np.full(1 << 16, _NONE, np.int32)
    pairs = np.empty((1 << 15, 4), np.int64)
    n_pairs = 0
    # Nodes of lists of words; freed ones form a list themselves.
    nodes = np.empty((max(len(symbols), 1), 2), np.int32)  # word, next node
    n_nodes = 0
    free = np.int64(_NONE)
    touched = np.empty(1 << 10, np.int64)
    n_touched = 0
    heap = np.empty((1 << 16, 4), np.int64)  # count, key, pair, first of its words
    n_heap = 0

    left_ids = np.empty(n_tokens * 2 + 16, np.int32)
    right_ids = np.empty(n_tokens * 2 + 16, np.int32)
    merged_ids = np.empty(n_tokens * 2 + 16, np.int32)
    n_merges = 0

    new_pairs = np.empty(4, np.int64)
    changes = np.empty(4, np.int64)
    todo = np.empty(1 << 10, np.int32)
    step = 0
    first_round = True
    left = right = merged = np.int64(_NONE)
    words = np.int64(_NONE)
    while True:
        # Either every word once, to count its pairs, or the words in which the chosen pair stands.
        n_todo = n_words
        if not first_round:
            n_todo = 0
            while words != _NONE:
                if n_todo == len(todo):
                    todo = np.append(todo, np.empty_like(todo))
                todo[n_todo], following = nodes[words, 0], np.int64(nodes[words, 1])
                n_todo += 1
                nodes[words, 1] = free
                free = words
                words = following
        step += 1
        for turn in range(n_todo):
            current = np.int64(turn if first_round else todo[turn])
            if not first_round and turn + _AHEAD < n_todo:
                prefetch(spans, 3 * np.int64(todo[turn + _AHEAD]))
                prefetch(symbols, spans[todo[turn + _AHEAD // 2], 0])
            start, size, count = spans[current]
            read, stop = start, start + size
            if not first_round:
                while read + 1 < stop and (symbols[read] != left or symbols[read + 1] != right):
                    read += 1
            write = read
            while read < stop:
                n_changes = 0
                symbol = symbols[read]
                if first_round:
                    if read + 1 < stop:
                        new_pairs[0], changes[0] = (np.int64(symbol) << 32) | symbols[read + 1], 1
                        n_changes = 1
                elif symbol == left and read + 1 < stop and symbols[read + 1] == right:
                    symbol = np.int32(merged)
                    if write > start:
                        before = np.int64(symbols[write - 1])
                        new_pairs[n_changes], changes[n_changes] = (before << 32) | left, -1
                        n_changes += 1
                        if lengths[before] + lengths[merged] < max_length:
                            new_pairs[n_changes], changes[n_changes] = (before << 32) | merged, 1
                            n_changes += 1
                    read += 1
                    if read + 1 < stop:
                        after = np.int64(symbols[read + 1])
                        new_pairs[n_changes], changes[n_changes] = (right << 32) | after, -1
                        n_changes += 1
                        if lengths[after] + lengths[merged] < max_length:
                            new_pairs[n_changes], changes[n_changes] = (merged << 32) | after, 1
                            n_changes += 1
                symbols[write] = symbol
                read += 1
                write += 1
                for change in range(n_changes):
                    prefetch(table, _home(table, new_pairs[change]))
                for change in range(n_changes):
                    key = new_pairs[change]
                    slot = _pair_slot(table, pairs, key)
                    if table[slot] == _NONE:
                        if n_pairs == len(pairs):
                            pairs = np.concatenate((pairs, np.empty((n_pairs // 2, 4), np.int64)))
                        pairs[n_pairs] = (0, _NONE, _NONE, key)
                        table[slot] = n_pairs
                        n_pairs += 1
                        if 2 * n_pairs > len(table):
                            table = _larger_table(pairs, n_pairs, 2 * len(table))
                            slot = _pair_slot(table, pairs, key)
                    pair = np.int64(table[slot])
                    pairs[pair, 0] += changes[change] * count
                    if changes[change] < 0:
                        continue
                    head = pairs[pair, 1]
                    if pairs[pair, 2] != step:
                        pairs[pair, 2] = step
                        if n_touched == len(touched):
                            touched = np.append(touched, np.empty_like(touched))
                        touched[n_touched] = pair
                        n_touched += 1
                    if head != _NONE and nodes[head, 0] == current:
                        continue
                    if free != _NONE:
                        node = free
                        free = np.int64(nodes[free, 1])
                    else:
                        if n_nodes == len(nodes):
                            nodes = np.concatenate((nodes, np.empty((len(nodes) // 8 + 16, 2), np.int32)))
                        node = np.int64(n_nodes)
                        n_nodes += 1
                    nodes[node] = (current, head)
                    pairs[pair, 1] = node
            spans[current, 1] = write - start
        first_round = False

        for i in range(n_touched):
            pair = touched[i]
            # A pair that is too rare yet waits outside of the heap.
            if pairs[pair, 0] >= min_frequency:
                if n_heap == len(heap):
                    heap = np.concatenate((heap, np.empty((n_heap // 2, 4), np.int64)))
                _rise(heap, n_heap, pairs[pair, 0], pairs[pair, 3], pair, pairs[pair, 1])
                n_heap += 1
                pairs[pair, 1] = _NONE
        n_touched = 0

        if n >= n_tokens:
            break
        while n_heap > 0 and heap[0, 0] != pairs[heap[0, 2], 0]:
            _sink(heap, n_heap, pairs[heap[0, 2], 0], heap[0, 1], heap[0, 2], heap[0, 3])
        if n_heap == 0 or heap[0, 0] < min_frequency:
            break
        key, words = heap[0, 1], heap[0, 3]
        n_heap -= 1
        _sink(heap, n_heap, heap[n_heap, 0], heap[n_heap, 1], heap[n_heap, 2], heap[n_heap, 3])

        left, right = key >> 32, key & 0xFFFFFFFF
        size = bounds[left + 1] - bounds[left] + bounds[right + 1] - bounds[right]
        end = bounds[n]
        while end + size > len(bytes_):
            bytes_ = np.append(bytes_, np.empty_like(bytes_))
        for token in (left, right):
            for at in range(bounds[token], bounds[token + 1]):
                bytes_[end] = bytes_[at]
                end += 1
        place = _place_of(bytes_, bounds[n], end, by_bytes, bytes_, bounds)
        merged = by_bytes[place]
        if merged == _NONE:
            merged = np.int64(n)
            by_bytes[place] = merged
            bounds[n + 1] = end
            lengths[n] = lengths[left] + lengths[right]
            n += 1
        if n_merges == len(left_ids):
            left_ids = np.append(left_ids, np.empty_like(left_ids))
            right_ids = np.append(right_ids, np.empty_like(right_ids))
            merged_ids = np.append(merged_ids, np.empty_like(merged_ids))
        left_ids[n_merges], right_ids[n_merges], merged_ids[n_merges] = left, right, merged
        n_merges += 1
    return (
        left_ids[:n_merges].copy(),
        right_ids[:n_merges].copy(),
        merged_ids[:n_merges].copy(),
        bytes_[: bounds[n]].copy(),
        bounds[: n + 1].copy(),
    )


@numba.njit(cache=True, nogil=True)
def _power_of_two(least):  # type: ignore[no-untyped-def]
    size = 16
    while size < least:
        size *= 2
    return size


@numba.njit(cache=True, nogil=True)
def _place_of(data, at, end, by_bytes, bytes_, bounds):  # type: ignore[no-untyped-def]
    """Where in the table the token data[at:end] stands, or would stand."""
    place = np.int64(hash_bytes(data, at, end) >> np.uint64(20)) & (len(by_bytes) - 1)
    while by_bytes[place] != _NONE:
        token = by_bytes[place]
        if same_bytes(data, at, end, bytes_, bounds[token], bounds[token + 1]):
            break
        place = (place + 1) & (len(by_bytes) - 1)
    return place


@numba.njit(cache=True, nogil=True, inline="always")
def _home(table, key):  # type: ignore[no-untyped-def]
    return np.int64((np.uint64(key) * _MIX) >> np.uint64(32)) & (len(table) - 1)


@numba.njit(cache=True, nogil=True, inline="always")
def _pair_slot(table, pairs, key):  # type: ignore[no-untyped-def]
    slot = _home(table, key)
    while table[slot] != _NONE and pairs[table[slot], 3] != key:
        slot = (slot + 1) & (len(table) - 1)
    return slot


@numba.njit(cache=True, nogil=True)
def _larger_table(pairs, n_pairs, size):  # type: ignore[no-untyped-def]
    table = np.full(size, _NONE, np.int32)
    for pair in range(n_pairs):
        table[_pair_slot(table, pairs, pairs[pair, 3])] = pair
    return table


@numba.njit(cache=True, nogil=True, inline="always")
def _is_before(count, key, other_count, other_key):  # type: ignore[no-untyped-def]
    """The larger count first; of equal ones the smaller ids."""
    return count > other_count or (count == other_count and key < other_key)


@numba.njit(cache=True, nogil=True)
def _rise(heap, place, count, key, pair, words):  # type: ignore[no-untyped-def]
    """Put an entry into the hole at the end of the heap, and up from there."""
    while place > 0:
        parent = (place - 1) // _BRANCHES
        if not _is_before(count, key, heap[parent, 0], heap[parent, 1]):
            break
        for i in range(4):
            heap[place, i] = heap[parent, i]
        place = parent
    heap[place] = (count, key, pair, words)


@numba.njit(cache=True, nogil=True)
def _sink(heap, n_heap, count, key, pair, words):  # type: ignore[no-untyped-def]
    """Put an entry into the hole at the top of a heap of n_heap entries, and down from there."""
    place = 0
    while _BRANCHES * place + 1 < n_heap:
        best = _BRANCHES * place + 1
        for child in range(best + 1, min(best + _BRANCHES, n_heap)):
            if _is_before(heap[child, 0], heap[child, 1], heap[best, 0], heap[best, 1]):
                best = child
        if not _is_before(heap[best, 0], heap[best, 1], count, key):
            break
        for i in range(4):
            heap[place, i] = heap[best, i]
        place = best
    heap[place] = (count, key, pair, words)
