"""Text columns -> how often each pre-token occurs. Training needs nothing else of a corpus.

Counting is a map-reduce: the counts of parts, from any number of workers, add up to the counts of the whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schemas.buffers import Bytes, Offsets
from tokenizer.memory import kernel
from tokenizer.patterns import Scanner
from tokenizer.scan import CompiledScanner, compiled_scanner, part_end, pretoken_end, readonly_view

COUNTS: Final = pa.schema([pa.field("pretoken", pa.large_binary(), nullable=False), pa.field("count", pa.uint64(), nullable=False)])
BYTES_PER_ROW: Final = 32
"""Bytes that a pre-token needs in addition to its own: count, offset, and its share of the table."""

_MIX: Final = np.uint64(0x9E3779B97F4A7C15)
_MIX_B: Final = np.uint64(0xC2B2AE3D27D4EB4F)
_ROW_MASK: Final = np.uint64(0xFFFFFFFF)
_TAG_MASK: Final = np.uint64(0xFFFFFFFF00000000)


class _CountTable(NamedTuple):
    """Pre-tokens with their counts and an open-addressing table over them."""

    slots: npt.NDArray[np.uint64]
    """The upper half of a hash, and in the lower half the number of a row, from 1; 0 for a free slot."""
    counts: npt.NDArray[np.uint64]
    bounds: Offsets
    """Row i has the bytes data[bounds[i]:bounds[i + 1]]."""
    data: Bytes


N_ROWS, ROW, AT, PART, MISSING = range(5)
"""Where a kernel stopped and will continue, int64[5]: rows of the table so far; the input's row; the byte in it; the end of the part that
the digit splitter made; and the bytes of the pre-token that did not fit in the table."""


class PretokenCounter:
    """Counts that grow: memory depends on the distinct pre-tokens seen, not on the text."""

    def __init__(self) -> None:
        self._slots = np.zeros(1 << 12, np.uint64)
        self._counts = np.zeros(1 << 11, np.uint64)
        self._bounds = np.zeros((1 << 11) + 1, np.int64)
        self._data = np.zeros(1 << 14, np.uint8)
        self._n = 0

    @property
    def nbytes(self) -> int:
        """Approximate size of the counter in memory, in bytes."""
        return int(self._bounds[self._n]) + BYTES_PER_ROW * self._n

    def add_text(self, text: pa.Array, scanner: Scanner) -> None:
        """Count the pre-tokens of a string column."""
        data, offsets = readonly_view(text)
        resume = np.array([self._n, 0, offsets[0], offsets[0], 0], np.int64)
        while resume[ROW] < len(offsets) - 1:
            _count_text(self._table(), data, offsets, compiled_scanner(scanner), resume)
            self._make_room(resume)

    def add_counts(self, counts: pa.RecordBatch) -> None:
        """Add COUNTS made elsewhere."""
        data, offsets = readonly_view(counts.column("pretoken"))
        added = counts.column("count").to_numpy(zero_copy_only=False).astype(np.uint64)
        resume = np.array([self._n, 0, 0, 0, 0], np.int64)
        while resume[ROW] < len(added):
            _add_counts(self._table(), data, offsets, added, resume)
            self._make_room(resume)

    def counts(self) -> pa.RecordBatch:
        """COUNTS so far, in the order of the pre-tokens' bytes, whatever the order of arrival."""
        n = self._n
        offsets, data = pa.py_buffer(self._bounds[: n + 1]), pa.py_buffer(self._data[: self._bounds[n]])
        pretokens = pa.LargeBinaryArray.from_buffers(pa.large_binary(), n, [None, offsets, data])
        batch = pa.RecordBatch.from_arrays([pretokens, pa.array(self._counts[:n])], schema=COUNTS)
        return batch.take(pc.sort_indices(pretokens))  # a copy: later counting does not change it

    def _table(self) -> _CountTable:
        return _CountTable(self._slots, self._counts, self._bounds, self._data)

    def _make_room(self, resume: Offsets) -> None:
        """Make room for one more row of the missing bytes; the system moves an array that grows instead of copying it."""
        self._n = int(resume[N_ROWS])
        needed = int(self._bounds[self._n]) + int(resume[MISSING])
        if needed > len(self._data):
            self._data.resize(max(needed, len(self._data) * 5 // 4), refcheck=False)
        if self._n == len(self._counts):
            self._counts.resize(self._n * 5 // 4, refcheck=False)
            self._bounds.resize(len(self._counts) + 1, refcheck=False)
        if 4 * (self._n + 1) > 3 * len(self._slots):
            size, self._slots = 2 * len(self._slots), np.zeros(0, np.uint64)
            self._slots = _hash_slots(self._bounds, self._data, self._n, size)


def count_pretokens(text: pa.Array, scanner: Scanner) -> pa.RecordBatch:
    """COUNTS of a string column."""
    counter = PretokenCounter()
    counter.add_text(text, scanner)
    return counter.counts()


def merge_pretoken_counts(batches: Iterable[pa.RecordBatch]) -> pa.RecordBatch:
    """COUNTS of all batches together."""
    counter = PretokenCounter()
    for batch in batches:
        counter.add_counts(batch)
    return counter.counts()


def pretoken_partitions(counts: pa.RecordBatch, n_partitions: int) -> pa.Array:
    """uint32[n]: the partition, of `n_partitions`, of each pre-token of COUNTS; the same for every worker."""
    data, offsets = readonly_view(counts.column("pretoken"))
    found = np.zeros(counts.num_rows, np.uint32)
    _assign_partitions(data, offsets, np.uint64(n_partitions), found)
    return pa.array(found)


def most_frequent_pretokens(parts: Sequence[pa.RecordBatch], most_bytes: int) -> pa.RecordBatch:
    """COUNTS of all parts in byte order; the parts have no pre-token in common.

    If they take more than most_bytes (as `PretokenCounter.nbytes` counts), only pre-tokens with at least the lowest count that fits stay.
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
def _count_text(table: _CountTable, data: Bytes, offsets: Offsets, scanner: CompiledScanner, resume: Offsets) -> None:
    """Continue counting at `resume` until all rows are counted or the table is full; then set `resume` to the position."""
    n, row, at, part = resume[N_ROWS], resume[ROW], resume[AT], resume[PART]
    missing = np.int64(0)
    while row < len(offsets) - 1 and missing == 0:
        stop = offsets[row + 1]
        while at < stop:
            if at == part:
                part = part_end(data, at, stop, scanner)
            end = pretoken_end(data, at, part, scanner)
            n, has_room = _add(table, n, data, at, end, np.uint64(1))
            if not has_room:
                missing = end - at
                break
            at = end
        if missing == 0:
            row += 1
            at = part = stop
    resume[N_ROWS], resume[ROW], resume[AT], resume[PART], resume[MISSING] = n, row, at, part, missing


@kernel
def _add_counts(table: _CountTable, data: Bytes, offsets: Offsets, added: npt.NDArray[np.uint64], resume: Offsets) -> None:
    """Add counts from the row in `resume` on until all are added or the table is full; then set `resume` to the position."""
    n, row = resume[N_ROWS], resume[ROW]
    has_room = True
    while row < len(added) and has_room:
        n, has_room = _add(table, n, data, offsets[row], offsets[row + 1], added[row])
        row += has_room
    resume[N_ROWS], resume[ROW] = n, row
    resume[MISSING] = 0 if has_room else offsets[row + 1] - offsets[row]


@kernel
def _add(table: _CountTable, n: int, data: Bytes, at: int, end: int, number: int) -> tuple[int, bool]:
    """Add `number` to the count of data[at:end]; returns (rows of the table, whether the pre-token fitted)."""
    slots, counts, bounds, kept = table
    key = hash_span(data, at, end)
    slot = np.int64(key >> np.uint64(20)) & (len(slots) - 1)
    while slots[slot] != 0:
        found = slots[slot]
        row = np.int64(found & _ROW_MASK) - 1
        if (found ^ key) & _TAG_MASK == 0 and same_bytes(data, at, end, kept, bounds[row], bounds[row + 1]):
            counts[row] += number
            return n, True
        slot = (slot + 1) & (len(slots) - 1)
    start = bounds[n]
    if n == len(counts) or start + end - at > len(kept) or 4 * (n + 1) > 3 * len(slots):
        return n, False
    for i in range(end - at):
        kept[start + i] = data[at + i]
    bounds[n + 1] = start + end - at
    counts[n] = number
    slots[slot] = (key & _TAG_MASK) | np.uint64(n + 1)
    return n + 1, True


@numba.njit(cache=True, nogil=True)
def _hash_slots(bounds: Offsets, data: Bytes, n: int, size: int) -> npt.NDArray[np.uint64]:
    """`_CountTable.slots` of n rows, in an array of this size."""
    slots = np.zeros(size, np.uint64)
    for row in range(n):
        key = hash_span(data, bounds[row], bounds[row + 1])
        slot = np.int64(key >> np.uint64(20)) & (size - 1)
        while slots[slot] != 0:
            slot = (slot + 1) & (size - 1)
        slots[slot] = (key & _TAG_MASK) | np.uint64(row + 1)
    return slots


@kernel
def _assign_partitions(data: Bytes, offsets: Offsets, n_partitions: int, found: npt.NDArray[np.uint32]) -> None:
    for row in range(len(found)):
        found[row] = (hash_span(data, offsets[row], offsets[row + 1]) >> np.uint64(32)) * n_partitions >> np.uint64(32)


@kernel
def hash_span(data: Bytes, at: int, end: int) -> np.uint64:
    """A 64-bit hash of data[at:end]."""
    value = np.uint64(end - at)
    while at < end:
        value = (value ^ np.uint64(data[at])) * _MIX
        at += 1
    value = (value ^ (value >> np.uint64(32))) * _MIX_B
    return value ^ (value >> np.uint64(29))


@kernel
def same_bytes(data: Bytes, at: int, end: int, kept: Bytes, start: int, stop: int) -> bool:
    """Whether data[at:end] equals kept[start:stop]."""
    if end - at != stop - start:
        return False
    for i in range(end - at):  # noqa: SIM110
        if data[at + i] != kept[start + i]:
            return False
    return True
