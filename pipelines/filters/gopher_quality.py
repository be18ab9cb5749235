"""Quality signals of Gopher (arXiv 2112.11446, appendix A1), by the formulas of datatrove or of the paper.

datatrove: `#` and ellipses over all words, letters over all words, length over words that are not punctuation.
paper: the same over what stands between white space. 0 divided by 0 is 0.
"""

from __future__ import annotations

from typing import Final

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.filters.tables import ProfileTables
from pipelines.text.hashing import slot_of
from pipelines.text.lines import line_end, strip
from pipelines.text.unicode import char_classes
from pipelines.text.view import text_view
from pipelines.text.words import HAS_LETTER, PUNCTUATION_ONLY, Words

SIGNALS: Final = (
    "words",
    "mean_word_length",
    "hash_ratio",
    "ellipsis_ratio",
    "bullet_line_ratio",
    "ellipsis_line_ratio",
    "alpha_word_ratio",
    "stop_words",
)


def measure(
    text: pa.Array, words: Words, profile: npt.NDArray[np.int32], tables: ProfileTables, *, count_punctuation: bool
) -> npt.NDArray[np.float64]:
    """SIGNALS of every row, float64[8, n].

    `words` are those of `split_words`, or of `split_on_space` with `count_punctuation`; `profile` is each row's place
    in `tables`. stop_words counts distinct ones.
    """
    data, offsets = text_view(text)
    out = np.zeros((len(SIGNALS), len(text)))
    _count_words(words.lengths, words.flags, words.hashes, words.firsts, words.lasts, profile, tables.stop_words, count_punctuation, out)
    _count_lines(data, offsets, words.firsts, words.lasts, char_classes(), out)
    return out


@numba.njit(cache=True, nogil=True)
def _count_words(lengths, flags, hashes, firsts, lasts, profile, stop_words, count_punctuation, out):  # type: ignore[no-untyped-def]
    met = np.zeros(stop_words.shape[1], np.bool_)
    for row in range(len(firsts)):
        stops = stop_words[profile[row]]
        met[:] = False
        n_words = n_chars = n_alpha = n_stops = 0
        for i in range(firsts[row], lasts[row]):
            if count_punctuation or not flags[i] & PUNCTUATION_ONLY:
                n_words += 1
                n_chars += lengths[i]
            if flags[i] & HAS_LETTER:
                n_alpha += 1
                slot = slot_of(stops, hashes[i])
                if stops[slot] == hashes[i] and not met[slot]:
                    met[slot] = True
                    n_stops += 1
        n_all = lasts[row] - firsts[row]
        out[0, row] = n_words
        out[1, row] = n_chars / n_words if n_words else 0.0
        out[6, row] = n_alpha / n_all if n_all else 0.0
        out[7, row] = n_stops


@numba.njit(cache=True, nogil=True)
def _is_ellipsis(data, at, end):  # type: ignore[no-untyped-def]
    """Whether `...` or U+2026 stands at `at`; both are three bytes long."""
    if at + 3 > end:
        return False
    first, second, third = data[at], data[at + 1], data[at + 2]
    return (first == 0x2E and second == 0x2E and third == 0x2E) or (first == 0xE2 and second == 0x80 and third == 0xA6)


@numba.njit(cache=True, nogil=True)
def _count_lines(data, offsets, firsts, lasts, classes, out):  # type: ignore[no-untyped-def]
    for row in range(len(offsets) - 1):
        at, stop = offsets[row], offsets[row + 1]
        n_lines = n_bullets = n_ends = n_hashes = n_ellipses = 0
        while at < stop:
            end, behind = line_end(data, at, stop)
            n_lines += 1
            first, last = strip(data, at, end, classes)
            if first < last:
                bullet = data[first] == 0xE2 and data[first + 1] == 0x80 and data[first + 2] == 0xA2  # U+2022
                n_bullets += bullet or data[first] == 0x2D
                n_ends += last - first >= 3 and _is_ellipsis(data, last - 3, last)
            while at < end:
                byte = data[at]
                if byte == 0x23:
                    n_hashes += 1
                elif byte in (0x2E, 0xE2) and _is_ellipsis(data, at, end):
                    n_ellipses += 1
                    at += 2
                at += 1
            at = behind
        n_all = lasts[row] - firsts[row]
        if n_all:
            out[2, row] = n_hashes / n_all
            out[3, row] = n_ellipses / n_all
        if n_lines:
            out[4, row] = n_bullets / n_lines
            out[5, row] = n_ends / n_lines
