"""Quality rules of Gopher (arXiv 2112.11446, appendix A1); their signals by the formulas of datatrove or of the paper.

datatrove: `#` and ellipses over all words, letters over all words, length over words that are not punctuation.
paper: the same over words between white space. 0 divided by 0 is 0.
"""

from __future__ import annotations

import numba
import numpy as np
import pyarrow as pa

from pipelines.filters.gopher_dolma import dolma_quality
from pipelines.filters.gopher_nemo import nemo_quality
from pipelines.filters.limits import Floats, Profiles
from pipelines.filters.pending import PendingRows
from pipelines.filters.rule_set import RuleContext, RuleSet
from pipelines.filters.signals import QUALITY_SIGNALS, QualitySignal
from pipelines.filters.tables import ProfileTables
from pipelines.text.hashing import slot_of
from pipelines.text.lines import line_end, strip
from pipelines.text.unicode import char_classes
from pipelines.text.view import text_view
from pipelines.text.words import HAS_LETTER, PUNCTUATION_ONLY, Words, split_on_space
from schemas.recipe import GopherQuality


def word_and_line_signals(text: pa.Array, words: Words, profile: Profiles, tables: ProfileTables, *, count_punctuation: bool) -> Floats:
    """QUALITY_SIGNALS of every row, float64[8, n], by the formulas of datatrove or of the paper.

    `words` are those of `split_words`, or of `split_on_space` with `count_punctuation`; `profile` is each row's number in `tables`.
    stop_words counts distinct ones.
    """
    data, offsets = text_view(text)
    out = np.zeros((len(QualitySignal), len(text)))
    _count_words(words, profile, tables.stop_words, count_punctuation, out)
    _count_lines(data, offsets, words, char_classes(), out)
    return out


@numba.njit(cache=True, nogil=True)
def _count_words(words, profile, stop_words, count_punctuation, out):  # type: ignore[no-untyped-def]
    """profile int32[n], stop_words uint64[p, size], out float64[QualitySignal, n]."""
    lengths, flags, hashes, firsts, lasts = words.lengths, words.flags, words.hashes, words.firsts, words.lasts
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
        out[QualitySignal.WORDS, row] = n_words
        out[QualitySignal.MEAN_WORD_LENGTH, row] = n_chars / n_words if n_words else 0.0
        out[QualitySignal.ALPHA_WORD_RATIO, row] = n_alpha / n_all if n_all else 0.0
        out[QualitySignal.STOP_WORDS, row] = n_stops


@numba.njit(cache=True, nogil=True)
def _is_ellipsis(data, at, end):  # type: ignore[no-untyped-def]
    """Whether `...` or U+2026 begins at `at`; both are three bytes long."""
    if at + 3 > end:
        return False
    first, second, third = data[at], data[at + 1], data[at + 2]
    return (first == 0x2E and second == 0x2E and third == 0x2E) or (first == 0xE2 and second == 0x80 and third == 0xA6)


@numba.njit(cache=True, nogil=True)
def _count_lines(data, offsets, words, classes, out):  # type: ignore[no-untyped-def]
    """data uint8[m], offsets int64[n + 1], classes uint8[TABLE_SIZE], out float64[QualitySignal, n]."""
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
        n_all = words.lasts[row] - words.firsts[row]
        if n_all:
            out[QualitySignal.HASH_RATIO, row] = n_hashes / n_all
            out[QualitySignal.ELLIPSIS_RATIO, row] = n_ellipses / n_all
        if n_lines:
            out[QualitySignal.BULLET_LINE_RATIO, row] = n_bullets / n_lines
            out[QualitySignal.ELLIPSIS_LINE_RATIO, row] = n_ends / n_lines


def _measure(pending: PendingRows, context: RuleContext) -> Floats:
    variant, tables = context.filters.gopher_quality.variant, context.languages.tables
    words = pending.words if variant == "datatrove" else split_on_space(pending.text)
    if variant == "dolma":
        return dolma_quality(pending.text, words, pending.profile, tables)
    if variant == "nemo":
        return nemo_quality(pending.text, words, pending.profile, tables)
    return word_and_line_signals(pending.text, words, pending.profile, tables, count_punctuation=variant == "paper")


RULE_SET = RuleSet(name="gopher_quality", config=GopherQuality, signals=QUALITY_SIGNALS, measure=_measure)
