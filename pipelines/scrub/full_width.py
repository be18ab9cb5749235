"""Digits, letters and signs of full width (U+FF01 to U+FF5E), as Chinese and Japanese texts write numbers, read as ASCII.

Rows that hold such numbers are scanned once more as they read; what is found there is replaced where it stands.
"""

from __future__ import annotations

import re
from typing import Final

import numba
import numpy as np
import numpy.typing as npt

from schemas.buffers import Bytes, Offsets

Ints = npt.NDArray[np.int64]

# ０-９, ＠, ＋, or a bracket of full width beside digits
_NUMBERS: Final = re.compile(rb"\xef\xbc[\x90-\x99\xa0\x8b]|\xef\xbc\x88\d|\d\xef\xbc\x89\d")


def rows_with_full_width(data: Bytes, offsets: Offsets, active: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """bool[n]: active rows that hold an address or number with characters of full width."""
    found = np.zeros(len(active), np.bool_)
    base = int(offsets[0])
    text = data[base : int(offsets[-1])].tobytes()
    if b"\xef\xbc" in text:
        at = 0
        while match := _NUMBERS.search(text, at):
            row = int(np.searchsorted(offsets, match.start() + base, side="right")) - 1
            found[row] = True
            at = int(offsets[row + 1]) - base
    return found & active


def half_width(data: Bytes, offsets: Offsets, rows: npt.NDArray[np.bool_]) -> tuple[Bytes, Offsets, Ints, Ints]:
    """(data, offsets, starts int64[m], ends int64[m]): the chosen rows as they read, the others empty; where each byte stood."""
    fresh, fresh_offsets, starts, ends = _half_width(data, offsets, rows, int(np.diff(offsets)[rows].sum()))
    fresh.flags.writeable = fresh_offsets.flags.writeable = False
    return fresh, fresh_offsets, starts, ends


@numba.njit(cache=True, nogil=True)
def _half_width(data, offsets, rows, n_bytes):  # type: ignore[no-untyped-def]
    fresh = np.empty(n_bytes, np.uint8)
    starts, ends = np.empty(n_bytes, np.int64), np.empty(n_bytes, np.int64)
    fresh_offsets = np.zeros(len(offsets), np.int64)
    filled = 0
    for row in range(len(offsets) - 1):
        at, stop = offsets[row], offsets[row + 1]
        while at < stop and rows[row]:
            byte, width = data[at], 1
            if byte == 0xEF and at + 2 < stop and data[at + 1] in (0xBC, 0xBD):
                point = (data[at + 1] - 0xBC) * 64 + data[at + 2] - 0x80  # from U+FF00
                if 1 <= point <= 0x5E:
                    byte, width = 0x20 + point, 3
            fresh[filled], starts[filled], ends[filled] = byte, at, at + width
            filled += 1
            at += width
        fresh_offsets[row + 1] = filled
    return fresh[:filled], fresh_offsets, starts[:filled], ends[:filled]
