"""Evaluation items -> an index of their n-grams.

A gram is `n` words of an item, of which only the letters and digits are compared, folded. So it makes no difference whether a copy has
"x+y", "x + y" or "xy", "(A)Paris" or "A. Paris", "well-known" or, at the end of a line, "well-\\nknown". Numbers count, because questions
that differ in a number are different questions. Words of an item are separated by white space; in a document a gram may begin and end
where any run of letters and digits does. An item of fewer than `n` words is one gram of all its words. An item of fewer than `least` words
cannot be told from ordinary text and is not searched for.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.dedup.arrays import Int64s, Mask, UInt32s, UInt64s
from pipelines.text.fold import SEVERAL, WORD, fold_table
from pipelines.text.hashing import finish, slot_of, table_size
from pipelines.text.unicode import MARK, SPACE, TABLE_SIZE, UNSPACED, char_classes, decode
from pipelines.text.view import text_view
from schemas.buffers import Bytes, Offsets

Classes = npt.NDArray[np.uint8]

_ROLL: Final = np.uint64(0x9E3779B97F4A7C15)
_ONE: Final = np.uint64(1)
_SIX: Final = np.uint64(6)  # a bitmap's words have 2**6 bits
_LOW_SIX: Final = np.uint64(63)
_OPENINGS: Final = (1, 2, 8, 32)
"""How many letters the opening of a gram may have. It has the most that fit, so that few positions of a text look like one."""


class EvalIndex(NamedTuple):
    """The grams of evaluation items. Tables hold hashes by open addressing; 0 is a free slot."""

    grams: UInt64s
    first: Int64s
    """For the gram in each slot: where its items begin in `items`; `last` is where they end."""
    last: Int64s
    items: Int64s
    closes: Mask
    """Whether the gram is the last of that item."""
    n_grams: Int64s
    """How many distinct grams each item has; 0 if it is not searched for."""
    openings: UInt64s
    """The first letters of grams."""
    first_size: Int64s
    """For the opening in each slot: where the lengths of its grams begin in `sizes`; `last_size` is where they end."""
    last_size: Int64s
    sizes: Int64s
    """Lengths of grams in letters, ascending for each opening."""
    reaches: Int64s
    """The lengths of openings that occur, in letters, ascending."""
    may_open: UInt64s
    """A bit by hash: whether it can be the hash of an opening. It decides on most of a corpus, so it should fit a CPU cache."""
    powers: UInt64s
    """The argument `power` of `letter_hash`, by the number of letters."""


def index_items(text: pa.Array, n: int = 13, least: int = 8, ignored: UInt64s | None = None) -> EvalIndex:
    """The index of one text per item (a question with or without its answer), without the grams in `ignored`.

    If the last gram of an item is ignored, every other gram of it counts as its last.
    """
    data, offsets = text_view(text)
    grams, items, closes, sizes, openings, reaches = _item_grams(data, offsets, n, least, char_classes(), fold_table())
    if ignored is not None:
        stay = ~np.isin(grams, ignored)
        grams, items, closes = grams[stay], items[stay], closes[stay]
        sizes, openings, reaches = sizes[stay], openings[stay], reaches[stay]
        closes |= ~np.isin(items, items[closes])
    order = np.lexsort((~closes, items, grams))
    new = np.diff(grams[order], prepend=np.uint64(0)) != 0
    new |= np.diff(items[order], prepend=-1) != 0
    once = order[new]
    opened = np.unique(np.rec.fromarrays([openings, sizes]))
    may_open = np.zeros(table_size(len(opened)) // 8, np.uint64)
    _mark(may_open, openings)
    powers = np.multiply.accumulate(np.append(_ONE, np.full(sizes.max(initial=0), _ROLL)))
    n_grams = np.bincount(items[once], minlength=len(text))
    by_gram = (*_table(grams[once]), items[once], closes[once], n_grams)
    return EvalIndex(*by_gram, *_table(opened["f0"]), opened["f1"], np.unique(reaches), may_open, powers)


def n_words(text: str) -> int:
    """How many words an item has."""
    data = np.frombuffer(text.encode(), np.uint8)
    prefixes, begins = np.empty(len(data) + 1, np.uint64), np.empty(len(data) + 1, np.int64)
    return int(read_letters(data, 0, len(data), char_classes(), fold_table(), True, prefixes, begins))


def _table(keys: UInt64s) -> tuple[UInt64s, Int64s, Int64s]:
    """(hash table of ascending keys; for each slot where the run of its key begins, and where it ends)."""
    sorted_unique, starts = np.unique(keys, return_index=True)
    table = np.zeros(table_size(len(sorted_unique)), np.uint64)
    first, last = np.zeros(len(table), np.int64), np.zeros(len(table), np.int64)
    _fill(table, first, last, sorted_unique, starts, np.append(starts[1:], len(keys)))
    return table, first, last


@numba.njit(cache=True, nogil=True)
def read_letters(
    data: Bytes, start: int, end: int, classes: Classes, fold: UInt32s, joined: bool, prefixes: UInt64s, begins: Int64s
) -> int:
    """Read the letters and digits of a span; returns the number of words.

    It writes to `prefixes` what `letter_hash` takes, and to `begins` the number of letters before each word, then that of all letters.
    `joined`: in scripts with spaces only white space ends a word; else everything but letters, digits and marks does.
    """
    n_letters = n_words = 0
    prefixes[0] = 0
    begun = inside = unspaced = False
    at = start
    while at < end:
        code, width = decode(data, at)
        kind = classes[code] if code < TABLE_SIZE else 0
        at += width
        if kind & WORD == 0:
            inside = inside and joined and kind & SPACE == 0
            continue
        mark = kind & MARK != 0
        if not inside or ((kind & UNSPACED or unspaced) and not mark):
            begun = False
        unspaced = kind & UNSPACED != 0 or (mark and unspaced)
        inside = True
        folded = fold[code]
        if folded == 0:
            continue
        if not begun:
            begins[n_words] = n_letters
            n_words += 1
            begun = True
        if folded < SEVERAL:
            prefixes[n_letters + 1] = prefixes[n_letters] * _ROLL + np.uint64(folded)
            n_letters += 1
            continue
        entry = folded - SEVERAL
        for i in range(entry + 1, entry + 1 + fold[entry]):
            prefixes[n_letters + 1] = prefixes[n_letters] * _ROLL + np.uint64(fold[i])
            n_letters += 1
    begins[n_words] = n_letters
    return n_words


@numba.njit(cache=True, nogil=True)
def letter_hash(prefixes: UInt64s, at: int, size: int, power: np.uint64) -> np.uint64:
    """The hash of `size` letters from letter number `at` on, and of their number. `power` is _ROLL ** size."""
    return finish((prefixes[at + size] - prefixes[at] * power) ^ np.uint64(size))


@numba.njit(cache=True, nogil=True)
def _power(exponent: int) -> np.uint64:
    result = _ONE
    for _ in range(exponent):
        result *= _ROLL
    return result


@numba.njit(cache=True, nogil=True)
def longest_row(offsets: Offsets) -> int:
    """Bytes of the longest row."""
    longest = 0
    for row in range(len(offsets) - 1):
        longest = max(longest, offsets[row + 1] - offsets[row])
    return longest


@numba.njit(cache=True, nogil=True)
def _item_grams(
    data: Bytes, offsets: Offsets, n: int, least: int, classes: Classes, fold: UInt32s
) -> tuple[UInt64s, Int64s, Mask, Int64s, UInt64s, Int64s]:
    """Of every gram: (hash, item, whether it is the item's last, letters, hash of its opening, letters of that)."""
    longest = longest_row(offsets)
    prefixes, begins = np.empty(longest + 1, np.uint64), np.empty(longest + 1, np.int64)
    most = offsets[-1] - offsets[0]
    grams, openings, closes = np.empty(most, np.uint64), np.empty(most, np.uint64), np.empty(most, np.bool_)
    items, sizes, reaches = np.empty(most, np.int64), np.empty(most, np.int64), np.empty(most, np.int64)
    filled = 0
    for row in range(len(offsets) - 1):
        n_words = read_letters(data, offsets[row], offsets[row + 1], classes, fold, True, prefixes, begins)
        if n_words < max(1, least):
            continue
        length = min(n, n_words)
        for word in range(n_words - length + 1):
            at = begins[word]
            size = begins[word + length] - at
            reach = 1
            for letters in _OPENINGS:
                if letters <= size:
                    reach = letters
            grams[filled] = letter_hash(prefixes, at, size, _power(size))
            openings[filled] = letter_hash(prefixes, at, reach, _power(reach))
            items[filled], sizes[filled], reaches[filled] = row, size, reach
            closes[filled] = word + length == n_words
            filled += 1
    of_grams = grams[:filled].copy(), items[:filled].copy(), closes[:filled].copy(), sizes[:filled].copy()
    return *of_grams, openings[:filled].copy(), reaches[:filled].copy()


@numba.njit(cache=True, nogil=True)
def _fill(table: UInt64s, first: Int64s, last: Int64s, keys: UInt64s, starts: Int64s, ends: Int64s) -> None:
    for i in range(len(keys)):
        slot = slot_of(table, keys[i])
        table[slot], first[slot], last[slot] = keys[i], starts[i], ends[i]


@numba.njit(cache=True, nogil=True)
def _mark(bits: UInt64s, hashes: UInt64s) -> None:
    for key in hashes:
        bits[(key >> _SIX) & np.uint64(len(bits) - 1)] |= _ONE << (key & _LOW_SIX)


@numba.njit(cache=True, nogil=True, inline="always")
def is_marked(bits: UInt64s, key: np.uint64) -> bool:
    """Whether the hash's bit is set in a bitmap such as `may_open`."""
    return (bits[(key >> _SIX) & np.uint64(len(bits) - 1)] >> (key & _LOW_SIX)) & _ONE != 0
