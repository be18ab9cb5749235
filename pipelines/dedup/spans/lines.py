"""Lines, compared as words are (`pipelines/text/fold.py`): without case, width, accents and marks of prose.

CCNet (arXiv 1911.00359) does so, too, but it reads every digit as 0 and drops all marks, so that different sums are equal.
"""

from __future__ import annotations

import numba
import numpy as np
import pyarrow as pa

from pipelines.dedup.spans.units import Units, begin, end_key, normal_key
from pipelines.text.fold import compared_table
from pipelines.text.lines import line_end
from pipelines.text.view import text_view
from schemas.recipe import Lines


def line_units(text: pa.Array, config: Lines) -> Units:
    """The lines of each text with at least `config.min_chars` letters and digits; line breaks are not part of them."""
    data, offsets = text_view(text)
    return Units(*_lines(data, offsets, config.min_chars, compared_table()))


@numba.njit(cache=True, nogil=True)
def _lines(data, offsets, min_chars, compared):  # type: ignore[no-untyped-def]
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
            key, check, n_chars = normal_key(data, at, end, compared, key, check)
            if n_chars >= max(1, min_chars):
                rows[n], starts[n], ends[n] = row, at - offsets[row], end - offsets[row]
                keys[n], checks[n] = end_key(key, check)
                n += 1
            at = following
    return rows[:n].copy(), starts[:n].copy(), ends[:n].copy(), keys[:n].copy(), checks[:n].copy()
