"""Runs of three sentences, of which C4 (arXiv 1910.10683) keeps one copy; compared as lines are.

A sentence ends at an end mark of any script, closing quotation marks and brackets included. The marks of scripts with spaces count only
before white space or at the end of the line, the others everywhere. A line break ends a sentence, too, so in scripts without end marks
(Thai, Lao) a line is a sentence.
"""

from __future__ import annotations

import functools
import unicodedata
from typing import Final

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.dedup.arrays import Int64s
from pipelines.dedup.spans.units import Units, begin, end_key, normal_key
from pipelines.text.fold import compared_table
from pipelines.text.lines import line_end
from pipelines.text.unicode import SPACE, TABLE_SIZE, char_classes, decode
from pipelines.text.view import text_view
from schemas.recipe import Sentences

_ENDS: Final = ".?!…‼⁇⁈⁉‽؟۔।॥။។։።;"  # U+037E and U+061B look like semicolons, but ";" itself is not one
_ENDS_ANYWHERE: Final = "。！？｡．"
_END: Final = 1
_ANYWHERE: Final = 2
_CLOSER: Final = 4


@functools.cache
def mark_table() -> npt.NDArray[np.uint8]:
    """uint8[TABLE_SIZE]: which code points end a sentence, and which close it behind the end mark."""
    table = np.zeros(TABLE_SIZE, np.uint8)
    for code in range(TABLE_SIZE):
        if unicodedata.category(chr(code)) in ("Pe", "Pf", "Pi") or chr(code) in "\"'":
            table[code] = _CLOSER
    for marks, kind in ((_ENDS.replace(";", "\u037e"), _END), (_ENDS_ANYWHERE, _ANYWHERE)):
        for mark in marks:
            table[ord(mark)] = kind
    table.flags.writeable = False
    return table


def sentence_units(text: pa.Array, config: Sentences) -> Units:
    """Each run of `config.span` sentences of a text, from the start of the first to the end of the last."""
    rows, starts, ends = sentence_bounds(text)
    data, offsets = text_view(text)
    return Units(*_spans(data, offsets, rows, starts, ends, config.span, compared_table()))


def sentence_bounds(text: pa.Array) -> tuple[Int64s, Int64s, Int64s]:
    """(row, start, end) of every sentence, in bytes of the row's text. Sentences without a letter or number are left out."""
    data, offsets = text_view(text)
    return _sentences(data, offsets, mark_table(), compared_table(), char_classes())


@numba.njit(cache=True, nogil=True)
def _sentence_end(data, at, stop, marks, classes):  # type: ignore[no-untyped-def]
    """End of the sentence that begins at `at` of a line that ends at `stop`."""
    while at < stop:
        code, width = decode(data, at)
        at += width
        kind = marks[code] if code < TABLE_SIZE else 0
        if kind & (_END | _ANYWHERE) == 0:
            continue
        anywhere = kind == _ANYWHERE
        while at < stop:
            code, width = decode(data, at)
            kind = marks[code] if code < TABLE_SIZE else 0
            if kind == 0:
                break
            anywhere = anywhere or kind == _ANYWHERE
            at += width
        if anywhere or at == stop or (code < TABLE_SIZE and classes[code] & SPACE):
            return at
    return stop


@numba.njit(cache=True, nogil=True)
def _sentences(data, offsets, marks, compared, classes):  # type: ignore[no-untyped-def]
    most = offsets[-1] - offsets[0]
    rows, starts, ends = np.empty(most, np.int64), np.empty(most, np.int64), np.empty(most, np.int64)
    n = 0
    for row in range(len(offsets) - 1):
        at, stop = offsets[row], offsets[row + 1]
        while at < stop:
            end, following = line_end(data, at, stop)
            while at < end:
                code, width = decode(data, at)
                if code < TABLE_SIZE and classes[code] & SPACE:
                    at += width
                    continue
                last = _sentence_end(data, at, end, marks, classes)
                key, check = begin()
                if normal_key(data, at, last, compared, key, check)[2]:
                    rows[n], starts[n], ends[n] = row, at - offsets[row], last - offsets[row]
                    n += 1
                at = last
            at = following
    return rows[:n].copy(), starts[:n].copy(), ends[:n].copy()


@numba.njit(cache=True, nogil=True)
def _spans(data, offsets, rows, starts, ends, size, compared):  # type: ignore[no-untyped-def]
    most = max(0, len(rows) - size + 1)
    firsts = np.empty(most, np.int64)
    keys, checks = np.empty(most, np.uint64), np.empty(most, np.uint64)
    n = 0
    for first in range(most):
        last = first + size - 1
        row = rows[first]
        if rows[last] != row:
            continue
        base = offsets[row]
        key, check = begin()
        key, check, _ = normal_key(data, base + starts[first], base + ends[last], compared, key, check)
        firsts[n] = first
        keys[n], checks[n] = end_key(key, check)
        n += 1
    firsts = firsts[:n].copy()
    return rows[firsts], starts[firsts], ends[firsts + size - 1], keys[:n].copy(), checks[:n].copy()
