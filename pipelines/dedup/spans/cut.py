"""Taking spans out of texts: which bytes are cut in the end, and how the text closes over a cut."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
import pyarrow as pa

from pipelines.dedup.arrays import Int64s, Mask, UInt32s
from pipelines.text.lines import break_at, class_of, code_before, previous
from pipelines.text.unicode import SPACE, UNSPACED, char_classes, decode
from pipelines.text.view import text_view
from schemas.buffers import string_column


@dataclass(frozen=True, slots=True)
class DisjointSpans:
    """Disjoint spans of the texts of a column, ascending; bytes are counted from the start of the row's text."""

    rows: Int64s
    starts: Int64s
    ends: Int64s


def resolve_cuts(rows: Int64s, starts: Int64s, ends: Int64s, kept: Mask) -> DisjointSpans:
    """The bytes that lie in a span to cut and in none that is kept (`kept`: bool[n])."""
    cut, stay = (_union(*_ascending(rows[chosen], starts[chosen], ends[chosen])) for chosen in (~kept, kept))
    return DisjointSpans(*_without(*cut, *stay))


def apply_cuts(text: pa.Array, spans: DisjointSpans) -> tuple[pa.Array, UInt32s, UInt32s]:
    """(the texts without the spans, characters cut from each, pieces cut from each).

    Of the white space on both sides of a cut, the side with more line breaks stays; at either end of the text, none stays. Spans with only
    white space between them are one piece. If there is no white space on either side, a space keeps the two words apart.
    """
    data, offsets = text_view(text)
    out, bounds, n_chars, n_pieces = _apply(data, offsets, spans.rows, spans.starts, spans.ends, char_classes())
    return string_column(out, bounds), n_chars, n_pieces


def _ascending(rows: Int64s, starts: Int64s, ends: Int64s) -> tuple[Int64s, Int64s, Int64s]:
    order = np.lexsort((starts, rows))
    return rows[order], starts[order], ends[order]


@numba.njit(cache=True, nogil=True)
def _union(rows: Int64s, starts: Int64s, ends: Int64s) -> tuple[Int64s, Int64s, Int64s]:
    """Disjoint spans that cover the same bytes."""
    n = 0
    out_rows, out_starts, out_ends = np.empty_like(rows), np.empty_like(rows), np.empty_like(rows)
    for i in range(len(rows)):
        if n > 0 and out_rows[n - 1] == rows[i] and starts[i] <= out_ends[n - 1]:
            out_ends[n - 1] = max(out_ends[n - 1], ends[i])
        else:
            out_rows[n], out_starts[n], out_ends[n] = rows[i], starts[i], ends[i]
            n += 1
    return out_rows[:n].copy(), out_starts[:n].copy(), out_ends[:n].copy()


@numba.njit(cache=True, nogil=True)
def _without(rows, starts, ends, stay_rows, stay_starts, stay_ends):  # type: ignore[no-untyped-def]
    """The parts of disjoint spans that lie in none of other disjoint ones."""
    most = len(rows) + len(stay_rows)
    out_rows, out_starts, out_ends = np.empty(most, np.int64), np.empty(most, np.int64), np.empty(most, np.int64)
    n = at = 0
    for i in range(len(rows)):
        start = starts[i]
        while at < len(stay_rows) and (stay_rows[at] < rows[i] or (stay_rows[at] == rows[i] and stay_ends[at] <= start)):
            at += 1
        while start < ends[i]:
            inside = at < len(stay_rows) and stay_rows[at] == rows[i] and stay_starts[at] < ends[i]
            end = stay_starts[at] if inside else ends[i]
            if end > start:
                out_rows[n], out_starts[n], out_ends[n] = rows[i], start, end
                n += 1
            start = ends[i]
            if inside:
                start = stay_ends[at]
                if start < ends[i]:
                    at += 1
    return out_rows[:n].copy(), out_starts[:n].copy(), out_ends[:n].copy()


@numba.njit(cache=True, nogil=True)
def _spaces_before(data, at, start, classes):  # type: ignore[no-untyped-def]
    """Start of the white space that ends at `at`."""
    while at > start and class_of(code_before(data, at), classes) & SPACE:
        at = previous(data, at)
    return at


@numba.njit(cache=True, nogil=True)
def _spaces_after(data, at, stop, classes):  # type: ignore[no-untyped-def]
    """End of the white space that begins at `at`."""
    while at < stop:
        code, width = decode(data, at)
        if not class_of(code, classes) & SPACE:
            break
        at += width
    return at


@numba.njit(cache=True, nogil=True)
def _line_breaks(data, start, end):  # type: ignore[no-untyped-def]
    n = 0
    at = start
    while at < end:
        size = break_at(data, at, end)
        n += size > 0
        at += max(1, size)
    return n


@numba.njit(cache=True, nogil=True)
def _copy(data, start, end, out, filled):  # type: ignore[no-untyped-def]
    out[filled : filled + end - start] = data[start:end]
    return filled + end - start


@numba.njit(cache=True, nogil=True)
def _apply(data, offsets, rows, starts, ends, classes):  # type: ignore[no-untyped-def]
    n = len(offsets) - 1
    out = np.empty(offsets[n] - offsets[0], np.uint8)
    bounds = np.zeros(n + 1, np.int64)
    n_chars, n_pieces = np.zeros(n, np.uint32), np.zeros(n, np.uint32)
    filled = span = 0
    for row in range(n):
        base, stop = offsets[row], offsets[row + 1]
        at = base
        while span < len(rows) and rows[span] == row:
            left = base + starts[span]
            right = left
            after = left
            while span < len(rows) and rows[span] == row and base + starts[span] <= after:
                for byte in data[base + starts[span] : base + ends[span]]:
                    n_chars[row] += byte & 0xC0 != 0x80
                right = base + ends[span]
                after = _spaces_after(data, right, stop, classes)
                span += 1
            n_pieces[row] += 1
            before = max(at, _spaces_before(data, left, base, classes))
            filled = _copy(data, at, before, out, filled)
            at = after
            if filled > bounds[row] and after < stop:
                if left == before and after == right:
                    code = decode(data, after)[0]
                    if not (class_of(code, classes) | class_of(code_before(out, filled), classes)) & UNSPACED:
                        out[filled] = 32
                        filled += 1
                elif _line_breaks(data, right, after) > _line_breaks(data, before, left) or left == before:
                    filled = _copy(data, right, after, out, filled)
                else:
                    filled = _copy(data, before, left, out, filled)
        filled = _copy(data, at, stop, out, filled)
        bounds[row + 1] = filled
    return out[:filled].copy(), bounds, n_chars, n_pieces
