"""Signals of the ROOTS corpus (arXiv 2303.03915, appendix on filtering): repetition of characters and words, special characters.

char_repetition_ratio: of the frequencies of all character n-grams, the share of the most frequent ones, as many as the square root of
the number of distinct ones, but none that occurs once. word_repetition_ratio: the share of word n-grams that occur more than once.
Words are compared as they stand; ROOTS makes them lower-case, takes punctuation off them and has a tokenizer's pieces for Chinese.
"""

from __future__ import annotations

from typing import Final

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.text.hashing import SEED, add_code, append_hash, finish, slot_of, table_size
from pipelines.text.lines import class_of, count_chars
from pipelines.text.unicode import LETTER, MARK, char_classes, decode
from pipelines.text.view import text_view
from pipelines.text.words import Words

MEASURED: Final = ("words", "char_repetition_ratio", "word_repetition_ratio", "special_char_ratio")
OF_LISTS: Final = ("stop_word_ratio", "flagged_word_ratio")
"""Closed-class words and flagged words, by the lists that the recipe names; NaN in a language without a list."""
SIGNALS: Final = (*MEASURED, *OF_LISTS, "language_score")


def measure(text: pa.Array, words: Words, char_ngram: npt.NDArray[np.int64], word_ngram: int) -> npt.NDArray[np.float64]:
    """MEASURED of every row, float64[4, n]; `words` are those of `split_on_space`, the length of character n-grams is given by row.

    Special characters are all but letters and marks. A text too short for an n-gram repeats nothing. 0 divided by 0 is 0.
    """
    data, offsets = text_view(text)
    out = np.zeros((len(MEASURED), len(text)))
    out[0] = words.counts
    _repeat_words(words.hashes, words.firsts, words.lasts, word_ngram, out)
    _repeat_chars(data, offsets, char_ngram, char_classes(), out)
    return out


@numba.njit(cache=True, nogil=True)
def _count(grams, n, keys, counts):  # type: ignore[no-untyped-def]
    """Count the first n of `grams` in an emptied table; its size."""
    size = table_size(n)
    keys[:size] = 0
    counts[:size] = 0
    for i in range(n):
        slot = slot_of(keys[:size], grams[i])
        keys[slot] = grams[i]
        counts[slot] += 1
    return size


@numba.njit(cache=True, nogil=True)
def _repeat_words(hashes, firsts, lasts, ngram, out):  # type: ignore[no-untyped-def]
    most = 1
    for row in range(len(firsts)):
        most = max(most, lasts[row] - firsts[row])
    keys, grams = np.empty(table_size(most), np.uint64), np.empty(most, np.uint64)
    counts = np.empty(len(keys), np.int32)
    for row in range(len(firsts)):
        first = firsts[row]
        n = lasts[row] - first - ngram + 1
        if n <= 0:
            continue
        for i in range(n):
            gram = hashes[first + i]
            for k in range(1, ngram):
                gram = append_hash(gram, hashes[first + i + k])
            grams[i] = gram
        size = _count(grams, n, keys, counts)
        repeated = 0
        for slot in range(size):
            if counts[slot] > 1:
                repeated += counts[slot]
        out[2, row] = repeated / n


@numba.njit(cache=True, nogil=True)
def _repeat_chars(data, offsets, ngram, classes, out):  # type: ignore[no-untyped-def]
    most = 1
    for row in range(len(offsets) - 1):
        most = max(most, offsets[row + 1] - offsets[row])
    keys, grams, codes = np.empty(table_size(most), np.uint64), np.empty(most, np.uint64), np.empty(most, np.int32)
    counts = np.empty(len(keys), np.int32)
    for row in range(len(offsets) - 1):
        at, stop = offsets[row], offsets[row + 1]
        n_chars = count_chars(data, at, stop)
        n_special = 0
        for i in range(n_chars):
            codes[i], size = decode(data, at)
            n_special += class_of(codes[i], classes) & (LETTER | MARK) == 0
            at += size
        if n_chars:
            out[3, row] = n_special / n_chars
        n = n_chars - ngram[row] + 1
        if n <= 0:
            continue
        for i in range(n):
            h = SEED
            for k in range(ngram[row]):
                h = add_code(h, codes[i + k])
            grams[i] = finish(h)
        size = _count(grams, n, keys, counts)
        frequencies = np.sort(counts[:size][counts[:size] > 0])[::-1]
        n_top = min(int(np.sqrt(len(frequencies))), (frequencies > 1).sum())
        out[1, row] = frequencies[:n_top].sum() / n
