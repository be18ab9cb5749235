"""Texts -> which evaluation items they contain, how much of each, and where."""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
import pyarrow as pa

from pipelines.dedup.arrays import Floats, Int64s, Mask, UInt32s, UInt64s
from pipelines.dedup.evals.index import Classes, EvalIndex, is_marked, letter_hash, longest_row, read_letters
from pipelines.text.fold import SEVERAL, WORD, fold_table
from pipelines.text.hashing import slot_of
from pipelines.text.unicode import TABLE_SIZE, char_classes, decode
from pipelines.text.view import text_view
from schemas.buffers import Bytes, Offsets


class Matches(NamedTuple):
    """One entry for each text and item of which the text contains at least one gram; rows ascend."""

    rows: Int64s
    items: Int64s
    coverage: Floats
    """Share of the item's distinct grams."""
    ended: Mask
    """Whether the item's last gram is among them."""

    def take(self, which: Int64s | Mask) -> Matches:
        """Some of the entries."""
        return Matches(self.rows[which], self.items[which], self.coverage[which], self.ended[which])


def find_matches(text: pa.Array, index: EvalIndex) -> Matches:
    """The items of which each text contains a gram."""
    data, offsets = text_view(text)
    return Matches(*_find_matches(data, offsets, index, char_classes(), fold_table()))


def gram_documents(text: pa.Array, index: EvalIndex) -> Int64s:
    """int64[slots of `index.grams`]: how many of the texts contain the gram in each slot."""
    data, offsets = text_view(text)
    return _gram_documents(data, offsets, index, char_classes(), fold_table())


def match_spans(text: pa.Array, index: EvalIndex, rows: Int64s, items: Int64s) -> tuple[Int64s, Int64s, Int64s]:
    """(row, start, end): the spans of bytes of each text that grams of the (row, item) pairs cover, joined where they touch.

    `rows` ascend, and so do the spans, which begin and end with a letter or digit. Bytes are counted from the start of the row's text.
    """
    data, offsets = text_view(text)
    return _match_spans(data, offsets, index, char_classes(), fold_table(), np.asarray(rows, np.int64), np.asarray(items, np.int64))


@numba.njit(cache=True, nogil=True)
def _hits(prefixes: UInt64s, begins: Int64s, n_words: int, index: EvalIndex) -> list[tuple[int, int, int]]:
    """(letters before it, letters, slot in `index.grams`) of every gram in what `read_letters` has read, by where it begins."""
    hits = [(0, 0, 0) for _ in range(0)]
    n_letters = begins[n_words]
    for word in range(n_words):
        at = begins[word]
        for reach in index.reaches:
            if at + reach > n_letters:
                break
            opening = letter_hash(prefixes, at, reach, index.powers[reach])
            if not is_marked(index.may_open, opening):
                continue
            opened = slot_of(index.openings, opening)
            if index.openings[opened] != opening:
                continue
            for k in range(index.first_size[opened], index.last_size[opened]):
                size = index.sizes[k]
                if at + size > n_letters:
                    break
                gram = letter_hash(prefixes, at, size, index.powers[size])
                slot = slot_of(index.grams, gram)
                if index.grams[slot] == gram and begins[np.searchsorted(begins[: n_words + 1], at + size)] == at + size:
                    hits.append((at, size, slot))
    return hits


@numba.njit(cache=True, nogil=True)
def _find_matches(data: Bytes, offsets: Offsets, index: EvalIndex, classes: Classes, fold: UInt32s) -> tuple[Int64s, Int64s, Floats, Mask]:
    rows, items = [np.int64(0) for _ in range(0)], [np.int64(0) for _ in range(0)]
    shares, ended = [np.float64(0) for _ in range(0)], [False for _ in range(0)]
    longest = longest_row(offsets)
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
def _gram_documents(data: Bytes, offsets: Offsets, index: EvalIndex, classes: Classes, fold: UInt32s) -> Int64s:
    longest = longest_row(offsets)
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
    data: Bytes, offsets: Offsets, index: EvalIndex, classes: Classes, fold: UInt32s, rows: Int64s, wanted: Int64s
) -> tuple[Int64s, Int64s, Int64s]:
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
        letter_bytes = _letter_bytes(data, base, stop, classes, fold)
        open_span = False
        for at, size, slot in _hits(prefixes, begins, n_words, index):
            if not _any_in(index.items, index.first[slot], index.last[slot], wanted_in, row):
                continue
            last = letter_bytes[at + size - 1]
            end = last + decode(data, base + last)[1]
            if open_span and letter_bytes[at] <= ends[-1]:
                ends[-1] = max(ends[-1], end)
            else:
                in_rows.append(row)
                starts.append(letter_bytes[at])
                ends.append(end)
                open_span = True
    return np.array(in_rows, np.int64), np.array(starts, np.int64), np.array(ends, np.int64)


@numba.njit(cache=True, nogil=True)
def _letter_bytes(data: Bytes, start: int, end: int, classes: Classes, fold: UInt32s) -> Int64s:
    """int64[letters]: the byte of each letter that `read_letters` counts, from `start` on."""
    letter_bytes = np.empty(end - start, np.int64)
    n_letters = 0
    at = start
    while at < end:
        code, width = decode(data, at)
        if code < TABLE_SIZE and classes[code] & WORD and fold[code] != 0:
            n = 1 if fold[code] < SEVERAL else fold[fold[code] - SEVERAL]
            letter_bytes[n_letters : n_letters + n] = at - start
            n_letters += n
        at += width
    return letter_bytes[:n_letters]


@numba.njit(cache=True, nogil=True)
def _any_in(items: Int64s, first: int, last: int, wanted_in: Int64s, row: int) -> bool:
    posting = first
    while posting < last and wanted_in[items[posting]] != row:
        posting += 1
    return posting < last
