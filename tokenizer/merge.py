"""The merges of a BPE vocabulary as tables that compiled code reads, and the merge loop in its plain form.

The plain loop (find the pair of lowest rank, leftmost first, and merge it) is what BPE means. Encoding does not run it: it
is run once on the bytes of every token, which tells how the token comes about, and that is enough (see `encode`).
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int32]

NO_RANK: Final = 0x7FFFFFFF
_EMPTY: Final = np.uint64(0xFFFFFFFFFFFFFFFF)
_MIX: Final = np.uint64(0x9E3779B97F4A7C15)


class Pairs(NamedTuple):
    """(left id, right id) -> (rank, merged id): open addressing, key and value side by side."""

    slots: npt.NDArray[np.uint64]
    """uint64[2 * capacity]: left << 32 | right, then rank << 32 | merged."""
    shift: np.uint64
    """64 less the binary logarithm of the capacity."""


class Origins(NamedTuple):
    """How each token comes about when its own bytes are encoded; one row per id."""

    rank: Ids
    """Rank of the last merge; -1 for a character or byte of the alphabet."""
    left: Ids
    right: Ids
    """The two tokens merged last; -1 for the alphabet."""
    alive: npt.NDArray[np.bool_]
    """False where the bytes encode to something else, so that the token never appears."""


def pair_table(left: Ids, right: Ids, merged: Ids) -> Pairs:
    """The table of merges given in the order of their ranks; a pair given twice keeps its last rank, as in the library."""
    bits = max(4, int(2 * len(left)).bit_length())
    slots = np.full(2 << bits, _EMPTY, np.uint64)
    shift = np.uint64(64 - bits)
    _fill(slots, shift, left, right, merged)
    return Pairs(slots, shift)


def origins(pieces: Ids, offsets: npt.NDArray[np.int64], pairs: Pairs) -> Origins:
    """The origin of every token; token i has the alphabet ids `pieces[offsets[i]:offsets[i + 1]]`, or none if unreachable."""
    n = len(offsets) - 1
    rank, left, right = np.full(n, -1, np.int32), np.full(n, -1, np.int32), np.full(n, -1, np.int32)
    alive = np.zeros(n, bool)
    _derive(pieces, offsets, pairs, rank, left, right, alive)
    return Origins(rank, left, right, alive)


def in_order(left: Ids, right: Ids, found: Origins) -> bool:
    """Whether every merge ranks after those that made its two parts, as in any vocabulary that was trained."""
    ranks = np.arange(len(left))
    possible = found.alive[left] & found.alive[right]
    return bool(np.all((ranks > found.rank[left]) & (ranks > found.rank[right]) | ~possible))


@numba.njit(cache=True, nogil=True)
def _fill(slots, shift, left, right, merged):  # type: ignore[no-untyped-def]
    mask = (len(slots) >> 1) - 1
    for rank in range(len(left)):
        key = (np.uint64(left[rank]) << np.uint64(32)) | np.uint64(right[rank])
        slot = np.int64((key * _MIX) >> shift)
        while slots[2 * slot] != _EMPTY and slots[2 * slot] != key:
            slot = (slot + 1) & mask
        slots[2 * slot] = key
        slots[2 * slot + 1] = (np.uint64(rank) << np.uint64(32)) | np.uint64(merged[rank])


@numba.njit(cache=True, nogil=True, inline="always")
def find_pair(pairs: Pairs, left: int, right: int) -> tuple[int, int]:
    """(rank, merged id) of a pair; (NO_RANK, -1) where no merge joins it."""
    key = (np.uint64(left) << np.uint64(32)) | np.uint64(right)
    slots = pairs.slots
    mask = (len(slots) >> 1) - 1
    slot = np.int64((key * _MIX) >> pairs.shift)
    while slots[2 * slot] != key:
        if slots[2 * slot] == _EMPTY:
            return NO_RANK, -1
        slot = (slot + 1) & mask
    value = slots[2 * slot + 1]
    return np.int64(value >> np.uint64(32)), np.int64(value & np.uint64(0xFFFFFFFF))


@numba.njit(cache=True, nogil=True)
def _derive(pieces, offsets, pairs, rank, left, right, alive):  # type: ignore[no-untyped-def]
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
            ranks[i] = find_pair(pairs, work[i], work[i + 1])[0]
        while n > 1:
            best = 0
            for i in range(1, n - 1):
                if ranks[i] < ranks[best]:
                    best = i
            if ranks[best] == NO_RANK:
                break
            rank[token], merged = find_pair(pairs, work[best], work[best + 1])
            left[token], right[token] = work[best], work[best + 1]
            work[best] = merged
            n -= 1
            for i in range(best + 1, n):
                work[i] = work[i + 1]
            for i in range(best + 1, n - 1):
                ranks[i] = ranks[i + 1]
            if best > 0:
                ranks[best - 1] = find_pair(pairs, work[best - 1], work[best])[0]
            if best < n - 1:
                ranks[best] = find_pair(pairs, work[best], work[best + 1])[0]
        alive[token] = n == 1 and work[0] == token

