"""Evaluation items inside documents, by shared n-grams of folded words.

Words are what stands between white space, folded and without punctuation, so that "5.20" equals "520" where someone took the
punctuation out; numbers count, because questions that differ in a number are different questions. An item of fewer
than `n` words is one gram of all its words; below `least` words it cannot be told from ordinary text and is not looked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.dedup.shingles import UInt32s, UInt64s, next_word
from pipelines.text.hashing import finish, slot_of, table_size
from pipelines.text.unicode import char_classes, fold_table
from pipelines.text.view import text_view
from schemas.buffers import Bytes, Offsets

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_ROLL: Final = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True)
class EvalIndex:
    """The grams of evaluation items, as a hash table."""

    table: UInt64s
    """Gram hashes by open addressing; 0 is free."""
    first: Ints
    """For the gram in each slot: where its items begin in `items`; they end where `last` says."""
    last: Ints
    items: Ints
    n_grams: Ints
    """Distinct grams of each item; 0 where an item is too short to be looked for."""
    lengths: Ints
    """Words per gram: the lengths that occur."""


def index_items(text: pa.Array, n: int = 13, least: int = 8) -> EvalIndex:
    """The index of one text per item, a question with or without its answer."""
    data, offsets = text_view(text)
    grams, items, sizes = _item_grams(data, offsets, n, least, char_classes(), fold_table())
    pairs = np.unique(np.rec.fromarrays([grams, items]))
    grams, items = pairs["f0"], pairs["f1"]
    distinct, starts = np.unique(grams, return_index=True)
    table = np.zeros(table_size(len(distinct)), np.uint64)
    first, last = np.zeros(len(table), np.int64), np.zeros(len(table), np.int64)
    _fill(table, first, last, distinct, starts, np.append(starts[1:], len(grams)))
    return EvalIndex(table, first, last, items, np.bincount(items, minlength=len(text)), np.unique(sizes[sizes > 0]))


def find_items(text: pa.Array, index: EvalIndex) -> tuple[Ints, Floats]:
    """(item int64[rows], coverage float64[rows]): the item most of whose grams stand in each text, -1 and 0 where none has any.

    Of equally covered items the one with the most grams, then the first.
    """
    data, offsets = text_view(text)
    tables = (index.table, index.first, index.last, index.items, index.n_grams, index.lengths)
    return _find(data, offsets, *tables, char_classes(), fold_table())


@numba.njit(cache=True, nogil=True)
def _prefixes(data: Bytes, start: int, end: int, classes: npt.NDArray[np.uint8], fold: UInt32s, out: UInt64s) -> int:
    """Write the polynomial hash of the first 0, 1, 2 ... words to `out`; returns the number of words."""
    n = 0
    out[0] = 0
    at = start
    while True:
        at, word = next_word(data, at, end, classes, fold, True)
        if word == 0:
            return n
        out[n + 1] = out[n] * _ROLL + word
        n += 1


@numba.njit(cache=True, nogil=True)
def _power(exponent: int) -> np.uint64:
    result = np.uint64(1)
    for _ in range(exponent):
        result *= _ROLL
    return result


@numba.njit(cache=True, nogil=True)
def _gram(prefixes: UInt64s, end: int, length: int, power: np.uint64) -> np.uint64:
    """Hash of the `length` words before word number `end`; the length is part of it."""
    return finish((prefixes[end] - prefixes[end - length] * power) ^ np.uint64(length))


@numba.njit(cache=True, nogil=True)
def _item_grams(
    data: Bytes, offsets: Offsets, n: int, least: int, classes: npt.NDArray[np.uint8], fold: UInt32s
) -> tuple[UInt64s, Ints, Ints]:
    """(grams, their items, words per gram of each item)."""
    grams = np.empty(offsets[-1] - offsets[0], np.uint64)
    items = np.empty(len(grams), np.int64)
    sizes = np.zeros(len(offsets) - 1, np.int64)
    filled = 0
    for row in range(len(offsets) - 1):
        prefixes = np.empty(offsets[row + 1] - offsets[row] + 1, np.uint64)
        n_words = _prefixes(data, offsets[row], offsets[row + 1], classes, fold, prefixes)
        if n_words < least:
            continue
        length = min(n, n_words)
        sizes[row] = length
        for end in range(length, n_words + 1):
            grams[filled] = _gram(prefixes, end, length, _power(length))
            items[filled] = row
            filled += 1
    return grams[:filled].copy(), items[:filled].copy(), sizes


@numba.njit(cache=True, nogil=True)
def _fill(table: UInt64s, first: Ints, last: Ints, grams: UInt64s, starts: Ints, ends: Ints) -> None:
    for i in range(len(grams)):
        slot = slot_of(table, grams[i])
        table[slot], first[slot], last[slot] = grams[i], starts[i], ends[i]


@numba.njit(cache=True, nogil=True)
def _find(
    data: Bytes,
    offsets: Offsets,
    table: UInt64s,
    first: Ints,
    last: Ints,
    items: Ints,
    n_grams: Ints,
    lengths: Ints,
    classes: npt.NDArray[np.uint8],
    fold: UInt32s,
) -> tuple[Ints, Floats]:
    n = len(offsets) - 1
    best, coverage = np.full(n, -1, np.int64), np.zeros(n, np.float64)
    powers = np.array([_power(length) for length in lengths], np.uint64)
    seen_in = np.full(len(items), -1, np.int64)  # the last row in which each (gram, item) was seen
    found = np.zeros(len(n_grams), np.int64)
    for row in range(n):
        prefixes = np.empty(offsets[row + 1] - offsets[row] + 1, np.uint64)
        n_words = _prefixes(data, offsets[row], offsets[row + 1], classes, fold, prefixes)
        touched = [np.int64(0) for _ in range(0)]
        for end in range(n_words + 1):
            for k in range(len(lengths)):
                if lengths[k] > end:
                    break
                gram = _gram(prefixes, end, lengths[k], powers[k])
                slot = slot_of(table, gram)
                if table[slot] != gram:
                    continue
                for posting in range(first[slot], last[slot]):
                    if seen_in[posting] != row:
                        seen_in[posting] = row
                        item = items[posting]
                        if found[item] == 0:
                            touched.append(item)
                        found[item] += 1
        for item in touched:
            share = found[item] / n_grams[item]
            better = share > coverage[row] or (share == coverage[row] and n_grams[item] > n_grams[best[row]])
            if better or (share == coverage[row] and n_grams[item] == n_grams[best[row]] and item < best[row]):
                best[row], coverage[row] = item, share
            found[item] = 0
    return best, coverage
