"""Signals of source code: sizes, line lengths, shares of characters, marks of generated files, Python that does not parse.

The limits that systems have published on them:
Codex (arXiv 2107.03374): mean line up to 100 characters, longest up to 1,000, not generated, not few alphanumeric characters.
CodeGeeX (arXiv 2303.17568): mean line up to 100, letters 40 % or more, not generated, 1 KB to 100 KB.
LLaMA and RedPajama: mean line up to 100, longest up to 1,000, alphanumeric characters 25 % or more, a list of extensions.
StarCoder (arXiv 2305.06161): of HTML, 20 % or more that is shown.
PanGu-Coder (arXiv 2207.11280): mean line up to 100, longest up to 1,000, up to 1 MB, Python 3 that parses.
"""

from __future__ import annotations

import ast
import enum
import re
import warnings
from typing import Final

import numba
import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from pipelines.filters.limits import Floats, Profiles
from pipelines.filters.pending import PendingRows
from pipelines.filters.rule_set import RuleContext, RuleSet
from pipelines.filters.signals import signal_names
from pipelines.filters.verdict import Verdict
from pipelines.text.lines import class_of
from pipelines.text.unicode import LETTER, NUMBER, char_classes, decode
from pipelines.text.view import text_view
from schemas.recipe import Code


class CodeSignal(enum.IntEnum):
    """Rows of the signals."""

    BYTES = 0
    MEAN_LINE_CHARS = 1
    MAX_LINE_CHARS = 2
    ALNUM_RATIO = 3
    LETTER_RATIO = 4
    GENERATED_MARKS = 5
    SYNTAX_ERRORS = 6
    HTML_TEXT_RATIO = 7


SIGNALS: Final = signal_names(CodeSignal)

# In the first five lines, where code corpora look for them.
_GENERATED: Final = r"(?i)\A(?:[^\n]*\n){0,4}[^\n]*(?:auto-?generated|automatically generated)"
_LANGUAGE: Final = "$.language"
_PATH: Final = "$.path"
_MARKUP: Final = r"(?is)<script\b.*?</script\s*>|<style\b.*?</style\s*>|<!--.*?-->|<[^>]*>"


def code_signals(text: pa.Array, meta: pa.Array) -> Floats:
    """SIGNALS of every row, float64[8, n], from the text and the JSON of `meta`, both large_string.

    Lines are separated by line feeds; a last empty one does not count. generated_marks and syntax_errors are 0 or 1; the latter is 0
    where `language` of the metadata is not "python". html_text_ratio is the share of characters that are neither mark-up nor
    comment, script or style; 1 where the language is not "html". 0 divided by 0 is 0.
    """
    data, offsets = text_view(text)
    out = np.zeros((len(SIGNALS), len(text)))
    _measure_chars(data, offsets, char_classes(), out)
    out[CodeSignal.GENERATED_MARKS] = pl.Series(pl.from_arrow(text), dtype=pl.String).str.contains(_GENERATED).to_numpy()
    language = pl.Series(pl.from_arrow(meta), dtype=pl.String).str.json_path_match(_LANGUAGE).str.to_lowercase()
    for row in language.eq("python").fill_null(False).arg_true():
        out[CodeSignal.SYNTAX_ERRORS, row] = not parses(text[row].as_py())
    out[CodeSignal.HTML_TEXT_RATIO] = 1
    html = language.eq("html").fill_null(False).arg_true()
    page = pl.Series(pl.from_arrow(text), dtype=pl.String).gather(html)
    shown = page.str.replace_all(_MARKUP, "").str.len_chars() / page.str.len_chars()
    out[CodeSignal.HTML_TEXT_RATIO, html.to_numpy()] = shown.fill_nan(0).to_numpy()
    return out


def has_extension(documents: pa.RecordBatch, extensions: tuple[str, ...]) -> npt.NDArray[np.bool_]:
    """bool[n]: whether the file's name ends in one of `extensions`; the name is the metadata's `path`, else the path that was read."""
    path = pl.Series(pl.from_arrow(documents.column("meta")), dtype=pl.String).str.json_path_match(_PATH)
    origin = pl.Series(pl.from_arrow(documents.column("origin_file")), dtype=pl.String)
    names = pl.select(pl.coalesce(path, origin)).to_series()
    found: npt.NDArray[np.bool_] = names.str.contains(rf"(?:{'|'.join(map(re.escape, extensions))})$").fill_null(False).to_numpy()
    return found


def parses(source: str) -> bool:
    """Whether this Python parses it as Python 3. Nothing is run."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of odd escapes and comparisons
        try:
            ast.parse(source)
        except (SyntaxError, ValueError, RecursionError, MemoryError):  # the last two for source nested too deeply for the parser
            return False
    return True


@numba.njit(cache=True, nogil=True)
def _measure_chars(data, offsets, classes, out):  # type: ignore[no-untyped-def]
    """data uint8[m], offsets int64[n + 1], classes uint8[TABLE_SIZE], out float64[CodeSignal, n]."""
    for row in range(len(offsets) - 1):
        at, stop = offsets[row], offsets[row + 1]
        out[CodeSignal.BYTES, row] = stop - at
        n_chars = n_alnum = n_letters = n_lines = line = longest = 0
        while at < stop:
            code, size = decode(data, at)
            at += size
            n_chars += 1
            if code == 0x0A:
                n_lines += 1
                longest = max(longest, line)
                line = 0
                continue
            line += 1
            bits = class_of(code, classes)
            n_letters += bits & LETTER != 0
            n_alnum += bits & (LETTER | NUMBER) != 0
        if line:
            longest = max(longest, line)
        n_breaks = n_lines
        n_lines += line > 0
        if n_chars:
            out[CodeSignal.MEAN_LINE_CHARS, row] = (n_chars - n_breaks) / n_lines
            out[CodeSignal.MAX_LINE_CHARS, row] = longest
            out[CodeSignal.ALNUM_RATIO, row] = n_alnum / n_chars
            out[CodeSignal.LETTER_RATIO, row] = n_letters / n_chars


def _measure(pending: PendingRows, context: RuleContext) -> Floats:
    return code_signals(pending.text, pending.column("meta"))


def _judge(documents: pa.RecordBatch, profile: Profiles, context: RuleContext) -> Verdict:
    by_limits, extensions = RULE_SET.by_limits(documents, profile, context), context.filters.code.extensions
    if not extensions:
        return by_limits
    no_number = np.full(documents.num_rows, np.nan)
    unwanted = ("code.extensions", ~has_extension(documents, extensions), no_number, np.nan)
    return Verdict.of([unwanted], documents.num_rows).followed_by(by_limits)


RULE_SET = RuleSet(
    name="code",
    config=Code,
    signals=SIGNALS,
    measure=_measure,
    judge=_judge,
    needs_language=False,
    settings_that_decide=frozenset({"extensions"}),
)
