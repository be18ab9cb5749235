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

from pipelines.dedup.shingles import WORD, UInt32s, UInt64s, next_word
from pipelines.text.hashing import finish, slot_of, table_size
from pipelines.text.unicode import TABLE_SIZE, char_classes, decode, fold_table
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
    ends: npt.NDArray[np.bool_]
    """By hash: whether a gram may end in these `lengths[0]` words. Most of a corpus is done with after one look here."""


def index_items(text: pa.Array, n: int = 13, least: int = 8) -> EvalIndex:
    """The index of one text per item, a question with or without its answer."""
    data, offsets = text_view(text)
    grams, tails, items, sizes = _item_grams(data, offsets, n, least, char_classes(), fold_table())
    ends = np.zeros(8 * table_size(len(grams)), bool)
    ends[tails & np.uint64(len(ends) - 1)] = True
    pairs = np.unique(np.rec.fromarrays([grams, items]))
    grams, items = pairs["f0"], pairs["f1"]
    distinct, starts = np.unique(grams, return_index=True)
    table = np.zeros(table_size(len(distinct)), np.uint64)
    first, last = np.zeros(len(table), np.int64), np.zeros(len(table), np.int64)
    _fill(table, first, last, distinct, starts, np.append(starts[1:], len(grams)))
    return EvalIndex(table, first, last, items, np.bincount(items, minlength=len(text)), np.unique(sizes[sizes > 0]), ends)


def find_items(text: pa.Array, index: EvalIndex) -> tuple[Ints, Floats]:
    """(item int64[rows], coverage float64[rows]): the item most of whose grams stand in each text, -1 and 0 where none has any.

    Of equally covered items the one with the most grams, then the first.
    """
    row, item, share = matches(text, index, 0.0)
    order = np.lexsort((item, -index.n_grams[item], -share, row))
    row, item, share = row[order], item[order], share[order]
    best = np.flatnonzero(np.diff(row, prepend=-1))
    items, coverage = np.full(len(text), -1, np.int64), np.zeros(len(text))
    items[row[best]], coverage[row[best]] = item[best], share[best]
    return items, coverage


def matches(text: pa.Array, index: EvalIndex, least: float) -> tuple[Ints, Ints, Floats]:
    """(row, item, coverage), one entry per text and item of which at least one gram and the share `least` stand in it; rows ascend."""
    data, offsets = text_view(text)
    return _matches(data, offsets, *_tables(index), least)


def match_spans(text: pa.Array, index: EvalIndex, rows: Ints, items: Ints) -> tuple[Ints, Ints, Ints]:
    """(row, start, end): the bytes of each text in which grams of the given (row, item) pairs stand, joined where they touch.

    `rows` ascend; so do the spans, which begin and end with a word. Offsets count from the start of the row's text.
    """
    data, offsets = text_view(text)
    return _match_spans(data, offsets, *_tables(index), np.asarray(rows, np.int64), np.asarray(items, np.int64))


def _tables(index: EvalIndex) -> tuple[UInt64s, Ints, Ints, Ints, Ints, Ints, npt.NDArray[np.bool_], npt.NDArray[np.uint8], UInt32s]:
    return index.table, index.first, index.last, index.items, index.n_grams, index.lengths, index.ends, char_classes(), fold_table()


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
) -> tuple[UInt64s, UInt64s, Ints, Ints]:
    """(grams, the hashes of as many of their last words as the shortest gram has, their items, words per gram of each item)."""
    sizes = np.zeros(len(offsets) - 1, np.int64)
    prefixes = np.empty(offsets[-1] - offsets[0] + 1, np.uint64)
    shortest = n
    for row in range(len(sizes)):
        n_words = _prefixes(data, offsets[row], offsets[row + 1], classes, fold, prefixes)
        if n_words >= least:
            sizes[row] = min(n, n_words)
            shortest = min(shortest, sizes[row])
    grams = np.empty(offsets[-1] - offsets[0], np.uint64)
    tails, items = np.empty_like(grams), np.empty(len(grams), np.int64)
    filled = 0
    for row in range(len(offsets) - 1):
        n_words = _prefixes(data, offsets[row], offsets[row + 1], classes, fold, prefixes)
        length = sizes[row]
        if length == 0:
            continue
        for end in range(length, n_words + 1):
            grams[filled] = _gram(prefixes, end, length, _power(length))
            tails[filled] = _gram(prefixes, end, shortest, _power(shortest))
            items[filled] = row
            filled += 1
    return grams[:filled].copy(), tails[:filled].copy(), items[:filled].copy(), sizes


@numba.njit(cache=True, nogil=True)
def _fill(table: UInt64s, first: Ints, last: Ints, grams: UInt64s, starts: Ints, ends: Ints) -> None:
    for i in range(len(grams)):
        slot = slot_of(table, grams[i])
        table[slot], first[slot], last[slot] = grams[i], starts[i], ends[i]


@numba.njit(cache=True, nogil=True)
def _matches(
    data: Bytes,
    offsets: Offsets,
    table: UInt64s,
    first: Ints,
    last: Ints,
    items: Ints,
    n_grams: Ints,
    lengths: Ints,
    tails: npt.NDArray[np.bool_],
    classes: npt.NDArray[np.uint8],
    fold: UInt32s,
    least: float,
) -> tuple[Ints, Ints, Floats]:
    rows, matched = [np.int64(0) for _ in range(0)], [np.int64(0) for _ in range(0)]
    shares = [np.float64(0) for _ in range(0)]
    powers = np.array([_power(length) for length in lengths], np.uint64)
    if len(lengths) == 0:
        return np.array(rows, np.int64), np.array(matched, np.int64), np.array(shares, np.float64)
    seen_in = np.full(len(table), -1, np.int64)  # the last row in which the gram of each slot was seen
    found = np.zeros(len(n_grams), np.int64)
    for row in range(len(offsets) - 1):
        prefixes = np.empty(offsets[row + 1] - offsets[row] + 1, np.uint64)
        n_words = _prefixes(data, offsets[row], offsets[row + 1], classes, fold, prefixes)
        touched = [np.int64(0) for _ in range(0)]
        for end in range(lengths[0], n_words + 1):
            if not tails[_gram(prefixes, end, lengths[0], powers[0]) & np.uint64(len(tails) - 1)]:
                continue
            for k in range(len(lengths)):
                if lengths[k] > end:
                    break
                gram = _gram(prefixes, end, lengths[k], powers[k])
                slot = slot_of(table, gram)
                if table[slot] != gram or seen_in[slot] == row:
                    continue
                seen_in[slot] = row
                for posting in range(first[slot], last[slot]):
                    item = items[posting]
                    if found[item] == 0:
                        touched.append(item)
                    found[item] += 1
        for item in touched:
            share = found[item] / n_grams[item]
            if share >= least:
                rows.append(np.int64(row))
                matched.append(item)
                shares.append(share)
            found[item] = 0
    return np.array(rows, np.int64), np.array(matched, np.int64), np.array(shares, np.float64)


@numba.njit(cache=True, nogil=True)
def _match_spans(
    data: Bytes,
    offsets: Offsets,
    table: UInt64s,
    first: Ints,
    last: Ints,
    items: Ints,
    n_grams: Ints,
    lengths: Ints,
    tails: npt.NDArray[np.bool_],
    classes: npt.NDArray[np.uint8],
    fold: UInt32s,
    rows: Ints,
    wanted: Ints,
) -> tuple[Ints, Ints, Ints]:
    in_rows, starts, ends = [np.int64(0) for _ in range(0)], [np.int64(0) for _ in range(0)], [np.int64(0) for _ in range(0)]
    powers = np.array([_power(length) for length in lengths], np.uint64)
    if len(lengths) == 0:
        return np.array(in_rows, np.int64), np.array(starts, np.int64), np.array(ends, np.int64)
    wanted_in = np.full(len(n_grams), -1, np.int64)
    pair = 0
    while pair < len(rows):
        row = rows[pair]
        while pair < len(rows) and rows[pair] == row:
            wanted_in[wanted[pair]] = row
            pair += 1
        base, stop = offsets[row], offsets[row + 1]
        prefixes = np.empty(stop - base + 1, np.uint64)
        word_starts, word_ends = np.empty(stop - base + 1, np.int64), np.empty(stop - base + 1, np.int64)
        prefixes[0] = 0
        n_words = 0
        at = base
        open_span = False
        while True:
            at = _skip(data, at, stop, classes)
            word_starts[n_words] = at - base
            at, word = next_word(data, at, stop, classes, fold, True)
            if word == 0:
                break
            prefixes[n_words + 1] = prefixes[n_words] * _ROLL + word
            word_ends[n_words] = at - base
            n_words += 1
            if n_words < lengths[0] or not tails[_gram(prefixes, n_words, lengths[0], powers[0]) & np.uint64(len(tails) - 1)]:
                continue
            for k in range(len(lengths)):
                if lengths[k] > n_words:
                    break
                gram = _gram(prefixes, n_words, lengths[k], powers[k])
                slot = slot_of(table, gram)
                if table[slot] != gram or not _any_in(items, first[slot], last[slot], wanted_in, row):
                    continue
                begin = word_starts[n_words - lengths[k]]
                if open_span and begin <= ends[-1]:
                    starts[-1] = min(starts[-1], begin)
                    ends[-1] = word_ends[n_words - 1]
                else:
                    in_rows.append(row)
                    starts.append(begin)
                    ends.append(word_ends[n_words - 1])
                    open_span = True
    return np.array(in_rows, np.int64), np.array(starts, np.int64), np.array(ends, np.int64)


@numba.njit(cache=True, nogil=True)
def _skip(data: Bytes, at: int, end: int, classes: npt.NDArray[np.uint8]) -> int:
    """Where the next word begins, or `end`."""
    while at < end:
        code, width = decode(data, at)
        if code < TABLE_SIZE and classes[code] & WORD:
            return at
        at += width
    return end


@numba.njit(cache=True, nogil=True)
def _any_in(items: Ints, first: int, last: int, wanted_in: Ints, row: int) -> bool:
    posting = first
    while posting < last and wanted_in[items[posting]] != row:
        posting += 1
    return posting < last
