"""Units: the pieces of a text that may be repeated elsewhere: lines, runs of sentences, windows of words.

Each unit has a key of 128 bits, so that equal keys mean equal pieces.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numba
import numpy as np

from pipelines.dedup.arrays import Int64s, Mask, UInt32s, UInt64s
from pipelines.text.fold import LOW, SEVERAL, WORD, mark_at
from pipelines.text.hashing import SEED, add_code, finish
from pipelines.text.unicode import SPACE, TABLE_SIZE, decode
from schemas.buffers import Bytes

_MIX: Final = np.uint64(0x9E3779B97F4A7C15)
_TURN: Final = np.uint64(29)
_SPACE_CODE: Final = 32


@dataclass(frozen=True, slots=True)
class Units:
    """Pieces of the texts of a column, ascending by row and start."""

    rows: Int64s
    starts: Int64s
    """First byte, counted from the start of the row's text."""
    ends: Int64s
    keys: UInt64s
    checks: UInt64s
    """The second 64 bits of the key."""

    def take(self, chosen: Int64s | Mask) -> Units:
        """Some of the units, by number or mask."""
        names = ("rows", "starts", "ends", "keys", "checks")
        return replace(self, **{name: getattr(self, name)[chosen] for name in names})

    def __len__(self) -> int:
        return len(self.rows)


@numba.njit(cache=True, nogil=True)
def normal_key(data: Bytes, start: int, end: int, compared: UInt32s, key: np.uint64, check: np.uint64) -> tuple[np.uint64, np.uint64, int]:
    """(key, check, number of letters and digits) of a span as `compared_table` folds it.

    Runs of white space are one space, and there is none at the ends.
    `key` and `check` continue those passed in; `end_key` finishes them.
    """
    n = 0
    begun = pending = False
    at = start
    while at < end:
        code, width = decode(data, at)
        entry = compared[code] if code < TABLE_SIZE else np.uint32(0)
        kind = entry >> np.uint32(24)
        first = np.int64(entry & LOW) if kind & WORD else np.int64(mark_at(data, at, end, code, entry))
        at += width
        if kind & SPACE:
            pending = begun
        elif first != 0:
            if pending:
                key, check = add_code(key, _SPACE_CODE), add_check(check, _SPACE_CODE)
                pending = False
            begun = True
            n += kind & WORD != 0
            if entry < SEVERAL:
                key, check = add_code(key, first), add_check(check, first)
            else:
                for i in range(first + 1, first + 1 + np.int64(compared[first])):
                    key, check = add_code(key, compared[i]), add_check(check, compared[i])
    return key, check, n


@numba.njit(cache=True, nogil=True)
def add_check(check: np.uint64, code: int) -> np.uint64:
    """The second hash with one more code point."""
    check = (check + np.uint64(code)) * _MIX
    return check ^ (check >> _TURN)


@numba.njit(cache=True, nogil=True)
def begin() -> tuple[np.uint64, np.uint64]:
    """(key, check) to start with."""
    return SEED, _MIX


@numba.njit(cache=True, nogil=True)
def end_key(key: np.uint64, check: np.uint64) -> tuple[np.uint64, np.uint64]:
    """The finished (key, check)."""
    return finish(key), finish(check)
