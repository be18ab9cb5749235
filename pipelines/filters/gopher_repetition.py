"""Repetition signals of Gopher (arXiv 2112.11446, table A1), by the formulas of datatrove.

Lines are separated by `\\n+`, paragraphs by `\\n{2,}` of the stripped text; duplicates are all copies after the first. Every character
ratio is over the characters of the whole text. 0 divided by 0 is 0.
Two tricks: pairs of words are first counted in a small table of bytes without comparing them, which excludes most pairs that occur once;
and an n-gram can only occur twice where its first n - 1 words do, so each n looks only at the positions that the n before left, and most
text is done after n = 3.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.filters.gopher_dolma import dolma_repetition
from pipelines.filters.gopher_nemo import nemo_repetition
from pipelines.filters.limits import Floats
from pipelines.filters.pending import PendingRows
from pipelines.filters.rule_set import RuleContext, RuleSet
from pipelines.filters.signals import NGRAM_0, REPETITION_SIGNALS, RepetitionSignal
from pipelines.text.hashing import append_hash, hash_bytes, slot_of, table_size
from pipelines.text.lines import count_breaks, count_chars, strip
from pipelines.text.unicode import char_classes
from pipelines.text.view import text_view
from pipelines.text.words import Words, split_on_space
from schemas.recipe import GopherRepetition

MOST_KEYS: Final = 1 << 21
"""Slots of the table in which n-grams are counted: 24 MiB. The n-grams of a text of more than a million words are counted in parts."""


class _Tables(NamedTuple):
    """Memory for one text."""

    grams: npt.NDArray[np.uint64]
    """By position, the hash of the n-gram that begins there."""
    places: npt.NDArray[np.int32]
    """Positions whose n-gram may occur more than once, ascending."""
    keys: npt.NDArray[np.uint64]
    """Open-addressing table of n-gram hashes."""
    counts: npt.NDArray[np.int32]
    """By name, how often the n-gram occurs."""
    names: npt.NDArray[np.int32]
    """By index in `places`, a number that equal n-grams share."""


def repetition_signals(text: pa.Array, words: Words) -> Floats:
    """REPETITION_SIGNALS of every row, float64[13, n], from a large_string column and its `split_words`.

    top_ngram: characters of the most frequent n-gram, joined by single spaces, times its count; of equally frequent
    ones the first in the text. dup_ngram: on a walk over the words, an n-gram met before adds its characters and the walk
    continues after it; any other moves the walk one word on.
    """
    data, offsets = text_view(text)
    out = np.zeros((len(RepetitionSignal), len(text)))
    _measure_repetition(data, offsets, words, char_classes(), MOST_KEYS, out)
    return out


@numba.njit(cache=True, nogil=True)
def _find_breaks(data, start, end, breaks):  # type: ignore[no-untyped-def]
    """Write the positions of line feeds to `breaks`, then `end`; how many line feeds."""
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
def _most_lines_and_words(data, offsets, firsts, lasts):  # type: ignore[no-untyped-def]
    most_lines = most_words = 1
    for row in range(len(offsets) - 1):
        most_lines = max(most_lines, count_breaks(data, offsets[row], offsets[row + 1]) + 1)
        most_words = max(most_words, lasts[row] - firsts[row])
    return most_lines, most_words


@numba.njit(cache=True, nogil=True)
def _likely_pairs(hashes, seen, grams, places):  # type: ignore[no-untyped-def]
    """Write the hash of every pair to `grams`, and to `places` the positions of pairs that may occur twice; how many.

    A slot of `seen` is 1 after one pair and above 1 after more.
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
def _count_grams(hashes, n, n_places, tables):  # type: ignore[no-untyped-def]
    """Count the n-grams at the first `n_places` places, and name them by their slots."""
    grams, places, keys, counts, names = tables
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
        names[k] = slot


@numba.njit(cache=True, nogil=True)
def _count_grams_in_parts(hashes, n, n_places, tables):  # type: ignore[no-untyped-def]
    """The same with a table too small for all n-grams at once: in parts, by their highest bits. Names are indices in `places`."""
    grams, places, keys, counts, names = tables
    if n > 2:
        for k in range(n_places):
            grams[places[k]] = append_hash(grams[places[k]], hashes[places[k] + n - 1])
    firsts = np.empty(len(keys), np.int32)
    n_parts, shift = 1, np.uint64(64)
    while 4 * n_places > len(keys) * n_parts:
        n_parts, shift = 2 * n_parts, shift - np.uint64(1)
    for part in range(n_parts):
        keys[:] = 0
        for k in range(n_places):
            gram = grams[places[k]]
            if gram >> shift == part:
                slot = slot_of(keys, gram)
                if keys[slot] == 0:
                    keys[slot], firsts[slot], counts[k] = gram, k, 0
                names[k] = firsts[slot]
                counts[names[k]] += 1


@numba.njit(cache=True, nogil=True)
def _span(lengths, start, n):  # type: ignore[no-untyped-def]
    """Characters of n words."""
    n_chars = np.int64(0)
    for i in range(start, start + n):
        n_chars += lengths[i]
    return n_chars


@numba.njit(cache=True, nogil=True)
def _measure_ngrams(hashes, lengths, n_chars, tables, out):  # type: ignore[no-untyped-def]
    """top_ngram and dup_ngram ratios of one text into `out[n]`."""
    grams, places, keys, counts, names = tables
    n_words = len(hashes)
    n_places = _likely_pairs(hashes, keys.view(np.uint8)[: min(4 * table_size(n_words), 8 * len(keys))], grams, places)
    for n in range(2, 11):
        if n_words < n:
            break
        while n_places and places[n_places - 1] + n > n_words:
            n_places -= 1
        if table_size(n_places) <= len(keys):
            _count_grams(hashes, n, n_places, tables)
        else:
            _count_grams_in_parts(hashes, n, n_places, tables)
        if n <= 4:
            # If none is repeated, the most frequent n-gram is the first, which may not be in `places`.
            top_count, top = 1, 0
            for k in range(n_places):
                if counts[names[k]] > top_count:
                    top_count, top = counts[names[k]], places[k]
            out[n] = (_span(lengths, top, n) + n - 1) * top_count / n_chars
        else:
            # A count turns negative when the walk has met its n-gram.
            walk = dup_chars = 0
            for k in range(n_places):
                i = places[k]
                count = counts[names[k]]
                if i < walk or count == 1:
                    continue
                if count < 0:
                    dup_chars += _span(lengths, i, n)
                    walk = i + n
                else:
                    counts[names[k]] = -count
            out[n] = dup_chars / n_chars
        kept = 0
        for k in range(n_places):
            places[kept] = places[k]
            kept += counts[names[k]] != 1
        n_places = kept


@numba.njit(cache=True, nogil=True)
def _measure_repetition(data, offsets, words, classes, most_keys, out):  # type: ignore[no-untyped-def]
    """data uint8[m], offsets int64[n + 1], classes uint8[TABLE_SIZE], out float64[RepetitionSignal, n]."""
    lengths, hashes, firsts, lasts = words.lengths, words.hashes, words.firsts, words.lasts
    most_lines, most_words = _most_lines_and_words(data, offsets, firsts, lasts)
    keys = np.empty(max(table_size(most_lines), min(table_size(most_words), most_keys)), np.uint64)
    breaks = np.empty(most_lines + 1, np.int64)
    places, names = np.empty(most_words, np.int32), np.empty(most_words, np.int32)
    tables = _Tables(np.empty(most_words, np.uint64), places, keys, np.empty(max(most_words, len(keys)), np.int32), names)
    ngrams = np.zeros(11)
    for row in range(len(offsets) - 1):
        n_chars = count_chars(data, offsets[row], offsets[row + 1])
        if n_chars == 0:
            continue
        n_breaks = _find_breaks(data, offsets[row], offsets[row + 1], breaks)
        table = keys[: table_size(n_breaks + 1)]
        table[:] = 0
        n, n_dup, dup_chars = _duplicates(data, offsets[row], offsets[row + 1], breaks, 1, table)
        out[RepetitionSignal.DUP_LINE_RATIO, row] = n_dup / n
        out[RepetitionSignal.DUP_LINE_CHAR_RATIO, row] = dup_chars / n_chars
        start, end = strip(data, offsets[row], offsets[row + 1], classes)
        table[:] = 0
        n, n_dup, dup_chars = _duplicates(data, start, end, breaks, 2, table)
        out[RepetitionSignal.DUP_PARAGRAPH_RATIO, row] = n_dup / n
        out[RepetitionSignal.DUP_PARAGRAPH_CHAR_RATIO, row] = dup_chars / n_chars

        first, last = firsts[row], lasts[row]
        if last - first < 2:
            continue
        ngrams[:] = 0
        _measure_ngrams(hashes[first:last], lengths[first:last], n_chars, tables, ngrams)
        out[NGRAM_0 + 2 :, row] = ngrams[2:]


def _measure(pending: PendingRows, context: RuleContext) -> Floats:
    variant = context.filters.gopher_repetition.variant
    if variant == "dolma":
        return dolma_repetition(pending.text, split_on_space(pending.text, places=False))
    if variant == "nemo":
        return nemo_repetition(pending.text, split_on_space(pending.text))
    return repetition_signals(pending.text, pending.words)


RULE_SET = RuleSet(name="gopher_repetition", config=GopherRepetition, signals=REPETITION_SIGNALS, measure=_measure)
