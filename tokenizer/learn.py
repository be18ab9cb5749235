"""Counted words -> merges: the training loop of BPE as a kernel.

Again and again the most frequent pair is merged; of equally frequent ones that with the smaller left id, then right id. A token fills as
many places of its word as it has bytes and writes its id into the first and the last, so its neighbours are found without lists, and a
merge costs the same in a word of any length.

A pair is never more frequent than when its newer token was made. So only pairs that reach a threshold then are followed, with the places
where they stand; once no such pair is left, the threshold is lowered and the words are looked through again. Most pairs never cost a thing.

The result is that of the `tokenizers` library's trainer, its oddity included: a merge that spells a token which exists takes that
token's id, and what this brings to an old pair waits apart from it. Where that happens, training starts over and follows all pairs.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from schemas.buffers import Bytes, Offsets
from tokenizer.counts import hash_bytes, same_bytes
from tokenizer.follow import NONE, Words, follow, larger_table, pair_slot, power_of_two
from tokenizer.heap import COUNT, KEY, PAIR, SIZE, START, close_up, rise, sink
from tokenizer.memory import kernel, prefetch
from tokenizer.merge import Ids

_AHEAD: Final = 16
"""Places asked for from memory before their turn."""
_BLOCK_BITS: Final = 4  # places in a block of `_word_index`


class Learned(NamedTuple):
    """Merges in the order of their ranks, and the bytes of all tokens, the first ones included."""

    left: Ids
    right: Ids
    merged: Ids
    data: Bytes
    offsets: Offsets


class Tokens(NamedTuple):
    """The first tokens: token j has the bytes data[offsets[j]:offsets[j + 1]] and fills spans[j] places."""

    data: Bytes
    offsets: Offsets
    spans: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.int64]
    """What max_token_length counts."""


def place_type(n_tokens: int) -> type[np.uint16] | type[np.uint32]:
    """The type of a place where there may be n_tokens tokens; its largest value is no token."""
    return np.uint16 if n_tokens < 1 << 16 else np.uint32


def learn_merges(
    words: Words, tokens: Tokens, n_tokens: int, min_frequency: int, max_token_length: int | None, *, all_pairs: bool
) -> Learned | None:
    """Merges until there are n_tokens, or no pair occurs min_frequency times.

    No pair of lengths that add up to max_token_length or more is formed. `words.places` is overwritten. None where a merge spells
    a token that exists, unless `all_pairs`: then the same words are to be learned from with it.
    """
    longest = np.iinfo(np.int64).max if max_token_length is None else max_token_length
    nothing = np.iinfo(words.places.dtype).max  # what stands between the first and the last place of a token
    learned = _learn(words, nothing, tokens, n_tokens, max(min_frequency, 1), longest, all_pairs)
    return None if learned is None else Learned(*learned)


@numba.njit(cache=True, nogil=True)
def _learn(words, nothing, tokens, n_tokens, min_frequency, max_length, all_pairs):  # type: ignore[no-untyped-def]
    data, offsets = tokens.data, tokens.offsets
    n = n_first = len(offsets) - 1
    # Tokens: their bytes, places, lengths, and a table that finds one by its bytes.
    room = max(n, n_tokens) + 1
    bytes_ = np.empty(max(2 * len(data), 1024), np.uint8)
    bytes_[: len(data)] = data
    bounds = np.zeros(room + 1, np.int64)
    bounds[: n + 1] = offsets
    spans, lengths = np.zeros(room, np.int64), np.zeros(room, np.int64)
    spans[:n], lengths[:n] = tokens.spans, tokens.lengths
    by_bytes = np.full(power_of_two(4 * room), NONE, np.int64)
    for token in range(n):
        if bounds[token + 1] > bounds[token]:
            by_bytes[_place_of(bytes_, bounds[token], bounds[token + 1], by_bytes, bytes_, bounds)] = token

    left_ids, right_ids, merged_ids = np.empty(room, np.int32), np.empty(room, np.int32), np.empty(room, np.int32)
    n_merges = 0
    index = _word_index(words.offsets)
    # Of the pairs of the merged token with what is before it (0) and after it (1): change of count, places, next place to write to.
    changes = np.zeros((room, 2, 3), np.int64)
    met = np.empty(2 * room, np.int64)
    events = np.empty((1 << 12, 2), np.int32)  # neighbour << 1 | side, place

    threshold = np.int64(1) if all_pairs else np.int64(0)
    table, pairs, n_pairs, heap, n_heap, lists, n_places, threshold = follow(
        words, spans, lengths, n_first, max_length, min_frequency, threshold, all_pairs
    )
    live = n_places
    while n < n_tokens:
        while n_heap > 0 and heap[0, COUNT] != pairs[heap[0, PAIR], 0]:
            sink(heap, n_heap, 0, pairs[heap[0, PAIR], 0])
        if n_heap == 0 or heap[0, COUNT] < max(threshold, min_frequency):
            if threshold <= min_frequency:
                break
            table, pairs, n_pairs, heap, n_heap, lists, n_places, threshold = follow(
                words, spans, lengths, n_first, max_length, min_frequency, threshold, all_pairs
            )
            live = n_places
            continue
        key, start, size = heap[0, KEY], heap[0, START], heap[0, SIZE]
        n_heap -= 1
        sink(heap, n_heap, n_heap, heap[n_heap, COUNT])
        live -= size

        left, right = key >> 32, key & 0xFFFFFFFF
        end = bounds[n] + bounds[left + 1] - bounds[left] + bounds[right + 1] - bounds[right]
        while end > len(bytes_):
            bytes_ = np.append(bytes_, np.empty_like(bytes_))
        end = bounds[n]
        for token in (left, right):
            for at in range(bounds[token], bounds[token + 1]):
                bytes_[end] = bytes_[at]
                end += 1
        place = _place_of(bytes_, bounds[n], end, by_bytes, bytes_, bounds)
        merged = by_bytes[place]
        if merged == NONE:
            merged = np.int64(n)
            by_bytes[place] = merged
            bounds[n + 1] = end
            spans[n] = spans[left] + spans[right]
            lengths[n] = lengths[left] + lengths[right]
            n += 1
        elif not all_pairs:
            return None
        if n_merges == len(left_ids):
            left_ids, right_ids = np.append(left_ids, np.empty_like(left_ids)), np.append(right_ids, np.empty_like(right_ids))
            merged_ids = np.append(merged_ids, np.empty_like(merged_ids))
        left_ids[n_merges], right_ids[n_merges], merged_ids[n_merges] = left, right, merged
        n_merges += 1

        places = lists[start : start + size]
        most = 2 * (_n_words_places(words, index, places) if all_pairs else size)
        if most > len(events):
            events = np.empty((most + most // 4, 2), np.int32)
        n_events, n_met = _merge(
            words, nothing, index, spans, lengths, max_length, left, right, merged, places, all_pairs, table, pairs, changes, met, events
        )
        if n_places + n_events > len(lists) or n_places > 2 * live + (1 << 20):
            n_places = close_up(heap, n_heap, lists)
        while n_places + n_events > len(lists):
            lists = np.append(lists, np.empty(len(lists) // 2 + 16, np.int32))
        for i in range(n_met):
            neighbour, side = met[i] >> 1, met[i] & 1
            change, size = changes[neighbour, side, 0], changes[neighbour, side, 1]
            key = (merged << 32) | neighbour if side else (neighbour << 32) | merged
            changes[neighbour, side, 2] = NONE
            # A pair below the threshold is followed only if it is already.
            slot = pair_slot(table, pairs, key)
            if table[slot] == NONE:
                if change < threshold:
                    continue
                if n_pairs == len(pairs):
                    pairs = np.concatenate((pairs, np.empty((n_pairs // 2, 2), np.int64)))
                pairs[n_pairs] = (0, key)
                table[slot] = n_pairs
                n_pairs += 1
                if 2 * n_pairs > len(table):
                    table = larger_table(pairs, n_pairs, 2 * len(table))
                    slot = pair_slot(table, pairs, key)
            pair = np.int64(table[slot])
            pairs[pair, 0] += change
            if size == 0 or pairs[pair, 0] < threshold:
                continue
            changes[neighbour, side, 2] = n_places
            if n_heap == len(heap):
                heap = np.concatenate((heap, np.empty((n_heap // 2, 5), np.int64)))
            rise(heap, n_heap, pairs[pair, 0], key, pair, n_places, size)
            n_heap += 1
            n_places += size
            live += size
        _note_events(events, n_events, changes, lists)
        for i in range(n_met):
            changes[met[i] >> 1, met[i] & 1] = 0
    return (
        left_ids[:n_merges].copy(),
        right_ids[:n_merges].copy(),
        merged_ids[:n_merges].copy(),
        bytes_[: bounds[n]].copy(),
        bounds[: n + 1].copy(),
    )


@kernel
def _merge(words, nothing, index, spans, lengths, max_length, left, right, merged, places, all_pairs, table, pairs, changes, met, events):  # type: ignore[no-untyped-def]
    """Merge at these places. Counts of old pairs change at once, those of pairs with the merged token in `changes`.

    Returns the number of events and of the neighbours `met`.
    """
    symbols, offsets, counts = words
    n_events = n_met = 0
    last_word = np.int64(NONE)
    for turn in range(len(places)):
        if turn + _AHEAD < len(places):
            ahead = np.int64(places[turn + _AHEAD])
            prefetch(index, ahead >> _BLOCK_BITS)
            prefetch(symbols, ahead)
            near = np.int64(index[np.int64(places[turn + _AHEAD // 2]) >> _BLOCK_BITS])
            prefetch(offsets, near)
            prefetch(counts, near)
        at = np.int64(places[turn])
        if not all_pairs and symbols[at] != left:
            continue
        word = np.int64(index[at >> _BLOCK_BITS])
        while offsets[word + 1] <= at:
            word += 1
        first, stop, count = offsets[word], offsets[word + 1], counts[word]
        if all_pairs:  # whatever brought the word here, all of it is merged
            if word == last_word:
                continue
            last_word, at = word, first
        while at < stop:
            between = at + spans[symbols[at]]
            if symbols[at] != left or between >= stop or symbols[between] != right:
                if not all_pairs:
                    break
                at = between
                continue
            end = between + spans[right]
            symbols[between] = symbols[between - 1] = nothing
            symbols[at] = symbols[end - 1] = merged
            if at > first:
                before = np.int64(symbols[at - 1])
                if before == merged:
                    n_met = _meet(changes, met, n_met, left, 1)
                    changes[left, 1, 0] -= count
                else:
                    _lower(table, pairs, (before << 32) | left, count)
                if lengths[before] + lengths[merged] < max_length:
                    n_met = _meet(changes, met, n_met, before, 0)
                    changes[before, 0, 0] += count
                    changes[before, 0, 1] += 1
                    events[n_events, 0], events[n_events, 1] = before << 1, at - spans[before]
                    n_events += 1
            if end < stop:
                after = np.int64(symbols[end])
                _lower(table, pairs, (right << 32) | after, count)
                if lengths[after] + lengths[merged] < max_length:
                    side = 0 if after == merged else 1  # the pair of two merged ones is noted once
                    n_met = _meet(changes, met, n_met, after, side)
                    changes[after, side, 0] += count
                    changes[after, side, 1] += 1
                    events[n_events, 0], events[n_events, 1] = (after << 1) | side, at
                    n_events += 1
            if not all_pairs:
                break
            at = end
    return n_events, n_met


@kernel
def _note_events(events, n_events, changes, lists):  # type: ignore[no-untyped-def]
    for i in range(n_events):
        neighbour, side = events[i, 0] >> 1, events[i, 0] & 1
        if changes[neighbour, side, 2] != NONE:
            lists[changes[neighbour, side, 2]] = events[i, 1]
            changes[neighbour, side, 2] += 1


@kernel
def _n_words_places(words, index, places):  # type: ignore[no-untyped-def]
    """Places of all words in which these places lie."""
    n, stop = 0, np.int64(0)
    for i in range(len(places)):
        if places[i] >= stop or i == 0 or places[i] < places[i - 1]:
            word = np.int64(index[places[i] >> _BLOCK_BITS])
            while words.offsets[word + 1] <= places[i]:
                word += 1
            stop = words.offsets[word + 1]
            n += stop - words.offsets[word]
    return n


@kernel
def _meet(changes, met, n_met, neighbour, side):  # type: ignore[no-untyped-def]
    if changes[neighbour, side, 2] == 0:
        changes[neighbour, side, 2] = 1
        met[n_met] = (neighbour << 1) | side
        n_met += 1
    return n_met


@kernel
def _lower(table, pairs, key, count):  # type: ignore[no-untyped-def]
    pair = np.int64(table[pair_slot(table, pairs, key)])
    if pair != NONE:
        pairs[pair, 0] -= count


@numba.njit(cache=True, nogil=True)
def _word_index(offsets):  # type: ignore[no-untyped-def]
    """The word of the first place of every block of places."""
    index = np.empty((offsets[-1] >> _BLOCK_BITS) + 1, np.int32)
    word = 0
    for block in range(len(index)):
        while word + 2 < len(offsets) and offsets[word + 1] <= block << _BLOCK_BITS:
            word += 1
        index[block] = word
    return index


@kernel
def _place_of(data, at, end, by_bytes, bytes_, bounds):  # type: ignore[no-untyped-def]
    """Where in the table the token data[at:end] stands, or would stand."""
    place = np.int64(hash_bytes(data, at, end) >> np.uint64(20)) & (len(by_bytes) - 1)
    while by_bytes[place] != NONE:
        token = by_bytes[place]
        if same_bytes(data, at, end, bytes_, bounds[token], bounds[token + 1]):
            break
        place = (place + 1) & (len(by_bytes) - 1)
    return place
