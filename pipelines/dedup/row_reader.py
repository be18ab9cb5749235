"""Reading rows of memory-mapped segment files by row reference (`row_refs.py`)."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.dedup.arrays import Int64s, UInt64s
from pipelines.dedup.row_refs import row_of, segment_of
from schemas.buffers import Bytes, Offsets

Number = TypeVar("Number", bound=np.generic)


class RowReader:
    """Reads rows of segment files by row reference. It reads only the rows asked for and keeps nothing mapped between calls."""

    def __init__(self, segments: Sequence[str]) -> None:
        self.segments = tuple(segments)

    def first_rows(self) -> UInt64s:
        """uint64[segments + 1]: the number of documents before each segment, and of all documents."""
        return np.cumsum([0, *(file_layout(path).starts[-1] for path in self.segments)]).astype(np.uint64)

    def take(self, refs: UInt64s, columns: Sequence[str]) -> pa.RecordBatch:
        """Some columns, which must be free of nulls, of the documents at `refs`: at least one, ascending."""
        found = [_read_rows(path, rows, columns) for path, rows in self._by_segment(refs)]
        return pa.Table.from_batches(found).combine_chunks().to_batches()[0]

    def sizes(self, refs: UInt64s, column: str) -> Int64s:
        """int64[n]: bytes of the values of a string column at ascending `refs`."""
        found = [_read_sizes(path, rows, column) for path, rows in self._by_segment(refs)]
        return np.concatenate(found) if found else np.zeros(0, np.int64)

    def _by_segment(self, refs: UInt64s) -> Iterator[tuple[str, Int64s]]:
        """(path, rows) of each segment that ascending `refs` point into."""
        segments, rows = segment_of(refs), row_of(refs)
        for segment in sorted_unique(segments).tolist():
            low, high = np.searchsorted(segments, [segment, segment + 1])
            yield self.segments[segment], rows[low:high]


def sorted_unique(numbers: npt.NDArray[Number]) -> npt.NDArray[Number]:
    """The distinct values, ascending. np.unique hashes them first, which takes 80 times as long for a million."""
    ascending = np.sort(numbers)
    fresh = np.ones(len(ascending), bool)
    fresh[1:] = ascending[1:] != ascending[:-1]
    return ascending[fresh]


class FileLayout(NamedTuple):
    """Where the columns of an Arrow file lie."""

    starts: Int64s
    """int64[batches + 1]: the first row of each batch, and the number of rows."""
    types: dict[str, pa.DataType]
    begins: dict[str, Int64s]
    """By column, int64[batches, 2]: the byte of the file where its offsets begin, and the byte where its values begin."""


def file_layout(path: str) -> FileLayout:
    """The layout of an uncompressed file, cached until the file changes.

    It lets rows be copied straight out of the mapped file. Arrow would set up all columns of every batch for each call, which is slow where
    a call reads a few rows each of many batches.
    """
    state = Path(path).stat()
    return _layout(path, state.st_size, state.st_mtime_ns)


@functools.lru_cache(maxsize=100_000)
def _layout(path: str, n_bytes: int, changed_ns: int) -> FileLayout:
    with pa.memory_map(path) as file:
        base = file.read_buffer().address
        reader = pa.ipc.open_file(file)
        batches = [reader.get_batch(index) for index in range(reader.num_record_batches)]
        begins = {
            name: np.array([_begins(batch.column(name).buffers(), base) for batch in batches], np.int64).reshape(-1, 2)
            for name in reader.schema.names
        }
        starts = np.cumsum([0, *(batch.num_rows for batch in batches)])
        return FileLayout(starts, {field.name: field.type for field in reader.schema}, begins)


def _begins(buffers: list[pa.Buffer | None], base: int) -> tuple[int, int]:
    offsets, values = buffers[1], buffers[-1]
    return offsets.address - base if offsets is not None else 0, values.address - base if values is not None else 0


def _read_rows(path: str, rows: Int64s, columns: Sequence[str]) -> pa.RecordBatch:
    """Some columns of some rows of a file."""
    layout = file_layout(path)
    batch = np.searchsorted(layout.starts, rows, side="right") - 1
    rows = rows - layout.starts[batch]
    with pa.memory_map(path) as mapped:
        file = np.frombuffer(mapped.read_buffer(), np.uint8)
        arrays = [_column(file, layout.begins[name][batch], rows, layout.types[name]) for name in columns]
    return pa.RecordBatch.from_arrays(arrays, names=list(columns))


def _read_sizes(path: str, rows: Int64s, column: str) -> Int64s:
    layout = file_layout(path)
    batch = np.searchsorted(layout.starts, rows, side="right") - 1
    with pa.memory_map(path) as mapped:
        words = np.frombuffer(mapped.read_buffer(), np.int64, mapped.size() // 8)
        at = layout.begins[column][batch, 0] // 8 + rows - layout.starts[batch]
        return words[at + 1] - words[at]


def _column(file: Bytes, begins: Int64s, rows: Int64s, kind: pa.DataType) -> pa.Array:
    offsets_at, values_at = np.ascontiguousarray(begins.T)
    if kind == pa.large_string():
        data, offsets = _rows_of_any_length(file, offsets_at, values_at, rows, 1)
        return pa.Array.from_buffers(kind, len(rows), [None, pa.py_buffer(offsets), pa.py_buffer(data)])
    if pa.types.is_large_list(kind):
        data, offsets = _rows_of_any_length(file, offsets_at, values_at, rows, kind.value_type.byte_width)
        values = pa.Array.from_buffers(kind.value_type, offsets[-1], [None, pa.py_buffer(data)])
        return pa.Array.from_buffers(kind, len(rows), [None, pa.py_buffer(offsets)], children=[values])
    if pa.types.is_fixed_size_list(kind):
        data = pa.py_buffer(_rows_of_one_length(file, values_at, rows, kind.list_size * kind.value_type.byte_width))
        values = pa.Array.from_buffers(kind.value_type, len(rows) * kind.list_size, [None, data])
        return pa.Array.from_buffers(kind, len(rows), [None], children=[values])
    return pa.Array.from_buffers(kind, len(rows), [None, pa.py_buffer(_rows_of_one_length(file, values_at, rows, kind.byte_width))])


@numba.njit(cache=True, nogil=True)
def _rows_of_one_length(file: Bytes, values_at: Int64s, rows: Int64s, width: int) -> Bytes:
    out = np.empty(len(rows) * width, np.uint8)
    for i in range(len(rows)):
        at = values_at[i] + rows[i] * width
        out[i * width : (i + 1) * width] = file[at : at + width]
    return out


@numba.njit(cache=True, nogil=True)
def _rows_of_any_length(file: Bytes, offsets_at: Int64s, values_at: Int64s, rows: Int64s, width: int) -> tuple[Bytes, Offsets]:
    words = file[: len(file) // 8 * 8].view(np.int64)
    offsets = np.zeros(len(rows) + 1, np.int64)
    for i in range(len(rows)):
        row = offsets_at[i] // 8 + rows[i]
        offsets[i + 1] = offsets[i] + words[row + 1] - words[row]
    out = np.empty(offsets[-1] * width, np.uint8)
    for i in range(len(rows)):
        at = values_at[i] + words[offsets_at[i] // 8 + rows[i]] * width
        out[offsets[i] * width : offsets[i + 1] * width] = file[at : at + (offsets[i + 1] - offsets[i]) * width]
    return out, offsets
