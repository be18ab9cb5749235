"""Texts -> which evaluation items stand in them, how much of each, and where."""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.dedup.evals.index import Classes, EvalIndex, Ints, Mask, hash_of, is_marked, longest_of, read_letters
from pipelines.dedup.shingles import UInt32s, UInt64s
from pipelines.text.fold import SEVERAL, WORD, fold_table
from pipelines.text.hashing import slot_of
from pipelines.text.unicode import TABLE_SIZE, char_classes, decode
from pipelines.text.view import text_view
from schemas.buffers import Bytes, Offsets

Floats = npt.NDArray[np.float64]


class Matches(NamedTuple):
    """One entry per text and item of which at least one gram stands in it; rows ascend."""

    rows: Ints
    items: Ints
    coverage: Floats
    """Share of the item's distinct grams."""
    ended: Mask
    """Whether the item's last gram is among them."""

    def take(self, which: Ints | Mask) -> Matches:
        """Some of the entries."""
        return Matches(self.rows[which], self.items[which], self.coverage[which], self.ended[which])


def find_matches(text: pa.Array, index: EvalIndex) -> Matches:
    """Every item of which something stands in each text."""
    data, offsets = text_view(text)
    return Matches(*_find_matches(data, offsets, index, char_classes(), fold_table()))


def gram_documents(text: pa.Array, index: EvalIndex) -> Ints:
    """int64[slots of `index.grams`]: in how many of the texts the gram in each slot stands."""
    data, offsets = text_view(text)
    return _gram_documents(data, offsets, index, char_classes(), fold_table())


def match_spans(text: pa.Array, index: EvalIndex, rows: Ints, items: Ints) -> tuple[Ints, Ints, Ints]:
    """(row, start, end): the bytes of each text in which grams of the given (row, item) pairs stand, joined where they touch.

    `rows` ascend; so do the spans, which begin and end with a letter or digit. Offsets count from the start of the row's text.
    """
    data, offsets = text_view(text)
    return _match_spans(data, offsets, index, char_classes(), fold_table(), np.asarray(rows, np.int64), np.asarray(items, np.int64))


@numba.njit(cache=True, nogil=True)
def _hits(prefixes: UInt64s, begins: Ints, n_words: int, index: EvalIndex) -> list[tuple[int, int, int]]:
    """(letters before it, letters, slot in `index.grams`) of every gram in what `read_letters` has read, by where it begins."""
    hits = [(0, 0, 0) for _ in range(0)]
    n_letters = begins[n_words]
    for word in range(n_words):
        at = begins[word]
        for reach in index.reaches:
            if at + reach > n_letters:
                break
            opening = hash_of(prefixes, at, reach, index.powers[reach])
            if not is_marked(index.may_open, opening):
                continue
            opened = slot_of(index.openings, opening)
            if index.openings[opened] != opening:
                continue
            for k in range(index.first_size[opened], index.last_size[opened]):
                size = index.sizes[k]
                if at + size > n_letters:
                    break
                gram = hash_of(prefixes, at, size, index.powers[size])
                slot = slot_of(index.grams, gram)
                if index.grams[slot] == gram and begins[np.searchsorted(begins[: n_words + 1], at + size)] == at + size:
                    hits.append((at, size, slot))
    return hits


@numba.njit(cache=True, nogil=True)
def _find_matches(data: Bytes, offsets: Offsets, index: EvalIndex, classes: Classes, fold: UInt32s) -> tuple[Ints, Ints, Floats, Mask]:
    rows, items = [np.int64(0) for _ in range(0)], [np.int64(0) for _ in range(0)]
    shares, ended = [np.float64(0) for _ in range(0)], [False for _ in range(0)]
    longest = longest_of(offsets)
    prefixes, begins = np.empty(longest + 1, np.uint64), np.empty(longest + 1, np.int64)
    seen_in = np.full(len(index.grams), -1, np.int64)  # the last row in which the gram of each slot was seen
    ended_in = np.full(len(index.n_grams), -1, np.int64)  # the last row in which the last gram of each item was seen
    found = np.zeros(len(index.n_grams), np.int64)
    for row in range(len(offsets) - 1):
        n_words = read_letters(data, offsets[row], offsets[row + 1], classes, fold, False, prefixes, begins)
        touched = [np.int64(0) for _ in range(0)]
        for _, _, slot in _hits(prefixes, begins, n_words, index):
            if seen_in[slot] == row:
                continue
            seen_in[slot] = row
            for posting in range(index.first[slot], index.last[slot]):
                item = index.items[posting]
                if found[item] == 0:
                    touched.append(item)
                found[item] += 1
                if index.closes[posting]:
                    ended_in[item] = row
        for item in touched:
            rows.append(np.int64(row))
            items.append(item)
            shares.append(found[item] / index.n_grams[item])
            ended.append(ended_in[item] == row)
            found[item] = 0
    return np.array(rows, np.int64), np.array(items, np.int64), np.array(shares, np.float64), np.array(ended, np.bool_)


@numba.njit(cache=True, nogil=True)
def _gram_documents(data: Bytes, offsets: Offsets, index: EvalIndex, classes: Classes, fold: UInt32s) -> Ints:
    longest = longest_of(offsets)
    prefixes, begins = np.empty(longest + 1, np.uint64), np.empty(longest + 1, np.int64)
    seen_in = np.full(len(index.grams), -1, np.int64)
    counts = np.zeros(len(index.grams), np.int64)
    for row in range(len(offsets) - 1):
        n_words = read_letters(data, offsets[row], offsets[row + 1], classes, fold, False, prefixes, begins)
        for _, _, slot in _hits(prefixes, begins, n_words, index):
            counts[slot] += seen_in[slot] != row
            seen_in[slot] = row
    return counts


@numba.njit(cache=True, nogil=True)
def _match_spans(
    data: Bytes, offsets: Offsets, index: EvalIndex, classes: Classes, fold: UInt32s, rows: Ints, wanted: Ints
) -> tuple[Ints, Ints, Ints]:
    in_rows, starts, ends = [np.int64(0) for _ in range(0)], [np.int64(0) for _ in range(0)], [np.int64(0) for _ in range(0)]
    wanted_in = np.full(len(index.n_grams), -1, np.int64)
    pair = 0
    while pair < len(rows):
        row = rows[pair]
        while pair < len(rows) and rows[pair] == row:
            wanted_in[wanted[pair]] = row
            pair += 1
        base, stop = offsets[row], offsets[row + 1]
        prefixes, begins = np.empty(stop - base + 1, np.uint64), np.empty(stop - base + 1, np.int64)
        n_words = read_letters(data, base, stop, classes, fold, False, prefixes, begins)
        places = _places(data, base, stop, classes, fold)
        open_span = False
        for at, size, slot in _hits(prefixes, begins, n_words, index):
            if not _any_in(index.items, index.first[slot], index.last[slot], wanted_in, row):
                continue
            last = places[at + size - 1]
            end = last + decode(data, base + last)[1]
            if open_span and places[at] <= ends[-1]:
                ends[-1] = max(ends[-1], end)
            else:
                in_rows.append(row)
                starts.append(places[at])
                ends.append(end)
                open_span = True
    return np.array(in_rows, np.int64), np.array(starts, np.int64), np.array(ends, np.int64)


@numba.njit(cache=True, nogil=True)
def _places(data: Bytes, start: int, end: int, classes: Classes, fold: UInt32s) -> Ints:
    """How many bytes from `start` each letter that `read_letters` counts stands."""
    places = np.empty(end - start, np.int64)
    n_letters = 0
    at = start
    while at < end:
        code, width = decode(data, at)
        if code < TABLE_SIZE and classes[code] & WORD and fold[code] != 0:
            n = 1 if fold[code] < SEVERAL else fold[fold[code] - SEVERAL]
            places[n_letters : n_letters + n] = at - start
            n_letters += n
        at += width
    return places[:n_letters]


@numba.njit(cache=True, nogil=True)
def _any_in(items: Ints, first: int, last: int, wanted_in: Ints, row: int) -> bool:
    posting = first
    while posting < last and wanted_in[items[posting]] != row:
        posting += 1
    return posting < last
