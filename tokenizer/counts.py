"""Text columns -> how often each pre-token occurs: all that training needs to see of a corpus.

Counting is a map-reduce: counts of parts, from any number of workers, add up to the counts of the whole.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numba
import numpy as np
import pyarrow as pa

from tokenizer.classes import code_classes
from tokenizer.patterns import Scanner
from tokenizer.scan import part_end, pretoken_end, text_view

COUNTS: Final = pa.schema([pa.field("pretoken", pa.large_binary(), nullable=False), pa.field("count", pa.uint64(), nullable=False)])
MAX_PRETOKEN_BYTES: Final = 4096
"""Longer pre-tokens are counted in pieces of this size: a line of a megabyte without a space must not slow every merge."""

_MIX: Final = np.uint64(0x9E3779B97F4A7C15)
_MIX_B: Final = np.uint64(0xC2B2AE3D27D4EB4F)
_FIRST_SLOTS: Final = 1 << 12


def count_pretokens(text: pa.Array, scanner: Scanner) -> pa.RecordBatch:
    """COUNTS of a string column, in the order of first occurrence."""
    data, offsets = text_view(text)
    kept, bounds, counts = _count(
        data, offsets, scanner.kind, scanner.max_digits, scanner.split_digits, code_classes(), MAX_PRETOKEN_BYTES, _FIRST_SLOTS
    )
    pretokens = pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(counts), [None, pa.py_buffer(bounds), pa.py_buffer(kept)])
    return pa.RecordBatch.from_arrays([pretokens, pa.array(counts)], schema=COUNTS)


def merge_counts(batches: Iterable[pa.RecordBatch]) -> pa.RecordBatch:
    """COUNTS of all batches together, in the order of the pre-tokens' bytes, so that no order of arrival shows."""
    table = pa.Table.from_batches(list(batches), COUNTS)
    merged = table.group_by("pretoken").aggregate([("count", "sum")]).sort_by("pretoken").combine_chunks()
    columns = [merged.column("pretoken"), merged.column("count_sum").cast(pa.uint64())]
    return pa.RecordBatch.from_arrays(
        [column.chunk(0) if column.num_chunks else pa.array([], column.type) for column in columns], schema=COUNTS
    )


@numba.njit(cache=True, nogil=True)
def _count(data, offsets, kind, max_digits, split_digits, classes, most_bytes, n_slots):  # type: ignore[no-untyped-def]
    slots = np.full(n_slots, -1, np.int64)
    hashes = np.empty(n_slots, np.uint64)
    counts = np.zeros(n_slots, np.uint64)
    bounds = np.zeros(n_slots + 1, np.int64)
    kept = np.empty(16 * n_slots, np.uint8)
    n = 0
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
            key = hash_bytes(data, at, end)
            slot = np.int64(key >> np.uint64(20)) & (len(slots) - 1)
            while slots[slot] >= 0:
                index = slots[slot]
                if hashes[index] == key and same_bytes(data, at, end, kept, bounds[index], bounds[index + 1]):
                    break
                slot = (slot + 1) & (len(slots) - 1)
            if slots[slot] < 0:
                while bounds[n] + end - at > len(kept):
                    kept = np.append(kept, np.empty_like(kept))
                for i in range(end - at):
                    kept[bounds[n] + i] = data[at + i]
                bounds[n + 1] = bounds[n] + end - at
                hashes[n] = key
                slots[slot] = n
                n += 1
                if 2 * n > len(slots):
                    slots = _larger(slots, hashes, n)
                if n == len(counts):
                    counts = np.append(counts, np.zeros_like(counts))
                    hashes = np.append(hashes, np.zeros_like(hashes))
                    bounds = np.append(bounds, np.zeros(len(bounds), np.int64))
                counts[n - 1] = 1
            else:
                counts[slots[slot]] += np.uint64(1)
            at = end
    return kept[: bounds[n]].copy(), bounds[: n + 1].copy(), counts[:n].copy()


@numba.njit(cache=True, nogil=True)
def _larger(slots, hashes, n):  # type: ignore[no-untyped-def]
    larger = np.full(2 * len(slots), -1, np.int64)
    for index in range(n):
        slot = np.int64(hashes[index] >> np.uint64(20)) & (len(larger) - 1)
        while larger[slot] >= 0:
            slot = (slot + 1) & (len(larger) - 1)
        larger[slot] = index
    return larger


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
