"""Parts of words that must be near a private value: where they are in a text, and whether one precedes a candidate."""

from __future__ import annotations

import functools

import numba
import numpy as np
import numpy.typing as npt

from pipelines.scrub.candidates import CONTEXT, Candidates
from schemas.buffers import Bytes, Offsets

Hints = tuple[bytes, ...]


def hint_positions(hints: Hints, data: Bytes, first: int, stop: int) -> npt.NDArray[np.int64]:
    """int64[m]: where in data[first:stop] a hint begins, ascending; upper and lower case differ."""
    found: npt.NDArray[np.int64] = _hint_positions(data, first, stop, *_table(hints))
    return found


def has_hint_before(hints: Hints, data: Bytes, offsets: Offsets, candidates: Candidates) -> npt.NDArray[np.bool_]:
    """bool[n]: whether a hint is in the CONTEXT bytes of the row before each candidate; ASCII letters match in either case."""
    found: npt.NDArray[np.bool_] = _has_hint_before(data, offsets, candidates.rows, candidates.starts, *_table(hints))
    return found


@functools.cache
def _table(hints: Hints) -> tuple[npt.NDArray[np.uint16], Bytes, npt.NDArray[np.int64]]:
    """(by two bytes, one more than the first hint that begins with them, 0 for none; all hints joined; where each begins, and the end)."""
    hints = tuple(sorted(hints))
    begins = np.zeros(1 << 16, np.uint16)
    for number in reversed(range(len(hints))):
        begins[hints[number][0] << 8 | hints[number][1]] = number + 1
    return begins, np.frombuffer(b"".join(hints), np.uint8), np.cumsum([0, *map(len, hints)]).astype(np.int64)


@numba.njit(cache=True, nogil=True)
def _lower(byte):  # type: ignore[no-untyped-def]
    return byte + 0x20 if 0x41 <= byte <= 0x5A else byte


@numba.njit(cache=True, nogil=True)
def _goes_on(data, at, stop, begun, hints, bounds, any_case):  # type: ignore[no-untyped-def]
    """Whether a hint is at `at`; `begun` is the first hint that begins with the two bytes there."""
    for hint in range(begun, len(bounds) - 1):
        if hints[bounds[hint]] != hints[bounds[begun]] or hints[bounds[hint] + 1] != hints[bounds[begun] + 1]:
            return False
        same, length = 2, bounds[hint + 1] - bounds[hint]
        while same < length and at + same < stop:
            byte = np.int64(data[at + same])
            if (_lower(byte) if any_case else byte) != hints[bounds[hint] + same]:
                break
            same += 1
        if same == length:
            return True
    return False


@numba.njit(cache=True, nogil=True)
def _hint_positions(data, first, stop, begins, hints, bounds):  # type: ignore[no-untyped-def]
    found = np.empty(max(0, stop - first), np.int64)  # pages that stay unused cost nothing
    n = 0
    for at in range(first, stop - 1):
        begun = np.int64(begins[np.int64(data[at]) << 8 | np.int64(data[at + 1])])
        if begun and _goes_on(data, at, stop, begun - 1, hints, bounds, False):
            found[n] = at
            n += 1
    return found[:n]


@numba.njit(cache=True, nogil=True)
def _has_hint_before(data, offsets, rows, starts, begins, hints, bounds):  # type: ignore[no-untyped-def]
    found = np.zeros(len(rows), np.bool_)
    for i in range(len(rows)):
        for at in range(max(offsets[rows[i]], starts[i] - CONTEXT), starts[i] - 1):
            begun = np.int64(begins[_lower(np.int64(data[at])) << 8 | _lower(np.int64(data[at + 1]))])
            if begun and _goes_on(data, at, starts[i], begun - 1, hints, bounds, True):
                found[i] = True
                break
    return found
