"""Lines of UTF-8 text inside compiled kernels, with the results of Python's str methods.

Every function takes absolute byte positions in the text buffer of a column.
"""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

from pipelines.text.unicode import SPACE, TABLE_SIZE, decode

Bytes = npt.NDArray[np.uint8]


@numba.njit(cache=True, nogil=True)
def break_at(data: Bytes, at: int, stop: int) -> int:
    """Bytes of the line break at `at`, as in str.splitlines; 0 if there is none."""
    byte = data[at]
    if byte > 0x1E:
        if byte == 0xC2:
            return 2 if data[at + 1] == 0x85 else 0
        if byte == 0xE2:
            return 3 if data[at + 1] == 0x80 and (data[at + 2] == 0xA8 or data[at + 2] == 0xA9) else 0
        return 0
    if byte == 0x0D:
        return 2 if at + 1 < stop and data[at + 1] == 0x0A else 1
    return 1 if 0x0A <= byte <= 0x0C or byte >= 0x1C else 0


@numba.njit(cache=True, nogil=True)
def line_end(data: Bytes, at: int, stop: int) -> tuple[int, int]:
    """(end of the line that begins at `at`, start of the next one), with breaks as in str.splitlines."""
    while at < stop:
        byte = data[at]
        if byte <= 0x1E or byte in (0xC2, 0xE2):
            size = break_at(data, at, stop)
            if size:
                return at, at + size
        at += 1
    return stop, stop


@numba.njit(cache=True, nogil=True)
def newline_end(data: Bytes, at: int, stop: int) -> int:
    """End of the line that begins at `at`, where only a line feed breaks lines."""
    while at < stop and data[at] != 0x0A:
        at += 1
    return at


@numba.njit(cache=True, nogil=True)
def previous(data: Bytes, at: int) -> int:
    """Start of the character that ends at `at`."""
    at -= 1
    while data[at] & 0xC0 == 0x80:
        at -= 1
    return at


@numba.njit(cache=True, nogil=True)
def code_before(data: Bytes, at: int) -> int:
    """Code point of the character that ends at `at`."""
    return decode(data, previous(data, at))[0]


@numba.njit(cache=True, nogil=True)
def class_of(code: int, classes: npt.NDArray[np.uint8]) -> int:
    """Class bits of a code point."""
    return int(classes[code]) if code < TABLE_SIZE else 0


@numba.njit(cache=True, nogil=True)
def strip(data: Bytes, start: int, end: int, classes: npt.NDArray[np.uint8]) -> tuple[int, int]:
    """The span without white space at its ends, as str.strip."""
    while start < end:
        code, size = decode(data, start)
        if not class_of(code, classes) & SPACE:
            break
        start += size
    while start < end and class_of(code_before(data, end), classes) & SPACE:
        end = previous(data, end)
    return start, end


@numba.njit(cache=True, nogil=True)
def count_chars(data: Bytes, start: int, end: int) -> int:
    """Code points in the span."""
    n = 0
    for at in range(start, end):
        n += data[at] & 0xC0 != 0x80
    return n


@numba.njit(cache=True, nogil=True)
def count_breaks(data: Bytes, start: int, end: int) -> int:
    """Line feeds in the span."""
    n = 0
    for at in range(start, end):
        n += data[at] == 0x0A
    return n
