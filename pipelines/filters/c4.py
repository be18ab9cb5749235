"""C4 (arXiv 1910.10683, section 2.2): cuts lines out of a text column and measures the rest.

For each line, in the order of datatrove's code: cut for a long word, citations removed, cut for no terminal punctuation, cut for too few
words, lorem ipsum counted, cut for javascript, curly brackets counted, cut for policy phrases. So lorem ipsum and brackets count only in
lines that earlier rules did not cut. Words are counted before citations are removed; phrases ignore the case of ASCII letters.
"""

from __future__ import annotations

import enum
from typing import Final, NamedTuple

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.filters.limits import Floats, Profiles
from pipelines.filters.pending import PendingRows
from pipelines.filters.rule_set import RuleContext, RuleSet
from pipelines.filters.signals import signal_names
from pipelines.filters.tables import ProfileTables, is_one_of, phrase_table
from pipelines.text.lines import class_of, code_before, line_end, strip
from pipelines.text.unicode import PUNCTUATION, SPACE, char_classes, decode
from pipelines.text.view import text_view
from pipelines.text.words import Words, split_on_space
from schemas.buffers import string_column
from schemas.recipe import C4


class C4Signal(enum.IntEnum):
    """Rows of the signals: what the remaining lines contain, and how many lines each rule cut."""

    SENTENCES = 0
    LOREM_IPSUM = 1
    CURLY_BRACKETS = 2
    CUT_LONG_WORD = 3
    CUT_NO_TERMINAL = 4
    CUT_FEW_WORDS = 5
    CUT_JAVASCRIPT = 6
    CUT_POLICY = 7
    CITATIONS = 8


SIGNALS: Final = signal_names(C4Signal)


class LineRules(NamedTuple):
    """The rules on lines, for the kernel."""

    min_words: Floats
    """[n]: by row; infinite where off."""
    max_word_chars: Floats
    """[n]: by row; infinite where off."""
    need_terminal: bool
    drop_citations: bool
    cut_javascript: bool
    cut_policy: bool

    @staticmethod
    def of(config: C4, min_words: Floats, max_word_chars: Floats) -> LineRules:
        """The switches of a recipe with these limits."""
        switches = config.require_terminal_punctuation, config.remove_citations, config.cut_javascript, config.cut_policy
        return LineRules(min_words, max_word_chars, *switches)


class _Cut(NamedTuple):
    """What the kernel writes."""

    text: npt.NDArray[np.uint8]
    """[m]: the lines that remain."""
    ends: npt.NDArray[np.int64]
    """[n + 1]: where each row ends in `text`."""
    signals: Floats
    """[C4Signal, n]"""


_LOREM, _JAVASCRIPT, _BRACKET, _POLICY = 0, 1, 2, 3  # phrases from _POLICY on are policy phrases


_PHRASES: Final = phrase_table(
    *("lorem ipsum", "javascript", "{"),
    *("terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies"),
    # Their Chinese counterparts.
    *("隐私政策", "隱私政策", "使用条款", "使用條款", "使用cookie", "使用 cookie"),
)
# Phrases that begin with byte b, in either case, have indices from _FIRST[b] up to _LAST[b]: those with the same first byte are adjacent.
_SAME: Final = (_PHRASES[:, 0] | 0x20)[:, None] == np.arange(256) | 0x20
_FIRST: Final = _SAME.argmax(axis=0)
_LAST: Final = _FIRST + _SAME.sum(axis=0)
_CITATIONS: Final = phrase_table("edit]", "citation needed]")


def cut_lines(text: pa.Array, words: Words, rules: LineRules, profile: Profiles, tables: ProfileTables) -> tuple[pa.Array, Floats]:
    """The large_string column without the lines that fail, and SIGNALS of every row, float64[9, n].

    `words` are those of `split_on_space`. Lines are stripped before citations are removed, not after, and joined by line feeds; the text
    is stripped.
    """
    data, offsets = text_view(text)
    n_bytes = int(offsets[-1] - offsets[0])
    cut = _Cut(np.empty(n_bytes, np.uint8), np.zeros(len(offsets), np.int64), np.zeros((len(C4Signal), len(text))))
    _cut_lines(data, offsets, words, rules, profile, tables, char_classes(), cut)
    return string_column(cut.text[: cut.ends[-1]].copy(), cut.ends), cut.signals


@numba.njit(cache=True, nogil=True)
def _matches(data, at, end, phrase, fold):  # type: ignore[no-untyped-def]
    """Whether the zero-terminated phrase begins at `at`; with `fold`, ASCII capitals in the text match small letters."""
    for byte in phrase:
        if byte == 0:
            return True
        if at >= end:
            return False
        own = data[at]
        if fold and 0x41 <= own <= 0x5A:
            own |= 0x20
        if own != byte:
            return False
        at += 1
    return False


@numba.njit(cache=True, nogil=True)
def _count_phrases(data, at, end, found):  # type: ignore[no-untyped-def]
    """Set found[k] to how often phrase k occurs in the line."""
    found[:] = 0
    while at < end:
        for k in range(_FIRST[data[at]], _LAST[data[at]]):
            found[k] += _matches(data, at, end, _PHRASES[k], True)
        at += 1


@numba.njit(cache=True, nogil=True)
def _behind_citation(data, at, end):  # type: ignore[no-untyped-def]
    """End of the `[12]`, `[]`, `[edit]` or `[citation needed]` that begins at `at`, or `at` itself."""
    behind = at + 1
    while behind < end and 0x30 <= data[behind] <= 0x39:
        behind += 1
    if behind < end and data[behind] == 0x5D:
        return behind + 1
    for k in range(len(_CITATIONS)):
        if _matches(data, at + 1, end, _CITATIONS[k], False):
            while data[at] != 0x5D:
                at += 1
            return at + 1
    return at


@numba.njit(cache=True, nogil=True)
def _copy(data, at, end, citations, cleaned, to):  # type: ignore[no-untyped-def]
    """Write the line to `cleaned[to:]`, without citations if `citations`; (end there, citations removed)."""
    n = 0
    begin = at  # everything before is written
    while citations and at < end:
        if data[at] == 0x5B:
            behind = _behind_citation(data, at, end)
            if behind > at:
                cleaned[to : to + at - begin] = data[begin:at]
                to += at - begin
                n += 1
                at = begin = behind
                continue
        at += 1
    cleaned[to : to + end - begin] = data[begin:end]
    return to + end - begin, n


@numba.njit(cache=True, nogil=True)
def _strip_row(cleaned, row_start, to, classes):  # type: ignore[no-untyped-def]
    """Strip the text from `row_start` to `to`; its new end."""
    first, last = strip(cleaned, row_start, to, classes)
    if first > row_start:
        for k in range(last - first):
            cleaned[row_start + k] = cleaned[first + k]
    return row_start + last - first


@numba.njit(cache=True, nogil=True)
def _count_sentences(data, at, end, sentence_ends, classes):  # type: ignore[no-untyped-def]
    """Sentences of a stripped line: each ends in a run of sentence ends and the punctuation after it, or with the line.

    An ASCII sentence end counts only before white space or the end of the line: 3.14 and example.com go on.
    """
    n = 0
    last_end = at
    while at < end:
        code, size = decode(data, at)
        at += size
        bits = class_of(code, classes)
        if not (bits & PUNCTUATION and is_one_of(code, sentence_ends)):
            continue
        wide = code >= 0x80
        while at < end:
            code, size = decode(data, at)
            bits = class_of(code, classes)
            if not bits & PUNCTUATION:
                break
            wide |= code >= 0x80 and is_one_of(code, sentence_ends)
            at += size
        if at == end or wide or bits & SPACE:
            n += 1
            last_end = at
    return n + (last_end < end)


@numba.njit(cache=True, nogil=True)
def _is_terminal(data, start, end, line_ends):  # type: ignore[no-untyped-def]
    """Whether the line ends in terminal punctuation, except `...`."""
    if start >= end:
        return False
    if end - start >= 3 and data[end - 1] == 0x2E and data[end - 2] == 0x2E and data[end - 3] == 0x2E:
        return False
    return is_one_of(code_before(data, end), line_ends)


@numba.njit(cache=True, nogil=True)
def _cut_lines(data, offsets, words, rules, profile, tables, classes, cut):  # type: ignore[no-untyped-def]
    """data uint8[m], offsets int64[n + 1], profile int32[n], classes uint8[TABLE_SIZE]; writes a _Cut."""
    cleaned, out = cut.text, cut.signals
    found = np.zeros(len(_PHRASES), np.int64)
    to = 0
    for row in range(len(offsets) - 1):
        at, stop = offsets[row], offsets[row + 1]
        word, last_word = words.firsts[row], words.lasts[row]
        line_ends, sentence_ends = tables.line_ends[profile[row]], tables.sentence_ends[profile[row]]
        row_start = to
        while at < stop:
            end, behind = line_end(data, at, stop)
            start, end = strip(data, at, end, classes)
            at = behind
            n_words = longest = 0
            while word < last_word and words.starts[word] < behind:
                n_words += 1
                longest = max(longest, words.lengths[word])
                word += 1
            if start == end:
                continue
            if longest > rules.max_word_chars[row]:
                out[C4Signal.CUT_LONG_WORD, row] += 1
                continue
            begin = to + 1 if to > row_start else to
            tail, n_citations = _copy(data, start, end, rules.drop_citations, cleaned, begin)
            if rules.need_terminal and not _is_terminal(cleaned, begin, tail, line_ends):
                out[C4Signal.CUT_NO_TERMINAL, row] += 1
                continue
            if n_words < rules.min_words[row]:
                out[C4Signal.CUT_FEW_WORDS, row] += 1
                continue
            _count_phrases(cleaned, begin, tail, found)
            out[C4Signal.LOREM_IPSUM, row] += found[_LOREM]
            if rules.cut_javascript and found[_JAVASCRIPT]:
                out[C4Signal.CUT_JAVASCRIPT, row] += 1
                continue
            out[C4Signal.CURLY_BRACKETS, row] += found[_BRACKET]
            if rules.cut_policy and found[_POLICY:].any():
                out[C4Signal.CUT_POLICY, row] += 1
                continue
            first, last = strip(cleaned, begin, tail, classes)
            if first == last:
                continue
            out[C4Signal.SENTENCES, row] += _count_sentences(cleaned, first, last, sentence_ends, classes)
            out[C4Signal.CITATIONS, row] += n_citations
            if begin > to:
                cleaned[to] = 0x0A
            to = tail
        to = _strip_row(cleaned, row_start, to, classes)
        cut.ends[row + 1] = to


def _measure(pending: PendingRows, context: RuleContext) -> Floats:
    min_words, max_chars = (context.limit(f"c4.{name}", pending.profile) for name in ("min_line_words", "max_word_chars"))
    words, rules = split_on_space(pending.text, hashes=False), LineRules.of(context.filters.c4, min_words, max_chars)
    text, signals = cut_lines(pending.text, words, rules, pending.profile, context.languages.tables)
    pending.set_text(text)
    return signals


RULE_SET = RuleSet(name="c4", config=C4, signals=SIGNALS, measure=_measure)
