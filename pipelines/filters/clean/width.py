"""The width of characters on a page, and which of them are written without spaces."""

from __future__ import annotations

import functools
import unicodedata
from typing import Final

import numba
import numpy as np
import numpy.typing as npt

from pipelines.text.unicode import TABLE_SIZE

_HAN: Final = (
    (0x2E80, 0x2FDF),
    (0x3005, 0x3007),
    (0x3041, 0x3096),
    (0x309D, 0x309F),
    (0x30A1, 0x30FF),
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x323AF),
)

_WIDE_BLOCKS: Final = ((0x3001, 0x3003), (0x3008, 0x3011), (0x3014, 0x301F), (0xFF01, 0xFF0F))
_WIDE_MARKS: Final = tuple(ord(char) for char in "：；？［］｛｝～“”‘’…—")


@numba.njit(cache=True, nogil=True)
def is_han(code: int) -> bool:
    """Whether it is a Han character or kana."""
    if code < 0x2E80:
        return False
    found = False
    for first, last in _HAN:
        found |= first <= code <= last
    return found


@numba.njit(cache=True, nogil=True)
def is_wide_mark(code: int) -> bool:
    """Full-width punctuation."""
    found = code in _WIDE_MARKS
    for first, last in _WIDE_BLOCKS:
        found |= first <= code <= last
    return found


@functools.cache
def widths() -> npt.NDArray[np.uint8]:
    """uint8[TABLE_SIZE]: columns that a code point takes, 0, 1 or 2 (Unicode Standard Annex 11)."""
    table = np.ones(TABLE_SIZE, np.uint8)
    for code in range(TABLE_SIZE):
        char = chr(code)
        if unicodedata.east_asian_width(char) in ("W", "F"):
            table[code] = 2
        elif unicodedata.category(char) in ("Mn", "Me", "Cf"):
            table[code] = 0
    return table
