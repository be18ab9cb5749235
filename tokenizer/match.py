"""UTF-8 bytes -> token ids: scan a pre-token, look it up, else match it; no Python object per pre-token or token.

Matching does not merge. A sequence of tokens is the BPE encoding of its bytes exactly if each token is the encoding of its own bytes and
each two neighbours are the encoding of theirs (van Antwerpen and Neubeck, github/rust-gems, 2024). So the longest token
that fits is taken from a trie, checked against the one before it, shortened where the two cannot stand together, and taken back
where none can. A position found impossible is remembered, so the work is linear in the bytes, whatever their length.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from schemas.buffers import Bytes, Offsets
from tokenizer.borders import Borders, borders, part_of_word_end
from tokenizer.classes import decode
from tokenizer.memory import kernel, load_word, prefetch
from tokenizer.merge import MAX_IDS, Ids, Origins, Pairs, may_join, pair_filter, rank_of
from tokenizer.scan import part_end, pretoken_end
from tokenizer.trie import Trie, exact, longest

UInt64s = npt.NDArray[np.uint64]

SLACK: Final = 8
"""Elements that must follow the last token in an output array."""

_AHEAD: Final = 32
_CACHED_BYTES: Final = 15
_CACHED_IDS: Final = 6
_ID_MASK: Final = np.uint64(MAX_IDS - 1)  # an id takes 21 bits
_KEY_MASK: Final = np.uint64(0x0FFFFFFFFFFFFFFF)
_NOT_ASCII: Final = np.uint64(0x8080808080808080)
_PAIR_MASK: Final = np.uint64(MAX_IDS * MAX_IDS - 1)
_MIX_A: Final = np.uint64(0x9E3779B97F4A7C15)
_MIX_B: Final = np.uint64(0xC2B2AE3D27D4EB4F)


PREFIX, LENGTH, RANK, LEFT, RIGHT = range(5)
"""Columns of `Matcher.tokens`."""


class Matcher(NamedTuple):
    """A vocabulary as the matching kernel reads it."""

    trie: Trie
    """All tokens, marked where they can appear: only `whole_words` asks for others."""
    tokens: Ids
    """int32[n, 5] per token: the longest shorter token that it begins with, or -1; its bytes; its origin."""
    byte_ids: Ids
    """Id of each byte where no token matches a character (byte fallback)."""
    pairs: Pairs
    joins: npt.NDArray[np.uint8]
    """`pair_filter` of the pairs."""
    borders: Borders
    """Of the tokens that can appear."""


def matcher(data: Bytes, offsets: Offsets, trie: Trie, byte_ids: Ids, pairs: Pairs, found: Origins) -> Matcher:
    """The matcher of the tokens `data[offsets[i]:offsets[i + 1]]`."""
    prefix = np.full(len(offsets) - 1, -1, np.int32)
    _find_prefixes(trie.units, trie.tokens, prefix, data, offsets, found.alive)
    tokens = np.column_stack([prefix, np.diff(offsets), found.rank, found.left, found.right]).astype(np.int32)
    return Matcher(trie, np.ascontiguousarray(tokens), byte_ids, pairs, pair_filter(pairs), borders(data, offsets, found.alive))


class Scratch(NamedTuple):
    """What one thread needs to encode with: it only makes the work faster, never different."""

    words: UInt64s
    """uint64[4 * slots]: two words of pre-token bytes (length in the last byte), two of three 21-bit ids each."""
    neighbours: npt.NDArray[np.uint32]
    """Pairs of tokens already checked: what their place does not tell of the pair << 2 | may stand together << 1 | 1."""
    ends: Offsets
    """A few pre-tokens are cut before the first is looked up, so that their places in the cache are on the way from memory."""
    places: Offsets
    lows: UInt64s
    highs: UInt64s


def scratch(cache_bits: int = 18, neighbour_bits: int = 16) -> Scratch:
    """Fresh caches of 32 << cache_bits and 4 << neighbour_bits bytes; neighbour_bits is at least 12."""
    words = np.zeros((4 << cache_bits) + 7, np.uint64)
    skipped = -words.ctypes.data // 8 % 8  # a pre-token's two places are one cache line of 64 bytes
    ends, places = np.zeros(_AHEAD, np.int64), np.zeros(_AHEAD, np.int64)
    lows, highs = np.zeros(_AHEAD, np.uint64), np.zeros(_AHEAD, np.uint64)
    return Scratch(words[skipped : skipped + (4 << cache_bits)], np.zeros(1 << neighbour_bits, np.uint32), ends, places, lows, highs)


@kernel
def encode(data, offsets, kind, max_digits, split_digits, whole_words, classes, matcher, scratch, impossible, out, bounds):  # type: ignore[no-untyped-def]
    """Write the ids of all rows to `out` and the rows' bounds to `bounds`; returns the number of ids.

    `whole_words`: a pre-token that is in the vocabulary is that token, whatever the merges make of it. `impossible` is all false and
    longer than every row.
    """
    (units, token_of_node), tokens, byte_ids, pairs, joins, (characters, fragments) = matcher
    words, neighbours, ends, places, lows, highs = scratch
    n = np.int64(0)
    for row in range(len(offsets) - 1):
        at, stop = offsets[row], offsets[row + 1]
        part = word = scanned = at
        while at < stop:
            ahead = 0
            while ahead < _AHEAD and scanned < stop:
                if scanned == part:
                    part = part_end(data, scanned, stop, split_digits, classes)
                if scanned == word:
                    word = pretoken_end(data, scanned, part, kind, max_digits, classes)
                end = word
                low, high = _key(data, scanned, min(word, scanned + _CACHED_BYTES))
                # A part of a word is no whole word, even where it is a token.
                if not whole_words and (word - scanned > _CACHED_BYTES or (low | high) & _NOT_ASCII):
                    end = part_of_word_end(data, scanned, word, characters, fragments)
                    if end - scanned <= _CACHED_BYTES:
                        low, high = _key(data, scanned, end)
                if end - scanned <= _CACHED_BYTES:
                    lows[ahead], highs[ahead] = low, high
                    places[ahead] = _place(low, high, words)
                    prefetch(words, places[ahead])
                ends[ahead] = scanned = end
                ahead += 1
            for i in range(ahead):
                end = ends[i]
                found = 0
                if end - at <= _CACHED_BYTES:
                    found = _recall(words, places[i], lows[i], highs[i], out, n)
                    if found == 0:
                        found = _recall(words, places[i] ^ 4, lows[i], highs[i], out, n)
                if found == 0:
                    filled = _encode_word(
                        data, at, end, whole_words, units, token_of_node, tokens, byte_ids, pairs, joins, neighbours, impossible, out, n
                    )
                    found = filled - n
                    if end - at <= _CACHED_BYTES and found <= _CACHED_IDS:
                        _remember(words, places[i], lows[i], highs[i], out, n, filled)
                n += found
                at = end
        bounds[row + 1] = n
    return n


@kernel
def _key(data, at, end):  # type: ignore[no-untyped-def]
    """(first eight bytes, the rest and the length) of at most 15 bytes."""
    size = end - at
    if at + 16 <= len(data):
        low, high = load_word(data, at), load_word(data, at + 8)
        if size < 8:
            low &= (np.uint64(1) << np.uint64(8 * size)) - np.uint64(1)
            high = np.uint64(0)
        else:
            high &= (np.uint64(1) << np.uint64(8 * (size - 8))) - np.uint64(1)
    else:
        low, high = np.uint64(0), np.uint64(0)
        for i in range(min(size, 8)):
            low |= np.uint64(data[at + i]) << np.uint64(8 * i)
        for i in range(8, size):
            high |= np.uint64(data[at + i]) << np.uint64(8 * (i - 8))
    return low, high | (np.uint64(size) << np.uint64(56))


@kernel
def _place(low, high, words):  # type: ignore[no-untyped-def]
    """Where a pre-token is kept; its second place is the neighbour in the cache line, `place ^ 4`."""
    mixed = (low ^ (high * _MIX_B)) * _MIX_A
    mixed = (mixed ^ (mixed >> np.uint64(32))) * _MIX_B
    return np.int64(mixed >> np.uint64(32)) & ((len(words) >> 2) - 1) << 2


@kernel
def _recall(words, place, low, high, out, n):  # type: ignore[no-untyped-def]
    """Write the ids kept for a pre-token to out[n:]; returns how many, 0 if this place keeps another."""
    if words[place] != low or words[place + 1] & _KEY_MASK != high:
        return 0
    first = words[place + 2]
    out[n] = first & _ID_MASK
    out[n + 1] = (first >> np.uint64(21)) & _ID_MASK
    out[n + 2] = first >> np.uint64(42)
    count = np.int64(words[place + 1] >> np.uint64(60))
    if count > 3:
        second = words[place + 3]
        out[n + 3] = second & _ID_MASK
        out[n + 4] = (second >> np.uint64(21)) & _ID_MASK
        out[n + 5] = second >> np.uint64(42)
    return count


@kernel
def _remember(words, slot, low, high, out, n, filled):  # type: ignore[no-untyped-def]
    first, second = np.uint64(0), np.uint64(0)
    for i in range(n, min(n + 3, filled)):
        first |= np.uint64(out[i]) << np.uint64(21 * (i - n))
    for i in range(n + 3, filled):
        second |= np.uint64(out[i]) << np.uint64(21 * (i - n - 3))
    for i in range(4):
        words[(slot ^ 4) + i] = words[slot + i]
    words[slot], words[slot + 1] = low, high | (np.uint64(filled - n) << np.uint64(60))
    words[slot + 2], words[slot + 3] = first, second


@kernel
def _encode_word(data, at, end, whole_words, units, token_of_node, tokens, byte_ids, pairs, joins, neighbours, impossible, out, n):  # type: ignore[no-untyped-def]
    """Write the ids of data[at:end] to out[n:]; returns the new n."""
    if whole_words:
        token = exact(data, at, end, units, token_of_node)
        if token >= 0:
            out[n] = token
            return n + 1
    return _match(data, at, end, units, token_of_node, tokens, byte_ids, pairs, joins, neighbours, impossible, out, n)


@kernel
def _match(data, at, end, units, token_of_node, tokens, byte_ids, pairs, joins, neighbours, impossible, out, n):  # type: ignore[no-untyped-def]
    """The same by matching alone. `impossible` is all false before and after."""
    start, first = at, n
    backtracked = False
    token = longest(data, at, end, units, token_of_node)
    while at < end:
        if token < 0:  # a character that no token has
            size = decode(data, at)[1]
            for i in range(size):
                out[n + i] = byte_ids[data[at + i]]
            n += size
            at += size
            token = longest(data, at, end, units, token_of_node)
            continue
        stop = at + tokens[token, LENGTH]
        if not impossible[stop - start] and (n == first or _stands(np.int64(out[n - 1]), token, tokens, pairs, joins, neighbours)):
            out[n] = token
            n += 1
            at = stop
            token = longest(data, at, end, units, token_of_node)
        elif tokens[token, PREFIX] >= 0:
            token = np.int64(tokens[token, PREFIX])
        else:
            backtracked = True
            impossible[at - start] = True
            n -= 1
            token = np.int64(out[n])
            at -= tokens[token, LENGTH]
    if backtracked:
        impossible[: end - start] = False
    return n


@kernel
def _stands(left, right, tokens, pairs, joins, neighbours):  # type: ignore[no-untyped-def]
    """`may_stand`, remembered. The pair is mixed one to one, so the place and the 30 bits kept are the whole of it."""
    mixed = (((np.uint64(left) << np.uint64(21)) | np.uint64(right)) * _MIX_A) & _PAIR_MASK
    mixed = ((mixed ^ (mixed >> np.uint64(21))) * _MIX_B) & _PAIR_MASK
    mixed ^= mixed >> np.uint64(21)
    place = np.int64(mixed) & (len(neighbours) - 1)
    kept = np.uint32(((mixed >> np.uint64(12)) << np.uint64(2)) | np.uint64(1))
    known = neighbours[place]
    if known | np.uint32(2) == kept | np.uint32(2):
        return known & np.uint32(2) != 0
    verdict = may_stand(left, right, tokens, pairs, joins)
    neighbours[place] = kept | np.uint32(2 if verdict else 0)
    return verdict


@kernel
def _find_prefixes(units, token_of_node, prefix, data, offsets, alive):  # type: ignore[no-untyped-def]
    for token in range(len(offsets) - 1):
        if alive[token]:
            prefix[token] = longest(data, offsets[token], offsets[token + 1] - 1, units, token_of_node)


@kernel
def may_stand(left, right, tokens, pairs, joins):  # type: ignore[no-untyped-def]
    """Whether two tokens side by side are the encoding of their bytes.

    Told backwards in the order of ranks: the pair at the border must never have been the next to be merged. It exists from the merge
    that makes the later of its parts to the merge that takes one of them away; of equal ranks, the left one goes first.
    """
    limit = np.int64(0x7FFFFFFE)
    while True:
        if may_join(joins, left, right) and rank_of(pairs, left, right) < limit:
            return False
        if tokens[left, RANK] > tokens[right, RANK]:
            limit = np.int64(tokens[left, RANK])
            left = tokens[left, RIGHT]
        elif tokens[right, RANK] >= 0:
            limit = np.int64(tokens[right, RANK]) + 1
            right = tokens[right, LEFT]
        else:
            return True
