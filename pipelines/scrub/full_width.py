"""Digits, letters and signs of full width (U+FF01 to U+FF5E), as Chinese and Japanese texts write numbers, read as ASCII.

Rows that hold such numbers are scanned once more as they read; what is found there is replaced where it stands.
"""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

from schemas.buffers import Bytes, Offsets

Ints = npt.NDArray[np.int64]


def rows_with_full_width(data: Bytes, offsets: Offsets, active: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """bool[n]: active rows with a digit, an @ or a + of full width, or a bracket that opens or goes on with a digit."""
    found = np.zeros(len(active), np.bool_)
    first, stop = int(offsets[0]), int(offsets[-1])
    at = np.flatnonzero(data[first : max(first, stop - 2)] == 0xEF) + first
    at = at[data[at + 1] == 0xBC]
    sign, after = data[at + 2], data[np.minimum(at + 3, stop - 1)]
    is_number = ((sign >= 0x90) & (sign <= 0x99)) | (sign == 0xA0) | (sign == 0x8B)
    in_number = ((sign == 0x88) | (sign == 0x89)) & (after >= 0x30) & (after <= 0x39)
    found[np.searchsorted(offsets, at[is_number | in_number], side="right") - 1] = True
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
