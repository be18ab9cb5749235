"""Repetition signals of Gopher (arXiv 2112.11446, table A1), by the formulas of datatrove.

Lines are what stands between `\\n+`, paragraphs between `\\n{2,}` of the stripped text; duplicates are all copies after
the first. Every character ratio is over the characters of the whole text. 0 divided by 0 is 0.
The one trick: an n-gram can only occur twice where its first n - 1 words do, so each n looks only at the positions
that the n before left over, and most text is done after n = 3.
"""

from __future__ import annotations

from typing import Final

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.text.hashing import append_hash, hash_bytes, slot_of, table_size
from pipelines.text.lines import count_breaks, count_chars, newline_end, strip
from pipelines.text.unicode import char_classes
from pipelines.text.view import text_view
from pipelines.text.words import Words

SIGNALS: Final = (
    "dup_line_ratio",
    "dup_paragraph_ratio",
    "dup_line_char_ratio",
    "dup_paragraph_char_ratio",
    "top_2gram_ratio",
    "top_3gram_ratio",
    "top_4gram_ratio",
    "dup_5gram_ratio",
    "dup_6gram_ratio",
    "dup_7gram_ratio",
    "dup_8gram_ratio",
    "dup_9gram_ratio",
    "dup_10gram_ratio",
)


def measure(text: pa.Array, words: Words) -> npt.NDArray[np.float64]:
    """SIGNALS of every row, float64[13, n], from a large_string column and its `split_words`.

    top_ngram: characters of the most frequent n-gram, joined by single spaces, times its count; of equally frequent
    ones the first in the text. dup_ngram: walking the words, an n-gram met before adds its characters and the walk
    goes on behind it; any other moves the walk one word on.
    """
    data, offsets = text_view(text)
    out = np.zeros((len(SIGNALS), len(text)))
    _measure(data, offsets, words.lengths, words.hashes, words.firsts, words.lasts, char_classes(), out)
    return out


@numba.njit(cache=True, nogil=True)
def _duplicates(data, start, end, least, keys):  # type: ignore[no-untyped-def]
    """(elements, duplicates, characters of duplicates) of the text split at runs of `least` or more line feeds."""
    n = n_dup = dup_chars = 0
    keys = keys[: table_size(count_breaks(data, start, end) + 1)]
    keys[:] = 0
    at = start
    while True:
        stop = newline_end(data, at, end)
        behind = _behind_newlines(data, stop, end)
        while stop < end and behind - stop < least:
            stop = newline_end(data, behind, end)
            behind = _behind_newlines(data, stop, end)
        key = hash_bytes(data, at, stop)
        slot = slot_of(keys, key)
        n += 1
        if keys[slot] == key:
            n_dup += 1
            dup_chars += count_chars(data, at, stop)
        keys[slot] = key
        if stop >= end:
            return n, n_dup, dup_chars
        at = behind


@numba.njit(cache=True, nogil=True)
def _behind_newlines(data, at, end):  # type: ignore[no-untyped-def]
    while at < end and data[at] == 0x0A:
        at += 1
    return at


@numba.njit(cache=True, nogil=True)
def _most_words_and_breaks(data, offsets, firsts, lasts):  # type: ignore[no-untyped-def]
    most = 1
    for row in range(len(offsets) - 1):
        n_lines = count_breaks(data, offsets[row], offsets[row + 1]) + 1
        most = max(most, n_lines, lasts[row] - firsts[row])
    return most


@numba.njit(cache=True, nogil=True)
def _measure(data, offsets, lengths, hashes, firsts, lasts, classes, out):  # type: ignore[no-untyped-def]
    most = _most_words_and_breaks(data, offsets, firsts, lasts)
    keys = np.empty(table_size(most), np.uint64)
    counts = np.empty(len(keys), np.int32)
    grams = np.empty(most, np.uint64)
    places = np.empty(most, np.int32)
    slots = np.empty(most, np.int64)
    before = np.zeros(most + 1, np.int64)
    for row in range(len(offsets) - 1):
        n_chars = count_chars(data, offsets[row], offsets[row + 1])
        if n_chars == 0:
            continue
        start, end = strip(data, offsets[row], offsets[row + 1], classes)
        n, n_dup, dup_chars = _duplicates(data, offsets[row], offsets[row + 1], 1, keys)
        out[0, row] = n_dup / n
        out[2, row] = dup_chars / n_chars
        n, n_dup, dup_chars = _duplicates(data, start, end, 2, keys)
        out[1, row] = n_dup / n
        out[3, row] = dup_chars / n_chars

        first, last = firsts[row], lasts[row]
        n_words = last - first
        for i in range(n_words):
            before[i + 1] = before[i] + lengths[first + i]
            grams[i] = hashes[first + i]
            places[i] = i
        n_places = n_words
        for n in range(2, 11):
            if n_words < n:
                break
            while n_places and places[n_places - 1] + n > n_words:
                n_places -= 1
            size = table_size(n_places)
            keys[:size] = 0
            counts[:size] = 0
            for k in range(n_places):
                i = places[k]
                grams[i] = append_hash(grams[i], hashes[first + i + n - 1])
                slot = slot_of(keys[:size], grams[i])
                keys[slot] = grams[i]
                counts[slot] += 1
                slots[k] = slot
            if n <= 4:
                # With no repeated n-gram the most frequent one is the first, which may be no candidate.
                top_count, top = 1, 0
                for k in range(n_places):
                    if counts[slots[k]] > top_count:
                        top_count, top = counts[slots[k]], places[k]
                out[2 + n, row] = (before[top + n] - before[top] + n - 1) * top_count / n_chars
            else:
                # The table becomes the set of n-grams that the walk has met: a met one's count turns negative.
                walk = dup_chars = 0
                for k in range(n_places):
                    i = places[k]
                    count = counts[slots[k]]
                    if i < walk or count == 1:
                        continue
                    if count < 0:
                        dup_chars += before[i + n] - before[i]
                        walk = i + n
                    else:
                        counts[slots[k]] = -count
                out[2 + n, row] = dup_chars / n_chars
            kept = 0
            for k in range(n_places):
                if counts[slots[k]] != 1:
                    places[kept] = places[k]
                    kept += 1
            n_places = kept
