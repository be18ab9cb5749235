"""Parts of words that must stand near a private value: where they are, or whether one is in what stands before a candidate."""

from __future__ import annotations

import functools

import numba
import numpy as np
import numpy.typing as npt

from pipelines.scrub.candidates import CONTEXT, Candidates
from schemas.buffers import Bytes, Offsets

Hints = tuple[bytes, ...]


def places_of(hints: Hints, data: Bytes, first: int, stop: int) -> npt.NDArray[np.int64]:
    """Where in data[first:stop] a hint stands as it is spelled, in order."""
    found: npt.NDArray[np.int64] = _places_of(data, first, stop, *_table(hints))
    return found


def said_before(hints: Hints, data: Bytes, offsets: Offsets, candidates: Candidates) -> npt.NDArray[np.bool_]:
    """bool[n]: whether a hint stands in the CONTEXT bytes of the row before a candidate; Latin letters in either case match small ones."""
    found: npt.NDArray[np.bool_] = _said_before(data, offsets, candidates.rows, candidates.starts, *_table(hints))
    return found


@functools.cache
def _table(hints: Hints) -> tuple[npt.NDArray[np.bool_], Bytes, npt.NDArray[np.int64]]:
    """(whether two bytes begin a hint, all hints in a row, where each begins and the last ends)."""
    begins = np.zeros(1 << 16, np.bool_)
    begins[[hint[0] << 8 | hint[1] for hint in hints]] = True
    return begins, np.frombuffer(b"".join(hints), np.uint8), np.cumsum([0, *map(len, hints)]).astype(np.int64)


@numba.njit(cache=True, nogil=True)
def _small(byte):  # type: ignore[no-untyped-def]
    return byte + 0x20 if 0x41 <= byte <= 0x5A else byte


@numba.njit(cache=True, nogil=True)
def _begins_hint(data, at, stop, begins, hints, bounds, any_case):  # type: ignore[no-untyped-def]
    first, second = np.int64(data[at]), np.int64(data[at + 1])
    if any_case:
        first, second = _small(first), _small(second)
    if not begins[first << 8 | second]:
        return False
    for hint in range(len(bounds) - 1):
        same, length = 0, bounds[hint + 1] - bounds[hint]
        while same < length and at + same < stop:
            byte = np.int64(data[at + same])
            if (_small(byte) if any_case else byte) != hints[bounds[hint] + same]:
                break
            same += 1
        if same == length:
            return True
    return False


@numba.njit(cache=True, nogil=True)
def _places_of(data, first, stop, begins, hints, bounds):  # type: ignore[no-untyped-def]
    found = np.empty(max(0, stop - first), np.int64)  # pages that stay unused cost nothing
    n = 0
    for at in range(first, stop - 1):
        if _begins_hint(data, at, stop, begins, hints, bounds, False):
            found[n] = at
            n += 1
    return found[:n]


@numba.njit(cache=True, nogil=True)
def _said_before(data, offsets, rows, starts, begins, hints, bounds):  # type: ignore[no-untyped-def]
    found = np.zeros(len(rows), np.bool_)
    for i in range(len(rows)):
        for at in range(max(offsets[rows[i]], starts[i] - CONTEXT), starts[i] - 1):
            if _begins_hint(data, at, starts[i], begins, hints, bounds, True):
                found[i] = True
                break
    return found
