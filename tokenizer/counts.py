"""Text columns -> how often each pre-token occurs: all that training needs to see of a corpus.

Counting is a map-reduce: counts of parts, from any number of workers, add up to the counts of the whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import numba
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tokenizer.classes import code_classes
from tokenizer.memory import kernel
from tokenizer.patterns import Scanner
from tokenizer.scan import part_end, pretoken_end, text_view

COUNTS: Final = pa.schema([pa.field("pretoken", pa.large_binary(), nullable=False), pa.field("count", pa.uint64(), nullable=False)])
BYTES_PER_ROW: Final = 32
"""What a pre-token costs besides its bytes: count, offset, and its share of the table."""

_MIX: Final = np.uint64(0x9E3779B97F4A7C15)
_MIX_B: Final = np.uint64(0xC2B2AE3D27D4EB4F)
_ROW_MASK: Final = np.uint64(0xFFFFFFFF)
_TAG_MASK: Final = np.uint64(0xFFFFFFFF00000000)


class PretokenCounter:
    """Counts that grow: memory follows the distinct pre-tokens seen, not the text."""

    def __init__(self) -> None:
        # Per slot of the table the upper half of a hash and the number of a row, from 1; per row its count and where its bytes end.
        self._slots = np.zeros(1 << 12, np.uint64)
        self._numbers = np.zeros(1 << 11, np.uint64)
        self._bounds = np.zeros((1 << 11) + 1, np.int64)
        self._kept = np.zeros(1 << 14, np.uint8)
        self._n = 0

    @property
    def nbytes(self) -> int:
        """About what the counter holds in memory, in bytes."""
        return int(self._bounds[self._n]) + BYTES_PER_ROW * self._n

    def add_text(self, text: pa.Array, scanner: Scanner) -> None:
        """Count the pre-tokens of a string column."""
        data, offsets = text_view(text)
        row, at, part, missing = 0, offsets[0], offsets[0], 0
        while row < len(offsets) - 1:
            row, at, part, missing, self._n = _count_text(
                *(self._slots, self._numbers, self._bounds, self._kept, self._n),
                *(data, offsets, row, at, part, scanner.kind, scanner.max_digits, scanner.split_digits, code_classes()),
            )
            self._make_room(missing)

    def add_counts(self, counts: pa.RecordBatch) -> None:
        """Add COUNTS made elsewhere."""
        data, offsets = text_view(counts.column("pretoken"))
        numbers = counts.column("count").to_numpy(zero_copy_only=False).astype(np.uint64)
        row, missing = 0, 0
        while row < len(numbers):
            row, missing, self._n = _add_counts(self._slots, self._numbers, self._bounds, self._kept, self._n, data, offsets, row, numbers)
            self._make_room(missing)

    def counts(self) -> pa.RecordBatch:
        """COUNTS so far, in the order of the pre-tokens' bytes, so that no order of arrival shows."""
        n = self._n
        offsets, data = pa.py_buffer(self._bounds[: n + 1]), pa.py_buffer(self._kept[: self._bounds[n]])
        pretokens = pa.LargeBinaryArray.from_buffers(pa.large_binary(), n, [None, offsets, data])
        batch = pa.RecordBatch.from_arrays([pretokens, pa.array(self._numbers[:n])], schema=COUNTS)
        return batch.take(pc.sort_indices(pretokens))  # a copy: what is counted on later does not change it

    def _make_room(self, n_bytes: int) -> None:
        """Let there be room for one more row of so many bytes; an array that grows is moved by the system, not copied."""
        needed = int(self._bounds[self._n]) + n_bytes
        if needed > len(self._kept):
            self._kept.resize(max(needed, len(self._kept) * 5 // 4), refcheck=False)
        if self._n == len(self._numbers):
            self._numbers.resize(self._n * 5 // 4, refcheck=False)
            self._bounds.resize(len(self._numbers) + 1, refcheck=False)
        if 4 * (self._n + 1) > 3 * len(self._slots):
            size, self._slots = 2 * len(self._slots), np.zeros(0, np.uint64)
            self._slots = _table(self._bounds, self._kept, self._n, size)


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


def ranges(counts: pa.RecordBatch, n_ranges: int) -> pa.Array:
    """uint32 per row of COUNTS: which of so many parts its pre-token belongs to, the same wherever it was counted."""
    data, offsets = text_view(counts.column("pretoken"))
    found = np.zeros(counts.num_rows, np.uint32)
    _ranges(data, offsets, np.uint64(n_ranges), found)
    return pa.array(found)


def most_frequent(parts: Sequence[pa.RecordBatch], most_bytes: int) -> pa.RecordBatch:
    """COUNTS of all parts, which have no pre-token in common, in the order of the bytes.

    Where they would take more than most_bytes (as `PretokenCounter.nbytes` counts), those below the lowest count with which they fit
    are left out.
    """
    sizes: dict[int, int] = {}
    for part in parts:
        costs = pc.binary_length(part.column("pretoken")).to_numpy() + BYTES_PER_ROW
        numbers, places = np.unique(part.column("count").to_numpy(), return_inverse=True)
        for number, cost in zip(numbers.tolist(), np.bincount(places, costs).tolist(), strict=True):
            sizes[number] = sizes.get(number, 0) + int(cost)
    held, least = 0, 1
    for number in sorted(sizes, reverse=True):
        held += sizes[number]
        if held > most_bytes:
            least = number + 1
            break
    kept = [part.filter(pc.greater_equal(part.column("count"), least)) for part in parts]
    table = pa.Table.from_batches(kept, COUNTS).combine_chunks()
    batches = table.take(pc.sort_indices(table.column("pretoken"))).combine_chunks().to_batches()
    return batches[0] if batches else pa.RecordBatch.from_pylist([], COUNTS)


@kernel
def _count_text(slots, numbers, bounds, kept, n, data, offsets, row, at, part, kind, max_digits, split_digits, classes):  # type: ignore[no-untyped-def]
    """Count on from byte `at` of a row. Returns where it stopped (row, byte, end of its part, bytes without room) and the rows so far."""
    while row < len(offsets) - 1:
        stop = offsets[row + 1]
        while at < stop:
            if at == part:
                part = part_end(data, at, stop, split_digits, classes)
            end = pretoken_end(data, at, part, kind, max_digits, classes)
            n, has_room = _add(slots, numbers, bounds, kept, n, data, at, end, np.uint64(1))
            if not has_room:
                return row, at, part, end - at, n
            at = end
        row += 1
        at = part = stop
    return row, at, part, 0, n


@kernel
def _add_counts(slots, numbers, bounds, kept, n, data, offsets, row, added):  # type: ignore[no-untyped-def]
    while row < len(added):
        n, has_room = _add(slots, numbers, bounds, kept, n, data, offsets[row], offsets[row + 1], added[row])
        if not has_room:
            return row, offsets[row + 1] - offsets[row], n
        row += 1
    return row, 0, n


@kernel
def _add(slots, numbers, bounds, kept, n, data, at, end, number):  # type: ignore[no-untyped-def]
    """(rows, whether there was room for it)."""
    key = hash_bytes(data, at, end)
    slot = np.int64(key >> np.uint64(20)) & (len(slots) - 1)
    while slots[slot] != 0:
        found = slots[slot]
        row = np.int64(found & _ROW_MASK) - 1
        if (found ^ key) & _TAG_MASK == 0 and same_bytes(data, at, end, kept, bounds[row], bounds[row + 1]):
            numbers[row] += number
            return n, True
        slot = (slot + 1) & (len(slots) - 1)
    start = bounds[n]
    if n == len(numbers) or start + end - at > len(kept) or 4 * (n + 1) > 3 * len(slots):
        return n, False
    for i in range(end - at):
        kept[start + i] = data[at + i]
    bounds[n + 1] = start + end - at
    numbers[n] = number
    slots[slot] = (key & _TAG_MASK) | np.uint64(n + 1)
    return n + 1, True


@numba.njit(cache=True, nogil=True)
def _table(bounds, kept, n, size):  # type: ignore[no-untyped-def]
    slots = np.zeros(size, np.uint64)
    for row in range(n):
        key = hash_bytes(kept, bounds[row], bounds[row + 1])
        slot = np.int64(key >> np.uint64(20)) & (size - 1)
        while slots[slot] != 0:
            slot = (slot + 1) & (size - 1)
        slots[slot] = (key & _TAG_MASK) | np.uint64(row + 1)
    return slots


@kernel
def _ranges(data, offsets, n_ranges, found):  # type: ignore[no-untyped-def]
    for row in range(len(found)):
        found[row] = (hash_bytes(data, offsets[row], offsets[row + 1]) >> np.uint64(32)) * n_ranges >> np.uint64(32)


@kernel
def hash_bytes(data, at, end):  # type: ignore[no-untyped-def]
    value = np.uint64(end - at)
    while at < end:
        value = (value ^ np.uint64(data[at])) * _MIX
        at += 1
    value = (value ^ (value >> np.uint64(32))) * _MIX_B
    return value ^ (value >> np.uint64(29))


@kernel
def same_bytes(data, at, end, kept, start, stop):  # type: ignore[no-untyped-def]
    if end - at != stop - start:
        return False
    for i in range(end - at):  # noqa: SIM110
        if data[at + i] != kept[start + i]:
            return False
    return True
