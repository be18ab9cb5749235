"""Signals of the ROOTS corpus (arXiv 2303.03915, appendix on filtering): repetition of characters and words, special characters.

char_repetition_ratio: the share of the most frequent character n-grams in all character n-grams; they are as many as the square root of
the number of distinct ones, without those that occur once. word_repetition_ratio: the share of word n-grams that occur more than once.
Words are compared unchanged; ROOTS lower-cases them, strips punctuation and splits Chinese by a tokenizer.
"""

from __future__ import annotations

import enum
from typing import Final

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.filters.limits import Floats, Profiles
from pipelines.filters.pending import PendingRows
from pipelines.filters.rule_set import RuleContext, RuleSet
from pipelines.filters.signals import signal_names
from pipelines.filters.verdict import Verdict, signal_of
from pipelines.filters.word_lists import listed_word_shares
from pipelines.text.hashing import SEED, add_code, append_hash, finish, slot_of, table_size
from pipelines.text.lines import class_of, count_chars
from pipelines.text.unicode import LETTER, MARK, char_classes, decode
from pipelines.text.view import text_view
from pipelines.text.words import Words, split_on_space
from schemas.recipe import Roots


class TextSignal(enum.IntEnum):
    """Rows of the signals that one walk over the text measures."""

    WORDS = 0
    CHAR_REPETITION_RATIO = 1
    WORD_REPETITION_RATIO = 2
    SPECIAL_CHAR_RATIO = 3


OF_LISTS: Final = ("stop_word_ratio", "flagged_word_ratio")
"""Closed-class words and flagged words, by the lists that the recipe names; NaN in a language without a list."""
SIGNALS: Final = (*signal_names(TextSignal), *OF_LISTS, "language_score")


def text_signals(text: pa.Array, words: Words, char_ngram: npt.NDArray[np.int64], word_ngram: int) -> Floats:
    """Every TextSignal of every row, float64[4, n]; `words` are those of `split_on_space`, `char_ngram` is the length of n-grams by row.

    Special characters are all but letters and marks. A text too short for an n-gram repeats nothing. 0 divided by 0 is 0.
    """
    data, offsets = text_view(text)
    out = np.zeros((len(TextSignal), len(text)))
    out[TextSignal.WORDS] = words.counts
    _repeat_words(words, word_ngram, out)
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
def _repeat_words(words, ngram, out):  # type: ignore[no-untyped-def]
    """out float64[TextSignal, n]."""
    hashes, firsts, lasts = words.hashes, words.firsts, words.lasts
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
        out[TextSignal.WORD_REPETITION_RATIO, row] = repeated / n


@numba.njit(cache=True, nogil=True)
def _repeat_chars(data, offsets, ngram, classes, out):  # type: ignore[no-untyped-def]
    """data uint8[m], offsets int64[n + 1], ngram int64[n], classes uint8[TABLE_SIZE], out float64[TextSignal, n]."""
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
            out[TextSignal.SPECIAL_CHAR_RATIO, row] = n_special / n_chars
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
        out[TextSignal.CHAR_REPETITION_RATIO, row] = frequencies[:n_top].sum() / n


def _measure(pending: PendingRows, context: RuleContext) -> Floats:
    config, lang = context.filters.roots, pending.column("lang")
    char_ngram = context.languages.tables.char_ngram[pending.profile]
    measured = text_signals(pending.text, split_on_space(pending.text, places=False), char_ngram, config.word_ngram)
    stop_words = listed_word_shares(pending.text, lang, config.stop_words, "filters.roots.stop_words")
    flagged_words = listed_word_shares(pending.text, lang, config.flagged_words, "filters.roots.flagged_words")
    score = pending.column("lang_score").to_numpy(zero_copy_only=False)
    return np.vstack([measured, stop_words, flagged_words, score])


def _judge(documents: pa.RecordBatch, profile: Profiles, context: RuleContext) -> Verdict:
    """A document passes the limits on listed words where no list is in its language."""
    verdict = RULE_SET.by_limits(documents, profile, context)
    verdict = context.spared(verdict, "roots.min_language_score", context.confirmed(documents), documents)
    on_list = np.array([signal_of(reason.partition(".")[2]) in OF_LISTS for reason in verdict.reasons], bool)[:, None]
    return verdict.pass_where(on_list, np.isnan(verdict.values))


RULE_SET = RuleSet(name="roots", config=Roots, signals=SIGNALS, measure=_measure, judge=_judge)
