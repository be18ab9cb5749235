"""Arrow string columns as NumPy views for compiled kernels, and back.

A view copies nothing: `data[offsets[i]:offsets[i + 1]]` are the UTF-8 bytes of row i, also in a slice with an offset.
Nulls read as empty.
"""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa

Bytes = npt.NDArray[np.uint8]
Offsets = npt.NDArray[np.int64]


def string_view(column: pa.Array) -> tuple[Bytes, Offsets]:
    """(data uint8[m], offsets int64[n + 1]) of a string, large_string, binary or large_binary array of n rows."""
    if column.type not in (pa.large_string(), pa.large_binary()):
        column = column.cast(pa.large_binary() if pa.types.is_binary(column.type) else pa.large_string())
    if column.null_count:
        column = column.fill_null(b"" if column.type == pa.large_binary() else "")
    _, offsets, data = column.buffers()
    n = len(column)
    if n == 0 or offsets is None:
        return np.zeros(0, np.uint8), np.zeros(n + 1, np.int64)
    starts = np.frombuffer(offsets, np.int64, count=n + 1, offset=8 * column.offset)
    # NumPy refuses a view of a zero-length buffer, so give an empty array instead.
    return (np.frombuffer(data, np.uint8) if data is not None and data.size else np.zeros(0, np.uint8)), starts


def string_column(data: Bytes, offsets: Offsets) -> pa.Array:
    """The large_string array with row i = `data[offsets[i]:offsets[i + 1]]`; the bytes must be valid UTF-8."""
    return pa.LargeStringArray.from_buffers(
        len(offsets) - 1, pa.py_buffer(np.ascontiguousarray(offsets)), pa.py_buffer(np.ascontiguousarray(data))
    )


def fixed_view(column: pa.Array) -> npt.NDArray[np.uint8]:
    """uint8[n, width] of a fixed-size binary array without nulls."""
    width = column.type.byte_width
    return np.frombuffer(column.buffers()[1], np.uint8, count=len(column) * width, offset=column.offset * width).reshape(len(column), width)


def fixed_column(values: npt.NDArray[np.uint8]) -> pa.Array:
    """The fixed-size binary array of the rows of uint8[n, width]."""
    n, width = values.shape
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(width), n, [None, pa.py_buffer(np.ascontiguousarray(values))])


def take_rows(table: pa.Table, order: npt.NDArray[np.int64]) -> pa.Table:
    """The table's rows in this order, each column in one chunk. Arrow's own `take` needs eight bytes for each value of a list."""
    columns = [_take_lists(column, order) if pa.types.is_large_list(column.type) else column.take(order) for column in table.columns]
    return pa.Table.from_arrays(columns, schema=table.schema).combine_chunks()


def _take_lists(column: pa.ChunkedArray, order: npt.NDArray[np.int64]) -> pa.Array:
    lists = column.combine_chunks()
    lists = lists.chunk(0) if isinstance(lists, pa.ChunkedArray) else lists
    if lists.null_count or not pa.types.is_primitive(lists.type.value_type):
        return lists.take(pa.array(order))
    values, bounds = lists.values.to_numpy(), lists.offsets.to_numpy()
    ends = np.zeros(len(order) + 1, np.int64)
    np.cumsum(np.diff(bounds)[order], out=ends[1:])
    taken = np.empty(ends[-1], values.dtype)
    _copy_lists(values, bounds, order, ends, taken)
    return pa.LargeListArray.from_arrays(pa.array(ends), pa.array(taken), type=lists.type)


@numba.njit(cache=True, nogil=True)
def _copy_lists(values, bounds, order, ends, out):  # type: ignore[no-untyped-def]
    for i in range(len(order)):
        out[ends[i] : ends[i + 1]] = values[bounds[order[i]] : bounds[order[i] + 1]]
