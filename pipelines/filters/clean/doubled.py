"""Headings and phrases repeated in a row, as in converted documents: 热启动策略热启动策略 -> 热启动策略."""

from __future__ import annotations

from typing import Final

import numba
import numpy as np
import polars as pl
import pyarrow as pa

from pipelines.filters.clean.lines import join_lines, split_lines
from pipelines.filters.clean.width import is_han
from pipelines.text.lines import newline_end
from pipelines.text.unicode import decode
from pipelines.text.view import text_view
from schemas.buffers import string_column

MAX_CHARS: Final = 100
"""Longer phrases are not headings."""
MIN_HAN_CHARS: Final = 4
MIN_OTHER_CHARS: Final = 8
MIN_DISTINCT: Final = 3
"""Different characters, so that laughter and horizontal rules are not phrases."""

_ENDS: Final = r"[.!?…。！？；，,;]$"
_NUMBERING: Final = tuple(ord(char) for char in "0123456789.、 \t")


def drop_doubled(text: pa.Array) -> pa.Array:
    """The text with doubled phrases at the start of a line, and headings on two successive lines, written once.

    More text may follow a phrase of Han characters on its line; any other must fill the line. A phrase written three times is intended.
    """
    return _drop_second_lines(_drop_second_phrases(text))


def _drop_second_phrases(text: pa.Array) -> pa.Array:
    data, offsets = text_view(text)
    out = np.empty(int(offsets[-1] - offsets[0]), np.uint8)
    ends = np.zeros(len(offsets), np.int64)
    _write_once(data, offsets, out, ends)
    return string_column(out[: ends[-1]].copy(), ends)


def _drop_second_lines(text: pa.Array) -> pa.Array:
    lines = split_lines(text).with_row_index("at")
    filled = lines.filter(pl.col("plain") != "")
    plain, n_chars = pl.col("plain"), pl.col("plain").str.len_chars()
    before, ahead = (plain.shift(n).over("row") for n in (1, -1))
    long_ago = plain.shift(2).over("row")
    enough = n_chars >= pl.when(plain.str.contains(r"\p{Han}|\p{Hiragana}|\p{Katakana}")).then(MIN_HAN_CHARS).otherwise(MIN_OTHER_CHARS)
    heading = enough & (n_chars <= MAX_CHARS) & plain.str.contains(r"\p{L}.*\p{L}") & ~plain.str.contains(_ENDS)
    twice = (plain == before) & (plain != long_ago).fill_null(True) & (ahead.str.len_chars() > n_chars)
    second = filled.filter(heading & twice).select("at", second=pl.lit(True))
    if second.is_empty():
        return text
    lines = lines.join(second, on="at", how="left", maintain_order="left")
    return join_lines(lines, pl.col("second"), text)


@numba.njit(cache=True, nogil=True)
def _codes_of(data, at, end, codes, starts):  # type: ignore[no-untyped-def]
    """Decode up to the length of the arrays: (characters, first byte after them)."""
    n = 0
    while at < end and n < len(codes):
        codes[n], size = decode(data, at)
        starts[n] = at
        at += size
        n += 1
    return n, at


@numba.njit(cache=True, nogil=True)
def _is_twice(codes, first, n, size, gap):  # type: ignore[no-untyped-def]
    """Whether the `size` characters from `first` on occur again after the gap, and not a third time."""
    second = first + size + gap
    if second + size > n:
        return False
    for k in range(size):
        if codes[first + k] != codes[second + k]:
            return False
    third = second + size + gap
    if third + size > n:
        return True
    thrice = True
    for k in range(size):
        thrice &= codes[first + k] == codes[third + k]
    return not thrice


@numba.njit(cache=True, nogil=True)
def _is_phrase(codes, first, size):  # type: ignore[no-untyped-def]
    """(whether it can be a heading, whether it is all Han characters)."""
    n_distinct = 0
    han = True
    for k in range(size):
        han &= is_han(codes[first + k])
        fresh = True
        for j in range(k):
            fresh &= codes[first + j] != codes[first + k]
        n_distinct += fresh
    return n_distinct >= MIN_DISTINCT and size >= (MIN_HAN_CHARS if han else MIN_OTHER_CHARS), han


@numba.njit(cache=True, nogil=True)
def _second(codes, n, whole):  # type: ignore[no-untyped-def]
    """(first, last) character of the part to leave out of a line; `whole`: the characters are the whole line."""
    first = 0
    while first < n and codes[first] in _NUMBERING:
        first += 1
    for size in range(MIN_HAN_CHARS, min(MAX_CHARS, (n - first) // 2) + 1):
        for gap in range(2):
            middle = first + size
            if gap and not (middle < n and (codes[middle] == 0x20 or codes[middle] == 0x3000)):
                continue
            if not _is_twice(codes, first, n, size, gap):
                continue
            phrase, han = _is_phrase(codes, first, size)
            if phrase and (han or (whole and middle + gap + size == n)):
                return middle, middle + gap + size
    return 0, 0


@numba.njit(cache=True, nogil=True)
def _write_once(data, offsets, out, ends):  # type: ignore[no-untyped-def]
    codes = np.zeros(3 * MAX_CHARS + 16, np.int64)
    starts = np.zeros(len(codes), np.int64)
    to = 0
    for row in range(len(offsets) - 1):
        at, stop = offsets[row], offsets[row + 1]
        while at < stop:
            end = newline_end(data, at, stop)
            n, read = _codes_of(data, at, end, codes, starts)
            trimmed = n
            while trimmed and codes[trimmed - 1] in (0x20, 0x09, 0x0D, 0x3000):
                trimmed -= 1
            cut, back = _second(codes, trimmed, read == end)
            if back:
                out[to : to + starts[cut] - at] = data[at : starts[cut]]
                to += starts[cut] - at
                at = starts[back] if back < n else read
            close = min(end + 1, stop)
            out[to : to + close - at] = data[at:close]
            to += close - at
            at = close
        ends[row + 1] = to
