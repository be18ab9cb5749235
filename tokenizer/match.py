"""UTF-8 bytes -> token ids: find the next pre-token, look it up in a cache, else match it. No Python object per pre-token or token.

Matching does not merge. A sequence of tokens is the BPE encoding of its bytes exactly if each token is the encoding of its own bytes and
each two neighbours are the encoding of theirs (van Antwerpen and Neubeck, github/rust-gems, 2024). So the longest token that fits is
looked up in a trie and checked against the token before it. If the two cannot be neighbours, the next shorter one is tried; if none
can follow, the token before is removed. A position found impossible is remembered, so the work is linear in the bytes.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from schemas.buffers import Bytes, Offsets
from tokenizer.borders import Borders, borders, part_of_word_end
from tokenizer.classes import decode_char
from tokenizer.memory import kernel, load_word, prefetch
from tokenizer.merge import MAX_IDS, Ids, Origins, Pairs, TokenIds, may_join, pair_filter, rank_of
from tokenizer.scan import CompiledScanner, part_end, pretoken_end
from tokenizer.trie import Trie, exact, longest

UInt64s = npt.NDArray[np.uint64]

SLACK: Final = 8
"""Elements that must follow the last token in `Output.ids`: the cache writes six at a time."""

_AHEAD: Final = 32
"""Pre-tokens that are cut before the first of them is looked up."""
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
    """All tokens; tokens that text can become are marked. Only `whole_words` looks up the others."""
    tokens: Ids
    """int32[n, 5] per token: the longest shorter token that it begins with, or -1; its bytes; its origin (see `Origins`)."""
    byte_ids: Ids
    """int32[256]: the id of each byte, for characters that no token has (byte fallback)."""
    pairs: Pairs
    joins: npt.NDArray[np.uint8]
    """`pair_filter` of the pairs."""
    borders: Borders
    """Borders of the tokens that text can become."""
    whole_words: bool
    """A pre-token that is in the vocabulary becomes that token, whatever its merges are."""


def build_matcher(data: Bytes, offsets: Offsets, trie: Trie, byte_ids: Ids, pairs: Pairs, found: Origins, *, whole_words: bool) -> Matcher:
    """The matcher of the tokens `data[offsets[i]:offsets[i + 1]]`."""
    prefix = np.full(len(offsets) - 1, -1, np.int32)
    _find_prefixes(trie, data, offsets, found.alive, prefix)
    tokens = np.column_stack([prefix, np.diff(offsets), found.rank, found.left, found.right]).astype(np.int32)
    token_borders = borders(data, offsets, found.alive)
    return Matcher(trie, np.ascontiguousarray(tokens), byte_ids, pairs, pair_filter(pairs), token_borders, whole_words)


class Scratch(NamedTuple):
    """One thread's caches. They make encoding faster and never change its result."""

    words: UInt64s
    """uint64[4 * slots], per pre-token two words of its bytes (the length in the last byte) and two of three 21-bit ids each."""
    neighbours: npt.NDArray[np.uint32]
    """Pairs of tokens already checked: the hash bits that the slot does not imply << 2 | whether they may be neighbours << 1 | 1."""
    ends: Offsets
    """int64[_AHEAD]: where each pre-token ends that was cut ahead of its look-up, so that its slots are on the way from memory."""
    slots: Offsets
    """int64[_AHEAD]: the first slot of each in `words`, for those short enough to be cached."""
    lows: UInt64s
    """uint64[_AHEAD]: the first eight bytes of each."""
    highs: UInt64s
    """uint64[_AHEAD]: the other bytes of each, and its length."""


def new_scratch(cache_bits: int = 18, neighbour_bits: int = 16) -> Scratch:
    """Empty caches of 32 << cache_bits and 4 << neighbour_bits bytes; neighbour_bits is at least 12."""
    words = np.zeros((4 << cache_bits) + 7, np.uint64)
    skipped = -words.ctypes.data // 8 % 8  # a pre-token's two slots share one cache line of 64 bytes
    ends, slots = np.zeros(_AHEAD, np.int64), np.zeros(_AHEAD, np.int64)
    lows, highs = np.zeros(_AHEAD, np.uint64), np.zeros(_AHEAD, np.uint64)
    return Scratch(words[skipped : skipped + (4 << cache_bits)], np.zeros(1 << neighbour_bits, np.uint32), ends, slots, lows, highs)


class Output(NamedTuple):
    """What `encode_rows` writes to."""

    ids: TokenIds
    """The ids of all rows; as many elements as bytes are enough, and SLACK more."""
    bounds: Offsets
    """int64[rows + 1]: the end of the ids of each row; the first element is 0."""
    impossible: npt.NDArray[np.bool_]
    """bool[longest row + 1], all false before and after: positions of a pre-token at which no token can begin."""


@kernel
def encode_rows(data: Bytes, offsets: Offsets, scanner: CompiledScanner, matcher: Matcher, scratch: Scratch, output: Output) -> np.int64:
    """Write the ids of all rows data[offsets[i]:offsets[i + 1]]; returns their number."""
    n = np.int64(0)
    for row in range(len(offsets) - 1):
        at, stop = offsets[row], offsets[row + 1]
        part = word = scanned = at
        while at < stop:
            n_ahead, scanned, part, word = _cut_ahead(data, stop, scanner, matcher, scratch, scanned, part, word)
            for i in range(n_ahead):
                end = scratch.ends[i]
                n = _encode_pretoken(data, at, end, i, matcher, scratch, output, n)
                at = end
        output.bounds[row + 1] = n
    return n


@kernel
def _cut_ahead(data, stop, scanner, matcher, scratch, scanned, part, word):  # type: ignore[no-untyped-def]
    """Cut up to _AHEAD pre-tokens from `scanned` on, whose part (of the digit splitter) and word end at `part` and `word`.

    Returns their number and the three positions after them. A pre-token may be a part of a word that no token crosses.
    """
    characters, fragments = matcher.borders
    n_ahead = 0
    while n_ahead < _AHEAD and scanned < stop:
        if scanned == part:
            part = part_end(data, scanned, stop, scanner)
        if scanned == word:
            word = pretoken_end(data, scanned, part, scanner)
        end = word
        low, high = _key(data, scanned, min(word, scanned + _CACHED_BYTES))
        # A part of a word is not a whole word, even if it is a token.
        if not matcher.whole_words and (word - scanned > _CACHED_BYTES or (low | high) & _NOT_ASCII):
            end = part_of_word_end(data, scanned, word, characters, fragments)
            if end - scanned <= _CACHED_BYTES:
                low, high = _key(data, scanned, end)
        if end - scanned <= _CACHED_BYTES:
            scratch.lows[n_ahead], scratch.highs[n_ahead] = low, high
            scratch.slots[n_ahead] = _slot(low, high, scratch.words)
            prefetch(scratch.words, scratch.slots[n_ahead])
        scratch.ends[n_ahead] = scanned = end
        n_ahead += 1
    return n_ahead, scanned, part, word


@kernel
def _encode_pretoken(data, at, end, i, matcher, scratch, output, n):  # type: ignore[no-untyped-def]
    """Write the ids of data[at:end], the pre-token i of those cut ahead, to ids[n:]; returns the new n."""
    words, ids = scratch.words, output.ids
    is_cached = end - at <= _CACHED_BYTES
    if is_cached:
        found = _recall(words, scratch.slots[i], scratch.lows[i], scratch.highs[i], ids, n)
        if found == 0:
            found = _recall(words, scratch.slots[i] ^ 4, scratch.lows[i], scratch.highs[i], ids, n)
        if found > 0:
            return n + found
    filled = _encode_word(data, at, end, matcher, scratch, output, n)
    if is_cached and filled - n <= _CACHED_IDS:
        _remember(words, scratch.slots[i], scratch.lows[i], scratch.highs[i], ids, n, filled)
    return filled


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
def _slot(low, high, words):  # type: ignore[no-untyped-def]
    """The slot where a pre-token is cached; its second slot is the neighbour in the cache line, `slot ^ 4`."""
    mixed = (low ^ (high * _MIX_B)) * _MIX_A
    mixed = (mixed ^ (mixed >> np.uint64(32))) * _MIX_B
    return np.int64(mixed >> np.uint64(32)) & ((len(words) >> 2) - 1) << 2


@kernel
def _recall(words, slot, low, high, ids, n):  # type: ignore[no-untyped-def]
    """Write the ids cached for a pre-token to ids[n:]; returns how many, 0 if this slot contains another pre-token."""
    if words[slot] != low or words[slot + 1] & _KEY_MASK != high:
        return 0
    first = words[slot + 2]
    ids[n] = first & _ID_MASK
    ids[n + 1] = (first >> np.uint64(21)) & _ID_MASK
    ids[n + 2] = first >> np.uint64(42)
    count = np.int64(words[slot + 1] >> np.uint64(60))
    if count > 3:
        second = words[slot + 3]
        ids[n + 3] = second & _ID_MASK
        ids[n + 4] = (second >> np.uint64(21)) & _ID_MASK
        ids[n + 5] = second >> np.uint64(42)
    return count


@kernel
def _remember(words, slot, low, high, ids, n, filled):  # type: ignore[no-untyped-def]
    """Cache ids[n:filled] for a pre-token; the old content of the slot moves to the second slot."""
    first, second = np.uint64(0), np.uint64(0)
    for i in range(n, min(n + 3, filled)):
        first |= np.uint64(ids[i]) << np.uint64(21 * (i - n))
    for i in range(n + 3, filled):
        second |= np.uint64(ids[i]) << np.uint64(21 * (i - n - 3))
    for i in range(4):
        words[(slot ^ 4) + i] = words[slot + i]
    words[slot], words[slot + 1] = low, high | (np.uint64(filled - n) << np.uint64(60))
    words[slot + 2], words[slot + 3] = first, second


@kernel
def _encode_word(data, at, end, matcher, scratch, output, n):  # type: ignore[no-untyped-def]
    """Write the ids of data[at:end] to ids[n:], without the cache of words; returns the new n."""
    if matcher.whole_words:
        token = exact(matcher.trie, data, at, end)
        if token >= 0:
            output.ids[n] = token
            return n + 1
    return _match(data, at, end, matcher, scratch.neighbours, output, n)


@kernel
def _match(data, at, end, matcher, neighbours, output, n):  # type: ignore[no-untyped-def]
    """The same by matching alone."""
    ids, impossible = output.ids, output.impossible
    trie, tokens = matcher.trie, matcher.tokens
    start, first = at, n
    backtracked = False
    token = longest(trie, data, at, end)
    while at < end:
        if token < 0:  # a character that no token has
            size = decode_char(data, at)[1]
            for i in range(size):
                ids[n + i] = matcher.byte_ids[data[at + i]]
            n += size
            at += size
            token = longest(trie, data, at, end)
            continue
        stop = at + tokens[token, LENGTH]
        if not impossible[stop - start] and (n == first or _may_follow(matcher, neighbours, np.int64(ids[n - 1]), token)):
            ids[n] = token
            n += 1
            at = stop
            token = longest(trie, data, at, end)
        elif tokens[token, PREFIX] >= 0:
            token = np.int64(tokens[token, PREFIX])
        else:
            backtracked = True
            impossible[at - start] = True
            n -= 1
            token = np.int64(ids[n])
            at -= tokens[token, LENGTH]
    if backtracked:
        impossible[: end - start] = False
    return n


@kernel
def _may_follow(matcher, neighbours, left, right):  # type: ignore[no-untyped-def]
    """`may_be_neighbours`, cached. The pair is mixed one to one, so the slot and the 30 bits kept identify it."""
    mixed = (((np.uint64(left) << np.uint64(21)) | np.uint64(right)) * _MIX_A) & _PAIR_MASK
    mixed = ((mixed ^ (mixed >> np.uint64(21))) * _MIX_B) & _PAIR_MASK
    mixed ^= mixed >> np.uint64(21)
    slot = np.int64(mixed) & (len(neighbours) - 1)
    kept = np.uint32(((mixed >> np.uint64(12)) << np.uint64(2)) | np.uint64(1))
    known = neighbours[slot]
    if known | np.uint32(2) == kept | np.uint32(2):
        return known & np.uint32(2) != 0
    verdict = may_be_neighbours(matcher, left, right)
    neighbours[slot] = kept | np.uint32(2 if verdict else 0)
    return verdict


@kernel
def may_be_neighbours(matcher: Matcher, left: int, right: int) -> bool:
    """Whether two tokens side by side are the encoding of their bytes.

    Follows the merges backwards in the order of ranks: the pair at the border must never have been the next one to be merged. It exists
    from the merge that makes the later of its parts to the merge that takes one of them away; of equal ranks, the left one goes first.
    """
    tokens = matcher.tokens
    limit = np.int64(0x7FFFFFFE)
    while True:
        if may_join(matcher.joins, left, right) and rank_of(matcher.pairs, left, right) < limit:
            return False
        if tokens[left, RANK] > tokens[right, RANK]:
            limit = np.int64(tokens[left, RANK])
            left = tokens[left, RIGHT]
        elif tokens[right, RANK] >= 0:
            limit = np.int64(tokens[right, RANK]) + 1
            right = tokens[right, LEFT]
        else:
            return True


@kernel
def _find_prefixes(trie: Trie, data: Bytes, offsets: Offsets, alive: npt.NDArray[np.bool_], prefix: Ids) -> None:
    """Write the longest token that each token begins with, itself excluded."""
    for token in range(len(offsets) - 1):
        if alive[token]:
            prefix[token] = longest(trie, data, offsets[token], offsets[token + 1] - 1)
