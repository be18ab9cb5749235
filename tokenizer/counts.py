"""Text columns -> how often each pre-token occurs: all that training needs to see of a corpus.

Counting is a map-reduce: counts of parts, from any number of workers, add up to the counts of the whole.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numba
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tokenizer.classes import code_classes
from tokenizer.patterns import Scanner
from tokenizer.scan import part_end, pretoken_end, text_view

COUNTS: Final = pa.schema([pa.field("pretoken", pa.large_binary(), nullable=False), pa.field("count", pa.uint64(), nullable=False)])
MAX_PRETOKEN_BYTES: Final = 4096
"""Longer pre-tokens are counted in pieces of this size: a line of a megabyte without a space must not slow every merge."""

_MIX: Final = np.uint64(0x9E3779B97F4A7C15)
_MIX_B: Final = np.uint64(0xC2B2AE3D27D4EB4F)
_FIRST_SLOTS: Final = 1 << 12


class PretokenCounter:
    """Counts that grow: memory follows the distinct pre-tokens seen, not the text."""

    def __init__(self) -> None:
        n = _FIRST_SLOTS
        # Table of row numbers by hash; hash, count and end of each row; the bytes of all rows.
        self._state = (
            np.full(n, -1, np.int64),
            np.empty(n, np.uint64),
            np.zeros(n, np.uint64),
            np.zeros(n + 1, np.int64),
            np.empty(n, np.uint8),
        )
        self._n = 0

    @property
    def nbytes(self) -> int:
        """Bytes of the rows: pre-tokens, counts and offsets."""
        return int(self._state[3][self._n]) + 16 * self._n

    def add_text(self, text: pa.Array, scanner: Scanner) -> None:
        """Count the pre-tokens of a string column."""
        data, offsets = text_view(text)
        self._state, self._n = _count_text(
            self._state, self._n, data, offsets, scanner.kind, scanner.max_digits, scanner.split_digits, code_classes(), MAX_PRETOKEN_BYTES
        )

    def add_counts(self, counts: pa.RecordBatch) -> None:
        """Add COUNTS made elsewhere."""
        data, offsets = text_view(counts.column("pretoken"))
        numbers = counts.column("count").to_numpy(zero_copy_only=False).astype(np.uint64)
        self._state, self._n = _add_counts(self._state, self._n, data, offsets, numbers)

    def counts(self) -> pa.RecordBatch:
        """COUNTS so far, in the order of the pre-tokens' bytes, so that no order of arrival shows."""
        _, _, numbers, bounds, kept = self._state
        n = self._n
        offsets, data = pa.py_buffer(bounds[: n + 1].copy()), pa.py_buffer(kept[: bounds[n]].copy())
        pretokens = pa.LargeBinaryArray.from_buffers(pa.large_binary(), n, [None, offsets, data])
        batch = pa.RecordBatch.from_arrays([pretokens, pa.array(numbers[:n].copy())], schema=COUNTS)
        return batch.take(pc.sort_indices(pretokens))


def count_pretokens(text: pa.Array, scanner: Scanner) -> pa.RecordBatch:
    """COUNTS of a string column."""
    counter = PretokenCounter()
    counter.add_text(text, scanner)
    return counter.counts()


def merge_counts(batches: Iterable[pa.RecordBatch]) -> pa.RecordBatch:
    """COUNTS of all batches together."""
    counter = PretokenCounter()
    for batch in batches:
        counter.add_counts(batch)
    return counter.counts()


@numba.njit(cache=True, nogil=True)
def _count_text(state, n, data, offsets, kind, max_digits, split_digits, classes, most_bytes):  # type: ignore[no-untyped-def]
    for row in range(len(offsets) - 1):
        at, stop = offsets[row], offsets[row + 1]
        part = word = at
        while at < stop:
            if at == part:
                part = part_end(data, at, stop, split_digits, classes)
            if at == word:
                word = pretoken_end(data, at, part, kind, max_digits, classes)
            end = min(word, at + most_bytes)
            while end < word and data[end] & 0xC0 == 0x80:
                end -= 1
            state, n = _add(state, n, data, at, end, np.uint64(1))
            at = end
    return state, n


@numba.njit(cache=True, nogil=True)
def _add_counts(state, n, data, offsets, numbers):  # type: ignore[no-untyped-def]
    for row in range(len(numbers)):
        state, n = _add(state, n, data, offsets[row], offsets[row + 1], numbers[row])
    return state, n


@numba.njit(cache=True, nogil=True, inline="always")
def _add(state, n, data, at, end, number):  # type: ignore[no-untyped-def]
    slots, hashes, counts, bounds, kept = state
    key = hash_bytes(data, at, end)
    slot = np.int64(key >> np.uint64(20)) & (len(slots) - 1)
    while slots[slot] >= 0:
        row = slots[slot]
        if hashes[row] == key and same_bytes(data, at, end, kept, bounds[row], bounds[row + 1]):
            counts[row] += number
            return state, n
        slot = (slot + 1) & (len(slots) - 1)
    slots[slot] = n
    return _append(state, n, data, at, end, key, number)


@numba.njit(cache=True, nogil=True)
def _append(state, n, data, at, end, key, number):  # type: ignore[no-untyped-def]
    slots, hashes, counts, bounds, kept = state
    if n == len(counts):
        counts = np.append(counts, np.empty_like(counts))
        hashes = np.append(hashes, np.empty_like(hashes))
        bounds = np.append(bounds, np.empty(n, np.int64))
    while bounds[n] + end - at > len(kept):
        kept = np.append(kept, np.empty_like(kept))
    for i in range(end - at):
        kept[bounds[n] + i] = data[at + i]
    bounds[n + 1] = bounds[n] + end - at
    hashes[n] = key
    counts[n] = number
    n += 1
    if 2 * n > len(slots):
        slots = _larger(hashes, n, 2 * len(slots))
    return (slots, hashes, counts, bounds, kept), n


@numba.njit(cache=True, nogil=True)
def _larger(hashes, n, size):  # type: ignore[no-untyped-def]
    slots = np.full(size, -1, np.int64)
    for row in range(n):
        slot = np.int64(hashes[row] >> np.uint64(20)) & (size - 1)
        while slots[slot] >= 0:
            slot = (slot + 1) & (size - 1)
        slots[slot] = row
    return slots


@numba.njit(cache=True, nogil=True)
def hash_bytes(data, at, end):  # type: ignore[no-untyped-def]
    value = np.uint64(end - at)
    while at < end:
        value = (value ^ np.uint64(data[at])) * _MIX
        at += 1
    value = (value ^ (value >> np.uint64(32))) * _MIX_B
    return value ^ (value >> np.uint64(29))


@numba.njit(cache=True, nogil=True)
def same_bytes(data, at, end, kept, start, stop):  # type: ignore[no-untyped-def]
    if end - at != stop - start:
        return False
    for i in range(end - at):  # noqa: SIM110
        if data[at + i] != kept[start + i]:
            return False
    return True
