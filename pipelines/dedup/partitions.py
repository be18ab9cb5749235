"""Which partition of a shuffle a row goes to."""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa

from pipelines.dedup.arrays import UInt64s
from pipelines.dedup.row_refs import segment_of
from pipelines.engine.shuffle import partition_of, with_partition

_SPREAD: Final = np.uint64(0x9E3779B97F4A7C15)  # Fibonacci hashing: the high bits of ref * _SPREAD are well mixed


def spread_refs(refs: pa.Array) -> UInt64s:
    """uint64[n]: well-mixed keys of row references, one to one."""
    return refs.to_numpy() * _SPREAD


def partition_by_segment(rows: pa.RecordBatch) -> pa.RecordBatch:
    """Rows with a column `row_ref`, partitioned by the segment that holds the document."""
    return with_partition(rows, segment_of(rows.column("row_ref").to_numpy()).astype(np.uint32))


def partition_by_key(rows: pa.RecordBatch, column: str, n_partitions: int) -> pa.RecordBatch:
    """Rows partitioned by a uint64 column whose values are well mixed."""
    return with_partition(rows, partition_of(rows.column(column).to_numpy(), n_partitions))


def partition_by_row_ref(rows: pa.RecordBatch, refs: pa.Array, n_partitions: int) -> pa.RecordBatch:
    """Rows partitioned by a uint64 row reference for each."""
    return with_partition(rows, partition_of(spread_refs(refs), n_partitions))
