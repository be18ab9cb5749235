"""The scripts of letters, for compiled kernels.

A block counts as one script: the few letters in another script's block do not change the script of a text. Letters of blocks that are not
listed have no script.
"""

from __future__ import annotations

import functools
from typing import Final

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.text.lines import class_of
from pipelines.text.unicode import LETTER, TABLE_SIZE, char_classes, decode
from pipelines.text.view import text_view

_BLOCKS: Final = {
    "Latn": ((0x41, 0x24F), (0x1E00, 0x1EFF), (0x2C60, 0x2C7F), (0xA720, 0xA7FF), (0xAB30, 0xAB6F), (0xFB00, 0xFB06), (0xFF21, 0xFF5A)),
    "Grek": ((0x370, 0x3E1), (0x3F0, 0x3FF), (0x1F00, 0x1FFF)),
    "Copt": ((0x3E2, 0x3EF), (0x2C80, 0x2CFF)),
    "Cyrl": ((0x400, 0x52F), (0x1C80, 0x1C8F), (0x2DE0, 0x2DFF), (0xA640, 0xA69F)),
    "Armn": ((0x530, 0x58F), (0xFB13, 0xFB17)),
    "Hebr": ((0x590, 0x5FF), (0xFB1D, 0xFB4F)),
    "Arab": ((0x600, 0x6FF), (0x750, 0x77F), (0x870, 0x8FF), (0xFB50, 0xFDFF), (0xFE70, 0xFEFF)),
    "Syrc": ((0x700, 0x74F), (0x860, 0x86F)),
    "Thaa": ((0x780, 0x7BF),),
    "Nkoo": ((0x7C0, 0x7FF),),
    "Deva": ((0x900, 0x97F), (0xA8E0, 0xA8FF)),
    "Beng": ((0x980, 0x9FF),),
    "Guru": ((0xA00, 0xA7F),),
    "Gujr": ((0xA80, 0xAFF),),
    "Orya": ((0xB00, 0xB7F),),
    "Taml": ((0xB80, 0xBFF),),
    "Telu": ((0xC00, 0xC7F),),
    "Knda": ((0xC80, 0xCFF),),
    "Mlym": ((0xD00, 0xD7F),),
    "Sinh": ((0xD80, 0xDFF),),
    "Thai": ((0xE00, 0xE7F),),
    "Laoo": ((0xE80, 0xEFF),),
    "Tibt": ((0xF00, 0xFFF),),
    "Mymr": ((0x1000, 0x109F), (0xA9E0, 0xA9FF), (0xAA60, 0xAA7F)),
    "Geor": ((0x10A0, 0x10FF), (0x1C90, 0x1CBF), (0x2D00, 0x2D2F)),
    "Hang": ((0x1100, 0x11FF), (0x3130, 0x318F), (0xA960, 0xA97F), (0xAC00, 0xD7FF)),
    "Ethi": ((0x1200, 0x139F), (0x2D80, 0x2DDF), (0xAB00, 0xAB2F)),
    "Cher": ((0x13A0, 0x13FF), (0xAB70, 0xABBF)),
    "Cans": ((0x1400, 0x167F), (0x18B0, 0x18FF)),
    "Khmr": ((0x1780, 0x17FF),),
    "Mong": ((0x1800, 0x18AF),),
    "Olck": ((0x1C50, 0x1C7F),),
    "Tfng": ((0x2D30, 0x2D7F),),
    "Hani": ((0x2E80, 0x2FDF), (0x3005, 0x3007), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x323AF)),
    "Kana": ((0x3041, 0x30FF), (0x31F0, 0x31FF), (0xFF66, 0xFF9F)),
    "Bopo": ((0x3100, 0x312F), (0x31A0, 0x31BF)),
    "Yiii": ((0xA000, 0xA4CF),),
    "Java": ((0xA980, 0xA9DF),),
    "Mtei": ((0xAAE0, 0xAAFF), (0xABC0, 0xABFF)),
}
SCRIPTS: Final = tuple(_BLOCKS)
"""By number; at most 63, so that the bits of an int64 are a set of them."""

_ALIASES: Final = {
    "Hans": ("Hani",),
    "Hant": ("Hani",),
    "Jpan": ("Hani", "Kana"),
    "Hira": ("Kana",),
    "Kore": ("Hang", "Hani"),
}
_NO_SCRIPT: Final = 63


def script_bits(*codes: str) -> int:
    """The set of scripts of ISO 15924 codes: "Jpan" is two. 0 where one of them is not known."""
    names = [name for code in codes for name in _ALIASES.get(code, (code,))]
    return sum(1 << SCRIPTS.index(name) for name in set(names)) if all(name in _BLOCKS for name in names) else 0


@functools.cache
def script_table() -> npt.NDArray[np.uint8]:
    """uint8[TABLE_SIZE]: the number of each code point's script; 63 for none."""
    table = np.full(TABLE_SIZE, _NO_SCRIPT, np.uint8)
    for number, name in enumerate(SCRIPTS):
        for first, last in _BLOCKS[name]:
            table[first : last + 1] = number
    return table


def share_in_scripts(text: pa.Array, scripts: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Of the letters of every row of a large_string column, the share in the row's scripts (bits); 1 without letters."""
    data, offsets = text_view(text)
    out = np.ones(len(text))
    _share(data, offsets, scripts, script_table(), char_classes(), out)
    return out


@numba.njit(cache=True, nogil=True)
def _share(data, offsets, scripts, table, classes, out):  # type: ignore[no-untyped-def]
    for row in range(len(offsets) - 1):
        at, stop = offsets[row], offsets[row + 1]
        n_letters = n_own = 0
        while at < stop:
            code, size = decode(data, at)
            at += size
            if class_of(code, classes) & LETTER:
                n_letters += 1
                n_own += (scripts[row] >> np.int64(table[code])) & 1
        if n_letters:
            out[row] = n_own / n_letters
