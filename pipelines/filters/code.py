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
import re
import warnings
from typing import Final

import numba
import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from pipelines.text.lines import class_of
from pipelines.text.unicode import LETTER, NUMBER, char_classes, decode
from pipelines.text.view import text_view

SIGNALS: Final = (
    "bytes",
    "mean_line_chars",
    "max_line_chars",
    "alnum_ratio",
    "letter_ratio",
    "generated_marks",
    "syntax_errors",
    "html_text_ratio",
)

# In the first five lines, as code corpora look for them.
_GENERATED: Final = r"(?i)\A(?:[^\n]*\n){0,4}[^\n]*(?:auto-?generated|automatically generated)"
_LANGUAGE: Final = "$.language"
_PATH: Final = "$.path"
_MARKUP: Final = r"(?is)<script\b.*?</script\s*>|<style\b.*?</style\s*>|<!--.*?-->|<[^>]*>"


def measure(text: pa.Array, meta: pa.Array) -> npt.NDArray[np.float64]:
    """SIGNALS of every row, float64[8, n], from the text and the JSON of `meta`, both large_string.

    Lines are what stands between line feeds; a last empty one is none. generated_marks and syntax_errors are 0 or 1; the latter is 0
    where `language` of the metadata is not "python". html_text_ratio is the share of characters that are neither mark-up nor
    comment, script or style; 1 where the language is not "html". 0 divided by 0 is 0.
    """
    data, offsets = text_view(text)
    out = np.zeros((len(SIGNALS), len(text)))
    _measure(data, offsets, char_classes(), out)
    out[5] = pl.Series(pl.from_arrow(text), dtype=pl.String).str.contains(_GENERATED).to_numpy()
    language = pl.Series(pl.from_arrow(meta), dtype=pl.String).str.json_path_match(_LANGUAGE).str.to_lowercase()
    for row in language.eq("python").fill_null(False).arg_true():
        out[6, row] = not parses(text[row].as_py())
    out[7] = 1
    html = language.eq("html").fill_null(False).arg_true()
    page = pl.Series(pl.from_arrow(text), dtype=pl.String).gather(html)
    shown = page.str.replace_all(_MARKUP, "").str.len_chars() / page.str.len_chars()
    out[7, html.to_numpy()] = shown.fill_nan(0).to_numpy()
    return out


def has_extension(documents: pa.RecordBatch, extensions: tuple[str, ...]) -> npt.NDArray[np.bool_]:
    """bool per document: whether its file's name ends in one of them; the name is the metadata's `path`, or where it was read."""
    path = pl.Series(pl.from_arrow(documents.column("meta")), dtype=pl.String).str.json_path_match(_PATH)
    origin = pl.Series(pl.from_arrow(documents.column("origin_file")), dtype=pl.String)
    names = pl.select(pl.coalesce(path, origin)).to_series()
    found: npt.NDArray[np.bool_] = names.str.contains(rf"(?:{'|'.join(map(re.escape, extensions))})$").fill_null(False).to_numpy()
    return found


def parses(source: str) -> bool:
    """Whether this Python can read it as Python 3. Nothing is run."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of odd escapes and comparisons
        try:
            ast.parse(source)
        except (SyntaxError, ValueError, RecursionError, MemoryError):  # the last two for source nested too deeply for the parser
            return False
    return True


@numba.njit(cache=True, nogil=True)
def _measure(data, offsets, classes, out):  # type: ignore[no-untyped-def]
    for row in range(len(offsets) - 1):
        at, stop = offsets[row], offsets[row + 1]
        out[0, row] = stop - at
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
            out[1, row] = (n_chars - n_breaks) / n_lines
            out[2, row] = longest
            out[3, row] = n_alnum / n_chars
            out[4, row] = n_letters / n_chars
