"""Joins lines that were broken at the width of a page into paragraphs.

A break is due to the page if the first word of the next line would not have fitted on this one. A document is unwrapped if most of its
breaks are of that kind; verse, lists and code, with intended line ends, are not.
"""

from __future__ import annotations

from typing import Final

import numba
import numpy as np
import pyarrow as pa

from pipelines.filters.clean.width import is_han, is_wide_mark, widths
from pipelines.text.lines import class_of, code_before, newline_end, previous
from pipelines.text.unicode import LETTER, NUMBER, SPACE, TABLE_SIZE, UNSPACED, UPPER, char_classes, decode
from pipelines.text.view import text_view
from schemas.buffers import string_column

MIN_WIDTH: Final = 20
MAX_WIDTH: Final = 130
"""Columns that a page may have; a Han character takes two."""
MIN_LINES: Final = 4
MIN_FULL: Final = 0.6
"""Share of full lines among those followed by another line."""
MIN_LOWER: Final = 0.4
"""Share of small letters among the letters with case that begin a line after a full one; in verse nearly all are capitals."""
SLACK: Final = 10
"""A full line may be a tenth narrower than the page, since printed letters differ in width."""

_BULLETS: Final = tuple(ord(char) for char in "-*+•·◦▪■□●○–—➢➤✓\uf0b7\uf06c\uf0d8")
_MARKUP: Final = tuple(ord(char) for char in "|{<>#=`")  # rows of tables, headings, quotations: lines of their own
_AFTER_NUMBER: Final = tuple(ord(char) for char in ".)、）．")
_SENTENCE_ENDS: Final = tuple(ord(char) for char in ".!?…。！？：:；")
_HYPHENS: Final = (0x2D, 0x2010, 0xAD)

# Columns of the description of a line.
_START, _END, _WIDTH, _INDENT, _FIRST_WORD, _FLAGS = range(6)
_BLANK: Final = 1
_ITEM: Final = 2
_DIGIT: Final = 4
_LOWER: Final = 8
_CAPITAL: Final = 16
_ENDED: Final = 32
_ALONE: Final = 64


def unwrap(text: pa.Array) -> pa.Array:
    """The text with its paragraphs on one line each, where it comes from pages; other rows unchanged.

    Blank lines separate paragraphs, unless one follows nearly every line. A break becomes nothing between characters of scripts without
    spaces or after a hyphen between small letters, which is removed, and a space elsewhere. List
    items, indented lines and table rows start new lines.
    """
    data, offsets = text_view(text)
    n_bytes = int(offsets[-1] - offsets[0])
    out = np.empty(n_bytes, np.uint8)
    ends = np.zeros(len(offsets), np.int64)
    _unwrap(data, offsets, char_classes(), widths(), out, ends)
    return string_column(out[: ends[-1]].copy(), ends)


@numba.njit(cache=True, nogil=True)
def _width(code, table):  # type: ignore[no-untyped-def]
    return int(table[code]) if code < TABLE_SIZE else 1


@numba.njit(cache=True, nogil=True)
def _describe(data, at, end, classes, table, line):  # type: ignore[no-untyped-def]
    """Describe the line from `at` to `end`."""
    while end > at and class_of(code_before(data, end), classes) & SPACE:
        end = previous(data, end)
    indent = 0
    while at < end:
        code, size = decode(data, at)
        if not class_of(code, classes) & SPACE:
            break
        indent += 4 if code == 0x09 else _width(code, table)
        at += size
    line[_START], line[_END], line[_INDENT], line[_FIRST_WORD] = at, end, indent, 0
    if at == end:
        line[_WIDTH], line[_FLAGS] = 0, _BLANK
        return
    code, size = decode(data, at)
    bits = class_of(code, classes)
    flags = 0
    if bits & LETTER and bits & UPPER:
        flags |= _CAPITAL
    elif bits & LETTER and code < 0x2000:
        flags |= _LOWER
    if bits & NUMBER:
        flags |= _DIGIT
    if code in _BULLETS and at + size < end and class_of(decode(data, at + size)[0], classes) & SPACE:
        flags |= _ITEM
    if code in _MARKUP:
        flags |= _ALONE
    if code_before(data, end) in _SENTENCE_ENDS:
        flags |= _ENDED
    n_chars = 0
    width = indent
    in_first = True
    in_number = bits & NUMBER != 0
    while at < end:
        code, size = decode(data, at)
        bits = class_of(code, classes)
        if in_number and not bits & NUMBER:
            in_number = False
            if code in _AFTER_NUMBER and n_chars <= 3:
                flags |= _ITEM
        if in_first and (bits & (SPACE | UNSPACED)) and n_chars:
            in_first = False
        width += _width(code, table)
        line[_FIRST_WORD] += _width(code, table) if in_first else 0
        n_chars += 1
        at += size
        if in_first and bits & UNSPACED:
            in_first = False
    line[_WIDTH], line[_FLAGS] = width, flags


@numba.njit(cache=True, nogil=True)
def _page_width(lines, n):  # type: ignore[no-untyped-def]
    """Columns within which 19 of 20 lines with text stay."""
    counts = np.zeros(MAX_WIDTH + 2, np.int64)
    n_filled = 0
    for k in range(n):
        if not lines[k, _FLAGS] & _BLANK:
            counts[min(lines[k, _WIDTH], MAX_WIDTH + 1)] += 1
            n_filled += 1
    seen = 0
    for width in range(MAX_WIDTH + 2):
        seen += counts[width]
        if seen * 20 >= n_filled * 19:
            return width, n_filled
    return MAX_WIDTH + 1, n_filled


@numba.njit(cache=True, nogil=True)
def _next_filled(lines, k, n):  # type: ignore[no-untyped-def]
    k += 1
    while k < n and lines[k, _FLAGS] & _BLANK:
        k += 1
    return k


@numba.njit(cache=True, nogil=True)
def _is_full(lines, k, j, width):  # type: ignore[no-untyped-def]
    """Whether the first word of line j would not have fitted on line k."""
    return lines[k, _WIDTH] + 1 + lines[j, _FIRST_WORD] > width - width // SLACK and 2 * lines[k, _WIDTH] > width


@numba.njit(cache=True, nogil=True)
def _is_wrapped(lines, n, width, step):  # type: ignore[no-untyped-def]
    """Whether lines end where the page does. `step` is the distance to the next line of the same paragraph."""
    n_breaks = n_full = n_lower = n_capital = 0
    k = _next_filled(lines, -1, n)
    while k < n:
        j = _next_filled(lines, k, n)
        if j < n and j - k <= step:
            n_breaks += 1
            if _is_full(lines, k, j, width):
                n_full += 1
                n_lower += lines[j, _FLAGS] & _LOWER != 0
                n_capital += lines[j, _FLAGS] & _CAPITAL != 0
        k = j
    return n_breaks >= MIN_LINES - 1 and n_full >= MIN_FULL * n_breaks and n_lower >= MIN_LOWER * (n_lower + n_capital)


@numba.njit(cache=True, nogil=True)
def _step(lines, n):  # type: ignore[no-untyped-def]
    """2 where a blank line follows nearly every line, else 1."""
    n_next = n_apart = 0
    k = _next_filled(lines, -1, n)
    while k < n:
        j = _next_filled(lines, k, n)
        if j < n:
            n_next += j - k == 1
            n_apart += j - k == 2
        k = j
    return 2 if n_apart > 9 * n_next else 1


@numba.njit(cache=True, nogil=True)
def _joins(lines, k, j, width, step):  # type: ignore[no-untyped-def]
    """Whether line j continues line k."""
    if j - k > step or not _is_full(lines, k, j, width) or lines[j, _INDENT] > lines[k, _INDENT] + 1:
        return False
    if lines[j, _FLAGS] & _ITEM or (lines[k, _FLAGS] | lines[j, _FLAGS]) & _ALONE:
        return False
    return not (lines[k, _FLAGS] & _ENDED and (step == 2 or lines[j, _FLAGS] & _DIGIT))


@numba.njit(cache=True, nogil=True)
def _joint(data, end, start, classes):  # type: ignore[no-untyped-def]
    """(bytes to remove, whether to write a space) between a line's end and the next one's start."""
    last, first = code_before(data, end), decode(data, start)[0]
    before, after = class_of(last, classes), class_of(first, classes)
    if last in _HYPHENS:
        at = previous(data, end)
        inner = class_of(code_before(data, at), classes)
        small = inner & LETTER and not inner & UPPER and after & LETTER and not after & UPPER
        return (end - at if small or last == 0xAD else 0), not inner & (LETTER | NUMBER)
    if is_han(last) or is_han(first) or is_wide_mark(last) or is_wide_mark(first):
        return 0, False
    return 0, not (before & UNSPACED and after & UNSPACED)


@numba.njit(cache=True, nogil=True)
def _unwrap(data, offsets, classes, table, out, ends):  # type: ignore[no-untyped-def]
    to = 0
    for row in range(len(offsets) - 1):
        first, stop = offsets[row], offsets[row + 1]
        n = 1
        for at in range(first, stop):
            n += data[at] == 0x0A
        lines = np.empty((n, 6), np.int64)
        at = first
        for k in range(n):
            end = newline_end(data, at, stop)
            _describe(data, at, end, classes, table, lines[k])
            at = end + 1
        width, n_filled = _page_width(lines, n)
        step = _step(lines, n)
        copied = first
        if n_filled >= MIN_LINES and MIN_WIDTH <= width <= MAX_WIDTH and _is_wrapped(lines, n, width, step):
            k = _next_filled(lines, -1, n)
            while k < n:
                j = _next_filled(lines, k, n)
                if j < n and _joins(lines, k, j, width, step):
                    taken_back, space = _joint(data, lines[k, _END], lines[j, _START], classes)
                    size = lines[k, _END] - taken_back - copied
                    out[to : to + size] = data[copied : copied + size]
                    to += size
                    if space:
                        out[to] = 0x20
                        to += 1
                    copied = lines[j, _START]
                k = j
        out[to : to + stop - copied] = data[copied:stop]
        to += stop - copied
        ends[row + 1] = to
