"""Gopher's signals (arXiv 2112.11446, appendix A1) by the formulas of Dolma's tagger gopher_v1.

Words are separated by white space, lines by line feeds; blank lines count, so blank lines between paragraphs are repeated lines. Every
copy of a repeated line or n-gram counts, also the first, and n-grams overlap. This is much stricter than datatrove's formulas at the same
limits. Dolma has no rule on paragraphs: their signals are 0. Characters are those of words. All signals of an empty text are 0.
"""

from __future__ import annotations

import numba
import numpy as np
import pyarrow as pa

from pipelines.filters.limits import Floats, Profiles
from pipelines.filters.signals import NGRAM_0, QualitySignal, RepetitionSignal
from pipelines.filters.tables import ProfileTables
from pipelines.filters.word_ngrams import count_ngrams, keep_repeated, most_frequent_ngram, new_tables
from pipelines.text.hashing import hash_bytes, slot_of, table_size
from pipelines.text.lines import count_breaks, count_chars, newline_end
from pipelines.text.view import text_view
from pipelines.text.words import HAS_LETTER, Words


def dolma_repetition(text: pa.Array, words: Words) -> Floats:
    """REPETITION_SIGNALS of every row, float64[13, n], from a large_string column and its `split_on_space`.

    top_ngram: characters of the words of the most frequent n-gram times its count, over those of all words. dup_ngram: characters of
    all n-grams that occur more than once, over those of all n-grams.
    """
    data, offsets = text_view(text)
    out = np.zeros((len(RepetitionSignal), len(text)))
    _repetition(data, offsets, words, out)
    return out


def dolma_quality(text: pa.Array, words: Words, profile: Profiles, tables: ProfileTables) -> Floats:
    """QUALITY_SIGNALS of every row, float64[8, n]; `words` are those of `split_on_space`.

    mean_word_length is the median. hash_ratio is the share of words with `#` or U+2026, which Dolma limits as one;
    ellipsis_ratio that of words with U+2026. A mark next to characters of a script without spaces counts as a word that contains it.
    Bullets are `*` and `-` at the start of a line; only U+2026 at the end of a line is an ellipsis. Stop words count with repeats.
    """
    data, offsets = text_view(text)
    out = np.zeros((len(QualitySignal), len(text)))
    _quality(data, offsets, words, profile, tables.stop_words, out)
    return out


@numba.njit(cache=True, nogil=True)
def _repeated_lines(data, start, stop, tables):  # type: ignore[no-untyped-def]
    """(lines, those that occur more than once, their characters)."""
    counts, slots = tables.counts, tables.slots
    keys = tables.keys[: table_size(count_breaks(data, start, stop) + 1)]
    keys[:] = 0
    counts[: len(keys)] = 0
    n = 0
    at = start
    while at <= stop:
        end = newline_end(data, at, stop)
        key = hash_bytes(data, at, end)
        slots[n] = slot_of(keys, key)
        keys[slots[n]] = key
        counts[slots[n]] += 1
        n += 1
        at = end + 1
    n_repeated = n_chars = 0
    at = start
    for k in range(n):
        end = newline_end(data, at, stop)
        if counts[slots[k]] > 1:
            n_repeated += 1
            n_chars += count_chars(data, at, end)
        at = end + 1
    return n, n_repeated, n_chars


@numba.njit(cache=True, nogil=True)
def _repetition(data, offsets, words, out):  # type: ignore[no-untyped-def]
    """data uint8[m], offsets int64[n + 1], out float64[RepetitionSignal, n]."""
    lengths, hashes, firsts, lasts = words.lengths, words.hashes, words.firsts, words.lasts
    most = 1
    for row in range(len(firsts)):
        most = max(most, count_breaks(data, offsets[row], offsets[row + 1]) + 1, lasts[row] - firsts[row])
    tables = new_tables(most)
    before = np.zeros(most + 1, np.int64)
    for row in range(len(firsts)):
        if offsets[row] == offsets[row + 1]:
            continue
        first = firsts[row]
        n_words = lasts[row] - first
        for i in range(n_words):
            before[i + 1] = before[i] + lengths[first + i]
            tables.grams[i] = hashes[first + i]
            tables.places[i] = i
        n_chars = max(before[n_words], 1)
        n_lines, n_repeated, repeated_chars = _repeated_lines(data, offsets[row], offsets[row + 1], tables)
        out[RepetitionSignal.DUP_LINE_RATIO, row] = n_repeated / n_lines
        out[RepetitionSignal.DUP_LINE_CHAR_RATIO, row] = repeated_chars / n_chars
        n_places = n_words
        for n in range(2, 11):
            if n_words < n:
                break
            n_places = count_ngrams(n, hashes[first : first + n_words], n_places, tables)
            if n <= 4:
                top, count = most_frequent_ngram(n_places, tables)
                out[NGRAM_0 + n, row] = (before[top + n] - before[top]) * count / n_chars
            else:
                all_chars = repeated = 0
                for i in range(n_words - n + 1):
                    all_chars += before[i + n] - before[i]
                for k in range(n_places):
                    if tables.counts[tables.slots[k]] > 1:
                        repeated += before[tables.places[k] + n] - before[tables.places[k]]
                out[NGRAM_0 + n, row] = repeated / all_chars
            n_places = keep_repeated(n_places, tables)


@numba.njit(cache=True, nogil=True)
def _symbols(data, at, end):  # type: ignore[no-untyped-def]
    """(`#`, U+2026) in the span."""
    n_hashes = n_ellipses = 0
    while at < end:
        if data[at] == 0x23:
            n_hashes += 1
        elif data[at] == 0xE2 and at + 3 <= end and data[at + 1] == 0x80 and data[at + 2] == 0xA6:
            n_ellipses += 1
        at += 1
    return n_hashes, n_ellipses


@numba.njit(cache=True, nogil=True)
def _median(lengths):  # type: ignore[no-untyped-def]
    ordered = np.sort(lengths)
    middle = len(ordered) // 2
    return float(ordered[middle]) if len(ordered) % 2 else (float(ordered[middle - 1]) + float(ordered[middle])) / 2


@numba.njit(cache=True, nogil=True)
def _quality(data, offsets, words, profile, stop_words, out):  # type: ignore[no-untyped-def]
    """data uint8[m], offsets int64[n + 1], profile int32[n], stop_words uint64[p, size], out float64[QualitySignal, n]."""
    starts, ends, lengths, flags, hashes = words.starts, words.ends, words.lengths, words.flags, words.hashes
    firsts, lasts = words.firsts, words.lasts
    for row in range(len(firsts)):
        start, stop = offsets[row], offsets[row + 1]
        if start == stop:
            continue
        stops = stop_words[profile[row]]
        n_words = lasts[row] - firsts[row]
        n_symbols = n_with_ellipsis = n_alpha = n_stops = 0
        at = start
        for i in range(firsts[row], lasts[row]):
            hashes_between, ellipses_between = _symbols(data, at, starts[i])
            n_hashes, n_ellipses = _symbols(data, starts[i], ends[i])
            n_symbols += hashes_between + ellipses_between + (n_hashes + n_ellipses > 0)
            n_with_ellipsis += ellipses_between + (n_ellipses > 0)
            n_alpha += flags[i] & HAS_LETTER != 0
            n_stops += stops[slot_of(stops, hashes[i])] == hashes[i]
            at = ends[i]
        n_hashes, n_ellipses = _symbols(data, at, stop)
        n_symbols += n_hashes + n_ellipses
        n_with_ellipsis += n_ellipses
        out[QualitySignal.WORDS, row] = n_words
        out[QualitySignal.STOP_WORDS, row] = n_stops
        if n_words:
            out[QualitySignal.MEAN_WORD_LENGTH, row] = _median(lengths[firsts[row] : lasts[row]])
            out[QualitySignal.HASH_RATIO, row] = n_symbols / n_words
            out[QualitySignal.ELLIPSIS_RATIO, row] = n_with_ellipsis / n_words
            out[QualitySignal.ALPHA_WORD_RATIO, row] = n_alpha / n_words
        n_lines = n_bullets = n_ends = 0
        at = start
        while at <= stop:
            end = newline_end(data, at, stop)
            n_lines += 1
            n_bullets += at < end and (data[at] == 0x2A or data[at] == 0x2D)
            n_ends += end - at >= 3 and data[end - 3] == 0xE2 and data[end - 2] == 0x80 and data[end - 1] == 0xA6
            at = end + 1
        out[QualitySignal.BULLET_LINE_RATIO, row] = n_bullets / n_lines
        out[QualitySignal.ELLIPSIS_LINE_RATIO, row] = n_ends / n_lines
