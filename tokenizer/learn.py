"""Counted words -> merges: the training loop of BPE as a kernel.

The most frequent pair is merged repeatedly; of equally frequent pairs, the one with the smaller left id, then the smaller right id. A token
fills as many positions of its word as it has bytes and writes its id into the first and the last of them, so its neighbours are found
without lists, and a merge costs the same in a word of any length.

    word "lower", tokens l ow er, FILLER written as .    l | ow ow | er er
    after the merge of ow and er                         l | ower . . ower

A pair is never more frequent than when its newer token was made. So only pairs that reach a threshold then are tracked, with their
positions; once none is left, the threshold is lowered and the words are searched again (see `pairs`). Most pairs are never tracked.

The result is that of the `tokenizers` library's trainer, including one oddity: a merge that spells an existing token takes that token's
id, and the occurrences that this adds to an old pair are queued separately. If that happens, training starts over and tracks all pairs.
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np

from schemas.buffers import Bytes, Offsets
from tokenizer.heap import COUNT, KEY, PAIR, SIZE, START, sift_down, sift_up
from tokenizer.indexed_words import IndexedWords, n_positions_of_words, prefetch_ahead, word_at, word_of_block
from tokenizer.memory import kernel
from tokenizer.merge import Ids
from tokenizer.pairs import (
    N_HEAP,
    N_LIVE,
    N_PAIRS,
    N_POSITIONS,
    PAIR_COUNT,
    PAIR_KEY,
    THRESHOLD,
    CountedWords,
    MergeLimits,
    PairTable,
    Positions,
    TrackedPairs,
    lower_count,
    pair_slot,
    track_pairs,
    with_room,
)
from tokenizer.token_table import NONE, InitialTokens, Int64s, TokenTable, merged_token, token_table, with_room_for_bytes


class LearnedMerges(NamedTuple):
    """Merges in the order of their ranks, and the bytes of all tokens, the initial ones included."""

    left: Ids
    right: Ids
    merged: Ids
    data: Bytes
    offsets: Offsets


class _Merge(NamedTuple):
    left: int
    right: int
    merged: int


DELTA, OCCURRENCES, CURSOR = range(3)
"""Last axis of `_NewPairs.by_neighbour`. The cursor is 0 for a pair that was not seen and 1 for one that was. Once counts are
known, it is the place of the pair's next position, or NONE if the pair is not tracked."""
BEFORE, AFTER = range(2)
"""Side of the merged token that a neighbour is on."""


class _NewPairs(NamedTuple):
    """The pairs of a merged token with its neighbours, collected while its occurrences are merged."""

    by_neighbour: Int64s
    """int64[tokens, 2, 3] by neighbour, side and DELTA, OCCURRENCES, CURSOR; all 0 between merges."""
    seen: Int64s
    """neighbour << 1 | side of the pairs that were seen."""
    occurrences: Positions
    """int32[m, 2]: neighbour << 1 | side, and the position of the pair."""


def symbol_type(n_tokens: int) -> type[np.uint16] | type[np.uint32]:
    """The dtype that holds the ids of n_tokens tokens; its largest value is not a token."""
    return np.uint16 if n_tokens < 1 << 16 else np.uint32


def learn_merges(
    words: CountedWords, tokens: InitialTokens, n_tokens: int, min_frequency: int, max_token_length: int | None, *, all_pairs: bool
) -> LearnedMerges | None:
    """Merge until there are n_tokens tokens, or no pair occurs min_frequency times.

    No pair of lengths that add up to max_token_length or more is formed. `words.symbols` is overwritten. Returns None if a merge
    spells an existing token, unless `all_pairs` is set: then call again with it and the same words.
    """
    max_length = np.iinfo(np.int64).max if max_token_length is None else max_token_length
    limits = MergeLimits(n_tokens, len(tokens.offsets) - 1, max(min_frequency, 1), max_length, all_pairs)
    learned = _learn(words, np.iinfo(words.symbols.dtype).max, tokens, limits)
    return None if learned is None else LearnedMerges(*learned)


@numba.njit(cache=True, nogil=True)
def _learn(words, filler, initial, limits):  # type: ignore[no-untyped-def]
    n = limits.n_initial
    tokens = token_table(initial, limits.n_tokens)
    indexed = IndexedWords(words, word_of_block(words.offsets), filler)
    tracked = track_pairs(words, tokens, limits, np.int64(1) if limits.all_pairs else np.int64(0))
    room = len(tokens.spans)
    new_pairs = _NewPairs(np.zeros((room, 2, 3), np.int64), np.empty(2 * room, np.int64), np.empty((1 << 12, 2), np.int32))
    merges = np.empty((room, 3), np.int32)
    n_merges = 0
    while n < limits.n_tokens:
        if not _has_frequent_top(tracked, limits):
            if tracked.state[THRESHOLD] <= limits.min_frequency:
                break
            tracked = track_pairs(words, tokens, limits, tracked.state[THRESHOLD])
            continue
        key, start, size = _pop_top(tracked)
        left, right = key >> 32, key & 0xFFFFFFFF
        tokens = with_room_for_bytes(tokens, n, left, right)
        merged = merged_token(tokens, n, left, right)
        if merged == n:
            n += 1
        elif not limits.all_pairs:
            return None
        if n_merges == len(merges):
            merges = np.concatenate((merges, np.empty_like(merges)))
        merges[n_merges, 0], merges[n_merges, 1], merges[n_merges, 2] = left, right, merged
        n_merges += 1

        positions = tracked.positions[start : start + size]
        most = 2 * (n_positions_of_words(indexed, positions) if limits.all_pairs else size)
        if most > len(new_pairs.occurrences):
            new_pairs = _NewPairs(new_pairs.by_neighbour, new_pairs.seen, np.empty((most + most // 4, 2), np.int32))
        n_occurrences, n_seen = _merge_at(indexed, tokens, limits, tracked.table, _Merge(left, right, merged), positions, new_pairs)
        tracked = with_room(tracked, n_seen, n_occurrences)
        _track_new_pairs(tracked, new_pairs, n_seen, merged)
        _list_occurrences(new_pairs, n_occurrences, tracked.positions)
        for i in range(n_seen):
            new_pairs.by_neighbour[new_pairs.seen[i] >> 1, new_pairs.seen[i] & 1] = 0
    left_ids, right_ids, merged_ids = merges[:n_merges, 0].copy(), merges[:n_merges, 1].copy(), merges[:n_merges, 2].copy()
    return left_ids, right_ids, merged_ids, tokens.data[: tokens.offsets[n]].copy(), tokens.offsets[: n + 1].copy()


@kernel
def _has_frequent_top(tracked: TrackedPairs, limits: MergeLimits) -> bool:
    """Bring the most frequent pair to the top of the heap; returns whether it is frequent enough to be merged.

    Counts in the heap may be out of date, but never too small: an entry is sorted again when it reaches the top.
    """
    heap, pairs, n_heap = tracked.heap, tracked.table.pairs, tracked.state[N_HEAP]
    while n_heap > 0 and heap[0, COUNT] != pairs[heap[0, PAIR], PAIR_COUNT]:
        sift_down(heap, n_heap, 0, pairs[heap[0, PAIR], PAIR_COUNT])
    return n_heap > 0 and heap[0, COUNT] >= max(tracked.state[THRESHOLD], limits.min_frequency)


@kernel
def _pop_top(tracked: TrackedPairs) -> tuple[int, int, int]:
    """(key, first of its positions, number of positions) of the pair on top, which leaves the heap."""
    heap, state = tracked.heap, tracked.state
    key, start, size = heap[0, KEY], heap[0, START], heap[0, SIZE]
    state[N_HEAP] -= 1
    sift_down(heap, state[N_HEAP], state[N_HEAP], heap[state[N_HEAP], COUNT])
    state[N_LIVE] -= size
    return key, start, size


@kernel
def _merge_at(
    indexed: IndexedWords,
    tokens: TokenTable,
    limits: MergeLimits,
    table: PairTable,
    merge: _Merge,
    positions: Positions,
    new_pairs: _NewPairs,
) -> tuple[np.int64, np.int64]:
    """Merge at these positions. Counts of old pairs change at once; pairs with the merged token are collected in `new_pairs`.

    Returns how many occurrences and how many different pairs it collected.
    """
    symbols, offsets, counts = indexed.words
    spans = tokens.spans
    collected = (np.int64(0), np.int64(0))
    last_word = np.int64(NONE)
    for turn in range(len(positions)):
        prefetch_ahead(indexed, positions, turn)
        at = np.int64(positions[turn])
        if not limits.all_pairs and symbols[at] != merge.left:
            continue
        word = word_at(indexed, at)
        first, stop, count = offsets[word], offsets[word + 1], counts[word]
        if limits.all_pairs:  # the library merges everywhere in a word, whichever pair led to it
            if word == last_word:
                continue
            last_word, at = word, first
        while at < stop:
            between = at + spans[symbols[at]]
            if symbols[at] != merge.left or between >= stop or symbols[between] != merge.right:
                if not limits.all_pairs:
                    break
                at = between
                continue
            end = between + spans[merge.right]
            symbols[between] = symbols[between - 1] = indexed.filler
            symbols[at] = symbols[end - 1] = merge.merged
            if at > first:
                before = np.int64(symbols[at - 1])
                collected = _pair_before(tokens, limits, table, merge, new_pairs, collected, before, at, count)
            if end < stop:
                after = np.int64(symbols[end])
                collected = _pair_after(tokens, limits, table, merge, new_pairs, collected, after, at, count)
            if not limits.all_pairs:
                break
            at = end
    return collected


@kernel
def _pair_before(tokens, limits, table, merge, new_pairs, collected, before, at, count):  # type: ignore[no-untyped-def]
    """Account for the token before a merged one at position `at`, in a word that occurs `count` times."""
    if before == merge.merged:  # its own merge counted the pair of it and `left`, which is gone
        collected = _see(new_pairs, collected, merge.left, AFTER)
        new_pairs.by_neighbour[merge.left, AFTER, DELTA] -= count
    else:
        lower_count(table, (before << 32) | merge.left, count)
    if tokens.lengths[before] + tokens.lengths[merge.merged] < limits.max_length:
        collected = _collect(new_pairs, collected, before, BEFORE, at - tokens.spans[before], count)
    return collected


@kernel
def _pair_after(tokens, limits, table, merge, new_pairs, collected, after, at, count):  # type: ignore[no-untyped-def]
    """Account for the token after a merged one at position `at`, in a word that occurs `count` times."""
    lower_count(table, (merge.right << 32) | after, count)
    if tokens.lengths[after] + tokens.lengths[merge.merged] < limits.max_length:
        side = BEFORE if after == merge.merged else AFTER  # the pair of two merged tokens has one entry
        collected = _collect(new_pairs, collected, after, side, at, count)
    return collected


@kernel
def _collect(new_pairs, collected, neighbour, side, position, count):  # type: ignore[no-untyped-def]
    """Note one occurrence of the pair with a neighbour; returns (occurrences, pairs seen) so far."""
    n_occurrences, n_seen = _see(new_pairs, collected, neighbour, side)
    new_pairs.by_neighbour[neighbour, side, DELTA] += count
    new_pairs.by_neighbour[neighbour, side, OCCURRENCES] += 1
    new_pairs.occurrences[n_occurrences, 0], new_pairs.occurrences[n_occurrences, 1] = (neighbour << 1) | side, position
    return n_occurrences + 1, n_seen


@kernel
def _see(new_pairs, collected, neighbour, side):  # type: ignore[no-untyped-def]
    n_occurrences, n_seen = collected
    if new_pairs.by_neighbour[neighbour, side, CURSOR] == 0:
        new_pairs.by_neighbour[neighbour, side, CURSOR] = 1
        new_pairs.seen[n_seen] = (neighbour << 1) | side
        n_seen += 1
    return n_occurrences, n_seen


@kernel
def _track_new_pairs(tracked: TrackedPairs, new_pairs: _NewPairs, n_seen: int, merged: int) -> None:
    """Add the counts of the pairs seen, and put those that reach the threshold into the heap, with room for their positions."""
    heap, state = tracked.heap, tracked.state
    slots, pairs = tracked.table
    by_neighbour = new_pairs.by_neighbour
    n_pairs, n_heap, n_positions, threshold = state[N_PAIRS], state[N_HEAP], state[N_POSITIONS], state[THRESHOLD]
    for i in range(n_seen):
        neighbour, side = new_pairs.seen[i] >> 1, new_pairs.seen[i] & 1
        delta, size = by_neighbour[neighbour, side, DELTA], by_neighbour[neighbour, side, OCCURRENCES]
        key = (merged << 32) | neighbour if side == AFTER else (neighbour << 32) | merged
        by_neighbour[neighbour, side, CURSOR] = NONE
        slot = pair_slot(tracked.table, key)
        if slots[slot] == NONE:
            if delta < threshold:
                continue
            pairs[n_pairs, PAIR_COUNT], pairs[n_pairs, PAIR_KEY] = 0, key
            slots[slot] = n_pairs
            n_pairs += 1
        pair = np.int64(slots[slot])
        pairs[pair, PAIR_COUNT] += delta
        if size == 0 or pairs[pair, PAIR_COUNT] < threshold:
            continue
        by_neighbour[neighbour, side, CURSOR] = n_positions
        sift_up(heap, n_heap, pairs[pair, PAIR_COUNT], key, pair, n_positions, size)
        n_heap += 1
        n_positions += size
    state[N_LIVE] += n_positions - state[N_POSITIONS]
    state[N_PAIRS], state[N_HEAP], state[N_POSITIONS] = n_pairs, n_heap, n_positions


@kernel
def _list_occurrences(new_pairs: _NewPairs, n_occurrences: int, positions: Positions) -> None:
    """Write the positions of the pairs that are tracked."""
    by_neighbour, occurrences = new_pairs.by_neighbour, new_pairs.occurrences
    for i in range(n_occurrences):
        neighbour, side = occurrences[i, 0] >> 1, occurrences[i, 0] & 1
        if by_neighbour[neighbour, side, CURSOR] != NONE:
            positions[by_neighbour[neighbour, side, CURSOR]] = occurrences[i, 1]
            by_neighbour[neighbour, side, CURSOR] += 1
