"""Unicode tables for compiled kernels, built from the interpreter's `unicodedata`, and UTF-8 decoding.

Tables cover code points below TABLE_SIZE; everything above is unassigned, private use or variation selectors
and has class 0. Kernels take the table as an argument: `char_classes()` builds it once. The table ASCII is small enough to be compiled
into kernels.
"""

from __future__ import annotations

import functools
import unicodedata
from typing import Final

import numba
import numpy as np
import numpy.typing as npt

TABLE_SIZE: Final = 0x32400  # past the last assigned CJK extension

LETTER: Final = 1
NUMBER: Final = 2
MARK: Final = 4
SPACE: Final = 8  # str.isspace()
PUNCTUATION: Final = 16
SYMBOL: Final = 32
UNSPACED: Final = 64  # of a script that is written without spaces between words: each character counts as a word
UPPER: Final = 128

# Blocks of the scripts written without spaces between words (Unicode 16): first and last code point.
_UNSPACED_BLOCKS: Final = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x1950, 0x19FF),  # Tai Le, New Tai Lue, Khmer symbols
    (0x1A20, 0x1AAF),  # Tai Tham
    (0x2E80, 0x2FDF),  # CJK radicals
    (0x3005, 0x3007),  # iteration mark, closing mark, ideographic zero
    (0x3021, 0x3029),
    (0x3031, 0x3035),
    (0x3038, 0x303C),
    (0x3041, 0x3096),  # Hiragana
    (0x309D, 0x309F),
    (0x30A1, 0x30FA),  # Katakana
    (0x30FC, 0x30FF),
    (0x3105, 0x312F),  # Bopomofo
    (0x31A0, 0x31BF),
    (0x31F0, 0x31FF),
    (0x3400, 0x4DBF),  # CJK extension A
    (0x4E00, 0x9FFF),  # CJK unified ideographs
    (0xA9E0, 0xA9FF),  # Myanmar extended B
    (0xAA60, 0xAADF),  # Myanmar extended A, Tai Viet
    (0xF900, 0xFAFF),  # CJK compatibility ideographs
    (0xFF66, 0xFF9F),  # half-width Katakana
    (0x1AFF0, 0x1B16F),  # Kana extensions
    (0x20000, 0x323AF),  # CJK extensions B to H
)

_SPACE_CATEGORIES: Final = ("Cc", "Zs", "Zl", "Zp")
_CLASS_OF_CATEGORY: Final = {"L": LETTER, "N": NUMBER, "M": MARK, "P": PUNCTUATION, "S": SYMBOL}


def _class_of_category(category: str) -> int:
    return _CLASS_OF_CATEGORY.get(category[0], 0) | (UPPER if category == "Lu" else 0)


def _class_of(char: str) -> int:
    return SPACE if char.isspace() else _class_of_category(unicodedata.category(char))


ASCII: Final = np.array([_class_of(chr(code)) for code in range(0x80)] + [0] * 0x80, np.uint8)
"""uint8[256]: the class bits of ASCII characters by byte, 0 for all other bytes."""


@functools.cache
def char_classes() -> npt.NDArray[np.uint8]:
    """uint8[TABLE_SIZE]: the class bits of every code point."""
    categories = list(map(unicodedata.category, map(chr, range(TABLE_SIZE))))
    bits_of = {category: _class_of_category(category) for category in set(categories)}
    table = np.array([bits_of[category] for category in categories], np.uint8)
    for code in (code for code, category in enumerate(categories) if category in _SPACE_CATEGORIES):
        table[code] = _class_of(chr(code))
    for first, last in _UNSPACED_BLOCKS:
        block = table[first : last + 1]
        block[(block & (LETTER | MARK | NUMBER)) != 0] |= UNSPACED
    # Digits of those scripts run together like any number.
    for first, last in ((0x0E50, 0x0E59), (0x0ED0, 0x0ED9), (0x1040, 0x1049), (0x17E0, 0x17E9)):
        table[first : last + 1] &= 0xFF ^ UNSPACED
    return table


@numba.njit(cache=True, nogil=True, inline="always")
def decode(data: npt.NDArray[np.uint8], at: int) -> tuple[int, int]:
    """(code point, length in bytes) of the character at byte `at` of valid UTF-8."""
    first = int(data[at])
    if first < 0x80:
        return first, 1
    if first < 0xE0:
        return ((first & 0x1F) << 6) | (int(data[at + 1]) & 0x3F), 2
    if first < 0xF0:
        return ((first & 0x0F) << 12) | ((int(data[at + 1]) & 0x3F) << 6) | (int(data[at + 2]) & 0x3F), 3
    low = ((int(data[at + 1]) & 0x3F) << 12) | ((int(data[at + 2]) & 0x3F) << 6) | (int(data[at + 3]) & 0x3F)
    return ((first & 0x07) << 18) | low, 4
