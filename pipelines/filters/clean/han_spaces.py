"""Spaces inside runs of Han characters and kana, which justified pages leave: 研 究 者 们 -> 研究者们."""

from __future__ import annotations

from typing import Final

import numba
import numpy as np
import pyarrow as pa

from pipelines.filters.clean.width import is_han, is_wide_mark
from pipelines.text.unicode import decode
from pipelines.text.view import text_view
from schemas.buffers import string_column

MIN_SINGLE: Final = 3
"""Separated characters in a row. Fewer may be intended: a name of two characters, a heading."""


def close_han_spaces(text: pa.Array) -> pa.Array:
    """The text without the blanks between single Han characters, where at least MIN_SINGLE of them are separated in a row.

    A character next to full-width punctuation is still a single one. Blanks before full-width closing punctuation belong to the run.
    Example: "提 出 了 ， 模 型" -> "提出了，模型"; "张 三 Lee 等" stays. The step is idempotent.
    """
    data, offsets = text_view(text)
    out = np.empty(int(offsets[-1] - offsets[0]), np.uint8)
    ends = np.zeros(len(offsets), np.int64)
    _close(data, offsets, out, ends)
    return string_column(out[: ends[-1]].copy(), ends)


@numba.njit(cache=True, nogil=True)
def _is_blank(code: int) -> bool:
    return code in (0x20, 0x09, 0xA0, 0x3000)


@numba.njit(cache=True, nogil=True)
def _piece(data, at, stop):  # type: ignore[no-untyped-def]
    """(end, Han characters, whether the rest is full-width punctuation) of the piece between blanks."""
    n_han = 0
    pure = True
    while at < stop:
        code, size = decode(data, at)
        if _is_blank(code) or code in (0x0A, 0x0D):
            break
        if is_han(code):
            n_han += 1
        elif not is_wide_mark(code):
            pure = False
        at += size
    return at, n_han, pure


@numba.njit(cache=True, nogil=True)
def _copy_run(data, begin, end, out, to, close):  # type: ignore[no-untyped-def]
    """Write a run of pieces, without its blanks if `close`."""
    at = begin
    while at < end:
        code, size = decode(data, at)
        if not (close and _is_blank(code)):
            out[to : to + size] = data[at : at + size]
            to += size
        at += size
    return to


@numba.njit(cache=True, nogil=True)
def _close(data, offsets, out, ends):  # type: ignore[no-untyped-def]
    to = 0
    for row in range(len(offsets) - 1):
        at, stop = offsets[row], offsets[row + 1]
        run = run_end = at  # pieces of single characters with blanks between
        n_single = 0
        while at < stop:
            code, size = decode(data, at)
            if _is_blank(code):
                at += size
                continue
            broken = code in (0x0A, 0x0D)
            end, n_han, pure = (at + size, 0, False) if broken else _piece(data, at, stop)
            if pure and n_han <= 1:
                if n_single == 0:  # blanks before a run are not inside it
                    to = _copy_run(data, run, at, out, to, False)
                    run = at
                n_single += n_han
                run_end = end
            else:
                to = _copy_run(data, run, run_end, out, to, n_single >= MIN_SINGLE)
                to = _copy_run(data, run_end, end, out, to, False)
                run = run_end = end
                n_single = 0
            at = end
        to = _copy_run(data, run, run_end, out, to, n_single >= MIN_SINGLE)
        to = _copy_run(data, run_end, stop, out, to, False)
        ends[row + 1] = to
