"""The pairs of neighbouring tokens that training tracks: those whose count reaches a threshold, with all positions where they occur."""

from __future__ import annotations

from typing import Final, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from schemas.buffers import Offsets
from tokenizer.heap import Heap, compact_positions, sift_up
from tokenizer.memory import kernel
from tokenizer.merge import TokenIds
from tokenizer.token_table import NONE, Int64s, TokenTable, power_of_two

Positions = npt.NDArray[np.int32]

_FALL: Final = 16
"""The threshold is divided by this each time that no tracked pair is left."""
_MIX: Final = np.uint64(0x9E3779B97F4A7C15)


class CountedWords(NamedTuple):
    """Words as positions: word i has the positions offsets[i] to offsets[i + 1] and occurs counts[i] times."""

    symbols: TokenIds
    """Per position a token's id, at the token's first position and its last one; what is between does not matter."""
    offsets: Offsets
    counts: Int64s


class MergeLimits(NamedTuple):
    """What training may merge."""

    n_tokens: int
    """All tokens, including the initial ones."""
    n_initial: int
    min_frequency: int
    max_length: int
    """Two tokens whose lengths add up to this or more are not merged, unless both are initial ones."""
    all_pairs: bool
    """Track every pair from the start, whatever its count."""


PAIR_COUNT, PAIR_KEY = range(2)
"""Columns of `PairTable.pairs`."""


class PairTable(NamedTuple):
    """Pairs and how often they occur, by open addressing."""

    slots: npt.NDArray[np.int32]
    """By the hash of a key: a row of `pairs`, or NONE."""
    pairs: Int64s
    """int64[n, 2]: the count, and left id << 32 | right id."""


N_PAIRS, N_HEAP, N_POSITIONS, N_LIVE, THRESHOLD = range(5)
"""Rows of `TrackedPairs.state`: filled rows of the table, the heap and the positions; positions of pairs in the heap; the threshold."""


class TrackedPairs(NamedTuple):
    """The pairs that reached the threshold, in arrays with room for more."""

    table: PairTable
    heap: Heap
    positions: Positions
    """The positions of one pair after those of another; an entry of the heap names its slice."""
    state: Int64s
    """int64[5], see N_PAIRS."""


class _Filter(NamedTuple):
    """Counts by the hash of a pair: a pair whose bucket stays below the threshold cannot reach it."""

    buckets: Int64s
    threshold: int


_RESUME_PAIRS, _RESUME_WORD, _RESUME_AT = range(3)
"""Fields of the state from which `_count_pairs` continues: pairs so far, the word, and the position in it (0 for its first)."""


@numba.njit(cache=True, nogil=True)
def track_pairs(words: CountedWords, tokens: TokenTable, limits: MergeLimits, threshold: int) -> TrackedPairs:
    """Search all words for the pairs that reach a lower threshold than the given one, which is 0 the first time.

    Three passes: counts by hash exclude pairs that cannot reach it; the others are counted; positions of pairs that reach it are listed.
    """
    buckets = np.zeros(power_of_two(min(len(words.symbols) // 8, 1 << 20)), np.int64)
    _count_buckets(words, tokens, limits, buckets)
    if not limits.all_pairs:
        most = buckets.max()
        threshold = max((min(most, threshold) if threshold else most) // _FALL, limits.min_frequency)
    candidates = _Filter(buckets, threshold)
    table, sizes, n_pairs = _counted_pairs(words, tokens, limits, candidates)

    pairs = table.pairs
    heap = np.empty((np.count_nonzero(pairs[:n_pairs, PAIR_COUNT] >= threshold) + 16, 5), np.int64)
    n_heap, n_positions = 0, np.int64(0)
    cursors = np.full(n_pairs, NONE, np.int64)
    for pair in range(n_pairs):
        if pairs[pair, PAIR_COUNT] >= threshold:
            sift_up(heap, n_heap, pairs[pair, PAIR_COUNT], pairs[pair, PAIR_KEY], pair, n_positions, sizes[pair])
            n_heap += 1
            cursors[pair] = n_positions
            n_positions += sizes[pair]
    positions = np.empty(n_positions + n_positions // 4 + 1024, np.int32)
    _list_positions(words, tokens, candidates, table, cursors, positions)
    state = np.empty(5, np.int64)
    state[N_PAIRS], state[N_HEAP], state[N_POSITIONS], state[N_LIVE], state[THRESHOLD] = (
        n_pairs,
        n_heap,
        n_positions,
        n_positions,
        threshold,
    )
    return TrackedPairs(table, heap, positions, state)


@kernel
def _count_buckets(words: CountedWords, tokens: TokenTable, limits: MergeLimits, buckets: Int64s) -> None:
    symbols, offsets, counts = words
    spans, lengths = tokens.spans, tokens.lengths
    for word in range(len(counts)):
        at, stop, count = offsets[word], offsets[word + 1], counts[word]
        right = np.int64(symbols[at])
        at += spans[right]
        while at < stop:
            left, right = right, np.int64(symbols[at])
            at += spans[right]
            if _may_merge(lengths, limits, left, right):
                buckets[_home(buckets, (left << 32) | right)] += count


@kernel
def _may_merge(lengths: Int64s, limits: MergeLimits, left: int, right: int) -> bool:
    return lengths[left] + lengths[right] < limits.max_length or (left < limits.n_initial and right < limits.n_initial)


@numba.njit(cache=True, nogil=True)
def _counted_pairs(words: CountedWords, tokens: TokenTable, limits: MergeLimits, candidates: _Filter) -> tuple[PairTable, Int64s, int]:
    """(the candidate pairs with their counts, how many positions each has, number of pairs)."""
    table = PairTable(np.full(1 << 12, NONE, np.int32), np.empty((1 << 11, 2), np.int64))
    sizes = np.zeros(1 << 11, np.int64)
    resume = np.zeros(3, np.int64)
    while resume[_RESUME_WORD] < len(words.counts):
        _count_pairs(words, tokens, limits, candidates, table, sizes, resume)
        n_pairs = resume[_RESUME_PAIRS]
        if 2 * (n_pairs + 1) > len(table.slots):
            table = _with_slots(table, n_pairs, 2 * len(table.slots))
        if n_pairs == len(table.pairs):
            table = PairTable(table.slots, np.concatenate((table.pairs, np.empty_like(table.pairs))))
            sizes = np.append(sizes, np.zeros_like(sizes))
    return table, sizes, resume[_RESUME_PAIRS]


@kernel
def _count_pairs(
    words: CountedWords, tokens: TokenTable, limits: MergeLimits, candidates: _Filter, table: PairTable, sizes: Int64s, resume: Int64s
) -> None:
    """Continue counting at `resume` until all words are counted or one more pair does not fit; then set `resume` to the position."""
    symbols, offsets, counts = words
    spans, lengths = tokens.spans, tokens.lengths
    slots, pairs = table
    n_pairs, word, at = resume[_RESUME_PAIRS], resume[_RESUME_WORD], resume[_RESUME_AT]
    while word < len(counts):
        stop, count = offsets[word + 1], counts[word]
        first = max(at, offsets[word])
        right = np.int64(symbols[first])
        at = first + spans[right]
        while at < stop:
            left, right = right, np.int64(symbols[at])
            key = (left << 32) | right
            if _is_candidate(candidates, key) and _may_merge(lengths, limits, left, right):
                slot = pair_slot(table, key)
                if slots[slot] == NONE:
                    if n_pairs == len(pairs) or 2 * (n_pairs + 1) > len(slots):
                        resume[_RESUME_PAIRS], resume[_RESUME_WORD], resume[_RESUME_AT] = n_pairs, word, first
                        return
                    pairs[n_pairs, PAIR_COUNT], pairs[n_pairs, PAIR_KEY] = 0, key
                    slots[slot] = n_pairs
                    n_pairs += 1
                pairs[slots[slot], PAIR_COUNT] += count
                sizes[slots[slot]] += 1
            first = at
            at += spans[right]
        word += 1
        at = 0
    resume[_RESUME_PAIRS], resume[_RESUME_WORD], resume[_RESUME_AT] = n_pairs, word, at


@kernel
def _list_positions(
    words: CountedWords, tokens: TokenTable, candidates: _Filter, table: PairTable, cursors: Int64s, positions: Positions
) -> None:
    """Write the position of every occurrence of the pairs that have a cursor."""
    symbols, offsets, counts = words
    spans, slots = tokens.spans, table.slots
    for word in range(len(counts)):
        first, stop = offsets[word], offsets[word + 1]
        right = np.int64(symbols[first])
        at = first + spans[right]
        while at < stop:
            left, right = right, np.int64(symbols[at])
            key = (left << 32) | right
            if _is_candidate(candidates, key):
                pair = np.int64(slots[pair_slot(table, key)])
                if pair != NONE and cursors[pair] != NONE:
                    positions[cursors[pair]] = first
                    cursors[pair] += 1
            first = at
            at += spans[right]


@kernel
def _is_candidate(candidates: _Filter, key: int) -> bool:
    return candidates.buckets[_home(candidates.buckets, key)] >= candidates.threshold


@numba.njit(cache=True, nogil=True)
def with_room(tracked: TrackedPairs, n_pairs: int, n_positions: int) -> TrackedPairs:
    """The same with room for so many more pairs, in the table and the heap, and positions; dead positions are dropped."""
    table, heap, positions, state = tracked
    if 2 * (state[N_PAIRS] + n_pairs) > len(table.slots):
        table = _with_slots(table, state[N_PAIRS], power_of_two(2 * (state[N_PAIRS] + n_pairs)))
    if state[N_PAIRS] + n_pairs > len(table.pairs):
        table = PairTable(table.slots, np.concatenate((table.pairs, np.empty((state[N_PAIRS] // 2 + n_pairs, 2), np.int64))))
    if state[N_HEAP] + n_pairs > len(heap):
        heap = np.concatenate((heap, np.empty((state[N_HEAP] // 2 + n_pairs, 5), np.int64)))
    if state[N_POSITIONS] + n_positions > len(positions) or state[N_POSITIONS] > 2 * state[N_LIVE] + (1 << 20):
        state[N_POSITIONS] = compact_positions(heap, state[N_HEAP], positions)
    while state[N_POSITIONS] + n_positions > len(positions):
        positions = np.append(positions, np.empty(len(positions) // 2 + 16, np.int32))
    return TrackedPairs(table, heap, positions, state)


@numba.njit(cache=True, nogil=True)
def _with_slots(table: PairTable, n_pairs: int, n_slots: int) -> PairTable:
    larger = PairTable(np.full(n_slots, NONE, np.int32), table.pairs)
    for pair in range(n_pairs):
        larger.slots[pair_slot(larger, table.pairs[pair, PAIR_KEY])] = pair
    return larger


@kernel
def lower_count(table: PairTable, key: int, count: int) -> None:
    """Subtract `count` from a pair if it is in the table."""
    pair = np.int64(table.slots[pair_slot(table, key)])
    if pair != NONE:
        table.pairs[pair, PAIR_COUNT] -= count


@kernel
def pair_slot(table: PairTable, key: int) -> int:
    """The slot of a pair, or the free slot for it."""
    slots, pairs = table
    slot = _home(slots, key)
    while slots[slot] != NONE and pairs[slots[slot], PAIR_KEY] != key:
        slot = (slot + 1) & (len(slots) - 1)
    return slot


@kernel
def _home(slots: npt.NDArray[np.signedinteger], key: int) -> np.int64:
    return np.int64((np.uint64(key) * _MIX) >> np.uint64(32)) & (len(slots) - 1)
