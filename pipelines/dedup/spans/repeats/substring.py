"""Exact repetitions: windows of k words that occur elsewhere byte for byte (Lee et al., arXiv 2107.06499; RefinedWeb).

A word is what lies between white space, or one character of a script written without spaces. A window is the bytes from the start of a
word to the end of the (k-1)-th one after it, in one text. A cut is the union of all windows that have an equal one before them in the
order of documents, less the windows that are the first of equal ones. So a repeated run of k words or more stays once, whole.

Only windows that can have an equal one are compared. Of the grams of k/2 words in a window, the one with the least hash is its anchor
(winnowing). Equal windows have equal anchors, anchors are few (about 4 for each k words), and a window whose anchor occurs once in the
corpus has no equal one. So anchors are shuffled first, then the windows whose anchor is repeated.
"""

from __future__ import annotations

from typing import Final

import numba
import numpy as np
import pyarrow as pa

from pipelines.dedup.arrays import UInt64s
from pipelines.dedup.spans.units import Units
from pipelines.text.hashing import finish, hash_bytes, slot_of, table_size
from pipelines.text.view import text_view
from pipelines.text.words import Words, split_on_space

_ROLL: Final = np.uint64(0x9E3779B97F4A7C15)
_ROLL_2: Final = np.uint64(0xD1342543DE82EF95)


def anchors(text: pa.Array, k: int) -> UInt64s:
    """uint64[m]: the anchor hashes of all windows of the texts, one for each position of an anchor."""
    words = split_on_space(text)
    return _anchors(words.firsts, words.lasts, words.hashes, k)


def window_units(text: pa.Array, k: int, repeated: UInt64s) -> Units:
    """The windows whose anchor is in the table `repeated` (see `anchor_table`)."""
    words: Words = split_on_space(text)
    data, offsets = text_view(text)
    return Units(*_windows(data, offsets, words.firsts, words.lasts, words.starts, words.ends, words.hashes, k, repeated))


def anchor_table(keys: UInt64s) -> UInt64s:
    """A hash table (open addressing, 0 is free) of the keys."""
    table = np.zeros(table_size(len(keys)), np.uint64)
    _fill(table, keys)
    return table


def repeated_anchors(keys: UInt64s) -> UInt64s:
    """uint64[m], ascending: the anchor hashes that occur more than once."""
    ordered = np.sort(keys)
    again = ordered[1:][ordered[1:] == ordered[:-1]]
    return np.unique(again)


@numba.njit(cache=True, nogil=True)
def _fill(table: UInt64s, keys: UInt64s) -> None:
    for key in keys:
        table[slot_of(table, key)] = key


@numba.njit(cache=True, nogil=True)
def _power(base: np.uint64, exponent: int) -> np.uint64:
    result = np.uint64(1)
    for _ in range(exponent):
        result *= base
    return result


@numba.njit(cache=True, nogil=True)
def _grams(hashes, first, last, size, drop, grams):  # type: ignore[no-untyped-def]
    """Write the hash of each run of `size` words to `grams`; `drop` is _ROLL ** size."""
    rolled = np.uint64(0)
    for i in range(first, last):
        rolled = rolled * _ROLL + hashes[i]
        if i - first >= size:
            rolled -= hashes[i - size] * drop
        if i - first >= size - 1:
            grams[i - first - size + 1] = finish(rolled)


@numba.njit(cache=True, nogil=True)
def _anchor(grams, window, width, anchor):  # type: ignore[no-untyped-def]
    """The first least gram of the `width` ones of window number `window`, given that of the window before."""
    if anchor < window:
        anchor = window
        for gram in range(window + 1, window + width):
            if grams[gram] < grams[anchor]:
                anchor = gram
    elif grams[window + width - 1] < grams[anchor]:
        anchor = window + width - 1
    return anchor


@numba.njit(cache=True, nogil=True)
def _longest(firsts, lasts):  # type: ignore[no-untyped-def]
    longest = 0
    for row in range(len(firsts)):
        longest = max(longest, lasts[row] - firsts[row])
    return longest


@numba.njit(cache=True, nogil=True)
def _anchors(firsts, lasts, hashes, k):  # type: ignore[no-untyped-def]
    size = max(1, k // 2)
    width = k - size + 1
    drop = _power(_ROLL, size)
    grams = np.empty(_longest(firsts, lasts) + 1, np.uint64)
    found = np.empty(len(hashes), np.uint64)
    n = 0
    for row in range(len(firsts)):
        n_windows = lasts[row] - firsts[row] - k + 1
        if n_windows < 1:
            continue
        _grams(hashes, firsts[row], lasts[row], size, drop, grams)
        anchor = -1
        for window in range(n_windows):
            before = anchor
            anchor = _anchor(grams, window, width, anchor)
            if anchor != before:
                found[n] = grams[anchor]
                n += 1
    return found[:n].copy()


@numba.njit(cache=True, nogil=True)
def _gap(data, start, end):  # type: ignore[no-untyped-def]
    """The hash of the bytes between two words."""
    if end - start == 1:
        return np.uint64(data[start]) + np.uint64(1)
    return hash_bytes(data, start, end) if end > start else np.uint64(0)


@numba.njit(cache=True, nogil=True)
def _windows(data, offsets, firsts, lasts, starts, ends, hashes, k, repeated):  # type: ignore[no-untyped-def]
    size = max(1, k // 2)
    width = k - size + 1
    drop = _power(_ROLL, size)
    power, power_2 = _power(_ROLL, k - 1), _power(_ROLL_2, k - 1)
    longest = _longest(firsts, lasts)
    grams = np.empty(longest + 1, np.uint64)
    prefix, prefix_2 = np.empty(longest + 1, np.uint64), np.empty(longest + 1, np.uint64)
    most = len(hashes)
    rows, begins, stops = np.empty(most, np.int64), np.empty(most, np.int64), np.empty(most, np.int64)
    keys, checks = np.empty(most, np.uint64), np.empty(most, np.uint64)
    n = 0
    for row in range(len(firsts)):
        first = firsts[row]
        n_windows = lasts[row] - first - k + 1
        if n_windows < 1:
            continue
        _grams(hashes, first, lasts[row], size, drop, grams)
        anchor = checked = -1
        candidate = False
        hashed = 0  # words that the prefixes hold
        prefix[0] = prefix_2[0] = 0
        for window in range(n_windows):
            anchor = _anchor(grams, window, width, anchor)
            if anchor != checked:
                checked = anchor
                candidate = repeated[slot_of(repeated, grams[anchor])] != 0
            if not candidate:
                continue
            last = window + k - 1
            while hashed < last:
                word = first + hashed
                element = finish(hashes[word] ^ (_gap(data, ends[word], starts[word + 1]) * _ROLL_2))
                prefix[hashed + 1] = prefix[hashed] * _ROLL + element
                prefix_2[hashed + 1] = prefix_2[hashed] * _ROLL_2 + element
                hashed += 1
            of_last = hashes[first + last]
            rows[n] = row
            begins[n], stops[n] = starts[first + window] - offsets[row], ends[first + last] - offsets[row]
            keys[n] = finish((prefix[last] - prefix[window] * power) * _ROLL + of_last)
            checks[n] = finish((prefix_2[last] - prefix_2[window] * power_2) * _ROLL_2 + of_last)
            n += 1
    return rows[:n].copy(), begins[:n].copy(), stops[:n].copy(), keys[:n].copy(), checks[:n].copy()
