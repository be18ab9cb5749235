"""Lines, compared as CCNet (arXiv 1911.00359) compares them: lower case, every digit 0, punctuation and control characters gone."""

from __future__ import annotations

import functools
import unicodedata

import numba
import numpy as np
import pyarrow as pa

from pipelines.dedup.spans.units import UInt32s, Units, begin, end_key, normal_key
from pipelines.text.lines import line_end
from pipelines.text.unicode import TABLE_SIZE, char_classes
from pipelines.text.view import text_view
from schemas.recipe import Lines


@functools.cache
def line_table() -> UInt32s:
    """uint32[TABLE_SIZE]: what each code point is compared as; 0 for what is passed over."""
    table = np.zeros(TABLE_SIZE, np.uint32)
    for code in range(TABLE_SIZE):
        category = unicodedata.category(chr(code))
        if category == "Nd":
            table[code] = ord("0")
        elif category[0] not in "PC":
            table[code] = ord(chr(code).lower()[0])
    table.flags.writeable = False
    return table


def line_units(text: pa.Array, config: Lines) -> Units:
    """The lines of each text with at least `config.min_chars` compared characters; line breaks are no part of them."""
    data, offsets = text_view(text)
    return Units(*_lines(data, offsets, config.min_chars, line_table(), char_classes()))


@numba.njit(cache=True, nogil=True)
def _lines(data, offsets, min_chars, normal, classes):  # type: ignore[no-untyped-def]
    n = 0
    most = offsets[-1] - offsets[0]
    # A line has at least one byte; pages of these arrays that stay unused are never touched.
    rows, starts, ends = np.empty(most, np.int64), np.empty(most, np.int64), np.empty(most, np.int64)
    keys, checks = np.empty(most, np.uint64), np.empty(most, np.uint64)
    for row in range(len(offsets) - 1):
        at, stop = offsets[row], offsets[row + 1]
        while at < stop:
            end, following = line_end(data, at, stop)
            key, check = begin()
            key, check, n_chars = normal_key(data, at, end, normal, classes, key, check)
            if n_chars >= max(1, min_chars):
                rows[n], starts[n], ends[n] = row, at - offsets[row], end - offsets[row]
                keys[n], checks[n] = end_key(key, check)
                n += 1
            at = following
    return rows[:n].copy(), starts[:n].copy(), ends[:n].copy(), keys[:n].copy(), checks[:n].copy()
