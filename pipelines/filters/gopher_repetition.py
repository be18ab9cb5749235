"""Repetition signals of Gopher (arXiv 2112.11446, table A1), by the formulas of datatrove.

Lines are what stands between `\\n+`, paragraphs between `\\n{2,}` of the stripped text; duplicates are all copies after
the first. Every character ratio is over the characters of the whole text. 0 divided by 0 is 0.
Two tricks: pairs of words are first counted in a small table of bytes without looking at who they are, which leaves out most of those
that occur once; and an n-gram can only occur twice where its first n - 1 words do, so each n looks only at the positions that the n
before left over, and most text is done after n = 3.
"""

from __future__ import annotations

from typing import Final

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.text.hashing import append_hash, hash_bytes, slot_of, table_size
from pipelines.text.lines import count_breaks, count_chars, strip
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
def _find_breaks(data, start, end, breaks):  # type: ignore[no-untyped-def]
    """Write the places of line feeds to `breaks`, and `end` behind them; how many line feeds."""
    n = 0
    for at in range(start, end):
        breaks[n] = at
        n += data[at] == 0x0A
    breaks[n] = end
    return n


@numba.njit(cache=True, nogil=True)
def _duplicates(data, start, end, breaks, least, keys):  # type: ignore[no-untyped-def]
    """(elements, duplicates, characters of duplicates) of the text split at runs of `least` or more line feeds.

    `breaks` are the line feeds of the whole text and its end.
    """
    n = n_dup = dup_chars = k = 0
    while breaks[k] < start:
        k += 1
    at = start
    while True:
        stop = behind = end
        while breaks[k] < end:
            first = k
            k += 1
            while breaks[k] < end and breaks[k] == breaks[k - 1] + 1:
                k += 1
            if k - first >= least:
                stop, behind = breaks[first], breaks[k - 1] + 1
                break
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
def _most_words_and_breaks(data, offsets, firsts, lasts):  # type: ignore[no-untyped-def]
    most = 1
    for row in range(len(offsets) - 1):
        n_lines = count_breaks(data, offsets[row], offsets[row + 1]) + 1
        most = max(most, n_lines, lasts[row] - firsts[row])
    return most


@numba.njit(cache=True, nogil=True)
def _likely_pairs(hashes, seen, grams, places):  # type: ignore[no-untyped-def]
    """Write the hash of every pair to `grams`, and to `places` where those stand that may occur twice; how many.

    A slot of `seen` is 1 after one pair that falls into it and above after more.
    """
    mask = np.uint64(len(seen) - 1)
    seen[:] = 0
    n_pairs = len(hashes) - 1
    for i in range(n_pairs):
        grams[i] = append_hash(hashes[i], hashes[i + 1])
        slot = grams[i] & mask
        seen[slot] = (seen[slot] << 1) | 1
    n_places = 0
    for i in range(n_pairs):
        places[n_places] = i
        n_places += seen[grams[i] & mask] > 1
    return n_places


@numba.njit(cache=True, nogil=True)
def _measure_ngrams(hashes, before, n_chars, keys, counts, seen, grams, places, slots, out):  # type: ignore[no-untyped-def]
    """top_ngram and dup_ngram ratios of one text into `out[n]`; `before[i]` are the characters of the words before word i."""
    n_words = len(hashes)
    n_places = _likely_pairs(hashes, seen[: 4 * table_size(n_words)], grams, places)
    for n in range(2, 11):
        if n_words < n:
            break
        while n_places and places[n_places - 1] + n > n_words:
            n_places -= 1
        table = keys[: table_size(n_places)]
        table[:] = 0
        counts[: len(table)] = 0
        for k in range(n_places):
            i = places[k]
            if n > 2:
                grams[i] = append_hash(grams[i], hashes[i + n - 1])
            slot = slot_of(table, grams[i])
            table[slot] = grams[i]
            counts[slot] += 1
            slots[k] = slot
        if n <= 4:
            # With no repeated n-gram the most frequent one is the first, which may be no candidate.
            top_count, top = 1, 0
            for k in range(n_places):
                if counts[slots[k]] > top_count:
                    top_count, top = counts[slots[k]], places[k]
            out[n] = (before[top + n] - before[top] + n - 1) * top_count / n_chars
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
            out[n] = dup_chars / n_chars
        kept = 0
        for k in range(n_places):
            places[kept] = places[k]
            kept += counts[slots[k]] != 1
        n_places = kept


@numba.njit(cache=True, nogil=True)
def _measure(data, offsets, lengths, hashes, firsts, lasts, classes, out):  # type: ignore[no-untyped-def]
    most = _most_words_and_breaks(data, offsets, firsts, lasts)
    keys = np.empty(table_size(most), np.uint64)
    counts = np.empty(len(keys), np.int32)
    seen = np.empty(4 * len(keys), np.uint8)
    breaks = np.empty(most + 1, np.int64)
    grams = np.empty(most, np.uint64)
    places = np.empty(most, np.int32)
    slots = np.empty(most, np.int64)
    before = np.zeros(most + 1, np.int64)
    ngrams = np.zeros(11)
    for row in range(len(offsets) - 1):
        n_chars = count_chars(data, offsets[row], offsets[row + 1])
        if n_chars == 0:
            continue
        n_breaks = _find_breaks(data, offsets[row], offsets[row + 1], breaks)
        table = keys[: table_size(n_breaks + 1)]
        table[:] = 0
        n, n_dup, dup_chars = _duplicates(data, offsets[row], offsets[row + 1], breaks, 1, table)
        out[0, row] = n_dup / n
        out[2, row] = dup_chars / n_chars
        start, end = strip(data, offsets[row], offsets[row + 1], classes)
        table[:] = 0
        n, n_dup, dup_chars = _duplicates(data, start, end, breaks, 2, table)
        out[1, row] = n_dup / n
        out[3, row] = dup_chars / n_chars

        first, n_words = firsts[row], lasts[row] - firsts[row]
        if n_words < 2:
            continue
        for i in range(n_words):
            before[i + 1] = before[i] + lengths[first + i]
        ngrams[:] = 0
        _measure_ngrams(hashes[first : first + n_words], before, n_chars, keys, counts, seen, grams, places, slots, ngrams)
        out[4:, row] = ngrams[2:]
