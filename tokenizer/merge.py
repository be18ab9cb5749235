"""The merges of a BPE vocabulary as tables that compiled code reads, and the merge loop in its plain form.

The plain loop (find the pair of lowest rank, leftmost first, and merge it) is what BPE means. Encoding does not run it: it
is run once on the bytes of every token, which tells how the token comes about, and that is enough (see `encode`).
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from tokenizer.memory import kernel

Ids = npt.NDArray[np.int32]

MAX_IDS: Final = 1 << 21
MAX_MERGES: Final = 1 << 22
NO_RANK: Final = 0x7FFFFFFF
_EMPTY: Final = np.uint64(0xFFFFFFFFFFFFFFFF)
_RANK_MASK: Final = np.uint64(MAX_MERGES - 1)
_MIX: Final = np.uint64(0x9E3779B97F4A7C15)


Pairs = npt.NDArray[np.uint64]
"""(left id, right id) -> rank, by open addressing: left << 43 | right << 22 | rank in one word."""


class Origins(NamedTuple):
    """How each token comes about when its own bytes are encoded; one row per id."""

    rank: Ids
    """Rank of the last merge; -1 for what no merge makes."""
    left: Ids
    right: Ids
    """The two tokens merged last, or -1."""
    alive: npt.NDArray[np.bool_]
    """False where the bytes encode to something else, so that the token never appears."""


def pair_table(left: Ids, right: Ids) -> Pairs:
    """The table of merges given in the order of their ranks; a pair given twice keeps its last rank, as in the library."""
    pairs = np.full(1 << max(4, int(2 * len(left)).bit_length()), _EMPTY, np.uint64)
    _fill(pairs, left, right)
    return pairs


def pair_filter(pairs: Pairs) -> npt.NDArray[np.uint8]:
    """A bit per hash of a pair, 16 bits per merge: clear where no merge joins the pair. It is small enough to stay near the processor."""
    bits = np.zeros(len(pairs), np.uint8)
    _mark(pairs, bits)
    return bits


def origins(pieces: Ids, offsets: npt.NDArray[np.int64], pairs: Pairs, merged: Ids) -> Origins:
    """The origin of every token; token i has the alphabet ids `pieces[offsets[i]:offsets[i + 1]]`, or none if unreachable."""
    n = len(offsets) - 1
    rank, left, right = np.full(n, -1, np.int32), np.full(n, -1, np.int32), np.full(n, -1, np.int32)
    alive = np.zeros(n, bool)
    _derive(pieces, offsets, pairs, merged, rank, left, right, alive)
    return Origins(rank, left, right, alive)


def in_order(left: Ids, right: Ids, found: Origins) -> bool:
    """Whether every merge ranks after those that made its two parts, as in any vocabulary that was trained."""
    ranks = np.arange(len(left))
    possible = found.alive[left] & found.alive[right]
    return bool(np.all((ranks > found.rank[left]) & (ranks > found.rank[right]) | ~possible))


@kernel
def _fill(pairs, left, right):  # type: ignore[no-untyped-def]
    mask = len(pairs) - 1
    for rank in range(len(left)):
        key = (np.uint64(left[rank]) << np.uint64(21)) | np.uint64(right[rank])
        slot = np.int64((key * _MIX) >> np.uint64(32)) & mask
        while pairs[slot] != _EMPTY and pairs[slot] >> np.uint64(22) != key:
            slot = (slot + 1) & mask
        pairs[slot] = (key << np.uint64(22)) | np.uint64(rank)


@kernel
def rank_of(pairs, left, right):  # type: ignore[no-untyped-def]
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
def _mark(pairs, bits):  # type: ignore[no-untyped-def]
    for pair in pairs:
        if pair != _EMPTY:
            key = pair >> np.uint64(22)
            add_pair(bits, key >> np.uint64(21), key & np.uint64(MAX_IDS - 1))


@kernel
def add_pair(bits, left, right):  # type: ignore[no-untyped-def]
    """Set the bit of a pair of numbers below 1 << 21."""
    bit = _filter_bit((np.uint64(left) << np.uint64(21)) | np.uint64(right), bits)
    bits[bit >> 3] |= np.uint8(1 << (bit & 7))


@kernel
def _filter_bit(key, bits):  # type: ignore[no-untyped-def]
    return np.int64((key * _MIX) >> np.uint64(32)) & (8 * len(bits) - 1)


@kernel
def may_join(bits, left, right):  # type: ignore[no-untyped-def]
    """False where the pair was not added: its two are never joined."""
    bit = _filter_bit((np.uint64(left) << np.uint64(21)) | np.uint64(right), bits)
    return bits[bit >> 3] & np.uint8(1 << (bit & 7)) != 0


@numba.njit(cache=True, nogil=True)
def _derive(pieces, offsets, pairs, merged, rank, left, right, alive):  # type: ignore[no-untyped-def]
    most = 1
    for token in range(len(offsets) - 1):
        most = max(most, offsets[token + 1] - offsets[token])
    work = np.empty(most, np.int32)
    ranks = np.empty(most, np.int64)
    for token in range(len(offsets) - 1):
        n = offsets[token + 1] - offsets[token]
        for i in range(n):
            work[i] = pieces[offsets[token] + i]
        for i in range(n - 1):
            ranks[i] = rank_of(pairs, work[i], work[i + 1])
        while n > 1:
            best = 0
            for i in range(1, n - 1):
                if ranks[i] < ranks[best]:
                    best = i
            if ranks[best] == NO_RANK:
                break
            rank[token] = ranks[best]
            left[token], right[token] = work[best], work[best + 1]
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
        alive[token] = n == 1 and work[0] == token
        if not alive[token]:
            rank[token], left[token], right[token] = -1, -1, -1
