"""Gopher's signals (arXiv 2112.11446, appendix A1) by the formulas of NeMo Curator's filters.

Words are separated by white space, lines by line feeds without blank ones, paragraphs by two line feeds. A text of fewer than n words has
1 for every n-gram signal, so it is dropped.
NeMo joins the words of an n-gram by a space and searches for that string, which no text without spaces contains. Here words without white
space between them are joined as in the text, and only white space between words counts as a character.
"""

from __future__ import annotations

from typing import Final

import numba
import numpy as np
import pyarrow as pa

from pipelines.filters.limits import Floats, Profiles
from pipelines.filters.signals import NGRAM_0, QualitySignal, RepetitionSignal
from pipelines.filters.tables import ProfileTables, is_one_of, phrase_table
from pipelines.filters.word_ngrams import count_ngrams, keep_repeated, most_frequent_ngram, new_tables
from pipelines.text.hashing import hash_bytes, slot_of, table_size
from pipelines.text.lines import class_of, count_breaks, count_chars, newline_end, strip
from pipelines.text.unicode import SPACE, char_classes, decode
from pipelines.text.view import text_view
from pipelines.text.words import HAS_LETTER, Words

BULLETS: Final = "•‣⁃⁌⁍∙○●◘◦⦾⦿"
ELLIPSES: Final = ("...", "[...]", "…", "(...)", "[…]", "-»", "read more..", "read more")


_ELLIPSES: Final = phrase_table(*ELLIPSES)
_BULLETS: Final = np.array([*map(ord, BULLETS), 0], np.uint32)


def nemo_repetition(text: pa.Array, words: Words) -> Floats:
    """REPETITION_SIGNALS of every row, float64[13, n], from a large_string column and its `split_on_space`.

    dup_line and dup_paragraph: the share of copies after the first, by number and by characters. top_ngram: characters of all
    occurrences of the most frequent n-gram (of equally frequent ones the first) as a string. dup_ngram: characters of n-grams met before,
    with the spaces between words, each word counted once. Both are over the characters of the whole text.
    """
    data, offsets = text_view(text)
    out = np.zeros((len(RepetitionSignal), len(text)))
    _repetition(data, offsets, words, char_classes(), out)
    return out


def nemo_quality(text: pa.Array, words: Words, profile: Profiles, tables: ProfileTables) -> Floats:
    """QUALITY_SIGNALS of every row, float64[8, n]; `words` are those of `split_on_space`.

    hash_ratio is the share of words that are an ellipsis, or runs of `#` for more than half of their characters, which NeMo limits as one;
    ellipsis_ratio that of ellipses alone. Lines are stripped. Bullets are round ones, no `-`; "read more" ends a line like an
    ellipsis. Stop words count with repeats. 0 divided by 0 is 0.
    """
    data, offsets = text_view(text)
    out = np.zeros((len(QualitySignal), len(text)))
    _quality(data, offsets, words, profile, tables.stop_words, char_classes(), out)
    return out


@numba.njit(cache=True, nogil=True)
def _copies(data, start, stop, by_paragraph, keys, classes):  # type: ignore[no-untyped-def]
    """(elements, copies after the first, characters, those of copies) of the lines or paragraphs."""
    keys = keys[: table_size(count_breaks(data, start, stop) + 1)]
    keys[:] = 0
    n = n_copies = n_chars = copied_chars = 0
    at = start
    while at <= stop:
        end = newline_end(data, at, stop)
        behind = end + 1
        if by_paragraph:
            while end < stop and not (end + 1 < stop and data[end + 1] == 0x0A):
                end = newline_end(data, end + 1, stop)
            behind = end + 2
        first, last = strip(data, at, end, classes)
        if by_paragraph or first < last:
            key = hash_bytes(data, at, end)
            slot = slot_of(keys, key)
            own = count_chars(data, at, end)
            n += 1
            n_chars += own
            if keys[slot] == key:
                n_copies += 1
                copied_chars += own
            keys[slot] = key
        if end >= stop:
            break
        at = behind
    return n, n_copies, n_chars, copied_chars


@numba.njit(cache=True, nogil=True)
def _join(data, starts, ends, first, n, classes, needle):  # type: ignore[no-untyped-def]
    """Write n words to `needle`, one space for white space between two of them, anything else unchanged; bytes written."""
    to = 0
    for i in range(first, first + n):
        size = ends[i] - starts[i]
        needle[to : to + size] = data[starts[i] : ends[i]]
        to += size
        if i + 1 < first + n:
            if _is_spaced(data, ends[i], starts[i + 1], classes):
                needle[to] = 0x20
                to += 1
            else:
                size = starts[i + 1] - ends[i]
                needle[to : to + size] = data[ends[i] : starts[i + 1]]
                to += size
    return to


@numba.njit(cache=True, nogil=True)
def _is_spaced(data, at, end, classes):  # type: ignore[no-untyped-def]
    while at < end:
        code, size = decode(data, at)
        if class_of(code, classes) & SPACE:
            return True
        at += size
    return False


@numba.njit(cache=True, nogil=True)
def _occurrences(data, start, stop, needle, n_needle, fallback):  # type: ignore[no-untyped-def]
    """Non-overlapping occurrences of the needle in the text (Knuth, Morris and Pratt: linear for any text)."""
    fallback[0] = 0
    matched = 0
    for k in range(1, n_needle):
        while matched and needle[k] != needle[matched]:
            matched = fallback[matched - 1]
        matched += needle[k] == needle[matched]
        fallback[k] = matched
    n = matched = 0
    for at in range(start, stop):
        while matched and data[at] != needle[matched]:
            matched = fallback[matched - 1]
        matched += data[at] == needle[matched]
        if matched == n_needle:
            n += 1
            matched = 0
    return n


@numba.njit(cache=True, nogil=True)
def _most(data, offsets, firsts, lasts):  # type: ignore[no-untyped-def]
    """The most words or lines, and the most bytes, of a row."""
    most = most_bytes = 1
    for row in range(len(firsts)):
        most = max(most, count_breaks(data, offsets[row], offsets[row + 1]) + 1, lasts[row] - firsts[row])
        most_bytes = max(most_bytes, offsets[row + 1] - offsets[row])
    return most, most_bytes


@numba.njit(cache=True, nogil=True)
def _repetition(data, offsets, words, classes, out):  # type: ignore[no-untyped-def]
    """data uint8[m], offsets int64[n + 1], classes uint8[TABLE_SIZE], out float64[RepetitionSignal, n]."""
    starts, ends, lengths, hashes, firsts, lasts = words.starts, words.ends, words.lengths, words.hashes, words.firsts, words.lasts
    most, most_bytes = _most(data, offsets, firsts, lasts)
    tables = new_tables(most)
    chars, gaps = np.zeros(most + 1, np.int64), np.zeros(most + 1, np.int64)
    needle, fallback = np.empty(most_bytes + 4, np.uint8), np.empty(most_bytes + 4, np.int32)
    for row in range(len(firsts)):
        start, stop = offsets[row], offsets[row + 1]
        for by_paragraph in range(2):
            n, n_copies, n_chars, copied_chars = _copies(data, start, stop, by_paragraph == 1, tables.keys, classes)
            out[RepetitionSignal.DUP_LINE_RATIO + by_paragraph, row] = n_copies / n if n else 0.0
            out[RepetitionSignal.DUP_LINE_CHAR_RATIO + by_paragraph, row] = copied_chars / n_chars if n_chars else 0.0
        first = firsts[row]
        n_words = lasts[row] - first
        n_chars = count_chars(data, start, stop)
        for i in range(n_words):
            chars[i + 1] = chars[i] + lengths[first + i]
            # gaps[i]: how many of the words up to word i follow white space.
            gaps[i + 1] = gaps[i] + (i + 1 < n_words and _is_spaced(data, ends[first + i], starts[first + i + 1], classes))
            tables.grams[i] = hashes[first + i]
            tables.places[i] = i
        n_places = n_words
        for n in range(2, 11):
            if n_words < n:
                out[NGRAM_0 + n, row] = 1.0
                continue
            n_places = count_ngrams(n, hashes[first : first + n_words], n_places, tables)
            if n <= 4:
                top, _ = most_frequent_ngram(n_places, tables)
                size = _join(data, starts, ends, first + top, n, classes, needle)
                n_found = _occurrences(data, start, stop, needle, size, fallback)
                out[NGRAM_0 + n, row] = n_found * count_chars(needle, 0, size) / n_chars
            else:
                out[NGRAM_0 + n, row] = _met_before(n, n_places, tables, chars, gaps) / n_chars
            n_places = keep_repeated(n_places, tables)


@numba.njit(cache=True, nogil=True)
def _met_before(n, n_places, tables, chars, gaps):  # type: ignore[no-untyped-def]
    """Characters of the n-grams met before, each word once, and of the spaces before and between those words.

    The count of an n-gram that was met turns negative.
    """
    places, counts, slots = tables.places, tables.counts, tables.slots
    total = 0
    counted = -1  # the words before this one are counted
    for k in range(n_places):
        i, slot = places[k], slots[k]
        if counts[slot] == 1:
            continue
        if counts[slot] > 0:
            counts[slot] = -counts[slot]
            continue
        begin = max(i, counted)
        total += chars[i + n] - chars[begin] + gaps[i + n - 1] - gaps[begin if counted <= i else begin - 1]
        counted = i + n
    return total


@numba.njit(cache=True, nogil=True)
def _phrase_at(data, at, end, phrase):  # type: ignore[no-untyped-def]
    """Bytes of the zero-terminated phrase if it begins at `at`, ignoring the case of ASCII letters; else 0."""
    size = 0
    while phrase[size] != 0:
        if at + size >= end:
            return 0
        own = data[at + size]
        if 0x41 <= own <= 0x5A:
            own |= 0x20
        if own != phrase[size]:
            return 0
        size += 1
    return size


@numba.njit(cache=True, nogil=True)
def _size(phrase):  # type: ignore[no-untyped-def]
    size = 0
    while phrase[size] != 0:
        size += 1
    return size


@numba.njit(cache=True, nogil=True)
def _ends_in_ellipsis(data, start, end):  # type: ignore[no-untyped-def]
    for k in range(len(_ELLIPSES)):
        size = _size(_ELLIPSES[k])
        if end - size >= start and _phrase_at(data, end - size, end, _ELLIPSES[k]):
            return True
    return False


@numba.njit(cache=True, nogil=True)
def _is_ellipsis(data, start, end):  # type: ignore[no-untyped-def]
    found = False
    for k in range(len(_ELLIPSES)):
        found |= _size(_ELLIPSES[k]) == end - start and _phrase_at(data, start, end, _ELLIPSES[k]) > 0
    return found


@numba.njit(cache=True, nogil=True)
def _runs_of_hash(data, at, end):  # type: ignore[no-untyped-def]
    n = 0
    before = False
    while at < end:
        n += data[at] == 0x23 and not before
        before = data[at] == 0x23
        at += 1
    return n


@numba.njit(cache=True, nogil=True)
def _ellipses_between(data, at, end):  # type: ignore[no-untyped-def]
    """U+2026 between words: in scripts without spaces a mark next to a character is not a word."""
    n = 0
    while at + 3 <= end:
        n += data[at] == 0xE2 and data[at + 1] == 0x80 and data[at + 2] == 0xA6
        at += 1
    return n


@numba.njit(cache=True, nogil=True)
def _quality(data, offsets, words, profile, stop_words, classes, out):  # type: ignore[no-untyped-def]
    """data uint8[m], offsets int64[n + 1], profile int32[n], stop_words uint64[p, size], out float64[QualitySignal, n]."""
    starts, ends, lengths, flags, hashes = words.starts, words.ends, words.lengths, words.flags, words.hashes
    firsts, lasts = words.firsts, words.lasts
    for row in range(len(firsts)):
        start, stop = offsets[row], offsets[row + 1]
        stops = stop_words[profile[row]]
        n_words = lasts[row] - firsts[row]
        n_chars = n_hashes = n_ellipses = n_alpha = n_stops = 0
        at = start
        for i in range(firsts[row], lasts[row]):
            n_ellipses += _ellipses_between(data, at, starts[i]) + _is_ellipsis(data, starts[i], ends[i])
            n_hashes += 2 * _runs_of_hash(data, starts[i], ends[i]) > lengths[i]
            n_chars += lengths[i]
            n_alpha += flags[i] & HAS_LETTER != 0
            n_stops += stops[slot_of(stops, hashes[i])] == hashes[i]
            at = ends[i]
        n_ellipses += _ellipses_between(data, at, stop)
        out[QualitySignal.WORDS, row] = n_words
        out[QualitySignal.STOP_WORDS, row] = n_stops
        if n_words:
            out[QualitySignal.MEAN_WORD_LENGTH, row] = n_chars / n_words
            out[QualitySignal.HASH_RATIO, row] = (n_hashes + n_ellipses) / n_words
            out[QualitySignal.ELLIPSIS_RATIO, row] = n_ellipses / n_words
            out[QualitySignal.ALPHA_WORD_RATIO, row] = n_alpha / n_words
        n_lines = n_bullets = n_ends = 0
        at = start
        while at < stop:
            end = newline_end(data, at, stop)
            first, last = strip(data, at, end, classes)
            at = end + 1
            if first == last:
                continue
            n_lines += 1
            n_bullets += is_one_of(decode(data, first)[0], _BULLETS)
            n_ends += _ends_in_ellipsis(data, first, last)
        if n_lines:
            out[QualitySignal.BULLET_LINE_RATIO, row] = n_bullets / n_lines
            out[QualitySignal.ELLIPSIS_LINE_RATIO, row] = n_ends / n_lines
