"""Which range of an exchange a row goes to."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.dedup.minhash import UInt64s

_SPREAD: Final = np.uint64(0x9E3779B97F4A7C15)  # Fibonacci hashing: the high bits of at * _SPREAD are well mixed


def places_spread(column: pa.Array) -> UInt64s:
    """uint64[n]: places, well mixed."""
    return column.to_numpy() * _SPREAD


def ranged(batch: pa.RecordBatch, ranges: npt.NDArray[np.uint32]) -> pa.RecordBatch:
    """The batch with the column that an exchange asks for."""
    return batch.append_column("range", pa.array(ranges, pa.uint32()))


def by_segment(rows: pa.RecordBatch) -> pa.RecordBatch:
    """Rows with a place, ranged by the segment that holds the document."""
    return rows.append_column("range", pc.shift_right(rows.column("at"), pa.scalar(32, pa.uint64())).cast(pa.uint32()))
