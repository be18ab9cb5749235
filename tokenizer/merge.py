"""The merges of a BPE vocabulary as tables that compiled code reads, and the merge loop in its plain form.

The plain loop (find the pair of lowest rank, leftmost first, and merge it) defines BPE. Encoding does not run it. It runs once on the
bytes of every token, to find how the token comes about, and encoding needs no more (see `match`).
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from tokenizer.memory import kernel

Ids = npt.NDArray[np.int32]
TokenIds = npt.NDArray[np.uint16] | npt.NDArray[np.uint32]
"""Ids as they are written: uint16 where all of the vocabulary fit."""

MAX_IDS: Final = 1 << 21
MAX_MERGES: Final = 1 << 22
NO_RANK: Final = 0x7FFFFFFF
_EMPTY: Final = np.uint64(0xFFFFFFFFFFFFFFFF)
_RANK_MASK: Final = np.uint64(MAX_MERGES - 1)
_MIX: Final = np.uint64(0x9E3779B97F4A7C15)


Pairs = npt.NDArray[np.uint64]
"""(left id, right id) -> rank, by open addressing: each uint64 is left << 43 | right << 22 | rank, or _EMPTY."""


class Origins(NamedTuple):
    """How each token comes about when its own bytes are encoded; one row per id."""

    rank: Ids
    """Rank of the last merge; -1 for a token that no merge makes."""
    left: Ids
    right: Ids
    """The two tokens merged last, or -1."""
    alive: npt.NDArray[np.bool_]
    """False if the bytes encode to something else, so that the token never appears."""


def pair_table(left: Ids, right: Ids) -> Pairs:
    """The table of merges given in the order of their ranks; a pair given twice keeps its last rank, as in the library."""
    pairs = np.full(1 << max(4, int(2 * len(left)).bit_length()), _EMPTY, np.uint64)
    _fill(pairs, left, right)
    return pairs


def pair_filter(pairs: Pairs) -> npt.NDArray[np.uint8]:
    """A Bloom filter of one hash, 16 bits per merge: a clear bit proves that no merge joins the pair. It fits the processor's cache."""
    bits = np.zeros(len(pairs), np.uint8)
    _mark(pairs, bits)
    return bits


def origins(pieces: Ids, offsets: npt.NDArray[np.int64], pairs: Pairs, merged: Ids) -> Origins:
    """The origin of every token; token i has the alphabet ids `pieces[offsets[i]:offsets[i + 1]]`, or none if unreachable."""
    n = len(offsets) - 1
    found = Origins(np.full(n, -1, np.int32), np.full(n, -1, np.int32), np.full(n, -1, np.int32), np.zeros(n, bool))
    _find_origins(pieces, offsets, pairs, merged, found)
    return found


def ranks_in_order(left: Ids, right: Ids, found: Origins) -> bool:
    """Whether every merge ranks after those that made its two parts, as in any vocabulary that was trained."""
    ranks = np.arange(len(left))
    possible = found.alive[left] & found.alive[right]
    return bool(np.all((ranks > found.rank[left]) & (ranks > found.rank[right]) | ~possible))


@kernel
def _fill(pairs: Pairs, left: Ids, right: Ids) -> None:
    mask = len(pairs) - 1
    for rank in range(len(left)):
        key = (np.uint64(left[rank]) << np.uint64(21)) | np.uint64(right[rank])
        slot = np.int64((key * _MIX) >> np.uint64(32)) & mask
        while pairs[slot] != _EMPTY and pairs[slot] >> np.uint64(22) != key:
            slot = (slot + 1) & mask
        pairs[slot] = (key << np.uint64(22)) | np.uint64(rank)


@kernel
def rank_of(pairs: Pairs, left: int, right: int) -> np.int64:
    """The rank of the merge that joins two tokens, or NO_RANK."""
    key = (np.uint64(left) << np.uint64(21)) | np.uint64(right)
    mask = len(pairs) - 1
    slot = np.int64((key * _MIX) >> np.uint64(32)) & mask
    while True:
        pair = pairs[slot]
        if pair >> np.uint64(22) == key:
            return np.int64(pair & _RANK_MASK)
        if pair == _EMPTY:
            return np.int64(NO_RANK)
        slot = (slot + 1) & mask


@kernel
def _mark(pairs: Pairs, bits: npt.NDArray[np.uint8]) -> None:
    for pair in pairs:
        if pair != _EMPTY:
            key = pair >> np.uint64(22)
            add_pair(bits, key >> np.uint64(21), key & np.uint64(MAX_IDS - 1))


@kernel
def add_pair(bits: npt.NDArray[np.uint8], left: int, right: int) -> None:
    """Set the bit of a pair of numbers below 1 << 21."""
    bit = _filter_bit((np.uint64(left) << np.uint64(21)) | np.uint64(right), bits)
    bits[bit >> 3] |= np.uint8(1 << (bit & 7))


@kernel
def _filter_bit(key: np.uint64, bits: npt.NDArray[np.uint8]) -> np.int64:
    return np.int64((key * _MIX) >> np.uint64(32)) & (8 * len(bits) - 1)


@kernel
def may_join(bits: npt.NDArray[np.uint8], left: int, right: int) -> bool:
    """False for a pair that was not added, and so is never joined."""
    bit = _filter_bit((np.uint64(left) << np.uint64(21)) | np.uint64(right), bits)
    return bits[bit >> 3] & np.uint8(1 << (bit & 7)) != 0


@numba.njit(cache=True, nogil=True)
def _find_origins(pieces: Ids, offsets: npt.NDArray[np.int64], pairs: Pairs, merged: Ids, found: Origins) -> None:
    most = 1
    for token in range(len(offsets) - 1):
        most = max(most, offsets[token + 1] - offsets[token])
    work = np.empty(most, np.int32)
    ranks = np.empty(most, np.int64)  # ranks[i] is that of the merge of work[i] and work[i + 1]
    for token in range(len(offsets) - 1):
        n = offsets[token + 1] - offsets[token]
        for i in range(n):
            work[i] = pieces[offsets[token] + i]
        for i in range(n - 1):
            ranks[i] = rank_of(pairs, work[i], work[i + 1])
        while n > 1:
            best = _leftmost_lowest(ranks, n - 1)
            if ranks[best] == NO_RANK:
                break
            found.rank[token], found.left[token], found.right[token] = ranks[best], work[best], work[best + 1]
            n = _merge_one(work, ranks, n, best, pairs, merged)
        found.alive[token] = n == 1 and work[0] == token
        if not found.alive[token]:
            found.rank[token], found.left[token], found.right[token] = -1, -1, -1


@kernel
def _leftmost_lowest(ranks: npt.NDArray[np.int64], n: int) -> int:
    best = 0
    for i in range(1, n):
        if ranks[i] < ranks[best]:
            best = i
    return best


@kernel
def _merge_one(work: Ids, ranks: npt.NDArray[np.int64], n: int, best: int, pairs: Pairs, merged: Ids) -> int:
    """Merge work[best] and work[best + 1] of n ids, and bring the ranks up to date; returns n - 1."""
    work[best] = merged[ranks[best]]
    n -= 1
    for i in range(best + 1, n):
        work[i] = work[i + 1]
    for i in range(best + 1, n - 1):
        ranks[i] = ranks[i + 1]
    if best > 0:
        ranks[best - 1] = rank_of(pairs, work[best - 1], work[best])
    if best < n - 1:
        ranks[best] = rank_of(pairs, work[best], work[best + 1])
    return n
