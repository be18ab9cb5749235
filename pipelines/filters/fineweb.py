"""FineWeb's own line signals (arXiv 2406.17557, section 3.6), by the formulas of datatrove.

Lines are separated by line feeds and include white space at their ends; blank ones do not count. Duplicate lines are all copies after the
first; their characters are counted over the characters of the text without line feeds. 0 divided by 0 is 0.
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
from pipelines.filters.tables import ProfileTables, is_one_of
from pipelines.filters.verdict import Verdict
from pipelines.text.hashing import hash_bytes, slot_of, table_size
from pipelines.text.lines import code_before, count_breaks, count_chars, newline_end, strip
from pipelines.text.unicode import char_classes
from pipelines.text.view import text_view
from schemas.recipe import FineWeb


class FineWebSignal(enum.IntEnum):
    """Rows of the signals."""

    TERMINAL_LINE_RATIO = 0
    SHORT_LINE_RATIO = 1
    DUP_LINE_CHAR_RATIO = 2
    NEWLINE_WORD_RATIO = 3


SIGNALS: Final = signal_names(FineWebSignal)


def line_signals(text: pa.Array, n_words: npt.NDArray[np.int64], short_line_chars: int, profile: Profiles, tables: ProfileTables) -> Floats:
    """SIGNALS of every row, float64[4, n].

    `n_words` are the counts of `split_words`. A line is short up to `short_line_chars` times its profile's scale.
    """
    data, offsets = text_view(text)
    out = np.zeros((len(SIGNALS), len(text)))
    short = tables.short_line_scale * short_line_chars
    _measure_lines(data, offsets, n_words, short, profile, tables.terminal_punctuation, char_classes(), out)
    return out


@numba.njit(cache=True, nogil=True)
def _measure_lines(data, offsets, n_words, short, profile, terminals, classes, out):  # type: ignore[no-untyped-def]
    """data uint8[m], offsets int64[n + 1], n_words int64[n], short float64[p], profile int32[n], terminals uint32[p, k]; out
    float64[FineWebSignal, n]."""
    for row in range(len(offsets) - 1):
        at, stop = offsets[row], offsets[row + 1]
        n_breaks = count_breaks(data, at, stop)
        n_chars = count_chars(data, at, stop) - n_breaks
        keys = np.zeros(table_size(n_breaks + 1), np.uint64)
        n_lines = n_terminal = n_short = dup_chars = 0
        while at < stop:
            end = newline_end(data, at, stop)
            first, last = strip(data, at, end, classes)
            begin, at = at, end + 1
            if first == last:
                continue
            n_line = count_chars(data, begin, end)
            n_lines += 1
            n_terminal += is_one_of(code_before(data, end), terminals[profile[row]])
            n_short += n_line <= short[profile[row]]
            key = hash_bytes(data, begin, end)
            slot = slot_of(keys, key)
            if keys[slot] == key:
                dup_chars += n_line
            keys[slot] = key
        if n_lines:
            out[FineWebSignal.TERMINAL_LINE_RATIO, row] = n_terminal / n_lines
            out[FineWebSignal.SHORT_LINE_RATIO, row] = n_short / n_lines
        if n_chars:
            out[FineWebSignal.DUP_LINE_CHAR_RATIO, row] = dup_chars / n_chars
        if n_words[row]:
            out[FineWebSignal.NEWLINE_WORD_RATIO, row] = n_breaks / n_words[row]


def _measure(pending: PendingRows, context: RuleContext) -> Floats:
    short = context.filters.fineweb.short_line_chars
    return line_signals(pending.text, pending.words.counts, short, pending.profile, context.languages.tables)


def _judge(documents: pa.RecordBatch, profile: Profiles, context: RuleContext) -> Verdict:
    """A text of one line passes the limit on line ends: how that line ends does not show how its lines end."""
    one_line = documents.column("fineweb.newline_word_ratio").to_numpy(zero_copy_only=False) == 0
    one_line &= context.filters.limits == "profiles"
    return context.spared(RULE_SET.by_limits(documents, profile, context), "fineweb.min_terminal_line_ratio", one_line, documents)


RULE_SET = RuleSet(name="fineweb", config=FineWeb, signals=SIGNALS, measure=_measure, judge=_judge)
